"""The life of an incident, as a table: in which state what may happen, what it becomes then, and what is said of it.

Detectors, the clock and people are one kind of actor each; Slack, the Airflow UI, the command line and tasks are doors
to the same table, and none of them has a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from seamwatch.core.results import Window
from seamwatch.vocabulary import (
    Door,
    IncidentAction,
    IncidentSeverity,
    IncidentState,
    Refusal,
    Responsibility,
    Watch,
)

SHORTEST_MUTE, LONGEST_MUTE = timedelta(minutes=1), timedelta(days=14)


class ChangeKind(StrEnum):
    """What happened to an incident; the strings of its audit trail and of its messages."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    ALERTED = "alerted"
    """An error budget burns by it: the incident itself is as it was."""
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    UNMUTED = "unmuted"
    """Its time was up."""
    MITIGATED = "mitigated"
    MERGED = "merged"
    SPLIT = "split"
    VOIDED = "voided"
    CALLED_WRONG = "called_wrong"
    """A person says that its verdict is wrong; kept for the grading of verdicts."""
    CALLED_RIGHT = "called_right"
    """A person says that its verdict is right; kept for the same."""
    VERDICT_DRAWN = "verdict_drawn"
    """Its verdict is put before people by chance: the incident itself is as it was."""
    SEVERITY_RAISED = "severity_raised"
    SEVERITY_LOWERED = "severity_lowered"
    ESCALATED = "escalated"
    """Nobody took it on in time, so the reliability owner is called."""
    RUNBOOK_STEP = "runbook_step"
    """A step of its runbook found something, or nothing."""
    STEP_FAILED = "step_failed"
    OWNER_TOLD = "owner_told"
    """With what the runbook found."""
    STAKEHOLDERS_TOLD = "stakeholders_told"
    """Of what a spike costs."""
    ACTION_PROPOSED = "action_proposed"
    """An action waits for a person's approval, or for another one that is on the same target."""
    ACTION_ANSWERED = "action_answered"
    ACTION_WITHDRAWN = "action_withdrawn"
    """It will not be carried out: impossible, unanswered, or no longer needed."""
    ACTION_BEGUN = "action_begun"
    ACTION_DONE = "action_done"
    ACTION_HELPED = "action_helped"
    ACTION_UNDONE = "action_undone"
    ACTION_ESCALATED = "action_escalated"
    """It failed, or nothing tells whether it helped: a person must look."""
    ROOT_CAUSE_TOLD = "root_cause_told"
    """After a repair that was proved."""


@dataclass(frozen=True, kw_only=True)
class SeenAs:
    """What another detector says of an incident's cause: evidence of it, and no incident of its own."""

    fingerprint: str
    """By which that detector would know an incident of its own."""
    watch: Watch | None
    responsibility: Responsibility
    stage: str | None
    headline: str
    window: Window
    """The latest that showed it."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Findings that share a cause, with a life."""

    id: str
    fingerprint: str
    pipeline: str
    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...]
    state: IncidentState
    headline: str
    confidence: float
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    first_window: Window
    last_window: Window
    """The latest window that showed the cause; where it was run again after the repair, it shows it no longer."""
    n_windows: int = 1
    """Windows that show the cause, each as it was run last."""
    n_records: int
    """Failing records of this cause in the latest window."""
    n_judged: int | None = None
    """Records of the latest window whose outcome was known; None where a watch found it, or before this was kept."""
    resolved_in: Window | None = None
    """The window that no longer showed the cause; None: it is not resolved, or something else resolved it."""
    watch: Watch | None = None
    """What found it; None: attribution, or a check of a knowledge base."""
    kind: str | None = None
    """What kind of damage or change, where a watch found it."""
    acknowledged_by: str | None = None
    muted_until: datetime | None = None
    muted_from: IncidentState | None = None
    """The state that it returns to when the mute is over."""
    mitigated_at: datetime | None = None
    """When a fix was applied: windows from before it say nothing of it."""
    resolved_by: str | None = None
    """The person who called it resolved; None where detectors did."""
    merged_into: str | None = None
    """Id of the incident that has its cause."""
    severity: IncidentSeverity | None = None
    """How much it harms; None: it was never rated, as in stores from before that was done."""
    first_share: float | None = None
    """Share of judged records that failed by it when it opened; None: not known."""
    onset: datetime | None = None
    """When the cause began, by the latest window."""
    also_seen: tuple[SeenAs, ...] = ()
    """How other detectors see the cause, those that saw it first before the others."""
    called_at: datetime | None = None
    """When it came back, or got more severe, last: since then somebody is awaited; None: since it opened."""
    maintenance: str | None = None
    """Reason of the planned work within which it lies, so that nobody is told; None: it lies within none."""
    escalated: IncidentSeverity | None = None
    """The severity for which it was escalated since it is open; None: it was not."""
    has_wrong_answers: bool | None = None
    """Whether attribution found it among wrong answers, first or later; None: it opened before this was kept."""

    @property
    def is_open(self) -> bool:
        """Return whether the cause may still be there."""
        return self.state.is_open

    @property
    def share(self) -> float | None:
        """Return the share of judged records that fail by it in the latest window; None: no label is known."""
        return min(self.n_records / self.n_judged, 1.0) if self.n_judged else None


@dataclass(frozen=True, kw_only=True)
class IncidentChange:
    """One incident as it is now, and what just happened to it."""

    kind: ChangeKind
    incident: Incident
    fingerprint_before: str | None = None
    """Where another finding took the lead, the fingerprint until now; None: it is as it was."""
    by: str | None = None
    """The person, where it was one."""
    door: Door = Door.DETECTOR
    why: str = ""
    """What the person said of it, or what the change rests on: the other incident's id, until when, whose it was."""

    def followed_by(self, later: IncidentChange) -> IncidentChange:
        """Return both changes of one incident as one, where neither was saved: what happened first, and how it is."""
        is_saved = self.kind is not ChangeKind.OPENED
        fingerprint = self.fingerprint_before or (later.fingerprint_before if is_saved else None)
        kind = later.kind if self.kind is ChangeKind.UPDATED else self.kind
        return replace(self, kind=kind, incident=later.incident, fingerprint_before=fingerprint)


def once_an_incident(changes: Iterable[IncidentChange]) -> list[IncidentChange]:
    """Return the changes of each incident as one, in the order in which they were touched first."""
    found: dict[str, IncidentChange] = {}
    for change in changes:
        first = found.get(change.incident.id)
        found[change.incident.id] = change if first is None else first.followed_by(change)
    return list(found.values())


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person asks for."""

    action: IncidentAction
    by: str
    door: Door
    at: datetime
    why: str = ""
    until: datetime | None = None
    """End of a mute."""
    into: Incident | None = None
    """The incident to merge with."""
    responsibility: Responsibility | None = None
    """Whose it really was, where the verdict is called wrong."""


_O, _A, _M, _F, _R, _G, _V = (
    IncidentState.OPEN,
    IncidentState.ACKNOWLEDGED,
    IncidentState.MUTED,
    IncidentState.MITIGATED,
    IncidentState.RESOLVED,
    IncidentState.MERGED,
    IncidentState.VOIDED,
)
_ACTIONS: Mapping[IncidentAction, Mapping[IncidentState, IncidentState | Refusal]] = {
    IncidentAction.ACKNOWLEDGE: {
        _O: _A,
        _A: Refusal.IS_SO_ALREADY,
        _M: _A,
        _F: Refusal.IS_BEING_WATCHED,
        _R: Refusal.IS_OVER,
        _G: Refusal.IS_MERGED,
        _V: Refusal.IS_VOIDED,
    },
    IncidentAction.MUTE: {
        _O: _M,
        _A: _M,
        _M: _M,
        _F: _M,
        _R: Refusal.IS_OVER,
        _G: Refusal.IS_MERGED,
        _V: Refusal.IS_VOIDED,
    },
    IncidentAction.MITIGATE: {
        _O: _F,
        _A: _F,
        _M: _F,
        _F: _F,
        _R: Refusal.IS_OVER,
        _G: Refusal.IS_MERGED,
        _V: Refusal.IS_VOIDED,
    },
    IncidentAction.RESOLVE: {
        _O: _R,
        _A: _R,
        _M: _R,
        _F: _R,
        _R: Refusal.IS_SO_ALREADY,
        _G: Refusal.IS_MERGED,
        _V: Refusal.IS_VOIDED,
    },
    IncidentAction.REOPEN: {
        _O: Refusal.IS_SO_ALREADY,
        _A: Refusal.IS_SO_ALREADY,
        _M: _O,
        _F: _O,
        _R: _O,
        _G: Refusal.IS_MERGED,
        _V: _O,
    },
    IncidentAction.MERGE: {_O: _G, _A: _G, _M: _G, _F: _G, _R: _G, _G: Refusal.IS_MERGED, _V: Refusal.IS_VOIDED},
    IncidentAction.SPLIT: {
        _G: _O,
        **dict.fromkeys((_O, _A, _M, _F, _R, _V), Refusal.IS_NOT_MERGED),
    },
    IncidentAction.VOID: {_O: _V, _A: _V, _M: _V, _F: _V, _R: _V, _G: Refusal.IS_MERGED, _V: Refusal.IS_SO_ALREADY},
    # A verdict may be called wrong or right whenever it was: it is for the grading, and changes no state.
    IncidentAction.WRONG: {state: state for state in IncidentState},
    IncidentAction.CONFIRM: {state: state for state in IncidentState},
}
"""What a person asks for, by the incident's state: what it becomes, or why it cannot be."""

JUDGES_VERDICT = frozenset({IncidentAction.WRONG, IncidentAction.CONFIRM})
"""What says something of an incident's verdict, and leaves the incident as it is."""
_CHANGES: Mapping[IncidentAction, ChangeKind] = {
    IncidentAction.ACKNOWLEDGE: ChangeKind.ACKNOWLEDGED,
    IncidentAction.MUTE: ChangeKind.MUTED,
    IncidentAction.MITIGATE: ChangeKind.MITIGATED,
    IncidentAction.RESOLVE: ChangeKind.RESOLVED,
    IncidentAction.REOPEN: ChangeKind.REOPENED,
    IncidentAction.MERGE: ChangeKind.MERGED,
    IncidentAction.SPLIT: ChangeKind.SPLIT,
    IncidentAction.VOID: ChangeKind.VOIDED,
    IncidentAction.WRONG: ChangeKind.CALLED_WRONG,
    IncidentAction.CONFIRM: ChangeKind.CALLED_RIGHT,
}


def allowed_actions(state: IncidentState) -> tuple[IncidentAction, ...]:
    """Return what a person may ask for in a state, in the order of the table."""
    return tuple(action for action, by_state in _ACTIONS.items() if isinstance(by_state[state], IncidentState))


def refusal_by_state(incident: Incident, action: IncidentAction) -> Refusal | None:
    """Return why an action is impossible in the incident's state; None where it depends on what the person says."""
    becomes = _ACTIONS[action][incident.state]
    return becomes if isinstance(becomes, Refusal) else None


def act(incident: Incident, request: Request) -> IncidentChange | Refusal:
    """Return what a person's request makes of an incident, or why nothing changes.

    Args:
        incident: As it is now.
        request: What is asked for; whether this person may is for the door to say.

    What an incident was muted from, who took it on and when a fix was applied are kept until it is open again.
    """
    becomes = _ACTIONS[request.action][incident.state]
    if isinstance(becomes, Refusal):
        return becomes
    refusal = _refused(incident, request)
    if refusal is not None:
        return refusal
    after = replace(_entered(incident, becomes, request), updated_at=request.at)
    return IncidentChange(
        kind=_CHANGES[request.action], incident=after, by=request.by, door=request.door, why=_why(request)
    )


def _refused(incident: Incident, request: Request) -> Refusal | None:
    """Return what is wrong with a request that the state allows."""
    if request.action is IncidentAction.MUTE:
        if request.until is None:
            return Refusal.NO_END
        if not SHORTEST_MUTE <= request.until - request.at <= LONGEST_MUTE:
            return Refusal.END_OUT_OF_RANGE
    if request.action is IncidentAction.MERGE:
        if request.into is None or request.into.id == incident.id or request.into.pipeline != incident.pipeline:
            return Refusal.NO_SUCH_TARGET
        if not request.into.is_open:
            return Refusal.TARGET_IS_OVER
    if request.action is IncidentAction.WRONG and request.responsibility is None:
        return Refusal.NO_RESPONSIBILITY
    return None


def _entered(incident: Incident, state: IncidentState, request: Request) -> Incident:
    """Return the incident in its new state, with what that state keeps."""
    if request.action in JUDGES_VERDICT:
        return incident
    from_state = incident.muted_from if incident.state is _M else incident.state
    free = replace(incident, state=state, muted_until=None, muted_from=None)
    if state is _M:
        return replace(free, muted_until=request.until, muted_from=from_state)
    if state is _A:
        return replace(free, acknowledged_by=request.by)
    if state is _F:
        return replace(free, mitigated_at=request.at)
    if state in (_R, _V):
        return replace(free, resolved_at=request.at, resolved_by=request.by, resolved_in=None)
    if state is _G:
        assert request.into is not None
        return replace(free, merged_into=request.into.id, resolved_at=request.at, resolved_by=request.by)
    return replace(reopened(free), called_at=request.at)


def reopened(incident: Incident) -> Incident:
    """Return an incident open again, as if nobody had taken it on."""
    return replace(
        incident,
        state=_O,
        resolved_at=None,
        resolved_in=None,
        resolved_by=None,
        mitigated_at=None,
        acknowledged_by=None,
        muted_until=None,
        muted_from=None,
        merged_into=None,
        escalated=None,
    )


def _why(request: Request) -> str:
    """Return what the audit trail keeps of a request besides who, when and by which door."""
    told = {
        IncidentAction.MUTE: "" if request.until is None else f"until {request.until.isoformat(timespec='minutes')}",
        IncidentAction.MERGE: "" if request.into is None else f"into {request.into.id}",
        IncidentAction.WRONG: "" if request.responsibility is None else f"really {request.responsibility.value}",
    }.get(request.action, "")
    return ": ".join(part for part in (told, request.why) if part)


def unmuted(incident: Incident, *, now: datetime) -> IncidentChange | None:
    """Return an incident whose mute is over as it was before; None where it is not muted, or still is."""
    if incident.state is not _M or incident.muted_until is None or now < incident.muted_until:
        return None
    becomes = incident.muted_from or _O
    called_at = now if becomes is _O else incident.called_at
    after = replace(incident, state=becomes, muted_until=None, muted_from=None, updated_at=now, called_at=called_at)
    return IncidentChange(kind=ChangeKind.UNMUTED, incident=after, door=Door.CLOCK)


_SHOWN: Mapping[IncidentState, IncidentState] = {_O: _O, _A: _A, _M: _M, _F: _O, _R: _O, _V: _V}
"""What an incident becomes when a window shows its cause, where that tells that nothing has helped.

A merged one is left out: what shows its cause is told to the incident that has it.
"""
_OVER: Mapping[IncidentState, IncidentState] = {_O: _R, _A: _R, _M: _R, _F: _R, _V: _R}
"""What an incident becomes when a detector says that its cause is gone."""


def shown_again(incident: Incident, window: Window, *, is_news: bool) -> Incident:
    """Return an incident whose cause a window shows: open again where it was over, or a fix has not helped.

    Args:
        incident: As it was.
        window: What shows the cause.
        is_news: Whether the window is later than all that was known of it.
    """
    becomes = _SHOWN[incident.state]
    if becomes is incident.state or not is_news:
        return incident
    return reopened(incident) if shows_failed_fix(incident, window) else incident


def over(incident: Incident, *, now: datetime) -> Incident | None:
    """Return an incident whose cause a detector no longer finds; None where that changes nothing."""
    becomes = _OVER.get(incident.state)
    if becomes is None:
        return None
    free = replace(incident, muted_until=None, muted_from=None)
    return replace(free, state=becomes, resolved_at=now, resolved_by=None, resolved_in=None, updated_at=now)


def still_fails(incident: Incident) -> bool:
    """Return whether the latest window of an incident still showed its cause: who resolves it now is told so."""
    return incident.is_open and incident.n_records > 0


def shows_failed_fix(incident: Incident, window: Window) -> bool:
    """Return whether a window that shows the cause tells that what people did has not helped.

    A window that began before a fix, or before a person called the incident resolved, holds records from before it.
    """
    if incident.state is _F:
        return incident.mitigated_at is None or window.start >= incident.mitigated_at
    is_by_person = incident.resolved_by is not None
    return not is_by_person or incident.resolved_at is None or window.start >= incident.resolved_at
