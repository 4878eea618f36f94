"""What earlier versions wrote opens in this one: the same incidents, states, messages, budgets, verdicts, bundles."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from file_notifier import FileNotifier
from parcels import EnvironmentConnections
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.results import Window
from seamwatch.engine.bundle import replay
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, decide_on_watches, render_report, report_of
from seamwatch.engine.retention import purge_store
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.store.session import VERSION_TABLE, migrate, open_engine
from seamwatch.vocabulary import IncidentState
from stored_state import attribution_values, describe, head_messages

pytestmark = pytest.mark.integration
FOLDERS = sorted((Path(__file__).parents[1] / "fixtures").glob("store_*"))
"""Named by the newest migration of the version that wrote them."""
NOW = datetime.fromisoformat("2026-01-06T03:10:00+00:00")


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of what one version wrote."""
    folder = tmp_path / "written"
    shutil.copytree(request.param, folder)
    (folder / "store.db").write_bytes(gzip.decompress((folder / "store.sqlite.gz").read_bytes()))
    return folder


@pytest.fixture
def expected(written: Path) -> dict[str, Any]:
    """Return what was written beside it when it was made."""
    found: dict[str, Any] = json.loads((written / "expected.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def deps(request: pytest.FixtureRequest, written: Path) -> Iterator[Deps]:
    """Open the store, migrated, with the project as it was."""
    url = f"sqlite:///{written / 'store.db'}"
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("postgres_database")
        url = _moved(url, make(), revision=_revision(url))
    store = Store.open(url, migrate_first=True)
    yield Deps(
        project=load_project(written / "project"),
        connections=EnvironmentConnections({}),
        store=store,
        data_dir=written / "data",
        ui_url="",
        clock=lambda: NOW,
        notifier=lambda _: FileNotifier(written / "messages.jsonl"),
    )
    store.close()


def _revision(url: str) -> str:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
    engine.dispose()
    return str(found)


def _moved(source: str, target: str, *, revision: str) -> str:
    """Copy every row into a PostgreSQL of the same revision, as a team does that outgrew its file; return its URL."""
    old, new = sa.create_engine(source), open_engine(target)
    migrate(new, revision)
    tables, places = sa.MetaData(), sa.MetaData()
    tables.reflect(old)
    places.reflect(new)
    with old.connect() as reading, new.begin() as writing:
        for table in tables.sorted_tables:
            if table.name == VERSION_TABLE:
                continue
            for column in places.tables[table.name].columns:
                if isinstance(column.type, sa.JSON):
                    column.type.none_as_null = True
            if rows := [dict(row) for row in reading.execute(sa.select(table)).mappings()]:
                writing.execute(sa.insert(places.tables[table.name]), rows)
            if "id" in table.columns and isinstance(table.columns["id"].type, sa.Integer):
                largest = f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name})"
                sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                writing.execute(sa.text(f"SELECT setval({sequence}, {largest}, false)"))
    old.dispose()
    new.dispose()
    return target


def test_an_earlier_store_reads_as_it_was_written(deps: Deps, expected: dict[str, Any]) -> None:
    found = json.loads(json.dumps(describe(deps)))
    assert found.keys() == expected["pipelines"].keys()
    for pipeline, told in expected["pipelines"].items():
        for part, value in told.items():
            assert found[pipeline][part] == value, f"{pipeline}: {part}"


def test_every_earlier_incident_has_its_report(deps: Deps, expected: dict[str, Any]) -> None:
    n_shown = 0
    for name, told in expected["pipelines"].items():
        pipeline = deps.project.pipeline(name)
        for incident in deps.store.incidents(name, limit=None):
            report = report_of(deps, pipeline, incident)
            shown, one = json.loads(render_report(report, "json")), told["incidents"][incident.id]
            assert (shown["report"]["incident_id"], shown["report"]["state"]) == (incident.id, one["state"])
            if one["state"] != "resolved":
                blamed = [shown["attribution"][key] for key in ("responsibility", "stage", "fields")]
                assert blamed == [one["responsibility"], one["stage"], one["fields"]]
            assert incident.id in render_report(report, "html")
            assert incident.id in render_report(report, "md")
            n_shown += 1
    assert n_shown == sum(len(told["incidents"]) for told in expected["pipelines"].values()) >= 4


def test_pending_messages_change_the_head_that_was_posted_earlier(
    deps: Deps, written: Path, expected: dict[str, Any]
) -> None:
    told = expected["pipelines"]["parcels"]
    waiting = {name for name, messages in told["messages"].items() if any(one[3] == "pending" for one in messages)}
    assert waiting
    before = FileNotifier(written / "messages.jsonl").lines()
    deliver_pending(deps)
    said = FileNotifier(written / "messages.jsonl").lines()[len(before) :]
    heads = {told["head_messages"][name] for name in waiting}
    assert {line["id"] for line in said if line["do"] == "update"} == heads
    assert {line["thread"] for line in said if line["do"] == "post"} <= heads, "nothing was posted beside the thread"
    assert head_messages(deps.store, "parcels") == told["head_messages"]
    assert deps.store.n_pending_deliveries() == 0


def test_no_earlier_incident_is_opened_a_second_time(deps: Deps, expected: dict[str, Any]) -> None:
    told = expected["pipelines"]
    (last,) = {one["last_window"] for one in told["parcels"]["incidents"].values() if one["state"] == "open"}
    changes = [
        *decide_incidents(deps, deps.project.pipeline("parcels"), Window.from_id(last)),
        *decide_on_watches(deps, deps.project.pipeline("help")),
    ]
    assert {change.kind for change in changes} == {ChangeKind.UPDATED}
    for name in ("parcels", "help"):
        now = {one.id: one.state.value for one in deps.store.incidents(name, limit=None)}
        assert now == {id_: one["state"] for id_, one in told[name]["incidents"].items()}


def test_no_earlier_answer_is_paid_for_again(deps: Deps, written: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{written / 'store.db'}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT scope, request_hash, attempt FROM seamwatch_replays")).all()
        day, calls = connection.execute(
            sa.text("SELECT scope, n_calls FROM seamwatch_budgets WHERE pipeline = 'parcels' ORDER BY n_calls DESC")
        ).first() or ("", 0)
    engine.dispose()
    assert rows
    assert calls > 0, day
    assert all(deps.store.cached_answer(*row) is not None for row in rows)


def test_an_earlier_bundle_gives_the_same_verdicts(written: Path, expected: dict[str, Any]) -> None:
    found = json.loads(json.dumps(attribution_values(replay(written / "incident.bundle"))))
    told = expected["bundle"]
    assert _but_confidence(found) == _but_confidence(told)
    # A later version may ask less of a record whose like are known, and then says that it is less sure.
    assert all(abs(found["verdicts"][key][-1] - told["verdicts"][key][-1]) < 0.03 for key in told["verdicts"])


def _but_confidence(values: dict[str, Any]) -> dict[str, Any]:
    causes = [{name: value for name, value in one.items() if name != "confidence"} for one in values["causes"]]
    return {**values, "causes": causes, "verdicts": {key: one[:-1] for key, one in values["verdicts"].items()}}


def test_an_earlier_store_is_purged_but_for_what_open_incidents_rest_on(deps: Deps) -> None:
    (incident,) = deps.store.incidents("parcels", {IncidentState.OPEN})
    assert len(deps.store.windows("parcels")) > 1
    purge_store(replace(deps, clock=lambda: NOW + timedelta(days=4000)))
    assert deps.store.windows("parcels") == [incident.last_window]
