"""When outdated documents behind answers open an incident, renew it, end it or leave it as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core import incidents
from seamwatch.core.freshness_results import AnswerSli, DocumentAnswers, FreshnessCheck
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.staleness import evaluate_check
from seamwatch.vocabulary import FreshnessReason, IncidentState, Responsibility, Watch

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def document(
    n_answers: int, *, reason: FreshnessReason = FreshnessReason.STALE, name: str = "returns.md"
) -> DocumentAnswers:
    return DocumentAnswers(document=name, reason=reason, n_answers=n_answers, since=NOW - 5 * HOUR)


def check(
    *documents: DocumentAnswers,
    affected: int = 0,
    answers: int = 100,
    unknown: int = 0,
    goal: float = 0.95,
    stage: str | None = "lookup",
    at: datetime = NOW,
) -> FreshnessCheck:
    return FreshnessCheck(
        pipeline="help",
        knowledge_base="base",
        stage=stage,
        checked_at=at,
        is_full=True,
        n_source=10,
        n_indexed=10,
        n_changed=10,
        by_reason={one.reason.value: 1 for one in documents},
        documents=documents,
        answers=AnswerSli(n_answers=answers, n_with_ids=answers, n_affected=affected, n_unknown=unknown),
        answers_since=at - timedelta(days=1),
        goal=goal,
    )


def decide(
    found: FreshnessCheck, *known: Incident, attributed: tuple[str, ...] = (), now: datetime = NOW
) -> dict[ChangeKind, Incident]:
    changes = incidents.decide(known, evaluate_check(found, attributed=attributed), now=now)
    return {change.kind: change.incident for change in changes}


@pytest.fixture
def opened() -> Incident:
    return decide(check(document(20), affected=20))[ChangeKind.OPENED]


def test_an_incident_names_the_retrieval_its_documents_and_since_when(opened: Incident) -> None:
    assert opened.responsibility is Responsibility.KNOWLEDGE_BASE
    assert (opened.stage, opened.fields, opened.n_records) == ("lookup", ("returns.md",), 20)
    assert (opened.state, opened.watch, opened.opened_at) == (IncidentState.OPEN, None, NOW)
    # Whether an answer was wrong by a document is for attribution to say.
    assert opened.has_wrong_answers is False


@pytest.mark.parametrize(
    "found",
    [
        check(document(5), affected=5),
        check(document(0), affected=0),
        check(document(20, reason=FreshnessReason.SKIPPED)),
        check(affected=20),
        check(unknown=90),
        check(document(20), affected=20, answers=0),
        check(document(20), affected=20, stage=None),
        replace(check(document(20), affected=20), answers=None),
    ],
    ids=[
        "no more than the goal allows",
        "no answer rested on it",
        "a document that is left out on purpose",
        "mended meanwhile",
        "nobody knows the documents",
        "no answer",
        "no retrieval serves it",
        "answers are not recorded",
    ],
)
def test_what_opens_no_incident(found: FreshnessCheck) -> None:
    assert decide(found) == {}


@pytest.mark.parametrize("reason", ["stale", "missing", "ghost", "duplicate"])
def test_whatever_is_wrong_with_a_document_that_was_served(reason: str) -> None:
    found = decide(check(document(20, reason=FreshnessReason(reason)), affected=20))
    assert list(found) == [ChangeKind.OPENED]


def test_other_documents_of_the_same_knowledge_base_are_the_same_incident(opened: Incident) -> None:
    later = check(document(30, name="fees.md"), document(9), affected=39, at=NOW + HOUR)
    found = decide(later, opened, now=NOW + HOUR)
    assert list(found) == [ChangeKind.UPDATED]
    assert (found[ChangeKind.UPDATED].id, found[ChangeKind.UPDATED].n_records) == (opened.id, 39)
    assert found[ChangeKind.UPDATED].fields == ("fees.md", "returns.md")


def test_it_is_over_once_no_document_is_left_whatever_the_answers_before_count(opened: Incident) -> None:
    found = decide(check(affected=20, at=NOW + HOUR), opened, now=NOW + HOUR)
    assert list(found) == [ChangeKind.RESOLVED]
    assert found[ChangeKind.RESOLVED].resolved_at == NOW + HOUR


@pytest.mark.parametrize(
    "found",
    [
        check(document(3), affected=3, at=NOW + HOUR),
        check(document(0), answers=0, at=NOW + HOUR),
        check(at=NOW - 2 * HOUR),
        replace(check(at=NOW + HOUR), answers=None),
    ],
    ids=[
        "fewer than the goal allows, but some",
        "nobody asked meanwhile",
        "a check from before it",
        "answers are no longer recorded",
    ],
)
def test_what_ends_no_incident(opened: Incident, found: FreshnessCheck) -> None:
    assert decide(found, opened, now=NOW + HOUR) == {}


def test_it_reopens_as_the_same_incident(opened: Incident) -> None:
    over = decide(check(at=NOW + HOUR), opened, now=NOW + HOUR)[ChangeKind.RESOLVED]
    again = decide(check(document(20), affected=20, at=NOW + 2 * HOUR), over, now=NOW + 2 * HOUR)
    assert list(again) == [ChangeKind.REOPENED]
    assert (again[ChangeKind.REOPENED].id, again[ChangeKind.REOPENED].resolved_at) == (opened.id, None)


def test_an_incident_attributed_says_more_than_a_check_and_stays(opened: Incident) -> None:
    found = check(document(40), affected=40, at=NOW + HOUR)
    assert decide(found, opened, attributed=(opened.id,), now=NOW + HOUR) == {}
    over = check(at=NOW + HOUR)
    assert list(decide(over, opened, attributed=(opened.id,), now=NOW + HOUR)) == [ChangeKind.RESOLVED]


def test_incidents_of_others_are_left_alone(opened: Incident) -> None:
    others = [
        replace(opened, id="watched", fingerprint="w", watch=Watch.LATENCY),
        replace(opened, id="mapping", fingerprint="m", responsibility=Responsibility.INTEGRATION),
        replace(opened, id="elsewhere", fingerprint="e", stage="other"),
    ]
    assert decide(check(at=NOW + HOUR), *others, now=NOW + HOUR) == {}
