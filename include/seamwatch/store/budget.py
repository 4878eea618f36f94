"""Answers that were paid for, and the hard budget of calls: reserve before a call, settle after it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import sqlalchemy as sa

from seamwatch.core.replays import BudgetLimits, ModelAnswer
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import AnswerRow, BudgetRow, ReservationRow

_ROUNDING_USD = 1e-9
"""Sums of prices are a hair off: three calls of 0.1 fit a limit of 0.3."""


class Transactions(Protocol):
    """What the parts of the store share."""

    def _reading(self) -> AbstractContextManager[sa.Connection]: ...

    def _writing(self) -> AbstractContextManager[sa.Connection]: ...


class BudgetStore:
    """The part of the store that isolation uses."""

    def cached_answer(self: Transactions, scope: str, request_hash: str, attempt: int) -> ModelAnswer | None:
        """Return the answer to a request that was asked before, or None."""
        statement = sa.select(AnswerRow.answer).filter_by(scope=scope, request_hash=request_hash, attempt=attempt)
        with self._reading() as connection:
            found = connection.scalar(statement)
        return None if found is None else from_json(ModelAnswer, found)

    def save_answer(
        self: Transactions,
        scope: str,
        request_hash: str,
        attempt: int,
        answer: ModelAnswer,
        *,
        key: str,
        purpose: str,
    ) -> None:
        """Keep an answer; a second save of the same call changes nothing."""
        values = {
            "scope": scope,
            "request_hash": request_hash,
            "attempt": attempt,
            "key": key,
            "purpose": purpose,
            "answer": to_json(answer),
        }
        with self._writing() as connection:
            connection.execute(insert_or_ignore(connection, AnswerRow, values, ["scope", "request_hash", "attempt"]))

    def reserve(
        self: Transactions, pipeline: str, run: str, day: str, *, usd: float, limits: BudgetLimits
    ) -> int | None:
        """Return a reservation for one call of at most `usd`, or None when a limit of the run or day would be passed.

        Both counters are locked before they are read, so that racing processes never oversell.
        """
        with self._writing() as connection:
            (run_calls, run_usd), (day_calls, day_usd) = _locked(connection, pipeline, run, day)
            if run_calls >= limits.calls_per_run or day_calls >= limits.calls_per_day:
                return None
            room_usd = min(limits.usd_per_run - run_usd, limits.usd_per_day - day_usd)
            if usd > room_usd + _ROUNDING_USD:
                return None
            _add(connection, pipeline, run, day, n_calls=1, usd=usd)
            made = connection.execute(
                sa.insert(ReservationRow).values(pipeline=pipeline, run=run, day=day, usd=usd, is_open=True)
            )
            assert made.inserted_primary_key is not None
            return int(made.inserted_primary_key[0])

    def settle(self: Transactions, reservation: int, *, usd: float) -> None:
        """Replace the reserved money by what the call really cost; a second time changes nothing."""
        with self._writing() as connection:
            _close(connection, reservation, n_calls=0, usd=usd)

    def release(self: Transactions, reservation: int) -> None:
        """Give back a reservation whose call never left; a second time changes nothing."""
        with self._writing() as connection:
            _close(connection, reservation, n_calls=-1, usd=0.0)

    def spent(
        self: Transactions, pipeline: str, *, run: str | None = None, day: str | None = None
    ) -> tuple[int, float]:
        """Return calls and money that are spent or reserved, of a run or of a day."""
        scope = f"run:{run}" if run is not None else f"day:{day}"
        with self._reading() as connection:
            statement = sa.select(BudgetRow.n_calls, BudgetRow.usd).filter_by(pipeline=pipeline, scope=scope)
            row = connection.execute(statement).one_or_none()
        return (0, 0.0) if row is None else (row[0], row[1])


def _close(connection: sa.Connection, reservation: int, *, n_calls: int, usd: float) -> None:
    row = connection.execute(
        sa.update(ReservationRow)
        .where(ReservationRow.id == reservation, ReservationRow.is_open)
        .values(is_open=False)
        .returning(ReservationRow.pipeline, ReservationRow.run, ReservationRow.day, ReservationRow.usd)
    ).one_or_none()
    if row is None:
        return
    _locked(connection, row.pipeline, row.run, row.day)
    _add(connection, row.pipeline, row.run, row.day, n_calls=n_calls, usd=usd - row.usd)


def _scopes(run: str, day: str) -> tuple[str, str]:
    return f"run:{run}", f"day:{day}"


def _locked(connection: sa.Connection, pipeline: str, run: str, day: str) -> list[tuple[int, float]]:
    """Return calls and money of the run and of the day, locked in this order by everyone: other orders deadlock.

    A counter that is not there yet is made.
    """
    found = []
    for scope in _scopes(run, day):
        statement = sa.select(BudgetRow.n_calls, BudgetRow.usd).filter_by(pipeline=pipeline, scope=scope)
        row = connection.execute(statement.with_for_update()).one_or_none()
        if row is None:
            values = {"pipeline": pipeline, "scope": scope, "n_calls": 0, "usd": 0.0}
            connection.execute(insert_or_ignore(connection, BudgetRow, values, ["pipeline", "scope"]))
            row = connection.execute(statement.with_for_update()).one()
        found.append((row.n_calls, row.usd))
    return found


def _add(connection: sa.Connection, pipeline: str, run: str, day: str, *, n_calls: int, usd: float) -> None:
    connection.execute(
        sa.update(BudgetRow)
        .where(BudgetRow.pipeline == pipeline, BudgetRow.scope.in_(_scopes(run, day)))
        .values(n_calls=BudgetRow.n_calls + n_calls, usd=BudgetRow.usd + usd)
    )
