"""An incident as a user has it: tables in a database, a project folder, connections. Nothing here names a fault."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attribution.flow import Payloads
from attribution.model import REFERENCES, Payload, Shape, Stage
from attribution.server import respond
from seamwatch.core.results import Window

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
NOW = WINDOW.end + timedelta(hours=6)
_BENCHMARK_ROWS = 200


def write_project(
    root: Path,
    shape: Shape,
    *,
    baseline_accuracy: float,
    without_reference: Collection[str] = (),
) -> None:
    """Write pipeline file, references and suites below `root`."""
    for folder in ("include/pipelines", "include/mappings", f"expectations/{shape.name}"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    document = {
        "pipeline": shape.name,
        "database": "bench_db",
        "key": "id",
        "stages": [_stage_entry(shape, stage, without_reference) for stage in shape.stages],
        "outcome": {"truth": "labels", "compare": dict(shape.compare)},
        "benchmark": {
            "table": "benchmark",
            "truth": dict(shape.compare),
            "baseline_accuracy": round(baseline_accuracy, 3),
        },
    }
    # JSON is YAML.
    (root / f"include/pipelines/{shape.name}.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")
    code = (REFERENCES / shape.mapping_file).read_text(encoding="utf-8")
    (root / "include/mappings" / shape.mapping_file).write_text(code, encoding="utf-8")
    for name, text in shape.field_maps.items():
        (root / "include/mappings" / name).write_text(text, encoding="utf-8")
    for name, expectations in shape.suites.items():
        suite = {"name": name, "expectations": list(expectations)}
        (root / f"expectations/{shape.name}/{name}.json").write_text(json.dumps(suite), encoding="utf-8")


def _stage_entry(shape: Shape, stage: Stage, without_reference: Collection[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": stage.name, "kind": stage.kind, "table": table_of(shape, stage), "time": "at"}
    if stage.inputs:
        entry["input"] = list(stage.inputs)
    if stage.kind == "prompt":
        entry["request"] = "body"
    if stage.kind == "model":
        endpoint: dict[str, Any] = {"connection": f"bench_{stage.name}", "protocol": stage.protocol}
        if stage.protocol == "json":
            endpoint |= {"path": "/predict", "answer": "answer"}
        entry |= {"request": "body", "response": "response", "status": "status", "endpoint": endpoint}
    if stage.kind == "retrieval":
        entry["documents"] = "docs"
    if stage.reference and stage.name not in without_reference:
        entry["reference"] = stage.reference
    if stage.name in shape.stage_truths:
        entry["truth"] = dict(shape.stage_truths[stage.name])
    return entry


def table_of(shape: Shape, stage: Stage) -> str:
    """Return the table of a stage; a prompt shares that of its model."""
    for model in shape.models:
        if stage.name == model.name or stage.name in model.inputs:
            return f"{model.name}_calls"
    return stage.name


def write_tables(
    path: Path,
    shape: Shape,
    recorded: Sequence[Payloads],
    *,
    clean: Payloads,
    labels: Mapping[int, Payload],
    corrections: Mapping[str, Mapping[int, Payload]],
    benchmark: Sequence[tuple[Payload, Payload]],
    keeps_requests: bool = True,
) -> None:
    """Write all tables of a window.

    Args:
        path: SQLite file.
        shape: The pipeline.
        recorded: By record, its payloads.
        clean: Payloads of one record as a healthy pipeline has them: the columns of a table without rows.
        labels: By record, what the truth table says; a record that is missing has no label yet.
        corrections: By source stage and record, a later version.
        benchmark: Payloads of the first source, with their truths.
        keeps_requests: False: the request column is empty.
    """
    n = len(recorded)
    times = [START + (WINDOW.end - START) * k / n for k in range(n)]
    models = {stage.inputs[0]: stage for stage in shape.models}
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    for position, stage in enumerate(shape.stages):
        if stage.name in models:
            continue
        delay = timedelta(seconds=5 * position)
        rows: list[Payload] = []
        for k, payloads in enumerate(recorded):
            payload = payloads[stage.name]
            if payload is None:
                continue
            row = _row(stage, payloads, keeps_requests=keeps_requests)
            rows.append({"id": k, **row, "at": _text(times[k] + delay)})
        for k, payload in corrections.get(stage.name, {}).items():
            rows.append({"id": k, **payload, "at": _text(times[k] + timedelta(hours=4))})
        names = ["id", *_row(stage, clean, keeps_requests=keeps_requests), "at"]
        _insert(database, table_of(shape, stage), rows, names)
    _insert(database, "labels", [{"id": k, **label} for k, label in labels.items()])
    _insert(database, "benchmark", [{"id": 10**6 + k, **given, **truth} for k, (given, truth) in enumerate(benchmark)])
    database.commit()
    database.close()


def _row(stage: Stage, payloads: Payloads, *, keeps_requests: bool) -> Payload:
    """Return a record's row in the table of a stage it reached, without key and time."""
    payload = payloads[stage.name]
    assert payload is not None
    if stage.kind != "model":
        return payload
    prompt = payloads[stage.inputs[0]]
    assert prompt is not None
    failed = payload["answer"] is None
    response = (
        None if failed else respond(stage.protocol, payload["answer"], finish=payload["finish"], model=payload["model"])
    )
    return {
        "body": json.dumps(prompt["body"]) if keeps_requests else None,
        "response": response,
        "status": payload["status"],
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def _insert(
    database: sqlite3.Connection, table: str, rows: list[Payload], columns: Sequence[str] | None = None
) -> None:
    names = list(columns or rows[0])
    kinds = {name: _sql_type([row.get(name) for row in rows]) for name in names}
    database.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kinds[name]}' for name in names)})")
    places = ", ".join("?" * len(names))
    database.executemany(f"INSERT INTO {table} VALUES ({places})", [[row.get(name) for name in names] for row in rows])


def _sql_type(values: list[Any]) -> str:
    known = {type(value) for value in values if value is not None}
    if known == {int}:
        return "INTEGER"
    return "DOUBLE PRECISION" if known and known <= {int, float} else "TEXT"


def benchmark_rows(shape: Shape, rng: Any) -> list[tuple[Payload, Payload]]:
    """Return inputs of the first source with their truths."""
    drawn = [shape.draw(rng) for _ in range(_BENCHMARK_ROWS)]
    return [(sources[shape.sources[0].name], shape.truth(sources)) for sources in drawn]
