"""The target of an action, by its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seamwatch.adapters.actions.airflow_api import AirflowApi
from seamwatch.adapters.actions.base import ActionTarget
from seamwatch.adapters.actions.command import CommandTarget
from seamwatch.adapters.actions.dag_run import DagRunTarget
from seamwatch.adapters.actions.http_value import HttpValueTarget
from seamwatch.adapters.actions.json_service import CALL_S, JsonService
from seamwatch.adapters.actions.litellm import LitellmLimitTarget
from seamwatch.adapters.actions.mlflow_alias import MlflowAliasTarget
from seamwatch.adapters.actions.quarantine import QuarantineTarget
from seamwatch.adapters.actions.sql_value import SqlValueTarget
from seamwatch.adapters.actions.writable_database import WritableDatabase
from seamwatch.adapters.base import Connections
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import Command, DagRun, HttpValue, LitellmLimit, MlflowAlias, Quarantine, SqlValue

OutsideAction = MlflowAlias | SqlValue | HttpValue | LitellmLimit | DagRun | Command | Quarantine
"""Actions that one system outside carries out. Re-indexing and running windows again are use cases of the engine."""


@dataclass(frozen=True, kw_only=True)
class ActionPlace:
    """What an action is carried out with."""

    pipeline: str
    database: str
    """Connection id of the pipeline's database."""
    connections: Connections
    incident_id: str
    project_dir: Path
    records: Sequence[tuple[str, str]] = ()
    """Key and stage of each affected record, for a quarantine to be planned."""
    knowledge_base: str | None = None
    """Whose documents are to be indexed anew, where a DAG or a command does that."""
    documents: Sequence[str] = ()
    """Their ids."""


def action_target(action: OutsideAction, place: ActionPlace) -> ActionTarget:
    """Return the target; nothing outside is touched yet.

    Raises:
        ConnectionNotFound: If it names a connection that there is not.
        AdapterError: If its connection leads nowhere.
    """
    if isinstance(action, SqlValue):
        return SqlValueTarget(action, _database(action, place))
    if isinstance(action, Quarantine):
        return QuarantineTarget(action, _database(action, place), incident_id=place.incident_id, records=place.records)
    if isinstance(action, Command):
        return CommandTarget(
            action,
            pipeline=place.pipeline,
            incident_id=place.incident_id,
            project_dir=place.project_dir,
            documents=None if place.knowledge_base is None else place.documents,
        )
    return _web_target(action, place, deadline_s=min(CALL_S, action.timeout.total_seconds()))


def _web_target(
    action: MlflowAlias | HttpValue | LitellmLimit | DagRun, place: ActionPlace, *, deadline_s: float
) -> ActionTarget:
    info = place.connections.get(action.connection)
    if isinstance(action, DagRun):
        api = AirflowApi(info, pipeline=place.pipeline, deadline_s=deadline_s)
        conf = {"incident": place.incident_id, "pipeline": place.pipeline}
        if place.knowledge_base is not None:
            return DagRunTarget(
                action, api, conf={**conf, "knowledge_base": place.knowledge_base, "documents": list(place.documents)}
            )
        return DagRunTarget(action, api, conf=conf)
    is_bearer = isinstance(action, LitellmLimit)
    service = JsonService(info, pipeline=place.pipeline, is_bearer=is_bearer, deadline_s=deadline_s)
    if isinstance(action, LitellmLimit):
        return LitellmLimitTarget(action, service, key=_key(action, place))
    return MlflowAliasTarget(action, service) if isinstance(action, MlflowAlias) else HttpValueTarget(action, service)


def _key(action: LitellmLimit, place: ActionPlace) -> str:
    """Return the key that is limited, or its hash."""
    if action.key is not None:
        return action.key
    assert action.key_from is not None
    key = (place.connections.get(action.key_from).password or "").strip()
    if not key:
        msg = f"connection {action.key_from!r} has no password; put the key of the gateway there"
        raise AdapterError(msg)
    return key


def _database(action: SqlValue | Quarantine, place: ActionPlace) -> WritableDatabase:
    info = place.connections.get(action.database or place.database)
    return WritableDatabase(info, timeout_s=action.timeout.total_seconds())
