"""Whether an action helped: what tells nothing decides nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.action_checks import judge_by_benchmark, judge_by_incident
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.core.runbooks import runbook_of
from seamwatch.vocabulary import IncidentState, Responsibility, RunbookKind, Watch

_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
_BEFORE = Window(start=_AT - timedelta(hours=1), end=_AT)
_AFTER = Window(start=_AT, end=_AT + timedelta(hours=1))
_INCIDENT = Incident(
    id="i",
    fingerprint="f",
    pipeline="p",
    responsibility=Responsibility.MODEL,
    stage="model",
    fields=(),
    state=IncidentState.MITIGATED,
    headline="",
    confidence=0.9,
    opened_at=_AT,
    updated_at=_AT,
    first_window=_BEFORE,
    last_window=_BEFORE,
    n_records=1,
)


@pytest.mark.parametrize(
    ("state", "window", "is_well"),
    [
        (IncidentState.MITIGATED, _BEFORE, None),
        (IncidentState.ACKNOWLEDGED, _BEFORE, None),
        (IncidentState.OPEN, _AFTER, False),
        (IncidentState.RESOLVED, _BEFORE, True),
        (IncidentState.MERGED, _BEFORE, True),
    ],
)
def test_later_windows_tell(state: IncidentState, window: Window, is_well: bool | None) -> None:
    incident = replace(_INCIDENT, state=state, last_window=window)

    assert judge_by_incident(incident, done_at=_AT).is_well is is_well


@pytest.mark.parametrize(("state", "is_well"), [(IncidentState.OPEN, False), (IncidentState.RESOLVED, True)])
def test_windows_that_were_run_again_tell_at_once(state: IncidentState, is_well: bool) -> None:
    incident = replace(_INCIDENT, state=state)

    assert judge_by_incident(incident, done_at=_AT, is_run_again=True).is_well is is_well


@pytest.mark.parametrize(
    ("accuracy", "is_degraded", "before", "is_well"),
    [
        (None, None, 0.7, None),
        (0.95, False, 0.7, True),
        (0.95, False, None, True),
        (0.6, True, 0.7, False),
        (0.8, True, 0.7, False),
        (0.8, None, 0.7, True),
        (0.6, None, 0.7, False),
        (0.7, None, 0.7, False),
        (0.8, None, None, None),
    ],
)
def test_benchmark_tells_beside_its_baseline_else_beside_before(
    accuracy: float | None, is_degraded: bool | None, before: float | None, is_well: bool | None
) -> None:
    found = judge_by_benchmark(accuracy, n=100, is_degraded=is_degraded, before=before)

    assert found.is_well is is_well


@pytest.mark.parametrize(
    ("watch", "responsibility", "kind"),
    [
        (None, Responsibility.MODEL, RunbookKind.MODEL_DEGRADATION),
        (Watch.SEAM, Responsibility.INTEGRATION, RunbookKind.INTEGRATION_FAILURE),
        (Watch.COST, Responsibility.INTEGRATION, RunbookKind.COST_SPIKE),
        (Watch.LATENCY, Responsibility.PROVIDER, RunbookKind.LATENCY_SPIKE),
        (Watch.INJECTION, Responsibility.ADVERSARIAL_INPUT, RunbookKind.PROMPT_INJECTION),
        (Watch.DRIFT, Responsibility.SOURCE_DATA, RunbookKind.SOURCE_DATA),
    ],
)
def test_kind_of_runbook_follows_the_watch_else_who_is_responsible(
    watch: Watch | None, responsibility: Responsibility, kind: RunbookKind
) -> None:
    assert runbook_of(replace(_INCIDENT, watch=watch, responsibility=responsibility)) is kind
