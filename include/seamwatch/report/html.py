"""Render an incident report as one HTML page that needs nothing else: no script, no font, no picture from outside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import TimelineEntry
from seamwatch.report import numbers, sentences
from seamwatch.report.action_forms import ActionForms
from seamwatch.report.charts import accuracy_chart, time_chart
from seamwatch.report.facts import IncidentReport
from seamwatch.report.graph import NODE_HEIGHT, NODE_WIDTH, lay_out
from seamwatch.report.line_charts import line_chart
from seamwatch.report.text import printable
from seamwatch.report.timeline import timeline_facts
from seamwatch.secret_redaction import SECRETS


def render_html(report: IncidentReport, forms: ActionForms | None = None) -> str:
    """Return the page; the same report always gives the same text.

    Args:
        report: What stands on it.
        forms: What its reader may do with the incident, where the page can take that; None: a page to read.
    """
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            forms=forms,
            graph=lay_out(report.stages),
            node={"width": NODE_WIDTH, "height": NODE_HEIGHT},
            time=time_chart(report.failing_by_time, report.window, report.onset),
            accuracy=accuracy_chart(report.isolation),
        )
    )


def render_bare_html(
    incident: Incident,
    reason: str,
    timeline: Sequence[TimelineEntry],
    *,
    incidents_link: str,
    forms: ActionForms | None = None,
) -> str:
    """Return the page of an incident whose report cannot be made: its state, why, what happened, and its forms.

    Args:
        incident: As it is now.
        reason: Why there is no report.
        timeline: What happened to it so far.
        incidents_link: The way back to all incidents.
        forms: What its reader may do with it; None: a page to read.
    """
    return (
        environment()
        .get_template("bare_incident.html.j2")
        .render(
            incident=incident,
            is_open=incident.is_open,
            reason=reason,
            state_text=sentences.state(incident),
            severity_text=sentences.severity(incident),
            window_text=numbers.span(incident.last_window),
            timeline=timeline_facts(timeline),
            incidents_link=incidents_link,
            forms=forms,
            graph={"width": 0},
        )
    )


def _shown(value: object) -> object:
    return printable(SECRETS.redact_record(value)) if type(value) is str else value


@cache
def environment() -> Environment:
    """Return what renders the pages; all text is escaped."""
    found = Environment(
        loader=PackageLoader("seamwatch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["draw"] = line_chart
    return found
