"""Whether Seamwatch itself still works, by what it left in its own store: no Airflow is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from seamwatch.core.watcher_status import (
    CHAIN,
    DELIVERY_EVERY,
    MAINTENANCE_AT,
    SHARED,
    SLO_EVERY,
    Job,
    JobStatus,
    RecordGap,
    WatcherStatus,
    job_statuses,
    record_gap,
)
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.run import watches_of
from seamwatch.spec.owners import RELIABILITY
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.heartbeats import Heartbeats
from seamwatch.vocabulary import JobState, RecurringJob


def watcher_status(
    deps: Deps, *, only: Collection[str] | None = None, paused: Collection[str] | None = None
) -> WatcherStatus:
    """Return what runs, what stands still, and which pipelines and messages are stuck.

    Args:
        deps: The world outside.
        only: These pipelines, and what is done for all at once; None: all of the project.
        paused: Ids of the DAGs that are known to be paused; None: nobody can say.
    """
    now, store = deps.clock(), deps.store
    pipelines = [one for name, one in sorted(deps.project.pipelines.items()) if only is None or name in only]
    names = {one.pipeline for one in pipelines}
    beats = store.heartbeats()
    jobs = _shared_jobs(beats)
    for pipeline in pipelines:
        jobs += _jobs_by_marks(pipeline, beats, now) or _jobs_by_results(deps, pipeline, beats, now)
    statuses = job_statuses(jobs, now, paused=paused)
    return WatcherStatus(
        at=now,
        jobs=statuses,
        gaps=tuple(_gaps(deps, statuses)),
        outboxes=tuple(one for one in store.outboxes(now=now) if one.pipeline in (*names, SHARED)),
        frozen=tuple(sorted(name for name in names if _is_frozen(deps, name))),
        broken=tuple(sorted(deps.project.broken)) if only is None else (),
        unowned=tuple(one.pipeline for one in pipelines if RELIABILITY not in one.owners),
    )


def silent_jobs(deps: Deps, pipeline: Pipeline) -> tuple[JobStatus, ...]:
    """Return the jobs of a pipeline that ran in Airflow and stopped: what every message and report has to say."""
    now, beats = deps.clock(), deps.store.heartbeats()
    statuses = job_statuses([*_shared_jobs(beats), *_jobs_by_marks(pipeline, beats, now)], now)
    return tuple(one for one in statuses if one.state is JobState.SILENT)


def _shared_jobs(beats: Heartbeats) -> list[Job]:
    """Return the jobs done for all pipelines; maintenance is missed only where it ever ran: a day may pass before."""
    delivered_at, kept_at = (
        beats.ended.get((SHARED, job, None)) for job in (RecurringJob.DELIVERY, RecurringJob.MAINTENANCE)
    )
    jobs = [Job(job=RecurringJob.DELIVERY, pipeline=SHARED, schedule=DELIVERY_EVERY, last_at=delivered_at)]
    if kept_at is not None:
        jobs.append(Job(job=RecurringJob.MAINTENANCE, pipeline=SHARED, schedule=MAINTENANCE_AT, last_at=kept_at))
    return jobs


def _jobs_by_marks(pipeline: Pipeline, beats: Heartbeats, now: datetime) -> list[Job]:
    """Return the jobs of a pipeline by the marks that its DAGs left; empty where they never left any."""
    if not beats.has(pipeline.pipeline):
        return []
    return _jobs(pipeline, lambda job, subject: beats.ended.get((pipeline.pipeline, job, subject)), beats, now)


def _jobs_by_results(deps: Deps, pipeline: Pipeline, beats: Heartbeats, now: datetime) -> list[Job]:
    """Return the jobs of a pipeline by what they saved: no DAG of it ever ran, yet the command line may do its work."""
    store, name = deps.store, pipeline.pipeline
    windows = store.window_times(name)

    def last_at(job: RecurringJob, subject: str | None) -> datetime | None:
        match job:
            case RecurringJob.VALIDATE:
                return windows.begun_at
            case RecurringJob.ISOLATE:
                return windows.attributed_at
            case RecurringJob.SLO:
                return store.looked_at(name)
            case RecurringJob.FRESHNESS:
                return store.freshness_checked_at(name, str(subject))
            case _:
                return None

    jobs = _jobs(pipeline, last_at, beats, now)
    # Whether incidents were decided on a window is not kept; `seamwatch attribute` does not.
    return [job for job in jobs if job.job is not RecurringJob.INCIDENTS or windows.begun_at is None]


def _jobs(
    pipeline: Pipeline,
    last_at: Callable[[RecurringJob, str | None], datetime | None],
    beats: Heartbeats,
    now: datetime,
) -> list[Job]:
    known_since = beats.known_since.get(pipeline.pipeline)
    start = datetime.fromisoformat(pipeline.start_date).replace(tzinfo=UTC)
    if known_since is not None or start > now:  # before its first day a pipeline has no run to miss
        known_since = max(known_since or start, start)
    return [
        Job(
            job=job,
            pipeline=pipeline.pipeline,
            schedule=schedule,
            last_at=last_at(job, subject),
            known_since=known_since,
            subject=subject,
        )
        for job, schedule, subject in _schedules(pipeline)
    ]


def _schedules(pipeline: Pipeline) -> Iterator[tuple[RecurringJob, str | timedelta | None, str | None]]:
    """Yield what the DAGs of a pipeline do, and how often; of a knowledge base, where it is about one."""
    for job in CHAIN:
        yield job, pipeline.schedule, None
    if pipeline.slos or watches_of(pipeline):
        yield RecurringJob.SLO, SLO_EVERY, None
    for name in pipeline.knowledge_bases:
        yield RecurringJob.FRESHNESS, min(one.check_every for one in pipeline.knowledge_bases.values()), name


def _gaps(deps: Deps, statuses: Iterable[JobStatus]) -> Iterator[RecordGap]:
    """Yield the record gaps of the pipelines whose windows are attributed by schedule: else nobody knows of now."""
    for one in statuses:
        if one.job is RecurringJob.ISOLATE and one.state is JobState.OK:
            yield record_gap(one.pipeline, deps.store.window_counts(one.pipeline))


def _is_frozen(deps: Deps, pipeline: str) -> bool:
    last = deps.store.last_look(pipeline)
    return last is not None and last.status.gate.is_frozen
