"""How all pipelines stand now, by what is in the store: nothing outside is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath

from seamwatch.core.overview import CostToday, IncidentCounts, PipelineStatus, by_need
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watcher_status import WatcherStatus
from seamwatch.engine.deps import Deps
from seamwatch.errors import StoreError
from seamwatch.spec.owners import RELIABILITY
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Watch

Counts = Mapping[str, IncidentCounts]


def known_pipelines(deps: Deps, counts: Counts) -> set[str]:
    """Return the names of all pipelines: of sound files, of files with a mistake, and of open incidents.

    Args:
        deps: What it needs.
        counts: Open incidents by pipeline.
    """
    broken = {PurePath(file).stem for file in deps.project.broken if PurePath(file).parent.name == "pipelines"}
    return {*deps.project.pipelines, *broken, *counts}


def pipeline_statuses(
    deps: Deps, counts: Counts, watcher: WatcherStatus, *, only: Collection[str]
) -> tuple[PipelineStatus, ...]:
    """Return how some pipelines stand, the one that needs a person most first.

    What cannot be read of one pipeline is said of it, and hides no other.

    Args:
        deps: What it needs.
        counts: Open incidents by pipeline.
        watcher: What runs and what stands still.
        only: Names of the pipelines.

    Raises:
        StoreError: If the store cannot be read at all.
    """
    waiting = deps.store.count_waiting_actions()
    to_judge = deps.store.count_open_items()
    statuses = (_status(deps, name, counts.get(name, {}), watcher) for name in only)
    return by_need(
        replace(one, n_approvals=waiting.get(one.pipeline, 0), n_to_judge=to_judge.get(one.pipeline, 0))
        for one in statuses
    )


def _status(deps: Deps, name: str, incidents: IncidentCounts, watcher: WatcherStatus) -> PipelineStatus:
    now = deps.clock()
    bare = PipelineStatus(
        pipeline=name,
        incidents=incidents,
        jobs=tuple(job for job in watcher.jobs if job.pipeline == name),
        outbox=next((one for one in watcher.outboxes if one.pipeline == name), None),
        at=now,
    )
    pipeline = deps.project.pipelines.get(name)
    if pipeline is None:
        is_broken = any(PurePath(file).stem == name for file in deps.project.broken)
        why = "its file has a mistake" if is_broken else "it has no file any more"
        return replace(bare, problem=why, is_defined=False)
    bare = replace(
        bare,
        description=pipeline.description,
        owner=pipeline.owners.get(RELIABILITY),
        has_objectives=bool(pipeline.slos),
        n_knowledge_bases=len(pipeline.knowledge_bases),
    )
    try:
        return _with_results(deps, pipeline, bare, now)
    except StoreError:
        raise
    except Exception as error:  # what is kept of one pipeline must not hide the others
        return replace(bare, problem=f"what is kept of it cannot be read: {type(error).__name__}")


def _with_results(deps: Deps, pipeline: Pipeline, bare: PipelineStatus, now: datetime) -> PipelineStatus:
    name = pipeline.pipeline
    last = deps.store.last_look(name)
    checks = [deps.store.freshness_checks(name, one) for one in pipeline.knowledge_bases]
    return replace(
        bare,
        slo=None if last is None else last.status,
        checks=tuple(found[0] for found in checks if found),
        cost=None if pipeline.monitoring.cost is None else _cost_today(deps, name, now),
    )


def _cost_today(deps: Deps, pipeline: str, now: datetime) -> CostToday:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    kept = deps.store.aggregates(pipeline, Watch.COST, since=midnight, series="hour")
    hours = [HourSums.of(one.start_at, one.data) for one in kept]
    return CostToday(
        usd=sum(hour.usd for hour in hours) if hours else None,
        n_unpriced=sum(sum(hour.unpriced.values()) for hour in hours),
    )
