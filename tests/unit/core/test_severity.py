"""How severe an incident is: thresholds of harm, burning budgets, unknown outcomes, and what is told of a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seamwatch.core.deliveries import DeliveryPart, parts_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.core.severity import rate_again, rate_changes, severity_of
from seamwatch.spec.severity import SeverityRules
from seamwatch.vocabulary import AlertSeverity, IncidentSeverity, IncidentState, Responsibility

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = SeverityRules()
SEV1, SEV2, SEV3, SEV4 = IncidentSeverity


def _incident(n_records: int, n_judged: int | None, **more: Any) -> Incident:
    window = Window(start=NOW - timedelta(hours=1), end=NOW)
    known = Incident(
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
        first_window=window,
        last_window=window,
        n_records=n_records,
        n_judged=n_judged,
    )
    return replace(known, **more)


@pytest.mark.parametrize(
    ("n_records", "n_judged", "alert", "expected"),
    [
        (60, 100, None, SEV1),
        (50, 100, None, SEV1),
        (49, 100, None, SEV2),
        (3, 4, None, SEV4),  # a large share of too few records
        (2000, 1_000_000, None, SEV1),  # a small share of very many
        (500, 1_000_000, None, SEV2),
        (5, 100, None, SEV3),
        (4, 100, None, SEV4),
        (0, 100, None, SEV4),
        (4, 100, AlertSeverity.TICKET, SEV3),
        (4, 100, AlertSeverity.PAGE, SEV1),
        (60, 100, AlertSeverity.TICKET, SEV1),  # an alert never makes it milder
        (4, None, None, SEV3),  # harm that nobody knows is not none
        (4, 0, None, SEV3),
        (0, None, AlertSeverity.PAGE, SEV1),
    ],
)
def test_severity_follows_from_harm(
    n_records: int, n_judged: int | None, alert: AlertSeverity | None, expected: IncidentSeverity
) -> None:
    assert severity_of(_incident(n_records, n_judged), RULES, alert) is expected


def test_twice_the_share_of_the_beginning_is_one_level_more() -> None:
    assert severity_of(_incident(8, 100), RULES, None) is SEV3
    assert severity_of(_incident(8, 100, first_share=0.04), RULES, None) is SEV2
    assert severity_of(_incident(8, 100, first_share=0.05), RULES, None) is SEV3
    assert severity_of(_incident(2, 100, first_share=0.005), RULES, None) is SEV4


def test_a_share_that_wavers_around_a_threshold_keeps_its_severity() -> None:
    first = _incident(50, 100, severity=SEV1)
    assert severity_of(first, RULES, None) is SEV1
    assert severity_of(replace(first, n_records=42), RULES, None) is SEV1
    assert severity_of(replace(first, n_records=39), RULES, None) is SEV2
    assert severity_of(replace(first, n_records=42, severity=None), RULES, None) is SEV2


def test_an_incident_opens_with_a_severity_and_a_change_of_it_is_an_entry_of_its_own() -> None:
    opened = IncidentChange(kind=ChangeKind.OPENED, incident=_incident(8, 100))
    (rated,) = rate_changes([opened], RULES, lambda _: None)
    assert (rated.incident.severity, rated.incident.first_share) == (SEV3, 0.08)

    worse = IncidentChange(kind=ChangeKind.UPDATED, incident=replace(rated.incident, n_records=60))
    updated, raised = rate_changes([worse], RULES, lambda _: None)
    assert (updated.kind, raised.kind, raised.why) == (
        ChangeKind.UPDATED,
        ChangeKind.SEVERITY_RAISED,
        "sev3 to sev1",
    )
    assert updated.incident == raised.incident

    better = replace(worse, incident=replace(raised.incident, n_records=6))
    *_, lowered = rate_changes([better], RULES, lambda _: None)
    assert (lowered.kind, lowered.incident.severity) == (ChangeKind.SEVERITY_LOWERED, SEV3)


def test_an_incident_of_an_older_store_is_rated_without_a_change_and_a_resolved_one_is_left() -> None:
    updated = IncidentChange(kind=ChangeKind.UPDATED, incident=_incident(60, 100))
    assert [one.kind for one in rate_changes([updated], RULES, lambda _: None)] == [ChangeKind.UPDATED]
    over = IncidentChange(kind=ChangeKind.RESOLVED, incident=_incident(60, 100, state=IncidentState.RESOLVED))
    assert rate_changes([over], RULES, lambda _: AlertSeverity.PAGE) == [over]


def test_a_budget_that_begins_to_burn_raises_once() -> None:
    known = _incident(8, 100, severity=SEV3, first_share=0.08)
    (raised,) = rate_again([known], RULES, lambda _: AlertSeverity.PAGE, now=NOW)
    assert (raised.kind, raised.incident.severity) == (ChangeKind.SEVERITY_RAISED, SEV1)
    assert rate_again([raised.incident], RULES, lambda _: AlertSeverity.PAGE, now=NOW) == []


def test_only_a_raised_severity_is_said_in_the_thread() -> None:
    assert parts_of(ChangeKind.SEVERITY_RAISED) == (DeliveryPart.HEAD, DeliveryPart.THREAD)
    assert parts_of(ChangeKind.SEVERITY_LOWERED) == (DeliveryPart.HEAD,)


@given(
    n_judged=st.integers(1, 5000),
    harmed=st.lists(st.integers(0, 5000), min_size=2, max_size=2).map(sorted),
    alert=st.sampled_from([None, *AlertSeverity]),
)
def test_more_harm_is_never_milder(n_judged: int, harmed: list[int], alert: AlertSeverity | None) -> None:
    less, more = (severity_of(_incident(n, n_judged), RULES, alert) for n in harmed)
    assert more.rank <= less.rank


@given(n_judged=st.integers(0, 5000) | st.none(), n_records=st.integers(0, 5000))
def test_rating_again_changes_nothing(n_judged: int | None, n_records: int) -> None:
    change = IncidentChange(kind=ChangeKind.OPENED, incident=_incident(n_records, n_judged))
    (rated,) = rate_changes([change], RULES, lambda _: None)
    assert rate_again([rated.incident], RULES, lambda _: None, now=NOW) == []


def test_thresholds_that_are_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="share of sev1 must be at least that of sev2"):
        SeverityRules.model_validate({"sev1": {"share": 0.1, "least_records": 20, "many_records": 2000}})


def test_a_level_names_only_what_it_changes() -> None:
    rules = SeverityRules.model_validate({"sev1": {"share": 0.3}})
    assert (rules.sev1.share, rules.sev1.many_records) == (0.3, RULES.sev1.many_records)
