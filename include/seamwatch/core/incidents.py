"""Decide what becomes of incidents when a detector says what it found: open, update, resolve, reopen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, over, shown_again
from seamwatch.core.results import Attribution, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.vocabulary import IncidentState, Responsibility, Watch


def fingerprint(
    pipeline: str,
    responsibility: Responsibility,
    stage: str | None,
    fields: Sequence[str] = (),
    kind: str | None = None,
    watch: Watch | None = None,
) -> str:
    """Return what two incidents of the same cause share: who, where, the kind of damage and its first field.

    Only the field that most records name: a regression that touches one more field in the next window is the same
    incident, while a wrong amount and a wrong product at one stage are two. The fields of a knowledge base are its
    documents: an index that is not rebuilt is one incident, however many of them change meanwhile. So is a drift,
    whichever column of a stage shows it best; a seam that changed, whichever of its fields differ; and attacks that
    come in by one field, whether by their number or by what they reached.
    """
    if watch is Watch.INJECTION:
        kind = None
    if watch in (Watch.DRIFT, Watch.SEAM) or (responsibility is Responsibility.KNOWLEDGE_BASE and watch is None):
        fields, kind = (), None
    parts = (pipeline, responsibility, stage or "", kind or "", *fields[:1], *([f"by {watch}"] if watch else []))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What one detector says of one window, as far as it decides on incidents."""

    pipeline: str
    window: Window
    findings: tuple[Finding, ...]
    watch: Watch | None = None
    """The detector; None: attribution, or a check of a knowledge base."""
    n_judged: int | None = None
    """Records of the window that could show a finding; None where a watch does not count them."""
    is_over: Callable[[Incident], bool]
    """Whether it says that an incident of the detector is over that none of its findings shows."""
    stays: frozenset[str] = frozenset()
    """Ids of incidents that stay as they are while open: another detector says more of them."""
    is_repeatable: bool = False
    """Whether a window is run again after a repair, and replaces what it counted before; looks of watches overlap."""


def evaluate_attribution(attribution: Attribution) -> Evaluation:
    """Return what a window's attribution says.

    An open incident is over with a later window that has judged records and no longer shows the cause as a change,
    unless the window is too small to say that it is over (`Attribution.lingering`), or so many of its records are
    undetermined that the cause may be among them. So it is with its last window when that is run again after the
    repair, if half as many of its records are judged as then. A window before an incident's last one ends nothing.
    """
    n_judged = attribution.n_observed - attribution.n_pending
    # Answers that could not be had, as with a spent budget, are no sign of a repair.
    n_unknown = sum(
        cause.n_records
        for cause in attribution.causes
        if cause.is_change and cause.responsibility is Responsibility.UNDETERMINED
    )

    def is_over(incident: Incident) -> bool:
        is_later = incident.last_window.end <= attribution.window.start
        is_again = incident.last_window == attribution.window and 2 * n_judged >= (incident.n_judged or 0)
        return (
            n_judged > 0
            and (is_later or is_again)
            and 2 * n_unknown < max(incident.n_records, 1)
            and (incident.responsibility, incident.stage) not in attribution.lingering
        )

    return Evaluation(
        pipeline=attribution.pipeline,
        window=attribution.window,
        findings=attribution.causes,
        n_judged=n_judged,
        is_over=is_over,
        is_repeatable=True,
    )


def evaluate_watch(report: WatchReport) -> Evaluation:
    """Return what a look of a watch, or at the error budgets, says.

    Looks overlap, so an incident is over with the first later look that no longer shows it, unless too few records
    came since to say so (`WatchReport.still`).
    """
    return Evaluation(
        pipeline=report.pipeline,
        window=report.window,
        findings=report.findings,
        watch=report.watch,
        is_over=lambda incident: incident.last_window.end < report.window.end and incident.kind not in report.still,
    )


def evaluate_seams(report: WatchReport) -> Evaluation:
    """Return what the seams of a window say.

    An incident is over with a later window, or with its own when that is run again after the repair, that compared
    records of the stage and does not show it as changed; of stages in `WatchReport.still` that cannot be said.
    """
    return Evaluation(
        pipeline=report.pipeline,
        window=report.window,
        findings=report.findings,
        watch=Watch.SEAM,
        is_over=lambda incident: (
            (incident.last_window.end <= report.window.start or incident.last_window == report.window)
            and incident.stage not in report.still
        ),
        is_repeatable=True,
    )


def decide(known: Iterable[Incident], evaluation: Evaluation, *, now: datetime) -> list[IncidentChange]:
    """Return what changes: one entry per incident touched, in the order of the findings, resolved ones last.

    Args:
        known: Incidents of this pipeline, in whatever state; those of other detectors are left as they are.
        evaluation: What a detector says; only findings that are a change make an incident.
        now: Aware time of the decision.

    A window that is run again without a repair gives the same incidents. What attribution, or another watch, has open
    at the same stage with the same responsibility is not opened a second time by a watch: it is one cause that shows
    in two measurements. What shows the cause of a merged incident is told to the incident that it was merged into.
    """
    known = list(known)
    by_id = {incident.id: incident for incident in known}
    mine = _by_cause(known, evaluation.watch)
    elsewhere = set() if evaluation.watch is None else _open_elsewhere(known, evaluation.watch)
    shown: set[str] = set()
    changes: list[IncidentChange] = []
    for finding in evaluation.findings:
        cause = _fingerprint_of(finding, evaluation)
        before = mine.get(cause)
        if before is not None and before.state is IncidentState.MERGED:
            before = by_id.get(before.merged_into or "", before)
        is_new = before is None or before.state is IncidentState.RESOLVED
        is_known_elsewhere = is_new and (finding.responsibility, finding.stage) in elsewhere
        if not finding.is_change or (before.id if before else cause) in shown or is_known_elsewhere:
            continue
        shown.add(before.id if before else cause)
        if before is None:
            changes.append(_open(evaluation, finding, cause, now))
        elif is_new or before.id not in evaluation.stays:
            changes.append(_renew(before, evaluation, finding, now))
    for incident in mine.values():
        if incident.id not in shown and evaluation.is_over(incident):
            changes.extend(_resolve(incident, evaluation, now))
    return changes


def _by_cause(known: Iterable[Incident], watch: Watch | None) -> dict[str, Incident]:
    """Return the incidents of a detector by their cause."""
    return {incident.fingerprint: incident for incident in known if incident.watch is watch}


def _fingerprint_of(finding: Finding, evaluation: Evaluation) -> str:
    return fingerprint(
        evaluation.pipeline, finding.responsibility, finding.stage, finding.fields, finding.kind, evaluation.watch
    )


def _open_elsewhere(known: Iterable[Incident], watch: Watch) -> set[tuple[Responsibility, str | None]]:
    """Return who and where the open incidents of other detectors are."""
    return {
        (incident.responsibility, incident.stage)
        for incident in known
        if incident.watch is not watch
        and incident.is_open
        and incident.responsibility is not Responsibility.UNDETERMINED
    }


def _resolve(incident: Incident, evaluation: Evaluation, now: datetime) -> list[IncidentChange]:
    """Return an incident resolved; what its last window counted is replaced where that was run again."""
    resolved = over(incident, now=now)
    if resolved is None:
        return []
    if evaluation.is_repeatable and incident.last_window == evaluation.window:
        place = (incident.responsibility, incident.stage)
        n_left = sum(one.n_records for one in evaluation.findings if (one.responsibility, one.stage) == place)
        resolved = replace(resolved, n_windows=incident.n_windows - 1, n_records=n_left, n_judged=evaluation.n_judged)
    if evaluation.is_repeatable:
        resolved = replace(resolved, resolved_in=evaluation.window)
    return [IncidentChange(kind=ChangeKind.RESOLVED, incident=resolved)]


def _open(evaluation: Evaluation, finding: Finding, cause: str, now: datetime) -> IncidentChange:
    at = evaluation.window.end if evaluation.watch else evaluation.window.start
    incident = Incident(
        id=f"{evaluation.pipeline}-{at:%Y%m%d%H%M}-{cause[:6]}",
        fingerprint=cause,
        pipeline=evaluation.pipeline,
        responsibility=finding.responsibility,
        stage=finding.stage,
        fields=finding.fields,
        state=IncidentState.OPEN,
        headline=finding.headline,
        confidence=finding.confidence,
        opened_at=now,
        updated_at=now,
        first_window=evaluation.window,
        last_window=evaluation.window,
        n_records=finding.n_records,
        n_judged=evaluation.n_judged,
        watch=evaluation.watch,
        kind=finding.kind if evaluation.watch else None,
    )
    return IncidentChange(kind=ChangeKind.OPENED, incident=incident)


def _renew(before: Incident, evaluation: Evaluation, finding: Finding, now: datetime) -> IncidentChange:
    window = evaluation.window
    # Its last window may have been run again twice: after a repair, and after that was undone.
    is_back = before.state is IncidentState.RESOLVED and window == before.last_window == before.resolved_in
    is_later = window > before.last_window
    # A window between the first and the last has been counted, or cannot be told from one that is run again.
    is_counted = not (is_later or is_back or window < before.first_window)
    after = replace(
        shown_again(before, window, is_news=is_later or is_back),
        updated_at=now,
        first_window=min(before.first_window, window),
        last_window=max(before.last_window, window),
        n_windows=before.n_windows + (not is_counted),
    )
    if window == after.last_window and before.watch is evaluation.watch:
        after = replace(
            after,
            fields=finding.fields,
            headline=finding.headline,
            confidence=finding.confidence,
            n_records=finding.n_records,
            n_judged=evaluation.n_judged,
            kind=finding.kind if before.watch else None,
        )
    is_reopened = after.state is IncidentState.OPEN and before.state is not IncidentState.OPEN
    return IncidentChange(kind=ChangeKind.REOPENED if is_reopened else ChangeKind.UPDATED, incident=after)
