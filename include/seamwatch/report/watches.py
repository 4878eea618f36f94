"""What watches found and what is left of budgets, as texts and pictures: for reports, messages and the SLO page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from seamwatch.core.watch.results import Cell, Chart, Table, Unit, WatchReport
from seamwatch.report import numbers
from seamwatch.vocabulary import AlertSeverity

if TYPE_CHECKING:
    from seamwatch.core.slo.status import ObjectiveStatus, SloStatus


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """A table of texts."""

    title: str
    columns: tuple[str, ...]
    is_number: tuple[bool, ...]
    """By column: whether it is set to the right."""
    rows: tuple[tuple[str, ...], ...]
    note: str
    is_main: bool


@dataclass(frozen=True, kw_only=True)
class WatchFacts:
    """One look of one watch."""

    name: str
    """`latency`, `cost`, ..."""
    window_text: str
    compared_text: str
    found: tuple[str, ...]
    """Headlines, worst first."""
    facts: tuple[tuple[str, str, str], ...]
    """Label, value, note."""
    tables: tuple[TableFacts, ...]
    charts: tuple[Chart, ...]
    notes: tuple[str, ...]

    @property
    def main(self) -> TableFacts | None:
        """Return the table that stands in messages too."""
        return next((table for table in self.tables if table.is_main and table.rows), None)


@dataclass(frozen=True, kw_only=True)
class BudgetFacts:
    """One objective and its error budget."""

    objective: str
    goal: str
    sli: str
    left: str
    left_ratio: float | None
    burn: str
    gone: str
    """When nothing is left at this pace."""
    gate: str
    alerts: tuple[AlertSeverity, ...]
    """Those that fire."""
    sentence: str
    """All of it in one line."""


def watch_facts(report: WatchReport) -> WatchFacts:
    """Return a look as texts and pictures."""
    return WatchFacts(
        name=report.watch.value,
        window_text=numbers.span(report.window),
        compared_text=numbers.span(report.compared) if report.compared is not None else "nothing yet",
        found=tuple(one.headline for one in report.findings),
        facts=tuple((fact.label, _cell(fact.value, fact.unit), fact.note) for fact in report.facts),
        tables=tuple(_table(table) for table in report.tables),
        charts=report.charts,
        notes=report.notes,
    )


def _table(table: Table) -> TableFacts:
    units = [column.unit for column in table.columns]
    return TableFacts(
        title=table.title,
        columns=tuple(column.name for column in table.columns),
        is_number=tuple(unit not in (Unit.TEXT, Unit.MOMENT) for unit in units),
        rows=tuple(tuple(_cell(cell, unit) for cell, unit in zip(row, units, strict=True)) for row in table.rows),
        note=table.note,
        is_main=table.is_main,
    )


def _cell(cell: Cell, unit: Unit) -> str:
    if cell is None:
        return numbers.NO_DATA
    if unit is Unit.MOMENT:
        return numbers.moment(datetime.fromisoformat(str(cell)))
    return cell if isinstance(cell, str) else numbers.measure(cell, unit)


def budget_facts(status: SloStatus | None) -> tuple[BudgetFacts, ...]:
    """Return every objective, the one with least left first."""
    if status is None:
        return ()
    states = {one.objective: one for one in status.gate.objectives}
    found = []
    for one in status.objectives:
        freeze = states.get(one.objective)
        gate = "" if freeze is None else freeze.state.value
        if freeze is not None and freeze.override is not None:
            gate = f"{gate}, let through by {freeze.override.by}"
        found.append(_budget(one, gate))
    return tuple(sorted(found, key=lambda one: (one.left_ratio is None, one.left_ratio or 0.0)))


def _budget(one: ObjectiveStatus, gate: str) -> BudgetFacts:
    budget = one.budget
    burn = "" if budget.burn is None else f"{budget.burn:.2g}x"
    gone = "" if budget.gone_at is None else numbers.moment(budget.gone_at)
    if budget.left is not None and budget.left <= 0:
        gone = "gone"
    sentence = f"{one.objective}: {numbers.left(budget.left)}"
    if burn:
        sentence += f", burns {burn}"
    if budget.left is not None and budget.left == 0:
        sentence += ", spent"
    elif gone and gone != "gone":
        sentence += f", gone {gone} at this pace"
    if gate.startswith("frozen"):
        sentence += "; releases are frozen" if gate == "frozen" else f"; releases {gate.removeprefix('frozen, ')}"
    return BudgetFacts(
        objective=one.objective,
        goal=numbers.money(budget.allowed) if one.goal is None else numbers.percent(one.goal),
        sli=numbers.money(budget.spent) if one.goal is None else numbers.percent(one.sli),
        left=numbers.budget_share(budget.left),
        left_ratio=budget.left,
        burn=burn or numbers.NO_DATA,
        gone=gone or "not at this pace",
        gate=gate,
        alerts=tuple(alert.severity for alert in one.alerts if alert.since is not None),
        sentence=sentence,
    )


def alert_lines(budgets: Sequence[BudgetFacts]) -> tuple[str, ...]:
    """Return a line for every alert that fires, pages first."""
    return tuple(
        f"{severity.value.capitalize()}: error budget of {one.sentence}"
        for severity in AlertSeverity
        for one in budgets
        if severity in one.alerts
    )
