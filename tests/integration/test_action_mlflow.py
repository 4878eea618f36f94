"""An alias of a registered model, on a real MLflow over SQLite; and servers that are none."""

from __future__ import annotations

import sqlite3
from typing import Any
from uuid import uuid4

import pytest

from action_places import place_with
from json_config_server import JsonConfigServer, config_server
from mlflow_server import MlflowServer, mlflow_server
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import MlflowAlias

pytestmark = pytest.mark.integration
__all__ = ["config_server", "mlflow_server"]


def target_of(url: str, model: str, *, password: str | None = None, **fields: Any) -> ActionTarget:
    given = {"kind": "mlflow_alias", "connection": "mlflow", "model": model, "alias": "champion"} | fields
    info = {"conn_type": "http", "host": url, "password": password}
    return action_target(MlflowAlias.model_validate(given), place_with({"mlflow": info}))


@pytest.fixture
def model(mlflow_server: MlflowServer) -> str:
    """Return a model of the test's own with versions 1 to 4, whose champion is version 3."""
    name = f"returns {uuid4().hex[:8]}"
    mlflow_server.add_model(name, n_versions=4, champion=3)
    return name


def test_an_alias_goes_to_the_version_before_and_back(mlflow_server: MlflowServer, model: str) -> None:
    target = target_of(mlflow_server.url, model)
    plan = target.plan()
    assert plan.does == f"Points alias champion of model {model} from version 3 to version 2"
    assert plan.undoes == f"Points alias champion of model {model} back to version 3"
    assert (plan.before, plan.after) == ('"3"', '"2"')
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert mlflow_server.version_of(model) == "3"

    assert target.apply(plan, "k") == f"alias champion of {model} is '2' now"
    # Killed before it was noted: called again it stays at version 2, and does not go back one more.
    assert target.apply(plan, "k") == f"alias champion of {model} was '2' already"
    assert target.look(plan, "k") is Standing.APPLIED
    assert mlflow_server.version_of(model) == "2"

    for _ in range(2):
        target.undo(plan, "k")
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert mlflow_server.version_of(model) == "3"


def test_a_version_that_is_not_ready_is_passed_over(mlflow_server: MlflowServer, model: str) -> None:
    mlflow_server.break_version(model, 2)
    assert target_of(mlflow_server.url, model).plan().after == '"1"'
    mlflow_server.break_version(model, 1)
    with pytest.raises(ActionImpossible, match="has no ready version before version 3"):
        target_of(mlflow_server.url, model).plan()


def test_the_only_version_has_none_before_it(mlflow_server: MlflowServer) -> None:
    name = f"only {uuid4().hex[:8]}"
    mlflow_server.add_model(name, n_versions=1, champion=1)
    with pytest.raises(ActionImpossible, match="there is none to go back to"):
        target_of(mlflow_server.url, name).plan()


def test_a_version_by_its_number(mlflow_server: MlflowServer, model: str) -> None:
    assert target_of(mlflow_server.url, model, to="4").plan().after == '"4"'
    with pytest.raises(ActionImpossible, match="already points to version 3"):
        target_of(mlflow_server.url, model, to="3").plan()
    with pytest.raises(ActionImpossible, match=r"version 9 of model .* is not there"):
        target_of(mlflow_server.url, model, to="9").plan()
    mlflow_server.break_version(model, 1)
    with pytest.raises(ActionImpossible, match="is FAILED_REGISTRATION, not READY"):
        target_of(mlflow_server.url, model, to="1").plan()


def test_what_a_person_did_meanwhile_stays(mlflow_server: MlflowServer, model: str) -> None:
    target = target_of(mlflow_server.url, model)
    plan = target.plan()
    mlflow_server.point(model, 4)
    assert target.look(plan, "k") is Standing.OTHER
    for move in (target.apply, target.undo):
        with pytest.raises(AdapterError, match=r"is '4', neither '[23]' nor '[23]': somebody changed it"):
            move(plan, "k")
    assert mlflow_server.version_of(model) == "4"
    mlflow_server.point(model, 2)  # by hand what the action would have done
    assert target.look(plan, "k") is Standing.APPLIED


def test_a_version_that_is_deleted_before_it_is_served_again(mlflow_server: MlflowServer, model: str) -> None:
    target = target_of(mlflow_server.url, model)
    plan = target.plan()
    mlflow_server.call("DELETE", "model-versions/delete", name=model, version="2")
    with pytest.raises(AdapterError, match=r"POST .*alias answered 404"):
        target.apply(plan, "k")
    assert target.look(plan, "k") is Standing.AS_BEFORE


def test_an_alias_or_model_that_is_gone_is_neither(mlflow_server: MlflowServer, model: str) -> None:
    target = target_of(mlflow_server.url, model)
    plan = target.plan()
    mlflow_server.call("DELETE", "registered-models/alias", name=model, alias="champion")
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="has no alias 'champion'; known: none"):
        target.apply(plan, "k")
    mlflow_server.call("DELETE", "registered-models/delete", name=model)
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="has no registered model"):
        target.plan()


def test_versions_over_many_pages(mlflow_server: MlflowServer, model: str) -> None:
    # 300 versions by the API take minutes; the registry is what it is either way.
    with sqlite3.connect(mlflow_server.file, timeout=30) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(model_versions)") if row[1] != "version"]
        columns = ", ".join(names)
        for version in range(5, 305):
            connection.execute(
                f"INSERT INTO model_versions (version, {columns}) SELECT {version}, {columns} FROM model_versions "
                "WHERE name = ? AND version = 4",
                (model,),
            )
    connection.close()
    mlflow_server.point(model, 2)
    assert target_of(mlflow_server.url, model).plan().after == '"1"'


@pytest.mark.parametrize("name", ["Größe 漢字 🙂", "it's", 'a "b"', "50% & more? #1", "a" * 200])
def test_names_of_every_kind(mlflow_server: MlflowServer, name: str) -> None:
    mlflow_server.add_model(name, n_versions=2, champion=2)
    target = target_of(mlflow_server.url, name)
    target.apply(target.plan(), "k")
    assert mlflow_server.version_of(name) == "1"


def test_one_alias_has_one_name(mlflow_server: MlflowServer, model: str) -> None:
    plan = target_of(mlflow_server.url, model).plan()
    assert plan.target == f"mlflow:{mlflow_server.url.removeprefix('http://')}/{model.replace(' ', '%20')}@champion"
    assert target_of(f"{mlflow_server.url}/", model, to="1").plan().target == plan.target


PLAN = ActionPlan(target="t", before='"3"', after='"2"', does="")


def test_a_server_that_is_down_or_none_of_mlflow_tells_nothing(config_server: JsonConfigServer) -> None:
    down = target_of("http://127.0.0.1:1", "returns")
    assert down.look(PLAN, "k") is Standing.UNKNOWN
    with pytest.raises(AdapterError, match="refuses connections"):
        down.apply(PLAN, "k")
    other = target_of(config_server.url, "returns")
    assert other.look(PLAN, "k") is Standing.UNKNOWN
    with pytest.raises(AdapterError, match="does not answer as MLflow does"):
        other.plan()


def test_wrong_credentials_are_said_without_them(config_server: JsonConfigServer) -> None:
    config_server.token = "the-right-token-123"
    target = target_of(config_server.url, "returns", password="the-wrong-token-123")
    with pytest.raises(AdapterError, match="answered 401") as refused:
        target.plan()
    assert "wrong-token" not in str(refused.value)
    assert target.look(PLAN, "k") is Standing.UNKNOWN
