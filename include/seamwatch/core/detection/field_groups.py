"""Which damaged fields belong together: those of one fault are damaged in the same records, more often than by chance.

Two rules of one table may break at the same time, each for a reason of its own; then some records lack both, as many as
chance has it. The measure is H: how much of the way the overlap of two fields is from what chance makes it (0) to one
lying within the other (1). From 0.5 on they are of one fault, if no chance has so many in common: a fault that strikes
nearly every record has nearly all of another one's. Where few records tell, fields are of one fault if they are damaged
in the same ones.

Source: J. Loevinger (1948), "The technic of homogeneous tests compared with some aspects of scale analysis and factor
analysis"; 0.5 is where R. Mokken (1971) calls a scale strong.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from seamwatch.core.detection.binomial import probability_of_overlap

_TOGETHER = 0.5
_BY_CHANCE = 0.05
"""Two faults share more records than this probability allows in one of so many windows."""
_SAME = 0.9
"""So many of the records of either are in both: the same ones."""


@dataclass(frozen=True, kw_only=True)
class FieldGroup:
    """Fields that are damaged together."""

    fields: tuple[str, ...]
    """That of most records first."""
    keys: frozenset[str]
    """Records in which any of them is."""


def group_fields(keys_by_field: Mapping[str, Collection[str]], *, n_records: int) -> tuple[FieldGroup, ...]:
    """Return the groups of fields, that of most records first.

    Args:
        keys_by_field: By field, the records in which it is damaged; fields without any are left out.
        n_records: All records that were looked at.
    """
    known = {name: frozenset(keys) for name, keys in keys_by_field.items() if keys}
    names = sorted(known, key=lambda name: (-len(known[name]), name))
    groups: list[list[str]] = []
    for name in names:
        near = [one for one in groups if any(_are_together(known[name], known[other], n_records) for other in one)]
        joined = [each for one in near for each in one]
        groups = [one for one in groups if one not in near] + [[*joined, name]]
    made = (FieldGroup(fields=_ordered(one, names), keys=frozenset().union(*(known[n] for n in one))) for one in groups)
    return tuple(sorted(made, key=lambda one: (-len(one.keys), one.fields)))


def _ordered(group: Collection[str], names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in group)


def _are_together(one: frozenset[str], other: frozenset[str], n_records: int) -> bool:
    least, most = sorted((len(one), len(other)))
    n_common, n_records = len(one & other), max(n_records, len(one | other))
    by_chance, overlap = most / n_records, n_common / least
    # One that is in every record tells nothing of what is beside it.
    if by_chance == 1.0:
        return overlap >= 1.0
    if (overlap - by_chance) / (1.0 - by_chance) < _TOGETHER:
        return False
    is_same = n_common >= _SAME * len(one | other)
    return is_same or probability_of_overlap(n_common, least, most, n_records) <= _BY_CHANCE
