"""Whether what attribution found at one place is one fault, or several that damage other fields of other records.

Interventions name the place and, of each record, the fewest fields whose repair is enough. Two rules of one mapping
that are broken at once are one cause there, of two incidents: each has its own start, its own repair and its own end.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from seamwatch.core.detection.binomial import probability_of_more
from seamwatch.core.detection.field_groups import FieldGroup, group_fields
from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Verdict, Window
from seamwatch.vocabulary import Responsibility

_FIELDS_ARE_RULES = (Responsibility.INTEGRATION, Responsibility.SOURCE_DATA)
"""Of a knowledge base they are documents; a model and a provider damage an answer as a whole."""
STRAY_RATE = 0.002
"""Share of records that a healthy pipeline loses at one place, as attribution takes it."""
STILL_RAISED = 0.01
"""A fault of which healthy windows have so many records less often than this is not over, though it opens nothing."""
OVER_ODDS = 1000.0
LINGERING_WINDOWS = 8
"""As attribution takes them for the cause as a whole (`attribution/causes.py`)."""
_CHANCE = 1e-4
"""A fault of its own has so many records that healthy ones are fewer but for this probability."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A finding, and the records that it names."""

    finding: Finding
    keys: frozenset[str]


def separate_faults(cause: Finding, verdicts: Sequence[Verdict], *, n_judged: int) -> tuple[Fault, ...]:
    """Return the faults of a cause, that of most records first; the cause itself where it is one.

    Args:
        cause: As attribution found it.
        verdicts: Those that name its responsibility and stage.
        n_judged: Records whose outcome is right or wrong.

    When each of several began is not known: the cause's onset is that of the first. They have no headline.
    """
    keys = frozenset(one.key for one in verdicts)
    whole = (Fault(finding=cause, keys=keys),)
    if not cause.is_change or cause.responsibility not in _FIELDS_ARE_RULES:
        return whole
    keys_by_field: dict[str, set[str]] = defaultdict(set)
    for one in verdicts:
        for name in one.fields:
            keys_by_field[name].add(one.key)
    groups = [one for one in group_fields(keys_by_field, n_records=n_judged) if _is_more_than_chance(one, n_judged)]
    if len(groups) < 2:
        return whole
    grouped = frozenset().union(*(one.keys for one in groups))
    # What no group holds is counted with the largest one.
    rest = keys - grouped
    found = [replace(groups[0], keys=groups[0].keys | rest), *groups[1:]]
    return tuple(_fault(cause, one, verdicts, n=len(keys)) for one in found)


def may_go_on(incident: Incident, verdicts: Sequence[Verdict], *, n_judged: int, window: Window) -> bool:
    """Return whether a fault that a window shows no longer, beside another one at its place, may yet be there.

    It is as long as more records name its fields than healthy ones do, and until the window is `OVER_ODDS` times
    likelier healthy than struck as before; never for longer than `LINGERING_WINDOWS`.

    Args:
        incident: Of the fault.
        verdicts: Of the window, those that name its responsibility and stage.
        n_judged: Records whose outcome is right or wrong.
        window: One after the last that showed it, or that one again.
    """
    if window.start - incident.last_window.end >= LINGERING_WINDOWS * window.length:
        return False
    n = sum(not set(one.fields).isdisjoint(incident.fields) for one in verdicts)
    if probability_of_more(n, n_judged, rate=STRAY_RATE) < STILL_RAISED:
        return True
    struck = min(incident.share or 0.0, 1.0 - STRAY_RATE)
    if struck <= STRAY_RATE or window == incident.last_window:
        return False
    log_odds = n * math.log(STRAY_RATE / struck) + (n_judged - n) * math.log((1.0 - STRAY_RATE) / (1.0 - struck))
    return log_odds <= math.log(OVER_ODDS)


def _is_more_than_chance(group: FieldGroup, n_judged: int) -> bool:
    n = len(group.keys)
    return STRAY_RATE * n_judged < n <= n_judged and probability_of_more(n, n_judged, rate=STRAY_RATE) < _CHANCE


def _fault(cause: Finding, group: FieldGroup, verdicts: Sequence[Verdict], *, n: int) -> Fault:
    named = [one for one in verdicts if one.key in group.keys and not set(one.fields).isdisjoint(group.fields)]
    # A record that two faults damage tells of neither how, unless what was recognised is in fields of one of them.
    alone = [one for one in named if set(one.fields) <= set(group.fields)]
    alone = alone or [one for one in named if not set(group.fields).isdisjoint(one.pattern_fields)]
    patterns = Counter(one.pattern for one in alone)
    kind = min(patterns, key=lambda one: (-patterns[one], one is None, one or ""), default=None)
    alike = {name for one in alone if one.pattern == kind for name in one.pattern_fields}
    fields = tuple(name for name in cause.fields if name in group.fields) or group.fields
    share = len(group.keys) / n
    return Fault(
        finding=replace(
            cause,
            fields=fields,
            kind=kind,
            kind_fields=tuple(name for name in fields if name in alike),
            n_records=round(cause.n_records * share),
            share=None if cause.share is None else cause.share * share,
            share_low=None,
            share_high=None,
            onset=None,
            onset_low=None,
            onset_high=None,
            headline="",
        ),
        keys=group.keys,
    )
