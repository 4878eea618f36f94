"""`check --live` calls every endpoint once, priced, tagged and booked, and says what came back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from model_server import ModelServer, Reply
from parcels import fill_database, make_deps, write_project
from seamwatch.engine.check import check_project
from seamwatch.engine.check.live import ask_once
from seamwatch.engine.deps import Deps
from seamwatch.errors import Problem, ProblemLevel
from seamwatch.spec.load import load_project

pytestmark = pytest.mark.integration

PRICES = {"rules-1": {"input_per_mtok": 1.0, "output_per_mtok": 2.0}}
LIMITED = "{connection: parcels_model, path: /v1/chat/completions, max_output_tokens: 200}"
ANSWER = {
    "model": "rules-1",
    "choices": [{"message": {"role": "assistant", "content": '{"queue": "net"}'}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 50},
}


@pytest.fixture
def deps(tmp_path: Path, model_server: ModelServer) -> Deps:
    write_project(tmp_path, endpoint=LIMITED)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "", n=60)
    model = {"conn_type": "http", "host": model_server.url, "password": "k", "extra": {"prices": PRICES}}
    slack = {"conn_type": "slack", "password": "xoxb-test"}
    return make_deps(
        tmp_path,
        {
            "AIRFLOW_CONN_PARCELS_DB": url,
            "AIRFLOW_CONN_PARCELS_MODEL": json.dumps(model),
            "AIRFLOW_CONN_SLACK_TEST": json.dumps(slack),
        },
    )


def said_of_endpoint(deps: Deps) -> Problem:
    found = check_project(
        deps.project, deps.connections, ask=lambda pipeline, stage, call: ask_once(deps, pipeline, stage, call)
    )
    (problem,) = [one for one in found if one.path == "stages.router_model.endpoint"]
    assert problem.line == 11
    return problem


def test_an_answer_is_told_with_its_price_and_sent_once(deps: Deps, model_server: ModelServer) -> None:
    model_server.plays(Reply(ANSWER))
    said = said_of_endpoint(deps)
    assert said.level is ProblemLevel.NOTE
    assert 'as rules-1, for 0.000200 USD: \'{"queue": "net"}\'' in said.text
    (request,) = model_server.requests
    assert json.loads(request.body)["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply({"error": {"code": "invalid_api_key"}}, status=401), "gave no answer (http_error)"),
        (Reply("<html>welcome</html>", content_type="text/html"), "gave no answer (garbage)"),
    ],
)
def test_a_refusal_is_a_problem(deps: Deps, model_server: ModelServer, reply: Reply, says: str) -> None:
    model_server.plays(reply)
    said = said_of_endpoint(deps)
    assert (said.level, says in said.text) == (ProblemLevel.ERROR, True), said


def test_no_endpoint_is_called_unless_it_is_asked_for(deps: Deps, model_server: ModelServer) -> None:
    assert check_project(deps.project, deps.connections)
    assert model_server.requests == []


@pytest.mark.parametrize(
    ("endpoint", "is_said"),
    [
        ("parcels_model/v1/chat/completions", True),
        (LIMITED, False),
    ],
)
def test_answers_that_nothing_limits_are_told(deps: Deps, tmp_path: Path, endpoint: str, is_said: bool) -> None:
    write_project(tmp_path, endpoint=endpoint)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'parcels.db'}")
    with engine.begin() as database:
        database.execute(sa.text("""UPDATE calls SET answer = '{"model": "rules-1", "queue": "net"}'"""))
    engine.dispose()
    found = check_project(load_project(tmp_path), deps.connections)
    said = [one for one in found if "set max_output_tokens of the endpoint" in one.text]
    assert [(one.level, one.path) for one in said] == [(ProblemLevel.NOTE, "stages.router_model.endpoint")] * is_said
