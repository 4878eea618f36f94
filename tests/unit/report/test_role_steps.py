"""Each team's own first step: who acts, who has nothing to do, and when nobody can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import IsolationResult, Window
from seamwatch.report.role_steps import role_steps
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState, Responsibility

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = Window(start=NOW.replace(hour=10), end=NOW)
STEPS = ("Correct the code table of request.", "Run the window again.")
INCIDENT = Incident(
    id="parcels-1",
    fingerprint="f1",
    pipeline="parcels",
    responsibility=Responsibility.INTEGRATION,
    stage="request",
    fields=("product",),
    state=IncidentState.OPEN,
    headline="Integration failure at request",
    confidence=0.97,
    opened_at=NOW,
    updated_at=NOW,
    first_window=WINDOW,
    last_window=WINDOW,
    n_records=30,
)
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "parcels",
        "database": "db",
        "key": "id",
        "owners": {"knowledge_base": "@U0KB", "integration": "@U0INT"},
        "stages": [
            {"name": "orders", "kind": "source", "table": "orders", "time": "at"},
            {"name": "llm", "kind": "model", "table": "calls", "request": "b", "response": "a", "endpoint": "model"},
        ],
    }
)
UNMEASURED = IsolationResult(stage="llm", model="m", calls=0, cost_usd=None)
MEASURED = replace(UNMEASURED, n_benchmark=25, n_right=23, accuracy=0.92)
MODEL_LINE = "Model team: nothing to do, the model alone is right on clean input 23 of 25."
KB_LINE = "Knowledge base team: nothing to do, no cause in this window is theirs."


def _finding(responsibility: Responsibility) -> Finding:
    return Finding(responsibility=responsibility, stage="request", n_records=30, confidence=0.9)


OWN = _finding(Responsibility.INTEGRATION)


def _lines(incident: Incident = INCIDENT, findings: tuple[Finding, ...] = (OWN,), **more: Any) -> tuple[str, ...]:
    return role_steps(incident, findings, more.get("isolation", MEASURED), PIPELINE, STEPS)


def test_who_acts_comes_first_and_others_learn_that_they_need_not() -> None:
    assert _lines() == (f"Integration team: {STEPS[0]}", MODEL_LINE, KB_LINE)


def test_of_a_model_that_was_not_measured_nothing_is_said() -> None:
    assert _lines(isolation=UNMEASURED) == (f"Integration team: {STEPS[0]}", KB_LINE)


def test_a_degraded_model_is_not_told_that_it_is_right() -> None:
    assert MODEL_LINE not in _lines(isolation=replace(MEASURED, p_degraded=1e-9))


def test_who_has_a_cause_of_their_own_is_not_sent_away() -> None:
    assert KB_LINE not in _lines(findings=(OWN, _finding(Responsibility.KNOWLEDGE_BASE)))


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, IncidentState.MERGED, IncidentState.VOIDED])
def test_of_what_is_over_nobody_has_a_step(state: IncidentState) -> None:
    assert _lines(replace(INCIDENT, state=state)) == ()


def test_while_some_cause_is_not_known_nobody_is_sent_away() -> None:
    assert _lines(findings=(OWN, _finding(Responsibility.UNDETERMINED))) == ()
    assert _lines(replace(INCIDENT, responsibility=Responsibility.UNDETERMINED)) == ()
