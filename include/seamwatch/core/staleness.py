"""When outdated documents are an incident, and when it is over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.freshness_results import AGAINST_ANSWERS, DocumentAnswers, FreshnessCheck
from seamwatch.core.incident_evaluations import Evaluation
from seamwatch.core.results import Window
from seamwatch.vocabulary import FreshnessReason, Responsibility

_NAMED = 5
"""Documents named in a headline and an incident."""


def outdated_in_answers(check: FreshnessCheck) -> tuple[DocumentAnswers, ...]:
    """Return the documents that are not as they should be now, and that answers rested on."""
    return tuple(document for document in check.documents if document.n_answers and document.reason in AGAINST_ANSWERS)


def finding_of(check: FreshnessCheck) -> Finding | None:
    """Return what a check says of the answers; None where it saw none that rested on outdated documents.

    It is a change, and so an incident, where more answers rested on documents that are still not as they should be
    than the goal allows. Whether such an answer was wrong for it is what attribution tells by a replay; here it is
    what was served that counts.
    """
    answers, outdated = check.answers, outdated_in_answers(check)
    if answers is None or not answers.n_affected:
        return None
    documents = tuple(dict.fromkeys(document.document for document in outdated))[:_NAMED]
    reasons = [document.reason for document in outdated]
    leading = (
        max(FreshnessReason, key=lambda reason: (reasons.count(reason), reason == FreshnessReason.STALE))
        if outdated
        else None
    )
    n = answers.n_with_ids
    return Finding(
        responsibility=Responsibility.KNOWLEDGE_BASE,
        stage=check.stage,
        fields=documents,
        n_records=answers.n_affected,
        share=1.0,
        share_low=1.0,
        share_high=1.0,
        confidence=0.99,
        kind=None if leading is None else leading.value,
        onset=min((document.since for document in outdated if document.since is not None), default=None),
        rate=RateComparison(n_expected=(1.0 - check.goal) * n, is_change=check.is_outdated and bool(outdated)),
    )


def evaluate_check(check: FreshnessCheck, *, attributed: Collection[str] = ()) -> Evaluation:
    """Return what a check says of the incident of its knowledge base.

    Args:
        check: What was found; of no answers, it says nothing.
        attributed: Ids of incidents whose last window was attributed: it says more than a check, so that one of them
            that is open stays as it is.

    It is over once no document behind answers is left as it was: the answers before count against the goal for a while
    yet, the repair does not wait for that.
    """
    finding = finding_of(check)
    is_known = check.answers is not None and check.stage is not None
    is_change = is_known and finding is not None and finding.is_change
    # Where nobody asked meanwhile, no answer shows that the documents are served right again.
    is_unseen = (
        check.answers is not None
        and not check.answers.n_with_ids
        and any(one.reason in AGAINST_ANSWERS for one in check.documents)
    )
    is_well = is_known and not is_change and not outdated_in_answers(check) and not is_unseen
    return Evaluation(
        pipeline=check.pipeline,
        window=window_of(check),
        findings=(finding,) if finding is not None and is_change else (),
        n_judged=check.answers.n_with_ids if check.answers is not None else None,
        stays=frozenset(attributed) if is_change else frozenset(),
        is_over=lambda incident: (
            is_well
            and (incident.responsibility, incident.stage) == (Responsibility.KNOWLEDGE_BASE, check.stage)
            and incident.last_window.end <= check.checked_at
        ),
    )


def window_of(check: FreshnessCheck) -> Window:
    """Return the span whose answers a check looked at; of a check that saw none, the moment before it."""
    return Window(start=check.answers_since or check.checked_at - timedelta(seconds=1), end=check.checked_at)
