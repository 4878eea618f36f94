"""Agreed actions in a real store, on SQLite and on PostgreSQL: added once, ended once, checked, and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from parcels import make_deps, write_project
from seamwatch.core.agreed_actions import (
    AgreedAction,
    AgreedChange,
    AgreedRefusal,
    AgreedState,
    AgreedWish,
    Recurrence,
)
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.agreed_actions import (
    AgreedResult,
    add_agreed_action,
    agreed_action,
    agreed_of_week,
    change_agreed_action,
)
from seamwatch.engine.deps import Deps
from seamwatch.engine.retention import purge_store
from seamwatch.engine.weekly_review.calendar import last_week
from seamwatch.errors import SpecError
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.store.tables import IncidentEventRow, IncidentRow, WindowRow
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import Door, IncidentState, Responsibility, Watch

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 11, 9, tzinfo=UTC)
DAY = timedelta(days=1)
DUE = date(2026, 11, 20)
WEEK = ReviewWeek.of("2026-W46")


@pytest.fixture(params=["sqlite", "postgresql"])
def deps(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deps]:
    write_project(tmp_path)
    url = f"sqlite:///{tmp_path / 'agreed.db'}"
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("postgres_database")
        url = make()
    store = Store.open(url, migrate_first=True)
    yield replace(make_deps(tmp_path, {}), store=store, clock=lambda: NOW)
    store.close()


def add(deps: Deps, **more: Any) -> AgreedResult:
    values: dict[str, Any] = {
        "text": "Pin the version of the prompt",
        "owner": "ada",
        "due_on": DUE,
        "by": "bob",
        "door": Door.COMMAND_LINE,
        "pipeline": "parcels",
    }
    return add_agreed_action(deps, **{**values, **more})


def added(deps: Deps, **more: Any) -> AgreedAction:
    found = add(deps, **more)
    assert found.action is not None, found.refusal
    return found.action


def end(
    deps: Deps, one: AgreedAction, wish: AgreedWish = AgreedWish.DONE, *, by: str = "ada", **more: Any
) -> AgreedResult:
    return change_agreed_action(deps, one.id, wish, by=by, door=Door.AIRFLOW, **more)


def at(deps: Deps, moment: datetime) -> Deps:
    return replace(deps, clock=lambda: moment)


def save_incident(deps: Deps, name: str, **more: Any) -> Incident:
    seen = Window(start=NOW - 3 * DAY, end=NOW - 2 * DAY)
    values: dict[str, Any] = {
        "fingerprint": name,
        "pipeline": "parcels",
        "responsibility": Responsibility.INTEGRATION,
        "stage": "request",
        "fields": (name,),
        "state": IncidentState.OPEN,
        "headline": "Integration failure at request",
        "confidence": 0.97,
        "opened_at": NOW - 2 * DAY,
        "updated_at": NOW - 2 * DAY,
        "first_window": seen,
        "last_window": seen,
        "n_records": 30,
    }
    found = Incident(id=name, **{**values, **more})
    deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=found)], window=found.last_window)
    return found


def happened(deps: Deps, incident: Incident, kind: ChangeKind, when: datetime, seen: Window | None = None) -> Incident:
    state = IncidentState.RESOLVED if kind is ChangeKind.RESOLVED else IncidentState.OPEN
    after = replace(incident, state=state, updated_at=when, resolved_at=when if kind is ChangeKind.RESOLVED else None)
    deps.store.apply_changes([IncidentChange(kind=kind, incident=after)], window=seen)
    return after


def trail(deps: Deps, one: AgreedAction) -> list[tuple[str, str, Door, datetime, str]]:
    events = deps.store.agreed_action_events(one.id)
    return [(event.kind.value, event.by, event.door, event.at, event.why) for event in events]


def test_the_whole_way_of_an_action_is_kept(deps: Deps) -> None:
    one = added(deps)
    assert one.week == "2026-W45"
    assert deps.store.agreed_action(one.id) == one
    later = at(deps, NOW + DAY)
    changed = end(later, one, AgreedWish.CHANGE, by="eve", due_on=DUE + DAY, owner="grace", why="ada is away").action
    assert changed == replace(one, due_on=DUE + DAY, owner="grace")
    finished = end(at(deps, NOW + 2 * DAY), one, why="in release 7").action
    assert finished == deps.store.agreed_action(one.id)
    assert finished is not None
    assert (finished.state, finished.ended_at, finished.note) == (AgreedState.DONE, NOW + 2 * DAY, "in release 7")
    end(at(deps, NOW + 3 * DAY), one, AgreedWish.REOPEN, by="eve", why="not in it")
    end(at(deps, NOW + 4 * DAY), one, AgreedWish.DROP)
    assert trail(deps, one) == [
        ("added", "bob", Door.COMMAND_LINE, NOW, ""),
        ("changed", "eve", Door.AIRFLOW, NOW + DAY, "ada is away"),
        ("done", "ada", Door.AIRFLOW, NOW + 2 * DAY, "in release 7"),
        ("reopened", "eve", Door.AIRFLOW, NOW + 3 * DAY, "not in it"),
        ("dropped", "ada", Door.AIRFLOW, NOW + 4 * DAY, ""),
    ]
    stood = [deps.store.agreed_actions(until=NOW + n * DAY + DAY / 2)[0].state.value for n in range(5)]
    assert stood == ["open", "open", "done", "open", "dropped"]
    assert deps.store.agreed_actions(until=NOW) == []


def test_a_form_sent_twice_at_once_is_one_action(deps: Deps) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: add(deps, token="form-1"), range(8)))
    assert sum(one.is_new for one in found) == 1
    assert len({one.action.id for one in found if one.action}) == 1
    assert len(deps.store.agreed_actions()) == 1
    assert [kind for kind, *_ in trail(deps, deps.store.agreed_actions()[0])] == ["added"]


def test_the_same_again_after_it_was_done_says_that_it_was(deps: Deps) -> None:
    end(deps, added(deps))
    again = add(deps)
    assert not again.is_new
    assert again.action is not None
    assert (again.action.state, again.action.ended_by) == (AgreedState.DONE, "ada")


def test_of_two_who_end_one_at_once_the_second_is_told_who_did(deps: Deps) -> None:
    one = added(deps)
    wishes = [AgreedWish.DONE, AgreedWish.DROP] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: end(deps, one, wishes[n], by=f"person {n}"), range(8)))
    (winner,) = [n for n, each in enumerate(found) if each.refusal is None]
    assert len(trail(deps, one)) == 2
    for n, each in enumerate(found):
        assert each.action is not None
        assert each.action.ended_by == f"person {winner}"
        assert n == winner or each.refusal in (AgreedRefusal.IS_DONE, AgreedRefusal.IS_DROPPED)


REFUSED: tuple[tuple[dict[str, Any], AgreedRefusal], ...] = (
    ({"pipeline": "no_such"}, AgreedRefusal.NO_SUCH_PIPELINE),
    ({"pipeline": "par\x00cels"}, AgreedRefusal.NO_SUCH_PIPELINE),
    ({"incident": "no_such"}, AgreedRefusal.NO_SUCH_INCIDENT),
    ({"incident": "a\x00b"}, AgreedRefusal.NO_SUCH_INCIDENT),
    ({"incident": "x" * 1_000_000}, AgreedRefusal.NO_SUCH_INCIDENT),
    ({"due_on": NOW.date() - DAY}, AgreedRefusal.DUE_IN_THE_PAST),
    ({"text": "x" * 1_000_000}, AgreedRefusal.TEXT_TOO_LONG),
)


def test_what_cannot_be_agreed_leaves_nothing_behind(deps: Deps) -> None:
    for more, refusal in REFUSED:
        assert add(deps, **more).refusal is refusal, more
    assert deps.store.agreed_actions() == []


def test_any_text_comes_back_as_it_was_taken(deps: Deps) -> None:
    for text in ("<!channel> & <b>", "\u202etxet", "a\x00b", "\ud800 x", "🙂" * 500, "'; DROP TABLE x; --"):
        one = added(deps, text=text, owner=text[:100])
        assert deps.store.agreed_action(one.id) == one
        assert end(deps, one, by=text, why=text).refusal is None
        ended = deps.store.agreed_action(one.id)
        assert ended is not None
        assert (ended.state, ended.note) == (AgreedState.DONE, one.text)


def test_an_action_that_is_not_there_is_refused(deps: Deps) -> None:
    for name in ("no_such", "", "a\x00b", "x" * 1_000_000, "\ud800"):
        found = change_agreed_action(deps, name, AgreedWish.DONE, by="a", door=Door.SLACK)
        assert found == AgreedResult(action=None, refusal=AgreedRefusal.NO_SUCH_ACTION)
        assert agreed_action(deps, name) is None


def test_an_incident_names_the_pipeline_and_a_merged_one_the_other(deps: Deps) -> None:
    save_incident(deps, "host")
    save_incident(deps, "guest", state=IncidentState.MERGED, merged_into="host")
    save_incident(deps, "lost", state=IncidentState.MERGED, merged_into="gone")
    save_incident(deps, "round", state=IncidentState.MERGED, merged_into="round")
    assert (added(deps, incident="host", pipeline=None).pipeline) == "parcels"
    assert added(deps, incident="guest", pipeline=None, text="x").incident == "host"
    assert added(deps, incident="lost", pipeline="", text="x").incident == "lost"
    assert added(deps, incident="round", text="x").incident == "round"
    assert add(deps, incident="host", pipeline="other").refusal is AgreedRefusal.OTHER_PIPELINE


def test_what_is_about_all_pipelines_is_everybodys_and_one_of_a_removed_pipeline_stays(deps: Deps) -> None:
    save_incident(deps, "old", pipeline="renamed_since")
    removed = added(deps, pipeline="renamed_since")
    everywhere = added(deps, pipeline=None)
    mine = added(deps)
    assert {one.id for one in deps.store.agreed_actions(pipelines=["parcels"])} == {mine.id, everywhere.id}
    assert {one.id for one in deps.store.agreed_actions(pipelines=[])} == {everywhere.id}
    assert {one.id for one in deps.store.agreed_actions()} == {mine.id, everywhere.id, removed.id}
    assert end(deps, removed).refusal is None


def week(deps: Deps) -> dict[str, tuple[bool, Recurrence | None]]:
    incidents, events = deps.store.incidents_between(NOW - 30 * DAY, WEEK.window.end)
    shown = agreed_of_week(deps, WEEK, incidents, events)
    return {one.action.text: (one.is_overdue, one.recurrence) for one in shown}


def test_a_week_shows_what_was_agreed_and_whether_the_cause_came_back(deps: Deps) -> None:
    gone, back, new = (save_incident(deps, name) for name in ("gone", "back", "new"))
    for one in (gone, back, new):
        end(deps, added(deps, incident=one.id, text=one.id))
    add(deps, text="late", due_on=NOW.date())
    for one in (gone, back):
        happened(deps, one, ChangeKind.RESOLVED, NOW + DAY)
    assert week(at(deps, NOW + DAY)) == {
        "late": (True, None),
        "gone": (False, Recurrence.UNKNOWN),
        "back": (False, Recurrence.UNKNOWN),
        "new": (False, Recurrence.UNKNOWN),
    }
    judged = Window(start=NOW + DAY, end=NOW + 2 * DAY)
    happened(deps, back, ChangeKind.REOPENED, NOW + 2 * DAY, judged)
    deps.store.begin_window("parcels", judged, now=NOW + 2 * DAY)
    assert week(at(deps, NOW + 3 * DAY))["gone"] == (False, Recurrence.UNKNOWN), "begun is not judged"
    _judge(deps, judged)
    assert week(at(deps, NOW + 3 * DAY)) == {
        "late": (True, None),
        "gone": (False, Recurrence.STAYED_AWAY),
        "back": (False, Recurrence.CAME_BACK),
        "new": (False, Recurrence.UNKNOWN),
    }


def _judge(deps: Deps, judged: Window) -> None:
    with deps.store._writing() as connection:
        values = {"n_judged": 40, "attributed_at": judged.end}
        connection.execute(sa.update(WindowRow).filter_by(window=judged.id).values(**values))


def test_what_watches_read_since_counts_and_what_they_read_after_the_week_does_not(deps: Deps) -> None:
    one = save_incident(deps, "dear", watch=Watch.COST, kind="more_tokens")
    end(deps, added(deps, incident=one.id, text="dear"))
    happened(deps, one, ChangeKind.RESOLVED, NOW + DAY)
    later = at(deps, NOW + 9 * DAY)

    def read(start: datetime) -> None:
        row = Aggregate(series="hours", start_at=start, data={})
        deps.store.put_aggregates("parcels", Watch.COST, [row], start=start, end=start + timedelta(hours=1))

    read(NOW - timedelta(hours=1))
    read(WEEK.window.end)
    assert week(later) == {"dear": (False, Recurrence.UNKNOWN)}
    read(NOW + timedelta(hours=1))
    assert week(later) == {"dear": (False, Recurrence.STAYED_AWAY)}


def test_an_incident_that_was_over_long_before_is_read_for_its_action(deps: Deps) -> None:
    old = save_incident(deps, "old", opened_at=NOW - 90 * DAY, updated_at=NOW - 90 * DAY)
    happened(deps, old, ChangeKind.RESOLVED, NOW - 80 * DAY)
    end(deps, added(deps, incident=old.id, text="old"))
    start = NOW + timedelta(hours=1)
    row = Window(start=start, end=start + timedelta(hours=2))
    deps.store.begin_window("parcels", row, now=NOW)
    _judge(deps, row)
    assert week(at(deps, NOW + DAY)) == {"old": (False, Recurrence.STAYED_AWAY)}
    (shown,) = agreed_of_week(deps, WEEK, [], [], pipelines=["parcels"])
    assert shown.recurrence is Recurrence.STAYED_AWAY
    assert agreed_of_week(deps, WEEK, [], [], pipelines=["other"]) == ()


def test_an_incident_that_was_deleted_leaves_its_action_and_nothing_is_known_of_its_cause(deps: Deps) -> None:
    one = save_incident(deps, "old")
    end(deps, added(deps, incident=one.id, text="old"))
    with deps.store._writing() as connection:
        connection.execute(sa.delete(IncidentEventRow))
        connection.execute(sa.delete(IncidentRow))
    assert [each.recurrence for each in agreed_of_week(deps, WEEK, [], [])] == [Recurrence.UNKNOWN]


def test_ended_ones_go_with_incidents_and_open_ones_stay(deps: Deps) -> None:
    old = [added(deps, text=f"old {n}", pipeline=name) for n, name in enumerate(("parcels", None))]
    for one in old:
        end(deps, one)
    young = added(deps, text="young")
    still = added(deps, text="open")
    end(at(deps, NOW + 10 * DAY), young)
    later = at(deps, NOW + 735 * DAY)
    assert purge_store(later, is_dry_run=True).rows["agreed actions"] == 2
    assert len(deps.store.agreed_actions()) == 4
    assert purge_store(later).rows["agreed actions"] == 2
    assert {one.id for one in deps.store.agreed_actions()} == {young.id, still.id}
    assert deps.store.agreed_action_events(old[0].id) == []
    assert [event.kind for event in deps.store.agreed_action_events(still.id)] == [AgreedChange.ADDED]
    assert "agreed actions" not in purge_store(later).rows


def test_where_nobody_knows_the_time_zone_nothing_is_agreed_or_changed(deps: Deps) -> None:
    one = added(deps)
    (deps.project.root / "include/settings.yaml").write_text("weekly_review: {time_zone: Mars/Base}\n")
    blind = replace(deps, project=load_project(deps.project.root))
    what = r"include/settings.yaml:1 weekly_review.time_zone: 'Mars/Base' is no time zone"
    for ask in (lambda: add(blind, text="Another"), lambda: end(blind, one), lambda: last_week(blind)):
        with pytest.raises(SpecError, match=what):
            ask()
    assert deps.store.agreed_actions() == [one]


def test_a_week_begins_where_reviews_are_held(deps: Deps) -> None:
    (deps.project.root / "include/settings.yaml").write_text("weekly_review: {time_zone: Pacific/Auckland}\n")
    sunday = at(deps, datetime(2026, 11, 8, 12, tzinfo=UTC))  # Monday, one o'clock in the morning
    there = replace(sunday, project=load_project(deps.project.root))
    assert (last_week(sunday).name, last_week(there).name) == ("2026-W44", "2026-W45")
    assert added(there).week == "2026-W45"
