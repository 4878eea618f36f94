"""Open, update and resolve incidents when a window is attributed; write their reports; put their messages in the outbox."""

from __future__ import annotations

import json
from pathlib import Path

from seamwatch.core.incidents import ChangeKind, Incident, IncidentChange, decide
from seamwatch.core.results import Attribution, Window
from seamwatch.engine.deps import Deps
from seamwatch.errors import StoreError
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.html import render_html
from seamwatch.report.json import report_json
from seamwatch.report.links import Links
from seamwatch.report.markdown import render_markdown
from seamwatch.spec.pipeline import Pipeline


def decide_incidents(deps: Deps, pipeline: Pipeline, window: Window) -> list[IncidentChange]:
    """Return what the window changed, saved, with its messages in the outbox; running it again adds nothing.

    Raises:
        StoreError: If the window was not attributed yet.
    """
    attribution = _attribution(deps, pipeline, window)
    now = deps.clock()
    changes = decide(deps.store.incidents(pipeline.pipeline), attribution, now=now)
    deps.store.apply_changes(changes, window=window)
    if pipeline.slack is not None:
        for change in changes:
            deps.store.enqueue_delivery(
                change.incident.id,
                dedupe_key=_dedupe_key(change, window),
                kind="head" if change.kind is ChangeKind.OPENED else "update",
                channel=pipeline.slack.channel,
                connection=pipeline.slack.connection,
                now=now,
            )
    return changes


def _dedupe_key(change: IncidentChange, window: Window) -> str:
    """Return what makes the message of this change one message: opening is said once, an update once a window."""
    if change.kind is ChangeKind.OPENED:
        return f"{change.incident.id}/opened"
    return f"{change.incident.id}/{change.kind}/{window.id}"


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
        links=Links(base_url=deps.ui_url),
        now=deps.clock(),
    )


def write_reports(deps: Deps, pipeline: Pipeline, window: Window) -> list[Path]:
    """Return the files written: HTML, Markdown and JSON for every incident that the window showed."""
    written: list[Path] = []
    for incident in deps.store.incidents(pipeline.pipeline):
        if incident.last_window != window:
            continue
        report = report_of(deps, pipeline, incident)
        folder = deps.data_dir / "reports" / incident.id
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("report.html", render_html(report)),
            ("report.md", render_markdown(report)),
            ("report.json", json.dumps(report_json(report), indent=2, ensure_ascii=False)),
        ):
            path = folder / name
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
