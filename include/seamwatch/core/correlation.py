"""Whether what two detectors say is one cause: by place, time and the records that both name.

An intervention (attribution) beats a comparison with a reference (a seam), that beats a correlation (other watches),
and that beats a budget that burns or records that nobody could be named for. A finding that a stronger one explains is
evidence of its incident, not an incident of its own. What attribution finds is told apart by interventions, and never
taken together here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from seamwatch.core.detection.binomial import probability_of_more
from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.vocabulary import Responsibility, Watch

_LEAST_KEYS = 3
"""Fewer records that both name tell nothing."""
_SHARED = 0.8
"""So many of the records that the weaker finding names must be the stronger one's, where its share is unknown."""
_BEYOND_CHANCE = 0.5
"""Else so much of the way from what chance makes it to all of them, as in `detection/field_groups.py`."""
_BY_CHANCE = 0.05
"""More records in common than this probability are no evidence: a fault of nearly all records has any other's too."""
_BY_CHANCE_OF_CALLS = 0.01
"""The same of slower and dearer calls, which a watch picks anew with every look."""
_PICKED = 0.01
"""Records that a drift picks as the least like those before are not all affected: that the stronger finding's are among
them more often than this probability is enough."""
_APART = timedelta(hours=6)
"""Findings whose onsets lie further apart than this, and than half of a window, are two causes."""
_APART_UNTOLD = timedelta(hours=1)
"""The same of slower and dearer calls that no records tie to what is at their place: only the time tells then."""
_WITHOUT_VALUES = frozenset((Watch.LATENCY, Watch.COST))
_NAME_FIELDS = frozenset((None, Watch.SEAM))
"""Detectors that name exactly the fields that are damaged: where they name others at one place, it is another fault."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A finding or an incident, as far as it is compared."""

    watch: Watch | None
    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...]
    keys: frozenset[str]
    """Records that it names; not all, where it is a watch's."""
    keys_in: Window
    """The time from which `keys` are."""
    share: float | None
    """Of all records of `keys_in`, those that it affects; None: not known."""
    onset: datetime | None
    """Of what came back, when it did last."""
    onset_until: datetime | None
    """The last moment at which it may have begun: of a drift the end of the period that showed it first."""
    window: Window
    """From the first to the last that shows it."""
    first_onset: datetime | None = None
    """Of an incident that may have come back, when it began first; None: not known."""

    @property
    def strength(self) -> int:
        """Return how much it proves."""
        return strength(self.watch, self.responsibility)


def strength(watch: Watch | None, responsibility: Responsibility) -> int:
    """Return how much a finding of a detector proves, 0 to 3."""
    if responsibility is Responsibility.UNDETERMINED or watch is Watch.BUDGET:
        return 0
    return {None: 3, Watch.SEAM: 2}.get(watch, 1)


def sighting_of_incident(
    incident: Incident, keys: Collection[str], *, keys_in: Window | None = None, n_judged: int | None = None
) -> Sighting:
    """Return an incident as it is compared with findings.

    Args:
        incident: As it is kept.
        keys: Some of its records; all of them where `n_judged` is known.
        keys_in: The time from which they are; None: its last window.
        n_judged: Records of that time that could be its; None: its share is that of its last window.
    """
    span = Window(start=incident.first_window.start, end=max(incident.first_window.end, incident.last_window.end))
    return Sighting(
        watch=incident.watch,
        responsibility=incident.responsibility,
        stage=incident.stage,
        fields=incident.fields,
        keys=frozenset(keys),
        keys_in=keys_in or incident.last_window,
        share=min(len(keys) / n_judged, 1.0) if n_judged else incident.share,
        onset=incident.onset,
        onset_until=_onset_until(incident.onset, incident.watch, incident.last_window),
        window=span,
        first_onset=_first_onset(incident),
    )


def _first_onset(incident: Incident) -> datetime | None:
    """Return when an incident that came back since began first; looks of most watches go back to before it did."""
    first = incident.first_window
    is_back = incident.onset is not None and incident.onset >= first.end
    return first.start if is_back and incident.watch in _NAME_FIELDS else None


def sighting_of_finding(
    finding: Finding, *, watch: Watch | None, window: Window, keys: Collection[str], n_judged: int | None = None
) -> Sighting:
    """Return a finding as it is compared with incidents.

    Args:
        finding: What was found.
        watch: By which detector.
        window: Where.
        keys: Its records, where more are known than it names.
        n_judged: Records of the window that could show it; None: not known.
    """
    return Sighting(
        watch=watch,
        responsibility=finding.responsibility,
        stage=finding.stage,
        fields=finding.fields,
        keys=frozenset(keys or finding.keys),
        keys_in=window,
        share=min(finding.n_records / n_judged, 1.0) if n_judged else None,
        onset=finding.onset,
        onset_until=_onset_until(finding.onset, watch, window),
        window=window
        if finding.onset is None or finding.onset >= window.start
        else replace(window, start=finding.onset),
    )


def _onset_until(onset: datetime | None, watch: Watch | None, window: Window) -> datetime | None:
    """Return the last moment at which something may have begun; drift is judged by whole periods."""
    return None if onset is None else onset + (window.length if watch is Watch.DRIFT else timedelta(0))


def explains(strong: Sighting, weak: Sighting, upstream: Mapping[str, Collection[str]]) -> bool:
    """Return whether one sighting is the cause of what the other shows.

    Args:
        strong: What may explain.
        weak: What may be explained; never if it proves as much or more, but for a watch's own effect further down.
        upstream: By stage, all stages that it is made from.
    """
    if Watch.BUDGET in (strong.watch, weak.watch) or not _fits(strong, weak, upstream):
        return False
    if not _meet(strong, weak):
        return False
    is_one_place = (strong.responsibility, strong.stage) == (weak.responsibility, weak.stage)
    is_one_field = share_field(strong, weak)
    if is_one_place and is_one_field:
        return True
    if is_one_place and strong.fields and weak.fields and {strong.watch, weak.watch} <= _NAME_FIELDS:
        return False
    in_common = _have_records_in_common(strong, weak)
    if in_common is not None:
        return in_common
    # Without records that tell, only what is said of one place, or of one field further down, is one cause; a wrong
    # value makes no call slower or dearer.
    names_values = bool(strong.fields) and strong.watch not in _WITHOUT_VALUES
    is_other_effect = names_values and weak.watch in _WITHOUT_VALUES
    is_at_one_time = weak.watch not in _WITHOUT_VALUES or _apart(strong, weak) <= _APART_UNTOLD
    return is_one_field or (is_one_place and not is_other_effect and is_at_one_time)


def _have_records_in_common(strong: Sighting, weak: Sighting) -> bool | None:
    """Return whether the records of the weaker sighting are the stronger one's; None: what is known does not tell."""
    if len(strong.keys) < _LEAST_KEYS or len(weak.keys) < _LEAST_KEYS:
        return None
    n, n_common = min(len(weak.keys), len(strong.keys)), len(strong.keys & weak.keys)
    if strong.share is None:
        are_more, is_chance = n_common >= _SHARED * n, False
    else:
        chance = min(strong.share, 1.0)
        p_value = probability_of_more(n_common, n, rate=chance)
        are_more = n_common / n - chance >= _BEYOND_CHANCE * (1.0 - chance)
        are_more = are_more or (weak.watch is Watch.DRIFT and p_value <= _PICKED)
        is_chance = p_value > (_BY_CHANCE_OF_CALLS if weak.watch in _WITHOUT_VALUES else _BY_CHANCE)
    if are_more:
        return None if is_chance else True
    # Records of one hour cannot be those of the day before: only where all could be in common do others tell of two.
    is_covered = strong.keys_in.start <= weak.keys_in.start and weak.keys_in.end <= strong.keys_in.end
    return False if is_covered else None


def share_field(one: Sighting, other: Sighting) -> bool:
    """Return whether both name a field, at whatever stage."""
    return bool({_name(field) for field in one.fields} & {_name(field) for field in other.fields})


def _fits(strong: Sighting, weak: Sighting, upstream: Mapping[str, Collection[str]]) -> bool:
    """Return whether strength and place allow that one is the cause of the other."""
    is_further_down = strong.stage is not None and strong.stage in upstream.get(weak.stage or "", ())
    if strong.watch is None and weak.watch is None:
        return False
    if strong.strength == weak.strength:
        is_one_place = (strong.responsibility, strong.stage) == (weak.responsibility, weak.stage)
        return strong.watch is not None and (is_further_down if strong.watch is weak.watch else is_one_place)
    if strong.strength < weak.strength:
        return False
    is_near = strong.stage == weak.stage or is_further_down
    # What a watch sees at a stage before may be where the records come from that the stronger finding names.
    return is_near or weak.stage is None or weak.stage in upstream.get(strong.stage or "", ())


def _meet(one: Sighting, other: Sighting) -> bool:
    """Return whether both may have begun together, and were there at the same time."""
    # What is open at the end of one window may be what the next one shows.
    if one.window.end < other.window.start or other.window.end < one.window.start:
        return False
    # One field of one place is damaged by one fault at a time, whenever each comparison says that it began.
    is_same = (one.responsibility, one.stage) == (other.responsibility, other.stage) and share_field(one, other)
    if is_same and {one.watch, other.watch} == _NAME_FIELDS and one.keys_in == other.keys_in:
        return True
    return _apart(one, other) <= max(_APART, min(one.window.length, other.window.length) / 2)


def _apart(one: Sighting, other: Sighting) -> timedelta:
    """Return how long before the other one of both began at least; nothing where that is not known.

    What is there since a cause began first is of it, though the cause came back since.
    """
    if one.onset is None or other.onset is None or one.onset_until is None or other.onset_until is None:
        return timedelta(0)
    apart = [max(one.onset - other.onset_until, other.onset - one.onset_until)]
    for back, first in ((one, other), (other, one)):
        if back.first_onset is not None and first.onset is not None and first.onset_until is not None:
            apart.append(max(back.first_onset - first.onset_until, first.onset - back.first_onset))
    return max(min(apart), timedelta(0))


def _name(field: str) -> str:
    """Return the last part of a field's name: `request.product` and `product` are one field further down."""
    return field.partition("=")[0].rpartition(".")[2].strip()
