"""From record verdicts to the causes of a window, and whether each is a change or the healthy base rate."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd

from seamwatch.core.detection.onset import PastWindow, find_onset, past_windows
from seamwatch.core.detection.rates import jeffreys_mean, wilson_bounds, wilson_interval
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
from seamwatch.vocabulary import Basis, Responsibility

STRAY_RATE = 0.002
"""Share of records that a healthy pipeline loses to causes other than the model; the learnt rate is never lower."""
STRAY_RECORDS = 4000.0
"""Judged records of history that weigh as much as `STRAY_RATE`: eight records."""
STRAY_RUN_RECORDS = 1000.0
"""The same where runs of windows are judged: a rate that windows keep on having is soon believed."""
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
_FIELD_SHARE = 0.1
"""A field that fewer of a cause's records name is not told in the headline."""


@dataclass(frozen=True, kw_only=True)
class BaseRates:
    """What share of judged records a healthy window loses to each cause: what is stated, and the windows before."""

    accuracy: float | None = None
    """Accepted accuracy of the model; None if unknown."""
    accuracy_records: float = ACCEPTED_RECORDS
    """Judged records of history that weigh as much as the accepted accuracy."""
    stray: Mapping[CauseKey, float] = field(default_factory=dict)
    """Stated rate of a cause other than the model; default `STRAY_RATE`."""
    history: Sequence[WindowCount] = ()
    """Earlier windows, oldest first, none of which overlaps the one that is judged."""

    def prior(self, responsibility: Responsibility, stage: str | None) -> Prior:
        """Return what is known of a cause without the windows before."""
        if responsibility is not Responsibility.MODEL:
            rate = max(self.stray.get((responsibility, stage), 0.0), STRAY_RATE)
            return Prior(rate=rate, records=STRAY_RECORDS, least=STRAY_RATE, run_records=STRAY_RUN_RECORDS)
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
    missing.
    """
    groups: dict[CauseKey, list[Verdict]] = defaultdict(list)
    weights: dict[CauseKey, dict[str, float]] = defaultdict(dict)
    for verdict in verdicts:
        for key, weight in verdict.weights.items():
            groups[key].append(verdict)
            weights[key][verdict.key] = weight
    # Sums of thirds: ninety records must not count as a hair less than ninety.
    sums = {key: round(sum(of_key.values()), 9) for key, of_key in weights.items()}
    budget = replace(budget, n_candidates=max(budget.n_candidates, len(groups)))
    seen = Seen(
        counts={key: round(weight) for key, weight in sums.items()},
        n_judged=n_judged,
        by_part=None if window is None else _by_part(weights, times, window),
    )
    causes = []
    for key, group in groups.items():
        named = [v for v in group if (v.responsibility, v.stage) == key]
        mark = _mark(named)
        evidence = _weigh(key, seen, base, mark)
        slack = 1.0 if key[0] is Responsibility.MODEL else SEAM_SLACK
        rate = RateComparison(
            is_change=evidence.is_change(seen.counts[key], budget, slack=slack),
            n_expected=evidence.expected * n_judged,
            p_value=evidence.p_value,
            e_value=evidence.e_value,
            n_by_part=() if seen.by_part is None else tuple(map(round, seen.by_part.failing[key])),
        )
        cause = _cause(key, group, sums[key], len(verdicts), rate)
        if rate.is_change:
            is_wide = evidence.is_shown_by_windows(seen.counts[key], budget, slack=slack)
            past = past_windows(key, mark, base.history) if is_wide else []
            cause = _with_onset(cause, rate, named or group, times, past)
            if not is_wide and window is not None and evidence.recent is not None:
                cause = _since(cause, rate, evidence.recent, window)
        causes.append((not rate.is_change, rate.n_expected - cause.n_records, cause.stage or "", cause))
    return tuple(cause for *_, cause in sorted(causes, key=lambda one: one[:3]))


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


def _with_strays(model: Prior) -> Prior:
    """Return what is known of the model's errors and the records that everything else loses, together."""
    return replace(model, rate=min(model.rate + STRAY_RATE, 1.0))


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
    return frozenset(_leading_fields(named)), _leading([verdict.pattern for verdict in named])


@dataclass(frozen=True, kw_only=True)
class ByPart:
    """A window's records in its equal spans."""

    length: timedelta
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


def _by_part(weights: Mapping[CauseKey, Mapping[str, float]], times: pd.Series[Any], window: Window) -> ByPart:
    spans = part_of(times, window.start, window.end)
    return ByPart(
        length=window.end - window.start,
        judged=count_parts(spans),
        failing={key: count_parts(spans, pd.Series(of_key, dtype=float)) for key, of_key in weights.items()},
    )


def _weigh(key: CauseKey, seen: Seen, base: BaseRates, mark: Mark) -> Evidence:
    own = _weigh_together({key}, seen, base, base.prior(*key), mark)
    if key[0] is not Responsibility.UNDETERMINED:
        return own
    known = {*seen.counts, *(each for window in base.history for each in window.counts)}
    models = {each for each in known if each[0] is Responsibility.MODEL}
    joint = _weigh_together({key, *models}, seen, base, _with_strays(base.prior(Responsibility.MODEL, None)), NO_MARK)
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


def _cause(key: CauseKey, group: Sequence[Verdict], weight: float, n_failing: int, rate: RateComparison) -> Finding:
    """Return a cause from the verdicts that it has a part in; those that name it tell its fields and pattern."""
    responsibility, stage = key
    named = [v for v in group if (v.responsibility, v.stage) == key]
    low, high = _share_interval(key, group, weight, n_failing)
    fields = _leading_fields(named) if named else ()
    pattern = _leading([verdict.pattern for verdict in named]) if named else None
    alike = [verdict for verdict in named if verdict.pattern == pattern]
    reporting = named or group
    return Finding(
        responsibility=responsibility,
        stage=stage,
        fields=fields,
        n_records=round(weight),
        is_estimated=any(v.basis is Basis.STRATUM and len(v.parts) > 1 for v in group),
        share=weight / n_failing,
        share_low=low,
        share_high=high,
        confidence=_confidence(reporting),
        kind=pattern,
        kind_fields=tuple(name for name in fields if _has_pattern(name, alike)),
        is_part_damaged=bool(_leading([verdict.is_part_damaged for verdict in alike])) if alike else False,
        gap=_leading([verdict.gap for verdict in reporting]),
        rate=rate,
    )


def _has_pattern(name: str, alike: Sequence[Verdict]) -> bool:
    """Return whether the field has the damage in most of the verdicts of that pattern that name the field."""
    naming = [verdict for verdict in alike if name in verdict.fields]
    return sum(name in verdict.pattern_fields for verdict in naming) * 2 > len(naming)


def _confidence(verdicts: Sequence[Verdict]) -> float:
    """Return how sure it is that the cause is that of its records, from those that show it by themselves.

    How many of the others it explains too is said by the share and its interval.
    """
    own = [verdict for verdict in verdicts if verdict.basis is not Basis.STRATUM] or verdicts
    return sum(verdict.confidence for verdict in own) / len(own)


def _share_interval(key: CauseKey, group: Sequence[Verdict], weight: float, n_failing: int) -> tuple[float, float]:
    """Return the 95 % interval of a cause's share of the failing records; wider where only a sample was replayed.

    The variance that each stratum's sample adds is turned into the number of records whose verdicts would leave the
    same doubt (L. Kish, 1965, "Survey Sampling", section 8.2: the effective sample size).
    """
    strata = Counter((v.parts, v.n_like) for v in group if v.basis is Basis.STRATUM)
    share, sampled, likely_share = weight / n_failing, 0.0, weight / n_failing
    for (parts, n_like), n in strata.items():
        part = sum(one.share for one in parts if (one.responsibility, one.stage) == key)
        # A sample of one kind alone is no proof that all are: half a record more on either side.
        likely = jeffreys_mean(part * n_like, n_like)
        likely_share += (likely - part) * n / n_failing
        sampled += (n / n_failing) ** 2 * likely * (1.0 - likely) / n_like
    n_worth = n_failing
    if sampled:
        own = likely_share * (1.0 - likely_share)
        n_worth = max(1, round(own / (own / n_failing + sampled)))
    return wilson_interval(min(round(share * n_worth), n_worth), n_worth) or (0.0, 1.0)


def _leading_fields(group: Sequence[Verdict]) -> tuple[str, ...]:
    counts = Counter(name for verdict in group for name in verdict.fields)
    return tuple(name for name, count in counts.most_common() if count >= _FIELD_SHARE * len(group))


def _leading(values: Sequence[Any]) -> Any:
    """Return the value of more than half of the records, or None."""
    value, count = Counter(values).most_common(1)[0]
    return value if count * 2 > len(values) else None


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
