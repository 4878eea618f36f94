"""How many incidents a week had, whose they were, and which looked like a failure of the AI and were not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from past_incidents import WEEK, WEEKS, at, event, incident, stories
from seamwatch.core.incident_life import ChangeKind, Incident, SeenAs
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.facts import IncidentsWeek
from seamwatch.core.weekly_review.incidents import answers_were_wrong, drift_of, incident_lines, incidents_week
from seamwatch.vocabulary import IncidentSeverity, IncidentState, Responsibility, Watch

K, R, S = ChangeKind, Responsibility, IncidentState


def counts(week: IncidentsWeek) -> tuple[int, int, int, int, int]:
    return week.n_opened, week.n_reopened, week.n_resolved, week.n_open_at_end, week.n_void


@pytest.mark.parametrize(
    ("events", "counted"),
    [
        pytest.param([event(K.OPENED, at(0))], (1, 0, 0, 1, 0), id="opened at the first moment"),
        pytest.param([event(K.OPENED, at(7))], (0, 0, 0, 0, 0), id="opened at the first moment of the next week"),
        pytest.param([event(K.OPENED, at(-1))], (0, 0, 0, 1, 0), id="open since before"),
        pytest.param([event(K.OPENED, at(1)), event(K.RESOLVED, at(2))], (1, 0, 1, 0, 0), id="over in the week"),
        pytest.param([event(K.OPENED, at(1)), event(K.RESOLVED, at(8))], (1, 0, 0, 1, 0), id="over later"),
        pytest.param(
            [
                event(K.OPENED, at(1)),
                event(K.RESOLVED, at(2)),
                event(K.REOPENED, at(3)),
                event(K.RESOLVED, at(4)),
                event(K.REOPENED, at(5)),
            ],
            (1, 1, 1, 1, 0),
            id="once in each number",
        ),
        pytest.param([event(K.OPENED, at(1)), event(K.VOIDED, at(2))], (0, 0, 0, 0, 1), id="void"),
        pytest.param(
            [event(K.OPENED, at(1)), event(K.VOIDED, at(2)), event(K.RESOLVED, at(3))], (0, 0, 0, 0, 1), id="void, over"
        ),
        pytest.param([event(K.OPENED, at(-1)), event(K.VOIDED, at(2))], (0, 0, 0, 0, 0), id="void, from before"),
        pytest.param([event(K.OPENED, at(1)), event(K.VOIDED, at(8))], (1, 0, 0, 1, 0), id="void after the week"),
        pytest.param([event(K.OPENED, at(1)), event(K.MERGED, at(2))], (0, 0, 0, 0, 0), id="merged"),
        pytest.param(
            [event(K.OPENED, at(1)), event(K.MERGED, at(2)), event(K.SPLIT, at(3))], (1, 0, 0, 1, 0), id="split again"
        ),
        pytest.param([event(K.OPENED, at(1)), event("teleported", at(2))], (1, 0, 0, 1, 0), id="a later version's"),
        pytest.param([], (1, 0, 0, 1, 0), id="no events"),
    ],
)
def test_what_happened_in_the_week(events: list[IncidentEvent], counted: tuple[int, ...]) -> None:
    assert counts(incidents_week([incident(opened=at(1))], events, WEEKS)) == counted


def test_a_merged_incident_counts_under_the_one_that_took_it() -> None:
    known = [incident("a"), incident("b", state=S.MERGED, merged_into="a")]
    events = [event(K.OPENED, at(0)), event(K.OPENED, at(1), of="b"), event(K.MERGED, at(2), of="b")]
    assert counts(incidents_week(known, events, WEEKS)) == (1, 0, 0, 1, 0)
    assert [one.id for one in incident_lines(known, events, WEEK)] == ["a"]


def test_nothing_happened() -> None:
    week = incidents_week([], [], WEEKS)
    assert counts(week) == (0, 0, 0, 0, 0)
    assert week.opened_before == week.not_ai_before == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("known", "is_suspect"),
    [
        pytest.param({"has_wrong_answers": True}, True, id="attribution"),
        pytest.param({"has_wrong_answers": True, "watch": Watch.SEAM}, True, id="a seam, then attribution"),
        pytest.param({"has_wrong_answers": False, "watch": Watch.COST}, False, id="cost"),
        pytest.param({"has_wrong_answers": False, "responsibility": R.KNOWLEDGE_BASE}, False, id="knowledge base"),
        pytest.param({"watch": Watch.BUDGET, "kind": "accuracy"}, True, id="alert on accuracy"),
        pytest.param({"watch": Watch.BUDGET, "kind": "latency"}, False, id="alert on latency"),
        pytest.param({"watch": Watch.COST, "kind": "accuracy"}, False, id="another watch's kind"),
        pytest.param({"has_wrong_answers": None}, True, id="attribution, from before"),
        pytest.param({"has_wrong_answers": None, "watch": Watch.DRIFT}, False, id="watch, from before"),
        pytest.param({"has_wrong_answers": None, "responsibility": R.KNOWLEDGE_BASE}, False, id="unknown, from before"),
    ],
)
def test_whether_answers_were_wrong(known: dict[str, Any], *, is_suspect: bool) -> None:
    assert answers_were_wrong(incident(**known)) is is_suspect


def test_attribution_as_evidence_of_a_watch_from_before_is_wrong_answers() -> None:
    window = Window(start=at(0), end=at(1))
    seen = SeenAs(fingerprint="x", watch=None, responsibility=R.INTEGRATION, stage="triage", headline="", window=window)
    assert answers_were_wrong(incident(watch=Watch.SEAM, has_wrong_answers=None, also_seen=(seen,)))


def test_an_accuracy_objective_may_have_a_name_of_its_own() -> None:
    known = [incident(watch=Watch.BUDGET, kind="right_queue", responsibility=R.UNDETERMINED)]
    events = [event(K.OPENED, at(0), whose=R.UNDETERMINED)]
    assert incidents_week(known, events, WEEKS).n_looked_like_ai == 0
    named = incidents_week(known, events, WEEKS, accuracy={"desk": ["right_queue"]})
    assert (named.n_looked_like_ai, named.n_ai_unknown) == (1, 1)


def test_what_looked_like_the_ai_is_told_apart_by_whose_it_was_at_the_end_of_the_week() -> None:
    known = [incident(name, responsibility=R.PROVIDER) for name in "abcd"]
    known.append(incident("e", watch=Watch.LATENCY, responsibility=R.PROVIDER))
    events = [
        *(event(K.OPENED, at(0), of=name, whose=R.UNDETERMINED) for name in "abcde"),
        event(K.UPDATED, at(1), of="a", whose=R.MODEL),
        event(K.UPDATED, at(1), of="b", whose=R.INTEGRATION, severity=IncidentSeverity.SEV1),
        event(K.UPDATED, at(1), of="c", whose=R.KNOWLEDGE_BASE, severity=IncidentSeverity.SEV1),
        # After the week, and so of no account.
        event(K.UPDATED, at(8), of="d", whose=R.MODEL),
    ]
    week = incidents_week(known, events, WEEKS)
    assert (week.n_looked_like_ai, week.n_not_ai, week.n_ai, week.n_ai_unknown) == (4, 2, 1, 1)
    assert week.not_ai == {R.INTEGRATION: 1, R.KNOWLEDGE_BASE: 1}
    assert week.by_responsibility == {R.MODEL: 1, R.INTEGRATION: 1, R.KNOWLEDGE_BASE: 1, R.UNDETERMINED: 2}
    assert week.by_severity == {"sev1": 2, "unrated": 3}


def test_a_week_before_is_counted_as_it_was_then() -> None:
    known = [incident("a", state=S.VOIDED), incident("b", responsibility=R.MODEL)]
    events = [
        event(K.OPENED, at(-7)),
        event(K.OPENED, at(-6), of="b", whose=R.INTEGRATION),
        event(K.VOIDED, at(1)),
        event(K.UPDATED, at(1), of="b", whose=R.MODEL),
    ]
    week = incidents_week(known, events, WEEKS)
    assert week.opened_before == (0.0, 0.0, 0.0, 2.0)
    assert week.not_ai_before == (0.0, 0.0, 0.0, 1.0)
    assert counts(week) == (0, 0, 0, 1, 0)


def test_lines_are_as_at_the_end_of_the_week_and_the_most_severe_come_first() -> None:
    known = [incident(name, state=S.RESOLVED, severity=None) for name in "abcdef"]
    events = [
        event(K.OPENED, at(-30), of="a", severity=IncidentSeverity.SEV3),
        event(K.OPENED, at(1), of="b", whose=R.INTEGRATION, severity=IncidentSeverity.SEV1),
        event(K.OPENED, at(-3), of="c", severity=IncidentSeverity.SEV1),
        event(K.OPENED, at(2), of="d"),
        event(K.OPENED, at(-9), of="e", severity=IncidentSeverity.SEV1),
        event(K.RESOLVED, at(-2), of="e"),
        event(K.OPENED, at(8), of="f"),
        event(K.RESOLVED, at(2), of="c", severity=IncidentSeverity.SEV1),
    ]
    lines = incident_lines(known, events, WEEK)
    assert [(one.id, one.state, one.resolved_at) for one in lines] == [
        ("b", S.OPEN, None),
        ("c", S.RESOLVED, at(2)),
        ("a", S.OPEN, None),
        ("d", S.OPEN, None),
    ]
    assert (lines[0].responsibility, lines[0].severity, lines[0].opened_at) == (
        R.INTEGRATION,
        IncidentSeverity.SEV1,
        at(1),
    )


def _seen(start: float, end: float) -> SeenAs:
    window = Window(start=at(start), end=at(end))
    return SeenAs(
        fingerprint="d", watch=Watch.DRIFT, responsibility=R.SOURCE_DATA, stage="tickets", headline="D", window=window
    )


@pytest.mark.parametrize(
    ("known", "events", "shown"),
    [
        pytest.param(
            incident(watch=Watch.DRIFT, fields=("queue", "text"), kind="new_category"),
            [event(K.OPENED, at(1))],
            [("queue", "new_category")],
            id="its own",
        ),
        pytest.param(incident(watch=Watch.DRIFT), [event(K.OPENED, at(1))], [(None, None)], id="of no field"),
        pytest.param(
            incident(watch=Watch.DRIFT), [event(K.OPENED, at(-9)), event(K.RESOLVED, at(-1))], [], id="over before"
        ),
        pytest.param(
            incident(watch=Watch.DRIFT),
            [event(K.OPENED, at(-9)), event(K.RESOLVED, at(1))],
            [(None, None)],
            id="over in it",
        ),
        pytest.param(incident(watch=Watch.DRIFT), [event(K.OPENED, at(0)), event(K.VOIDED, at(1))], [], id="void"),
        pytest.param(incident(also_seen=(_seen(1, 2),)), [event(K.OPENED, at(1))], [(None, None)], id="as evidence"),
        pytest.param(incident(also_seen=(_seen(-2, 0),)), [event(K.OPENED, at(-1))], [], id="as evidence before"),
        pytest.param(incident(watch=Watch.COST), [event(K.OPENED, at(1))], [], id="no drift"),
    ],
)
def test_drift(known: Incident, events: Sequence[IncidentEvent], shown: list[tuple[str | None, str | None]]) -> None:
    assert [(one.field, one.kind) for one in drift_of([known], events, WEEK)] == shown


@given(stories())
def test_the_parts_add_up(story: tuple[list[Incident], list[IncidentEvent]]) -> None:
    week = incidents_week(*story, WEEKS)
    assert week.n_looked_like_ai == week.n_not_ai + week.n_ai + week.n_ai_unknown
    assert week.n_not_ai == sum(week.not_ai.values())
    n = sum(week.by_responsibility.values())
    assert n == sum(week.by_severity.values())
    assert max(week.n_opened, week.n_reopened) <= n <= week.n_opened + week.n_reopened
    assert week.n_looked_like_ai <= n
    assert week.n_open_at_end == sum(one.state.is_open for one in incident_lines(*story, WEEK))


@given(stories())
def test_a_later_week_recounts_an_earlier_one_the_same(story: tuple[list[Incident], list[IncidentEvent]]) -> None:
    incidents, events = story
    earlier = WEEK.before()
    by_then = [one for one in events if one.at < earlier.window.end]
    then = incidents_week(incidents, by_then, earlier.with_history())
    # Events that come later tell of themselves; only an incident of which there was none by then is another matter.
    known_by_then = {one.incident_id for one in by_then if one.kind == K.OPENED}
    if known_by_then >= {one.id for one in incidents}:
        now = incidents_week(incidents, events, WEEKS)
        verdicts_known = {one.incident_id for one in by_then if one.verdict is not None}
        assert now.opened_before[-1] == then.n_opened
        if verdicts_known >= known_by_then:
            assert now.not_ai_before[-1] == then.n_not_ai
