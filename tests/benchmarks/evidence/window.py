"""One cell as a user has it: tables, a project folder, a model over HTTP; and what is true of each record."""

from __future__ import annotations

import inspect
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.project import START, WINDOW
from shapes.answers import SHAPES

from evidence import desk
from evidence.cells import Cell
from evidence.desk import FAULTS, Fault, Row, share_of
from evidence.shapes import READABLE, UNREADABLE, content_of

NAME = "desk"
WRAPS = {
    **{name: (lambda body, shape=shape: shape(content_of(body))) for name, shape in SHAPES.items()},
    **READABLE,
    **UNREADABLE,
}
UNDETERMINED = ("undetermined", None)
Blame = tuple[str, str | None]
_ONSET = 0.4
_BENCHMARK_ROWS = 120


@dataclass(frozen=True, kw_only=True)
class Record:
    """One ticket's way through the desk, and who may be blamed if its outcome is wrong."""

    payloads: dict[str, Row | None]
    wanted: Row
    is_struck: bool
    """Whether the fault changed any payload of it."""
    accepted: frozenset[Blame]
    """Empty where the outcome is right."""


def make_records(cell: Cell) -> list[Record]:
    """Return the records of a cell; the same cell gives the same records."""
    fault = FAULTS.get(cell.fault)
    return [_record(cell, fault, number) for number in range(cell.n)]


def _record(cell: Cell, fault: Fault | None, number: int) -> Record:
    source = desk.ticket(cell.seed, number)
    healthy = desk.flow(source, None)
    may_strike = number >= _ONSET * cell.n and share_of(cell.seed, "strike", number) < cell.share
    recorded = desk.flow(source, fault) if may_strike else healthy
    wanted = desk.truth(source)
    accepted: set[Blame] = set()
    if recorded["crm"] != wanted:
        if healthy["crm"] != wanted:
            accepted.add(("model", "model"))
        if recorded != healthy and fault is not None:
            accepted.add((fault.responsibility, fault.stage))
        if not cell.is_provable:
            accepted.add(UNDETERMINED)
    return Record(
        payloads=recorded,
        wanted=wanted,
        is_struck=recorded != healthy,
        accepted=frozenset(accepted),
    )


def write_window(cell: Cell, records: Sequence[Record], root: Path) -> None:
    """Write the cell's project and tables below `root`."""
    for folder in ("include/pipelines", "include/mappings"):
        (root / folder).mkdir(parents=True)
    (root / f"include/pipelines/{NAME}.yaml").write_text(json.dumps(_pipeline(cell), indent=2), encoding="utf-8")
    (root / f"include/mappings/{NAME}.py").write_text(_references(cell, records), encoding="utf-8")
    _write_tables(cell, records, root / "data.db")


def _pipeline(cell: Cell) -> Row:
    references = {"request": "desk:to_request", "prompt": "desk:to_prompt", "result": "desk:to_result"}
    stages: list[Row] = [
        {"name": "tickets", "kind": "source", "table": "tickets"},
        {"name": "request", "kind": "mapping", "table": "requests"},
        {"name": "prompt", "kind": "prompt", "table": "calls", "request": "request"},
        {
            "name": "model",
            "kind": "model",
            "table": "calls",
            "request": "request",
            "response": "response",
            "status": "status",
            "endpoint": {"connection": "desk_model", "path": "/v1/chat/completions"},
        },
        {"name": "result", "kind": "mapping", "table": "results"},
        {"name": "crm", "kind": "sink", "table": "crm"},
    ]
    for stage in stages:
        stage["time"] = "at"
        if stage["name"] in references and stage["name"] != cell.removed:
            stage["reference"] = references[stage["name"]]
    document: Row = {
        "pipeline": NAME,
        "database": "bench_db",
        "key": "id",
        "stages": stages,
        "outcome": {"truth": "labels", "compare": {"queue_id": "queue_id", "urgency": "urgency"}},
        "isolation": {"mode": cell.mode} | ({} if cell.calls is None else {"max_calls_per_run": cell.calls}),
    }
    if cell.has_benchmark:
        document["benchmark"] = {
            "table": "benchmark",
            "truth": {"queue_id": "queue_id", "urgency": "urgency"},
            "baseline_accuracy": 1.0 - desk.HEALTHY_ERRORS,
        }
    return document


def _references(cell: Cell, records: Sequence[Record]) -> str:
    """Return the file of the references, with what the cell leaves out of them or lets them raise on."""
    lines = [
        "import hashlib",
        "import json",
        "",
        "Row = dict",
        f"CODES = {desk.CODES!r}",
        f"TIERS = {desk.TIERS!r}",
        "",
    ]
    lines += [inspect.getsource(share_of), inspect.getsource(desk.to_request).replace("to_request", "make_request")]
    lines += [inspect.getsource(desk.to_prompt).replace("to_prompt", "make_prompt")]
    lines += [inspect.getsource(desk.to_result).replace("to_result", "make_result")]
    lines += [inspect.getsource(desk.read_answer)]
    for stage in ("request", "prompt", "result"):
        given = 'read_answer(row["answer"])' if stage == "result" else "row"
        lines += [f"def to_{stage}(row: Row) -> Row:"]
        if stage in cell.raising:
            lines += [f"    if {_condition(cell, records, stage)}:", '        raise ValueError("cannot make it")']
        lines += [f"    made = make_{stage}({given})"]
        if cell.left_out is not None and cell.left_out[0] == stage:
            lines += [f"    del made[{cell.left_out[1]!r}]"]
        lines += ["    return made", ""]
    return "\n".join(lines)


def _condition(cell: Cell, records: Sequence[Record], stage: str) -> str:
    """Return the code of the condition on which a reference raises: by a hash of its input, or on struck inputs."""
    marked = {"request": 'row["body"]', "prompt": 'row["body"]', "result": 'row["answer"]'}[stage]
    if not cell.raises_on_struck:
        return f'share_of("raise", {marked}) < {cell.raising[stage]}'
    place = {"request": ("tickets", "body"), "prompt": ("request", "body"), "result": ("said", None)}[stage]
    inputs = set()
    for record in records:
        payload = record.payloads[place[0]]
        if record.is_struck:
            inputs.add((payload or {}).get(place[1]) if place[1] else payload and json.dumps(payload))
    return f"{marked} in {inputs!r}" if inputs else "False"


def _write_tables(cell: Cell, records: Sequence[Record], path: Path) -> None:
    database = sqlite3.connect(path)
    rows: dict[str, list[Row]] = {name: [] for name in ("tickets", "requests", "calls", "results", "crm", "labels")}
    for number, record in enumerate(records):
        at = f"{START + (WINDOW.end - START) * number / len(records):%Y-%m-%dT%H:%M:%S}"
        base = {"id": number, "at": at}
        made = record.payloads
        rows["tickets"].append({**base, **(made["tickets"] or {})})
        rows["requests"].append({**base, **(made["request"] or {})})
        rows["calls"].append({**base, **_call(cell, number, record)})
        rows["results"].append({**base, **(made["result"] or {})})
        rows["crm"].append({**base, **(made["crm"] or {})})
        rows["labels"].append({"id": number, **record.wanted})
    examples = [desk.ticket(cell.seed + 500_000, number) for number in range(_BENCHMARK_ROWS)]
    rows["benchmark"] = [{"id": 10**6 + k, **row, **desk.truth(row)} for k, row in enumerate(examples)]
    for table, entries in rows.items():
        names = list(entries[0])
        columns = ", ".join(f"{name} {_type(name)}" for name in names)
        database.execute(f"CREATE TABLE {table} ({columns})")
        places = ", ".join("?" * len(names))
        database.executemany(
            f"INSERT INTO {table} VALUES ({places})", [[entry[name] for name in names] for entry in entries]
        )
    database.commit()
    database.close()


def _type(name: str) -> str:
    return {"id": "INTEGER", "amount_cents": "INTEGER", "amount_eur": "DOUBLE PRECISION"}.get(name, "TEXT")


def _call(cell: Cell, number: int, record: Record) -> Row:
    said: Any = record.payloads["said"]
    request = json.dumps(record.payloads["prompt"])
    if said is None:
        return {"request": request, "response": None, "status": "503"}
    shape = cell.shape_of_struck if record.is_struck and cell.shape_of_struck else cell.shape
    status = cell.statuses[int(share_of(cell.seed, "status", number) * len(cell.statuses))]
    return {"request": request, "response": WRAPS[shape](desk.as_body(said)), "status": status}
