"""By what a cause is known again: the fingerprint of its incident, and of a finding that may be of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import count

from seamwatch.core.finding import Finding
from seamwatch.core.incident_evaluations import Evaluation
from seamwatch.core.incident_life import Incident
from seamwatch.vocabulary import Responsibility, Watch


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


def cause_of(fingerprint: str) -> str:
    """Return the cause of a fingerprint: that of a later incident of the same cause has a number behind it."""
    return fingerprint.partition(".")[0]


def free_fingerprint(cause: str, state: Mapping[str, Incident]) -> str:
    """Return a fingerprint of a cause that no incident has yet: a later incident of it gets a number behind."""
    taken = {incident.fingerprint for incident in state.values()}
    return next(name for number in count(1) if (name := cause if number == 1 else f"{cause}.{number}") not in taken)


def fingerprint_of(finding: Finding, evaluation: Evaluation, state: Mapping[str, Incident]) -> str:
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
            return cause_of(max(same, key=lambda one: one.opened_at).fingerprint)
    # Of a kind of damage, the first field that has it: another one may lead by what else is wrong.
    fields = finding.kind_fields or finding.fields
    place = (evaluation.pipeline, finding.responsibility, finding.stage)
    cause = fingerprint(*place, fields, finding.kind, evaluation.watch)
    there = [
        one
        for one in state.values()
        if one.watch is evaluation.watch and (one.pipeline, one.responsibility, one.stage) == place
    ]
    if any(one.is_open and cause_of(one.fingerprint) == cause for one in there):
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
    is_known = any(cause_of(one.fingerprint) == cause for one in there)
    unknown = [one for one in there if cause_of(one.fingerprint) == fingerprint(*place, fields)]
    return _latest([one for one in same if one.is_open]) or (
        cause if is_known else _latest(same if finding.kind is None else unknown) or cause
    )


def _latest(incidents: Sequence[Incident]) -> str | None:
    """Return the cause of the incident that opened last, an open one before others; None without any."""
    latest = max(incidents, key=lambda one: (one.is_open, one.opened_at), default=None)
    return None if latest is None else cause_of(latest.fingerprint)
