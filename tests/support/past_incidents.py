"""Incidents of a week of the past, and what happened to them, for tests of the weekly review."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent, ToldVerdict
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import IncidentSeverity, IncidentState, Responsibility, Watch

WEEK = ReviewWeek.of("2026-W45")
WEEKS = WEEK.with_history()
_NOBODY_ELSE = Responsibility.MODEL


def at(day: float, hour: float = 0.0) -> datetime:
    """Return a moment by the days and hours since the begin of the week; below 0 it lies before."""
    return WEEK.window.start + timedelta(days=day, hours=hour)


def incident(name: str = "a", *, opened: datetime | None = None, **more: Any) -> Incident:
    """Return an incident as it is now: attribution's and the model's, opened with the week, unless said otherwise."""
    opened = at(0) if opened is None else opened
    values: dict[str, Any] = {
        "pipeline": "desk",
        "responsibility": _NOBODY_ELSE,
        "stage": "triage",
        "fields": (),
        "state": IncidentState.OPEN,
        "headline": f"Incident {name}",
        "confidence": 0.9,
        "updated_at": opened,
        "first_window": Window(start=at(-1), end=at(0)),
        "last_window": Window(start=at(-1), end=at(0)),
        "n_records": 10,
        "has_wrong_answers": more.get("watch") is None,
    }
    return Incident(id=name, fingerprint=name, opened_at=opened, **{**values, **more})


def verdict(responsibility: Responsibility, *, severity: IncidentSeverity | None = None, **more: Any) -> ToldVerdict:
    """Return whose an incident was said to be."""
    return ToldVerdict(
        **{"stage": "triage", "confidence": 0.9, **more}, responsibility=responsibility, severity=severity
    )


def event(
    kind: ChangeKind | str,
    when: datetime,
    *,
    of: str = "a",
    whose: Responsibility | None = _NOBODY_ELSE,
    severity: IncidentSeverity | None = None,
    by: str | None = None,
) -> IncidentEvent:
    """Return something that happened to an incident; `whose` None: what it said then was not kept."""
    said = None if whose is None else verdict(whose, severity=severity)
    return IncidentEvent(incident_id=of, kind=str(kind), window=None, by=by, at=when, verdict=said)


_KINDS = st.sampled_from([*(kind.value for kind in ChangeKind), "teleported"])
_WHOSE = st.none() | st.sampled_from(Responsibility)
_MOMENTS = st.floats(-40, 7, allow_nan=False).map(at)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Incident], list[IncidentEvent]]:
    """Draw incidents and what happened to them, in any order, of any kind, at any time of six weeks; some have none."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    incidents = [
        incident(
            name,
            opened=draw(_MOMENTS),
            responsibility=draw(st.sampled_from(Responsibility)),
            watch=draw(st.none() | st.sampled_from(Watch)),
            onset=draw(st.none() | _MOMENTS),
            state=draw(st.sampled_from(IncidentState)),
            has_wrong_answers=draw(st.none() | st.booleans()),
        )
        for name in names
    ]
    told = st.builds(
        event,
        _KINDS,
        _MOMENTS,
        of=st.sampled_from(["a", "b", "c", "nobody's"]),
        whose=_WHOSE,
        severity=st.none() | st.sampled_from(IncidentSeverity),
        by=st.none() | st.just("ann"),
    )
    return incidents, draw(st.lists(told, max_size=20))
