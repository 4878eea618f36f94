"""What runbooks found and what actions changed outside, each with its place in the incident's audit trail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.action_life import FINAL, ActionRun
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.runbooks import StepRun
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import ActionRow, IncidentEventRow, RunbookStepRow
from seamwatch.vocabulary import ActionState, Door

_UNFINISHED = tuple(state for state in ActionState if state not in FINAL)


class ActionStore:
    """The part of the store that keeps runbooks and their actions."""

    def add_action(self: Transactions, action: ActionRun, *, kind: ChangeKind, why: str) -> None:
        """Keep an action that was proposed, and that it was; one of the same id stays as it is."""
        values = {
            "id": action.id,
            "incident_id": action.incident_id,
            "pipeline": action.pipeline,
            "proposed_at": action.proposed_at,
            **_values(action),
        }
        with self._writing() as connection:
            if connection.execute(insert_or_ignore(connection, ActionRow, values, ["id"])).rowcount:
                _note(connection, action, kind=kind, by=None, door=Door.TASK, why=why)

    def move_action(
        self: Transactions,
        before: ActionRun,
        after: ActionRun,
        *,
        kind: ChangeKind,
        why: str,
        by: str | None = None,
        door: Door = Door.TASK,
        lease: tuple[str, datetime] | None = None,
    ) -> bool:
        """Keep what became of an action, unless somebody was quicker; return whether it was kept.

        Args:
            before: As it was read.
            after: As it is to be.
            kind: Of the entry in the incident's timeline.
            why: Its words.
            by: The person, where it is one.
            door: By which way they came.
            lease: Who works on it from now on, and until when nobody else does; None: nobody.
        """
        owner, until = lease or (None, None)
        same = sa.update(ActionRow).where(ActionRow.id == before.id, ActionRow.state == before.state.value)
        values = {**_values(after), "lease_owner": owner, "lease_until": until}
        with self._writing() as connection:
            if not connection.execute(same.values(**values)).rowcount:
                return False
            _note(connection, after, kind=kind, by=by, door=door, why=why)
        return True

    def lease_action(self: Transactions, action: ActionRun, *, owner: str, now: datetime, until: datetime) -> bool:
        """Take over an action whose worker is gone; False where somebody works on it, or it is another by now."""
        free = sa.or_(ActionRow.lease_until.is_(None), ActionRow.lease_until <= now)
        same = sa.update(ActionRow).where(ActionRow.id == action.id, ActionRow.state == action.state.value, free)
        with self._writing() as connection:
            return bool(connection.execute(same.values(lease_owner=owner, lease_until=until)).rowcount)

    def renew_action_lease(self: Transactions, action_id: str, *, owner: str, until: datetime) -> bool:
        """Let a worker's lease end at another time; False where it is no longer that worker's."""
        mine = sa.update(ActionRow).where(ActionRow.id == action_id, ActionRow.lease_owner == owner)
        with self._writing() as connection:
            return bool(connection.execute(mine.values(lease_until=until)).rowcount)

    def action(self: Transactions, action_id: str) -> ActionRun | None:
        """Return an action, or None."""
        with self._reading() as connection:
            data = connection.scalar(sa.select(ActionRow.action).filter_by(id=action_id))
        return None if data is None else from_json(ActionRun, data)

    def actions_of(self: Transactions, incident_id: str) -> list[ActionRun]:
        """Return the actions of an incident, oldest first."""
        statement = sa.select(ActionRow.action).filter_by(incident_id=incident_id)
        with self._reading() as connection:
            rows = connection.scalars(statement.order_by(ActionRow.proposed_at, ActionRow.id))
            return [from_json(ActionRun, row) for row in rows]

    def count_waiting_actions(self: Transactions) -> dict[str, int]:
        """Return how many actions wait for somebody's answer, by pipeline; one without any is missing."""
        statement = sa.select(ActionRow.pipeline, sa.func.count()).filter_by(state=ActionState.WAITING.value)
        with self._reading() as connection:
            return {name: n for name, n in connection.execute(statement.group_by(ActionRow.pipeline))}

    def unfinished_actions(self: Transactions, pipelines: Collection[str]) -> list[str]:
        """Return the ids of actions that something still follows of, oldest first."""
        statement = sa.select(ActionRow.id).where(
            ActionRow.pipeline.in_(list(pipelines)), ActionRow.state.in_([state.value for state in _UNFINISHED])
        )
        with self._reading() as connection:
            return list(connection.scalars(statement.order_by(ActionRow.proposed_at, ActionRow.id)))

    def actions_on(self: Transactions, target: str) -> list[ActionRun]:
        """Return the actions of all pipelines that are on a target and not over, oldest first."""
        statement = sa.select(ActionRow.action).where(
            ActionRow.target == target, ActionRow.state.in_([state.value for state in _UNFINISHED])
        )
        with self._reading() as connection:
            rows = connection.scalars(statement.order_by(ActionRow.proposed_at, ActionRow.id))
            return [from_json(ActionRun, row) for row in rows]

    def save_step(self: Transactions, step: StepRun) -> None:
        """Keep what a step of a runbook found; the same step of the same run takes the place of an earlier try."""
        place = {"incident_id": step.incident_id, "run": step.run, "name": step.name}
        with self._writing() as connection:
            connection.execute(sa.delete(RunbookStepRow).filter_by(**place))
            connection.execute(sa.insert(RunbookStepRow).values(**place, step=to_json(step)))
            connection.execute(
                sa.insert(IncidentEventRow).values(
                    incident_id=step.incident_id,
                    kind=ChangeKind.RUNBOOK_STEP.value,
                    window=None,
                    by=None,
                    at=step.ended_at,
                    door=Door.TASK.value,
                    why=f"{step.name}: {step.finding.text}",
                )
            )

    def runbook_steps(self: Transactions, incident_id: str) -> list[StepRun]:
        """Return what the steps of an incident's runbooks found, in the order in which they ran."""
        statement = sa.select(RunbookStepRow.step).filter_by(incident_id=incident_id).order_by(RunbookStepRow.id)
        with self._reading() as connection:
            return [from_json(StepRun, row) for row in connection.scalars(statement)]


def _values(action: ActionRun) -> dict[str, Any]:
    target = None if action.plan is None else action.plan.target
    return {"target": target, "state": action.state.value, "action": to_json(action)}


def _note(
    connection: sa.Connection, action: ActionRun, *, kind: ChangeKind, by: str | None, door: Door, why: str
) -> None:
    connection.execute(
        sa.insert(IncidentEventRow).values(
            incident_id=action.incident_id,
            kind=kind.value,
            window=None,
            by=by,
            at=action.updated_at,
            door=door.value,
            why=f"{action.name}: {why}" if why else action.name,
        )
    )
