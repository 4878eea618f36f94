"""The target of an action, by its kind."""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.adapters.actions.base import ActionTarget
from seamwatch.adapters.actions.http_value import HttpValueTarget
from seamwatch.adapters.actions.json_service import CALL_S, JsonService
from seamwatch.adapters.actions.sql_value import SqlValueTarget
from seamwatch.adapters.actions.writable_database import WritableDatabase
from seamwatch.adapters.base import Connections
from seamwatch.spec.actions import HttpValue, SqlValue

OutsideAction = SqlValue | HttpValue
"""Actions that one system outside carries out. Re-indexing and running windows again are use cases of the engine."""


@dataclass(frozen=True, kw_only=True)
class ActionPlace:
    """What an action is carried out with."""

    pipeline: str
    database: str
    """Connection id of the pipeline's database."""
    connections: Connections


def action_target(action: OutsideAction, place: ActionPlace) -> ActionTarget:
    """Return the target; nothing outside is touched yet.

    Raises:
        ConnectionNotFound: If it names a connection that there is not.
        AdapterError: If its connection leads nowhere.
    """
    if isinstance(action, SqlValue):
        return SqlValueTarget(action, _database(action.database, action.timeout.total_seconds(), place))
    return HttpValueTarget(action, _service(action.connection, action.timeout.total_seconds(), place))


def _database(conn_id: str | None, timeout_s: float, place: ActionPlace) -> WritableDatabase:
    return WritableDatabase(place.connections.get(conn_id or place.database), timeout_s=timeout_s)


def _service(conn_id: str, timeout_s: float, place: ActionPlace, *, is_bearer: bool = False) -> JsonService:
    info = place.connections.get(conn_id)
    return JsonService(info, pipeline=place.pipeline, is_bearer=is_bearer, deadline_s=min(CALL_S, timeout_s))
