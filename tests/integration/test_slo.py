"""Objectives by the whole engine: looks one after the other, budgets, gate, overrides, refunds; on two databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import PIPELINE, START, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.slo.ledger import Ruling
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.slo import gate, keep_gate_answer, let_through, look_at_objectives
from seamwatch.errors import DataContractError, SpecError, StoreError
from seamwatch.spec.load import load_project
from seamwatch.spec.monitoring import Monitoring
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import DebitKind, Door, GateState, IncidentAction, IncidentState, Refusal

pytestmark = pytest.mark.integration
SLOS = """
slos:
  - {kind: accuracy, goal: 0.9, over: 1d}
  - {kind: latency, p95: 1h}
  - {kind: availability, goal: 0.99}
error_budget: {longest_override: 1d}
"""
END = WINDOW.end


@dataclass
class Desk:
    """A project whose code table is wrong from the first third of the day on."""

    deps: Deps
    pipeline: Pipeline
    url: str

    def at(self, now: datetime) -> Deps:
        return replace(self.deps, clock=lambda: now)


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    store = None
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("postgres_database")
        store = make()
    return make_desk(tmp_path, "code_table", store_url=store)


def make_desk(folder: Path, fault: str, *, store_url: str | None = None) -> Desk:
    write_project(folder, pipeline=PIPELINE + SLOS)
    url = f"sqlite:///{folder / 'parcels.db'}"
    fill_database(url, fault, n=300)
    deps = make_deps(folder, {"AIRFLOW_CONN_PARCELS_DB": url}, store_url=store_url)
    return Desk(deps, load_project(folder).pipeline("parcels"), url)


def wrong_answers(url: str) -> int:
    """Return how many judged answers are wrong, by one SQL statement."""
    engine = sa.create_engine(url)
    statement = (
        "SELECT count(*) FROM orders o JOIN labels l ON l.id = o.id LEFT JOIN routing r ON r.id = o.id "
        "WHERE r.queue IS NULL OR r.queue <> l.queue"
    )
    with engine.connect() as connection:
        found = connection.execute(sa.text(statement)).scalar_one()
    engine.dispose()
    return int(found)


def test_the_ledger_is_what_an_independent_recount_finds(desk: Desk) -> None:
    status = look_at_objectives(desk.deps, desk.pipeline, now=END)
    accuracy = status.objectives[0]
    debits = desk.deps.store.debits("parcels", objective="accuracy", since=START)
    assert accuracy.bad == len(debits) == wrong_answers(desk.url)
    assert {one.kind for one in debits} == {DebitKind.WRONG_ANSWER}
    assert (accuracy.events, accuracy.judged) == (300, 295)
    # Five answers have no label yet: the spent budget is extrapolated to them, with its interval.
    assert accuracy.budget.spent == pytest.approx(accuracy.bad * 300 / 295)
    assert accuracy.budget.spent_low <= accuracy.budget.spent <= accuracy.budget.spent_high


def test_looks_every_few_minutes_find_what_one_look_finds(desk: Desk, tmp_path: Path) -> None:
    now = START
    while now < END:
        now += timedelta(hours=2, minutes=25)
        look_at_objectives(desk.at(min(now, END)), desk.pipeline, now=min(now, END))
    for _ in range(2):  # a repeated look counts nothing twice
        often = look_at_objectives(desk.deps, desk.pipeline, now=END)
    (tmp_path / "other").mkdir()
    once = look_at_objectives(make_desk(tmp_path / "other", "code_table").deps, desk.pipeline, now=END)
    for mine, theirs in zip(often.objectives, once.objectives, strict=True):
        assert (mine.events, mine.judged, mine.bad) == (theirs.events, theirs.judged, theirs.bad)
        assert mine.budget.left == theirs.budget.left


def test_a_spent_budget_freezes_releases_until_an_override_which_is_kept(desk: Desk) -> None:
    with pytest.raises(StoreError, match="were never looked at; run `seamwatch slo parcels` first"):
        gate(desk.deps, desk.pipeline)
    status = look_at_objectives(desk.deps, desk.pipeline, now=END)
    assert (status.gate.state, status.gate.allowed) == (GateState.FROZEN, False)
    assert "accuracy" in status.gate.reason
    until = desk.deps.clock() + timedelta(hours=20)
    with pytest.raises(
        DataContractError, match=r"may last 1 day at most \(error_budget.longest_override\); got 9 days"
    ):
        let_through(desk.deps, desk.pipeline, reason="r", by="ada", until=desk.deps.clock() + timedelta(days=9))
    with pytest.raises(DataContractError, match="has no objective 'speed'; known: accuracy, latency, availability"):
        let_through(desk.deps, desk.pipeline, reason="r", by="ada", until=until, objective="speed")
    with pytest.raises(DataContractError, match="needs a reason and a name"):
        let_through(desk.deps, desk.pipeline, reason=" ", by="ada", until=until)
    let_through(desk.deps, desk.pipeline, reason="fixes the code table", by="ada", until=until)
    decision = gate(desk.deps, desk.pipeline)
    assert (decision.state, decision.allowed) == (GateState.FROZEN, True)
    assert "let through by ada" in decision.reason
    (kept,) = desk.deps.store.overrides("parcels")
    assert (kept.by, kept.reason, kept.until) == ("ada", "fixes the code table", until)
    assert "look again" in gate(desk.deps, desk.pipeline, now=END + timedelta(hours=3)).reason
    # A policy that was tightened since ends it earlier than it says.
    policy = desk.pipeline.error_budget.model_copy(update={"longest_override": timedelta(hours=10)})
    tightened = desk.pipeline.model_copy(update={"error_budget": policy})
    assert gate(desk.deps, desk.pipeline, now=kept.at + timedelta(hours=10)).allowed
    assert not gate(desk.deps, tightened, now=kept.at + timedelta(hours=10)).allowed


def test_what_the_gate_said_to_a_release_is_kept_in_order_and_by_time(desk: Desk) -> None:
    look_at_objectives(desk.deps, desk.pipeline, now=END)
    store, moments = desk.deps.store, [END + timedelta(hours=hour) for hour in range(3)]
    for moment, release in zip(moments, ("v1", None, "  "), strict=True):
        deps = desk.at(moment)
        assert keep_gate_answer(deps, desk.pipeline, gate(deps, desk.pipeline), release=release) is None
    until = END + timedelta(hours=20)
    let_through(desk.at(moments[2]), desk.pipeline, reason="a \N{WRENCH} fix", by="ada", until=until)
    deps = desk.at(moments[2])
    keep_gate_answer(deps, desk.pipeline, gate(deps, desk.pipeline), release="v\x00\ud800")
    kept = store.gate_answers("parcels", since=moments[0], until=moments[2])
    assert [(one.at, one.release, one.is_allowed, one.state) for one in kept] == [
        (moments[0], "v1", False, GateState.FROZEN),
        (moments[1], None, False, GateState.FROZEN),
    ]
    assert "accuracy: the budget is overspent" in kept[0].reason
    blank, let = store.gate_answers("parcels", since=moments[2], until=until)
    assert (blank.release, blank.is_allowed, let.is_allowed, let.state) == (None, False, True, GateState.FROZEN)
    assert "a \N{WRENCH} fix" in let.reason
    assert (let.release or "").startswith("v")
    assert store.gate_answers("other", since=START, until=until) == []


def test_an_answer_that_cannot_be_kept_is_said_and_stands(desk: Desk) -> None:
    look_at_objectives(desk.deps, desk.pipeline, now=END)
    decision = gate(desk.deps, desk.pipeline)
    with desk.deps.store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE seamwatch_gate_answers")
    said = keep_gate_answer(desk.deps, desk.pipeline, decision, release="v1")
    assert said is not None
    assert said.startswith("parcels: this answer stands, but the weekly review will not count it")
    assert not decision.allowed


def test_a_voided_incident_gives_its_debits_back_and_an_undone_one_takes_them_again(desk: Desk) -> None:
    attribute_window(desk.deps, desk.pipeline, WINDOW)
    (change,) = decide_incidents(desk.deps, desk.pipeline, WINDOW)
    assert change.kind is ChangeKind.OPENED
    before = look_at_objectives(desk.deps, desk.pipeline, now=END).objectives[0]
    void = partial(act_on_incident, action=IncidentAction.VOID, door=Door.COMMAND_LINE, why="a planned test")
    done = void(desk.deps, change.incident.id, by="ada")
    assert done.incident.state is IncidentState.VOIDED
    after = look_at_objectives(desk.deps, desk.pipeline, now=END).objectives[0]
    assert done.n_debits == after.refunded == change.incident.n_records
    assert after.budget.spent < before.budget.spent
    assert after.bad == before.bad
    later = desk.at(END + timedelta(days=1))
    undone = act_on_incident(
        later, change.incident.id, IncidentAction.REOPEN, by="bob", door=Door.AIRFLOW, why="it was real"
    )
    assert undone.incident.state is IncidentState.OPEN
    again = look_at_objectives(desk.deps, desk.pipeline, now=END).objectives[0]
    assert (again.refunded, again.budget.spent) == (0, before.budget.spent)
    assert [(one.is_void, one.by) for one in desk.deps.store.rulings("parcels")] == [(True, "ada"), (False, "bob")]
    with pytest.raises(StoreError, match="no incident 'x'"):
        void(desk.deps, "x", by="ada")
    with pytest.raises(DataContractError, match="needs a reason"):
        void(desk.deps, change.incident.id, by="ada", why="")
    assert desk.deps.store.incident(change.incident.id) == undone.incident


def test_a_refund_from_before_incidents_were_voided_is_taken_back_too(desk: Desk) -> None:
    attribute_window(desk.deps, desk.pipeline, WINDOW)
    (change,) = decide_incidents(desk.deps, desk.pipeline, WINDOW)
    name = change.incident.id
    look_at_objectives(desk.deps, desk.pipeline, now=END)
    desk.deps.store.rule("parcels", Ruling(incident=name, is_void=True, reason="a test", by="ada", at=END))
    done = act_on_incident(desk.deps, name, IncidentAction.REOPEN, by="bob", door=Door.COMMAND_LINE)
    assert (done.refusal, done.n_debits) == (None, change.incident.n_records)
    assert [one.is_void for one in desk.deps.store.rulings("parcels")] == [True, False]
    again = act_on_incident(desk.deps, name, IncidentAction.REOPEN, by="bob", door=Door.COMMAND_LINE)
    assert again.refusal is Refusal.IS_SO_ALREADY


def test_records_that_got_lost_are_unavailable_once_they_have_had_their_time(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "lost")
    status = look_at_objectives(desk.deps, desk.pipeline, now=END + desk.pipeline.settle)
    engine = sa.create_engine(desk.url)
    with engine.connect() as connection:
        n = connection.execute(
            sa.text("SELECT count(*) FROM orders WHERE id NOT IN (SELECT id FROM routing)")
        ).scalar_one()
    engine.dispose()
    assert n > 0
    assert status.objectives[2].bad == n
    kinds = {one.kind for one in desk.deps.store.debits("parcels", objective="availability", since=START)}
    assert kinds == {DebitKind.UNAVAILABLE}


def test_nothing_promised_and_nothing_recorded_are_said(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "none")
    status = look_at_objectives(desk.deps, desk.pipeline, now=START - timedelta(days=40))
    assert all(one.events == 0 and one.budget.left is None for one in status.objectives)
    assert status.gate.allowed
    assert "nothing is known yet of accuracy, latency, availability" in status.gate.reason
    bare = desk.pipeline.model_copy(update={"slos": ()})
    with pytest.raises(SpecError, match="no 'slos': nothing is promised"):
        gate(desk.deps, bare)
    switched_off = Monitoring(latency=None, cost=None, drift=None, injection=None)
    with pytest.raises(SpecError, match="no 'slos' and no 'monitoring'"):
        look_at_objectives(desk.deps, bare.model_copy(update={"monitoring": switched_off}))


PRICED = """
slos: [{kind: cost, per_query_usd: 0.02, over: 1d}]
monitoring: {cost: {prices: {rules-1: {input_per_mtok: 1000, output_per_mtok: 4000}}}, drift: false, injection: false}
"""


@pytest.mark.parametrize("fields", ["", "fields: [answer], "])
def test_what_a_query_costs_is_priced_by_its_tokens_where_no_cost_is_recorded(tmp_path: Path, fields: str) -> None:
    named = f"{fields}status: status, input_tokens: tokens_in, output_tokens: tokens_out,"
    text = PIPELINE.replace("status: status,", named)
    write_project(tmp_path, pipeline=text + PRICED)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "none", n=40)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for column in ("tokens_in", "tokens_out"):
            connection.execute(sa.text(f"ALTER TABLE calls ADD COLUMN {column} INTEGER"))
        connection.execute(sa.text("UPDATE calls SET tokens_in = 10, tokens_out = 1"))
        connection.execute(sa.text("UPDATE calls SET tokens_out = 10 WHERE id % 10 = 0"))
    engine.dispose()
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": url})
    status = look_at_objectives(deps, load_project(tmp_path).pipeline("parcels"), now=END)
    (cost,) = status.objectives
    assert (cost.events, cost.bad) == (40, 4)
    assert status.notes == ()


def test_a_mute_ends_with_the_first_delivery_after_its_time(desk: Desk) -> None:
    attribute_window(desk.deps, desk.pipeline, WINDOW)
    (change,) = decide_incidents(desk.deps, desk.pipeline, WINDOW)
    name = change.incident.id
    act_on_incident(desk.deps, name, IncidentAction.ACKNOWLEDGE, by="ada", door=Door.AIRFLOW)
    muted = act_on_incident(desk.deps, name, IncidentAction.MUTE, by="ada", door=Door.AIRFLOW)
    until = muted.incident.muted_until
    assert until == desk.deps.clock() + timedelta(hours=4)
    deliver_pending(desk.at(until - timedelta(minutes=1)))
    assert desk.deps.store.incident(name) == muted.incident
    deliver_pending(desk.at(until))
    ended = desk.deps.store.incident(name)
    assert ended is not None
    assert (ended.state, ended.muted_until, ended.acknowledged_by) == (IncidentState.ACKNOWLEDGED, None, "ada")
    trail = [(one.kind, one.by, one.door) for one in desk.deps.store.incident_events(name)]
    assert trail == [
        ("opened", None, Door.DETECTOR),
        ("acknowledged", "ada", Door.AIRFLOW),
        ("muted", "ada", Door.AIRFLOW),
        ("unmuted", None, Door.CLOCK),
    ]
