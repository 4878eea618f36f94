"""The time of a row: named, or guessed where nothing speaks against it, and never a column that is payload."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.results import Window
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowReader
from seamwatch.errors import StageError
from seamwatch.spec.load import load_project

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PIPELINE = """\
pipeline: desk
database: dw
key: id
stages:
  - {name: tickets, kind: source, table: tickets}
  - {name: request, kind: mapping, table: requests, REFERENCE}
  - {name: result, kind: mapping, table: results, NEXT}
"""
FUNCTIONS = """\
from dataclasses import dataclass

FIELDS = ("due_at", "body")

@dataclass
class Made:
    written_at: str

def made(ticket): return {name: ticket[name] for name in FIELDS}
def keyword(ticket): return dict(due_at=ticket["due"])
def attribute(frame): return frame.assign(x=frame.due_at)
def helper(ticket): return _make(ticket)
def _make(ticket): return {"due_at": 1}
def other(ticket): return {"body": ticket["body"]}
"""


def reader(
    tmp_path: Path, *, reference: str = "", after: str = "", requests: str = "body TEXT, due_at TEXT", row: Any = None
) -> StageReader:
    for folder in ("pipelines", "mappings"):
        (tmp_path / "include" / folder).mkdir(parents=True)
    text = PIPELINE.replace("REFERENCE", reference).replace("NEXT", after).replace(", }", "}")
    (tmp_path / "include/pipelines/desk.yaml").write_text(text)
    (tmp_path / "include/mappings/desk.py").write_text(FUNCTIONS)
    (tmp_path / "include/mappings/map.yaml").write_text("fields: {body: body, due_at: {from: due}}\n")
    (tmp_path / "include/mappings/next.yaml").write_text(
        'fields: {a: "request.due_at.day", b: {template: "{due_at}"}}\n'
    )
    with closing(sqlite3.connect(tmp_path / "dw.db")) as database, database:
        database.execute("CREATE TABLE tickets (id INTEGER, created_at TEXT, due TEXT, body TEXT)")
        database.execute(f"CREATE TABLE requests (id INTEGER, {requests})")
        database.execute("CREATE TABLE results (id INTEGER)")
        database.execute("INSERT INTO tickets VALUES (1, '2026-01-31T12:00:00', '2026-02-01', 'x')")
        values = ("x", "2026-01-31T12:00:00") if row is None else row
        database.execute(f"INSERT INTO requests VALUES (1, {', '.join('?' * len(values))})", values)
    project = load_project(tmp_path)
    connections = EnvironmentConnections({"AIRFLOW_CONN_DW": f"sqlite:///{tmp_path / 'dw.db'}"})
    return StageReader(project.pipeline("desk"), connections, project)


def guess(found: StageReader, stage: str = "request") -> tuple[str | None, bool]:
    time = found.row_time(found.pipeline.stage(stage))
    found.close()
    return time.column, time.is_guessed


@pytest.mark.parametrize("reference", ["", "reference: 'desk:other'"])
def test_a_lone_timestamp_that_nothing_names_is_guessed(tmp_path: Path, reference: str) -> None:
    assert guess(reader(tmp_path, reference=reference)) == ("due_at", True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"reference": "reference: map.yaml"}, "map.yaml makes it"),
        ({"after": "reference: next.yaml"}, "next.yaml reads it"),
        ({"reference": "reference: 'desk:made'"}, "desk:made names it"),
        ({"reference": "reference: 'desk:keyword'"}, "desk:keyword names it"),
        ({"reference": "reference: 'desk:helper'"}, "desk:helper names it"),
        ({"after": "reference: 'desk:attribute'"}, "desk:attribute names it"),
        ({"reference": "fields: [due_at]"}, "fields names it"),
        ({"reference": "normalise: {due_at: date}"}, "normalise names it"),
        ({"reference": "truth: {due_at: due}"}, "the pipeline file names it"),
        ({"after": "}\nsegments: [request.due_at]\nbundle: {redact: []"}, "segments names it"),
    ],
)
def test_what_a_file_or_a_function_names_is_payload(tmp_path: Path, settings: dict[str, str], why: str) -> None:
    found = reader(tmp_path, **settings)
    time = found.row_time(found.pipeline.stage("request"))
    assert (time.column, time.passed_over) == (None, {"due_at": why})
    found.close()


@pytest.mark.parametrize(
    ("requests", "row", "column"),
    [
        ("due_date TEXT", ("2026-01-31",), None),
        ("due_date TEXT", ("2026-01-31T12:00:00",), None),
        ("due_at TEXT", ("2026-01-31",), None),
        ("response_time TEXT", ("350 ms",), None),
        ("day DATE", ("2026-01-31",), None),
        ("made DATETIME", ("2026-01-31 12:00:00",), "made"),
        ("response_time TEXT, made_at TEXT", ("350 ms", "2026-01-31 12:00:00"), "made_at"),
        ("made DATETIME, due_at TEXT", ("2026-01-31 12:00:00", "2026-01-31 12:00:00"), "made"),
    ],
)
def test_only_a_point_in_time_is_guessed(tmp_path: Path, requests: str, row: Any, column: str | None) -> None:
    assert guess(reader(tmp_path, requests=requests, row=row))[0] == column


def test_several_are_not_guessed(tmp_path: Path) -> None:
    found = reader(tmp_path, requests="made DATETIME, due DATETIME", row=("2026-01-31 12:00:00",) * 2)
    with pytest.raises(StageError, match=r"desk.request \(requests\) has several time columns \(made, due\); name"):
        found.row_time(found.pipeline.stage("request"))
    found.close()


def test_a_first_stage_without_a_time_says_what_was_passed_over(tmp_path: Path) -> None:
    found = reader(tmp_path)
    first = found.pipeline.first_stage.model_copy(update={"normalise": {"created_at": ("date",)}})
    found.pipeline = found.pipeline.model_copy(update={"stages": (first, *found.pipeline.stages[1:])})
    says = r"desk.tickets has no time column \(created_at is payload \(normalise names it\)\); a window needs one"
    with pytest.raises(StageError, match=says):
        WindowReader(found, Window(start=NOON, end=NOON + timedelta(hours=1))).read()
    found.close()
