"""What is too old goes from the store, and nothing that anything still rests on; on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from parcels import PIPELINE, fill_database, make_deps, write_project
from parcels import WINDOW as PARCELS_WINDOW
from seamwatch.core.button_presses import ButtonPress
from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.documents import INDEX_COLUMNS, SOURCE_COLUMNS
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.freshness import FINDING_COLUMNS, Update
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.replays import BudgetLimits, ModelAnswer
from seamwatch.core.results import Attribution, IsolationResult, StageResult, Verdict, Window
from seamwatch.core.retention import Limits
from seamwatch.core.slo.events import BUCKET_COLUMNS, Events
from seamwatch.core.slo.ledger import Debit
from seamwatch.core.slo.policy import GateAnswer
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.incidents import decide_incidents, render_report, report_of
from seamwatch.engine.retention import purge_store
from seamwatch.engine.slo import gate, look_at_objectives
from seamwatch.errors import SpecError
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.store.session import migrate, open_engine
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import DebitKind, GateState, IncidentAction, IncidentState, Responsibility, Watch

NOW = datetime(2026, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AMPLE = BudgetLimits(calls_per_run=10**6, calls_per_day=10**6, usd_per_run=1e6, usd_per_day=1e6)
LIMITS = Limits(records=NOW - 180 * DAY, begun=NOW - DAY, sums=NOW - 180 * DAY, incidents=NOW - 730 * DAY)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, migrate_first=True)
    yield opened
    opened.close()


def _window(age: timedelta) -> Window:
    return Window(start=NOW - age - timedelta(hours=1), end=NOW - age)


def _save_window(store: Store, window: Window, *, pipeline: str = "p", n: int = 3) -> None:
    cause = Finding(
        responsibility=Responsibility.MODEL,
        stage="model",
        n_records=n,
        share=1.0,
        share_low=0.9,
        share_high=1.0,
        confidence=0.9,
        headline="h",
        rate=RateComparison(is_change=True),
    )
    verdict = {"responsibility": Responsibility.MODEL, "stage": "model", "confidence": 0.9, "explanation": "so"}
    attribution = Attribution(
        pipeline=pipeline,
        window=window,
        n_observed=100,
        n_failing=n,
        n_pending=0,
        n_examined=n,
        causes=(cause,),
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
        verdicts=tuple(Verdict(key=str(number), **verdict) for number in range(n)),
    )
    found = pd.DataFrame(
        [("1", "s", "a", "x", "y", "value")], columns=["key", "stage", "field", "recorded", "expected", "kind"]
    )
    store.begin_window(pipeline, window, now=window.end)
    store.save_stage_result(pipeline, window, StageResult(stage="s", n_records=7), found)
    store.save_attribution(attribution, now=window.end)
    store.save_answer(
        f"{pipeline}/{window.id}", "hash", 0, ModelAnswer(status="ok"), key="1", purpose="replay", now=window.end
    )
    run, day = f"{window.id}@1", f"{window.end:%Y-%m-%d}"
    reservation = store.reserve(pipeline, run, day, usd=0.5, limits=AMPLE)
    assert reservation is not None
    store.settle(reservation, usd=0.25)


def _save_check(store: Store, at: datetime, *, pipeline: str = "p", is_full: bool = False) -> None:
    check = FreshnessCheck(
        pipeline=pipeline,
        knowledge_base="kb",
        stage=None,
        checked_at=at,
        is_full=is_full,
        n_source=1,
        n_indexed=1,
        n_changed=1,
        by_reason={},
    )
    rows = [("doc", "stale", at - DAY, at, "closed"), ("doc", "stale", at - DAY, None, "open")]
    opened = pd.DataFrame(rows, columns=list(FINDING_COLUMNS))
    store.save_check(
        check,
        source=pd.DataFrame(columns=["raw", *SOURCE_COLUMNS]),
        index=pd.DataFrame(columns=["raw", *INDEX_COLUMNS]),
        touched=[],
        update=Update(opened=opened, closed=opened.head(0)),
        source_watermark=None,
        index_watermark=None,
    )


def _save_sums(store: Store, at: datetime, *, pipeline: str = "p") -> None:
    debit = Debit(objective="accuracy", kind=DebitKind.WRONG_ANSWER, record="r", at=at, told_at=at)
    buckets = pd.DataFrame([(at, 1.0, 1.0, 1.0, 0.0)], columns=list(BUCKET_COLUMNS))
    store.post_events(pipeline, "accuracy", Events(buckets=buckets, debits=(debit,)), start=at, end=at + DAY)
    store.put_aggregates(
        pipeline, Watch.COST, [Aggregate(series="s", start_at=at, data={"n": 1})], start=at, end=at + DAY
    )
    report = WatchReport(
        watch=Watch.COST, pipeline=pipeline, window=Window(start=at, end=at + DAY), compared=None, n_records=1
    )
    store.save_watch_report(report)
    store.add_gate_answer(pipeline, GateAnswer(at=at, is_allowed=True, state=GateState.OK, reason="no budget is short"))


def _incident(number: int, window: Window, state: IncidentState, *, watch: Watch | None = None) -> Incident:
    return Incident(
        id=f"i{number}",
        fingerprint=f"f{number}",
        pipeline="p",
        responsibility=Responsibility.MODEL,
        stage="model",
        fields=(),
        state=state,
        headline="h",
        confidence=0.9,
        opened_at=window.end,
        updated_at=window.end,
        resolved_at=window.end if state is IncidentState.RESOLVED else None,
        first_window=window,
        last_window=window,
        n_records=3,
        watch=watch,
    )


def _open(store: Store, incident: Incident) -> None:
    for kind in (ChangeKind.OPENED, ChangeKind.UPDATED):
        store.apply_changes([IncidentChange(kind=kind, incident=incident)], window=incident.last_window)
    store.enqueue_delivery(
        incident.id,
        dedupe_key=incident.id,
        part=DeliveryPart.HEAD,
        change=ChangeKind.OPENED,
        channel="#c",
        connection="slack",
        now=incident.opened_at,
    )


def _rows(store: Store) -> dict[str, int]:
    with store._engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        return {
            name.removeprefix("seamwatch_"): connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in names
        }


def test_what_is_older_than_the_limit_goes_and_what_is_younger_stays(store: Store) -> None:
    ages = (181 * DAY, 180 * DAY + timedelta(seconds=1), 180 * DAY, 1 * DAY)
    for age in ages:
        _save_window(store, _window(age))
        _save_window(store, _window(age), pipeline="other")
    _save_window(store, _window(200 * DAY), pipeline="p_other")  # begins like the name of another
    for age in (400, 300, 1):
        _save_check(store, NOW - age * DAY, is_full=age == 300)
        _save_sums(store, NOW - age * DAY)
    before = _rows(store)
    counts = store.purge("p", LIMITS, is_dry_run=True)
    assert _rows(store) == before
    assert store.purge("p", LIMITS) == counts
    assert counts == {
        "windows": 2,
        "verdicts": 6,
        "discrepancies": 2,
        "stage results": 2,
        "causes": 2,
        "cached answers": 2,
        "budgets of runs": 2,
        "reserved calls": 2,
        "watch reports": 2,
        "freshness checks": 1,  # the newest and the newest full one stay
        "document findings": 2,
        "events of objectives": 2,
        "debits": 2,
        "answers of the gate": 2,
        "sums of watches": 2,
    }
    after = _rows(store)
    assert sum(before.values()) - sum(after.values()) == sum(counts.values())
    assert store.windows("p") == [_window(1 * DAY), _window(180 * DAY)]
    assert len(store.windows("other")) == 4
    assert store.cached_answer(f"p_other/{_window(200 * DAY).id}", "hash", 0) is not None
    assert store.spent("p", day=f"{NOW - 181 * DAY:%Y-%m-%d}") == (2, 0.5)  # what a day has spent stays
    assert store.spent("p", run=f"{_window(181 * DAY).id}@1") == (0, 0.0)
    assert store.purge("p", LIMITS) == {}


def test_a_window_of_long_ago_that_was_begun_today_stays_while_it_is_worked_on(store: Store) -> None:
    window = _window(400 * DAY)
    store.begin_window("p", window, now=NOW)
    store.save_stage_result("p", window, StageResult(stage="s", n_records=7))
    assert store.purge("p", LIMITS) == {}
    assert len(store.stage_results("p", window)) == 1
    later = replace(LIMITS, begun=NOW + timedelta(seconds=1))
    assert store.purge("p", later) == {"stage results": 1, "windows": 1}


def test_incidents_that_stay_keep_what_they_rest_on(store: Store) -> None:
    old, older = _window(400 * DAY), _window(800 * DAY)
    kept = {
        1: (old, IncidentState.OPEN),
        2: (_window(401 * DAY), IncidentState.ACKNOWLEDGED),
        3: (_window(402 * DAY), IncidentState.RESOLVED),
        4: (older, IncidentState.OPEN),
    }
    for number, (window, state) in kept.items():
        _save_window(store, window)
        _open(store, _incident(number, window, state))
    gone = _window(801 * DAY)
    _save_window(store, gone)
    _open(store, _incident(5, gone, IncidentState.RESOLVED))
    _save_check(store, old.end)
    _save_check(store, old.end - timedelta(hours=2))
    _save_check(store, NOW, is_full=True)
    report = WatchReport(watch=Watch.LATENCY, pipeline="p", window=old, compared=None, n_records=1)
    for one in (report, replace(report, window=_window(399 * DAY)), replace(report, window=_window(1 * DAY))):
        store.save_watch_report(one)
    _open(store, _incident(6, old, IncidentState.OPEN, watch=Watch.LATENCY))
    counts = store.purge("p", LIMITS, is_dry_run=True)
    assert store.purge("p", LIMITS) == counts
    assert {one.id for one in store.incidents("p")} == {"i1", "i2", "i3", "i4", "i6"}
    for window, _ in kept.values():
        found = store.attribution("p", window)
        assert found is not None
        assert len(found.verdicts) == 3
        assert len(store.stage_results("p", window)) == 1
    assert store.attribution("p", gone) is None
    assert [len(store.deliveries(f"i{number}")) for number in (1, 4, 5, 6)] == [1, 1, 0, 1]
    # A look at an incident that goes on is no news after half a year; that it opened is.
    assert [event.kind for event in store.incident_events("i1")] == ["opened"]
    assert store.incident_events("i5") == []
    assert store.watch_report("p", Watch.LATENCY, old) == report
    assert store.watch_report("p", Watch.LATENCY, _window(399 * DAY)) is None
    assert (len(store.checks_at("p", old.end)), len(store.checks_at("p", old.end - timedelta(hours=2)))) == (1, 0)


def test_many_rows_go_in_several_transactions_and_a_writer_gets_its_turn(store: Store) -> None:
    for hour in range(9):
        _save_window(store, _window(200 * DAY + timedelta(hours=hour)), n=1500)
    waits: list[bool] = []
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            store.begin_window("q", WINDOW_NOW, now=NOW)
            waits.append(is_over.is_set())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = store.purge("p", LIMITS)
    finally:
        is_over.set()
        writer.join()
    assert counts["verdicts"] == 13_500
    assert len(waits) > 2


WINDOW_NOW = _window(timedelta(0))


def test_answers_of_before_the_migration_get_the_time_of_their_window_or_begin_to_age(url: str) -> None:
    engine = open_engine(url)
    migrate(engine, "0008")
    old, lost = _window(200 * DAY), _window(201 * DAY)
    with engine.begin() as connection:
        for scope in (old, lost):
            values = f"('p/{scope.id}', 'hash', 0, 'key', 'replay', '{{\"status\": \"ok\"}}')"
            connection.exec_driver_sql(f"INSERT INTO seamwatch_replays VALUES {values}")
        moment = f"{old.start:%Y-%m-%d %H:%M:%S}.000000"
        connection.exec_driver_sql(
            'INSERT INTO seamwatch_windows (pipeline, "window", start_at, end_at, begun_at) VALUES '
            f"('p', '{old.id}', '{moment}', '{old.end:%Y-%m-%d %H:%M:%S}.000000', '{moment}')"
        )
    migrate(engine)
    store = Store(engine)
    store.begin_age_of_answers(NOW)
    assert store.purge("p", LIMITS) == {"windows": 1, "cached answers": 1}
    assert store.cached_answer(f"p/{lost.id}", "hash", 0) is not None
    later = replace(LIMITS, records=NOW + timedelta(seconds=1))
    assert store.purge("p", later) == {"cached answers": 1}
    store.close()


@pytest.mark.parametrize("is_old_file", [False, True])
def test_an_sqlite_file_becomes_small_again(tmp_path: Path, is_old_file: bool) -> None:
    path = tmp_path / "store.db"
    if is_old_file:  # made when free pages could not be given back one by one
        sqlite3.connect(path).executescript("CREATE TABLE x (y); DROP TABLE x").close()
    store = Store.open(f"sqlite:///{path}", migrate_first=True)
    for hour in range(10):
        _save_window(store, _window(200 * DAY + timedelta(hours=hour)), n=2000)
    _save_window(store, WINDOW_NOW)
    store.purge("p", LIMITS)
    size = path.stat().st_size
    n_bytes = store.give_back_space()
    assert n_bytes > 0.3 * size
    assert path.stat().st_size == size - n_bytes
    assert store.give_back_space() == 0
    store.require_undamaged()
    assert len(store.verdicts("p", WINDOW_NOW)) == 3
    store.close()


SLOS = """
slos:
  - {kind: accuracy, goal: 0.9, over: 28d}
  - {kind: latency, p95: 1h, over: 7d}
  - {kind: cost, per_month_usd: 10}
monitoring: {latency: false, cost: false, drift: false, injection: false}
"""


def test_no_budget_and_no_gate_changes_by_a_purge(tmp_path: Path, url: str) -> None:
    write_project(tmp_path, pipeline=PIPELINE + SLOS)
    (tmp_path / "include/settings.yaml").write_text("store: {keep: 1h, keep_incidents: 1h}\n")
    database = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(database, "code_table", n=120)
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": database}, store_url=url)
    spec = deps.project.pipeline("parcels")
    look_at_objectives(deps, spec, now=PARCELS_WINDOW.end)
    for age in (timedelta(hours=2), 27 * DAY, 36 * DAY):
        now = PARCELS_WINDOW.end + age
        at = replace(deps, clock=lambda now=now: now)
        before = look_at_objectives(at, spec, now=now)
        decision = gate(at, spec, now=now)
        purge_store(at)
        after = look_at_objectives(at, spec, now=now)
        assert (after.objectives, after.gate) == (before.objectives, before.gate)
        assert gate(at, spec, now=now) == decision
    assert _rows(deps.store)["slo_buckets"] > 0
    purge_store(replace(deps, clock=lambda: PARCELS_WINDOW.end + 60 * DAY))
    assert _rows(deps.store)["slo_buckets"] == 0


def test_sums_of_a_pipeline_that_cannot_be_read_stay(tmp_path: Path) -> None:
    write_project(tmp_path)
    deps = make_deps(tmp_path, {}, now=NOW)
    for name in ("parcels", "broken"):
        _save_window(deps.store, _window(200 * DAY), pipeline=name)
        _save_sums(deps.store, NOW - 200 * DAY, pipeline=name)
    (tmp_path / "include/pipelines/broken.yaml").write_text("pipeline: broken\nstages: 7\n")
    found = purge_store(replace(deps, project=load_project(tmp_path)))
    assert (found.rows["windows"], found.rows["debits"]) == (2, 1)
    assert found.notes == ("broken: its file cannot be read, so sums of its objectives and watches stay",)
    (tmp_path / "include/pipelines/broken.yaml").unlink()
    assert purge_store(replace(deps, project=load_project(tmp_path))).rows["debits"] == 1


def test_nothing_goes_while_the_settings_cannot_be_read(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "include/settings.yaml").write_text("store:\n  keep: 180\n")
    deps = make_deps(tmp_path, {}, now=NOW)
    _save_window(deps.store, _window(400 * DAY))
    with pytest.raises(SpecError, match=r"include/settings.yaml:2 store.keep: 180 has no unit: .* or 180d"):
        purge_store(deps)
    assert len(deps.store.windows("p")) == 1
    assert set(deps.project.pipelines) == {"parcels"}


def test_the_report_of_an_old_incident_is_there_after_a_purge(tmp_path: Path) -> None:
    write_project(tmp_path)
    database = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(database, "code_table", n=300)
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": database})
    spec = deps.project.pipeline("parcels")
    attribute_window(deps, spec, PARCELS_WINDOW)
    (change,) = decide_incidents(deps, spec, PARCELS_WINDOW)
    before = render_report(report_of(deps, spec, change.incident), "json")
    later = replace(deps, clock=lambda: PARCELS_WINDOW.end + 3000 * DAY)
    purge_store(later)
    assert render_report(report_of(deps, spec, change.incident), "json") == before


def test_buttons_pressed_for_an_incident_that_is_not_there_go_in_time(store: Store) -> None:
    def press(key: str, incident: str, *, is_done: bool = True) -> int:
        found = ButtonPress(
            key=key,
            incident_id=incident,
            action=IncidentAction.ACKNOWLEDGE,
            user_id="U0ADA",
            user_name="ada",
            channel="C1",
        )
        row = store.record_press(found, connection="slack", now=NOW)
        if is_done:
            store.end_press(row, now=NOW)
        return row

    here = _incident(1, WINDOW_NOW, IncidentState.OPEN)
    _open(store, here)
    kept = [press("1", here.id), press("2", "gone", is_done=False)]
    gone = press("3", "gone")
    assert store.purge_presses(before=NOW) == 0
    later = NOW + timedelta(seconds=1)
    assert store.purge_presses(before=later, is_dry_run=True) == 1
    assert store.purge_presses(before=later) == 1
    assert store.press(gone) is None
    assert all(store.press(one) is not None for one in kept)
