"""A drift of a day beside hourly attribution: compared by the records of that day, not of the last hour alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from parcels import make_deps
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.results import Attribution, IsolationResult, Verdict, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, decide_on_watches
from seamwatch.spec.load import load_project
from seamwatch.vocabulary import Responsibility, Watch

pytestmark = pytest.mark.integration
NAME = "tickets"
PIPELINE = f"""\
pipeline: {NAME}
database: dw
key: id
stages:
  - {{name: crm, kind: source, table: crm, time: at}}
  - {{name: request, kind: mapping, table: request, input: crm}}
  - {{name: writer, kind: model, table: calls, input: request, request: body, response: reply, endpoint: "python:m:f"}}
"""
DAY = datetime(2026, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, LAST = 18, 26
"""Hours from the day's begin on with a fault: the drift of the day is judged while it goes on."""


def _attribute(deps: Deps, number: int) -> list[str]:
    """Save an hour of which 20 of 100 records fail by one field of the request; return their keys."""
    window = Window(start=DAY + number * HOUR, end=DAY + (number + 1) * HOUR)
    keys = [f"h{number}-{each}" for each in range(20)]
    verdicts = tuple(
        Verdict(
            key=key, responsibility=Responsibility.INTEGRATION, stage="request", fields=("amount",), confidence=0.95
        )
        for key in keys
    )
    cause = Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="request",
        fields=("amount",),
        n_records=len(keys),
        share=1.0,
        share_low=0.9,
        share_high=1.0,
        confidence=0.95,
        onset=DAY + FIRST * HOUR,
        rate=RateComparison(is_change=True),
    )
    attribution = Attribution(
        pipeline=NAME,
        window=window,
        n_observed=100,
        n_failing=len(keys),
        n_pending=0,
        n_examined=len(keys),
        causes=(cause,),
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
        verdicts=verdicts,
    )
    deps.store.begin_window(NAME, window, now=window.end)
    deps.store.save_attribution(attribution, now=window.end)
    return keys


def _drift(keys: list[str]) -> WatchReport:
    finding = Finding(
        responsibility=Responsibility.MODEL,
        stage="writer",
        fields=("answer.urgency",),
        kind="label_mix",
        n_records=100,
        confidence=0.8,
        onset=DAY,
        keys=tuple(keys),
        headline="Other answers than before",
        explanation="As compared with the days before.",
    )
    window = Window(start=DAY, end=DAY + 24 * HOUR)
    return WatchReport(
        watch=Watch.DRIFT, pipeline=NAME, window=window, compared=None, n_records=2400, findings=(finding,), still=()
    )


@pytest.mark.parametrize("is_of_the_fault", [True, False])
def test_a_drift_is_compared_with_the_records_that_attribution_named_in_its_day(
    tmp_path: Path, *, is_of_the_fault: bool
) -> None:
    (tmp_path / "include/pipelines").mkdir(parents=True)
    (tmp_path / "include/pipelines/tickets.yaml").write_text(PIPELINE)
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_DW": f"sqlite:///{tmp_path / 'dw.db'}"})
    pipeline = load_project(tmp_path).pipeline(NAME)
    failing: list[str] = []
    for number in range(FIRST, LAST):
        keys = _attribute(deps, number)
        failing += keys if number < 24 else []
        decide_incidents(deps, pipeline, Window(start=DAY + number * HOUR, end=DAY + (number + 1) * HOUR))
    (incident,) = deps.store.incidents(NAME)
    assert incident.is_open
    deps.store.save_watch_report(_drift(failing[:100:10] if is_of_the_fault else [f"other{n}" for n in range(10)]))
    changes = decide_on_watches(deps, pipeline)
    known = deps.store.incidents(NAME)
    if is_of_the_fault:
        assert [(one.kind, one.incident.id) for one in changes] == [(ChangeKind.UPDATED, incident.id)]
        assert [seen.watch for seen in known[0].also_seen] == [Watch.DRIFT]
    else:
        assert [one.kind for one in changes] == [ChangeKind.OPENED]
        assert {one.watch for one in known} == {None, Watch.DRIFT}
