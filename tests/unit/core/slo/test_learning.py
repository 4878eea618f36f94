"""What alerts learn of a service's past: how it usually is, without the hours of known incidents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from seamwatch.core.finding import Finding
from seamwatch.core.incident_evaluations import evaluate_watch
from seamwatch.core.incidents import decide
from seamwatch.core.results import Window
from seamwatch.core.slo.alert_incidents import known_stretches
from seamwatch.core.slo.status import ObjectiveStatus, Stretch, objective_status
from seamwatch.core.watch.results import WatchReport
from seamwatch.spec.objectives import AccuracyObjective
from seamwatch.vocabulary import AlertSeverity, Responsibility, Watch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REFUNDS = pd.DataFrame({"start_at": pd.to_datetime([], utc=True), "amount": pd.Series(dtype=float)})


def _look(bad_by_hour: np.ndarray, *, incidents: tuple[Stretch, ...] = ()) -> ObjectiveStatus:
    """Look at 120 answers an hour, of which so many were wrong, spread evenly."""
    starts = pd.date_range(end=NOW, periods=12 * len(bad_by_hour) + 1, freq="5min", tz="UTC")[:-1]
    bad = np.repeat(bad_by_hour / 12, 12)
    buckets = pd.DataFrame({"start_at": starts, "total": 10.0, "judged": 10.0, "bad": bad, "usd": 0.0})
    objective = AccuracyObjective(kind="accuracy", goal=0.9)
    return objective_status(objective, buckets, REFUNDS, (), now=NOW, every=timedelta(minutes=5), incidents=incidents)


def _pages(status: ObjectiveStatus) -> bool:
    return any(one.severity is AlertSeverity.PAGE and one.since is not None for one in status.alerts)


def test_an_outage_of_last_week_does_not_hide_the_one_of_today() -> None:
    bad = np.full(20 * 24, 2.0)
    bad[5 * 24 : 9 * 24] = 60.0
    bad[-1:] = 50.0
    outage = (NOW - 15 * 24 * HOUR, NOW - 11 * 24 * HOUR)
    assert not _pages(_look(bad))
    assert _pages(_look(bad, incidents=(outage,)))


def test_a_past_that_is_one_incident_is_as_no_past() -> None:
    bad = np.full(10 * 24, 30.0)
    whole = (NOW - 20 * 24 * HOUR, NOW)
    bare = _look(bad, incidents=(whole,))
    assert bare.bad == _look(bad).bad
    assert bare.budget == _look(bad).budget


def test_only_incidents_that_can_explain_an_objective_are_left_out_and_a_look_counts_from_its_opening() -> None:
    found = Finding(
        responsibility=Responsibility.PROVIDER,
        stage="m",
        kind="provider_slow",
        headline="",
        explanation="",
        n_records=1,
        confidence=0.9,
    )
    window = Window(start=NOW - timedelta(days=14), end=NOW)
    report = WatchReport(
        watch=Watch.LATENCY, pipeline="p", window=window, compared=None, n_records=1, findings=(found,)
    )
    known = [change.incident for change in decide([], evaluate_watch(report), now=NOW - HOUR)]
    assert known_stretches("latency", known) == [(NOW - HOUR, NOW)]
    assert known_stretches("accuracy", known) == []
