"""What people agreed to do, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.agreed_actions import AgreedAction, AgreedActionEvent, AgreedChange, AgreedState
from seamwatch.core.weekly_review.agreed import ATTRIBUTION, DOCUMENTS
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import (
    AggregateRow,
    AgreedActionEventRow,
    AgreedActionRow,
    FreshnessCheckRow,
    SloBucketRow,
    WindowRow,
)
from seamwatch.vocabulary import Door, Watch

_IDS_AT_ONCE = 400
"""Values named in one statement: below every database's limit on bound parameters."""


class AgreedActionStore:
    """The part of the store that keeps agreed actions."""

    def add_agreed_action(self: Transactions, added: AgreedActionEvent) -> bool:
        """Keep a new action with what is said of its beginning; False where there is one of its id."""
        values = _values(added.action)
        with self._writing() as connection:
            if not connection.execute(insert_or_ignore(connection, AgreedActionRow, values, ["id"])).rowcount:
                return False
            connection.execute(sa.insert(AgreedActionEventRow).values(**_event_values(added)))
        return True

    def change_agreed_action(self: Transactions, event: AgreedActionEvent) -> None:
        """Keep an action as it is after an event, and the event; decided and saved in one `deciding` block."""
        with self._writing() as connection:
            connection.execute(sa.update(AgreedActionRow).filter_by(id=event.action.id).values(**_values(event.action)))
            connection.execute(sa.insert(AgreedActionEventRow).values(**_event_values(event)))

    def agreed_action(self: Transactions, action_id: str) -> AgreedAction | None:
        """Return an agreed action, or None."""
        with self._reading() as connection:
            found = connection.scalar(sa.select(AgreedActionRow.action).filter_by(id=action_id))
            return None if found is None else from_json(AgreedAction, found)

    def agreed_actions(
        self: Transactions,
        *,
        pipelines: Collection[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[AgreedAction]:
        """Return agreed actions, the one that is due first first.

        Args:
            pipelines: Of these, and those about all pipelines; None: of any.
            since: Those that are open, or ended since this moment; None: all.
            until: As they stood at this moment; None: as they are now.
        """
        table = AgreedActionRow
        if until is None:
            statement = sa.select(table.action)
        else:
            events = AgreedActionEventRow
            last = sa.select(sa.func.max(events.id)).where(events.at < until).group_by(events.action_id)
            statement = sa.select(events.action).join(table, table.id == events.action_id).where(events.id.in_(last))
        if pipelines is not None:
            statement = statement.where(sa.or_(table.pipeline.is_(None), table.pipeline.in_(list(pipelines))))
        with self._reading() as connection:
            found = [from_json(AgreedAction, row) for row in connection.scalars(statement)]
        kept = [one for one in found if since is None or one.ended_at is None or one.ended_at >= since]
        return sorted(kept, key=lambda one: (one.due_on, one.agreed_at, one.id))

    def agreed_action_events(self: Transactions, action_id: str) -> list[AgreedActionEvent]:
        """Return what happened to an agreed action, oldest first."""
        statement = sa.select(AgreedActionEventRow.__table__).filter_by(action_id=action_id)
        with self._reading() as connection:
            rows = connection.execute(statement.order_by(AgreedActionEventRow.id))
            return [
                AgreedActionEvent(
                    action=from_json(AgreedAction, row.action),
                    kind=AgreedChange(row.kind),
                    by=row.by,
                    door=Door(row.door),
                    at=row.at,
                    why=row.why,
                )
                for row in rows
            ]

    def newest_judged(
        self: Transactions, pipelines: Collection[str], *, until: datetime
    ) -> dict[tuple[str, str], datetime]:
        """Return when the newest span began that a detector judged records of, by pipeline and detector.

        Args:
            pipelines: Of these.
            until: Of what was judged before this moment; of a watch, of what it read of the time before it.
        """
        names, windows, checks = list(pipelines), WindowRow, FreshnessCheckRow
        is_judged = (windows.n_judged > 0, windows.end_at <= until, windows.attributed_at < until)
        # Of watches the last report alone is kept, and every hour that they have read.
        newest: list[tuple[type[Any], Any, Any, tuple[Any, ...]]] = [
            (windows, sa.literal(ATTRIBUTION), windows.start_at, is_judged),
            (checks, sa.literal(DOCUMENTS), checks.checked_at, (checks.checked_at < until,)),
            (AggregateRow, AggregateRow.watch, AggregateRow.start_at, (AggregateRow.start_at < until,)),
            (
                SloBucketRow,
                sa.literal(Watch.BUDGET.value),
                SloBucketRow.start_at,
                (SloBucketRow.start_at < until, SloBucketRow.judged > 0),
            ),
        ]
        found: dict[tuple[str, str], datetime] = {}
        with self._reading() as connection:
            for table, detector, at, where in newest:
                place = (table.pipeline, detector.label("detector"))
                statement = sa.select(*place, sa.func.max(at)).where(table.pipeline.in_(names), *where)
                rows = connection.execute(statement.group_by(table.pipeline, sa.text("detector")))
                found.update({(pipeline, name): last for pipeline, name, last in rows})
        return found

    def purge_agreed_actions(self: Transactions, *, before: datetime, is_dry_run: bool = False) -> int:
        """Return how many actions were done or dropped before a moment, and are deleted; open ones stay.

        Args:
            before: The moment.
            is_dry_run: Only count.
        """
        table = AgreedActionRow
        old = (table.state != AgreedState.OPEN.value, table.ended_at < before)
        if is_dry_run:
            with self._reading() as connection:
                return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*old)) or 0
        with self._writing() as connection:
            ids = list(connection.scalars(sa.select(table.id).where(*old).with_for_update()))
            for start in range(0, len(ids), _IDS_AT_ONCE):
                part = ids[start : start + _IDS_AT_ONCE]
                events = AgreedActionEventRow
                connection.execute(sa.delete(events).where(events.action_id.in_(part)))
                connection.execute(sa.delete(table).where(table.id.in_(part)))
        return len(ids)


def _values(action: AgreedAction) -> dict[str, Any]:
    return {
        "id": action.id,
        "pipeline": action.pipeline,
        "incident_id": action.incident,
        "state": action.state.value,
        "agreed_at": action.agreed_at,
        "ended_at": action.ended_at,
        "action": to_json(action),
    }


def _event_values(event: AgreedActionEvent) -> dict[str, Any]:
    return {
        "action_id": event.action.id,
        "kind": event.kind.value,
        "by": event.by,
        "door": event.door.value,
        "at": event.at,
        "why": event.why,
        "action": to_json(event.action),
    }
