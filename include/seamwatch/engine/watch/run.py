"""Which watches a pipeline has, and how they are run one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection

from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch import cost, drift, injection, latency
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Watch

Look = Callable[..., WatchReport]
"""(deps, pipeline, read, now=) to what was found; keeps its own aggregates in the store."""


LOOKS: dict[Watch, Look] = {
    Watch.LATENCY: latency.look,
    Watch.COST: cost.look,
    Watch.DRIFT: drift.look,
    Watch.INJECTION: injection.look,
}


def watches_of(pipeline: Pipeline) -> tuple[Watch, ...]:
    """Return the watches that the pipeline file does not switch off."""
    monitoring = pipeline.monitoring
    switches = {
        Watch.LATENCY: monitoring.latency,
        Watch.COST: monitoring.cost,
        Watch.DRIFT: monitoring.drift,
        Watch.INJECTION: monitoring.injection,
    }
    return tuple(watch for watch, settings in switches.items() if settings is not None and watch in LOOKS)


def run_watches(
    deps: Deps, pipeline: Pipeline, read: WatchRead, *, without: Collection[Watch] = ()
) -> dict[Watch, Exception]:
    """Return the watches that failed, each with its error for the caller to raise; the reports of the others are saved.

    Any error counts: what is wrong in one watch must not take the error budgets, and with them the gate, out of sight.

    Args:
        deps: What they need.
        pipeline: Its definition.
        read: What is new.
        without: Watches that failed on an earlier part: they begin again there with the next look.
    """
    failed: dict[Watch, Exception] = {}
    for watch in watches_of(pipeline):
        if watch in without:
            continue
        try:
            report = LOOKS[watch](deps, pipeline, read, now=read.end)
        except Exception as error:
            failed[watch] = error
            continue
        deps.store.save_watch_report(report)
    return failed
