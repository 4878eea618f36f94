"""From when on what is known is too old: never younger than what an objective or a watch still reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.retention import limits, looks_back
from seamwatch.core.slo.status import window_of
from seamwatch.spec.base import LONGEST_DAYS
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.project import StoreSettings

NOW = datetime(2026, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _pipeline(**changes: object) -> Pipeline:
    stage = {"name": "orders", "kind": "source", "table": "orders"}
    return Pipeline.model_validate({"pipeline": "p", "database": "d", "key": "id", "stages": [stage], **changes})


spans = st.integers(1, LONGEST_DAYS).map(lambda days: timedelta(days=days))
moments = st.integers(-9_000, 60_000).map(lambda days: NOW + days * DAY)
objectives = st.one_of(
    st.integers(1, 400).map(lambda days: {"kind": "availability", "goal": 0.99, "over": f"{days}d"}),
    st.sampled_from(["UTC", "Pacific/Kiritimati", "America/Los_Angeles"]).map(
        lambda zone: {"kind": "cost", "per_month_usd": 5, "time_zone": zone}
    ),
)


@given(keep=spans, keep_incidents=spans, now=moments, objective=objectives, later=st.integers(0, 24 * 400))
def test_no_objective_reads_what_has_gone(keep, keep_incidents, now, objective, later) -> None:
    pipeline = _pipeline(slos=[objective])
    found = limits(StoreSettings(keep=keep, keep_incidents=keep_incidents), pipeline, now=now)
    assert found.sums is not None
    assert found.records == now - keep
    assert found.incidents == now - keep_incidents
    assert found.sums <= found.records
    for moment in (now, now + timedelta(hours=later)):
        assert found.sums < window_of(pipeline.slos[0], moment).start
        assert found.sums < moment - timedelta(days=28)


def test_sums_of_what_cannot_be_read_stay_and_those_of_what_was_removed_go() -> None:
    settings = StoreSettings()
    assert limits(settings, None, now=NOW).sums is None
    assert limits(settings, None, is_removed=True, now=NOW).sums == NOW - 180 * DAY


def test_a_drift_watch_keeps_its_reference() -> None:
    plain = looks_back(_pipeline(monitoring={"drift": False}))
    longer = looks_back(_pipeline(monitoring={"drift": {"reference": "90d", "every": "7d"}}))
    assert plain == 37 * DAY
    assert longer > 90 * DAY + 7 * DAY


@pytest.mark.parametrize("keep", [timedelta(days=LONGEST_DAYS), timedelta(days=1)])
def test_a_limit_is_a_moment_that_databases_take(keep: timedelta) -> None:
    found = limits(StoreSettings(keep=keep), None, now=datetime(50, 1, 1, tzinfo=UTC))
    assert found.records >= datetime(1, 1, 2, tzinfo=UTC)
