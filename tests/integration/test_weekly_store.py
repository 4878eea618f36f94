"""Closed weeks, and the sums that a review needs of weeks, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from seamwatch.core.slo.events import Events
from seamwatch.core.weekly_review.facts import IncidentsWeek, PipelineWeek, WeeklyReview
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Responsibility

WEEK = ReviewWeek.of("2026-W45", time_zone="Europe/Berlin")
NOW = datetime(2026, 11, 9, 7, tzinfo=UTC)
INCIDENTS = IncidentsWeek(
    n_opened=3,
    n_reopened=0,
    n_resolved=2,
    n_open_at_end=1,
    n_void=0,
    by_responsibility={Responsibility.INTEGRATION: 2, Responsibility.MODEL: 1},
    by_severity={"sev2": 2, "unrated": 1},
    n_looked_like_ai=3,
    n_not_ai=2,
    not_ai={Responsibility.INTEGRATION: 2},
    n_ai=1,
    n_ai_unknown=0,
    opened_before=(None, 1.0, 2.0, 3.0),
    not_ai_before=(None, 0.0, 1.0, 1.0),
)
REVIEW = WeeklyReview(
    week=WEEK,
    made_at=NOW,
    is_closed=True,
    everything=PipelineWeek(pipeline="all pipelines", incidents=INCIDENTS),
    pipelines=(PipelineWeek(pipeline="p", incidents=INCIDENTS, n_records=10.0),),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.db'}"
    else:
        make: Callable[[], str] = request.getfixturevalue("postgres_database")
        url = make()
    opened = Store.open(url, migrate_first=True)
    yield opened
    opened.close()


def test_a_closed_week_stays_as_it_was_told(store: Store) -> None:
    assert store.weekly_review("2026-W45") is None
    assert store.close_week(REVIEW, now=NOW)
    later = WeeklyReview(
        week=WEEK, made_at=NOW + timedelta(days=1), everything=REVIEW.everything, pipelines=(), notes=("later",)
    )
    assert not store.close_week(later, now=NOW + timedelta(days=1))
    assert store.weekly_review("2026-W45") == REVIEW
    assert store.closed_weeks() == ["2026-W45"]


@pytest.mark.parametrize("minutes", [5, 60])
def test_events_are_summed_in_spans_that_begin_at_whole_multiples(store: Store, minutes: int) -> None:
    start = datetime(2026, 11, 1, 23, tzinfo=UTC)
    buckets = pd.DataFrame(
        {
            "start_at": pd.date_range(start, periods=30, freq="5min"),
            "total": 2.0,
            "judged": 1.0,
            "bad": [1.0, *[0.0] * 29],
            "usd": 0.5,
        }
    )
    end = start + timedelta(hours=3)
    for objective in ("availability", "accuracy"):
        store.post_events("p", objective, Events(buckets=buckets, debits=()), start=start, end=end)
    length = timedelta(minutes=minutes)
    found = store.objective_sums("p", since=start + timedelta(minutes=5), until=end, length=length)
    assert set(found) == {"availability", "accuracy"}
    sums = found["accuracy"]
    assert list(sums.columns) == ["start_at", "total", "judged", "bad", "usd"]
    assert (sums["total"].sum(), sums["bad"].sum(), sums["usd"].sum()) == (58.0, 0.0, 14.5)
    hours = sums.groupby(sums["start_at"].dt.floor("h"))["judged"].sum()
    assert hours.tolist() == [11.0, 12.0, 6.0]
    assert hours.index[0] == pd.Timestamp(start)
    assert len(sums) == (29 if minutes == 5 else 3)
    assert store.objective_sums("q", since=start, until=end, length=length) == {}


def test_a_span_without_windows_or_checks_counts_nothing(store: Store) -> None:
    start, end = WEEK.window.start, WEEK.window.end
    assert store.judged_between("p", since=start, until=end) == (0, 0, 0)
    assert store.count_checks("p", since=start, until=end) == {}
    assert store.incidents_between(start, end) == ([], [])
