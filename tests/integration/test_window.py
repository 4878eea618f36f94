"""A window is read and reconciled once, whoever asks for it, and only as far as it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.reading import StageReader
from seamwatch.engine.validate import check_stage
from seamwatch.engine.window import WindowReader, open_window
from seamwatch.errors import StageError

pytestmark = pytest.mark.integration


class CountingSource(SqlStageSource):
    """A real database that counts what is read of the window from each table."""

    def __init__(self, inner: SqlStageSource, reads: Counter[str]) -> None:
        self._counted, self._reads = inner, reads

    def columns(self, relation: str, *, is_query: bool) -> Mapping[str, str]:
        return self._counted.columns(relation, is_query=is_query)

    def window_query(self, *args: Any, **more: Any) -> str:
        return self._counted.window_query(*args, **more)

    def read(self, relation: str, **selection: Any) -> pd.DataFrame:
        starts, ends = selection.get("start"), selection.get("end")
        if starts is not None and starts <= WINDOW.start and ends >= WINDOW.end:
            self._reads[relation] += 1
        return self._counted.read(relation, **selection)

    def close(self) -> None:
        self._counted.close()


class CountingReader(StageReader):
    """Reads through counting sources."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.reads: Counter[str] = Counter()

    def source(self, database: str) -> SqlStageSource:
        if database not in self._sources:
            self._sources[database] = CountingSource(super().source(database), self.reads)
        return self._sources[database]


@pytest.fixture
def url(tmp_path: Path) -> str:
    write_project(tmp_path)
    return f"sqlite:///{tmp_path / 'parcels.db'}"


def _deps(root: Path, url: str) -> Deps:
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})


@pytest.fixture
def deps(tmp_path: Path, url: str) -> Iterator[Deps]:
    fill_database(url, "code_table", n=150)
    return _deps(tmp_path, url)


def _reads(rows: WindowReader) -> Counter[str]:
    assert isinstance(rows.reader, CountingReader)
    return rows.reader.reads


def test_validation_and_attribution_of_a_window_read_each_table_once(deps: Deps) -> None:
    pipeline = deps.project.pipeline("parcels")
    with open_window(deps, pipeline, WINDOW, CountingReader) as rows:
        for stage in pipeline.stages:
            check_stage(deps, pipeline, stage, WINDOW, rows)
        attribution = attribute_window(deps, pipeline, WINDOW, is_asked=True, opened=rows)
        read = _reads(rows)
    assert attribution.leading is not None
    assert read == {"orders": 1, "requests": 1, "calls": 1, "results": 1, "routing": 1}


def test_what_one_process_finds_is_what_tasks_find_each_for_itself(tmp_path: Path, deps: Deps) -> None:
    pipeline = deps.project.pipeline("parcels")
    with open_window(deps, pipeline, WINDOW) as rows:
        shared = [check_stage(deps, pipeline, stage, WINDOW, rows) for stage in pipeline.stages]
        attribution = attribute_window(deps, pipeline, WINDOW, opened=rows)
    (tmp_path / "alone").mkdir()
    write_project(tmp_path / "alone")
    alone = _deps(tmp_path / "alone", f"sqlite:///{tmp_path / 'parcels.db'}")
    assert [check_stage(alone, pipeline, stage, WINDOW) for stage in pipeline.stages] == shared
    assert attribute_window(alone, pipeline, WINDOW) == attribution


def test_a_stage_that_is_checked_alone_reads_itself_and_what_it_is_made_from(deps: Deps) -> None:
    pipeline = deps.project.pipeline("parcels")
    with open_window(deps, pipeline, WINDOW, CountingReader) as rows:
        check_stage(deps, pipeline, pipeline.stage("result"), WINDOW, rows)
        assert _reads(rows) == {"orders": 1, "calls": 1, "results": 1}
        check_stage(deps, pipeline, pipeline.stage("routing"), WINDOW, rows)
        assert _reads(rows) == {"orders": 1, "calls": 1, "results": 1, "routing": 1}


def test_a_reference_makes_each_record_once_for_checks_and_outcomes(tmp_path: Path, url: str) -> None:
    mapping, log = tmp_path / "include/mappings/parcels.py", tmp_path / "made.txt"
    counting = f"    with open({str(log)!r}, 'a') as made:\n        made.write('x')\n"
    head, _, rest = mapping.read_text().partition("def to_result(")
    line, _, body = rest.partition("\n")
    mapping.write_text(f"{head}def to_result({line}\n{counting}{body}")
    fill_database(url, "none", n=40, unlabelled=40)  # nothing fails, so that nothing is repaired
    deps = _deps(tmp_path, url)
    pipeline = deps.project.pipeline("parcels")
    with open_window(deps, pipeline, WINDOW) as rows:
        for stage in pipeline.stages:
            check_stage(deps, pipeline, stage, WINDOW, rows)
        attribute_window(deps, pipeline, WINDOW, opened=rows)
    assert log.read_text() == "x" * 40


def test_a_table_that_cannot_be_read_is_its_own_stages_error_and_is_tried_again(deps: Deps, url: str) -> None:
    pipeline = deps.project.pipeline("parcels")

    def rename(before: str, after: str) -> None:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")
        engine.dispose()

    rename("results", "mislaid")
    with open_window(deps, pipeline, WINDOW) as rows:
        found = {s.name: check_stage(deps, pipeline, s, WINDOW, rows) for s in pipeline.stages}
        unread = [name for name, one in found.items() if any(c.expectation == "readable" for c in one.checks)]
        assert unread == ["result", "routing"]
        assert found["request"].n_discrepant > 0
        with pytest.raises(StageError, match="results"):
            attribute_window(deps, pipeline, WINDOW, opened=rows)
        rename("mislaid", "results")
        assert attribute_window(deps, pipeline, WINDOW, opened=rows).leading is not None


def test_rows_without_a_readable_time_are_counted_once(tmp_path: Path, url: str) -> None:
    write_project(tmp_path, pipeline=f"{PIPELINE}bundle: {{redact: [orders.code]}}\n")
    fill_database(url, "none", n=60)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE calls SET created_at = '2026-01-05T12:61:00' WHERE id = 3")
        connection.exec_driver_sql("UPDATE calls SET answer = '<html>' WHERE id = 5")
    engine.dispose()
    deps = _deps(tmp_path, url)
    pipeline = deps.project.pipeline("parcels")
    with open_window(deps, pipeline, WINDOW) as rows:
        stages = [pipeline.stage(name) for name in ("prompt", "router_model")]
        notes = [check_stage(deps, pipeline, stage, WINDOW, rows).notes for stage in stages]
    expected = "1 row has no readable time (created_at): it is in no window"
    assert [sum(expected == note for note in one) for one in notes] == [1, 1]
