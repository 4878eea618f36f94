"""Which incident a bad event belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.core.slo.ledger import Debit
from seamwatch.core.weekly_review.debit_causes import give_debits
from seamwatch.vocabulary import DebitKind, IncidentState, Responsibility, Watch

DAY = datetime(2026, 11, 3, tzinfo=UTC)
WINDOW = Window(start=DAY, end=DAY + timedelta(days=1))
NEXT = Window(start=WINDOW.end, end=WINDOW.end + timedelta(days=1))


def _incident(name: str, window: Window = WINDOW, **more: Any) -> Incident:
    values: dict[str, Any] = {
        "id": name,
        "fingerprint": name,
        "pipeline": "p",
        "responsibility": Responsibility.INTEGRATION,
        "stage": "mapping",
        "fields": ("product",),
        "state": IncidentState.RESOLVED,
        "headline": name,
        "confidence": 0.9,
        "opened_at": window.end,
        "updated_at": window.end,
        "first_window": window,
        "last_window": window,
        "n_records": 1,
    }
    return Incident(**values | more)


def _debit(record: str, incident: str | None = None) -> Debit:
    return Debit(
        objective="accuracy", kind=DebitKind.WRONG_ANSWER, record=record, at=DAY, told_at=DAY, incident=incident
    )


def _verdicts(*rows: tuple[str, Window, str, str | None, tuple[str, ...]]) -> pd.DataFrame:
    columns = ["start_at", "end_at", "key", "responsibility", "stage", "fields"]
    return pd.DataFrame(
        [(window.start, window.end, key, whose, stage, fields) for key, window, whose, stage, fields in rows],
        columns=columns,
        dtype=object,
    )


@pytest.mark.parametrize(
    ("verdict", "incidents", "given"),
    [
        (("1", WINDOW, "integration", "mapping", ("product",)), [_incident("a")], "a"),
        (("1", WINDOW, "integration", "mapping", ()), [_incident("a")], "a"),
        (("1", WINDOW, "integration", "mapping", ("amount",)), [_incident("a")], None),
        (("1", WINDOW, "model", "mapping", ("product",)), [_incident("a")], None),
        (("1", WINDOW, "integration", "sink", ("product",)), [_incident("a")], None),
        (("1", NEXT, "integration", "mapping", ("product",)), [_incident("a"), _incident("b", NEXT)], "b"),
        (("1", WINDOW, "integration", "mapping", ("product",)), [_incident("a"), _incident("b")], None),
        (("1", WINDOW, "integration", "mapping", ("product",)), [_incident("a", watch=Watch.SEAM)], None),
        (("2", WINDOW, "integration", "mapping", ("product",)), [_incident("a")], None),
    ],
)
def test_a_bad_event_belongs_to_the_one_incident_that_its_verdict_names(
    verdict: tuple[str, Window, str, str | None, tuple[str, ...]], incidents: list[Incident], given: str | None
) -> None:
    (found,) = give_debits([_debit("1")], _verdicts(verdict), incidents)
    assert found.incident == given


def test_what_was_linked_stays_and_without_verdicts_nothing_is_linked() -> None:
    verdicts = _verdicts(("1", WINDOW, "integration", "mapping", ("product",)))
    assert give_debits([_debit("1", "x")], verdicts, [_incident("a")]) == [_debit("1", "x")]
    assert give_debits([_debit("1")], _verdicts(), [_incident("a")]) == [_debit("1")]
