"""Answers that were paid for, and the hard budget of calls: reserve before a call, settle after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Protocol

import sqlalchemy as sa

from seamwatch.core.replays import BudgetLimits, ModelAnswer
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import AnswerRow, BudgetRow, ReservationRow

ROUNDING_USD = 1e-9
"""Sums of prices are a hair off: three calls of 0.1 fit a limit of 0.3."""

_HASHES = 500
"""Requests looked up in one statement; SQLite takes no endless list."""

# Each call runs about ten of these statements. They are built here and on the tables, not on the classes that describe
# them: building them anew for each call took longer than running them.
_ANSWERS = AnswerRow.metadata.tables[AnswerRow.__tablename__]
_BUDGETS = BudgetRow.metadata.tables[BudgetRow.__tablename__]
_RESERVATIONS = ReservationRow.metadata.tables[ReservationRow.__tablename__]
_LOCK = (
    sa.select(_BUDGETS.c.n_calls, _BUDGETS.c.usd)
    .where(_BUDGETS.c.pipeline == sa.bindparam("pipeline"), _BUDGETS.c.scope == sa.bindparam("scope"))
    .with_for_update()
)
_ADD = (
    sa.update(_BUDGETS)
    .where(
        _BUDGETS.c.pipeline == sa.bindparam("of_pipeline"),
        _BUDGETS.c.scope.in_(sa.bindparam("scopes", expanding=True)),
    )
    .values(
        n_calls=_BUDGETS.c.n_calls + sa.bindparam("more_calls", type_=sa.Integer),
        usd=_BUDGETS.c.usd + sa.bindparam("more_usd", type_=sa.Float),
    )
)
_RESERVE = sa.insert(_RESERVATIONS)
_CLOSE = (
    sa.update(_RESERVATIONS)
    .where(_RESERVATIONS.c.id == sa.bindparam("reservation"), _RESERVATIONS.c.is_open)
    .values(is_open=False)
    .returning(*(_RESERVATIONS.c[name] for name in ("pipeline", "run", "day", "usd", "is_routine")))
)


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

    def cached_answers(
        self: Transactions, scope: str, calls: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], ModelAnswer]:
        """Return the answers that are known of these calls, by request hash and attempt; read in one transaction."""
        hashes, attempts = sorted({one for one, _ in calls}), sorted({attempt for _, attempt in calls})
        wanted, found = set(calls), dict[tuple[str, int], ModelAnswer]()
        statement = sa.select(AnswerRow.request_hash, AnswerRow.attempt, AnswerRow.answer).filter_by(scope=scope)
        with self._reading() as connection:
            for at in range(0, len(hashes), _HASHES):
                part = hashes[at : at + _HASHES]
                chosen = statement.where(AnswerRow.request_hash.in_(part), AnswerRow.attempt.in_(attempts))
                rows = connection.execute(chosen).all()
                found |= {(row[0], row[1]): from_json(ModelAnswer, row[2]) for row in rows if tuple(row[:2]) in wanted}
        return found

    def save_answer(
        self: Transactions,
        scope: str,
        request_hash: str,
        attempt: int,
        answer: ModelAnswer,
        *,
        key: str,
        purpose: str,
        now: datetime | None = None,
    ) -> None:
        """Keep an answer; a second save of the same call changes nothing.

        Args:
            scope: Within which it is shared.
            request_hash: Of the request.
            attempt: Number of the call among equal ones.
            answer: The answer.
            key: Record that it was asked for.
            purpose: What it was asked for.
            now: From when on it grows old; default: the present.
        """
        values = {
            "scope": scope,
            "request_hash": request_hash,
            "attempt": attempt,
            "key": key,
            "purpose": purpose,
            "answer": to_json(answer),
            "created_at": now or datetime.now(UTC),
        }
        with self._writing() as connection:
            connection.execute(insert_or_ignore(connection, _ANSWERS, values, ["scope", "request_hash", "attempt"]))

    def reserve(
        self: Transactions,
        pipeline: str,
        run: str,
        day: str,
        *,
        usd: float,
        limits: BudgetLimits,
        up_to_usd: float = 0.0,
    ) -> int | None:
        """Return a reservation for one call, or None when `usd` would pass a limit of the run or day.

        Where `up_to_usd` is more, so much is held, or all that is left if that is less: no call of a price that is
        known then runs beside this one. All counters are locked before they are read, so that racing processes never
        oversell.
        """
        is_routine = limits.routine_calls_per_day is not None
        with self._writing() as connection:
            spent = _locked(connection, pipeline, _scopes(run, day, is_routine=is_routine))
            left_usd = inf
            for (n_calls, n_usd), (most_calls, most_usd) in zip(spent, _most(limits), strict=True):
                if n_calls >= most_calls or n_usd + usd > most_usd + ROUNDING_USD:
                    return None
                left_usd = min(left_usd, most_usd - n_usd)
            if isfinite(left_usd):
                usd = max(usd, min(up_to_usd, left_usd))
            _add(connection, pipeline, _scopes(run, day, is_routine=is_routine), n_calls=1, usd=usd)
            values = {"pipeline": pipeline, "run": run, "day": day, "usd": usd, "is_routine": is_routine}
            made = connection.execute(_RESERVE, {**values, "is_open": True})
            assert made.inserted_primary_key is not None
            return int(made.inserted_primary_key[0])

    def settle(self: Transactions, reservation: int, *, usd: float | None) -> None:
        """Replace the reserved money by what the call really cost; a second time changes nothing.

        None: the cost is not known, and the money stays as it was reserved.
        """
        with self._writing() as connection:
            _close(connection, reservation, n_calls=0, usd=usd)

    def release(self: Transactions, reservation: int) -> None:
        """Give back a reservation whose call never left; a second time changes nothing."""
        with self._writing() as connection:
            _close(connection, reservation, n_calls=-1, usd=0.0)

    def spent(
        self: Transactions,
        pipeline: str,
        *,
        run: str | None = None,
        day: str | None = None,
        routine_day: str | None = None,
    ) -> tuple[int, float]:
        """Return calls and money that are spent or reserved: of a run, of a day, or of a day's routine calls."""
        named = {"run": run, "day": day, "routine": routine_day}
        scope = next(f"{kind}:{name}" for kind, name in named.items() if name is not None)
        with self._reading() as connection:
            statement = sa.select(BudgetRow.n_calls, BudgetRow.usd).filter_by(pipeline=pipeline, scope=scope)
            row = connection.execute(statement).one_or_none()
        return (0, 0.0) if row is None else (row[0], row[1])


def _close(connection: sa.Connection, reservation: int, *, n_calls: int, usd: float | None) -> None:
    row = connection.execute(_CLOSE, {"reservation": reservation}).one_or_none()
    if row is None:
        return
    more_usd = 0.0 if usd is None else usd - row.usd
    if not n_calls and not more_usd:  # as of every call without a price: no counter changes
        return
    scopes = _scopes(row.run, row.day, is_routine=bool(row.is_routine))
    _locked(connection, row.pipeline, scopes)
    _add(connection, row.pipeline, scopes, n_calls=n_calls, usd=more_usd)


def _scopes(run: str, day: str, *, is_routine: bool) -> tuple[str, ...]:
    """Return the counters of a call, in the order in which everyone locks them: other orders deadlock."""
    return (f"run:{run}", f"day:{day}", *((f"routine:{day}",) if is_routine else ()))


def _most(limits: BudgetLimits) -> list[tuple[float, float]]:
    """Return the most calls and money of each counter, in the order of `_scopes`."""
    found: list[tuple[float, float]] = [
        (limits.calls_per_run, limits.usd_per_run),
        (limits.calls_per_day, limits.usd_per_day),
    ]
    if limits.routine_calls_per_day is not None:
        money = limits.usd_per_day if limits.routine_usd_per_day is None else limits.routine_usd_per_day
        found.append((limits.routine_calls_per_day, money))
    return found


def _locked(connection: sa.Connection, pipeline: str, scopes: Sequence[str]) -> list[tuple[int, float]]:
    """Return calls and money of the counters, locked in their order; one that is not there yet is made."""
    found = []
    for scope in scopes:
        counter = {"pipeline": pipeline, "scope": scope}
        row = connection.execute(_LOCK, counter).one_or_none()
        if row is None:
            values = {**counter, "n_calls": 0, "usd": 0.0}
            connection.execute(insert_or_ignore(connection, _BUDGETS, values, ["pipeline", "scope"]))
            row = connection.execute(_LOCK, counter).one()
        found.append((row.n_calls, row.usd))
    return found


def _add(connection: sa.Connection, pipeline: str, scopes: Sequence[str], *, n_calls: int, usd: float) -> None:
    values = {"of_pipeline": pipeline, "scopes": scopes, "more_calls": n_calls, "more_usd": usd}
    connection.execute(_ADD, values)
