"""What people and the clock do with an incident, by whichever door: decided by the table, saved, and announced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.core.incident_life import Incident, IncidentChange, Request, act, still_fails, unmuted
from seamwatch.core.slo.ledger import Ledger, Ruling
from seamwatch.engine.announcements import announce_action
from seamwatch.engine.debits import link_debits
from seamwatch.engine.deps import Deps
from seamwatch.errors import StoreError
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Refusal, Responsibility

DEFAULT_MUTE = timedelta(hours=4)


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """What became of a request."""

    incident: Incident
    """As it is now."""
    refusal: Refusal | None = None
    """Why nothing changed; None: it is done."""
    still_fails: bool = False
    """Whether a person called it resolved although its latest window still shows the cause."""
    n_debits: int | None = None
    """Debits that are refunded, or count again; None: nothing was decided on them."""


def act_on_incident(
    deps: Deps,
    incident_id: str,
    action: IncidentAction,
    *,
    by: str,
    door: Door,
    why: str = "",
    until: datetime | None = None,
    into: str | None = None,
    responsibility: Responsibility | None = None,
) -> ActionResult:
    """Return what became of a person's request, saved, with its messages in the outbox.

    Args:
        deps: What it needs.
        incident_id: The incident.
        action: What is asked for.
        by: Who asks, as the audit trail names them; whether they may is for the door to say.
        door: The way by which it came.
        why: Their reason; a void needs one, since it refunds what was taken from error budgets.
        until: End of a mute; default: in four hours.
        into: Id of the incident to merge with.
        responsibility: Whose it really was, where the verdict is called wrong.

    Raises:
        StoreError: If there is no such incident.
        DataContractError: If a void has no reason.
    """
    known = _required(deps, incident_id)
    with deps.store.deciding(known.pipeline):
        # Read again: another door may have been quicker.
        incident, now = _required(deps, incident_id), deps.clock()
        request = Request(
            action=action,
            by=by,
            door=door,
            at=now,
            why=why,
            until=until or (now + DEFAULT_MUTE if action is IncidentAction.MUTE else None),
            into=None if into is None else deps.store.incident(into),
            responsibility=responsibility,
        )
        change = act(incident, request)
        if isinstance(change, Refusal):
            # Earlier versions refunded an incident's debits without a state of its own.
            is_refunded = action is IncidentAction.REOPEN and incident.is_open and _is_refunded(deps, incident)
            n_debits = _rule(deps, incident, by=by, is_void=False, why=why) if is_refunded else None
            return ActionResult(incident=incident, refusal=None if is_refunded else change, n_debits=n_debits)
        deps.store.apply_changes([change])
        is_void = change.incident.state is IncidentState.VOIDED
        is_ruled = is_void != (incident.state is IncidentState.VOIDED)
        n_debits = _rule(deps, incident, by=by, is_void=is_void, why=why) if is_ruled else None
        announce_action(deps, change)
    return ActionResult(
        incident=change.incident,
        still_fails=action is IncidentAction.RESOLVE and still_fails(incident),
        n_debits=n_debits,
    )


def _rule(deps: Deps, incident: Incident, *, by: str, is_void: bool, why: str) -> int:
    """Return how many debits of an incident are refunded, or count again."""
    reason = why if is_void else why or "opened again"
    ruling = Ruling(incident=incident.id, is_void=is_void, reason=reason, by=by, at=deps.clock())
    deps.store.rule(incident.pipeline, ruling)
    return link_debits(deps, incident.pipeline, incident.id)


def _is_refunded(deps: Deps, incident: Incident) -> bool:
    return Ledger().post(deps.store.rulings(incident.pipeline)).is_void(incident.id)


def end_mutes(deps: Deps, pipelines: Iterable[str]) -> list[IncidentChange]:
    """Return the incidents of some pipelines whose mute is over, saved, with their messages in the outbox."""
    changes: list[IncidentChange] = []
    for pipeline in pipelines:
        if not deps.store.incidents(pipeline, {IncidentState.MUTED}, limit=1):
            continue
        with deps.store.deciding(pipeline):
            now = deps.clock()
            muted = deps.store.incidents(pipeline, {IncidentState.MUTED})
            ended = [change for one in muted if (change := unmuted(one, now=now)) is not None]
            deps.store.apply_changes(ended)
            for change in ended:
                announce_action(deps, change)
        changes += ended
    return changes


def _required(deps: Deps, incident_id: str) -> Incident:
    incident = deps.store.incident(incident_id)
    if incident is None:
        known = ", ".join(one.id for one in deps.store.incidents(limit=5)) or "none"
        msg = f"no incident {incident_id!r}; newest: {known}"
        raise StoreError(msg)
    return incident
