"""Buttons that people pressed: recorded once, and carried out once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.core.button_presses import ButtonPress, RecordedPress
from seamwatch.store.budget import Transactions
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import ButtonPressRow, IncidentRow
from seamwatch.vocabulary import ApprovalAnswer, IncidentAction, Responsibility

_AGREED = "agreed:"


class ButtonPressStore:
    """The part of the store that keeps what people pressed."""

    def record_press(self: Transactions, press: ButtonPress, *, connection: str | None, now: datetime) -> int:
        """Return the id of a press, recorded now unless it was before."""
        values = {
            "key": press.key,
            "incident_id": press.incident_id,
            "action": _name(press.action),
            "responsibility": None if press.responsibility is None else press.responsibility.value,
            "user_id": press.user_id,
            "user_name": press.user_name,
            "channel": press.channel,
            "why": press.why,
            "merge_into": press.into,
            "answered": press.answered,
            "connection": connection,
            "received_at": now,
            "tries": 0,
        }
        with self._writing() as database:
            database.execute(insert_or_ignore(database, ButtonPressRow, values, ["key"]))
            return database.execute(sa.select(ButtonPressRow.id).filter_by(key=press.key)).scalar_one()

    def press(self: Transactions, press_id: int) -> RecordedPress | None:
        """Return a recorded press, or None."""
        with self._reading() as database:
            row = database.execute(sa.select(ButtonPressRow.__table__).filter_by(id=press_id)).mappings().one_or_none()
        return None if row is None else _press(row)

    def presses_to_carry_out(self: Transactions) -> list[RecordedPress]:
        """Return what was recorded and is not done, oldest first."""
        waiting = sa.select(ButtonPressRow.__table__).where(ButtonPressRow.done_at.is_(None))
        with self._reading() as database:
            return [_press(row) for row in database.execute(waiting.order_by(ButtonPressRow.id)).mappings()]

    def end_press(self: Transactions, press_id: int, *, now: datetime, result: str | None = None) -> bool:
        """Note that a press is done, in the transaction that does it; return False where it was done before."""
        waiting = sa.update(ButtonPressRow).filter_by(id=press_id).where(ButtonPressRow.done_at.is_(None))
        with self._writing() as database:
            return bool(database.execute(waiting.values(done_at=now, result=result)).rowcount)

    def note_press(self: Transactions, press_id: int, *, result: str, is_failure: bool = False) -> None:
        """Note what became of a press, or why it could not be carried out."""
        values: dict[str, Any] = {"result": result}
        if is_failure:
            values["tries"] = ButtonPressRow.tries + 1
        with self._writing() as database:
            database.execute(sa.update(ButtonPressRow).filter_by(id=press_id).values(**values))

    def purge_presses(self: Transactions, *, before: datetime, is_dry_run: bool = False) -> int:
        """Return how many presses of before a moment are done and of no incident that is kept, and are deleted.

        Those of an incident that is kept stay with it.

        Args:
            before: The moment.
            is_dry_run: Only count.
        """
        table = ButtonPressRow
        has_incident = sa.exists().where(IncidentRow.id == table.incident_id)
        old = (table.received_at < before, table.done_at.is_not(None), ~has_incident)
        if is_dry_run:
            with self._reading() as database:
                return database.scalar(sa.select(sa.func.count()).select_from(table).where(*old)) or 0
        with self._writing() as database:
            return database.execute(sa.delete(table).where(*old)).rowcount


def _press(row: Any) -> RecordedPress:
    responsibility = row["responsibility"]
    press = ButtonPress(
        key=row["key"],
        incident_id=row["incident_id"],
        action=_action(row["action"]),
        responsibility=None if responsibility is None else Responsibility(responsibility),
        user_id=row["user_id"],
        user_name=row["user_name"],
        channel=row["channel"],
        why=row["why"] or "",
        into=row["merge_into"],
        answered=row["answered"],
    )
    return RecordedPress(
        id=row["id"],
        press=press,
        connection=row["connection"],
        received_at=row["received_at"],
        done_at=row["done_at"],
        tries=row["tries"],
    )


def _name(action: IncidentAction | ApprovalAnswer | AgreedWish) -> str:
    """Return an action's name in the store; "reopen" is of incidents and of agreed actions."""
    return f"{_AGREED}{action.value}" if isinstance(action, AgreedWish) else action.value


def _action(name: str) -> IncidentAction | ApprovalAnswer | AgreedWish:
    if name.startswith(_AGREED):
        return AgreedWish(name.removeprefix(_AGREED))
    return ApprovalAnswer(name) if name in list(ApprovalAnswer) else IncidentAction(name)
