"""Open, update and resolve incidents when a window is attributed; write reports, and put messages in the outbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.incidents import ChangeKind, Incident, IncidentChange, decide
from seamwatch.core.results import Attribution, Window
from seamwatch.engine.deps import Deps
from seamwatch.errors import DataContractError, StoreError
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.html import render_html
from seamwatch.report.links import Links
from seamwatch.report.machine import report_json
from seamwatch.report.markdown import render_markdown
from seamwatch.spec.pipeline import Pipeline


def decide_incidents(deps: Deps, pipeline: Pipeline, window: Window) -> list[IncidentChange]:
    """Return what the window changed, saved, with its messages in the outbox; running it again adds nothing.

    Raises:
        StoreError: If the window was not attributed yet.
    """
    attribution = _attribution(deps, pipeline, window)
    now = deps.clock()
    with deps.store.deciding(pipeline.pipeline):
        changes = decide(deps.store.incidents(pipeline.pipeline, limit=None), attribution, now=now)
        deps.store.apply_changes(changes, window=window)
        if pipeline.slack is not None:
            for change in changes:
                for part in DeliveryPart:
                    deps.store.enqueue_delivery(
                        change.incident.id,
                        dedupe_key=f"{change.incident.id}/{_occasion(change, window)}/{part}",
                        part=part,
                        change=change.kind,
                        channel=pipeline.slack.channel,
                        connection=pipeline.slack.connection,
                        now=now,
                    )
    return changes


def _occasion(change: IncidentChange, window: Window) -> str:
    """Return what makes the message of a change one message: opening is told once, anything else once a window.

    A window that is run again shows the incident that it opened as updated; that is no news.
    """
    is_opening = change.kind is ChangeKind.OPENED or (
        change.kind is ChangeKind.UPDATED and window == change.incident.first_window
    )
    return ChangeKind.OPENED if is_opening else f"{change.kind}/{window.id}"


def _attribution(deps: Deps, pipeline: Pipeline, window: Window) -> Attribution:
    attribution = deps.store.attribution(pipeline.pipeline, window)
    if attribution is None:
        msg = f"window {window.id} of {pipeline.pipeline} has no attribution yet; run `seamwatch attribute` first"
        raise StoreError(msg)
    return attribution


def report_of(deps: Deps, pipeline: Pipeline, incident: Incident) -> IncidentReport:
    """Return the report on an incident as its latest window showed it."""
    return incident_report(
        incident,
        _attribution(deps, pipeline, incident.last_window),
        pipeline,
        deps.store.stage_results(pipeline.pipeline, incident.last_window),
        links=Links.under(deps.ui_url, pipeline=pipeline.pipeline, incident_id=incident.id),
        now=deps.clock(),
    )


def render_report(report: IncidentReport, form: str) -> str:
    """Return the report as `html`, `md` or `json`; DataContractError for anything else."""
    renderers: dict[str, Callable[[IncidentReport], str]] = {
        "html": render_html,
        "md": render_markdown,
        "json": lambda known: json.dumps(report_json(known), indent=2, ensure_ascii=False),
    }
    if form not in renderers:
        msg = f"unknown format {form!r}; known: {', '.join(renderers)}"
        raise DataContractError(msg)
    return renderers[form](report)


def write_reports(deps: Deps, pipeline: Pipeline, window: Window) -> list[Path]:
    """Return the files written: HTML, Markdown and JSON for every incident that the window showed."""
    written: list[Path] = []
    for incident in deps.store.incidents(pipeline.pipeline, limit=None):
        if incident.last_window != window:
            continue
        report = report_of(deps, pipeline, incident)
        folder = deps.data_dir / "reports" / incident.id
        folder.mkdir(parents=True, exist_ok=True)
        for form in ("html", "md", "json"):
            path = folder / f"report.{form}"
            path.write_text(render_report(report, form), encoding="utf-8")
            written.append(path)
    return written
