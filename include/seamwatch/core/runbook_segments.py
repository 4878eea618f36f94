"""In which segments the affected records of an incident lie more often than the others do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seamwatch.core.detection.rates import holm, rarer_p_value

SIGNIFICANT = 0.01
"""p below which a value of a segment is named, adjusted for all values of all segments (Holm)."""
_MOST_VALUES = 50
"""Of a segment, those with most affected records; beyond that it is content, not a segment."""

Counts = Mapping[str, Mapping[str, int]]
"""By segment, by value, the number of records; records whose value is not known are left out."""


@dataclass(frozen=True, kw_only=True)
class Concentration:
    """A value of a segment that affected records have more often than the others."""

    segment: str
    """`stage.field`, as the pipeline file has it."""
    value: str
    n_affected: int
    """Affected records with the value, of `affected` whose value is known."""
    affected: int
    n_others: int
    """Other records with the value, of `others` whose value is known."""
    others: int
    p_value: float
    """Fisher's exact one-sided p, adjusted."""


@dataclass(frozen=True, kw_only=True)
class SegmentComparison:
    """What segments tell of the affected records."""

    concentrated: tuple[Concentration, ...]
    """The surest first."""
    even: tuple[str, ...]
    """Segments in which a value could have stood out, and none does."""
    untold: tuple[str, ...]
    """Segments of which too few values are known for any to stand out."""


def compare_segments(affected: Counts, others: Counts) -> SegmentComparison:
    """Return which values of which segments affected records have more often than other ones.

    Args:
        affected: Records of the cause.
        others: All other records whose outcome is known.

    A value is named where Fisher's exact test (R. A. Fisher, 1935), one-sided and adjusted for all values, says so, and
    where its share is larger. A segment is called even only if the test could have named one of its values.
    """
    tested = [
        (segment, value)
        for segment in affected
        for value in sorted(affected[segment], key=lambda one: (-affected[segment][one], one))[:_MOST_VALUES]
    ]
    known = {segment: (sum(affected[segment].values()), sum(others.get(segment, {}).values())) for segment in affected}
    p_values: list[float] = []
    least: dict[str, float] = {}
    for segment, value in tested:
        n_affected, n_others = affected[segment][value], others.get(segment, {}).get(value, 0)
        all_affected, all_others = known[segment]
        p_values.append(rarer_p_value(n_others, all_others, n_affected, all_affected))
        most = min(n_affected + n_others, all_affected)
        best = rarer_p_value(n_affected + n_others - most, all_others, most, all_affected)
        least[segment] = min(least.get(segment, 1.0), best * len(tested))
    found = [
        Concentration(
            segment=segment,
            value=value,
            n_affected=affected[segment][value],
            affected=known[segment][0],
            n_others=others.get(segment, {}).get(value, 0),
            others=known[segment][1],
            p_value=p_value,
        )
        for (segment, value), p_value in zip(tested, holm(p_values), strict=True)
        if p_value < SIGNIFICANT
    ]
    named = {one.segment for one in found}
    even = tuple(one for one in affected if one not in named and least.get(one, 1.0) < SIGNIFICANT)
    return SegmentComparison(
        concentrated=tuple(sorted(found, key=lambda one: (one.p_value, one.segment, one.value))),
        even=even,
        untold=tuple(one for one in affected if one not in named and one not in even),
    )
