"""Open, update and resolve incidents when a window is attributed; write reports, and put messages in the outbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.incidents import ChangeKind, Incident, IncidentChange, decide
from seamwatch.core.results import Attribution, Window
from seamwatch.core.staleness import decide_staleness, staleness
from seamwatch.engine.deps import Deps
from seamwatch.errors import DataContractError, StoreError
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.html import render_html
from seamwatch.report.links import Links
from seamwatch.report.machine import report_json
from seamwatch.report.markdown import render_markdown
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility


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
        _announce(deps, pipeline, changes, window, now)
    return changes


def decide_on_freshness(deps: Deps, pipeline: Pipeline, check: FreshnessCheck) -> list[IncidentChange]:
    """Return what a check of a knowledge base changed, saved, with its messages in the outbox."""
    now, window = deps.clock(), Window(start=check.checked_at - timedelta(seconds=1), end=check.checked_at)
    if check.answers_since is not None:
        window = Window(start=check.answers_since, end=check.checked_at)
    with deps.store.deciding(pipeline.pipeline):
        known = deps.store.incidents(pipeline.pipeline, limit=None)
        with_verdicts = [
            incident.id
            for incident in known
            if incident.responsibility is Responsibility.KNOWLEDGE_BASE
            and deps.store.attribution(pipeline.pipeline, incident.last_window) is not None
        ]
        before = {incident.id: incident for incident in known}
        changes = decide_staleness(known, check, pipeline, with_verdicts=with_verdicts, now=now)
        deps.store.apply_changes(changes, window=window)
        # Every check of an open incident is an update; only other documents are news.
        news = [
            change
            for change in changes
            if change.kind is not ChangeKind.UPDATED or before[change.incident.id].fields != change.incident.fields
        ]
        _announce(deps, pipeline, news, window, now)
    return changes


def _announce(deps: Deps, pipeline: Pipeline, changes: Sequence[IncidentChange], window: Window, now: datetime) -> None:
    """Put the messages of changes into the outbox."""
    if pipeline.slack is None:
        return
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
        # An incident of outdated documents may be older than any verdict on it.
        checks = deps.store.checks_at(pipeline.pipeline, window.end)
        told = next((check for check in checks if check.answers_since == window.start), None)
        if told is not None:
            return staleness(told, pipeline)
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
    known = deps.store.incidents(pipeline.pipeline, limit=None)
    return write_reports_of(deps, pipeline, [incident for incident in known if incident.last_window == window])


def write_reports_of(deps: Deps, pipeline: Pipeline, incidents: Sequence[Incident]) -> list[Path]:
    """Return the files written: HTML, Markdown and JSON for every one of the incidents."""
    written: list[Path] = []
    for incident in incidents:
        report = report_of(deps, pipeline, incident)
        folder = deps.data_dir / "reports" / incident.id
        folder.mkdir(parents=True, exist_ok=True)
        for form in ("html", "md", "json"):
            path = folder / f"report.{form}"
            path.write_text(render_report(report, form), encoding="utf-8")
            written.append(path)
    return written
