"""A cause of a window as a finding: how many records, which fields, what damage, how sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from seamwatch.core.detection.rates import jeffreys_mean, wilson_interval
from seamwatch.core.detection.window_change import CauseKey
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Basis

_FIELD_SHARE = 0.1
"""A field that fewer of a cause's records name is not told in the headline."""


def make_finding(
    key: CauseKey, group: Sequence[Verdict], weight: float, n_failing: int, rate: RateComparison
) -> Finding:
    """Return a cause from the verdicts that it has a part in; those that name it tell its fields and pattern."""
    responsibility, stage = key
    named = [v for v in group if (v.responsibility, v.stage) == key]
    low, high = _share_interval(key, group, weight, n_failing)
    fields = leading_fields(named) if named else ()
    pattern = leading([verdict.pattern for verdict in named]) if named else None
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
        is_part_damaged=bool(leading([verdict.is_part_damaged for verdict in alike])) if alike else False,
        gap=leading([verdict.gap for verdict in reporting]),
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


def leading_fields(group: Sequence[Verdict]) -> tuple[str, ...]:
    """Return the fields that enough of the records name, those of most records first."""
    counts = Counter(name for verdict in group for name in verdict.fields)
    return tuple(name for name, count in counts.most_common() if count >= _FIELD_SHARE * len(group))


def leading(values: Sequence[Any]) -> Any:
    """Return the value of more than half of the records, or None."""
    value, count = Counter(values).most_common(1)[0]
    return value if count * 2 > len(values) else None
