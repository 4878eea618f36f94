"""From record verdicts to the causes of a window, and whether each is a change or the healthy base rate."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd

from seamwatch.core.attribution.cause_findings import leading, leading_fields, make_finding
from seamwatch.core.detection.onset import PastWindow, find_onset, past_windows
from seamwatch.core.detection.rates import wilson_bounds
from seamwatch.core.detection.recent_change import (
    LAST_PARTS,
    N_PARTS,
    Parts,
    count_parts,
    part_of,
    start_of_last,
    weigh_window,
)
from seamwatch.core.detection.window_change import (
    NO_MARK,
    RECOVERED_ODDS,
    SEAM_SLACK,
    Budget,
    CauseKey,
    Evidence,
    Mark,
    Prior,
    Recent,
    WindowCount,
)
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.results import Verdict, Window
from seamwatch.vocabulary import Basis, Gap, Responsibility

STRAY_RATE = 0.002
"""Share of records that a healthy pipeline loses to each cause other than the model, before there is a history."""
STRAY_LEAST = 0.0005
"""The learnt rate is never lower: no number of windows without any such record makes the first three an incident."""
STRAY_RECORDS = 4000.0
"""Judged records of history that weigh as much as `STRAY_RATE`: eight records."""
STRAY_RUN_RECORDS = 1000.0
"""The same where runs of windows are judged: a rate that windows keep on having is soon believed."""
USUALLY_WRONG_LABELS = 0.03
"""Share of labels that may be doubted in a healthy window: audits of ten label sets found 3.3 % wrong on average.

Source: C. Northcutt, A. Athalye, J. Mueller (2021), "Pervasive label errors in test sets destabilize machine learning
benchmarks"."""
ACCEPTED_RECORDS = 4000.0
"""Judged records of history that weigh as much as an accepted baseline that a person wrote down."""
ASSUMED_ACCURACY = 0.9
"""Accuracy of the model where neither a baseline nor a history is known; the report says that it is assumed."""
ASSUMED_RECORDS = 100.0
"""Judged records of history that weigh as much as the assumed accuracy: a window or two."""
_LINGERING_WINDOWS = 8
"""An incident that no window showed for so long is over, whatever the counts say."""
_STILL_RAISED = 0.01
"""A cause of which healthy windows have so many records less often than this is not over, though it opens nothing."""
_OVER_ODDS = 1000.0
"""A fault that is still there is called over by chance in fewer than one of so many windows (J. Ville, 1939)."""
_STRUCK_CONFIDENCE = 0.8
"""Of the interval of the share that a fault strikes, at whose lower end it has to be called over."""
_LEAST_RATE = 1e-4


@dataclass(frozen=True, kw_only=True)
class BaseRates:
    """What share of judged records a healthy window loses to each cause: what is stated, and the windows before."""

    accuracy: float | None = None
    """Accepted accuracy of the model; None if unknown."""
    accuracy_records: float = ACCEPTED_RECORDS
    """Judged records of history that weigh as much as the accepted accuracy."""
    stray: Mapping[CauseKey, float] = field(default_factory=dict)
    """Stated rate of a cause other than the model; default `STRAY_RATE`."""
    doubted_labels: float = 0.0
    """Share of the window's labels that are doubted, as far as so many usually are: they blame nobody."""
    history: Sequence[WindowCount] = ()
    """Earlier windows, oldest first, none of which overlaps the one that is judged."""

    def prior(self, responsibility: Responsibility, stage: str | None) -> Prior:
        """Return what is known of a cause without the windows before."""
        if responsibility is not Responsibility.MODEL:
            rate = max(self.stray.get((responsibility, stage), 0.0), STRAY_RATE)
            if responsibility is Responsibility.UNDETERMINED:
                rate += self.doubted_labels
            return Prior(rate=rate, records=STRAY_RECORDS, least=STRAY_LEAST, run_records=STRAY_RUN_RECORDS)
        if self.accuracy is None:
            return Prior(rate=1.0 - ASSUMED_ACCURACY, records=ASSUMED_RECORDS)
        return Prior(rate=1.0 - self.accuracy, records=self.accuracy_records)


def find_causes(
    verdicts: Sequence[Verdict],
    times: pd.Series[Any],
    *,
    n_judged: int,
    base: BaseRates,
    budget: Budget = Budget(),  # noqa: B008
    window: Window | None = None,
) -> tuple[Finding, ...]:
    """Return the causes of a window, changes first, then by how many records they explain beyond the expected.

    Args:
        verdicts: One per failing record.
        times: Aware time by record key (as text), for all judged records.
        n_judged: Records whose outcome is right or wrong.
        base: What a healthy window has.
        budget: Over how many tests the chance of a false incident is spread; never over fewer causes than found.
        window: The span of time; without it the window's last parts are not tested.

    Returns:
        Causes whose shares add up to one; empty if nothing failed.

    Undetermined records are a change only if there are more of them than in healthy windows, and the model's errors
    and they together are more than the model's: a healthy model is wrong now and then also where the evidence is
    missing. Labels that are doubted are undetermined too: as many of them as label sets usually have are no change.
    """
    n_doubted = sum(verdict.gap is Gap.TRUTH_SUSPECT for verdict in verdicts)
    base = replace(base, doubted_labels=min(n_doubted / n_judged, USUALLY_WRONG_LABELS) if n_judged else 0.0)
    groups: dict[CauseKey, list[Verdict]] = defaultdict(list)
    weights: dict[CauseKey, dict[str, float]] = defaultdict(dict)
    for verdict in verdicts:
        for key, weight in verdict.weights.items():
            groups[key].append(verdict)
            weights[key][verdict.key] = weight
    budget = replace(budget, n_candidates=max(budget.n_candidates, len(groups)))
    marks = {key: _mark([v for v in group if (v.responsibility, v.stage) == key]) for key, group in groups.items()}
    seen = _seen(verdicts, weights, times, n_judged, window)
    weighed = _weigh_all(verdicts, marks, seen, base, budget)
    causes = []
    for key, group in groups.items():
        named = [v for v in group if (v.responsibility, v.stage) == key]
        evidence, could_show, is_change = weighed[key]
        # Sums of thirds: ninety records must not count as a hair less than ninety.
        n_weighed = round(sum(weights[key].values()), 9)
        rate = RateComparison(
            is_change=is_change,
            n_expected=evidence.expected * could_show.n_judged,
            p_value=evidence.p_value,
            e_value=evidence.e_value,
            n_by_part=_rounded_parts(weights[key], times, window),
        )
        cause = make_finding(key, group, n_weighed, len(verdicts), rate)
        if is_change:
            is_wide = evidence.is_shown_by_windows(seen.counts[key], budget, slack=_slack(key))
            past = past_windows(key, marks[key], base.history) if is_wide else []
            cause = _with_onset(cause, rate, named or group, times, past)
            if not is_wide and window is not None and evidence.recent is not None:
                cause = _since(cause, rate, evidence.recent, window)
        causes.append((not is_change, rate.n_expected - cause.n_records, cause.stage or "", cause))
    return tuple(cause for *_, cause in sorted(causes, key=lambda one: one[:3]))


def _slack(key: CauseKey) -> float:
    return 1.0 if key[0] is Responsibility.MODEL else SEAM_SLACK


def _seen(
    verdicts: Sequence[Verdict],
    weights: Mapping[CauseKey, Mapping[str, float]],
    times: pd.Series[Any],
    n_judged: int,
    window: Window | None,
) -> Seen:
    """Return the records in which each cause was found, as they are tested.

    Where a record took two repairs together, both damages were found in it, and it counts for either as a whole: by
    the halves that its share is told in, ten records of a fault would test as five. A share that a sample estimates,
    or that stands for not knowing which, stays a share.
    """
    is_found = {verdict.key: verdict.basis is not Basis.STRATUM and verdict.gap is None for verdict in verdicts}
    found = {
        key: {record: 1.0 if is_found[record] else weight for record, weight in of_key.items()}
        for key, of_key in weights.items()
    }
    return Seen(
        counts={key: round(round(sum(of_key.values()), 9)) for key, of_key in found.items()},
        n_judged=n_judged,
        by_part=None if window is None else _by_part(found, times, window),
    )


def _weigh_all(
    verdicts: Sequence[Verdict], marks: Mapping[CauseKey, Mark], seen: Seen, base: BaseRates, budget: Budget
) -> dict[CauseKey, tuple[Evidence, Seen, bool]]:
    """Return by cause its evidence, the records it rests on, and whether it is a change.

    A record that was lost, or got no answer, is explained by that fact alone, and whatever else struck it cannot show.
    So a cause that is no change among all records is tested among those that no other change has hidden in this way:
    a healthy one has as many there as anywhere. Where nothing is a change nothing is hidden.
    """
    found = {}
    for key, mark in marks.items():
        evidence = _weigh(key, seen, base, mark)
        found[key] = evidence, seen, evidence.is_change(seen.counts[key], budget, slack=_slack(key))
    changed = {key for key, (*_, is_change) in found.items() if is_change}
    hidden = [v.key for v in verdicts if v.basis is Basis.RULE and (v.responsibility, v.stage) in changed]
    if not hidden:
        return found
    could_show = seen.without(hidden)
    for key in marks.keys() - changed:
        evidence = _weigh(key, could_show, base, marks[key])
        found[key] = evidence, could_show, evidence.is_change(seen.counts[key], budget, slack=_slack(key))
    return found


def is_failing_rate_change(
    n_failing: int, *, n_judged: int, base: BaseRates, budget: Budget, parts: Parts | None = None
) -> bool:
    """Return whether more records fail, of all causes together, than in healthy windows: known before any call.

    Args:
        n_failing: Records whose outcome is wrong.
        n_judged: Records whose outcome is right or wrong.
        base: What a healthy window has.
        budget: Over how many tests the chance of a false incident is spread.
        parts: Failing and judged records of the window's spans; None where they are not known.
    """
    known = {key for window in base.history for key in window.counts}
    prior = _with_strays(base.prior(Responsibility.MODEL, None))
    evidence = weigh_window(known, base.history, n_records=n_failing, n_judged=n_judged, prior=prior, parts=parts)
    return evidence.is_change(n_failing, budget)


def _with_strays(model: Prior, *, doubted_labels: float = 0.0) -> Prior:
    """Return what is known of the model's errors and the records that everything else loses, together."""
    return replace(model, rate=min(model.rate + STRAY_RATE + doubted_labels, 1.0))


def lingering_causes(causes: Sequence[Finding], *, n_judged: int, base: BaseRates) -> tuple[CauseKey, ...]:
    """Return causes of recent incidents that this window does not show as a change and yet cannot call over.

    A fault in two of a hundred records leaves some windows alone, and one that is wider hides it; its incident must not
    close and open with each. It lasts as long as more records fail by it than by chance, and until the windows that do
    not show it are `_OVER_ODDS` times likelier healthy than struck as before.

    Args:
        causes: Of the window, as `find_causes` returned them.
        n_judged: Records whose outcome is right or wrong.
        base: What a healthy window has.
    """
    counts = {(cause.responsibility, cause.stage): cause.n_records for cause in causes}
    shown = {(cause.responsibility, cause.stage) for cause in causes if cause.is_change}
    recent = {key: mark for window in base.history[-_LINGERING_WINDOWS:] for key, mark in window.changes.items()}
    seen = Seen(counts={**dict.fromkeys(recent, 0), **counts}, n_judged=n_judged)
    now = _Shown(n_judged=n_judged, counts=counts, changed=shown)
    found = []
    for key, mark in recent.items():
        if key in shown:
            continue
        evidence = _weigh(key, seen, base, mark)
        is_raised = evidence.p_value < _STILL_RAISED or evidence.e_value >= RECOVERED_ODDS
        if is_raised or not _is_over(key, now, base, healthy=evidence.expected):
            found.append(key)
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What a window showed: its failing records by cause, and the causes that were a change."""

    n_judged: int
    counts: Mapping[CauseKey, int]
    changed: Collection[CauseKey]

    def could_show(self, key: CauseKey) -> int:
        """Return the records that could show a cause: those that another change damaged do not."""
        hidden = sum(self.counts.get(other, 0) for other in self.changed if other != key)
        return max(self.n_judged - hidden, self.counts.get(key, 0))


def _is_over(key: CauseKey, now: _Shown, base: BaseRates, *, healthy: float) -> bool:
    """Return whether the windows since a cause was a change last, this one included, are healthy again."""
    past = [
        _Shown(n_judged=one.n_judged, counts=one.counts, changed=one.changes)
        for one in base.history[-_LINGERING_WINDOWS:]
    ]
    struck_in = [place for place, one in enumerate(past) if key in one.changed]
    first, last = min(struck_in), max(struck_in)
    since = [*past[last + 1 :], now]
    struck = _least_share(key, past[first : last + 1])
    n, total = sum(one.counts.get(key, 0) for one in since), sum(one.could_show(key) for one in since)
    rate = min(max(healthy, _LEAST_RATE), 1.0 - _LEAST_RATE)
    if struck <= rate:
        return True
    log_odds = n * math.log(rate / struck) + (total - n) * math.log((1.0 - rate) / (1.0 - struck))
    return log_odds > math.log(_OVER_ODDS)


def _least_share(key: CauseKey, windows: Sequence[_Shown]) -> float:
    """Return the share that a fault strikes at least, by the windows from its first change to its last.

    Windows that show a change have by chance more of it than the fault strikes on average. So those between count too,
    and the share is the lower end of its interval.
    """
    total = sum(one.could_show(key) for one in windows)
    n = sum(one.counts.get(key, 0) for one in windows)
    return wilson_bounds(n / total, total, confidence=_STRUCK_CONFIDENCE)[0] if total else 0.0


def _mark(named: Sequence[Verdict]) -> Mark:
    """Return what the verdicts that name a cause say was damaged."""
    if not named:
        return NO_MARK
    return frozenset(leading_fields(named)), leading([verdict.pattern for verdict in named])


@dataclass(frozen=True, kw_only=True)
class ByPart:
    """A window's records in its equal spans."""

    length: timedelta
    spans: pd.Series[Any]
    """Span of each judged record whose time is known, by key."""
    judged: tuple[float, ...]
    failing: Mapping[CauseKey, tuple[float, ...]]

    def of(self, keys: Set[CauseKey]) -> Parts:
        """Return the spans with the failing records of some causes together."""
        mine = [self.failing[key] for key in keys if key in self.failing]
        failing = [sum(span) for span in zip(*mine, strict=True)] if mine else [0.0] * N_PARTS
        return Parts(length=self.length, judged=self.judged, failing=failing)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a window has of each cause."""

    counts: Mapping[CauseKey, int]
    n_judged: int
    by_part: ByPart | None = None

    def without(self, hidden: Collection[str]) -> Seen:
        """Return the same with fewer judged records: without those in which no other cause could show."""
        by_part = self.by_part
        if by_part is not None:
            left = by_part.spans[~by_part.spans.index.isin(list(hidden))]
            by_part = replace(by_part, judged=count_parts(left))
        return replace(self, n_judged=self.n_judged - len(hidden), by_part=by_part)


def _by_part(weights: Mapping[CauseKey, Mapping[str, float]], times: pd.Series[Any], window: Window) -> ByPart:
    spans = part_of(times, window.start, window.end)
    return ByPart(
        length=window.end - window.start,
        spans=spans,
        judged=count_parts(spans),
        failing={key: count_parts(spans, pd.Series(of_key, dtype=float)) for key, of_key in weights.items()},
    )


def _rounded_parts(weights: Mapping[str, float], times: pd.Series[Any], window: Window | None) -> tuple[int, ...]:
    """Return a cause's share of the failing records of each span, as later windows learn from it."""
    if window is None:
        return ()
    spans = part_of(times, window.start, window.end)
    return tuple(map(round, count_parts(spans, pd.Series(weights, dtype=float))))


def _weigh(key: CauseKey, seen: Seen, base: BaseRates, mark: Mark) -> Evidence:
    own = _weigh_together({key}, seen, base, base.prior(*key), mark)
    if key[0] is not Responsibility.UNDETERMINED:
        return own
    known = {*seen.counts, *(each for window in base.history for each in window.counts)}
    models = {each for each in known if each[0] is Responsibility.MODEL}
    healthy = _with_strays(base.prior(Responsibility.MODEL, None), doubted_labels=base.doubted_labels)
    joint = _weigh_together({key, *models}, seen, base, healthy, NO_MARK)
    n_model = sum(seen.counts.get(each, 0) for each in models)
    left = joint.expected - n_model / seen.n_judged if seen.n_judged else 0.0
    return replace(
        own,
        p_value=max(own.p_value, joint.p_value),
        e_value=min(own.e_value, joint.e_value),
        expected=max(own.expected, left),
        recent=_less_telling(own.recent, joint.recent),
    )


def _weigh_together(keys: Set[CauseKey], seen: Seen, base: BaseRates, prior: Prior, mark: Mark) -> Evidence:
    return weigh_window(
        keys,
        base.history,
        n_records=sum(seen.counts.get(key, 0) for key in keys),
        n_judged=seen.n_judged,
        prior=prior,
        parts=None if seen.by_part is None else seen.by_part.of(keys),
        mark=mark,
    )


def _less_telling(one: Recent | None, other: Recent | None) -> Recent | None:
    """Return the last part that tells less of a change; None if either tells nothing."""
    return None if one is None or other is None else max(one, other, key=lambda each: each.p_value)


def _since(cause: Finding, rate: RateComparison, recent: Recent, window: Window) -> Finding:
    """Return a cause that only the last part of the window shows as a change, with the onset in or near that part."""
    since = start_of_last(recent.n_parts, window.start, window.end)
    wider = next((n for n in reversed(LAST_PARTS) if n > recent.n_parts), N_PARTS)
    earliest = start_of_last(wider, window.start, window.end)
    is_near = cause.onset is not None and cause.onset >= earliest
    return replace(
        cause,
        rate=replace(
            rate,
            since=since,
            n_since=recent.n_records,
            n_expected_since=recent.expected,
            p_value=recent.p_value,
        ),
        onset=cause.onset if is_near else since,
        onset_low=cause.onset_low if is_near else earliest,
        onset_high=cause.onset_high if is_near else since,
    )


def _with_onset(
    cause: Finding, rate: RateComparison, named: Sequence[Verdict], times: pd.Series[Any], past: Sequence[PastWindow]
) -> Finding:
    known = times.dropna().sort_values(kind="stable")
    healthy = rate.n_expected / len(times) if len(times) else STRAY_RATE
    onset = find_onset(
        known.index.isin({verdict.key for verdict in named}),
        known,
        min(max(healthy, _LEAST_RATE), 1 - _LEAST_RATE),
        past,
    )
    if onset is None:
        return cause
    n_windows = 1 + sum(window.start >= onset.at for window in past)
    return replace(
        cause, onset=onset.at, onset_low=onset.low, onset_high=onset.high, rate=replace(rate, n_windows=n_windows)
    )
