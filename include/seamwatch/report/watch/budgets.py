"""What is said of error budgets: those that burn without a known cause, what is left of each, and how it burnt down."""

from __future__ import annotations

from dataclasses import replace

from seamwatch.core.finding import Finding
from seamwatch.core.slo.alert_incidents import BudgetEvaluation, BurningBudget
from seamwatch.core.slo.burndown import BurnDown
from seamwatch.core.watch.results import Chart, Fact, Line, Unit, WatchReport
from seamwatch.report.numbers import moment
from seamwatch.report.text import fill
from seamwatch.report.watch.figures import table
from seamwatch.report.watch.texts import headline, steps, text
from seamwatch.vocabulary import Watch


def budget_report(evaluation: BudgetEvaluation) -> WatchReport:
    """Return an evaluation of error budgets in words and figures."""
    objectives = evaluation.objectives
    columns = {
        "objective": Unit.TEXT,
        **dict.fromkeys(("goal", "good", "left"), Unit.SHARE),
        "burn": Unit.NUMBER,
        "gone at": Unit.MOMENT,
    }
    rows = [
        (
            one.objective,
            one.goal,
            one.sli,
            one.budget.left,
            one.budget.burn,
            one.budget.gone_at.isoformat() if one.budget.gone_at is not None else None,
        )
        for one in objectives
    ]
    note = text(Watch.BUDGET, "notes", "burn")
    return WatchReport(
        watch=Watch.BUDGET,
        pipeline=evaluation.pipeline,
        window=evaluation.window,
        compared=None,
        n_records=int(sum(one.events for one in objectives)),
        findings=tuple(_finding(one) for one in evaluation.burning),
        facts=tuple(Fact(label=f"{one.objective} left", value=one.budget.left, unit=Unit.SHARE) for one in objectives),
        tables=(table("Error budgets", columns, rows, note=note, is_main=True),),
    )


_BAD = "{bad:,.0f} of {judged:,.0f;event|events} {bad:,.0f;~was|were} bad in its window. "


def _finding(one: BurningBudget) -> Finding:
    status, budget, cause = one.status, one.status.budget, one.incident
    left = "an unknown share" if budget.left is None else f"{max(budget.left, 0.0):.0%}"
    burn = "is short" if budget.burn is None else f"burns {budget.burn:.2g} times as fast as it may"
    head = f"{one.severity.value.capitalize()}: the error budget of {status.objective} {burn}, {left} of it is left"
    bad = fill(_BAD, bad=status.bad, judged=status.judged) if status.goal is not None else ""
    why = (
        text(Watch.BUDGET, "explanations", "opened_meanwhile", id=cause.id, headline=cause.headline)
        if cause is not None
        else text(Watch.BUDGET, "explanations", "no_cause")
    )
    return replace(
        one.finding,
        headline=headline(head),
        explanation=f"{bad}{why}",
        steps=steps(Watch.BUDGET, "burning", objective=status.objective, onset=moment(one.finding.onset)),
    )


def burn_down_chart(one: BurnDown) -> Chart:
    """Return what was left of a budget over its window, beside one that is spent evenly."""
    return Chart(
        title=f"Error budget left: {one.objective}",
        unit=Unit.SHARE,
        lines=(Line(name="left", points=one.left), Line(name="spent evenly", points=one.even)),
        limit=0.0,
    )
