"""What happened to an incident, in words: when, what, who, by which way, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.incident_timeline import TimelineEntry
from seamwatch.report import numbers
from seamwatch.report.action_results import person
from seamwatch.report.runbook import title_of
from seamwatch.report.text import shortened, visible
from seamwatch.vocabulary import Door

_WHAT: Mapping[str, str] = {
    ChangeKind.ALERTED.value: "Its error budget burns",
    ChangeKind.MITIGATED.value: "A fix was applied; the next window confirms it or not",
    ChangeKind.UNMUTED.value: "No longer muted: the time was up",
    ChangeKind.CALLED_WRONG.value: "Its verdict was called wrong",
    ChangeKind.CALLED_RIGHT.value: "Its verdict was called right",
}
"""By kind; every other one is its own word."""
_MACHINES: Mapping[Door | None, str] = {Door.DETECTOR: "detectors", Door.CLOCK: "clock", Door.TASK: "runbook"}
_OF_RUNBOOK = frozenset(
    {kind.value for kind in ChangeKind if kind.name.startswith("ACTION_")}
    | {ChangeKind.RUNBOOK_STEP.value, ChangeKind.STEP_FAILED.value}
)
"""Entries whose reason begins with the name of a step or of an action."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WHY_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class TimelineFacts:
    """One entry of the timeline."""

    entry: TimelineEntry
    """As data."""
    at: str
    what: str
    who: str
    """Person and way, or what of Seamwatch it was; empty where that was not kept yet."""
    why: str

    @property
    def is_by_person(self) -> bool:
        """Return whether a person did it."""
        return self.entry.by is not None


def timeline_facts(entries: Iterable[TimelineEntry]) -> tuple[TimelineFacts, ...]:
    """Return the entries with their texts, in their order."""
    return tuple(
        TimelineFacts(
            entry=one,
            at=numbers.moment(one.at),
            what=f"{_what(one)}: {step.lower()}" if step else _what(one),
            who=person(one.by, one.door) if one.by is not None else _MACHINES.get(one.door, ""),
            why=shortened(visible(why), _WHY_CHARS),
        )
        for one in entries
        for step, why in (_step_and_reason(one),)
    )


def _step_and_reason(one: TimelineEntry) -> tuple[str, str]:
    """Return the step of a runbook or the action that an entry names first, in words, and the rest of its reason."""
    name, colon, rest = one.why.partition(": ")
    is_named = one.kind in _OF_RUNBOOK and bool(colon) and _NAME.fullmatch(name) is not None
    return (title_of(name), rest) if is_named else ("", one.why)


def _what(one: TimelineEntry) -> str:
    if one.kind == ChangeKind.UPDATED.value and one.by is None:
        windows = numbers.plural(one.n_windows, "window") if one.n_windows else "the same records"
        where = "" if one.span is None else f", {numbers.span(one.span)}"
        if one.span is not None and one.n_windows > 1:
            where = f" from {numbers.moment(one.span.start)} to {numbers.moment(one.span.end)}"
        return f"Seen in {windows}{where}"
    word = one.kind.replace("_", " ")
    text = _WHAT.get(one.kind) or f"{word[:1].upper()}{word[1:]}"
    return text if one.span is None else f"{text}, by the window {numbers.span(one.span)}"
