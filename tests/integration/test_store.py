"""The store on SQLite and on a real PostgreSQL: migrations, replacing a window, budgets and outbox under races."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from seamwatch.core.benchmark import BenchmarkResult
from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_evaluations import evaluate_attribution
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, Request, act
from seamwatch.core.incidents import decide
from seamwatch.core.replays import BudgetLimits, ModelAnswer
from seamwatch.core.results import Attribution, Check, IsolationResult, StageResult, Verdict, Window
from seamwatch.core.revisits import PendingWindow
from seamwatch.errors import DataContractError, StoreError
from seamwatch.store.repo import Store
from seamwatch.store.session import VERSION_TABLE, migrate, open_engine
from seamwatch.store.tables import IncidentRow, Table
from seamwatch.vocabulary import (
    Basis,
    CheckStatus,
    DeliveryState,
    Door,
    Gap,
    IncidentAction,
    IncidentSeverity,
    IncidentState,
    Responsibility,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = Window(start=NOW - timedelta(days=1), end=NOW)
LIMITS = BudgetLimits(calls_per_run=10, calls_per_day=25, usd_per_run=1.0, usd_per_day=2.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'store.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, migrate_first=True)
    yield opened
    opened.close()


def _verdict(key: str, **changes: object) -> Verdict:
    verdict = Verdict(
        key=key,
        responsibility=Responsibility.INTEGRATION,
        stage="mapping",
        fields=("a", "b.c"),
        confidence=0.97,
        explanation="Because, “so”.",
        basis=Basis.REPLAY,
        gap=Gap.NOT_REPRODUCED,
    )
    return replace(verdict, **changes)


def _attribution(n: int, *, window: Window = WINDOW, is_change: bool = True) -> Attribution:
    cause = Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="mapping",
        fields=("a",),
        n_records=n,
        share=1.0,
        share_low=0.9,
        share_high=1.0,
        confidence=0.97,
        headline="Integration failure at mapping",
        onset=window.start + timedelta(hours=3),
        rate=RateComparison(is_change=is_change),
    )
    return Attribution(
        pipeline="p",
        window=window,
        n_observed=100,
        n_failing=n,
        n_pending=2,
        n_examined=n,
        causes=(cause,) if n else (),
        isolation=IsolationResult(stage="model", model="m", calls=3, cost_usd=None),
        verdicts=tuple(_verdict(str(number)) for number in range(n)),
        failing_by_time=((window.start, n, 100),),
    )


def test_migrations_agree_with_the_tables_and_run_both_ways(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    migrate(engine, "base")
    assert set(sa.inspect(engine).get_table_names()) <= {VERSION_TABLE}
    migrate(engine)
    assert "seamwatch_incidents" in sa.inspect(engine).get_table_names()
    engine.dispose()


def test_a_store_of_the_first_revision_keeps_what_it_holds(url: str) -> None:
    engine = open_engine(url)
    migrate(engine, "0001")
    with pytest.raises(StoreError, match=r"at revision 0001, not .*; run `seamwatch migrate`"):
        Store.open(url)
    answer = "INSERT INTO seamwatch_replays VALUES ('p/w', 'hash', 0, 'key 1', 'replay', '{\"status\": \"ok\"}')"
    with engine.begin() as connection:
        connection.exec_driver_sql(answer)
    migrate(engine)
    store = Store(engine)
    assert store.cached_answer("p/w", "hash", 0) == ModelAnswer(status="ok")
    store.save_answer("p/w", "long", 0, ModelAnswer(status="ok"), key="k" * 3000, purpose="replay")
    migrate(engine, "-1")
    migrate(engine)
    assert store.cached_answer("p/w", "long", 0) == ModelAnswer(status="ok")
    store.close()


def test_a_store_that_was_never_migrated_says_what_to_run(url: str) -> None:
    with pytest.raises(StoreError, match="seamwatch migrate"):
        Store.open(url)


def test_several_threads_may_migrate_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for opened in pool.map(lambda _: Store.open(url, migrate_first=True), range(4)):
            opened.close()


def test_what_is_saved_comes_back_exactly(store: Store) -> None:
    check = Check(stage="s", expectation="e", status=CheckStatus.ERROR, error="no column", failing_keys=("1", "2"))
    result = StageResult(stage="s", n_records=7, checks=(check,), fields={"a": 3}, notes=("late",))
    found = pd.DataFrame(
        [("1", "s", "a", 1.5, None, "value"), ("2", "s", "a", {"x": [1]}, "y", "missing")],
        columns=["key", "stage", "field", "recorded", "expected", "kind"],
    )
    store.begin_window("p", WINDOW, now=NOW)
    store.save_stage_result("p", WINDOW, result, found)
    store.save_attribution(_attribution(3), now=NOW)
    assert store.windows("p") == [WINDOW]
    assert store.stage_results("p", WINDOW) == [result]
    assert store.discrepancies("p", WINDOW, "s")["recorded"].tolist() == ["1.5", '{"x":[1]}']
    assert store.attribution("p", WINDOW) == _attribution(3)
    assert store.attribution("p", Window(start=NOW, end=NOW + timedelta(days=1))) is None


def test_the_records_of_a_cause_are_found_in_all_windows_of_a_span(store: Store) -> None:
    spans = [Window(start=NOW + timedelta(days=day), end=NOW + timedelta(days=day + 1)) for day in range(3)]
    for day, span in enumerate(spans):
        store.begin_window("p", span, now=NOW)
        assert not store.is_attributed("p", span)
        found = replace(_attribution(4), window=span)
        verdicts = [replace(one, key=f"{day}{number}") for number, one in enumerate(found.verdicts)]
        verdicts[1] = replace(verdicts[1], stage=None)
        verdicts[2] = replace(verdicts[2], responsibility=Responsibility.SOURCE_DATA)
        store.save_attribution(replace(found, verdicts=tuple(verdicts)), now=NOW)
        assert store.is_attributed("p", span)
        assert store.verdicts("p", span) == verdicts
    cause = (_attribution(1).verdicts[0].responsibility, _attribution(1).verdicts[0].stage)
    both = Window(start=spans[0].start, end=spans[1].end)
    assert store.records_of_cause("p", both, *cause) == {"00", "03", "10", "13"}
    assert store.records_of_cause("p", both, cause[0], None) == {"01", "11"}
    assert store.records_of_cause("p", spans[2], Responsibility.SOURCE_DATA, cause[1]) == {"22"}
    assert store.records_of_cause("q", both, *cause) == set()


def test_text_that_no_database_takes_is_kept_as_far_as_it_can_be(store: Store) -> None:
    hostile, long = "a\x00b\ud800c", "k" * 3000
    found = pd.DataFrame(
        [(hostile, "s", long, hostile, {"x": hostile}, "value"), (long, "s", hostile, long * 2, None, "missing")],
        columns=["key", "stage", "field", "recorded", "expected", "kind"],
    )
    attribution = replace(_attribution(2), verdicts=(_verdict(hostile), _verdict(long)))
    answer = ModelAnswer(status="garbage", text=hostile, body=hostile)
    store.begin_window("p", WINDOW, now=NOW)
    store.save_stage_result("p", WINDOW, StageResult(stage="s", n_records=2), found)
    store.save_attribution(attribution, now=NOW)
    store.save_answer("p/w", "hash", 0, answer, key=hostile + long, purpose="replay")
    kept = store.discrepancies("p", WINDOW)
    assert kept["key"].tolist() == ["a\ufffdb\ufffdc", long]
    assert kept["recorded"].str.len().tolist() == [5, 4000]
    assert store.attribution("p", WINDOW) == attribution
    assert store.cached_answer("p/w", "hash", 0) == answer


def test_of_fields_that_differ_in_form_alone_a_few_examples_are_kept(store: Store) -> None:
    columns = ["key", "stage", "field", "recorded", "expected", "kind"]
    rows = [(str(n), "s", field, "x", "y", kind) for n in range(1500) for field, kind in _KINDS]
    store.begin_window("p", WINDOW, now=NOW)
    store.save_stage_result("p", WINDOW, StageResult(stage="s", n_records=1500), pd.DataFrame(rows, columns=columns))
    kept = store.discrepancies("p", WINDOW).groupby(["field", "kind"]).size().to_dict()
    assert kept == {("a", "value"): 1000, ("a", "format"): 20, ("b", "format"): 20, ("b", "missing"): 1000}
    store.save_stage_result("p", WINDOW, StageResult(stage="s", n_records=1), pd.DataFrame(columns=columns))
    assert store.discrepancies("p", WINDOW).empty


_KINDS = [("a", "value"), ("a", "format"), ("b", "format"), ("b", "missing")]


def test_a_number_that_is_none_is_refused_on_both_databases(store: Store) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    isolation = IsolationResult(stage=None, model=None, calls=0, cost_usd=float("nan"))
    with pytest.raises(DataContractError, match="got NaN or infinity"):
        store.save_attribution(replace(_attribution(1), isolation=isolation), now=NOW)
    assert store.attribution("p", WINDOW) is None


def test_running_a_window_again_replaces_it(store: Store) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    for n in (5, 2, 0):
        store.save_attribution(_attribution(n), now=NOW)
        assert store.attribution("p", WINDOW) == _attribution(n)
    history = store.cause_history("p", NOW + timedelta(days=1))
    assert history["n_failing"].tolist() == [0]
    assert history["responsibility"].isna().all()


def test_two_runs_that_meet_leave_one_of_them_whole(store: Store) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: store.save_attribution(_attribution(n), now=NOW), [3, 40, 11, 7, 29, 18]))
    found = store.attribution("p", WINDOW)
    assert found is not None
    assert len(found.verdicts) == found.n_failing == found.causes[0].n_records


def test_many_verdicts_are_saved_in_bulk(store: Store) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    store.save_attribution(_attribution(20_000), now=NOW)
    assert len(store.verdicts("p", WINDOW)) == 20_000


def test_windows_with_pending_truths_are_remembered(store: Store) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    assert store.pending_windows("p", since=WINDOW.start) == []
    store.save_attribution(_attribution(1), now=NOW)
    assert store.pending_windows("p", since=WINDOW.start) == [PendingWindow(window=WINDOW, attributed_at=NOW)]
    assert store.pending_windows("p", since=WINDOW.end) == []
    store.save_attribution(replace(_attribution(1), n_pending=0), now=NOW)
    assert store.pending_windows("p", since=WINDOW.start) == []


def test_answers_are_kept_within_their_scope(store: Store) -> None:
    answer = ModelAnswer(status="ok", text="é", body='{"a": 1}', cost_usd=0.25, input_tokens=3)
    store.save_answer("p/w", "hash", 0, answer, key="1", purpose="replay")
    store.save_answer("p/w", "hash", 0, replace(answer, text="other"), key="1", purpose="replay")
    assert store.cached_answer("p/w", "hash", 0) == answer
    assert store.cached_answer("p/w", "hash", 1) is None
    assert store.cached_answer("p/v", "hash", 0) is None


def test_the_budget_is_never_oversold_by_racing_threads(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: store.reserve("p", "r", "d", usd=0.01, limits=LIMITS), range(40)))
    assert sum(reservation is not None for reservation in made) == LIMITS.calls_per_run
    assert store.spent("p", run="r") == (10, pytest.approx(0.1))
    assert store.spent("p", day="d") == (10, pytest.approx(0.1))


def test_the_day_limits_several_runs_and_money_limits_calls(store: Store) -> None:
    granted = [store.reserve("p", f"r{n // 10}", "d", usd=0.0, limits=LIMITS) for n in range(40)]
    assert sum(reservation is not None for reservation in granted) == LIMITS.calls_per_day
    assert store.reserve("q", "r", "d", usd=1.5, limits=LIMITS) is None
    assert store.spent("q", run="r") == (0, 0.0)


def test_a_limit_of_money_is_used_to_the_full_despite_rounding(store: Store) -> None:
    limits = replace(LIMITS, usd_per_run=0.3)
    granted = [store.reserve("p", "r", "d", usd=0.1, limits=limits) is not None for _ in range(4)]
    assert granted == [True, True, True, False]


def test_nothing_is_saved_for_a_window_that_was_not_begun(store: Store) -> None:
    with pytest.raises(StoreError, match="was not begun"):
        store.save_attribution(_attribution(2), now=NOW)
    with pytest.raises(StoreError, match="was not begun"):
        store.save_stage_result("p", WINDOW, StageResult(stage="s", n_records=1))
    assert store.stage_results("p", WINDOW) == []


def test_routine_calls_have_a_limit_of_their_own_and_count_for_the_day_too(store: Store) -> None:
    routine = replace(LIMITS, calls_per_run=100, routine_calls_per_day=3, routine_usd_per_day=0.5)
    granted = [store.reserve("p", "r", "d", usd=0.2, limits=routine) for _ in range(4)]
    assert [reservation is not None for reservation in granted] == [True, True, False, False]  # by money
    assert granted[0] is not None
    store.settle(granted[0], usd=0.0)
    assert store.spent("p", routine_day="d") == (2, pytest.approx(0.2))
    assert store.reserve("p", "r", "d", usd=0.2, limits=routine) is not None
    assert store.reserve("p", "r", "d", usd=0.0, limits=routine) is None  # by calls
    assert store.reserve("p", "r", "d", usd=0.2, limits=LIMITS) is not None
    assert store.spent("p", routine_day="d") == (3, pytest.approx(0.4))
    assert store.spent("p", day="d") == (4, pytest.approx(0.6))


def test_settling_and_releasing_count_once(store: Store) -> None:
    first = store.reserve("p", "r", "d", usd=0.5, limits=LIMITS)
    second = store.reserve("p", "r", "d", usd=0.5, limits=LIMITS)
    assert first is not None
    assert second is not None
    assert store.reserve("p", "r", "d", usd=0.5, limits=LIMITS) is None
    for _ in range(2):
        store.settle(first, usd=0.125)
        store.release(second)
        store.settle(second, usd=0.5)
    assert store.spent("p", run="r") == (1, pytest.approx(0.125))


def _opened(store: Store) -> Incident:
    store.begin_window("p", WINDOW, now=NOW)
    changes = decide([], evaluate_attribution(_attribution(9)), now=NOW)
    store.apply_changes(changes, window=WINDOW)
    return changes[0].incident


def test_one_cause_never_has_two_incidents(store: Store) -> None:
    incident = _opened(store)
    twin = IncidentChange(kind=ChangeKind.OPENED, incident=replace(incident, id="other-id"))
    with pytest.raises(StoreError, match="has another incident; read the incidents and decide again"):
        store.apply_changes([twin], window=WINDOW)
    assert store.incidents("p") == [incident]
    assert [event.kind for event in store.incident_events(incident.id)] == ["opened"]


def test_incidents_are_filtered_before_they_are_counted_and_cut(store: Store) -> None:
    kinds = [
        (name, state)
        for name in ("busy", "quiet")
        for state in (IncidentState.OPEN, IncidentState.MUTED, IncidentState.RESOLVED)
    ]
    made = []
    for number in range(330):
        name, state = kinds[0] if number >= 30 else kinds[number % 6]
        changed = _opened_as(store, name, number)
        made.append(replace(changed, state=state, opened_at=NOW + timedelta(minutes=number)))
    store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=one) for one in made], window=WINDOW)
    assert store.count_incidents() == {kind: 305 if kind == kinds[0] else 5 for kind in kinds}
    assert len(store.incidents()) == 330
    quiet = [one for one in reversed(made) if one.pipeline == "quiet"]
    assert store.incidents("quiet") == store.incidents({"quiet", "nobody"}) == quiet
    resolved = [one for one in quiet if one.state is IncidentState.RESOLVED]
    assert store.incidents(["quiet"], {IncidentState.RESOLVED}, limit=3) == resolved[:3]
    assert store.incidents(["quiet"], {IncidentState.RESOLVED}, limit=3, offset=3) == resolved[3:]
    assert store.incidents([]) == store.incidents(states=[]) == []


def test_open_incidents_are_counted_by_severity_and_what_nobody_knows_counts_as_none(store: Store) -> None:
    rated = {
        ("busy", IncidentState.OPEN, IncidentSeverity.SEV1): 3,
        ("busy", IncidentState.MUTED, IncidentSeverity.SEV1): 1,
        ("quiet", IncidentState.OPEN, None): 2,
        ("over", IncidentState.RESOLVED, IncidentSeverity.SEV2): 4,
    }
    number = 0
    for (name, state, severity), n in rated.items():
        for _ in range(n):
            number += 1
            one = replace(_opened_as(store, name, number), state=state, severity=severity)
            store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=one)], window=WINDOW)
    newer = replace(_opened_as(store, "newer", number + 1), severity=IncidentSeverity.SEV4)
    store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=newer)], window=WINDOW)
    with store._writing() as connection:
        data = connection.scalar(sa.select(IncidentRow.incident).filter_by(id=newer.id))
        written = {**data, "severity": "sev0"}
        connection.execute(sa.update(IncidentRow).filter_by(id=newer.id).values(incident=written))
    assert store.count_open_incidents() == {
        "busy": {(IncidentState.OPEN, IncidentSeverity.SEV1): 3, (IncidentState.MUTED, IncidentSeverity.SEV1): 1},
        "quiet": {(IncidentState.OPEN, None): 2},
        "newer": {(IncidentState.OPEN, None): 1},
    }


def _opened_as(store: Store, pipeline: str, number: int) -> Incident:
    store.begin_window(pipeline, WINDOW, now=NOW)
    cause = replace(_attribution(9).causes[0], fields=(f"f{number}",))
    attribution = replace(_attribution(9), pipeline=pipeline, causes=(cause,))
    changes = decide([], evaluate_attribution(attribution), now=NOW)
    store.apply_changes(changes, window=WINDOW)
    return changes[0].incident


def test_an_incident_is_acknowledged_by_a_person(store: Store) -> None:
    incident = _opened(store)
    request = Request(
        action=IncidentAction.ACKNOWLEDGE, by="ada", door=Door.SLACK, at=NOW + timedelta(hours=1), why="mine"
    )
    change = act(incident, request)
    assert isinstance(change, IncidentChange)
    store.apply_changes([change])
    assert store.incident(incident.id) == change.incident
    assert change.incident.state is IncidentState.ACKNOWLEDGED
    assert store.incidents(states={IncidentState.OPEN}) == []
    last = store.incident_events(incident.id)[-1]
    assert (last.kind, last.by, last.door, last.why, last.window) == ("acknowledged", "ada", Door.SLACK, "mine", None)


def _enqueue(store: Store, incident: Incident, key: str, part: DeliveryPart = DeliveryPart.HEAD) -> bool:
    return store.enqueue_delivery(
        incident.id, dedupe_key=key, part=part, change=ChangeKind.OPENED, channel="#c", connection="slack", now=NOW
    )


def _claim(store: Store, now: datetime = NOW, owner: str = "me") -> Delivery | None:
    return store.claim_delivery(now, lease=timedelta(minutes=1), owner=owner)


def test_a_message_is_put_into_the_outbox_once_and_claimed_once(store: Store) -> None:
    incident = _opened(store)
    assert [_enqueue(store, incident, "k") for _ in range(2)] == [True, False]
    with ThreadPoolExecutor(6) as pool:
        claimed = list(pool.map(lambda _: _claim(store), range(6)))
    assert sum(found is not None for found in claimed) == 1
    assert _claim(store, NOW + timedelta(seconds=59)) is None
    assert _claim(store, NOW + timedelta(seconds=61)) is not None


def test_an_update_never_overtakes_the_message_that_it_updates(store: Store) -> None:
    incident = _opened(store)
    _enqueue(store, incident, "thread", DeliveryPart.THREAD)
    _enqueue(store, incident, "head")
    head = _claim(store)
    assert head is not None
    assert head.part is DeliveryPart.HEAD
    store.mark_failed(head.id, owner="me", error="down", retry_at=NOW + timedelta(hours=1))
    assert _claim(store) is None
    again = _claim(store, NOW + timedelta(hours=1))
    assert again is not None
    assert (again.part, again.attempts, again.last_error) == ("head", 1, "down")
    store.mark_sent(again.id, owner="me", message_id="C1:1.2", now=NOW)
    assert store.head_message(incident.id) == "C1:1.2"
    thread = _claim(store)
    assert thread is not None
    store.mark_failed(thread.id, owner="me", error="gone", retry_at=None)
    assert [delivery.state for delivery in store.deliveries(incident.id)] == [DeliveryState.FAILED, DeliveryState.SENT]
    assert store.n_pending_deliveries() == 0
    assert [(one.part, one.is_given_up, one.last_error) for one in store.undelivered(now=NOW)] == [
        ("thread", True, "gone")
    ]
    assert store.retry_deliveries(now=NOW) == 1
    assert _claim(store) is not None


def test_who_lost_a_lease_changes_nothing_and_what_both_sent_is_looked_for(store: Store) -> None:
    incident, later = _opened(store), NOW + timedelta(minutes=2)
    _enqueue(store, incident, "head")
    mine = _claim(store, owner="slow")
    assert mine is not None
    assert _claim(store, later, owner="fast") is not None
    assert not store.renew_lease(mine.id, owner="slow", until=later)
    assert not store.begin_post(
        mine.id, owner="slow", token="t", tells=(), now=later, until=later, channel="#c", connection="slack"
    )
    store.mark_failed(mine.id, owner="slow", error="late", retry_at=None)
    assert [one.state for one in store.deliveries(incident.id)] == [DeliveryState.PENDING]
    store.mark_sent(mine.id, owner="slow", message_id="C1:1.1", now=later, recheck_if_lost_at=later)
    assert not store.begin_post(
        mine.id, owner="fast", token="t", tells=(), now=later, until=later, channel="#c", connection="slack"
    )
    looked = store.claim_recheck(later, again_at=later + timedelta(minutes=1))
    assert looked is not None
    assert looked.message_id == "C1:1.1"
    assert store.claim_recheck(later, again_at=later) is None


def test_a_message_tells_others_only_once_it_is_sent(store: Store) -> None:
    incident = _opened(store)
    for key in ("a", "b", "c"):
        _enqueue(store, incident, key)
    first = _claim(store)
    assert first is not None
    ids = [one.id for one in store.waiting_with(first)]
    assert len(ids) == 3
    assert store.begin_post(
        first.id,
        owner="me",
        token="t",
        tells=ids[:2],
        now=NOW,
        until=NOW + timedelta(minutes=1),
        channel="#c",
        connection="slack",
    )
    assert [one.state for one in store.deliveries(incident.id)] == [DeliveryState.PENDING] * 3
    store.mark_sent(first.id, owner="me", message_id="C1:1.1", now=NOW)
    states = [one.state for one in store.deliveries(incident.id)]
    assert states == [DeliveryState.SENT, DeliveryState.TOLD, DeliveryState.PENDING]
    assert store.drop_deliveries(incident.id, reason="no need", now=NOW) == 1
    assert store.n_pending_deliveries() == 0
    assert store.undelivered(now=NOW) == []


def test_baselines_are_replaced(store: Store) -> None:
    assert store.baseline("p") is None
    store.save_baseline("p", 0.9, 100, now=NOW)
    store.save_baseline("p", 0.95, 200, now=NOW)
    assert store.baseline("p") == (0.95, 200)
    results = [
        BenchmarkResult(key="7", is_right=True, answer="a", again="b", model="m-1"),
        BenchmarkResult(key="5", is_right=None, answer=None),
    ]
    store.save_baseline("p", 0.95, 200, now=NOW, results=results)
    assert store.baseline_results("p") == results
    store.save_baseline("p", 0.96, 100, now=NOW)
    assert store.baseline_results("p") == []


def test_a_naive_time_is_refused(store: Store) -> None:
    with pytest.raises(DataContractError, match="aware"):
        store.begin_window("p", WINDOW, now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
