"""What changes something outside: proposed, answered by a person, carried out once, checked by measurement, undone.

Everything is kept before it is done. Whoever finds an action half way, as after a kill, looks first how far it came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.core import action_life
from seamwatch.core.action_checks import Checked
from seamwatch.core.action_life import ActionEvent, ActionRun, Standing, move
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.runbooks import runbook_of
from seamwatch.engine.action_checks import check_of, measure, measured_in_incident
from seamwatch.engine.action_lease import Lease, renewed
from seamwatch.engine.action_targets import open_target
from seamwatch.engine.announcements import announce_step
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.errors import AdapterError, DataContractError, SeamwatchError, StoreError
from seamwatch.report.text import shortened, visible
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.actions import Action, Command, ReindexDocuments
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import ActionState, Door, IncidentAction, IncidentState

_TAKEN_UP_WITHIN = timedelta(minutes=5)
"""What was approved is carried out by who waited for the answer; by anybody where that one has not done it by then."""
_REACHED_WITHIN = timedelta(hours=1)
"""For so long after the answer, or the wish to take it back, a system that cannot be reached is tried again."""
_WHY_CHARS = 500
_KINDS = {
    ActionState.WAITING: ChangeKind.ACTION_PROPOSED,
    ActionState.BLOCKED: ChangeKind.ACTION_PROPOSED,
    ActionState.IMPOSSIBLE: ChangeKind.ACTION_WITHDRAWN,
    ActionState.APPROVED: ChangeKind.ACTION_ANSWERED,
    ActionState.REJECTED: ChangeKind.ACTION_ANSWERED,
    ActionState.EXPIRED: ChangeKind.ACTION_WITHDRAWN,
    ActionState.OBSOLETE: ChangeKind.ACTION_WITHDRAWN,
    ActionState.RUNNING: ChangeKind.ACTION_BEGUN,
    ActionState.DONE: ChangeKind.ACTION_DONE,
    ActionState.HELPED: ChangeKind.ACTION_HELPED,
    ActionState.UNDOING: ChangeKind.ACTION_BEGUN,
    ActionState.UNDONE: ChangeKind.ACTION_UNDONE,
    ActionState.ESCALATED: ChangeKind.ACTION_ESCALATED,
}


class ActionBusy(AdapterError):
    """Another worker carries it out; it is looked at again when that one's time is over."""


def action_id(incident_id: str, name: str, run: str) -> str:
    """Return the id of an action that a run of a runbook proposes."""
    return action_life.action_id(incident_id, name, hashlib.sha256(run.encode()).hexdigest()[:8])


def is_blocked(deps: Deps, known: str) -> bool:
    """Return whether an action waits for another one on the same target."""
    action = deps.store.action(known)
    return action is not None and action.state is ActionState.BLOCKED


def propose(
    deps: Deps, pipeline: Pipeline, incident: Incident, name: str, *, run: str, task: str | None = None
) -> ActionRun:
    """Return an action of an incident with its dry run, kept and told; nothing outside is changed.

    Args:
        deps: What it needs.
        pipeline: Of the incident.
        incident: For which it is.
        name: In `actions` of the pipeline file.
        run: Of the runbook: the same action is proposed once in a run.
        task: Airflow's task that waits for the answer.

    Raises:
        DataContractError: If the pipeline has no such action.
        AdapterError: If what is outside cannot be read.
    """
    spec, now = _spec(pipeline, name), deps.clock()
    own = action_id(incident.id, name, run)
    known = deps.store.action(own)
    if known is not None and known.state is not ActionState.BLOCKED:
        return known
    action = ActionRun(
        id=own,
        incident_id=incident.id,
        pipeline=pipeline.pipeline,
        name=name,
        runbook=runbook_of(incident).value,
        state=ActionState.WAITING,
        proposed_at=now,
        updated_at=now,
        answer_by=now + spec.approve_within,
        measured_before=measured_in_incident(deps, pipeline, incident),
        task=task,
    )
    try:
        plan = open_target(deps, pipeline, incident, name).plan()
    except ActionImpossible as error:
        if known is not None:
            return _moved(deps, known, ActionEvent.OVERTAKE, why=_said(error))
        impossible = replace(action, state=ActionState.IMPOSSIBLE, why=_said(error))
        _keep_new(deps, impossible, impossible.why)
        return impossible
    with deps.store.deciding(pipeline.pipeline), deps.store.deciding(f"action on {plan.target}"):
        others = [one for one in deps.store.actions_on(plan.target) if one.id != own]
        if others:
            other = others[0]
            why = f"waits for {other.name} of {other.incident_id}, which is on the same target"
            action = replace(action, state=ActionState.BLOCKED, plan=plan, blocked_by=other.id, why=why)
        else:
            action = replace(action, plan=plan)
        if known is None:
            _keep_new(deps, action, action.why or plan.does)
        elif not others:
            _unblock(deps, known, action)
    return deps.store.action(own) or action


def answer(deps: Deps, known: str, *, approves: bool, by: str, door: Door) -> ActionRun | None:
    """Return an action after a person's answer; None where no answer counts any more.

    Whether they may answer is for the door to say. The first answer counts; approval of what is no longer needed
    changes nothing outside.

    Raises:
        StoreError: If there is no such action.
    """
    action = _required(deps, known)
    if approves and (reason := _overtaken(deps, action)):
        _move(deps, action, ActionEvent.OVERTAKE, why=reason)
        return None
    event = ActionEvent.APPROVE if approves else ActionEvent.REJECT
    why = "approved" if approves else "rejected"
    return _move(deps, action, event, why=why, by=by, door=door)


def carry_out(deps: Deps, action_id: str) -> ActionRun:
    """Return an action after it was carried out, or looked at again where it was begun before.

    What was not approved is left as it is. What was begun by a worker that is gone is looked for outside, and only
    done again where what is outside is as it was.

    Raises:
        StoreError: If there is no such action.
        ActionBusy: If another worker carries it out.
    """
    action = _required(deps, action_id)
    if action.state is ActionState.APPROVED:
        return _begin(deps, action)
    if action.state in (ActionState.RUNNING, ActionState.UNDOING):
        lease, now = _lease(deps, action), deps.clock()
        if not deps.store.lease_action(action, owner=lease.owner, now=now, until=lease.until(now)):
            msg = f"{action.id} is carried out by another worker; it is looked at again when its time is over"
            raise ActionBusy(msg, retryable=True)
        with renewed(deps, action.id, lease):
            return _apply(deps, action) if action.state is ActionState.RUNNING else _undo(deps, action, is_first=False)
    return action


def check(deps: Deps, action_id: str) -> ActionRun:
    """Return an action after it was measured whether it helped; as it was where nothing tells yet.

    What did not help is undone where there is a way back and the pipeline file does not say otherwise; else the
    reliability owner is called.

    Raises:
        StoreError: If there is no such action.
    """
    action = _required(deps, action_id)
    if action.state is not ActionState.DONE:
        return action
    pipeline, incident = _place(deps, action)
    try:
        found = measure(deps, pipeline, incident, action, check_of(pipeline, action, _spec(pipeline, action.name)))
    except Exception as error:  # its own check, a user's function maybe: unknown is no success and no failure
        found = Checked(is_well=None, text=f"its check failed: {_said(error)}")
    if found.is_well is None:
        if action.check_by is not None and deps.clock() >= action.check_by:
            return _moved(
                deps, action, ActionEvent.TOO_LATE, why=f"nothing showed in time whether it helped: {found.text}"
            )
        return action
    if found.is_well:
        return _moved(deps, action, ActionEvent.HELPED, why=found.text)
    return _take_back(deps, action, ActionEvent.NO_HELP, why=found.text)


def undo(deps: Deps, action_id: str, *, by: str, door: Door) -> ActionRun | None:
    """Return an action that a person took back; None where it cannot be, or was not carried out.

    Raises:
        StoreError: If there is no such action.
        ActionBusy: If another worker is at it.
        AdapterError: If what is outside cannot be reached now; it is tried again within an hour.
    """
    action = _required(deps, action_id)
    if action.state is ActionState.UNDOING:  # whoever asks again need not wait for the next try
        return carry_out(deps, action_id)
    if action.began_at is None or action.plan is None or not action.plan.undoes:
        return None
    lease = _lease(deps, action)
    undoing = _move(deps, action, ActionEvent.UNDO, why="taken back", by=by, door=door, lease=lease)
    if undoing is None:
        return None
    with renewed(deps, action.id, lease):
        return _undo(deps, undoing)


def settle_actions(deps: Deps, pipelines: Iterable[str]) -> list[str]:
    """Carry on with every action that is not over: ends what is no longer needed, checks, and resumes what broke off.

    Returns what kept single ones back; an action never stops another.
    """
    errors: list[str] = []
    for action_id in deps.store.unfinished_actions(list(pipelines)):
        try:
            _settle(deps, action_id)
        except ActionBusy:
            continue
        except Exception as error:  # this action's failure, and nobody else's
            errors.append(f"action {action_id}: {_said(error)}")
    return errors


def _settle(deps: Deps, action_id: str) -> None:
    action, now = _required(deps, action_id), deps.clock()
    if action.state in (ActionState.WAITING, ActionState.BLOCKED) and now > action.answer_by:
        _expire(deps, action)
    elif action.state in (ActionState.WAITING, ActionState.BLOCKED) and (reason := _overtaken(deps, action)):
        _move(deps, action, ActionEvent.OVERTAKE, why=reason)
    elif action.state is ActionState.BLOCKED and _is_free(deps, action):
        pipeline, incident = _place(deps, action)
        try:
            plan = open_target(deps, pipeline, incident, action.name).plan()
        except ActionImpossible as error:  # the other action left nothing to do
            _move(deps, action, ActionEvent.OVERTAKE, why=_said(error))
        else:
            _unblock(deps, action, replace(action, plan=plan))
    elif action.state in (ActionState.APPROVED, ActionState.RUNNING, ActionState.UNDOING):
        if now - action.updated_at >= _TAKEN_UP_WITHIN:
            carry_out(deps, action_id)
    elif action.state is ActionState.DONE:
        check(deps, action_id)


def _begin(deps: Deps, action: ActionRun) -> ActionRun:
    """Carry out what was approved, unless it is no longer needed or what is outside is another by now."""
    if reason := _overtaken(deps, action):
        return _moved(deps, action, ActionEvent.OVERTAKE, why=reason)
    standing = _look(deps, action)
    if standing is Standing.APPLIED:
        return _moved(deps, action, ActionEvent.OVERTAKE, why="it was done by somebody else meanwhile")
    if standing is Standing.OTHER:
        why = "nothing was changed: what it would change is no longer as it was when it was approved"
        return _moved(deps, action, ActionEvent.NOT_APPLIED, why=why)
    if standing is Standing.UNKNOWN and not _tells_nothing_before(_spec_of(deps, action)):
        why = "nothing was changed: how it is outside now cannot be read"
        if deps.clock() - action.updated_at < _REACHED_WITHIN:
            raise AdapterError(f"{action.id}: {why}; it is tried again", retryable=True)
        return _moved(deps, action, ActionEvent.NOT_APPLIED, why=why)
    lease = _lease(deps, action)
    begun = _move(deps, action, ActionEvent.BEGIN, why=_does(action), lease=lease)
    if begun is None:
        msg = f"{action.id} is carried out by another worker"
        raise ActionBusy(msg, retryable=True)
    with renewed(deps, action.id, lease):
        return _apply(deps, begun, is_first=True)


def _tells_nothing_before(spec: Action) -> bool:
    """Return whether nothing can tell before it is carried out that it was not yet; it was not, for it never began."""
    if isinstance(spec, ReindexDocuments):
        return True
    return isinstance(spec, Command) and not spec.look


def _apply(deps: Deps, action: ActionRun, *, is_first: bool = False) -> ActionRun:
    """Carry out what is noted as begun; of what was broken off, only where nothing of it is outside."""
    assert action.plan is not None
    pipeline, incident = _place(deps, action)
    standing = Standing.AS_BEFORE if is_first else _look(deps, action)
    said = "found done after it was broken off"
    if standing is Standing.AS_BEFORE:
        try:
            said = visible(open_target(deps, pipeline, incident, action.name).apply(action.plan, action.id))
            standing = Standing.APPLIED
        except Exception as error:  # what it did before it failed is what `look` tells
            said, standing = _said(error), _look(deps, action)
    if standing is Standing.APPLIED:
        return _applied(deps, action, said)
    if standing is Standing.AS_BEFORE:
        return _moved(deps, action, ActionEvent.NOT_APPLIED, why=f"it failed, and nothing was changed: {said}")
    if standing is Standing.OTHER:
        return _take_back(deps, action, ActionEvent.HALF_APPLIED, why=f"it was done by half: {said}")
    why = "it was broken off, and nothing tells whether it was done; it is not run again"
    if is_first:
        why = f"it failed, and nothing tells whether it was done: {said}"
    return _moved(deps, action, ActionEvent.UNKNOWN, why=why)


def _applied(deps: Deps, action: ActionRun, said: str) -> ActionRun:
    """Note that it is done; its incident is watched from now on."""
    spec = _spec_of(deps, action)
    ready = replace(action, check_by=deps.clock() + spec.check_within)
    with deps.store.deciding(action.pipeline):  # who is killed in between would leave its incident unwatched
        done = _move(deps, action, ActionEvent.APPLIED, why=said or _does(action), ready=ready)
        incident = deps.store.incident(action.incident_id)
        if done and incident is not None and incident.is_open and incident.state is not IncidentState.MITIGATED:
            act_on_incident(
                deps,
                incident.id,
                IncidentAction.MITIGATE,
                by=action.answered_by or action.name,
                door=action.door or Door.TASK,
                why=f"{action.name}: {_does(action)}",
            )
    return done or _required(deps, action.id)


def _take_back(deps: Deps, action: ActionRun, event: ActionEvent, *, why: str) -> ActionRun:
    """Undo an action, or call the reliability owner where that is not wanted or cannot be."""
    spec = _spec_of(deps, action)
    can_undo = spec.if_no_help == "undo" and action.plan is not None and bool(action.plan.undoes)
    lease = _lease(deps, action) if can_undo else None
    moved = _move(deps, action, event, why=why, can_undo=can_undo, lease=lease)
    if moved is None:
        return _required(deps, action.id)
    if lease is None or moved.state is not ActionState.UNDOING:
        return moved
    with renewed(deps, action.id, lease):
        return _undo(deps, moved)


def _undo(deps: Deps, action: ActionRun, *, is_first: bool = True) -> ActionRun:
    """Take an action back; what was broken off, only where something tells that it is not yet taken back.

    Raises:
        AdapterError: If what is outside cannot be reached now; it is tried again within an hour.
    """
    assert action.plan is not None
    pipeline, incident = _place(deps, action)
    standing = _look(deps, action)
    if standing is Standing.AS_BEFORE:
        return _moved(deps, action, ActionEvent.UNDONE, why=f"{action.why}; it is as it was before")
    if not is_first and standing is Standing.UNKNOWN:
        _try_later(deps, action, "how it is outside now cannot be read")
        why = f"{action.why}; undoing it was broken off, and nothing tells whether it was undone; it is not run again"
        return _moved(deps, action, ActionEvent.NOT_UNDONE, why=why)
    try:
        open_target(deps, pipeline, incident, action.name).undo(action.plan, action.id)
    except Exception as error:  # whatever it was, what is outside is looked at
        standing = _look(deps, action)
        if standing is not Standing.AS_BEFORE:
            if standing is Standing.UNKNOWN or (isinstance(error, AdapterError) and error.retryable):
                _try_later(deps, action, _said(error))
            why = f"{action.why}; undoing it failed: {_said(error)}"
            return _moved(deps, action, ActionEvent.NOT_UNDONE, why=why)
    return _moved(deps, action, ActionEvent.UNDONE, why=f"{action.why}; undone: {action.plan.undoes}")


def _try_later(deps: Deps, action: ActionRun, why: str) -> None:
    """Raise where what hinders undoing may pass in time, and something will tell then how far it came."""
    until = action.updated_at + _REACHED_WITHIN
    if deps.clock() < until and not _tells_nothing_before(_spec_of(deps, action)):
        msg = f"{action.id} is not undone yet: {why}; it is tried again until {until:%Y-%m-%d %H:%M} UTC"
        raise AdapterError(msg, retryable=True)


def _lease(deps: Deps, action: ActionRun) -> Lease:
    return Lease(timeout=_spec_of(deps, action).timeout)


def _expire(deps: Deps, action: ActionRun) -> None:
    escalates = _spec_of(deps, action).if_unanswered == "escalate"
    why = f"nobody answered by {action.answer_by:%Y-%m-%d %H:%M} UTC; nothing was changed"
    with deps.store.deciding(action.pipeline):  # who is killed in between would never call anybody
        expired = _move(deps, action, ActionEvent.EXPIRE, why=why)
        if expired is not None and escalates:
            occasion = f"{action.id}/expired"
            announce_step(deps, action.pipeline, action.incident_id, ChangeKind.ACTION_ESCALATED, occasion)


def _unblock(deps: Deps, known: ActionRun, action: ActionRun) -> None:
    now, spec = deps.clock(), _spec_of(deps, known)
    ready = replace(known, plan=action.plan, blocked_by=None, answer_by=now + spec.approve_within)
    does = "" if action.plan is None else action.plan.does
    _move(deps, known, ActionEvent.UNBLOCK, why=does, ready=ready)


def _is_free(deps: Deps, action: ActionRun) -> bool:
    assert action.plan is not None
    return all(
        one.id == action.id or one.proposed_at > action.proposed_at for one in deps.store.actions_on(action.plan.target)
    )


def _overtaken(deps: Deps, action: ActionRun) -> str:
    """Return why an action that has not begun is no longer needed; empty where it is."""
    incident = deps.store.incident(action.incident_id)
    if incident is None:
        return "its incident is no longer kept; nothing was changed"
    return "" if incident.is_open else f"its incident is {incident.state.value} already; nothing was changed"


def _look(deps: Deps, action: ActionRun) -> Standing:
    assert action.plan is not None
    pipeline, incident = _place(deps, action)
    try:
        return open_target(deps, pipeline, incident, action.name).look(action.plan, action.id)
    except Exception:  # what cannot be read decides nothing
        return Standing.UNKNOWN


def _moved(deps: Deps, action: ActionRun, event: ActionEvent, *, why: str, ready: ActionRun | None = None) -> ActionRun:
    """Return an action after an event, or as somebody else left it meanwhile."""
    return _move(deps, action, event, why=why, ready=ready) or _required(deps, action.id)


def _move(
    deps: Deps,
    action: ActionRun,
    event: ActionEvent,
    *,
    why: str,
    by: str | None = None,
    door: Door = Door.TASK,
    can_undo: bool = True,
    lease: Lease | None = None,
    ready: ActionRun | None = None,
) -> ActionRun | None:
    """Return an action after an event, kept and told; None where it cannot happen, or somebody was quicker."""
    now = deps.clock()
    said = shortened(visible(why), _WHY_CHARS)
    after = move(ready or action, event, at=now, why=said, by=by, door=door, can_undo=can_undo)
    if after is None:
        return None
    held = None if lease is None else (lease.owner, lease.until(now))
    kind = _KINDS[after.state]
    with deps.store.deciding(action.pipeline):
        if not deps.store.move_action(action, after, kind=kind, why=said, by=by, door=door, lease=held):
            return None
        announce_step(
            deps, action.pipeline, action.incident_id, kind, f"{action.id}/{after.state}", is_by_person=by is not None
        )
    return after


def _keep_new(deps: Deps, action: ActionRun, why: str) -> None:
    kind = _KINDS[action.state]
    with deps.store.deciding(action.pipeline):
        deps.store.add_action(action, kind=kind, why=shortened(visible(why), _WHY_CHARS))
        announce_step(deps, action.pipeline, action.incident_id, kind, f"{action.id}/{action.state}")


def _place(deps: Deps, action: ActionRun) -> tuple[Pipeline, Incident]:
    incident = deps.store.incident(action.incident_id)
    if incident is None:
        msg = f"incident {action.incident_id} of action {action.id} is no longer kept"
        raise StoreError(msg)
    return deps.project.pipeline(action.pipeline), incident


def _spec(pipeline: Pipeline, name: str) -> Action:
    spec = pipeline.actions.get(name)
    if spec is None:
        known = ", ".join(pipeline.actions) or "none"
        msg = f"pipeline {pipeline.pipeline} has no action {name!r}; known: {known}; add it under `actions`"
        raise DataContractError(msg)
    return spec


def _spec_of(deps: Deps, action: ActionRun) -> Action:
    return _spec(deps.project.pipeline(action.pipeline), action.name)


def _required(deps: Deps, action_id: str) -> ActionRun:
    action = deps.store.action(action_id)
    if action is None:
        msg = f"no action {action_id!r}"
        raise StoreError(msg)
    return action


def _does(action: ActionRun) -> str:
    return "" if action.plan is None else action.plan.does


def _said(error: Exception) -> str:
    text = str(error) if isinstance(error, SeamwatchError) else f"{type(error).__name__}: {error}"
    return shortened(visible(SECRETS.redact(text)), _WHY_CHARS)
