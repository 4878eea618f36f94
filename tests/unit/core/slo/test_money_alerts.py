"""Alerts of a day's bound: a ticket by its projection, a page once it is spent, nothing carried into the next day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from seamwatch.core.slo.alerts import AlertState
from seamwatch.core.slo.status import ObjectiveStatus, objective_status
from seamwatch.spec.objectives import CostObjective
from seamwatch.vocabulary import AlertSeverity

DAY = datetime(2026, 11, 20, tzinfo=UTC)
REFUNDS = pd.DataFrame({"start_at": pd.to_datetime([], utc=True), "amount": pd.Series(dtype=float)})


def _look(hours: float, usd_an_hour: float, before: tuple[AlertState, ...] = ()) -> ObjectiveStatus:
    now = DAY + timedelta(hours=hours)
    starts = pd.date_range(DAY - timedelta(days=1), now, freq="1h", inclusive="left", tz="UTC")
    is_today = starts >= DAY
    buckets = pd.DataFrame(
        {"start_at": starts, "total": 10.0, "judged": 10.0, "bad": 0.0, "usd": [usd_an_hour * d for d in is_today]}
    )
    objective = CostObjective(kind="cost", per_day_usd=12.0)
    return objective_status(objective, buckets, REFUNDS, before, now=now, every=timedelta(minutes=5))


def _firing(status: ObjectiveStatus) -> set[AlertSeverity]:
    return {one.severity for one in status.alerts if one.since is not None}


@pytest.mark.parametrize(
    ("hours", "usd_an_hour", "expected"),
    [
        (12, 0.3, set()),
        (2, 1.0, set()),
        (8, 1.0, {AlertSeverity.TICKET}),
        (8, 1.6, {AlertSeverity.TICKET, AlertSeverity.PAGE}),
    ],
)
def test_alerts_follow_spending_and_projection(hours: float, usd_an_hour: float, expected: set[AlertSeverity]) -> None:
    assert _firing(_look(hours, usd_an_hour)) == expected


def test_an_alert_keeps_its_beginning_and_ends_with_its_day() -> None:
    first = _look(8, 1.0)
    later = _look(10, 1.0, first.alerts)
    since = {one.severity: one.since for one in later.alerts}
    assert since[AlertSeverity.TICKET] == DAY + timedelta(hours=8)
    yesterday = tuple(AlertState(severity=severity, since=DAY - timedelta(hours=2)) for severity in AlertSeverity)
    assert _firing(_look(1, 0.2, yesterday)) == set()
