from __future__ import annotations

import json
import math
import socket
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from seamwatch_demo.classifier import TriageModel
from seamwatch_demo.model_server import PROCESSING_HEADER, ModelServer
from seamwatch_demo.model_service import ModelService
from seamwatch_demo.training import DEGRADED, HEALTHY

BODY: dict[str, Any] = {
    "model": "support-triage",
    "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "Subject: Locked out\n\nHelp"}],
    "temperature": 0,
    "max_tokens": 64,
}
PATH = "/v1/chat/completions"


@pytest.fixture
def server(models: Mapping[str, TriageModel]) -> Iterator[ModelServer]:
    with ModelServer(ModelService(models=models, serving=HEALTHY)) as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}) as client:
        yield client


def admin(server: ModelServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.admin_token}"}


def test_a_chat_completion_has_the_shape_that_clients_know(client: httpx.Client) -> None:
    response = client.post(PATH, json=BODY)
    document = response.json()
    choice = document["choices"][0]
    assert response.status_code == 200
    assert document["object"] == "chat.completion"
    assert document["model"] == HEALTHY
    assert choice["finish_reason"] == "stop"
    assert json.loads(choice["message"]["content"]).keys() == {"queue", "priority", "confidence"}
    assert json.loads(choice["message"]["content"])["queue"] == "account_access"
    usage = document["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_same_request_gets_the_same_answer(client: httpx.Client) -> None:
    contents = {client.post(PATH, json=BODY).json()["choices"][0]["message"]["content"] for _ in range(4)}
    assert len(contents) == 1


def test_a_small_max_tokens_cuts_the_answer_off(client: httpx.Client) -> None:
    document = client.post(PATH, json={**BODY, "max_tokens": 5}).json()
    whole = client.post(PATH, json=BODY).json()["choices"][0]["message"]["content"]
    choice = document["choices"][0]
    assert choice["finish_reason"] == "length"
    assert document["usage"]["completion_tokens"] == 5
    assert whole.startswith(choice["message"]["content"])
    assert len(choice["message"]["content"]) < len(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"messages": ["x"]}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_wrong_request_is_refused_with_what_is_wrong(client: httpx.Client, change: dict[str, Any], said: str) -> None:
    response = client.post(PATH, json={**BODY, **change})
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(client: httpx.Client, body: bytes) -> None:
    response = client.post(PATH, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request_error"


def test_an_unknown_model_and_an_unknown_path_are_not_found(client: httpx.Client) -> None:
    assert client.post(PATH, json={**BODY, "model": "gpt"}).json()["error"]["code"] == "model_not_found"
    assert client.post("/v1/embeddings", json=BODY).status_code == 404
    assert client.get("/nothing").status_code == 404


def test_a_huge_body_is_refused_unread(server: ModelServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as link:
        link.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n".encode())
        assert link.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic abc", "Bearer"])
def test_without_the_right_token_nobody_gets_in(server: ModelServer, given: str | None) -> None:
    headers = {"Authorization": given} if given else {}
    assert httpx.post(server.url + PATH, json=BODY, headers=headers).status_code == 401
    assert httpx.get(server.url + "/v1/models", headers=headers).status_code == 401
    assert httpx.post(server.url + "/switch", json={}, headers=headers).status_code == 401
    assert httpx.get(server.url + "/switch", headers=headers).status_code == 401
    assert server.service.counts == Counter()


def test_the_callers_token_does_not_open_the_switch(client: httpx.Client) -> None:
    assert client.post("/switch", json={"serving": DEGRADED}).status_code == 401


def test_health_and_models(server: ModelServer, client: httpx.Client) -> None:
    assert httpx.get(server.url + "/health").json() == {"status": "ok"}
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["support-triage"]


def test_the_switch_puts_another_version_behind_the_same_name(server: ModelServer, client: httpx.Client) -> None:
    state = httpx.post(server.url + "/switch", json={"serving": DEGRADED}, headers=admin(server)).json()
    assert (state["serving"], state["health"]) == (DEGRADED, "up")
    assert client.post(PATH, json=BODY).json()["model"] == DEGRADED


@pytest.mark.parametrize("change", [{"serving": "other"}, {"health": "ill"}, {"serving": ["x"]}])
def test_the_switch_refuses_what_it_does_not_know(server: ModelServer, change: dict[str, Any]) -> None:
    assert httpx.post(server.url + "/switch", json=change, headers=admin(server)).status_code == 400
    assert (server.service.serving, server.service.health) == (HEALTHY, "up")


def test_replays_are_counted_apart(server: ModelServer, client: httpx.Client) -> None:
    client.post(PATH, json=BODY)
    client.post(PATH, json=BODY, headers={"X-Seamwatch-Replay": "clean"})
    client.post(PATH, json=BODY, headers={"X-Seamwatch-Replay": "benchmark"})
    state = httpx.get(server.url + "/switch", headers=admin(server)).json()
    assert state["counts"] == {"calls": 1, "replays": 2}


def test_an_outage_fails_in_several_ways_the_same_ones_each_time(server: ModelServer, client: httpx.Client) -> None:
    def live() -> Counter[str]:
        httpx.post(server.url + "/switch", json={"health": "outage"}, headers=admin(server))
        ends: Counter[str] = Counter()
        for number in range(40):
            body = {**BODY, "seed": number}
            try:
                response = client.post(PATH, json=body, timeout=0.6)
            except httpx.TimeoutException:
                ends["timeout"] += 1
                continue
            document = response.json()
            ends[str(response.status_code) if "error" in document else document["choices"][0]["finish_reason"]] += 1
        return ends

    first = live()
    assert first == live()
    assert first.keys() == {"timeout", "503", "length", "stop"}
    httpx.post(server.url + "/switch", json={"health": "up"}, headers=admin(server))
    assert client.post(PATH, json=BODY).json()["choices"][0]["finish_reason"] == "stop"


def test_a_stopped_server_answers_no_more(models: Mapping[str, TriageModel]) -> None:
    server = ModelServer(ModelService(models=models, serving=HEALTHY)).start()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/health")


def test_a_slow_provider_says_that_it_took_six_times_as_long_and_is_not_waited_for(
    server: ModelServer, client: httpx.Client
) -> None:
    usual = float(client.post(PATH, json=BODY).headers[PROCESSING_HEADER])
    assert client.post("/switch", json={"health": "slow"}, headers=admin(server)).status_code == 200
    response = client.post(PATH, json=BODY)
    assert float(response.headers[PROCESSING_HEADER]) == pytest.approx(6 * usual, abs=0.5)
    assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert response.elapsed.total_seconds() < usual / 1000


def test_times_of_answers_are_spread_as_real_ones(models: Mapping[str, TriageModel]) -> None:
    service = ModelService(models=models, serving=HEALTHY)
    logs = [math.log(service.admit(f"{number}".encode(), is_replay=False)[2]) for number in range(2000)]
    assert math.exp(statistics.mean(logs)) == pytest.approx(900, rel=0.05)
    assert statistics.stdev(logs) == pytest.approx(0.35, rel=0.1)
