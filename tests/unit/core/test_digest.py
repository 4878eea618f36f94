"""What quiet hours held: what became of each incident, in which order, and what needs no message any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcels import WINDOW
from seamwatch.core.digest import DigestEntry, DigestKind, make_digest
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.vocabulary import IncidentSeverity, IncidentState, Responsibility

INCIDENT = Incident(
    id="a",
    fingerprint="a",
    pipeline="parcels",
    responsibility=Responsibility.INTEGRATION,
    stage="request",
    fields=("product",),
    state=IncidentState.OPEN,
    headline="Integration failure",
    confidence=0.9,
    opened_at=WINDOW.end,
    updated_at=WINDOW.end,
    first_window=WINDOW,
    last_window=WINDOW,
    n_records=20,
)
HELD = st.frozensets(st.sampled_from(ChangeKind), min_size=1)
ENTRIES = st.builds(
    lambda n, state, severity, later, changes, has_head: DigestEntry(
        incident=replace(
            INCIDENT, id=f"i{n}", state=state, severity=severity, opened_at=WINDOW.end + timedelta(minutes=later)
        ),
        changes=changes,
        has_head=has_head,
    ),
    st.integers(0, 10_000),
    st.sampled_from(IncidentState),
    st.none() | st.sampled_from(IncidentSeverity),
    st.integers(0, 600),
    HELD,
    st.booleans(),
)


def entry(state: IncidentState, *changes: ChangeKind, has_head: bool = False) -> DigestEntry:
    return DigestEntry(incident=replace(INCIDENT, state=state), changes=frozenset(changes), has_head=has_head)


@pytest.mark.parametrize(
    ("held", "kind", "is_told"),
    [
        pytest.param(entry(IncidentState.OPEN, ChangeKind.OPENED), DigestKind.OPENED, False, id="still open"),
        pytest.param(
            entry(IncidentState.RESOLVED, ChangeKind.OPENED, ChangeKind.RESOLVED),
            DigestKind.OPENED_AND_OVER,
            True,
            id="opened and resolved",
        ),
        pytest.param(
            entry(IncidentState.MERGED, ChangeKind.OPENED), DigestKind.OPENED_AND_OVER, True, id="opened and merged"
        ),
        pytest.param(
            entry(IncidentState.OPEN, ChangeKind.OPENED, ChangeKind.RESOLVED, ChangeKind.REOPENED),
            DigestKind.OPENED,
            False,
            id="opened, resolved and back",
        ),
        pytest.param(
            entry(IncidentState.OPEN, ChangeKind.SEVERITY_RAISED, has_head=True),
            DigestKind.CHANGED,
            False,
            id="more severe",
        ),
        pytest.param(
            entry(IncidentState.RESOLVED, ChangeKind.RESOLVED, has_head=True),
            DigestKind.OVER,
            False,
            id="resolved: its message is to say so",
        ),
    ],
)
def test_what_became_of_an_incident(held: DigestEntry, kind: DigestKind, is_told: bool) -> None:
    assert (held.kind, held.is_told) == (kind, is_told)


@given(st.lists(ENTRIES, max_size=30, unique_by=lambda one: one.incident.id))
def test_each_incident_is_counted_once_and_the_most_severe_stand_first(entries: list[DigestEntry]) -> None:
    digest = make_digest(entries)
    assert sum(digest.count(kind) for kind in DigestKind) == len(entries) == len(digest.entries)
    assert digest == make_digest(reversed(entries))
    ranks = [99 if one.incident.severity is None else one.incident.severity.rank for one in digest.entries]
    assert ranks == sorted(ranks)
    # Whatever may still be there keeps a message of its own.
    assert not any(one.is_told for one in entries if one.incident.is_open or one.has_head)
