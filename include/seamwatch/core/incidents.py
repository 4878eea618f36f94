"""Decide what becomes of incidents when a detector says what it found: open, update, resolve, reopen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from seamwatch.core.finding import Finding
from seamwatch.core.results import Attribution, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.vocabulary import IncidentState, Responsibility, Watch


class ChangeKind(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    ALERTED = "alerted"
    """An error budget burns by it: the incident itself is as it was."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Verdicts and signals that share a cause, with a life."""

    id: str
    fingerprint: str
    pipeline: str
    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...]
    state: IncidentState
    headline: str
    confidence: float
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    first_window: Window
    last_window: Window
    """The latest window that showed the cause; where it was run again after the repair, it shows it no longer."""
    n_windows: int = 1
    """Windows that show the cause, each as it was run last."""
    n_records: int
    """Failing records of this cause in the latest window."""
    n_judged: int | None = None
    """Records of the latest window whose outcome was known; None where a watch found it, or before this was kept."""
    resolved_in: Window | None = None
    """The window that no longer showed the cause; None: it is not resolved, or something else resolved it."""
    watch: Watch | None = None
    """What found it; None: attribution, or a check of a knowledge base."""
    kind: str | None = None
    """What kind of damage or change, where a watch found it."""


@dataclass(frozen=True, kw_only=True)
class IncidentChange:
    """One incident as it is now, and what just happened to it."""

    kind: ChangeKind
    incident: Incident


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
    whichever column of a stage shows it best; and attacks that come in by one field, whether by their number or by what
    they reached.
    """
    if watch is Watch.INJECTION:
        kind = None
    if watch is Watch.DRIFT or (responsibility is Responsibility.KNOWLEDGE_BASE and watch is None):
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


def decide(known: Iterable[Incident], found: Evaluation, *, now: datetime) -> list[IncidentChange]:
    """Return what changes: one entry per incident touched, in the order of the findings, resolved ones last.

    Args:
        known: Incidents of this pipeline: open and acknowledged ones, and resolved ones that may reopen; those of
            other detectors are left as they are.
        found: What a detector says; only findings that are a change make an incident.
        now: Aware time of the decision.

    A window that is run again without a repair gives the same incidents. What attribution, or another watch, has open
    at the same stage with the same responsibility is not opened a second time by a watch: it is one cause that shows
    in two measurements.
    """
    known = list(known)
    mine = {incident.fingerprint: incident for incident in known if incident.watch is found.watch}
    elsewhere = set() if found.watch is None else _open_elsewhere(known, found.watch)
    seen: set[str] = set()
    changes: list[IncidentChange] = []
    for finding in found.findings:
        mark = fingerprint(
            found.pipeline, finding.responsibility, finding.stage, finding.fields, finding.kind, found.watch
        )
        before = mine.get(mark)
        is_new = before is None or before.state is IncidentState.RESOLVED
        is_told = is_new and (finding.responsibility, finding.stage) in elsewhere
        if not finding.is_change or mark in seen or is_told:
            continue
        seen.add(mark)
        if before is None:
            changes.append(_open(found, finding, mark, now))
        elif is_new or before.id not in found.stays:
            changes.append(_renew(before, found, finding, now))
    changes.extend(
        _resolve(incident, found, now)
        for incident in mine.values()
        if incident.fingerprint not in seen and incident.state is not IncidentState.RESOLVED and found.is_over(incident)
    )
    return changes


def _open_elsewhere(known: Iterable[Incident], watch: Watch) -> set[tuple[Responsibility, str | None]]:
    """Return who and where the open incidents of other detectors are."""
    return {
        (incident.responsibility, incident.stage)
        for incident in known
        if incident.watch is not watch
        and incident.state is not IncidentState.RESOLVED
        and incident.responsibility is not Responsibility.UNDETERMINED
    }


def _resolve(incident: Incident, found: Evaluation, now: datetime) -> IncidentChange:
    """Return an incident resolved; what its last window counted is replaced where that was run again."""
    if found.is_repeatable and incident.last_window == found.window:
        place = (incident.responsibility, incident.stage)
        n_left = sum(one.n_records for one in found.findings if (one.responsibility, one.stage) == place)
        incident = replace(incident, n_windows=incident.n_windows - 1, n_records=n_left, n_judged=found.n_judged)
    resolved = replace(
        incident,
        state=IncidentState.RESOLVED,
        resolved_at=now,
        resolved_in=found.window if found.is_repeatable else incident.resolved_in,
        updated_at=now,
    )
    return IncidentChange(kind=ChangeKind.RESOLVED, incident=resolved)


def _open(found: Evaluation, finding: Finding, mark: str, now: datetime) -> IncidentChange:
    incident = Incident(
        id=f"{found.pipeline}-{(found.window.end if found.watch else found.window.start):%Y%m%d%H%M}-{mark[:6]}",
        fingerprint=mark,
        pipeline=found.pipeline,
        responsibility=finding.responsibility,
        stage=finding.stage,
        fields=finding.fields,
        state=IncidentState.OPEN,
        headline=finding.headline,
        confidence=finding.confidence,
        opened_at=now,
        updated_at=now,
        first_window=found.window,
        last_window=found.window,
        n_records=finding.n_records,
        n_judged=found.n_judged,
        watch=found.watch,
        kind=finding.kind if found.watch else None,
    )
    return IncidentChange(kind=ChangeKind.OPENED, incident=incident)


def _renew(before: Incident, found: Evaluation, finding: Finding, now: datetime) -> IncidentChange:
    window = found.window
    # Its last window may have been run again twice: after a repair, and after that was undone.
    is_back = before.state is IncidentState.RESOLVED and window == before.last_window == before.resolved_in
    is_later = window > before.last_window
    was_resolved = before.state is IncidentState.RESOLVED and (is_later or is_back)
    # A window between the first and the last has been counted, or cannot be told from one that is run again.
    is_new = is_later or is_back or window < before.first_window
    after = replace(
        before,
        updated_at=now,
        state=IncidentState.OPEN if was_resolved else before.state,
        resolved_at=None if was_resolved else before.resolved_at,
        resolved_in=None if was_resolved else before.resolved_in,
        first_window=min(before.first_window, window),
        last_window=max(before.last_window, window),
        n_windows=before.n_windows + is_new,
    )
    if window == after.last_window:
        after = replace(
            after,
            fields=finding.fields,
            headline=finding.headline,
            confidence=finding.confidence,
            n_records=finding.n_records,
            n_judged=found.n_judged,
            kind=finding.kind if before.watch else None,
        )
    return IncidentChange(kind=ChangeKind.REOPENED if was_resolved else ChangeKind.UPDATED, incident=after)
