"""The life of an action, as a table: proposed, approved by a person, carried out once, checked, and undone or told.

An action changes something outside Seamwatch. Whatever begins ends as helped, undone or escalated; whatever a person
did not approve in time changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from seamwatch.vocabulary import ActionState, Door


class ActionEvent(StrEnum):
    """What happens to an action."""

    UNBLOCK = "unblock"
    """The other action on the same target is over."""
    APPROVE = "approve"
    REJECT = "reject"
    EXPIRE = "expire"
    """Nobody answered in time."""
    OVERTAKE = "overtake"
    """Its incident is over, or somebody did it by hand: there is nothing left to do."""
    BEGIN = "begin"
    """Kept before anything outside is changed."""
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    """It failed, and what is outside is as it was."""
    HALF_APPLIED = "half_applied"
    """It failed, and what is outside is neither as it was nor as it should be."""
    UNKNOWN = "unknown"
    """It was broken off, and nothing tells whether it was done: it is never run again by itself."""
    HELPED = "helped"
    NO_HELP = "no_help"
    TOO_LATE = "too_late"
    """Nothing told in time whether it helped."""
    UNDO = "undo"
    """A person takes it back."""
    UNDONE = "undone"
    NOT_UNDONE = "not_undone"


_S, _E = ActionState, ActionEvent
_TABLE: Mapping[tuple[ActionState, ActionEvent], ActionState] = {
    (_S.BLOCKED, _E.UNBLOCK): _S.WAITING,
    (_S.BLOCKED, _E.OVERTAKE): _S.OBSOLETE,
    (_S.BLOCKED, _E.EXPIRE): _S.EXPIRED,
    (_S.WAITING, _E.APPROVE): _S.APPROVED,
    (_S.WAITING, _E.REJECT): _S.REJECTED,
    (_S.WAITING, _E.EXPIRE): _S.EXPIRED,
    (_S.WAITING, _E.OVERTAKE): _S.OBSOLETE,
    (_S.APPROVED, _E.BEGIN): _S.RUNNING,
    (_S.APPROVED, _E.OVERTAKE): _S.OBSOLETE,
    (_S.APPROVED, _E.NOT_APPLIED): _S.ESCALATED,
    (_S.RUNNING, _E.APPLIED): _S.DONE,
    (_S.RUNNING, _E.NOT_APPLIED): _S.ESCALATED,
    (_S.RUNNING, _E.HALF_APPLIED): _S.UNDOING,
    (_S.RUNNING, _E.UNKNOWN): _S.ESCALATED,
    (_S.DONE, _E.HELPED): _S.HELPED,
    (_S.DONE, _E.NO_HELP): _S.UNDOING,
    (_S.DONE, _E.TOO_LATE): _S.ESCALATED,
    (_S.DONE, _E.UNDO): _S.UNDOING,
    (_S.HELPED, _E.UNDO): _S.UNDOING,
    (_S.ESCALATED, _E.UNDO): _S.UNDOING,
    (_S.UNDOING, _E.UNDONE): _S.UNDONE,
    (_S.UNDOING, _E.NOT_UNDONE): _S.ESCALATED,
}
"""By state and event, what an action becomes; what is not here cannot happen."""
FINAL = frozenset(
    {_S.IMPOSSIBLE, _S.REJECTED, _S.EXPIRED, _S.OBSOLETE, _S.HELPED, _S.UNDONE, _S.ESCALATED},
)
"""Where nothing follows by itself."""


class Standing(StrEnum):
    """What is outside, seen beside what an action found and wants."""

    AS_BEFORE = "as_before"
    APPLIED = "applied"
    OTHER = "other"
    """Neither: it was done by half, or somebody changed it meanwhile."""
    UNKNOWN = "unknown"
    """It cannot be read, or nothing tells."""


@dataclass(frozen=True, kw_only=True)
class ActionPlan:
    """What an action would do: the dry run."""

    target: str
    """What it changes: two actions on one target wait for each other."""
    before: str
    """How that is now, as JSON."""
    after: str
    """How it would be, as JSON."""
    does: str
    """In words, one sentence."""
    undoes: str = ""
    """How it is taken back, in words; empty: it cannot be."""


@dataclass(frozen=True, kw_only=True)
class ActionRun:
    """One action for one incident, and how far it is."""

    id: str
    """Also the key by which what is outside knows it."""
    incident_id: str
    pipeline: str
    name: str
    """In `actions` of the pipeline file."""
    runbook: str
    """Kind of the runbook that it is a step of."""
    state: ActionState
    plan: ActionPlan | None = None
    """None where it is impossible."""
    why: str = ""
    """What its state rests on, in words."""
    proposed_at: datetime
    updated_at: datetime
    answer_by: datetime
    """An answer after that counts no more."""
    answered_by: str | None = None
    door: Door | None = None
    """By which way the answer came."""
    began_at: datetime | None = None
    done_at: datetime | None = None
    check_by: datetime | None = None
    """Until then something must tell whether it helped."""
    measured_before: float | None = None
    """What its check measured before it was carried out; None: not measured."""
    blocked_by: str | None = None
    """Id of the action that it waits for."""
    task: str | None = None
    """Airflow's task that waits for the answer, as `dag/run/task`; None: it was started by hand."""

    @property
    def is_over(self) -> bool:
        """Return whether nothing follows by itself."""
        return self.state in FINAL

    @property
    def has_begun(self) -> bool:
        """Return whether something outside may be changed by it."""
        return self.began_at is not None and self.state is not ActionState.UNDONE


def action_id(incident_id: str, name: str, digest: str) -> str:
    """Return the id of an action: that of its incident, its name, and what tells it from others of the name."""
    return f"{incident_id}/{name}/{digest}"


def incident_of(action_id: str) -> str:
    """Return the id of the incident that the id of an action names."""
    return action_id.rsplit("/", 2)[0]


def move(
    action: ActionRun,
    event: ActionEvent,
    *,
    at: datetime,
    why: str = "",
    by: str | None = None,
    door: Door | None = None,
    can_undo: bool = True,
) -> ActionRun | None:
    """Return an action after an event; None where the event cannot happen in its state.

    Args:
        action: As it is.
        event: What happens.
        at: When.
        why: What it rests on, in words.
        by: The person, where it is one.
        door: By which way they came.
        can_undo: Whether there is a way back, and it is wanted; else what did not help is escalated.
    """
    becomes = _TABLE.get((action.state, event))
    if becomes is None or (event is ActionEvent.APPROVE and at > action.answer_by):
        return None
    if becomes is ActionState.UNDOING and not can_undo:
        if event is ActionEvent.UNDO:
            return None
        becomes = ActionState.ESCALATED
    after = replace(action, state=becomes, updated_at=at, why=why)
    if event in (ActionEvent.APPROVE, ActionEvent.REJECT):
        return replace(after, answered_by=by, door=door)
    if event is ActionEvent.BEGIN:
        return replace(after, began_at=at)
    if event is ActionEvent.APPLIED:
        return replace(after, done_at=at)
    return after
