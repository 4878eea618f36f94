"""The page of a pipeline's objectives: budgets and how they burnt down, and what every watch measured last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.slo.policy import GateDecision
from seamwatch.core.watch.results import Chart
from seamwatch.report import numbers
from seamwatch.report.html import environment
from seamwatch.report.measured_accuracy import AccuracyFacts
from seamwatch.report.watches import BudgetFacts, WatchFacts


@dataclass(frozen=True, kw_only=True)
class SloPage:
    """What stands on the page."""

    pipeline: str
    description: str
    at: datetime
    gate: GateDecision
    budgets: tuple[BudgetFacts, ...]
    charts: tuple[Chart, ...]
    """Burn-down of every budget that has one."""
    accuracy: AccuracyFacts | None
    """What people's labels say; None where people are not asked."""
    watches: tuple[WatchFacts, ...]
    incidents: tuple[tuple[str, str], ...]
    """Headline and address of every open one."""
    notes: tuple[str, ...]
    silence: tuple[str, ...] = ()
    """What of Seamwatch itself stands still."""


def render_slo_page(page: SloPage) -> str:
    """Return the page as HTML that needs nothing else; the same page always gives the same text."""
    template = environment().get_template("slo.html.j2")
    return template.render(page=page, at=numbers.moment(page.at), graph={"width": 0})
