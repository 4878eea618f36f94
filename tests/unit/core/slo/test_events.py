"""Records to events: what is judged, what is bad, what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter

from seamwatch.core.slo.events import RECORD_COLUMNS, Events, count_events
from seamwatch.spec.objectives import Objective
from seamwatch.vocabulary import DebitKind

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SETTLE = timedelta(hours=1)


def records(*rows: dict[str, Any]) -> pd.DataFrame:
    known = {"at": NOW - timedelta(hours=2), "is_done": True, "is_timeout": False}
    frame = pd.DataFrame([{**dict.fromkeys(RECORD_COLUMNS), **known, **row} for row in rows])
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return frame.set_axis([f"r{n}" for n in range(len(rows))])


def count(spec: dict[str, Any], *rows: dict[str, Any]) -> Events:
    objective: Objective = TypeAdapter(Objective).validate_python(spec)
    return count_events(objective, records(*rows), now=NOW, settle=SETTLE)


def sums(events: Events) -> tuple[float, float, float]:
    return tuple(events.buckets[["total", "judged", "bad"]].sum())  # type: ignore[return-value]


def test_an_answer_that_was_not_judged_is_an_event_all_the_same() -> None:
    found = count({"kind": "accuracy", "goal": 0.9}, {"is_right": True}, {"is_right": False}, {"is_right": None})
    assert sums(found) == (3, 2, 1)
    assert [(one.record, one.kind) for one in found.debits] == [("r1", DebitKind.WRONG_ANSWER)]


def test_a_slow_record_is_bad_and_a_negative_latency_is_left_out() -> None:
    rows = [{"seconds": s} for s in (1.0, 2.0, 2.1, -5.0, None)]
    found = count({"kind": "latency", "p95": "2s"}, *rows)
    assert (sums(found), found.n_absurd) == ((3, 3, 1), 1)


def test_a_record_on_its_way_is_no_event_until_it_had_its_time() -> None:
    rows = [
        {"is_done": True},
        {"is_done": False},
        {"is_done": False, "is_timeout": True},
        {"is_done": False, "at": NOW - timedelta(minutes=5)},
    ]
    found = count({"kind": "availability"}, *rows)
    assert sums(found) == (3, 3, 2)
    assert [one.kind for one in found.debits] == [DebitKind.UNAVAILABLE, DebitKind.TIMEOUT]


def test_a_query_above_its_bound_is_bad_and_a_day_sums_what_it_cost() -> None:
    rows = [{"usd": usd} for usd in (0.01, 0.03, None, -1.0)]
    assert sums(count({"kind": "cost", "per_query_usd": 0.02}, *rows)) == (2, 2, 1)
    day = count({"kind": "cost", "per_day_usd": 5.0}, *rows)
    assert (sums(day), float(day.buckets["usd"].sum()), day.n_absurd) == ((2, 2, 0), pytest.approx(0.04), 1)


def test_an_answer_on_an_outdated_document_is_bad() -> None:
    found = count(
        {"kind": "freshness", "knowledge_base": "kb"}, {"is_stale": True}, {"is_stale": False}, {"is_stale": None}
    )
    assert sums(found) == (2, 2, 1)


def test_a_record_of_the_future_is_counted_once_its_time_has_come() -> None:
    assert sums(count({"kind": "accuracy", "goal": 0.9}, {"is_right": False, "at": NOW + timedelta(hours=1)})) == (
        0,
        0,
        0,
    )


def test_events_stand_in_the_five_minutes_in_which_they_happened() -> None:
    at = [NOW - timedelta(hours=1, minutes=m) for m in (0, 1, 6)]
    found = count({"kind": "accuracy", "goal": 0.9}, *({"at": one, "is_right": True} for one in at))
    assert found.buckets["start_at"].dt.minute.tolist() == [50, 55, 0]
    assert found.buckets["total"].tolist() == [1, 1, 1]
