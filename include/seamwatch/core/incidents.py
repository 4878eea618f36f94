"""Decide what becomes of incidents when a window's attribution arrives: open, update, resolve, reopen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
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


def decide(known: Iterable[Incident], attribution: Attribution, *, now: datetime) -> list[IncidentChange]:
    """Return what changes: one entry per incident touched, in the order of the causes, resolved ones last.

    Args:
        known: Open and acknowledged incidents of this pipeline, and resolved ones that may reopen; those that a watch
            found are left as they are.
        attribution: The window's causes; only those that are a change make an incident.
        now: Aware time of the decision.

    An open incident is resolved by a later window that has judged records and no longer shows the cause as a change,
    unless the window is too small to say that it is over (`Attribution.lingering`), or so many of its records are
    undetermined that the cause may be among them. So does its last window when it is run again after the repair, if
    half as many of its records are judged as then. A window that is run again without a repair gives the same
    incidents. A window before an incident's last one resolves nothing.
    """
    n_judged = attribution.n_observed - attribution.n_pending
    by_print = {incident.fingerprint: incident for incident in known if incident.watch is None}
    seen: set[str] = set()
    changes: list[IncidentChange] = []
    for cause in attribution.causes:
        if not cause.is_change:
            continue
        mark = fingerprint(attribution.pipeline, cause.responsibility, cause.stage, cause.fields, cause.kind)
        if mark in seen:
            continue
        seen.add(mark)
        before = by_print.get(mark)
        changes.append(
            _open(attribution.pipeline, attribution.window, cause, mark, now, n_judged=n_judged)
            if before is None
            else _renew(before, attribution.window, cause, now, n_judged=n_judged)
        )
    changes.extend(
        _resolve_in(incident, attribution, now)
        for incident in by_print.values()
        if incident.fingerprint not in seen
        and incident.state is not IncidentState.RESOLVED
        and _says_it_is_over(incident, attribution)
    )
    return changes


def _says_it_is_over(incident: Incident, attribution: Attribution) -> bool:
    """Return whether a window that does not show an open incident's cause as a change says that it is over."""
    n_judged = attribution.n_observed - attribution.n_pending
    is_later = incident.last_window.end <= attribution.window.start
    is_again = incident.last_window == attribution.window and 2 * n_judged >= (incident.n_judged or 0)
    # Answers that could not be had, as with a spent budget, are no sign of a repair.
    n_unknown = sum(
        cause.n_records
        for cause in attribution.causes
        if cause.is_change and cause.responsibility is Responsibility.UNDETERMINED
    )
    return (
        n_judged > 0
        and (is_later or is_again)
        and 2 * n_unknown < max(incident.n_records, 1)
        and (incident.responsibility, incident.stage) not in attribution.lingering
    )


def _resolve_in(incident: Incident, attribution: Attribution, now: datetime) -> IncidentChange:
    """Return an incident resolved by a window; what its last window counted is replaced where that was run again."""
    if incident.last_window == attribution.window:
        place = (incident.responsibility, incident.stage)
        n_left = sum(cause.n_records for cause in attribution.causes if (cause.responsibility, cause.stage) == place)
        incident = replace(
            incident,
            n_windows=incident.n_windows - 1,
            n_records=n_left,
            n_judged=attribution.n_observed - attribution.n_pending,
        )
    return _resolve(replace(incident, resolved_in=attribution.window), now)


def decide_watch(known: Iterable[Incident], report: WatchReport, *, now: datetime) -> list[IncidentChange]:
    """Return what a look of a watch changes, as `decide` does for a window's attribution.

    Args:
        known: Incidents of this pipeline.
        report: What was found.
        now: Aware time of the decision.

    What attribution, or another watch, has open at the same stage with the same responsibility is not opened a second
    time: it is one cause that shows in two measurements. Looks overlap, so an incident is over with the first later
    look that no longer shows it, unless too few records came since to say so (`WatchReport.still`).
    """
    known = list(known)
    mine = {incident.fingerprint: incident for incident in known if incident.watch is report.watch}
    told = {
        (incident.responsibility, incident.stage)
        for incident in known
        if incident.watch is not report.watch
        and incident.state is not IncidentState.RESOLVED
        and incident.responsibility is not Responsibility.UNDETERMINED
    }
    seen: set[str] = set()
    changes: list[IncidentChange] = []
    for found in report.findings:
        mark = fingerprint(report.pipeline, found.responsibility, found.stage, found.fields, found.kind, report.watch)
        before = mine.get(mark)
        is_new = before is None or before.state is IncidentState.RESOLVED
        if mark in seen or (is_new and (found.responsibility, found.stage) in told):
            continue
        seen.add(mark)
        changes.append(
            _open(report.pipeline, report.window, found, mark, now, watch=report.watch)
            if before is None
            else _renew(before, report.window, found, now)
        )
    changes.extend(
        _resolve(incident, now)
        for incident in mine.values()
        if incident.fingerprint not in seen
        and incident.state is not IncidentState.RESOLVED
        and incident.last_window.end < report.window.end
        and incident.kind not in report.still
    )
    return changes


def _resolve(incident: Incident, now: datetime) -> IncidentChange:
    resolved = replace(incident, state=IncidentState.RESOLVED, resolved_at=now, updated_at=now)
    return IncidentChange(kind=ChangeKind.RESOLVED, incident=resolved)


def _open(
    pipeline: str,
    window: Window,
    cause: Finding,
    mark: str,
    now: datetime,
    *,
    watch: Watch | None = None,
    n_judged: int | None = None,
) -> IncidentChange:
    incident = Incident(
        id=f"{pipeline}-{(window.end if watch else window.start):%Y%m%d%H%M}-{mark[:6]}",
        fingerprint=mark,
        pipeline=pipeline,
        responsibility=cause.responsibility,
        stage=cause.stage,
        fields=cause.fields,
        state=IncidentState.OPEN,
        headline=cause.headline,
        confidence=cause.confidence,
        opened_at=now,
        updated_at=now,
        first_window=window,
        last_window=window,
        n_records=cause.n_records,
        n_judged=n_judged,
        watch=watch,
        kind=cause.kind if watch else None,
    )
    return IncidentChange(kind=ChangeKind.OPENED, incident=incident)


def _renew(
    before: Incident, window: Window, cause: Finding, now: datetime, *, n_judged: int | None = None
) -> IncidentChange:
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
            fields=cause.fields,
            headline=cause.headline,
            confidence=cause.confidence,
            n_records=cause.n_records,
            n_judged=n_judged,
            kind=cause.kind if before.watch else None,
        )
    return IncidentChange(kind=ChangeKind.REOPENED if was_resolved else ChangeKind.UPDATED, incident=after)
