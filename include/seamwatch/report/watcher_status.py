"""What is said of Seamwatch itself: what runs, what stands still, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seamwatch.core.watcher_status import SHARED, JobStatus, Outbox, RecordGap, WatcherStatus
from seamwatch.report import numbers
from seamwatch.vocabulary import JobState, RecurringJob

_WHAT = {
    RecurringJob.VALIDATE: "no window of {pipeline} was validated",
    RecurringJob.ISOLATE: "no window of {pipeline} was attributed",
    RecurringJob.INCIDENTS: "no incidents of {pipeline} were decided",
    RecurringJob.SLO: "no look at the objectives and watches of {pipeline}",
    RecurringJob.FRESHNESS: "no check of knowledge base {subject} of {pipeline}",
    RecurringJob.DELIVERY: "no delivery of waiting messages",
    RecurringJob.MAINTENANCE: "no maintenance of the store",
}
_NAMES = {
    RecurringJob.VALIDATE: "validation of windows",
    RecurringJob.ISOLATE: "attribution",
    RecurringJob.INCIDENTS: "incidents",
    RecurringJob.SLO: "look at objectives",
    RecurringJob.FRESHNESS: "check of {subject}",
    RecurringJob.DELIVERY: "delivery",
    RecurringJob.MAINTENANCE: "maintenance of the store",
}


def stopped_line(one: JobStatus) -> str:
    """Return a sentence on a job that stands still."""
    what = _WHAT[one.job].format(pipeline=one.pipeline, subject=one.subject)
    since = "so far" if one.last_at is None else f"since {numbers.moment(one.last_at)}"
    if one.state is JobState.PAUSED:
        return f"{what[0].upper()}{what[1:]} {since}: the DAG {one.dag_id} is paused."
    doubt = "is the scheduler up, and the DAG on?" if one.last_at is None else "scheduler or DAG stopped?"
    return f"{what[0].upper()}{what[1:]} {since}: {doubt} ({one.dag_id})"


def stopped_lines(jobs: Iterable[JobStatus]) -> tuple[str, ...]:
    """Return the sentences on those jobs that stand still."""
    return tuple(stopped_line(one) for one in jobs if one.stands_still)


def problem_lines(status: WatcherStatus) -> tuple[str, ...]:
    """Return the sentences on all that somebody has to look at; empty where all is well."""
    if status.never_ran and status.jobs:
        lines = ["Seamwatch has never run here: no DAG has left a mark, and no window was looked at."]
        if any(job.state is JobState.PAUSED for job in status.jobs):
            lines.append("Its DAGs are paused; switch them on in Airflow.")
    else:
        lines = [*stopped_lines(status.jobs)]
    lines += [_gap_line(gap) for gap in status.gaps if gap.is_unusual]
    lines += [_outbox_line(outbox) for outbox in status.outboxes if outbox.is_stuck(status.at)]
    lines += [
        f"{file} has a mistake, so nothing watches its pipeline; run `seamwatch check`." for file in status.broken
    ]
    return tuple(lines)


def status_lines(status: WatcherStatus) -> list[tuple[str, ...]]:
    """Return a row for every job: pipeline, job, state, when it last ended well."""
    return [
        (
            "all pipelines" if one.pipeline == SHARED else one.pipeline,
            _NAMES[one.job].format(subject=one.subject),
            one.state.value.replace("_", " "),
            "never" if one.last_at is None else numbers.moment(one.last_at),
        )
        for one in status.jobs
    ]


def note_lines(status: WatcherStatus) -> tuple[str, ...]:
    """Return what is worth knowing and asks nobody to act here."""
    return (
        *(_gap_line(gap) for gap in status.gaps if gap.is_unusual is None and gap.since is not None),
        *(f"{_sender(one)}: {_waiting(one)}." for one in status.outboxes if not one.is_stuck(status.at)),
        *(f"Releases of {name} are frozen by a spent error budget." for name in status.frozen),
        *(f"{name} is unowned: nobody is named under owners.reliability." for name in status.unowned),
    )


def status_json(status: WatcherStatus) -> dict[str, Any]:
    """Return the status in the form for programs."""
    return {
        "at": numbers.iso(status.at),
        "is_well": status.is_well,
        "never_ran": status.never_ran,
        "problems": list(problem_lines(status)),
        "jobs": [
            {
                "pipeline": None if one.pipeline == SHARED else one.pipeline,
                "job": one.job.value,
                "knowledge_base": one.subject,
                "dag": one.dag_id,
                "state": one.state.value,
                "last_at": numbers.iso(one.last_at),
                "due_at": numbers.iso(one.due_at),
            }
            for one in status.jobs
        ],
        "record_gaps": [
            {
                "pipeline": gap.pipeline,
                "since": numbers.iso(gap.since),
                "seconds": gap.length.total_seconds(),
                "longest_before_s": gap.longest_before.total_seconds(),
                "windows": gap.n_windows,
                "is_unusual": gap.is_unusual,
            }
            for gap in status.gaps
        ],
        "messages": [
            {
                "pipeline": None if outbox.pipeline == SHARED else outbox.pipeline,
                "waiting": outbox.n_waiting,
                "oldest_at": numbers.iso(outbox.oldest_at),
                "given_up": outbox.n_given_up,
            }
            for outbox in status.outboxes
        ],
        "frozen": list(status.frozen),
        "unowned": list(status.unowned),
        "broken_files": list(status.broken),
    }


def _gap_line(gap: RecordGap) -> str:
    text = f"{gap.pipeline} has had no records since {numbers.moment(gap.since)} ({numbers.duration(gap.length)})"
    windows = numbers.plural(gap.n_windows, "window")
    if gap.is_unusual is None:
        return f"{text}; {windows} before are too few, or of too short a time, to say whether that is usual."
    longest = f"{numbers.duration(gap.longest_before)} at most" if gap.longest_before else "never"
    return f"{text}: longer than ever; in the {windows} before it was {longest}."


def _outbox_line(outbox: Outbox) -> str:
    lost = f"{numbers.plural(outbox.n_given_up, 'message')} given up" if outbox.n_given_up else ""
    waiting = _waiting(outbox) if outbox.n_waiting else ""
    return f"{_sender(outbox)}: {'; '.join(filter(None, (lost, waiting)))}; `seamwatch deliver --retry` says why."


def _sender(outbox: Outbox) -> str:
    return "weekly digests" if outbox.pipeline == SHARED else outbox.pipeline


def _waiting(outbox: Outbox) -> str:
    n = numbers.plural(outbox.n_waiting, "message waits", "messages wait")
    return f"{n}, the oldest since {numbers.moment(outbox.oldest_at)}"
