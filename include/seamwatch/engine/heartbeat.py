"""Leave a mark when a recurring job ended well, and tell a monitor outside."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from seamwatch.adapters.heartbeat import call_heartbeat
from seamwatch.core.watcher_status import SHARED
from seamwatch.engine.deps import Deps
from seamwatch.errors import AdapterError
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import RecurringJob

_log = logging.getLogger(__name__)
_LEAST_PATH = 8
"""Characters; a shorter path, as `ping`, is no secret, and a word of many texts."""


def note_job(deps: Deps, pipeline: Pipeline, job: RecurringJob, *, subject: str | None = None) -> None:
    """Note that a job of a pipeline ended well now; `subject` is the knowledge base that it was about."""
    deps.store.note_end(pipeline.pipeline, job, subject=subject, now=deps.clock())


def note_delivery(deps: Deps) -> None:
    """Note that messages were delivered now, and which pipelines there are: from now on their runs can be missed."""
    now = deps.clock()
    deps.store.note_end(SHARED, RecurringJob.DELIVERY, now=now)
    deps.store.note_pipelines(deps.project.pipelines, now=now)


def note_maintenance(deps: Deps) -> None:
    """Note that the store was looked through now, and what is too old deleted."""
    deps.store.note_end(SHARED, RecurringJob.MAINTENANCE, now=deps.clock())


def tell_monitor(deps: Deps) -> None:
    """Call the heartbeat address, where one is set; that it fails is a warning in the log and nothing else."""
    if not deps.heartbeat_url:
        return
    # HTTP clients log what they call. The path is learnt too, for they may write the address in another form.
    path = urlsplit(deps.heartbeat_url).path.strip("/") if "://" in deps.heartbeat_url else ""
    SECRETS.learn(deps.heartbeat_url, path if len(path) >= _LEAST_PATH else None)
    try:
        call_heartbeat(deps.heartbeat_url)
    except AdapterError as error:
        _log.warning("%s", error)
