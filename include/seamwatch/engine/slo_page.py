"""All that the objectives and watches of a pipeline know now, as one page."""

from __future__ import annotations

from datetime import timedelta

from seamwatch.core.slo.burndown import burn_down
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.accuracy import evaluator_errors, measured_accuracy, people_notes
from seamwatch.engine.watcher_status import silent_jobs
from seamwatch.errors import StoreError
from seamwatch.report.evaluation import evaluation_sentences
from seamwatch.report.links import Links
from seamwatch.report.measured_accuracy import AccuracyFacts, accuracy_facts
from seamwatch.report.slo_page import SloPage, render_slo_page
from seamwatch.report.watch.budgets import burn_down_chart
from seamwatch.report.watcher_status import stopped_lines
from seamwatch.report.watches import budget_facts, watch_facts
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState, Watch

_EVALUATED_WITHIN = timedelta(days=60)


def slo_page(deps: Deps, pipeline: Pipeline) -> str:
    """Return the HTML page of a pipeline's objectives, error budgets and watches as the last look saw them.

    Raises:
        StoreError: If they were never looked at.
    """
    name = pipeline.pipeline
    last = deps.store.last_look(name)
    if last is None:
        msg = f"the objectives of {name} were never looked at; run `seamwatch slo {name}` first"
        raise StoreError(msg)
    burnt = [
        burn_down(one, deps.store.slo_buckets(name, one.objective, since=one.window_start))
        for one in last.status.objectives
    ]
    reports = [deps.store.last_watch_report(name, watch) for watch in Watch if watch is not Watch.BUDGET]
    open_states = {state for state in IncidentState if state.is_open}
    page = SloPage(
        pipeline=name,
        description=pipeline.description,
        at=last.looked_at,
        gate=last.status.gate,
        budgets=budget_facts(last.status),
        charts=tuple(burn_down_chart(one) for one in burnt if one is not None),
        accuracy=_accuracy(deps, pipeline),
        watches=tuple(watch_facts(report) for report in reports if report is not None),
        incidents=tuple(
            (one.headline, Links.under(deps.ui_url, pipeline=name, incident_id=one.id).report)
            for one in deps.store.incidents(name, open_states)
        ),
        notes=last.status.notes,
        silence=stopped_lines(silent_jobs(deps, pipeline)),
    )
    return render_slo_page(page)


def _accuracy(deps: Deps, pipeline: Pipeline) -> AccuracyFacts | None:
    if pipeline.review is None:
        return None
    found = measured_accuracy(deps, pipeline)
    return accuracy_facts(
        found.last,
        found.counts,
        waiting=deps.store.count_items(pipeline.pipeline).n_open,
        judge=evaluator_errors(pipeline, found),
        notes=(*people_notes(found), *_evaluations(deps, pipeline)),
    )


def _evaluations(deps: Deps, pipeline: Pipeline) -> tuple[str, ...]:
    """Return what evaluators made of the newest answers that they were run on."""
    found = deps.store.evaluations(pipeline.pipeline, since=deps.clock() - _EVALUATED_WITHIN)
    return evaluation_sentences([one for one in found if one.start == found[-1].start])
