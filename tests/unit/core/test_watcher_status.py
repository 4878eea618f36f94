"""When a job counts as silent, when a pipeline lacks records for longer than ever, and what stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.watcher_status import (
    SHARED,
    Job,
    JobStatus,
    Outbox,
    WatcherStatus,
    WindowCount,
    job_status,
    job_statuses,
    record_gap,
)
from seamwatch.vocabulary import JobState, RecurringJob

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_job(schedule: str | timedelta | None, last_at: datetime | None, known_since: datetime | None = None) -> Job:
    return Job(job=RecurringJob.VALIDATE, pipeline="p", schedule=schedule, last_at=last_at, known_since=known_since)


CASES = [
    # schedule, last good end, known since, now, state
    ("five minutes, just ran", 5 * MINUTE, "2026-11-23 10:00", None, "2026-11-23 10:01", JobState.OK),
    ("one run is late", 5 * MINUTE, "2026-11-23 10:00", None, "2026-11-23 10:09:59", JobState.OK),
    ("two runs are missing", 5 * MINUTE, "2026-11-23 10:00", None, "2026-11-23 10:10", JobState.SILENT),
    ("its clock is ahead", 5 * MINUTE, "2026-11-23 10:30", None, "2026-11-23 10:10", JobState.OK),
    ("cron as span", "*/15 * * * *", "2026-11-23 10:02", None, "2026-11-23 10:31", JobState.OK),
    ("it may take as long as it did", "*/15 * * * *", "2026-11-23 10:02", None, "2026-11-23 10:32", JobState.SILENT),
    ("no work at the weekend", "0 8 * * 1-5", "2026-11-20 08:20", None, "2026-11-23 23:00", JobState.OK),
    ("Monday and Tuesday are missing", "0 8 * * 1-5", "2026-11-20 08:20", None, "2026-11-24 08:20", JobState.SILENT),
    ("a preset of Airflow alone", "@quarterly", "2026-01-01 00:10", None, "2026-07-01 00:09", JobState.OK),
    ("two quarters are missing", "@quarterly", "2026-01-01 00:10", None, "2026-07-01 00:10", JobState.SILENT),
    ("the last day of months", "0 0 L * *", "2026-01-31 00:10", None, "2026-03-31 00:10", JobState.SILENT),
    ("never, known for a while", "@hourly", None, "2026-11-23 10:00", "2026-11-23 12:00", JobState.NEVER),
    ("never, just known", "@hourly", None, "2026-11-23 10:00", "2026-11-23 10:40", JobState.AWAITED),
    ("never, nobody knows since when", "@hourly", None, None, "2026-11-23 10:40", JobState.NEVER),
    ("weekly, just known", "0 6 * * 1", None, "2026-11-24 10:00", "2026-11-30 10:40", JobState.AWAITED),
    ("no schedule, ran long ago", None, "2020-01-01 00:00", None, "2026-11-23 10:00", JobState.BY_HAND),
    ("no schedule, never ran", None, None, None, "2026-11-23 10:00", JobState.BY_HAND),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "last", "known", "now", "state"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_job_is_silent_once_two_runs_are_missing(
    schedule: str | timedelta | None, last: str | None, known: str | None, now: str, state: JobState
) -> None:
    job = a_job(schedule, at(last) if last else None, at(known) if known else None)
    found = job_status(job, at(now))
    assert found.state is state
    assert found.stands_still == (state in (JobState.SILENT, JobState.NEVER))


@given(
    st.sampled_from(["*/5 * * * *", "7 * * * *", "0 8 * * 1-5", "@daily", "@weekly", "30 2 1 * *", timedelta(hours=1)]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_a_job_falls_silent_once_and_at_the_time_that_is_told(
    schedule: str | timedelta, start_s: int, later_s: int
) -> None:
    last_at = MONDAY + timedelta(seconds=start_s)
    status = job_status(a_job(schedule, last_at), last_at)
    assert status.state is JobState.OK
    assert status.due_at is not None
    now = last_at + timedelta(seconds=later_s)
    assert job_status(a_job(schedule, last_at), now).stands_still == (now >= status.due_at)


def chain(*ended: datetime | None) -> list[Job]:
    jobs = (RecurringJob.VALIDATE, RecurringJob.ISOLATE, RecurringJob.INCIDENTS)
    return [
        Job(job=job, pipeline="p", schedule="@hourly", last_at=last_at)
        for job, last_at in zip(jobs, ended, strict=True)
    ]


def states(found: tuple[JobStatus, ...]) -> list[str]:
    return [one.state.value for one in found]


def test_what_waits_for_a_job_that_stands_still_is_unknown_and_the_first_one_is_named() -> None:
    long_ago, now = MONDAY, MONDAY + DAY
    assert states(job_statuses(chain(long_ago, long_ago, None), now)) == ["silent", "unknown", "unknown"]
    assert states(job_statuses(chain(now, long_ago, long_ago), now)) == ["ok", "silent", "unknown"]
    assert states(job_statuses(chain(now, now, None), now)) == ["ok", "ok", "never"]
    assert states(job_statuses(chain(None, None, None), now)) == ["never", "unknown", "unknown"]


def test_the_order_of_jobs_and_other_pipelines_change_nothing() -> None:
    now = MONDAY + DAY
    other = Job(job=RecurringJob.ISOLATE, pipeline="q", schedule="@hourly", last_at=MONDAY)
    found = job_statuses([other, *reversed(chain(MONDAY, MONDAY, MONDAY))], now)
    assert states(found) == ["silent", "unknown", "unknown", "silent"]


def test_a_paused_dag_is_told_as_paused_only_where_it_stands_still() -> None:
    now = MONDAY + DAY
    found = job_statuses(chain(now, MONDAY, MONDAY), now, paused={"p__validate", "p__isolate"})
    assert states(found) == ["ok", "paused", "unknown"]
    assert found[1].dag_id == "p__isolate"
    assert found[1].stands_still
    delivery = Job(job=RecurringJob.DELIVERY, pipeline=SHARED, schedule=5 * MINUTE, last_at=None)
    assert states(job_statuses([delivery], now, paused={"seamwatch__delivery"})) == ["paused"]


def hourly(counts: str, start: datetime = MONDAY) -> list[WindowCount]:
    """Return windows of an hour: `.` without records, `#` with some."""
    return [
        WindowCount(start + HOUR * n, start + HOUR * (n + 1), 0 if sign == "." else 5) for n, sign in enumerate(counts)
    ]


DAY_AND_NIGHT = ("#" * 16 + "." * 8) * 8

GAPS = [
    # hours, unusual?
    ("records until now", DAY_AND_NIGHT + "#", False),
    ("a night like every night", DAY_AND_NIGHT + "#" * 16 + "." * 8, False),
    ("an hour more than any night", DAY_AND_NIGHT + "#" * 16 + "." * 9, True),
    ("a week of work, then two hours", "#" * 200 + "..", True),
    ("a week of work, then one hour: it may be late", "#" * 200 + ".", False),
    ("too few windows", "#" * 19 + "....", None),
    ("no weekend seen", "#" * 100 + "....", None),
    ("no window at all", "", None),
    ("never a record", "." * 300, None),
]


@pytest.mark.parametrize(("hours", "is_unusual"), [case[1:] for case in GAPS], ids=[case[0] for case in GAPS])
def test_a_pipeline_without_records_for_longer_than_ever_is_noticed(hours: str, is_unusual: bool | None) -> None:
    found = record_gap("p", hourly(hours))
    assert found.is_unusual is is_unusual
    assert record_gap("p", hourly(hours)[::-1]) == found
    assert found.length == HOUR * (len(hours) - len(hours.rstrip(".")))


def test_time_that_nobody_looked_at_is_no_gap() -> None:
    before = hourly("#" * 200)
    after = hourly("#" * 20 + "...", start=MONDAY + 30 * DAY)
    found = record_gap("p", [*before, *after])
    assert (found.longest_before, found.length, found.is_unusual) == (timedelta(0), 3 * HOUR, True)
    assert found.since == MONDAY + 30 * DAY + 20 * HOUR


@given(st.text(alphabet="#.", min_size=0, max_size=400))
def test_a_gap_is_unusual_only_if_it_is_the_longest_and_records_end_it(hours: str) -> None:
    found = record_gap("p", hourly(hours))
    if found.is_unusual:
        assert found.length > found.longest_before
        assert found.length >= 2 * HOUR
    assert record_gap("p", hourly(f"{hours}#")).is_unusual in (False, None)


def test_messages_are_stuck_when_given_up_or_waiting_for_two_runs_of_delivery() -> None:
    def outbox(waits: timedelta | None, n_given_up: int = 0) -> Outbox:
        oldest = None if waits is None else MONDAY - waits
        return Outbox(pipeline="p", n_waiting=int(waits is not None), oldest_at=oldest, n_given_up=n_given_up)

    assert not outbox(9 * MINUTE).is_stuck(MONDAY)
    assert outbox(10 * MINUTE).is_stuck(MONDAY)
    assert outbox(None, n_given_up=1).is_stuck(MONDAY)


def test_all_is_well_only_where_nothing_at_all_stands_still() -> None:
    ok = job_status(a_job("@hourly", MONDAY), MONDAY)
    well = WatcherStatus(at=MONDAY, jobs=(ok,), gaps=(), outboxes=(), frozen=("p",), broken=())
    assert well.is_well
    assert not well.never_ran
    gap = record_gap("p", hourly("#" * 200 + "...."))
    stuck = Outbox(pipeline="p", n_waiting=0, oldest_at=None, n_given_up=1)
    silent = job_status(a_job("@hourly", MONDAY), MONDAY + DAY)
    for change in ({"gaps": (gap,)}, {"outboxes": (stuck,)}, {"jobs": (silent,)}, {"broken": ("p.yaml",)}):
        assert not WatcherStatus(**{**vars(well), **change}).is_well, change
