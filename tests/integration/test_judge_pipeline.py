"""A judge in a pipeline file: it is run on the records of a window, and `seamwatch check` tries it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from judge_server import SimulatedJudge, asked_data, says, says_text
from model_server import ModelServer, Reply
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.engine.check import check_project
from seamwatch.engine.deps import Deps
from seamwatch.engine.evaluation.judge import ask_judge
from seamwatch.engine.evaluation.run import evaluate_records
from seamwatch.engine.window import open_window
from seamwatch.errors import Problem, ProblemLevel
from seamwatch.vocabulary import EvaluationState

pytestmark = pytest.mark.integration
JUDGE = {
    "kind": "judge",
    "endpoint": "judge_model/v1/chat/completions",
    "model": "gpt-4o-mini",
    "rubric": "Right if the parcel is routed to the queue of its product.",
    "answer": "routing.queue",
    "question": "prompt.body",
    "context": ["request.product", "orders.code"],
}
PRICES = {"gpt-4o-mini": {"input_per_mtok": 1.0, "output_per_mtok": 10.0}}


class World:
    """The small pipeline with one judge."""

    def __init__(self, root: Path, server: ModelServer, **more: Any) -> None:
        judge = {name: value for name, value in (JUDGE | more).items() if value is not None}
        pipeline = PIPELINE + f"evaluators: [{json.dumps(judge)}]\n"
        write_project(root, pipeline=pipeline)
        url = f"sqlite:///{root / 'parcels.db'}"
        fill_database(url, "", n=12)
        model = {"conn_type": "http", "host": server.url, "password": "k3y", "extra": {"prices": PRICES}}
        slack = {"conn_type": "slack", "password": "xoxb-test"}
        self.deps: Deps = make_deps(
            root,
            {
                "AIRFLOW_CONN_PARCELS_DB": url,
                "AIRFLOW_CONN_JUDGE_MODEL": json.dumps(model),
                "AIRFLOW_CONN_SLACK_TEST": json.dumps(slack),
            },
        )

    def check(self, *, live: bool = False) -> list[Problem]:
        deps = self.deps

        def ask(pipeline: Any, spec: Any, texts: Any) -> Any:
            return ask_judge(deps, pipeline, spec, texts)

        found = check_project(deps.project, deps.connections, ask_judge=ask if live else None)
        return [one for one in found if one.path.startswith("evaluators.")]


def test_a_judge_is_run_on_a_window_with_what_the_pipeline_file_names(
    tmp_path: Path, model_server: ModelServer
) -> None:
    world = World(tmp_path, model_server)
    model_server.plays(SimulatedJudge(is_right=lambda queue: queue == "Q1"))
    pipeline = world.deps.project.pipeline("parcels")
    with open_window(world.deps, pipeline, WINDOW) as opened:
        data = opened.read()
        found = evaluate_records(world.deps, pipeline, WINDOW, data)["judge"]
    queues = data.stages["routing"].payload["queue"]
    right = found["state"] == EvaluationState.PASS
    assert len(found) == 12
    assert right.to_numpy().tolist() == (queues.reindex(found.index) == "Q1").tolist()
    shown = [asked_data(seen) for seen in model_server.requests if "question" in asked_data(seen)]
    assert {tuple(data) for data in shown} == {("question", "context", "answer")}
    assert {data["context"] for data in shown} <= {"router\n\nA", "phone\n\nB", "bill\n\nC"}


def test_a_judge_that_is_as_it_should_be_is_no_problem(tmp_path: Path, model_server: ModelServer) -> None:
    assert World(tmp_path, model_server).check() == []
    assert model_server.requests == []


@pytest.mark.parametrize(
    ("more", "level", "says_so"),
    [
        ({"endpoint": "nowhere/v1/messages"}, ProblemLevel.ERROR, "AIRFLOW_CONN_NOWHERE is not set"),
        ({"endpoint": "judge_model/model/m/invoke"}, ProblemLevel.ERROR, "/converse"),
        ({"model": None}, ProblemLevel.WARNING, "names no model"),
        ({"model": "secret-model"}, ProblemLevel.NOTE, "no price is known of 'secret-model'"),
        ({"model": "secret-model", "max_usd_per_day": 1.0}, ProblemLevel.WARNING, "not by max_usd_per_day"),
    ],
)
def test_what_is_wrong_with_a_judge_is_told(
    tmp_path: Path, model_server: ModelServer, more: dict[str, Any], level: ProblemLevel, says_so: str
) -> None:
    (problem,) = World(tmp_path, model_server, **more).check()
    assert problem.level is level
    assert says_so in problem.text
    assert problem.line is not None
    assert "k3y" not in problem.text


def test_a_function_that_is_not_there_is_told(tmp_path: Path, model_server: ModelServer) -> None:
    world = World(tmp_path, model_server, endpoint="python:parcels:no_such")
    told = [one.text for one in check_project(world.deps.project, world.deps.connections)]
    assert any("no_such" in text for text in told)


def test_a_live_check_asks_once_and_tells_verdict_and_price(tmp_path: Path, model_server: ModelServer) -> None:
    model_server.plays(says("right", reason="The customer Jane Doe is right."))
    (said,) = World(tmp_path, model_server).check(live=True)
    assert said.level is ProblemLevel.NOTE
    assert said.text == "was asked about one answer, for 0.000300 USD: the judge finds it right"
    assert len(model_server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (says_text("It is right."), "prose"),
        (Reply({"error": "key"}, status=401), "check the password of the connection"),
    ],
)
def test_a_live_check_tells_a_judge_that_gives_no_verdict(
    tmp_path: Path, model_server: ModelServer, reply: Reply, why: str
) -> None:
    model_server.plays(reply)
    (said,) = World(tmp_path, model_server).check(live=True)
    assert said.level is ProblemLevel.ERROR
    assert why in said.text


def test_the_sample_of_the_documentation_is_taken() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (sample,) = [part for part in page.split("```yaml\n") if part.lstrip().startswith("evaluators:\n  - kind: judge")]
    (judge,) = yaml.safe_load(sample.partition("```")[0])["evaluators"]
    from seamwatch.spec.judge import JudgeModel

    assert JudgeModel.model_validate(judge).control
