"""The model on its benchmark set today against its baseline on the same inputs: worse, changed, unstable or as before.

Four findings, in this order:

- *degraded*: more inputs turned from right to wrong than the other way, overall or in a segment (exact paired test).
- *changed*: the model's name differs, or today's answers differ from the recorded ones more often than two answers to
  the same input do on one day, though they need not be worse.
- *unstable*: the same input gets different answers on one day.
- *as_before*: none of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from seamwatch.core.detection.rates import holm, worse_p_value
from seamwatch.core.results import SegmentScore
from seamwatch.vocabulary import BenchmarkStanding

SIGNIFICANT = 0.01
"""p below which a difference from the baseline is called one."""
LEAST_UNSTABLE = 2
"""Inputs answered differently on one day from which on a model is called unstable; one may be a hiccup."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """What became of one benchmark input."""

    key: str
    is_right: bool | None
    """None: no answer came."""
    answer: str | None
    """Hash of the compared fields of the final payload."""
    again: str | None = None
    """The same of a second answer to the same request; None: it was asked once."""
    model: str | None = None
    """The model's name, as the answer gave it."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Today against the baseline, on the inputs that both have."""

    n_paired: int
    n_better: int
    n_worse: int
    p_paired: float
    """Exact one-sided p of getting worse."""
    n_changed_answers: int
    n_repeated: int
    """Inputs asked twice on one day, then or today."""
    n_unstable: int
    """Those of them with two different answers."""
    p_changed: float
    """Fisher's exact one-sided p of answers that differ from the recorded ones more than from each other."""
    model_before: str | None
    model_now: str | None
    segments: tuple[SegmentScore, ...]

    @property
    def model_changed(self) -> bool | None:
        """Return whether the answers name another model; None where either names none."""
        if self.model_before is None or self.model_now is None:
            return None
        return self.model_before != self.model_now

    @property
    def standing(self) -> BenchmarkStanding:
        """Return what the comparison says."""
        if self.p_paired < SIGNIFICANT or any(one.p_worse < SIGNIFICANT for one in self.segments):
            return BenchmarkStanding.DEGRADED
        if self.model_changed or self.p_changed < SIGNIFICANT:
            return BenchmarkStanding.CHANGED
        return BenchmarkStanding.UNSTABLE if self.n_unstable >= LEAST_UNSTABLE else BenchmarkStanding.AS_BEFORE


def compare_results(
    today: Sequence[BenchmarkResult],
    baseline: Sequence[BenchmarkResult],
    segments: Mapping[str, Mapping[str, str]],
) -> Comparison | None:
    """Return today's results against the baseline's; None if they have no judged input in common.

    Args:
        today: Results of this window.
        baseline: Results that were accepted.
        segments: By segment, the value of each input by its key.
    """
    before = {one.key: one for one in baseline}
    pairs = [(before[now.key], now) for now in today if now.key in before]
    judged = [(old, now) for old, now in pairs if old.is_right is not None and now.is_right is not None]
    if not judged:
        return None
    answered = [(old, now) for old, now in pairs if old.answer is not None and now.answer is not None]
    twice = [one for one in (*today, *baseline) if one.answer is not None and one.again is not None]
    n_changed = sum(old.answer != now.answer for old, now in answered)
    n_unstable = sum(one.answer != one.again for one in twice)
    n_worse, n_better = _worse_better(judged)
    return Comparison(
        n_paired=len(judged),
        n_better=n_better,
        n_worse=n_worse,
        p_paired=worse_p_value(n_worse, n_better),
        n_changed_answers=n_changed,
        n_repeated=len(twice),
        n_unstable=n_unstable,
        p_changed=_p_changed(n_changed, len(answered), n_unstable, len(twice)),
        model_before=_name(old for old, _ in pairs),
        model_now=_name(now for _, now in pairs),
        segments=_segment_scores(judged, segments),
    )


def _worse_better(pairs: Sequence[tuple[BenchmarkResult, BenchmarkResult]]) -> tuple[int, int]:
    worse = sum(bool(old.is_right and not now.is_right) for old, now in pairs)
    better = sum(bool(now.is_right and not old.is_right) for old, now in pairs)
    return worse, better


def _p_changed(n_changed: int, n_answered: int, n_unstable: int, n_repeated: int) -> float:
    """Return Fisher's p; 1.0 where no input was asked twice: then a change cannot be told from chance."""
    if not n_repeated:
        return 1.0
    table = [[n_changed, n_answered - n_changed], [n_unstable, n_repeated - n_unstable]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def _name(results: Iterable[BenchmarkResult]) -> str | None:
    names = Counter(one.model for one in results if one.model is not None)
    return names.most_common(1)[0][0] if names else None


def _segment_scores(
    pairs: Sequence[tuple[BenchmarkResult, BenchmarkResult]], segments: Mapping[str, Mapping[str, str]]
) -> tuple[SegmentScore, ...]:
    groups = {
        (segment, value): [(old, now) for old, now in pairs if values.get(old.key) == value]
        for segment, values in segments.items()
        for value in sorted(set(values.values()))
    }
    known = {place: group for place, group in groups.items() if group}
    counts = {place: _worse_better(group) for place, group in known.items()}
    adjusted = holm([worse_p_value(*count) for count in counts.values()])
    scores = [
        SegmentScore(
            segment=segment,
            value=value,
            n=len(group),
            n_right=sum(bool(now.is_right) for _, now in group),
            n_right_before=sum(bool(old.is_right) for old, _ in group),
            n_worse=counts[segment, value][0],
            n_better=counts[segment, value][1],
            p_worse=p_value,
        )
        for ((segment, value), group), p_value in zip(known.items(), adjusted, strict=True)
    ]
    return tuple(sorted(scores, key=lambda score: (score.p_worse, score.segment, score.value)))
