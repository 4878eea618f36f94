"""What is known of one verdict: by whom, of which responsibility, and by fixes that did or did not help."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seamwatch.core.action_life import ActionRun
from seamwatch.core.grades import JudgedVerdict, NotGraded
from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import IncidentEvent, ToldVerdict
from seamwatch.core.results import Window
from seamwatch.core.verdict_evidence import FixResult, action_result, is_candidate, judge_verdict
from seamwatch.vocabulary import ActionState, IncidentState, Responsibility

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
R = Responsibility
INCIDENT = Incident(
    id="parcels-1",
    fingerprint="f1",
    pipeline="parcels",
    responsibility=R.INTEGRATION,
    stage="request",
    fields=("product",),
    state=IncidentState.OPEN,
    headline="Integration failure at request",
    confidence=0.97,
    opened_at=NOW,
    updated_at=NOW,
    first_window=Window(start=NOW - DAY, end=NOW),
    last_window=Window(start=NOW - DAY, end=NOW),
    n_records=30,
)


def told(responsibility: Responsibility = R.INTEGRATION, confidence: float = 0.97) -> ToldVerdict:
    return ToldVerdict(responsibility=responsibility, stage="request", confidence=confidence)


def event(kind: str, day: float, *, by: str | None = None, why: str = "", verdict: Any = "same") -> IncidentEvent:
    return IncidentEvent(
        incident_id="parcels-1",
        kind=kind,
        window=None,
        by=by,
        at=NOW + day * DAY,
        why=why,
        verdict=told() if verdict == "same" else verdict,
    )


def judged(*events: IncidentEvent, **more: Any) -> JudgedVerdict:
    found = judge_verdict(INCIDENT, (event("opened", 0), *events), **{"until": NOW + 60 * DAY, **more})
    assert isinstance(found, JudgedVerdict)
    return found


def wrong(day: float, really: str, *, by: str = "ada", verdict: Any = "same") -> IncidentEvent:
    return event("called_wrong", day, by=by, why=f"really {really}: I saw it", verdict=verdict)


@pytest.mark.parametrize(
    ("events", "is_right", "is_disputed"),
    [
        ((), None, False),
        ((wrong(1, "model"),), False, False),
        ((event("called_right", 1, by="ada"),), True, False),
        # Who names the same responsibility contradicts a field or the stage: the responsibility is right.
        ((wrong(1, "integration"),), True, False),
        # The last word counts; who changes their own mind contradicts nobody.
        ((wrong(1, "model"), event("called_right", 2, by="ada")), True, False),
        ((wrong(1, "model"), event("called_right", 2, by="bob")), True, True),
        ((event("called_right", 1, by="ada"), wrong(2, "provider", by="bob")), False, True),
        # Of a verdict from before, whose it really was tells of the later one too.
        ((wrong(1, "integration", verdict=told(R.MODEL)), event("updated", 2)), True, False),
        ((event("called_right", 1, by="ada", verdict=told(R.MODEL)), event("updated", 2)), False, False),
        ((event("called_right", 1, by="ada", verdict=told(R.UNDETERMINED)), event("updated", 2)), None, False),
        ((event("called_right", 1, by="ada", verdict=None),), True, False),
        # What cannot be read of the reason leaves that it was called wrong.
        ((event("called_wrong", 1, by="ada", why="???"),), False, False),
        ((event("called_wrong", 1, by="ada", why="???", verdict=told(R.MODEL)), event("updated", 2)), None, False),
        ((wrong(61, "model"),), None, False),
    ],
)
def test_people_call_a_verdict_right_or_wrong(
    events: tuple[IncidentEvent, ...], is_right: bool | None, is_disputed: bool
) -> None:
    found = judged(*events)
    assert (found.by_people, found.is_right, found.is_disputed) == (is_right, is_right, is_disputed)
    assert (found.responsibility, found.stated) == (R.INTEGRATION, 0.97)


FIXED = event("mitigated", 1, by="ada")


@pytest.mark.parametrize(
    ("events", "helped"),
    [
        ((FIXED,), None),
        ((FIXED, event("resolved", 2)), True),
        ((FIXED, event("reopened", 2)), False),
        ((FIXED, event("resolved", 2), event("reopened", 8.9)), False),
        ((FIXED, event("resolved", 2), event("reopened", 9.1)), True),
        ((FIXED, event("resolved", 54)), None),
        ((FIXED, event("resolved", 2, by="ada")), None),
        ((FIXED, event("reopened", 2, by="ada")), None),
        ((FIXED, event("merged", 2, by="ada")), None),
        ((event("resolved", 2),), None),
        ((FIXED, event("reopened", 2), event("mitigated", 3, by="bob"), event("resolved", 4)), True),
        ((FIXED, event("mitigated", 2, by="bob"), event("resolved", 4)), True),
        # A fix of what another verdict named says nothing of this one.
        ((event("mitigated", 1, by="ada", verdict=told(R.MODEL)), event("updated", 2), event("resolved", 3)), None),
        # An action notes the incident as mitigated: its own check judges it.
        ((event("action_done", 1), event("mitigated", 1, by="ada"), event("resolved", 2)), None),
    ],
)
def test_a_persons_fix_confirms_where_the_cause_stays_away(
    events: tuple[IncidentEvent, ...], helped: bool | None
) -> None:
    assert judged(*events).by_fix is helped


def test_people_and_a_fix_that_contradict_each_other_are_counted() -> None:
    found = judged(FIXED, event("resolved", 2), wrong(10, "model"))
    assert (found.by_people, found.by_fix, found.is_right, found.is_disputed) == (False, True, False, True)


def action(state: ActionState, **more: Any) -> ActionRun:
    known: dict[str, Any] = {"runbook": "model_degradation", "done_at": NOW + DAY, "check_by": NOW + 3 * DAY}
    return ActionRun(
        id="parcels-1/roll_back/x",
        incident_id="parcels-1",
        pipeline="parcels",
        name="roll_back",
        state=state,
        proposed_at=NOW,
        updated_at=NOW + 2 * DAY,
        answer_by=NOW + DAY,
        **{**known, **more},
    )


TAKEN_BACK = event("action_begun", 2, by="ada")


@pytest.mark.parametrize(
    ("run", "kind", "check", "events", "wanted"),
    [
        (action(ActionState.HELPED), "mlflow_alias", None, (), (True, R.MODEL)),
        (action(ActionState.HELPED), "sql", "windows", (), (True, R.MODEL)),
        (action(ActionState.HELPED, runbook="integration_failure"), "dag", None, (), (True, R.INTEGRATION)),
        (action(ActionState.HELPED), "reindex", None, (), (True, R.KNOWLEDGE_BASE)),
        (action(ActionState.UNDONE), "mlflow_alias", None, (), (False, R.MODEL)),
        (action(ActionState.ESCALATED), "mlflow_alias", None, (), (False, R.MODEL)),
        # Nothing told in time, nothing was measured, a person took it back, it was never done, it mends nothing.
        (action(ActionState.ESCALATED, check_by=NOW + 2 * DAY), "mlflow_alias", None, (), None),
        (action(ActionState.HELPED), "sql", "none", (), None),
        (action(ActionState.UNDONE), "mlflow_alias", None, (TAKEN_BACK,), None),
        (action(ActionState.ESCALATED, done_at=None), "mlflow_alias", None, (), None),
        (action(ActionState.REJECTED), "mlflow_alias", None, (), None),
        (action(ActionState.HELPED), "quarantine", None, (), None),
        (action(ActionState.HELPED), "run_again", None, (), None),
        (action(ActionState.HELPED), "litellm", None, (), None),
        (action(ActionState.HELPED, runbook="cost_spike"), "http", None, (), None),
        (action(ActionState.HELPED, runbook="of_another_version"), "http", None, (), None),
        (action(ActionState.HELPED), None, None, (), None),
    ],
)
def test_an_action_tells_of_the_verdict_where_it_mends_and_was_measured(
    run: ActionRun,
    kind: str | None,
    check: str | None,
    events: tuple[IncidentEvent, ...],
    wanted: tuple[bool, Responsibility] | None,
) -> None:
    found = action_result(run, kind=kind, check=check, events=events)
    assert (None if found is None else (found.helped, found.mended)) == wanted


def test_an_action_counts_where_it_mends_what_the_verdict_names() -> None:
    mine = FixResult(at=NOW + DAY, helped=True, mended=R.INTEGRATION)
    other = FixResult(at=NOW + 2 * DAY, helped=False, mended=R.MODEL)
    later = FixResult(at=NOW + 3 * DAY, helped=False, mended=R.INTEGRATION)
    assert judged(actions=[mine, other]).by_fix is True
    assert judged(actions=[mine, later]).by_fix is False
    assert judged(actions=[mine, later], until=NOW + 2.5 * DAY).by_fix is True


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((event("updated", 1, verdict=told(R.UNDETERMINED)),), NotGraded.NAMES_NOBODY),
        ((event("voided", 1, by="ada"),), NotGraded.VOID),
        ((event("voided", 1, by="ada"), event("resolved", 2)), NotGraded.VOID),
        ((event("voided", 1, by="ada"), event("reopened", 2)), None),
        ((event("voided", 61, by="ada"),), None),
    ],
)
def test_what_names_nobody_or_is_void_has_no_verdict(
    events: tuple[IncidentEvent, ...], reason: NotGraded | None
) -> None:
    found = judge_verdict(INCIDENT, (event("opened", 0), *events), until=NOW + 60 * DAY)
    assert (found if isinstance(found, NotGraded) else None) is reason


def test_a_verdict_has_had_its_chance_unless_people_judged_it_or_it_named_nobody_at_the_draw() -> None:
    drawn_at = NOW + 5 * DAY
    assert not judged().had_chance
    assert judged(week_drawn_at=drawn_at).had_chance
    assert judged(wrong(6, "model"), week_drawn_at=drawn_at).had_chance
    assert not judged(wrong(4, "model"), week_drawn_at=drawn_at).had_chance
    late = (event("updated", 1, verdict=told(R.UNDETERMINED)), event("updated", 6))
    assert not judged(*late, week_drawn_at=drawn_at).had_chance
    assert is_candidate(INCIDENT, (event("voided", 1, by="ada"),), at=drawn_at) is None
    assert is_candidate(INCIDENT, (), at=drawn_at) == ToldVerdict.of(INCIDENT)
