"""Incidents of watches and error budgets: opened once a cause, kept while nobody can say, resolved, reopened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_evaluations import evaluate_attribution, evaluate_watch
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incidents import decide
from seamwatch.core.results import Attribution, IsolationResult, Window
from seamwatch.core.slo.alert_incidents import evaluate_budgets
from seamwatch.core.slo.alerts import AlertState, BurnRule, Count, Reading
from seamwatch.core.slo.budget import Budget
from seamwatch.core.slo.policy import decide_gate
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus
from seamwatch.core.watch.results import WatchReport
from seamwatch.report.watch.budgets import budget_report
from seamwatch.spec.objectives import BudgetPolicy
from seamwatch.vocabulary import AlertSeverity, IncidentState, Responsibility, Watch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STEP = timedelta(minutes=5)
OPENED, UPDATED, RESOLVED, REOPENED = (
    ChangeKind.OPENED,
    ChangeKind.UPDATED,
    ChangeKind.RESOLVED,
    ChangeKind.REOPENED,
)


def _found(
    stage: str = "model",
    *fields: str,
    kind: str = "loop",
    responsibility: Responsibility = Responsibility.INTEGRATION,
) -> Finding:
    return Finding(
        responsibility=responsibility,
        stage=stage,
        fields=fields,
        kind=kind,
        headline=f"{kind} at {stage}",
        explanation="",
        n_records=3,
        confidence=0.9,
    )


def _look(number: int, *found: Finding, watch: Watch = Watch.COST, still: tuple[str, ...] = ()) -> WatchReport:
    end = NOW + number * STEP
    window = Window(start=end - timedelta(hours=3), end=end)
    return WatchReport(
        watch=watch, pipeline="desk", window=window, compared=None, n_records=9, findings=found, still=still
    )


class Book:
    """The incidents that the looks so far have made."""

    def __init__(self) -> None:
        self.known: dict[str, Incident] = {}

    def take(self, report: WatchReport) -> list[ChangeKind]:
        changes = decide(self.known.values(), evaluate_watch(report), now=report.window.end)
        self.known |= {change.incident.id: change.incident for change in changes}
        return [change.kind for change in changes]


def test_looks_overlap_and_the_first_that_no_longer_shows_it_ends_it() -> None:
    book = Book()
    assert book.take(_look(0, _found())) == [OPENED]
    assert book.take(_look(1, _found())) == [UPDATED]
    assert book.take(_look(1)) == []
    assert book.take(_look(2)) == [RESOLVED]
    assert book.take(_look(3)) == []
    assert book.take(_look(4, _found())) == [REOPENED]
    assert len(book.known) == 1


def test_an_incident_stays_open_while_too_few_records_came_to_call_it_over() -> None:
    book = Book()
    book.take(_look(0, _found(kind="loop"), _found("prompt", kind="longer_requests")))
    assert book.take(_look(1, still=("loop",))) == [RESOLVED]
    assert [one.kind for one in book.known.values() if one.state is IncidentState.OPEN] == ["loop"]
    assert book.take(_look(2)) == [RESOLVED]


def test_two_sources_are_two_incidents_and_two_columns_that_drift_at_a_stage_are_one() -> None:
    book = Book()
    assert book.take(_look(0, _found("model", "version=v7"), _found("model", "version=v8"))) == [OPENED, OPENED]
    drift = Book()
    first, second = _found("crm", "product", kind="new_category"), _found("crm", "body", kind="shift")
    assert drift.take(_look(0, first, watch=Watch.DRIFT)) == [OPENED]
    assert drift.take(_look(1, second, watch=Watch.DRIFT)) == [UPDATED]
    assert next(iter(drift.known.values())).fields == ("body",)


def test_attacks_by_one_field_are_one_incident_that_is_told_by_the_worst_of_it() -> None:
    book = Book()
    rate = _found("crm", "body", kind="attack_rate", responsibility=Responsibility.ADVERSARIAL_INPUT)
    reached = _found("crm", "body", kind="reached_output", responsibility=Responsibility.ADVERSARIAL_INPUT)
    assert book.take(_look(0, rate, watch=Watch.INJECTION)) == [OPENED]
    assert book.take(_look(1, reached, rate, watch=Watch.INJECTION)) == [UPDATED]
    assert next(iter(book.known.values())).kind == "reached_output"
    assert book.take(_look(2, watch=Watch.INJECTION, still=("reached_output",))) == []


def test_a_watch_and_attribution_leave_each_others_incidents_alone() -> None:
    book = Book()
    book.take(_look(0, _found()))
    healthy = Attribution(
        pipeline="desk",
        window=Window(start=NOW + timedelta(hours=4), end=NOW + timedelta(hours=5)),
        n_observed=100,
        n_failing=0,
        n_pending=0,
        n_examined=0,
        causes=(),
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=0.0),
    )
    assert decide(book.known.values(), evaluate_attribution(healthy), now=NOW) == []
    cause = Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="model",
        n_records=9,
        share=1.0,
        share_low=1.0,
        share_high=1.0,
        confidence=0.9,
        headline="h",
        kind="loop",
        rate=RateComparison(is_change=True),
    )
    opened = decide(book.known.values(), evaluate_attribution(replace(healthy, causes=(cause,))), now=NOW)
    assert [change.kind for change in opened] == [OPENED]
    assert opened[0].incident.fingerprint not in {one.fingerprint for one in book.known.values()}


def test_a_cause_that_is_open_already_is_not_opened_again_by_another_measurement() -> None:
    book = Book()
    slow = _found(kind="provider_slow", responsibility=Responsibility.PROVIDER)
    book.take(_look(0, slow, watch=Watch.LATENCY))
    retries = _found(kind="retries_after_errors", responsibility=Responsibility.PROVIDER)
    assert book.take(_look(0, retries)) == [UPDATED]
    assert book.take(_look(1, retries, _found("prompt"))) == [UPDATED, OPENED]
    assert book.take(_look(2, watch=Watch.LATENCY)) == [RESOLVED]
    assert book.take(_look(3, retries, _found("prompt"))) == [OPENED, UPDATED]


def _status(kind: str, *firing: AlertSeverity) -> SloStatus:
    budget = Budget(allowed=10, spent=9, spent_low=9, spent_high=9, covered=1.0, burn=4.2, gone_at=NOW + STEP)
    one = ObjectiveStatus(
        objective=kind,
        kind=kind,
        goal=0.9,
        window_start=NOW - timedelta(days=28),
        window_end=NOW,
        events=100,
        judged=100,
        bad=9,
        refunded=0,
        budget=budget,
        alerts=tuple(AlertState(severity=one, since=NOW - STEP) for one in firing),
    )
    gate = decide_gate(BudgetPolicy(), {kind: budget.left}, [], NOW)
    return SloStatus(pipeline="desk", at=NOW, objectives=(one,), gate=gate)


def _told(status: SloStatus, *known: Incident) -> tuple[WatchReport, list[tuple[str, AlertSeverity]]]:
    window = Window(start=NOW - timedelta(days=28), end=NOW)
    evaluation = evaluate_budgets(status, known, pipeline="desk", window=window)
    return budget_report(evaluation), [(one.incident, one.severity) for one in evaluation.explained]


def test_a_burning_budget_without_a_cause_is_an_incident_of_its_own_and_stays_one_when_a_cause_shows() -> None:
    book = Book()
    report, alerted = _told(_status("cost", AlertSeverity.PAGE))
    assert alerted == []
    assert book.take(report) == [OPENED]
    (own,) = book.known.values()
    assert (own.responsibility, own.stage, own.watch) == (Responsibility.UNDETERMINED, None, Watch.BUDGET)
    assert own.headline == "Page: the error budget of cost burns 4.2 times as fast as it may, 10% of it is left"
    loops = Book()
    loops.take(_look(0, _found()))
    (loop,) = loops.known.values()
    report, alerted = _told(_status("cost", AlertSeverity.PAGE), own, loop)
    assert alerted == []
    assert loop.id in report.findings[0].explanation
    assert book.take(replace(report, window=Window(start=NOW, end=NOW + STEP))) == [UPDATED]
    quiet, _ = _told(_status("cost"), own, loop)
    assert book.take(replace(quiet, window=Window(start=NOW, end=NOW + 2 * STEP))) == [RESOLVED]


def test_an_alert_is_told_by_the_incident_that_can_be_its_cause() -> None:
    loops = Book()
    loops.take(_look(0, _found()))
    (loop,) = loops.known.values()
    report, alerted = _told(_status("cost", AlertSeverity.PAGE, AlertSeverity.TICKET), loop)
    assert report.findings == ()
    assert alerted == [(loop.id, AlertSeverity.PAGE)]
    report, alerted = _told(_status("accuracy", AlertSeverity.PAGE), loop)
    assert alerted == []
    assert len(report.findings) == 1


@pytest.mark.parametrize(("hours_between", "is_explained"), [(0, True), (5, True), (7, False)])
def test_what_was_over_within_the_short_window_of_an_alert_is_what_burnt(
    hours_between: int, *, is_explained: bool
) -> None:
    loops = Book()
    loops.take(_look(0, _found()))
    (loop,) = loops.known.values()
    hour = timedelta(hours=1)
    rule = BurnRule(severity=AlertSeverity.TICKET, long=72 * hour, short=6 * hour, burn=1.0)
    burnt = Count(bad=9.0, total=100.0)
    reading = Reading(
        rule=rule, fires=True, long=burnt, short=burnt, long_burn=2.0, short_burn=2.0, evidence=99.0, needed=8.0
    )
    status = _status("cost", AlertSeverity.TICKET)
    (one,) = status.objectives
    alerts = tuple(replace(alert, reading=reading) for alert in one.alerts)
    status = replace(status, objectives=(replace(one, alerts=alerts),))
    over = replace(loop, state=IncidentState.RESOLVED, resolved_at=NOW - STEP - hours_between * hour)
    report, alerted = _told(status, over)
    assert alerted == []
    assert (report.findings == ()) is is_explained


def test_an_alert_that_outlasts_its_cause_is_no_new_incident_and_one_after_it_is() -> None:
    loops = Book()
    loops.take(_look(0, _found()))
    (loop,) = loops.known.values()
    during = replace(loop, state=IncidentState.RESOLVED, resolved_at=NOW)
    report, alerted = _told(_status("cost", AlertSeverity.PAGE), during)
    assert (report.findings, alerted) == ((), [])
    before = replace(loop, state=IncidentState.RESOLVED, resolved_at=NOW - 2 * STEP)
    assert len(_told(_status("cost", AlertSeverity.PAGE), before)[0].findings) == 1
