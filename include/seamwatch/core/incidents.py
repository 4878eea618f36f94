"""Decide what becomes of incidents when a detector says what it found: open, update, resolve, reopen."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from seamwatch.core.correlation import (
    Sighting,
    explains,
    share_field,
    sighting_of_finding,
    sighting_of_incident,
    strength,
)
from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, SeenAs, over, shown_again
from seamwatch.core.results import Attribution, Verdict, Window
from seamwatch.core.separate_faults import may_go_on, separate_faults
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
    keys: tuple[Collection[str], ...] = ()
    """By finding, the records that it affects; empty where findings name some of theirs only."""
    is_repeatable: bool = False
    """Whether a window is run again after a repair, and replaces what it counted before; looks of watches overlap."""
    shows_wrong_answers: bool = False
    """Whether its findings are causes of wrong answers; else answers may be right all the same."""


def evaluate_attribution(attribution: Attribution) -> Evaluation:
    """Return what a window's attribution says.

    An open incident is over with a later window that has judged records and no longer shows the cause as a change,
    unless the window is too small to say that it is over (`Attribution.lingering`; of a fault beside another one at its
    place, `may_go_on`), or so many of its records are undetermined that the cause may be among them. One whose fields
    the window names with others is not over either: too few records tell them apart. So it is with its last window
    when that is run again after the repair, if half as many of its records are judged as then. A window before an
    incident's last one ends nothing.
    """
    n_judged = attribution.n_observed - attribution.n_pending
    by_cause: dict[tuple[Responsibility, str | None], list[Verdict]] = defaultdict(list)
    for verdict in attribution.verdicts:
        by_cause[verdict.responsibility, verdict.stage].append(verdict)
    faults = [
        fault
        for cause in attribution.causes
        for fault in separate_faults(cause, by_cause[cause.responsibility, cause.stage], n_judged=n_judged)
    ]
    shown = [one.finding for one in faults if one.finding.is_change]
    # Answers that could not be had, as with a spent budget, are no sign of a repair.
    n_unknown = sum(
        cause.n_records
        for cause in attribution.causes
        if cause.is_change and cause.responsibility is Responsibility.UNDETERMINED
    )

    def is_hidden(incident: Incident) -> bool:
        place = (incident.responsibility, incident.stage)
        is_beside = any((one.responsibility, one.stage) == place for one in shown)
        return is_beside and may_go_on(incident, by_cause[place], n_judged=n_judged, window=attribution.window)

    def is_over(incident: Incident) -> bool:
        is_later = incident.last_window.end <= attribution.window.start
        is_again = incident.last_window == attribution.window and 2 * n_judged >= (incident.n_judged or 0)
        return (
            n_judged > 0
            and (is_later or is_again)
            and 2 * n_unknown < max(incident.n_records, 1)
            and (incident.responsibility, incident.stage) not in attribution.lingering
            and not any(_is_within(incident, finding) for finding in shown)
            and not is_hidden(incident)
        )

    return Evaluation(
        pipeline=attribution.pipeline,
        window=attribution.window,
        findings=tuple(one.finding for one in faults),
        n_judged=n_judged,
        is_over=is_over,
        keys=tuple(one.keys for one in faults),
        is_repeatable=True,
        shows_wrong_answers=True,
    )


def _is_within(incident: Incident, finding: Finding) -> bool:
    """Return whether a finding names a field of an incident at its place, among others that lead it."""
    is_there = (incident.responsibility, incident.stage) == (finding.responsibility, finding.stage)
    return is_there and not set(incident.fields).isdisjoint(finding.fields) and len(finding.fields) > 1


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
    records of the stage and does not show its fields as changed; of stages, or fields, in `WatchReport.still` that
    cannot be said.
    """

    def is_open(incident: Incident) -> bool:
        places = {f"{incident.stage}.{name}" for name in incident.fields}
        shown = (one for one in report.findings if one.stage == incident.stage)
        is_shown = any(not set(one.fields).isdisjoint(incident.fields) for one in shown)
        return is_shown or incident.stage in report.still or not places.isdisjoint(report.still)

    return Evaluation(
        pipeline=report.pipeline,
        window=report.window,
        findings=report.findings,
        watch=Watch.SEAM,
        is_over=lambda incident: (
            (incident.last_window.end <= report.window.start or incident.last_window == report.window)
            and not is_open(incident)
        ),
        is_repeatable=True,
    )


@dataclass(frozen=True, kw_only=True)
class Context:
    """What tells whether two findings are one cause."""

    keys: dict[str, Collection[str]] = field(default_factory=dict)
    """By id of an incident, records that it affects."""
    keys_in: Mapping[str, Window] = field(default_factory=dict)
    """By id of an incident, the time from which those records are; of others it is their last window."""
    n_judged_in: Mapping[Window, int] = field(default_factory=dict)
    """By such a time, the records whose outcome is known; where it is not there, an incident's last window counts."""
    upstream: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By stage, all stages that it is made from."""
    reopen_within: timedelta = timedelta(days=14)
    """A cause that comes back later than this after it was over is another incident."""


@dataclass(frozen=True, kw_only=True)
class _Spoken:
    """One finding of an evaluation, its fingerprint, and its records where more are known than it names."""

    finding: Finding
    cause: str
    keys: Collection[str]


def decide(
    known: Iterable[Incident],
    evaluation: Evaluation,
    *,
    now: datetime,
    context: Context = Context(),
) -> list[IncidentChange]:
    """Return what changes: one entry per incident touched, in the order of the findings, resolved ones last.

    Args:
        known: Incidents of this pipeline, in whatever state.
        evaluation: What a detector says; only findings that are a change make an incident.
        now: Aware time of the decision.
        context: What tells whether two findings are one cause.

    A window that is run again without a repair gives the same incidents. A finding that an open incident explains
    (`core/correlation.py`) becomes evidence of it; one that explains an open incident takes its lead. What shows the
    cause of a merged incident is told to the incident that it was merged into.
    """
    state = {incident.id: incident for incident in known}
    context = replace(context, keys=dict(context.keys))
    touched: dict[str, IncidentChange] = {}
    for number, finding in enumerate(evaluation.findings):
        if not finding.is_change:
            continue
        spoken = _Spoken(
            finding=finding,
            cause=_fingerprint_of(finding, evaluation, state),
            keys=evaluation.keys[number] if evaluation.keys else (),
        )
        change = _change(spoken, context, state, evaluation, now, shown=touched)
        if change is not None:
            before = touched.get(change.incident.id)
            state[change.incident.id] = change.incident
            context.keys.setdefault(change.incident.id, spoken.keys or finding.keys)
            touched[change.incident.id] = change if before is None else before.followed_by(change)
    changes = list(touched.values())
    for incident in state.values():
        if incident.watch is evaluation.watch and incident.id not in touched and evaluation.is_over(incident):
            changes.extend(_resolve(incident, evaluation, now))
    return changes


def _change(
    spoken: _Spoken,
    context: Context,
    state: Mapping[str, Incident],
    evaluation: Evaluation,
    now: datetime,
    *,
    shown: Collection[str],
) -> IncidentChange | None:
    """Return what one finding changes; None where it changes nothing."""
    host = _host(spoken.cause, state, evaluation)
    if host is not None and (host.is_open or host.state is IncidentState.VOIDED):
        return None if host.id in shown else _absorb(host, spoken, evaluation, now)
    if host is not None and _is_from_before(host, spoken, evaluation, context):
        return None
    before = _own(spoken.cause, state, evaluation, context, now)
    if before is not None and (before.id in shown or (before.is_open and before.id in evaluation.stays)):
        return None
    if before is not None and (before.is_open or before.state is IncidentState.VOIDED):
        return _renew(before, evaluation, spoken.finding, now)
    return _correlated(spoken, before, context, state, evaluation, now, shown=shown)


def _is_from_before(host: Incident, spoken: _Spoken, evaluation: Evaluation, context: Context) -> bool:
    """Return whether a finding shows what began before an incident was over, by a detector that proves less."""
    is_weaker = strength(evaluation.watch, spoken.finding.responsibility) < strength(host.watch, host.responsibility)
    # By the time of the records: a decision may come long after what it is about.
    ended = host.resolved_at if host.resolved_in is None else host.resolved_in.start
    if not is_weaker or ended is None or evaluation.window.start - ended > context.reopen_within:
        return False
    return (spoken.finding.onset or evaluation.window.start) < ended


def _correlated(
    spoken: _Spoken,
    before: Incident | None,
    context: Context,
    state: Mapping[str, Incident],
    evaluation: Evaluation,
    now: datetime,
    *,
    shown: Collection[str],
) -> IncidentChange:
    """Return what a finding that has no open incident of its own becomes."""
    me = sighting_of_finding(
        spoken.finding,
        watch=evaluation.watch,
        window=evaluation.window,
        keys=spoken.keys,
        n_judged=evaluation.n_judged,
    )
    # Findings of one attribution were told apart by interventions.
    others = [one for one in state.values() if one.is_open and (evaluation.watch is not None or one.id not in shown)]
    sightings = {one.id: _sighting(one, context) for one in state.values()}

    def rank(incident: Incident) -> tuple[bool, int, int]:
        sighting = sightings[incident.id]
        return share_field(sighting, me), sighting.strength, incident.n_records

    explaining = [one for one in others if explains(sightings[one.id], me, context.upstream)]
    explaining = explaining or [one for one in state.values() if _was_that(one, me, spoken, evaluation, context)]
    if explaining:
        return _absorb(max(explaining, key=rank), spoken, evaluation, now)
    if before is not None:
        return _renew(before, evaluation, spoken.finding, now)
    explained = [one for one in others if one.id not in shown and explains(me, sightings[one.id], context.upstream)]
    if explained:
        return _take_lead(min(explained, key=lambda one: one.opened_at), spoken, state, evaluation, now)
    return _open(evaluation, spoken.finding, _free_fingerprint(spoken.cause, state), now)


def _was_that(incident: Incident, me: Sighting, spoken: _Spoken, evaluation: Evaluation, context: Context) -> bool:
    """Return whether a finding shows what an incident was that is over by now: it began then, by what proves less."""
    return (
        incident.state is IncidentState.RESOLVED
        and me.onset is not None
        and me.onset < incident.last_window.end
        and _is_from_before(incident, spoken, evaluation, context)
        and explains(_sighting(incident, context), me, context.upstream)
    )


def _sighting(incident: Incident, context: Context) -> Sighting:
    span = context.keys_in.get(incident.id)
    return sighting_of_incident(
        incident,
        context.keys.get(incident.id, ()),
        keys_in=span,
        n_judged=None if span is None else context.n_judged_in.get(span),
    )


def _host(cause: str, state: Mapping[str, Incident], evaluation: Evaluation) -> Incident | None:
    """Return the incident that has this cause as evidence, or that an incident of it was merged into."""
    for incident in state.values():
        if incident.watch is evaluation.watch and _base(incident.fingerprint) == cause:
            if incident.state is IncidentState.MERGED:
                return _merged_into(incident, state)
            if incident.is_open:
                return None
    hosts = [one for one in state.values() if any(seen.fingerprint == cause for seen in one.also_seen)]
    return max(hosts, key=lambda one: (one.is_open, one.opened_at), default=None)


def _merged_into(incident: Incident, state: Mapping[str, Incident]) -> Incident | None:
    """Return the incident that has the cause by now: what it was merged into may have been merged since."""
    target: Incident | None = incident
    while target is not None and target.state is IncidentState.MERGED:
        target = state.get(target.merged_into or "")
    return target


def _own(
    cause: str, state: Mapping[str, Incident], evaluation: Evaluation, context: Context, now: datetime
) -> Incident | None:
    """Return the latest incident of this cause, unless it was over for too long to be the same."""
    mine = [
        one
        for one in state.values()
        if one.watch is evaluation.watch and _base(one.fingerprint) == cause and one.state is not IncidentState.MERGED
    ]
    latest = max(mine, key=lambda one: (one.is_open, one.opened_at), default=None)
    if latest is None or latest.is_open or latest.resolved_at is None:
        return latest
    is_again = evaluation.window <= latest.last_window
    return latest if is_again or now - latest.resolved_at <= context.reopen_within else None


def _base(fingerprint: str) -> str:
    """Return the cause of a fingerprint: that of a later incident of the same cause has a number behind it."""
    return fingerprint.partition(".")[0]


def _free_fingerprint(cause: str, state: Mapping[str, Incident]) -> str:
    taken = {incident.fingerprint for incident in state.values()}
    return next(name for number in count(1) if (name := cause if number == 1 else f"{cause}.{number}") not in taken)


def _fingerprint_of(finding: Finding, evaluation: Evaluation, state: Mapping[str, Incident]) -> str:
    """Return the cause of a finding: of a seam that of the open incident that shares a field with it.

    Which of several fields most records differ in changes from window to window. So does what attribution recognises
    of the damage: where no open incident has the kind, one that is led by the same field at the place has the cause; so
    has the latest one where records with two faults do not tell the kind. What carries a latency is named by who has to
    act and where: timeouts and slow calls take turns.
    """
    if evaluation.watch is Watch.SEAM:
        same = [
            one
            for one in state.values()
            if one.watch is Watch.SEAM
            and one.is_open
            and one.stage == finding.stage
            and not set(one.fields).isdisjoint(finding.fields)
        ]
        if same:
            return _base(max(same, key=lambda one: one.opened_at).fingerprint)
    # Of a kind of damage, the first field that has it: another one may lead by what else is wrong.
    fields = finding.kind_fields or finding.fields
    place = (evaluation.pipeline, finding.responsibility, finding.stage)
    cause = fingerprint(*place, fields, finding.kind, evaluation.watch)
    there = [
        one
        for one in state.values()
        if one.watch is evaluation.watch and (one.pipeline, one.responsibility, one.stage) == place
    ]
    if any(one.is_open and _base(one.fingerprint) == cause for one in there):
        return cause
    if evaluation.watch is Watch.LATENCY:
        hosted = [
            seen.fingerprint
            for one in state.values()
            if one.is_open
            for seen in one.also_seen
            if (seen.watch, seen.responsibility, seen.stage) == (Watch.LATENCY, *place[1:])
        ]
        return next((one for one in reversed(hosted)), None) or _latest(there) or cause
    if evaluation.watch is Watch.COST:
        # The source of a change may be seen later than the change, or no longer.
        same = [one for one in there if one.is_open and one.kind == finding.kind and not (one.fields and fields)]
        return _latest(same) or cause
    if evaluation.watch is not None or not fields:
        return cause
    same = [one for one in there if one.fields[:1] == fields[:1]]
    is_known = any(_base(one.fingerprint) == cause for one in there)
    unknown = [one for one in there if _base(one.fingerprint) == fingerprint(*place, fields)]
    return _latest([one for one in same if one.is_open]) or (
        cause if is_known else _latest(same if finding.kind is None else unknown) or cause
    )


def _latest(incidents: Sequence[Incident]) -> str | None:
    """Return the cause of the incident that opened last, an open one before others; None without any."""
    latest = max(incidents, key=lambda one: (one.is_open, one.opened_at), default=None)
    return None if latest is None else _base(latest.fingerprint)


def _absorb(host: Incident, spoken: _Spoken, evaluation: Evaluation, now: datetime) -> IncidentChange:
    """Return an incident with a finding as evidence of it."""
    finding = spoken.finding
    seen = SeenAs(
        fingerprint=spoken.cause,
        watch=evaluation.watch,
        responsibility=finding.responsibility,
        stage=finding.stage,
        headline=finding.headline,
        window=evaluation.window,
    )
    others = [one for one in host.also_seen if one.fingerprint != spoken.cause]
    place = next((n for n, one in enumerate(host.also_seen) if one.fingerprint == spoken.cause), len(others))
    also_seen = (*others[:place], seen, *others[place:])
    after = replace(
        host,
        also_seen=also_seen,
        updated_at=max(now, host.updated_at),
        has_wrong_answers=evaluation.shows_wrong_answers or host.has_wrong_answers,
    )
    return IncidentChange(kind=ChangeKind.UPDATED, incident=after)


def _take_lead(
    before: Incident, spoken: _Spoken, state: Mapping[str, Incident], evaluation: Evaluation, now: datetime
) -> IncidentChange:
    """Return an incident led by a finding that explains it; what it was seen as until now is evidence."""
    seen = SeenAs(
        fingerprint=_base(before.fingerprint),
        watch=before.watch,
        responsibility=before.responsibility,
        stage=before.stage,
        headline=before.headline,
        window=before.last_window,
    )
    finding = spoken.finding
    after = replace(
        before,
        fingerprint=_free_fingerprint(spoken.cause, state),
        responsibility=finding.responsibility,
        stage=finding.stage,
        fields=finding.fields,
        headline=finding.headline,
        confidence=finding.confidence,
        updated_at=now,
        first_window=min(before.first_window, evaluation.window),
        last_window=evaluation.window,
        n_windows=1,
        n_records=finding.n_records,
        n_judged=evaluation.n_judged,
        watch=evaluation.watch,
        kind=finding.kind if evaluation.watch else None,
        onset=finding.onset,
        also_seen=(*before.also_seen, seen),
        has_wrong_answers=evaluation.shows_wrong_answers or before.has_wrong_answers,
    )
    return IncidentChange(kind=ChangeKind.UPDATED, incident=after, fingerprint_before=before.fingerprint)


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
        onset=finding.onset,
        has_wrong_answers=evaluation.shows_wrong_answers,
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
        has_wrong_answers=evaluation.shows_wrong_answers or before.has_wrong_answers,
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
            onset=finding.onset or after.onset,
        )
    is_reopened = after.state is IncidentState.OPEN and before.state is not IncidentState.OPEN
    return IncidentChange(kind=ChangeKind.REOPENED if is_reopened else ChangeKind.UPDATED, incident=after)
