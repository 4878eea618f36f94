"""Setting a value of a JSON configuration by HTTP: with ETags and without, and a server that fails at every point."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from action_places import place_with
from json_config_server import JsonConfigServer, config_server
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import HttpValue

pytestmark = pytest.mark.integration
__all__ = ["config_server"]

TOKEN = "config-token-0123456789"


@pytest.fixture
def server(config_server: JsonConfigServer) -> Iterator[JsonConfigServer]:
    config_server.documents["/config"] = {"routing": {"model": "gpt-b", "weight": 0.5}, "name": "returns"}
    config_server.token = TOKEN
    return config_server


def target_of(url: str, *, token: str = TOKEN, **fields: Any) -> ActionTarget:
    given = {"path": "/config", "field": "routing.model", "value": "gpt-a", "timeout": "1s"} | fields
    action = HttpValue.model_validate({"kind": "http", "connection": "config"} | given)
    info = {"conn_type": "http", "host": url, "password": token}
    return action_target(action, place_with({"config": info}))


@pytest.mark.parametrize("write", ["PUT", "PATCH", "POST"])
@pytest.mark.parametrize("has_etags", [True, False])
def test_a_value_is_planned_set_and_set_back(server: JsonConfigServer, write: str, has_etags: bool) -> None:
    server.has_etags = has_etags
    before = json.loads(json.dumps(server.documents["/config"]))
    target = target_of(server.url, write=write)
    plan = target.plan()
    assert plan.does == "Sets routing.model of /config from 'gpt-b' to 'gpt-a'"
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert server.n_written == 0

    target.apply(plan, "k")
    assert server.documents["/config"] == {"routing": {"model": "gpt-a", "weight": 0.5}, "name": "returns"}
    assert target.look(plan, "k") is Standing.APPLIED
    assert any("if-match" in headers for headers in server.headers_seen) is has_etags
    with pytest.raises(ActionImpossible, match=r"routing\.model of /config is 'gpt-a' already"):
        target.plan()

    target.undo(plan, "k")
    assert server.documents["/config"] == before
    assert target.look(plan, "k") is Standing.AS_BEFORE


def test_it_may_be_carried_out_and_undone_again_after_it_was_killed(server: JsonConfigServer) -> None:
    plan = target_of(server.url).plan()
    for _ in range(2):
        target_of(server.url).apply(plan, "k")
    assert server.n_written == 1
    for _ in range(2):
        target_of(server.url).undo(plan, "k")
    assert server.n_written == 2
    assert server.documents["/config"]["routing"]["model"] == "gpt-b"


def test_what_somebody_set_meanwhile_stays(server: JsonConfigServer) -> None:
    target = target_of(server.url)
    plan = target.plan()
    server.documents["/config"]["routing"]["model"] = "gpt-c"
    assert target.look(plan, "k") is Standing.OTHER
    for move in (target.apply, target.undo):
        with pytest.raises(AdapterError, match="'gpt-c', neither"):
            move(plan, "k")
    assert server.n_written == 0


@pytest.mark.parametrize("write", ["PUT", "PATCH"])
def test_a_change_between_reading_and_writing_is_refused_by_the_server(server: JsonConfigServer, write: str) -> None:
    target = target_of(server.url, write=write)
    plan = target.plan()
    other = server.documents["/config"] | {"name": "set by a person"}
    server.set_by_somebody[server.n_read + 2] = other  # the second read's ETag is the one that the server compares
    with pytest.raises(AdapterError, match="412; somebody changed it meanwhile"):
        target.apply(plan, "k")
    assert server.documents["/config"] == other
    assert target.look(plan, "k") is Standing.AS_BEFORE


@pytest.mark.parametrize(
    ("fault", "words", "standing"),
    [
        ("error_before", "PATCH /config answered 500", Standing.AS_BEFORE),
        ("error_after", "PATCH /config answered 500", Standing.APPLIED),
        ("hang", "no whole answer within 1 s", Standing.AS_BEFORE),
        ("cut", "broke off before the end of its answer", Standing.AS_BEFORE),
        ("ignore", "was set to 'gpt-a', but it reads 'gpt-b' now", Standing.AS_BEFORE),
        ("redirect", "redirects, which is not followed", Standing.AS_BEFORE),
    ],
)
def test_a_write_that_fails_is_told_and_looked_at(
    server: JsonConfigServer, fault: Any, words: str, standing: Standing
) -> None:
    target = target_of(server.url)
    plan = target.plan()
    server.faults["PATCH"] = [fault]
    with pytest.raises(AdapterError, match=words) as failed:
        target.apply(plan, "k")
    assert TOKEN not in str(failed.value)
    assert target.look(plan, "k") is standing
    target.apply(plan, "k")
    assert server.documents["/config"]["routing"]["model"] == "gpt-a"
    assert target.look(plan, "k") is Standing.APPLIED


@pytest.mark.parametrize("fault", ["error_before", "hang", "cut", "garbage", "redirect"])
def test_what_cannot_be_read_is_unknown_and_never_written(server: JsonConfigServer, fault: Any) -> None:
    target = target_of(server.url)
    plan = target.plan()
    server.faults["GET"] = [fault] * 3
    assert target.look(plan, "k") is Standing.UNKNOWN
    for move in (target.apply, target.undo):
        with pytest.raises(AdapterError):
            move(plan, "k")
    assert server.n_written == 0


def test_a_document_or_field_that_is_gone_is_neither(server: JsonConfigServer) -> None:
    target = target_of(server.url)
    plan = target.plan()
    server.documents["/config"] = {"routing": None}
    assert target.look(plan, "k") is Standing.OTHER
    del server.documents["/config"]
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="/config is not there"):
        target.apply(plan, "k")


@pytest.mark.parametrize(
    ("field", "words"),
    [("routing.modle", "has no field 'routing.modle'; known: routing, name"), ("name.first", "has no field")],
)
def test_an_unknown_field_is_said(server: JsonConfigServer, field: str, words: str) -> None:
    with pytest.raises(AdapterError, match=words):
        target_of(server.url, field=field).plan()


def test_wrong_credentials_are_said_without_them(server: JsonConfigServer) -> None:
    target = target_of(server.url, token="another-token-987654321")
    with pytest.raises(AdapterError, match="answered 401; check the login and the password") as refused:
        target.plan()
    assert "another-token" not in str(refused.value)


def test_a_server_that_is_down_tells_nothing(server: JsonConfigServer) -> None:
    target = target_of(server.url)
    plan = target.plan()
    down = target_of("http://127.0.0.1:1")
    assert down.look(plan, "k") is Standing.UNKNOWN
    with pytest.raises(AdapterError, match="refuses connections") as refused:
        down.apply(plan, "k")
    assert refused.value.retryable


@pytest.mark.parametrize(
    "value", [True, 1, 0.25, None, "", "x" * 1_000_000, "Größe 漢字 🙂"], ids=lambda one: str(one)[:10]
)
@pytest.mark.parametrize("write", ["PUT", "POST"])
def test_values_of_every_kind_go_there_and_back(server: JsonConfigServer, value: Any, write: str) -> None:
    target = target_of(server.url, value=value, write="PUT" if value is None else write, timeout="20s")
    plan = target.plan()
    assert len(plan.does) < 400
    target.apply(plan, "k")
    found = server.documents["/config"]["routing"]["model"]
    assert (type(found), found) == (type(value), value)
    target.undo(plan, "k")
    assert server.documents["/config"]["routing"]["model"] == "gpt-b"


def test_true_is_not_one(server: JsonConfigServer) -> None:
    server.documents["/config"]["routing"]["model"] = 1
    plan = target_of(server.url, value=True).plan()
    assert (plan.before, plan.after) == ("1", "true")


def test_one_value_has_one_name(server: JsonConfigServer) -> None:
    name = target_of(server.url).plan().target
    assert name == f"http:127.0.0.1:{server.server_port}/config#routing.model"
    assert target_of(f"{server.url}/", path="config", value="gpt-z").plan().target == name


def test_a_write_that_is_read_later_is_waited_for(server: JsonConfigServer) -> None:
    server.n_lagging_reads = 4
    target = target_of(server.url, timeout="30s")
    plan = target.plan()
    assert target.apply(plan, "k") == "routing.model of /config is 'gpt-a' now"
    assert target.look(plan, "k") is Standing.APPLIED
    assert target.undo(plan, "k") == "routing.model of /config is 'gpt-b' now"
    assert server.n_written == 2


@pytest.mark.parametrize("value", ["1e400", "0.12345678901234567890123", "NaN", '1, "weight": 2'])
def test_put_never_changes_what_it_cannot_send_back_as_it_came(server: JsonConfigServer, value: str) -> None:
    server.as_text = f'{{"routing": {{"model": "gpt-b", "weight": {value}}}}}'
    with pytest.raises(AdapterError, match="PUT would change more than the field; use write: PATCH"):
        target_of(server.url, write="PUT").plan()
    assert target_of(server.url, write="PATCH").plan().before == '"gpt-b"'


@pytest.mark.parametrize("value", ["1e5", "1.10", "-0.0", "12345678901234567890123", "0.1"])
def test_put_takes_numbers_that_stay_what_they_are(server: JsonConfigServer, value: str) -> None:
    server.as_text = f'{{"routing": {{"model": "gpt-b", "weight": {value}}}}}'
    assert target_of(server.url, write="PUT").plan().before == '"gpt-b"'


def test_names_may_hold_dots(server: JsonConfigServer) -> None:
    server.documents["/config"] = {"models": {"gpt-4.1": {"weight": 1}, "gpt-4": {"weight": 5}}}
    target = target_of(server.url, field="models.gpt-4.1.weight", value=2)
    plan = target.plan()
    target.apply(plan, "k")
    assert server.documents["/config"]["models"] == {"gpt-4.1": {"weight": 2}, "gpt-4": {"weight": 5}}
    target.undo(plan, "k")
    assert server.documents["/config"]["models"]["gpt-4.1"] == {"weight": 1}


def test_a_name_that_could_be_two_fields_is_refused(server: JsonConfigServer) -> None:
    server.documents["/config"] = {"a.b": 1, "a": {"b": 2}}
    with pytest.raises(AdapterError, match=r"more than one field 'a\.b'"):
        target_of(server.url, field="a.b", value=3).plan()
    assert server.n_written == 0


@pytest.mark.parametrize("write", ["PUT", "PATCH"])
def test_what_was_null_is_null_again_after_it_was_undone(server: JsonConfigServer, write: str) -> None:
    """A merge patch takes a field away where it is set to null; that is no change by somebody else."""
    server.documents["/config"] = {"routing": {"model": None, "other": 1}}
    target = target_of(server.url, write=write)
    plan = target.plan()
    assert plan.before == "null"
    target.apply(plan, "k")
    assert target.look(plan, "k") is Standing.APPLIED
    target.undo(plan, "k")
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert server.documents["/config"]["routing"].get("model") is None
    assert server.documents["/config"]["routing"]["other"] == 1
