"""Whether failing records of one kind are a change, or what a healthy pipeline has: against the windows before.

Three tests share a budget of one false incident in 1,000 healthy windows of a pipeline: half of it is for the first, a
quarter for each of the others.

*The window alone*: the probability of so many failing records in a healthy window, from a beta-binomial whose mean and
spread are learnt from the windows before. Its part is split evenly over the causes that could be tested. Where truths
arrive late it is spent by how much of the window is judged: half for the whole, less for the parts before (K. Lan and
D. DeMets, 1983, "Discrete sequential boundaries for clinical trials"). Looks at the same part see nearly the same
records and count as one.

*The last part of the window*, for what began inside a window too wide to show it: `core/detection/recent_change.py`.

*A run of windows up to this one*, for changes that are too small for one window: the likelihood of the run's count if a
fault strikes some share of the records, over its likelihood in healthy windows. Such a ratio is an e-value; the sum
over the windows in which the run may have begun is an e-detector (Shiryaev-Roberts): in healthy windows it reaches c on
average at most once in c windows, however often one looks. Split over causes by asking for c times their number.

Sources: J. Shin, A. Ramdas, A. Rinaldo (2023), "E-detectors: a nonparametric framework for sequential change
detection", theorem 2.4; M. Pollak (1985), "Optimal detection of a change in distribution". Beta-binomial by moments:
J. Kleinman (1973), "Proportions with extraneous variance". Departures: few run lengths are tried, not all, and a run's
windows are pooled to their sum; both only lose evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.detection.beta_binomial import log_beta_binomial
from seamwatch.vocabulary import Responsibility

Floats = NDArray[np.float64]
CauseKey = tuple[Responsibility, str | None]
"""Who and where: the causes whose rates are told apart."""

Mark = tuple[frozenset[str], str | None]
"""What a cause damaged, fields and pattern: tells two incidents at one place apart."""
NO_MARK: Mark = (frozenset(), None)

FALSE_INCIDENTS = 0.001
"""False incidents per healthy window of a pipeline, all causes together (DESIGN.md section 7: one in 1,000)."""
ALONE_SHARE, RECENT_SHARE, RUN_SHARE = 0.5, 0.25, 0.25
"""What each of the three tests may use of that."""
SEAM_SLACK = 8.0
"""For every cause but the model, how many times its part of the budget a window alone may seem to use. The bounds are
loose there: few whole records, looks that mostly agree, and a doubt about the rate that a healthy pipeline does not
share. Healthy windows drawn by chance (`tests/support/healthy_windows.py`) are still called an incident less often than
the budget allows."""
SEAM_SLACK_RECENT = 4.0
"""The same for the last part of a window; less, since hours may differ."""
SPENT_BY_PART = ((0.95, 0.5), (0.75, 0.25), (0.5, 0.125), (0.0, 0.125))
"""From which share of judged records on, how much of the budget a look may use; the parts add up to one."""
MIN_RECORDS = 3
"""Fewer failing records than this are never an incident: one mislabelled ticket is not a regression."""
RUN_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
"""Lengths of the runs that are tried, in windows; the longest is a day of a window every 15 minutes."""
STRUCK_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Shares of the records that a fault may strike, equally likely beforehand."""
SPREADS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1)
"""How much healthy windows may differ beyond chance, as the correlation of two records of one window."""
SPREAD_PRIOR = tuple(0.03**k for k in range(len(SPREADS)))
"""Each is taken to be far less likely than the one before: it takes about fifteen windows of 400 records that do differ
to believe in a spread of 0.01; without a history, windows are taken to differ by chance alone."""
RECOVERED_ODDS = 20.0
"""The windows since are so much likelier healthy than struck: the run is over, whatever it had shown."""
HISTORY_WINDOWS = 500
"""Windows before that are learnt from."""
_LEAST_SPREAD = 1e-7


@dataclass(frozen=True, kw_only=True)
class WindowCount:
    """What an earlier window had."""

    start: datetime
    end: datetime
    n_judged: int
    counts: Mapping[CauseKey, int] = field(default_factory=dict)
    """Failing records by cause; a cause that is missing had none."""
    changes: Mapping[CauseKey, Mark] = field(default_factory=dict)
    """Causes that were an incident then, and what was damaged.

    Nothing healthy is learnt of a window with an incident: one cause hides records of the others.
    """
    judged_by_part: tuple[int, ...] = ()
    """Judged records in each of equal spans of the window, in order of time; empty where it was not kept."""
    counts_by_part: Mapping[CauseKey, tuple[int, ...]] = field(default_factory=dict)
    """Failing records by cause in each of them; a cause that is missing had none; empty where it was not kept."""

    def had_other(self, key: CauseKey, mark: Mark) -> bool:
        """Return whether another damage at the same place was an incident then; unknown damage counts as the same."""
        then = self.changes.get(key)
        if then is None or NO_MARK in (then, mark):
            return False
        fields, pattern = mark
        return then[1] != pattern or (bool(fields or then[0]) and fields.isdisjoint(then[0]))


@dataclass(frozen=True, kw_only=True)
class Series:
    """One cause over the windows before and this one, oldest first, this one last."""

    failing: Floats
    judged: Floats
    is_healthy: NDArray[np.bool_]
    """Whether the window may teach what is healthy; the last value is not used."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What a healthy window loses, before the windows before are looked at."""

    rate: float
    records: float
    """How many judged records of history weigh as much as this."""
    least: float = 0.0
    """The learnt rate is never lower."""
    run_records: float | None = None
    """The same where runs are judged, if less: what windows keep on having is then believed sooner."""

    @property
    def of_runs(self) -> Prior:
        """Return what is known beforehand where runs of windows are judged."""
        return self if self.run_records is None else replace(self, records=self.run_records)


@dataclass(frozen=True, kw_only=True)
class HealthyRate:
    """What healthy windows lose: a mixture of beta-binomials, one for each spread; all arrays of that length."""

    weight: Floats
    mean: Floats
    spread: Floats
    records: Floats
    """Effective number of judged records that the mean rests on."""

    @property
    def expected(self) -> float:
        """Return the mean share of a healthy window."""
        return float(self.weight @ self.mean)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Over how many tests the chance of a false incident is spread."""

    n_candidates: int = 1
    """Causes that could be tested in this pipeline."""
    share_judged: float | None = None
    """Share of the window's records that this look sees judged; None where truths come with the records."""

    @property
    def p_alone(self) -> float:
        """Return the p-value under which one cause of one window is a change at this look."""
        return self._at_this_look * ALONE_SHARE * FALSE_INCIDENTS / self.n_candidates

    @property
    def p_recent(self) -> float:
        """Return the p-value under which one cause is a change since a moment inside the window."""
        return self._at_this_look * RECENT_SHARE * FALSE_INCIDENTS / self.n_candidates

    @property
    def e_run(self) -> float:
        """Return the e-value from which on a run of windows is a change."""
        return self.n_candidates / (RUN_SHARE * FALSE_INCIDENTS)

    @property
    def _at_this_look(self) -> float:
        judged = self.share_judged
        return 1.0 if judged is None else next(spent for least, spent in SPENT_BY_PART if judged >= least)


@dataclass(frozen=True, kw_only=True)
class Recent:
    """The last part of a window that is least like those of healthy windows."""

    n_parts: int
    """How many of the window's equal spans it holds."""
    n_records: int
    """Failing records in it."""
    expected: float
    """Failing records that it has in a healthy window."""
    p_value: float
    """Probability of so many in healthy windows, times how many last parts are tried (C. Bonferroni, 1936)."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """How far the count of one cause is from a healthy one."""

    p_value: float
    """Probability of so many failing records in a healthy window like this one."""
    e_value: float
    """The e-detector: how much likelier the runs are under a fault; 0.0 where the run is over."""
    expected: float
    """Share that a healthy window loses."""
    n_run: int
    """Failing records of that run."""
    recent: Recent | None = None
    """Of the window's last parts; None where they are not known."""

    def is_change(self, n_records: int, budget: Budget, *, slack: float = 1.0) -> bool:
        """Return whether any of the tests uses up its part of the budget.

        Args:
            n_records: Failing records of this window.
            budget: Of the window.
            slack: How many times its part of the budget a window alone may seem to use; its last part does not use
                more than `SEAM_SLACK_RECENT`.
        """
        return self.is_shown_by_windows(n_records, budget, slack=slack) or self.is_shown_by_last_part(budget, slack)

    def is_shown_by_windows(self, n_records: int, budget: Budget, *, slack: float = 1.0) -> bool:
        """Return whether the window as a whole is a change, or the run up to it; arguments as `is_change`."""
        alone = n_records >= MIN_RECORDS and self.p_value < slack * budget.p_alone
        return alone or (self.n_run >= MIN_RECORDS and self.e_value >= budget.e_run)

    def is_shown_by_last_part(self, budget: Budget, slack: float) -> bool:
        """Return whether the window is a change since a moment inside it; arguments as `is_change`."""
        recent, allowed = self.recent, min(slack, SEAM_SLACK_RECENT) * budget.p_recent
        return recent is not None and recent.n_records >= MIN_RECORDS and recent.p_value < allowed


def read_history(rows: pd.DataFrame) -> tuple[WindowCount, ...]:
    """Return windows before, oldest first; of windows that overlap, only the newest: a record is counted once.

    Args:
        rows: `window_start`, `window_end`, `n_judged`, `judged_by_part`, `responsibility`, `stage`, `n_records`,
            `by_part`, `is_change`, `fields`, `pattern`; several rows a window, one with nulls where a window had no
            failing record.
    """
    windows: list[WindowCount] = []
    for _, group in rows.groupby(["window_end", "window_start"], sort=True):
        window = _read_window(group)
        while windows and windows[-1].end > window.start:
            windows.pop()
        windows.append(window)
    return tuple(windows)


def _read_window(rows: pd.DataFrame) -> WindowCount:
    first = rows.iloc[0]
    counts: dict[CauseKey, int] = {}
    by_part: dict[CauseKey, tuple[int, ...]] = {}
    changes: dict[CauseKey, Mark] = {}
    for row in rows[rows["responsibility"].notna().to_numpy()].to_dict("records"):
        key = (Responsibility(row["responsibility"]), row["stage"] if isinstance(row["stage"], str) else None)
        counts[key] = counts.get(key, 0) + int(row["n_records"])
        by_part[key] = _parts(row.get("by_part"))
        if row["is_change"]:
            pattern = row["pattern"] if isinstance(row["pattern"], str) else None
            changes[key] = (frozenset(row["fields"] or ()), pattern)
    return WindowCount(
        start=pd.Timestamp(first["window_start"]).to_pydatetime(),
        end=pd.Timestamp(first["window_end"]).to_pydatetime(),
        n_judged=int(first["n_judged"]),
        counts=counts,
        changes=changes,
        judged_by_part=_parts(first.get("judged_by_part")),
        counts_by_part=by_part,
    )


def _parts(value: object) -> tuple[int, ...]:
    """Return the counts of a window's spans; none where an older version did not keep them."""
    return tuple(int(n) for n in value) if isinstance(value, list) else ()


def series_of(
    keys: Collection[CauseKey],
    history: Sequence[WindowCount],
    *,
    n_records: int,
    n_judged: int,
    mark: Mark = NO_MARK,
) -> Series:
    """Return the counts of causes taken together, over the windows before and this one.

    A window in which another damage at the same place was an incident says nothing of this one, and is left out.
    """
    past = [w for w in history if w.n_judged and not any(w.had_other(key, mark) for key in keys)]
    return Series(
        failing=np.array([*(sum(w.counts.get(key, 0) for key in keys) for w in past), n_records], dtype=float),
        judged=np.array([*(w.n_judged for w in past), n_judged], dtype=float),
        is_healthy=np.array([*(not w.changes for w in past), True]),
    )


def healthy_rate(series: Series, prior: Prior) -> HealthyRate:
    """Return what healthy windows lose, as it was known before the last window of the series."""
    return _healthy_before(series, prior, len(series.judged) - 1)


def weigh(series: Series, prior: Prior) -> Evidence:
    """Return how far the last window's count, and that of the runs up to it, is from a healthy one."""
    last = len(series.judged) - 1
    healthy = healthy_rate(series, prior)
    n, total = series.failing[last], series.judged[last:]
    p_value = tail_probability(healthy, float(n), total) if total.sum() else 1.0
    # A change has a before: a run needs as many healthy windows before it as it has itself.
    ratios = {
        length: _run_ratio(series, prior.of_runs, last + 1 - length)
        for length in RUN_LENGTHS
        if length == 1 or (length <= last and series.is_healthy[: last + 1 - length].sum() >= length)
    }
    best = max(ratios, key=lambda length: ratios[length])
    e_value = sum(ratios.values())
    if _is_over(series, last + 1 - best, _healthy_before(series, prior, last + 1 - best).expected):
        e_value = 0.0
    return Evidence(
        p_value=p_value,
        e_value=e_value,
        expected=healthy.expected,
        n_run=int(series.failing[last + 1 - best :].sum()),
    )


def fit_healthy(failing: Floats, judged: Floats, prior: Prior) -> HealthyRate:
    """Return what healthy windows lose, learnt from some of them (empirical Bayes).

    For each spread the mean is that of the prior's records and the windows', a window counted by what its records are
    worth when they are correlated; the spreads are weighed by how likely they make the windows.
    """
    spread = np.maximum(np.array(SPREADS), _LEAST_SPREAD)
    worth = judged / (1.0 + np.maximum(judged - 1.0, 0.0) * spread[:, None])
    records = prior.records + worth.sum(axis=1)
    share = np.divide(failing, judged, out=np.zeros_like(failing), where=judged > 0)
    mean = np.clip((prior.rate * prior.records + (worth * share).sum(axis=1)) / records, 1e-6, 1.0 - 1e-6)
    # At the least rate windows without any failing record would look like windows that differ.
    fit = log_beta_binomial(failing, judged, mean[:, None], spread[:, None]).sum(axis=1)
    mean = np.maximum(mean, prior.least)
    log_weight = np.log(SPREAD_PRIOR) + fit
    weight = np.exp(log_weight - log_weight.max())
    return HealthyRate(weight=weight / weight.sum(), mean=mean, spread=spread, records=records)


def tail_probability(rate: HealthyRate, count: float, totals: Floats) -> float:
    """Return the probability of at least `count` failing records in healthy windows of these sizes."""
    total = float(totals.sum())
    spread = _pooled_spread(rate, totals)
    deviation = np.sqrt(total * rate.mean * (1 - rate.mean) * (1 + (total - 1) * spread)).max()
    most = min(total, max(count, total * rate.mean.max()) + 100 + 40 * deviation)
    counts = np.arange(count, np.floor(most) + 1)
    each = np.exp(log_beta_binomial(counts, total, rate.mean[:, None], spread[:, None])).sum(axis=1)
    return float(min(1.0, rate.weight @ each)) if count > 0 else 1.0


def fault_ratio(rate: HealthyRate, count: float, totals: Floats) -> float:
    """Return how much likelier the count is if a fault strikes some share of the records than in healthy windows."""
    total, spread = float(totals.sum()), _pooled_spread(rate, totals)
    struck = np.array(STRUCK_SHARES)
    raised = rate.mean[:, None] + struck * (1 - rate.mean[:, None])
    log_struck = log_beta_binomial(count, total, raised, spread[:, None])
    log_healthy = log_beta_binomial(count, total, rate.mean, spread)
    log_weight = np.log(np.maximum(rate.weight, 1e-300))
    top = np.logaddexp.reduce((log_struck + log_weight[:, None]).ravel()) - np.log(len(struck))
    return float(np.exp(min(top - np.logaddexp.reduce(log_healthy + log_weight), 700.0)))


def _pooled_spread(rate: HealthyRate, totals: Floats) -> Floats:
    """Return the spread of the sum over windows: that within each, and the doubt about their common mean."""
    total = float(totals.sum())
    within = (totals * (1 + (totals - 1) * rate.spread[:, None])).sum(axis=1) / total
    spread = (within - 1) / max(total - 1, 1.0) + 1 / (rate.records + 1)
    return np.asarray(np.clip(spread, _LEAST_SPREAD, 0.5), dtype=float)


def _healthy_before(series: Series, prior: Prior, first: int) -> HealthyRate:
    known = series.is_healthy[:first]
    return fit_healthy(series.failing[:first][known], series.judged[:first][known], prior)


def _run_ratio(series: Series, prior: Prior, first: int) -> float:
    judged = series.judged[first:]
    if not judged.sum():
        return 0.0
    return fault_ratio(_healthy_before(series, prior, first), float(series.failing[first:].sum()), judged)


def _is_over(series: Series, first: int, healthy_rate: float) -> bool:
    """Return whether the last windows of a run are healthy again: a fault that was repaired is no change now."""
    failing, judged = series.failing[first:], series.judged[first:]
    rate = min(max(healthy_rate, 1e-6), 1 - 1e-6)
    for cut in range(1, len(judged)):
        before, since, n = judged[:cut].sum(), judged[cut:].sum(), failing[cut:].sum()
        struck = min(float(failing[:cut].sum() / before), 1 - 1e-6) if before else 0.0
        if struck <= rate or not since:
            continue
        odds = n * np.log(rate / struck) + (since - n) * np.log((1 - rate) / (1 - struck))
        if odds > np.log(RECOVERED_ODDS):
            return True
    return False
