"""What of a week is whose."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given

from past_incidents import WEEK, at, event, incident, stories
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.weekly_review.incidents import incident_lines
from seamwatch.core.weekly_review.teams import teams_of
from seamwatch.vocabulary import Responsibility

K, R = ChangeKind, Responsibility
KNOWN = [incident(name) for name in "abc"]
OPENED = [
    event(K.OPENED, at(1), of="a", whose=R.MODEL),
    event(K.OPENED, at(2), of="b", whose=R.INTEGRATION),
    event(K.OPENED, at(3), of="c", whose=R.UNDETERMINED),
]


@pytest.mark.parametrize(
    ("owners", "teams"),
    [
        pytest.param(
            {"model": "@U1", "integration": "@U2", "reliability": "@U3"},
            {"model": ("@U1", "a"), "integration": ("@U2", "b"), "reliability": ("@U3", "c")},
            id="everybody has an owner",
        ),
        pytest.param(
            {"model": "@U1", "reliability": "@U3"},
            {"model": ("@U1", "a"), "reliability": ("@U3", "bc")},
            id="what nobody owns is reliability's",
        ),
        pytest.param(
            {},
            {"model": (None, "a"), "integration": (None, "b"), "undetermined": (None, "c")},
            id="no owners",
        ),
    ],
)
def test_whose_they_are(owners: Mapping[str, str], teams: Mapping[str, tuple[str | None, str]]) -> None:
    found = teams_of("desk", owners, KNOWN, OPENED, WEEK)
    assert {one.role: (one.mention, "".join(line.id for line in one.open)) for one in found} == teams


def test_open_and_closed_apart_and_the_busiest_team_first() -> None:
    known = [*KNOWN, *(incident(name) for name in "def"), incident("g", pipeline="returns")]
    events = [
        *OPENED,
        event(K.RESOLVED, at(4), of="a", whose=R.MODEL),
        # Open since long, resolved though opened before, void, of another pipeline.
        event(K.OPENED, at(-40), of="d", whose=R.INTEGRATION),
        event(K.OPENED, at(-3), of="e", whose=R.INTEGRATION),
        event(K.RESOLVED, at(1), of="e", whose=R.INTEGRATION),
        event(K.OPENED, at(1), of="f"),
        event(K.VOIDED, at(2), of="f"),
        event(K.OPENED, at(1), of="g"),
    ]
    found = teams_of("desk", {}, known, events, WEEK)
    assert [(one.role, [line.id for line in one.open], [line.id for line in one.closed]) for one in found] == [
        ("integration", ["d", "b"], []),
        ("undetermined", ["c"], []),
        ("model", [], ["a"]),
    ]


@given(stories())
def test_every_open_incident_is_of_one_team(story: tuple[list[Incident], list[IncidentEvent]]) -> None:
    teams = teams_of("desk", {"model": "@U1"}, *story, WEEK)
    mine = [line.id for one in teams for line in (*one.open, *one.closed)]
    assert len(mine) == len(set(mine))
    told = incident_lines(*story, WEEK)
    assert {line.id for one in teams for line in one.open} == {one.id for one in told if one.state.is_open}
    assert set(mine) <= {one.id for one in told}
