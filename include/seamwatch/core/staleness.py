"""When outdated documents are an incident, and when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from seamwatch.core.attribution import words
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.freshness import AGAINST_ANSWERS
from seamwatch.core.freshness_results import DocumentAnswers, FreshnessCheck
from seamwatch.core.incidents import ChangeKind, Incident, IncidentChange, decide
from seamwatch.core.results import Attribution, IsolationResult, Signal, StagePicture, Window
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import FreshnessReason, IncidentState, Responsibility, Severity, StageKind, UnknownReason

_NAMED = 5
"""Documents named in a headline and an incident."""


def behind_answers(check: FreshnessCheck) -> tuple[DocumentAnswers, ...]:
    """Return the documents that are not as they should be now, and that answers rested on."""
    return tuple(one for one in check.documents if one.n_answers and one.reason in AGAINST_ANSWERS)


def staleness(check: FreshnessCheck, pipeline: Pipeline) -> Attribution:
    """Return what a check says of the answers, in the form in which everything is told.

    Its one cause is a change, and so an incident, where more answers rested on documents that are still not as they
    should be than the goal allows. Whether such an answer was wrong for it is what attribution tells by a replay; here
    it is what was served that counts.
    """
    answers, behind = check.answers, behind_answers(check)
    assert answers is not None
    assert check.answers_since is not None
    documents = tuple(dict.fromkeys(one.document for one in behind))[:_NAMED]
    reasons = [one.reason for one in behind]
    leading = (
        max(FreshnessReason, key=lambda one: (reasons.count(one), one == FreshnessReason.STALE)) if behind else None
    )
    n = answers.n_with_ids
    cause = Finding(
        responsibility=Responsibility.KNOWLEDGE_BASE,
        stage=check.stage,
        fields=documents,
        n_records=answers.n_affected,
        share=1.0,
        share_low=1.0,
        share_high=1.0,
        confidence=0.99,
        headline=words.outdated_answers(answers.n_affected, n, check.knowledge_base, documents),
        kind=None if leading is None else leading.value,
        onset=min((one.since for one in behind if one.since is not None), default=None),
        rate=RateComparison(n_expected=(1.0 - check.goal) * n, is_change=check.is_outdated and bool(behind)),
    )
    return Attribution(
        pipeline=check.pipeline,
        window=Window(start=check.answers_since, end=check.checked_at),
        n_observed=n,
        n_failing=0,
        n_pending=0,
        n_examined=0,
        causes=(cause,) if answers.n_affected else (),
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=0.0),
        signals=tuple(signals(check)),
        stages=tuple(
            StagePicture(
                name=stage.name,
                kind=stage.kind.value,
                inputs=stage.input,
                n_records=answers.n_answers if stage.name == check.stage else None,
                n_failed=answers.n_affected if stage.name == check.stage else 0,
                is_reconciled=stage.kind in (StageKind.SOURCE, StageKind.MODEL) or stage.reference is not None,
                is_cause=stage.name == check.stage and cause.is_change,
            )
            for stage in pipeline.stages
        ),
        is_by_served=True,
        documents=check.documents,
        notes=check.notes,
    )


def signals(check: FreshnessCheck) -> list[Signal]:
    """Return what a check measured that is not as it should be."""
    found = []
    share = check.answers.share_fresh if check.answers is not None else None
    if check.is_breached and check.answers is not None and share is not None:
        what = f"of the answers rested on up-to-date documents of {check.knowledge_base}"
        text = f"{share:.1%} {what}, goal {check.goal:.1%}"
        n = check.answers.n_affected
        found.append(Signal(kind="freshness", stage=check.stage, severity=Severity.CRITICAL, text=text, n_records=n))
    if check.answers is not None and check.answers.n_unknown:
        n, of = check.answers.n_unknown, check.answers.n_with_ids
        text = f"{n} of {of} answers rest on ids that neither the source nor the index of {check.knowledge_base} knows"
        kind = UnknownReason.UNKNOWN_DOCUMENT.value
        found.append(Signal(kind=kind, stage=check.stage, severity=Severity.WARNING, text=text, n_records=n))
    for reason, count in check.by_reason.items():
        if reason != FreshnessReason.SKIPPED:
            text = f"{count} of {check.n_source} documents of {check.knowledge_base}: {reason.replace('_', ' ')}"
            found.append(Signal(kind=reason, stage=check.stage, severity=Severity.WARNING, text=text, n_records=count))
    return found


def decide_staleness(
    known: Iterable[Incident],
    check: FreshnessCheck,
    pipeline: Pipeline,
    *,
    with_verdicts: Iterable[str],
    now: datetime,
) -> list[IncidentChange]:
    """Return what a check changes: it opens, updates and resolves the incident of its knowledge base.

    Args:
        known: Incidents of the pipeline.
        check: What was found.
        pipeline: Its definition.
        with_verdicts: Ids of open incidents whose last window was attributed: it says more than a check, and stays.
        now: Aware time of the decision.

    It is over once no document behind answers is left as it was: the answers before count against the goal for a while
    yet, the repair does not wait for that.
    """
    mine = [
        incident
        for incident in known
        if (incident.responsibility, incident.stage) == (Responsibility.KNOWLEDGE_BASE, check.stage)
        and incident.watch is None
    ]
    if check.answers is None or check.stage is None:
        return []
    found = staleness(check, pipeline)
    if any(cause.is_change for cause in found.causes):
        kept = set(with_verdicts)
        if any(one.id in kept and one.state is not IncidentState.RESOLVED for one in mine):
            return []
        return decide(mine, found, now=now)
    # Where nobody asked meanwhile, no answer shows that the documents are served right again.
    is_unseen = not check.answers.n_with_ids and any(one.reason in AGAINST_ANSWERS for one in check.documents)
    if behind_answers(check) or is_unseen:
        return []
    return [
        IncidentChange(
            kind=ChangeKind.RESOLVED,
            incident=replace(incident, state=IncidentState.RESOLVED, resolved_at=now, updated_at=now),
        )
        for incident in mine
        if incident.state is not IncidentState.RESOLVED and incident.last_window.end <= check.checked_at
    ]
