"""Whether Seamwatch itself still runs: jobs that stopped, and pipelines that deliver no records any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from seamwatch.spec.schedule import runs_around
from seamwatch.vocabulary import JobState, RecurringJob

SHARED = "seamwatch"
"""Stands for the pipeline, also in the id of the DAG, where a job is done for all of them at once."""
CHAIN = (RecurringJob.VALIDATE, RecurringJob.ISOLATE, RecurringJob.INCIDENTS)
"""Jobs that start each other, in this order."""
STANDS_STILL = frozenset({JobState.SILENT, JobState.NEVER, JobState.PAUSED})
SLO_EVERY = DELIVERY_EVERY = timedelta(minutes=5)
"""How often objectives are looked at, and messages that wait are sent."""
MAINTENANCE_AT = "23 3 * * *"
"""When the store is looked through, and what is too old deleted; a cron expression."""
_MISSED_RUNS = 2
"""So many in a row are a silence; one may be late."""
_LEAST_WINDOWS = 20
_LEAST_HISTORY = timedelta(days=7)
"""Less holds no weekend, so a gap says nothing."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it is known."""

    job: RecurringJob
    pipeline: str
    """Pipeline, or `SHARED`."""
    schedule: str | timedelta | None
    """Cron expression or preset, as UTC, or a span; None: it is started by hand."""
    last_at: datetime | None
    """When it last ended well; None: never."""
    known_since: datetime | None = None
    """Since when it could have run; None: not known."""
    subject: str | None = None
    """Knowledge base that it is about."""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """What is to be said of one job."""

    job: RecurringJob
    pipeline: str
    state: JobState
    last_at: datetime | None
    due_at: datetime | None
    """From when on it counts as silent; None: not known."""
    subject: str | None = None

    @property
    def dag_id(self) -> str:
        """Return the DAG that does it."""
        return f"{self.pipeline}__{self.job}"

    @property
    def stands_still(self) -> bool:
        """Return whether a person has to look."""
        return self.state in STANDS_STILL


class WindowCount(NamedTuple):
    """How many records a window that was looked at had."""

    start: datetime
    end: datetime
    n_records: int


@dataclass(frozen=True, kw_only=True)
class RecordGap:
    """For how long the latest windows of a pipeline have had no record."""

    pipeline: str
    since: datetime | None
    """Begin of the first window without records since the last one that had some; None: the latest had some."""
    length: timedelta
    longest_before: timedelta
    """Longest such gap before."""
    n_windows: int
    """Windows before the present gap, from which that is known."""
    is_unusual: bool | None
    """Whether no gap was ever as long; None: too little is known of the time before."""


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """The messages of a pipeline that did not arrive."""

    pipeline: str
    """Pipeline, or `SHARED`: digests of weekly reviews."""
    n_waiting: int
    oldest_at: datetime | None
    """When the oldest one that waits was written, or since when it may be sent."""
    n_given_up: int
    """Tried again only when a person says so, or the incident changes."""

    def is_stuck(self, now: datetime) -> bool:
        """Return whether a person has to look: a message is given up, or waits for longer than two runs of delivery."""
        is_late = self.oldest_at is not None and now - self.oldest_at >= _MISSED_RUNS * DELIVERY_EVERY
        return bool(self.n_given_up) or is_late


@dataclass(frozen=True, kw_only=True)
class WatcherStatus:
    """Whether Seamwatch itself still works."""

    at: datetime
    jobs: tuple[JobStatus, ...]
    gaps: tuple[RecordGap, ...]
    """Of the pipelines whose windows are still looked at."""
    outboxes: tuple[Outbox, ...]
    """Of the pipelines that have messages which did not arrive."""
    frozen: tuple[str, ...]
    """Pipelines whose releases a spent error budget freezes; no fault of Seamwatch."""
    broken: tuple[str, ...]
    """Pipeline files with a mistake: nothing watches what they describe."""
    unowned: tuple[str, ...] = ()
    """Pipelines without a reliability owner; no fault of Seamwatch."""

    @property
    def never_ran(self) -> bool:
        """Return whether nothing has ever run here."""
        return all(job.last_at is None for job in self.jobs)

    @property
    def is_well(self) -> bool:
        """Return whether nobody has to look."""
        return not (
            self.broken
            or any(job.stands_still for job in self.jobs)
            or any(gap.is_unusual for gap in self.gaps)
            or any(outbox.is_stuck(self.at) for outbox in self.outboxes)
        )


def job_status(job: Job, now: datetime) -> JobStatus:
    """Return the state of a job: silent once it has missed two runs since it last ended well.

    The second run missed is overdue only when it would have taken longer than the last one did, counted from the moment
    at which each was to start: of a job that runs every five minutes, ten minutes after its last end.

    Args:
        job: The job; a `last_at` that lies ahead counts as well: clocks differ.
        now: Aware present.
    """
    begun_at = job.last_at or job.known_since
    due_at = None if begun_at is None else _due_at(job.schedule, begun_at)
    if job.schedule is None:
        state = JobState.BY_HAND
    elif begun_at is not None and due_at is None:
        state = JobState.UNKNOWN
    elif due_at is not None and now < due_at:
        state = JobState.OK if job.last_at is not None else JobState.AWAITED
    else:
        state = JobState.NEVER if job.last_at is None else JobState.SILENT
    return JobStatus(
        job=job.job, pipeline=job.pipeline, subject=job.subject, state=state, last_at=job.last_at, due_at=due_at
    )


def job_statuses(jobs: Iterable[Job], now: datetime, *, paused: Collection[str] | None = None) -> tuple[JobStatus, ...]:
    """Return the state of every job; what only waits for another one that stands still is unknown.

    Args:
        jobs: Of all pipelines; those of a chain in any order.
        now: Aware present.
        paused: Ids of the DAGs that are paused; None: nobody can say.
    """
    found = [_with_pause(job_status(job, now), paused or ()) for job in jobs]
    stopped_at: dict[str, int] = {}
    for one in found:
        if one.job in CHAIN and one.stands_still:
            stopped_at[one.pipeline] = min(CHAIN.index(one.job), stopped_at.get(one.pipeline, len(CHAIN)))
    return tuple(_waiting(one, stopped_at.get(one.pipeline, len(CHAIN))) for one in found)


def record_gap(pipeline: str, windows: Sequence[WindowCount]) -> RecordGap:
    """Return for how long a pipeline has had no records, against the longest time before.

    A gap is counted from the first to the last of consecutive windows without a record. What lies between windows that
    were looked at is not known, and is no gap unless such windows enclose it.

    Args:
        pipeline: Its name.
        windows: Those that were looked at, in any order.
    """
    runs = [
        (is_empty, list(group))
        for is_empty, group in groupby(sorted(windows), key=lambda window: window.n_records == 0)
    ]
    present = runs.pop()[1] if runs and runs[-1][0] else []
    earlier = [window for _, group in runs for window in group]
    longest = max((_length(group) for is_empty, group in runs if is_empty), default=timedelta(0))
    length = _length(present)
    is_known = len(earlier) >= _LEAST_WINDOWS and _length(earlier) >= _LEAST_HISTORY
    return RecordGap(
        pipeline=pipeline,
        since=present[0].start if present else None,
        length=length,
        longest_before=longest,
        n_windows=len(earlier),
        is_unusual=(len(present) >= _MISSED_RUNS and length > longest) if is_known else None,
    )


def _length(windows: Sequence[WindowCount]) -> timedelta:
    if not windows:
        return timedelta(0)
    return max(window.end for window in windows) - min(window.start for window in windows)


def _due_at(schedule: str | timedelta | None, begun_at: datetime) -> datetime | None:
    if schedule is None:
        return None
    if isinstance(schedule, timedelta):
        return begun_at + _MISSED_RUNS * schedule
    try:
        before, _, second = runs_around(schedule, begun_at)
        return second + (begun_at - before)
    except (ValueError, ArithmeticError):
        return None


def _waiting(status: JobStatus, stopped_at: int) -> JobStatus:
    """Return the status as unknown where an earlier job of the chain stands still."""
    is_behind = status.job in CHAIN and CHAIN.index(status.job) > stopped_at
    if is_behind and status.state in (JobState.SILENT, JobState.NEVER):
        return replace(status, state=JobState.UNKNOWN)
    return status


def _with_pause(status: JobStatus, paused: Collection[str]) -> JobStatus:
    is_paused = status.stands_still and status.dag_id in paused
    return replace(status, state=JobState.PAUSED) if is_paused else status
