"""Answers that cannot be read, from tables to verdicts, notes, JSON, console and report."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.validate import check_stage
from seamwatch.report.console import print_attribution
from seamwatch.report.machine import attribution_json
from seamwatch.vocabulary import Responsibility

REDACTED = PIPELINE + "bundle: {redact: [request.product]}\n"


def _as_body(answer: str) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    return json.dumps({"object": "chat.completion", "model": "rules-1", "choices": [choice]})


def _page(answer: str) -> str:
    return f"<html>the answer on the phone is held back: {len(answer)}</html>"


def _deps(
    root: Path, fault: str, record: Callable[[int, str], Any], pipeline: str = PIPELINE, column: str = "TEXT"
) -> Deps:
    write_project(root, pipeline=pipeline)
    fill_database(f"sqlite:///{root / 'parcels.db'}", fault)
    database = sqlite3.connect(root / "parcels.db")
    calls = database.execute("SELECT id, body, answer, status, created_at FROM calls").fetchall()
    database.execute("DROP TABLE calls")
    database.execute(f"CREATE TABLE calls (id INTEGER, body TEXT, answer {column}, status TEXT, created_at TEXT)")
    kept = [(key, body, None if answer is None else record(key, answer), *more) for key, body, answer, *more in calls]
    database.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?)", kept)
    database.commit()
    database.close()
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"})


def _attribute(deps: Deps) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


def _third_as_page(key: int, answer: str) -> str:
    return _page(answer) if key % 3 == 0 else _as_body(answer)


@pytest.mark.parametrize("fault", ["result", "sink", "code_table", ""])
def test_an_answer_that_cannot_be_read_convicts_nobody(tmp_path: Path, fault: str) -> None:
    found = _attribute(_deps(tmp_path, fault, _third_as_page))
    wanted = {"result": "result", "sink": "routing", "code_table": "request"}
    if fault:
        assert found.leading is not None
        assert (found.leading.responsibility, found.leading.stage) == (Responsibility.INTEGRATION, wanted[fault])
    clear = _attribute(_deps(tmp_path / "clear", fault, lambda _, answer: _as_body(answer)))
    known = {v.key: v for v in clear.verdicts}
    for verdict in found.verdicts:
        if verdict.responsibility is Responsibility.MODEL:
            assert known[verdict.key].responsibility is Responsibility.MODEL
        assert verdict.responsibility is not Responsibility.PROVIDER


def test_how_many_are_unread_is_said_everywhere_and_redacted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deps = _deps(tmp_path, "result", _third_as_page, REDACTED)
    found = _attribute(deps)
    (note,) = [note for note in found.notes if "not a body of a known protocol" in note]
    assert note.startswith("router_model: 100 of 300 responses are not a body")
    assert "'<html>the answer on the [request.product-" in note
    assert "phone" not in note
    assert "Record the body as it came" in note
    assert note in attribution_json(found)["notes"]
    print_attribution(found)
    printed = " ".join(capsys.readouterr().out.split())
    assert "100 of 300 responses are not a body of a known protocol" in printed
    pipeline = deps.project.pipeline("parcels")
    result = check_stage(deps, pipeline, pipeline.stage("router_model"), WINDOW)
    assert [one for one in result.notes if "[request.product-" in one] == [note.removeprefix("router_model: ")]


@pytest.mark.parametrize(
    ("record", "column"),
    [
        (lambda _, answer: _as_body(answer), "TEXT"),
        (lambda _, answer: json.dumps(_as_body(answer)), "TEXT"),
        (lambda _, answer: _as_body(answer).encode(), "BLOB"),
        (lambda _, answer: "\\x" + _as_body(answer).encode().hex(), "TEXT"),
        (lambda _, answer: repr(json.loads(_as_body(answer))), "TEXT"),
    ],
    ids=["body", "JSON in JSON", "bytes", "bytea as text", "repr"],
)
def test_a_wrapped_body_gives_the_same_verdicts(tmp_path: Path, record: Any, column: str) -> None:
    found = _attribute(_deps(tmp_path, "result", record, column=column))
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.stage) == (Responsibility.INTEGRATION, "result")
    assert not [note for note in found.notes if "not a body" in note]
