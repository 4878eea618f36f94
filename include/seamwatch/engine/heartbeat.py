"""Leave a mark when a recurring job ended well, and tell a monitor outside."""

from __future__ import annotations

import logging

from seamwatch.adapters.heartbeat import call_heartbeat
from seamwatch.core.watcher_status import SHARED
from seamwatch.engine.deps import Deps
from seamwatch.errors import AdapterError
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import RecurringJob

_log = logging.getLogger(__name__)


def note_job(deps: Deps, pipeline: Pipeline, job: RecurringJob, *, subject: str | None = None) -> None:
    """Note that a job of a pipeline ended well now; `subject` is the knowledge base that it was about."""
    deps.store.note_end(pipeline.pipeline, job, subject=subject, now=deps.clock())


def note_delivery(deps: Deps) -> None:
    """Note that messages were delivered now, and which pipelines there are: from now on their runs can be missed."""
    now = deps.clock()
    deps.store.note_end(SHARED, RecurringJob.DELIVERY, now=now)
    deps.store.note_pipelines(deps.project.pipelines, now=now)


def tell_monitor(deps: Deps) -> None:
    """Call the heartbeat address, where one is set; that it fails is a warning in the log and nothing else."""
    if not deps.heartbeat_url:
        return
    try:
        call_heartbeat(deps.heartbeat_url)
    except AdapterError as error:
        _log.warning("%s", error)
