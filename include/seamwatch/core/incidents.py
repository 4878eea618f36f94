"""Decide what becomes of incidents when a detector says what it found: open, update, resolve, reopen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from seamwatch.core.correlation import (
    Sighting,
    explains,
    share_field,
    sighting_of_finding,
    sighting_of_incident,
    strength,
)
from seamwatch.core.finding import Finding
from seamwatch.core.incident_evaluations import Evaluation
from seamwatch.core.incident_fingerprints import cause_of, fingerprint_of, free_fingerprint
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, SeenAs, over, shown_again
from seamwatch.core.results import Window
from seamwatch.vocabulary import IncidentState


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
            cause=fingerprint_of(finding, evaluation, state),
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
    return _open(evaluation, spoken.finding, free_fingerprint(spoken.cause, state), now)


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
        if incident.watch is evaluation.watch and cause_of(incident.fingerprint) == cause:
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
        if one.watch is evaluation.watch
        and cause_of(one.fingerprint) == cause
        and one.state is not IncidentState.MERGED
    ]
    latest = max(mine, key=lambda one: (one.is_open, one.opened_at), default=None)
    if latest is None or latest.is_open or latest.resolved_at is None:
        return latest
    is_again = evaluation.window <= latest.last_window
    return latest if is_again or now - latest.resolved_at <= context.reopen_within else None


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
        fingerprint=cause_of(before.fingerprint),
        watch=before.watch,
        responsibility=before.responsibility,
        stage=before.stage,
        headline=before.headline,
        window=before.last_window,
    )
    finding = spoken.finding
    after = replace(
        before,
        fingerprint=free_fingerprint(spoken.cause, state),
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
