"""Render an incident report as one HTML page that needs nothing else: no script, no font, no picture from outside."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from seamwatch.report.action_forms import ActionForms
from seamwatch.report.charts import accuracy_chart, time_chart
from seamwatch.report.facts import IncidentReport
from seamwatch.report.graph import NODE_HEIGHT, NODE_WIDTH, lay_out
from seamwatch.report.line_charts import line_chart
from seamwatch.report.text import printable
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
