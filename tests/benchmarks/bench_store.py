"""How large the store of a busy pipeline becomes in a year, with the nightly purge, and how long a writer waits for it.

`make bench-store` runs it, writes `build/bench/store.json` and renews `docs/BENCHMARKS.md`; `SHORT=1` simulates a few
days with as many fewer days kept, and tells the size that the same rows make at the default. Fails above 2 GB.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from write_page import Figure, write_figures

sys.path.append(str(Path(__file__).parents[1] / "support"))
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.results import Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.retention import purge_store
from seamwatch.engine.validate import check_stage
from seamwatch.store.repo import Store
from seamwatch.store.tables import (
    AnswerRow,
    BudgetRow,
    CauseRow,
    DebitRow,
    DiscrepancyRow,
    FreshnessCheckRow,
    ReservationRow,
    SloBucketRow,
    StageResultRow,
    VerdictRow,
    WindowRow,
)

SHORT = os.environ.get("SHORT") == "1"
DAYS, KEPT_DAYS = (9, 4) if SHORT else (365, 180)
DEFAULT_DAYS = 180
RECORDS_A_DAY, WINDOWS_A_DAY = 20_000, 96
FAULTY_EVERY, FAULTY_WINDOWS = 10, 32
"""One day in ten has a fault for a third of it."""
CALLS_A_DAY = 2_500
"""What samples may use of the default budget: half of 5,000 calls a day."""
FORM_ONLY_FIELDS = 3
"""Fields that differ in form alone, each in every record."""
OBJECTIVES = 3
MOST_GB = 2.0
GB = 1e9
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


Rows = dict[type[Any], list[dict[str, Any]]]
"""Rows by table."""


def make_window(folder: Path, fault: str) -> Rows:
    """Return the rows that a window of the right number of records leaves behind, by the engine itself."""
    folder.mkdir()
    write_project(folder)
    url = f"sqlite:///{folder / 'parcels.db'}"
    fill_database(url, fault, n=RECORDS_A_DAY // WINDOWS_A_DAY)
    deps = make_deps(folder, {"AIRFLOW_CONN_PARCELS_DB": url})
    pipeline = deps.project.pipeline("parcels")
    for stage in pipeline.stages:
        check_stage(deps, pipeline, stage, WINDOW)
    (request,) = (one for one in deps.store.stage_results("parcels", WINDOW) if one.stage == "request")
    found = deps.store.discrepancies("parcels", WINDOW, "request")
    deps.store.save_stage_result(
        "parcels", WINDOW, request, pd.concat([found, _FORM_ONLY]) if len(found) else _FORM_ONLY
    )
    attribute_window(deps, pipeline, WINDOW)
    decide_incidents(deps, pipeline, WINDOW)
    tables: tuple[type[Any], ...] = (WindowRow, StageResultRow, DiscrepancyRow, VerdictRow, CauseRow, AnswerRow)
    with deps.store._engine.connect() as connection:
        rows = {table: _rows_of(connection, table) for table in tables}
    deps.store.close()
    return rows


def _rows_of(connection: sa.Connection, table: type[Any]) -> list[dict[str, Any]]:
    found = connection.execute(sa.select(table.__table__)).mappings()
    return [{name: value for name, value in row.items() if name != "id"} for row in found]


class Year:
    """A store that fills day by day."""

    def __init__(self, folder: Path) -> None:
        """Make one window of each kind, and an empty store."""
        self.healthy, self.faulty = (make_window(folder / fault, fault) for fault in ("none", "code_table"))
        write_project(folder, pipeline=PIPELINE + _SLOS)
        (folder / "include/settings.yaml").write_text(f"store: {{keep: {KEPT_DAYS}d}}\n")
        self.file = folder / "year.db"
        self.deps = make_deps(folder, {}, store_url=f"sqlite:///{self.file}")
        self.store: Store = self.deps.store

    def at(self, now: datetime) -> Deps:
        """Return the dependencies at a moment."""
        return replace(self.deps, clock=lambda: now)

    def write_day(self, day: int) -> None:
        """Write what a day leaves behind."""
        start = FIRST + timedelta(days=day)
        length = timedelta(days=1) / WINDOWS_A_DAY
        rows: Rows = defaultdict(list)
        for number in range(WINDOWS_A_DAY):
            window = Window(start=start + number * length, end=start + (number + 1) * length)
            is_faulty = day % FAULTY_EVERY == 0 and number < FAULTY_WINDOWS
            for table, made in self._window(
                self.faulty if is_faulty else self.healthy, window, f"{day:04d}{number:02d}"
            ):
                rows[table] += made
        for table, made in self._events(start):
            rows[table] += made
        with self.store._writing() as connection:
            for table, made in rows.items():
                connection.execute(sa.insert(table), made)

    def _window(self, example: Rows, window: Window, mark: str) -> Iterator[tuple[type[Any], list[dict[str, Any]]]]:
        """Yield the rows of a window, those of the example under its own name, times and keys."""
        times = {"start_at": window.start, "end_at": window.end, "begun_at": window.end, "attributed_at": window.end}
        for table, rows in example.items():
            if table is AnswerRow:
                continue
            own = {"window": window.id, **(times if table is WindowRow else {})}
            yield table, [{**row, **own, **({"key": f"{mark}{row['key']}"} if "key" in row else {})} for row in rows]
        calls = CALLS_A_DAY // WINDOWS_A_DAY
        run = f"{window.id}@{window.end:%Y%m%dT%H%M%S.%f}"
        answer = {**self.faulty[AnswerRow][0], "scope": f"parcels/{window.id}", "attempt": 0, "created_at": window.end}
        yield AnswerRow, [{**answer, "request_hash": f"{mark}{n:058d}"} for n in range(calls)]
        reserved = {"pipeline": "parcels", "run": run, "day": f"{window.end:%Y-%m-%d}", "usd": 0.01, "is_open": False}
        yield ReservationRow, [{**reserved, "is_routine": True}] * calls
        yield BudgetRow, [{"pipeline": "parcels", "scope": f"run:{run}", "n_calls": calls, "usd": 0.25}]

    def _events(self, start: datetime) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
        n_bad = RECORDS_A_DAY * 6 // 100
        for number in range(OBJECTIVES):
            place = {"pipeline": "parcels", "objective": f"objective_{number}"}
            counts = {"total": 69.0, "judged": 69.0, "bad": 4.0, "usd": 0.5}
            yield SloBucketRow, [{**place, **counts, "start_at": start + n * timedelta(minutes=5)} for n in range(288)]
            bad = {"kind": "wrong_answer", "amount": 1.0, "incident": None}
            step = timedelta(days=1) / n_bad
            yield (
                DebitRow,
                [
                    {
                        **place,
                        **bad,
                        "record": f"{start:%j}{n:06d}",
                        "at": start + n * step,
                        "told_at": start + n * step,
                    }
                    for n in range(n_bad)
                ],
            )
        documents = [{"document": f"policy-{n}", "reason": "stale", "n_answers": n} for n in range(50)]
        check = {"pipeline": "parcels", "knowledge_base": "kb", "is_full": False, "result": {"documents": documents}}
        yield FreshnessCheckRow, [{**check, "checked_at": start + timedelta(hours=n)} for n in range(24)]


_FORM_ONLY = pd.DataFrame(
    [
        (str(key), "request", f"field_{number}", "12.50", "12.5", "format")
        for number in range(FORM_ONLY_FIELDS)
        for key in range(RECORDS_A_DAY // WINDOWS_A_DAY)
    ],
    columns=["key", "stage", "field", "recorded", "expected", "kind"],
)
_SLOS = """
slos:
  - {kind: accuracy, goal: 0.9, over: 28d}
"""


@contextmanager
def writer_beside(store: Store, waits: list[float]) -> Iterator[None]:
    """Let another thread write all the time; what it waits goes into the list, in seconds."""
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            started = time.perf_counter()
            store.begin_window("beside", WINDOW, now=FIRST)
            waits.append(time.perf_counter() - started)
            time.sleep(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def simulate(folder: Path) -> dict[str, Figure]:
    """Return the figures of a simulated year."""
    year = Year(folder)
    sizes: list[float] = []
    purges: list[float] = []
    waits: list[float] = []
    n_gone = 0
    for day in range(DAYS):
        year.write_day(day)
        started = time.perf_counter()
        with writer_beside(year.store, waits):
            found = purge_store(year.at(FIRST + timedelta(days=day + 1)))
        purges.append(time.perf_counter() - started)
        sizes.append(sum(file.stat().st_size for file in folder.glob("year.db*")) / GB)
        n_gone += sum(found.rows.values())
        if day % 30 == 29:
            print(f"day {day + 1}: {sizes[-1]:.3f} GB, {n_gone:,} rows deleted", file=sys.stderr, flush=True)
    # The store is opened, migrated and looked through as `seamwatch migrate` does it.
    started = time.perf_counter()
    year.store.require_undamaged()
    checked_s = time.perf_counter() - started
    scale = (DEFAULT_DAYS + 1) / (KEPT_DAYS + 1)  # at its largest it holds one day more, before the night's purge
    per_record = max(sizes) * GB / (KEPT_DAYS + 1) / RECORDS_A_DAY
    waits.sort()
    steady = sizes[KEPT_DAYS + 1 :]
    figures = {
        "largest_file_gb": _figure([size * scale for size in sizes], max(sizes) * scale, "GB"),
        "growth_once_full": _figure([steady[-1] / steady[0]], steady[-1] / steady[0], "ratio"),
        "rows_deleted": _figure([float(n_gone)], float(n_gone), "rows"),
        "bytes_per_record": _figure([per_record], per_record, "bytes"),
        "purge_of_a_day": _figure(purges[KEPT_DAYS + 1 :], sorted(purges[KEPT_DAYS + 1 :])[len(steady) // 2], "s"),
        "writer_waits_beside_purge": _figure(waits, waits[int(len(waits) * 0.99)], "s"),
        "quick_check": _figure([checked_s], checked_s, "s"),
    }
    year.store.close()
    return figures


def _figure(values: list[float], value: float, unit: str) -> Figure:
    return Figure(value=value, low=min(values), high=max(values), unit=unit, rival={})


def main() -> None:
    """Simulate, write the figures, and fail where the store becomes too large."""
    with tempfile.TemporaryDirectory() as folder:
        figures = simulate(Path(folder))
    about = (
        f"{RECORDS_A_DAY:,} records a day in {WINDOWS_A_DAY} windows for {DAYS} days, {KEPT_DAYS} days kept, 6 % of "
        f"answers wrong, a fault every {FAULTY_EVERY} days, {CALLS_A_DAY:,} cached answers a day, {OBJECTIVES} "
        "objectives"
    )
    command = f"{'SHORT=1 ' if SHORT else ''}make bench-store"
    write_figures("store", figures, command=command, seed=1, about=about, notes=_NOTES, renews_page=not SHORT)
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g}) {figure.unit}")
    largest = figures["largest_file_gb"].value
    if largest > MOST_GB:
        sys.exit(f"the store becomes {largest:.2f} GB large; at most {MOST_GB} is held")


_NOTES = """\
The rows of a window are those that the engine left behind of one window with as many records, healthy or faulty, under
names, times and keys of their own; rows of single calls, events and checks have real sizes too. Every record has three
fields that differ in form alone, of which the store keeps a few examples a window. The purge runs every simulated night
beside a thread that writes all the time: `writer_waits_beside_purge` is the 99th percentile of its waits, with the
longest."""


if __name__ == "__main__":
    main()
