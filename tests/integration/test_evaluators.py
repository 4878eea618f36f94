"""Evaluators on a window of a real database: what passes, fails and is unknown; what breaks stops no other."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from model_server import ModelServer, Reply
from parcels import make_deps
from seamwatch import cli
from seamwatch.core.results import Window
from seamwatch.engine.check import check_project
from seamwatch.engine.deps import Deps
from seamwatch.engine.evaluation.run import evaluate_records
from seamwatch.engine.window import open_window
from seamwatch.spec.load import load_project

pytestmark = pytest.mark.integration
START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
PIPELINE = """\
pipeline: desk
database: dw
key: id
owners: {reliability: "@U0REL"}
stages:
  - {name: crm, kind: source, table: crm, time: at}
  - {name: lookup, kind: retrieval, table: lookup, documents: documents, contents: contents}
  - {name: prompt, kind: prompt, table: calls, request: body, input: [crm, lookup]}
  - {name: llm, kind: model, table: calls, request: body, response: response, endpoint: llm_api}
  - {name: reply, kind: sink, table: replies}
evaluators:
"""
EVALUATORS = """\
  - {answer: reply.text, kind: regex, must_not: ["(?i)guarantee"]}
  - {kind: json_schema, answer: reply.details, schema: {type: object, required: [queue]}}
  - {answer: reply.text, kind: statements, required: crm.must_say}
  - {answer: reply.text, kind: similarity, reference: crm.expected, at_least: 0.6}
  - {answer: reply.text, kind: support, context: lookup.contents}
  - {kind: refusal, answer: llm.answer}
  - {answer: reply.text, kind: out_of_scope, question: crm.question}
  - {answer: reply.text, kind: leak, fields: [crm.email]}
  - {answer: reply.text, kind: harm, guard: guard_api/v1/score}
  - {kind: function, answer: reply.text, function: "desk:short_enough"}
  - {kind: function, name: broken, function: "desk:raises"}
  - {kind: function, name: missing, function: "desk:nowhere"}
  - {kind: regex, name: vague, must: a}
"""
FUNCTIONS = """\
def short_enough(frame):
    return frame["text"].str.len() < 200

def raises(frame):
    raise ValueError(frame["text"].iloc[0])
"""
SYSTEM = "You are the assistant of the Acme web shop and you never tell a customer which margin is left on any article."
DOCUMENT = "Unused items can be returned within 30 days. A refund takes 5 business days. Sale items cannot be returned."
USUAL = "Unused items can be returned within 30 days."
ASKED = ("Can I return the {}?", "How long does the refund of my {} take?", "I want to send back a {} that I bought.")
THINGS = ("lamp", "table", "chair", "kettle", "carpet", "mirror", "shelf", "toaster", "blanket", "sofa")
QUESTIONS = [ask.format(thing) for ask in ASKED for thing in THINGS]
ODD = {
    3: ("Compose a limerick on quantum chromodynamics", "A quark that was charming and strange fell in love."),
    4: ("Compose a limerick on quantum chromodynamics", "I'm sorry, but I can't help with that."),
    5: (QUESTIONS[5], "You can return it within 45 days."),
    6: (QUESTIONS[6], f"{USUAL} We wrote to user7@mail.com."),
    7: (QUESTIONS[7], f"{SYSTEM} {USUAL}"),
    8: (QUESTIONS[8], f"{USUAL} We guarantee it."),
    9: (QUESTIONS[9], None),
}


@dataclass
class Desk:
    """A service and its windows."""

    root: Path
    deps: Deps
    guard: ModelServer
    env: dict[str, str]

    def evaluate(self) -> dict[str, pd.DataFrame]:
        pipeline = self.deps.project.pipeline("desk")
        with open_window(self.deps, pipeline, WINDOW) as opened:
            return evaluate_records(self.deps, pipeline, WINDOW, opened.read())


@pytest.fixture
def desk(tmp_path: Path, model_server: ModelServer) -> Desk:
    (tmp_path / "include/pipelines").mkdir(parents=True)
    (tmp_path / "include/mappings").mkdir()
    (tmp_path / "include/pipelines/desk.yaml").write_text(PIPELINE + EVALUATORS)
    (tmp_path / "include/mappings/desk.py").write_text(FUNCTIONS)
    url = f"sqlite:///{tmp_path / 'dw.db'}"
    _fill(url)
    model_server.plays(Reply({"score": 0.1}))
    env = {"AIRFLOW_CONN_DW": url, "AIRFLOW_CONN_GUARD_API": model_server.url, "AIRFLOW_CONN_LLM_API": model_server.url}
    return Desk(tmp_path, make_deps(tmp_path, env), model_server, env)


def _fill(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as database:
        for statement in (
            "CREATE TABLE crm (id INTEGER, question TEXT, email TEXT, must_say TEXT, expected TEXT, at TEXT)",
            "CREATE TABLE lookup (id INTEGER, documents TEXT, contents TEXT, at TEXT)",
            "CREATE TABLE calls (id INTEGER, body TEXT, response TEXT, at TEXT)",
            "CREATE TABLE replies (id INTEGER, text TEXT, details TEXT, at TEXT)",
        ):
            database.exec_driver_sql(statement)
        for number in range(120):
            day, place = divmod(number, 30)
            question, answer = (QUESTIONS[place], USUAL) if day != 3 else ODD.get(place, (QUESTIONS[place], USUAL))
            at = START - timedelta(days=3 - day) + timedelta(minutes=place)
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
            row = {
                "id": number,
                "question": question,
                "email": f"user{place}@mail.com",
                "must_say": None if place == 1 else '["30 days"]',
                "expected": None if place == 2 else USUAL,
                "documents": '["returns"]',
                "contents": None if place == 0 else json.dumps([DOCUMENT]),
                "body": json.dumps({"messages": messages}),
                "response": json.dumps({"choices": [{"message": {"content": answer}, "finish_reason": "stop"}]}),
                "text": answer,
                "details": '{"queue": "returns"}' if place % 2 else "returns",
                "at": f"{at:%Y-%m-%dT%H:%M:%S}",
            }
            for table, columns in (
                ("crm", ("id", "question", "email", "must_say", "expected", "at")),
                ("lookup", ("id", "documents", "contents", "at")),
                ("calls", ("id", "body", "response", "at")),
                ("replies", ("id", "text", "details", "at")),
            ):
                places = ", ".join(f":{column}" for column in columns)
                database.execute(sa.text(f"INSERT INTO {table} VALUES ({places})"), row)
    engine.dispose()


def _numbers(frame: pd.DataFrame, state: str) -> list[int]:
    """Return which records of the last day are in a state, counted from 0."""
    return [int(key) - 90 for key in frame.index[frame["state"] == state]]


def test_every_evaluator_says_what_it_says_of_every_record(desk: Desk) -> None:
    found = desk.evaluate()
    assert all(len(frame) == 30 for frame in found.values())
    said = {name: (_numbers(frame, "fail"), _numbers(frame, "unknown")) for name, frame in found.items()}
    assert said == {
        "regex": ([8], [9]),
        "json_schema": ([number for number in range(30) if number % 2 == 0], []),
        "statements": ([3, 4, 5], [1, 9]),
        "similarity": ([3, 4, 7], [2, 9]),
        "support": ([3, 5, 6, 7], [0, 9]),
        "refusal": ([4], [9]),
        "out_of_scope": ([3], [9]),
        "leak": ([6, 7], [9]),
        "harm": ([], [9]),
        "function": ([], [9]),
        "broken": ([], list(range(30))),
        "missing": ([], list(range(30))),
        "vague": ([], list(range(30))),
    }


def test_why_an_evaluator_could_not_run_is_said_without_values_of_records(desk: Desk) -> None:
    found = desk.evaluate()
    reasons = {name: found[name]["reason"].iloc[0] for name in ("broken", "missing", "vague")}
    assert reasons["broken"] == "evaluator broken could not be run: desk:raises raised ValueError"
    assert "has no function 'nowhere'" in reasons["missing"]
    assert "which field is the answer?" in reasons["vague"]


def test_a_guard_that_is_down_leaves_harm_unknown_and_stops_no_other(desk: Desk) -> None:
    desk.guard.plays(Reply({"error": "overloaded"}, status=503))
    found = desk.evaluate()
    assert set(found["harm"]["state"]) == {"unknown"}
    assert "the guard gave no score" in set(found["harm"]["reason"])
    assert _numbers(found["leak"], "fail") == [6, 7]


def test_a_guard_that_flags_an_answer_fails_it(desk: Desk) -> None:
    desk.guard.plays(Reply({"verdict": "unsafe"}))
    assert len(_numbers(desk.evaluate()["harm"], "fail")) == 29


def test_check_tells_fields_functions_and_answers_that_are_not_there(desk: Desk) -> None:
    path = desk.root / "include/pipelines/desk.yaml"
    path.write_text(path.read_text().replace("crm.email", "crm.mail").replace("guard_api/", "guard/"))
    problems = check_project(load_project(desk.root), desk.deps.connections)
    told = [f"{one.path}: {one.text}" for one in problems if "evaluators" in one.path or "desk.py" in one.file]
    assert [text.partition(":")[0] for text in told] == [
        "evaluators.7.fields.0",
        "evaluators.8.guard",
        *("", "evaluators.12"),
    ]
    assert "crm has no column 'mail'" in told[0]
    assert "has no function 'nowhere'" in told[2]
    assert "does not say which field of reply is the answer" in told[3]


def test_the_command_prints_counts_and_reasons_and_writes_json(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in desk.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{desk.root / 'store.db'}")
    path = desk.root / "out" / "found.json"
    arguments = ["desk", "--from", "2026-03-02", "--to", "2026-03-03", "--project", str(desk.root), "--json", str(path)]
    monkeypatch.setattr("sys.argv", ["seamwatch", "evaluate", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    out = " ".join(capsys.readouterr().out.split())
    assert "leak 27 2 1 93.1%" in out
    assert "leak: record 96 fails: crm.email of another record stands in it" in out
    assert "broken: 30 unknown: evaluator broken could not be run: desk:raises raised ValueError" in out
    leak = next(one for one in json.loads(path.read_text())["evaluators"] if one["name"] == "leak")
    assert (leak["pass"], leak["fail"], leak["unknown"]) == (27, 2, 1)
    assert [one["key"] for one in leak["failing"]] == ["96", "97"]
    (kept,) = [one for one in desk.deps.store.evaluations("desk", since=START) if one.evaluator == "leak"]
    assert (kept.kind, kept.n_passed, kept.n_failed, kept.n_unknown) == ("leak", 27, 2, 1)
    assert kept.unknown_reasons == (("no answer is recorded", 1),)


def test_a_judge_model_is_an_evaluator_like_the_others(desk: Desk) -> None:
    path = desk.root / "include/pipelines/desk.yaml"
    judge = (
        "  - {kind: judge, endpoint: llm_api/v1/chat/completions, model: m, rubric: Is it right?, answer: reply.text}\n"
    )
    path.write_text(path.read_text() + judge)
    desk.guard.plays(Reply({"error": "down"}, status=400))
    desk = replace(desk, deps=replace(desk.deps, project=load_project(desk.root)))
    found = desk.evaluate()
    assert set(found["judge"]["state"]) == {"unknown"}
    assert _numbers(found["leak"], "fail") == [6, 7]
