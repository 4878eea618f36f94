"""Every number of the weekly review against plain SQL in the same store, over a year of incidents."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seamwatch.core.weekly_review.figures import figures
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.review import make_review
from weekly_history import COST_KEPT, ZONE, History, Scale, write_history
from weekly_recount import NOT_RECOUNTED, Figures, differences, not_recounted, recount

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 9, 7, tzinfo=UTC)
LAST = ReviewWeek.of("2026-W45", time_zone=ZONE)
WITHOUT_TRAFFIC = ReviewWeek.of("2026-W37", time_zone=ZONE)
SCALE = Scale(n_pipelines=4, n_weeks=52, answers_an_hour=8.0, n_removed=1)
WEEKS = {
    "2026-W45": "the last one",
    "2026-W43": "169 hours, as clocks went back",
    "2026-W40": "of two months, in which nothing was checked",
    "2026-W37": "without traffic",
    "2026-W36": "before what is kept of costs",
    "2026-W13": "167 hours, as clocks went forward",
    "2026-W01": "of two years",
    "2025-W48": "budgets are not covered yet",
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    root = tmp_path_factory.mktemp("year")
    return write_history(root, SCALE, now=NOW, seed=20_261_128, without_traffic=WITHOUT_TRAFFIC)


@pytest.fixture(scope="module")
def deps(history: History) -> Iterator[Deps]:
    found = history.deps()
    yield found
    found.store.close()


def counted_again(history: History, week: ReviewWeek, *, database: Path | None = None) -> Figures:
    return recount(
        database or history.database,
        history.objectives,
        week=week.name,
        zone=ZONE,
        cost_since=history.now - COST_KEPT,
    )


@pytest.fixture(scope="module")
def told(deps: Deps) -> Figures:
    """The numbers of the last week."""
    return figures(make_review(deps, LAST))


@pytest.mark.parametrize("name", WEEKS)
def test_every_number_of_a_week_equals_a_recount(name: str, history: History, deps: Deps) -> None:
    week = ReviewWeek.of(name, time_zone=ZONE)
    review = make_review(deps, week)
    assert not [one.problem for one in review.pipelines if one.is_defined and one.problem]
    assert differences(figures(review), counted_again(history, week)) == []


def test_the_year_has_what_a_review_must_count(history: History, told: Figures) -> None:
    assert {name.split("/")[0] for name in told} == {*history.objectives, "gone_0", "everything"}
    assert len(told) > 400
    for name in (
        "n_opened",
        "n_reopened",
        "n_resolved",
        "n_open_at_end",
        "n_looked_like_ai",
        "n_not_ai",
        "n_ai",
    ):
        assert told[f"everything/incidents/{name}"]
    for phase in ("detect", "attribute", "acknowledge", "mitigate", "resolve"):
        assert told[f"everything/times/{phase}/n"]
    for name in ("runbooks/n_actions", "runbooks/n_steps", "gate/n_held", "cost/n_unpriced", "cost/month_usd"):
        assert told[f"everything/{name}"]


def test_only_what_is_no_sum_is_left_out(told: Figures) -> None:
    left_out = not_recounted(told)
    assert {name.split("/", 1)[1] for name in left_out} == set(NOT_RECOUNTED)
    assert len(left_out) < len(told) / 6


ONE_ROW = {
    "a reopening": ("incident_events WHERE kind = 'reopened' AND at >= :start AND at < :end", "n_reopened"),
    "an incident's end": ("incident_events WHERE kind = 'resolved' AND at >= :start AND at < :end", "n_resolved"),
    "an acknowledgement": (
        "incident_events WHERE kind = 'acknowledged' AND by IS NOT NULL AND at >= :start AND at < :end",
        "times/acknowledge",
    ),
    "five minutes of answers": (
        "slo_buckets WHERE objective = 'accuracy' AND start_at >= :start AND start_at < :end",
        "objectives/accuracy/events",
    ),
    "what was refunded": (
        "debits WHERE at >= :start AND at < :end AND objective <> 'a_month' AND incident IN "
        "(SELECT incident FROM seamwatch_rulings r WHERE is_void AND NOT EXISTS "
        "(SELECT 1 FROM seamwatch_rulings l WHERE l.incident = r.incident AND l.id > r.id))",
        "/bad",
    ),
    "an hour's cost": ("aggregates WHERE start_at >= :start AND start_at < :end", "cost/usd"),
    "a step of a runbook": (
        "runbook_steps WHERE datetime(json_extract(step, '$.began_at')) >= datetime(:start) "
        "AND datetime(json_extract(step, '$.began_at')) < datetime(:end)",
        "runbooks/n_steps",
    ),
    "an action": ("actions WHERE proposed_at >= :start AND proposed_at < :end", "runbooks/n_actions"),
    "an answer of the gate": ("gate_answers WHERE at >= :start AND at < :end", "gate/n_asked"),
    "a check": ("freshness_checks WHERE checked_at >= :start AND checked_at < :end", "knowledge/policies/n_checks"),
    "a label": ("labels WHERE at >= :start AND at < :end AND withdrawn_at IS NULL", "labels/n_given"),
}


@pytest.mark.parametrize("what", ONE_ROW)
def test_one_row_that_is_missing_is_noticed(what: str, history: History, told: Figures, tmp_path: Path) -> None:
    rows, figure = ONE_ROW[what]
    table = rows.partition(" ")[0]
    damaged = tmp_path / "damaged.db"
    shutil.copy(history.database, damaged)
    window = LAST.window
    span = {"start": window.start.strftime("%Y-%m-%d %H:%M:%S"), "end": window.end.strftime("%Y-%m-%d %H:%M:%S")}
    connection = sqlite3.connect(damaged)
    gone = connection.execute(
        f"DELETE FROM seamwatch_{table} WHERE rowid IN (SELECT rowid FROM seamwatch_{rows} LIMIT 1)", span
    )
    connection.commit()
    connection.close()
    assert gone.rowcount == 1
    assert any(figure in one for one in differences(told, counted_again(history, LAST, database=damaged)))
