"""Limits of a gateway's key, over a gateway on loopback that speaks LiteLLM's endpoints and fails in its ways."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from action_places import place_with
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import LitellmLimit
from seamwatch_demo.gateway import Gateway

pytestmark = pytest.mark.integration
MASTER, KEY = "sk-master-0123456789abcdef", "sk-support-0123456789abcdef"
HASH = hashlib.sha256(KEY.encode()).hexdigest()


class FaultyGateway(Gateway):
    """Keeps only some of what it is asked to change, or says that it failed."""

    only: tuple[str, ...] | None = None
    status: int | None = None

    def update(self, key: str, changes: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        only, self.only = self.only, None
        kept = changes if only is None else {name: value for name, value in changes.items() if name in only}
        status, answer = super().update(key, kept)
        forced, self.status = self.status, None
        return (status, answer) if forced is None else (forced, {"error": {"message": f"no: {MASTER}"}})


@pytest.fixture
def gateway() -> Iterator[FaultyGateway]:
    server = FaultyGateway(master_key=MASTER)
    server.add_key("support-bot", key=KEY, rpm_limit=None, max_budget=100.0, budget_duration="30d")
    yield server
    server.close()


def target_of(url: str, *, master: str = MASTER, key: str = KEY, **fields: Any) -> ActionTarget:
    given = {"kind": "litellm", "connection": "gateway", "key_from": "bot_key"}
    action = LitellmLimit.model_validate(given | (fields if fields else {"rpm_limit": 10}))
    connections = {
        "gateway": {"conn_type": "http", "host": url, "password": master, "login": "ops"},
        "bot_key": {"conn_type": "generic", "password": key},
    }
    return action_target(action, place_with(connections))


def limits_in(gateway: Gateway) -> dict[str, Any]:
    info = gateway.info(KEY)
    assert info is not None
    return {name: info[name] for name in ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")}


def chat(gateway: Gateway) -> int:
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json={"messages": []}, headers=headers).status_code


def test_a_key_is_limited_and_its_limits_given_back(gateway: FaultyGateway) -> None:
    before = limits_in(gateway)
    target = target_of(gateway.url, rpm_limit=2, tpm_limit=1000)
    plan = target.plan()
    assert plan.does == (
        "Limits key support-bot: requests a minute from unlimited to 2, tokens a minute from unlimited to 1,000"
    )
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert gateway.n_updates == 0

    for _ in range(2):
        target.apply(plan, "k")
    assert gateway.n_updates == 1
    assert limits_in(gateway) == before | {"rpm_limit": 2, "tpm_limit": 1000}
    assert target.look(plan, "k") is Standing.APPLIED
    assert [chat(gateway) for _ in range(3)] == [200, 200, 429]

    target.undo(plan, "k")
    assert limits_in(gateway) == before
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert chat(gateway) == 200


def test_a_cap_of_tokens_holds(gateway: FaultyGateway) -> None:
    target = target_of(gateway.url, tpm_limit=20)
    target.apply(target.plan(), "k")
    assert [chat(gateway) for _ in range(3)] == [200, 200, 429]  # eleven tokens each


def test_a_budget_in_its_period(gateway: FaultyGateway) -> None:
    info = gateway.info(KEY)
    assert info is not None
    info["spend"] = 3.5
    target = target_of(gateway.url, max_budget=5, budget_duration="30d")
    plan = target.plan()
    assert plan.does.endswith("budget in dollars from 100.0 to 5.0 (it spent 3.50 so far)")
    target.apply(plan, "k")
    assert limits_in(gateway)["max_budget"] == 5
    info["spend"] = 5.0
    assert chat(gateway) == 400
    target.undo(plan, "k")
    assert limits_in(gateway)["max_budget"] == 100


def test_a_period_that_cannot_be_taken_away_is_said_before(gateway: FaultyGateway) -> None:
    info = gateway.info(KEY)
    assert info is not None
    info["budget_duration"] = None
    plan = target_of(gateway.url, max_budget=5, budget_duration="1d").plan()
    assert plan.undoes == ""
    info["max_budget"] = None
    target = target_of(gateway.url, max_budget=5, budget_duration="1d")
    plan = target.plan()
    assert plan.undoes
    target.apply(plan, "k")
    assert limits_in(gateway) == dict.fromkeys(limits_in(gateway)) | {"max_budget": 5, "budget_duration": "1d"}
    target.undo(plan, "k")
    assert limits_in(gateway)["max_budget"] is None
    assert target.look(plan, "k") is Standing.AS_BEFORE


def test_a_limit_is_never_loosened(gateway: FaultyGateway) -> None:
    info = gateway.info(KEY)
    assert info is not None
    info["rpm_limit"] = 5
    with pytest.raises(ActionImpossible, match="key support-bot is already limited as far: requests a minute 5"):
        target_of(gateway.url, rpm_limit=10).plan()
    target = target_of(gateway.url, rpm_limit=10, tpm_limit=100)
    target.apply(target.plan(), "k")
    assert (limits_in(gateway)["rpm_limit"], limits_in(gateway)["tpm_limit"]) == (5, 100)


def test_half_of_it_is_neither_and_can_be_finished_or_undone(gateway: FaultyGateway) -> None:
    before = limits_in(gateway)
    target = target_of(gateway.url, rpm_limit=2, tpm_limit=1000)
    plan = target.plan()
    for finish in (target.undo, target.apply):
        gateway.only = ("rpm_limit",)
        with pytest.raises(AdapterError, match="was set to"):
            target.apply(plan, "k")
        assert target.look(plan, "k") is Standing.OTHER
        finish(plan, "k")
    assert target.look(plan, "k") is Standing.APPLIED
    target.undo(plan, "k")
    assert limits_in(gateway) == before


def test_what_somebody_set_meanwhile_stays(gateway: FaultyGateway) -> None:
    target = target_of(gateway.url)
    plan = target.plan()
    gateway.update(KEY, {"rpm_limit": 77})
    assert target.look(plan, "k") is Standing.OTHER
    for move in (target.apply, target.undo):
        with pytest.raises(AdapterError, match="somebody changed it meanwhile"):
            move(plan, "k")
    assert limits_in(gateway)["rpm_limit"] == 77


def test_an_error_after_the_change_is_looked_at(gateway: FaultyGateway) -> None:
    target = target_of(gateway.url)
    plan = target.plan()
    gateway.status = 500
    with pytest.raises(AdapterError, match="POST /key/update answered 500") as failed:
        target.apply(plan, "k")
    assert_no_secret(str(failed.value))
    assert target.look(plan, "k") is Standing.APPLIED


def test_a_key_that_is_gone_is_neither(gateway: FaultyGateway) -> None:
    target = target_of(gateway.url)
    plan = target.plan()
    gateway.keys.clear()
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="no such key") as gone:
        target.apply(plan, "k")
    assert_no_secret(str(gone.value))


def test_wrong_credentials_and_a_gateway_that_is_down(gateway: FaultyGateway) -> None:
    plan = target_of(gateway.url).plan()
    wrong = target_of(gateway.url, master="sk-wrong-0123456789abcdef")
    with pytest.raises(AdapterError, match="answered 401") as refused:
        wrong.plan()
    assert "sk-wrong" not in str(refused.value)
    assert wrong.look(plan, "k") is Standing.UNKNOWN
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = target_of(f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(AdapterError, match="refuses connections"):
            down.apply(plan, "k")
        assert down.look(plan, "k") is Standing.UNKNOWN


def test_the_key_is_nowhere_and_one_key_has_one_name(gateway: FaultyGateway) -> None:
    plan = target_of(gateway.url).plan()
    assert_no_secret(json.dumps([plan.target, plan.before, plan.after, plan.does, plan.undoes]))
    by_hash = LitellmLimit(kind="litellm", connection="gateway", key=HASH, tpm_limit=5)
    info = {"conn_type": "http", "host": f"{gateway.url}/", "password": MASTER}
    assert action_target(by_hash, place_with({"gateway": info})).plan().target == plan.target


def assert_no_secret(text: str) -> None:
    for secret in (MASTER, KEY, HASH):
        assert secret not in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"key": KEY, "rpm_limit": 1}, "which is a secret"),
        ({"key": HASH}, "needs a limit"),
        ({"rpm_limit": 1}, "one of key and key_from"),
        ({"key": HASH, "rpm_limit": 1, "budget_duration": "1d"}, "needs max_budget"),
    ],
)
def test_what_a_file_may_not_say(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LitellmLimit.model_validate({"kind": "litellm", "connection": "gateway"} | fields)
