"""Lives of incidents as people and detectors lead them, made at random: taken on, mitigated, closed, back again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from seamwatch.core.action_life import ActionRun
from seamwatch.core.incident_life import ChangeKind, Incident, SeenAs
from seamwatch.core.incident_timeline import IncidentEvent, ToldVerdict
from seamwatch.core.results import Window
from seamwatch.core.runbooks import StepFinding, StepRun
from seamwatch.vocabulary import (
    ActionState,
    Door,
    IncidentSeverity,
    IncidentState,
    Responsibility,
    RunbookKind,
    StepState,
    Watch,
)

_HOUR = timedelta(hours=1)
_K = ChangeKind
_USUAL = (_K.ACKNOWLEDGED, _K.MITIGATED, _K.RESOLVED)
_LIVES: tuple[tuple[ChangeKind, ...], ...] = (
    _USUAL,
    _USUAL,
    (_K.ACKNOWLEDGED, _K.UPDATED, _K.RESOLVED),
    (_K.RESOLVED,),
    (_K.SEVERITY_RAISED, _K.ESCALATED, *_USUAL),
    (*_USUAL, _K.REOPENED, *_USUAL),
    (_K.MITIGATED, _K.REOPENED, _K.ACKNOWLEDGED, _K.RESOLVED, _K.CALLED_RIGHT),
    (_K.ACKNOWLEDGED, _K.CALLED_WRONG, _K.VOIDED),
    (_K.VOIDED, _K.REOPENED, _K.RESOLVED),
    (_K.VOIDED, _K.RESOLVED),
    (_K.MERGED,),
    (_K.ACKNOWLEDGED, _K.MERGED, _K.SPLIT, _K.ACKNOWLEDGED, _K.RESOLVED),
    (_K.MUTED, _K.UNMUTED, _K.ACKNOWLEDGED, _K.ACKNOWLEDGED, _K.RESOLVED, _K.ACKNOWLEDGED),
    (_K.ACKNOWLEDGED,),
    (_K.UPDATED,),
)
_BECOMES = {
    _K.ACKNOWLEDGED: IncidentState.ACKNOWLEDGED,
    _K.MITIGATED: IncidentState.MITIGATED,
    _K.RESOLVED: IncidentState.RESOLVED,
    _K.REOPENED: IncidentState.OPEN,
    _K.SPLIT: IncidentState.OPEN,
    _K.VOIDED: IncidentState.VOIDED,
    _K.MERGED: IncidentState.MERGED,
    _K.MUTED: IncidentState.MUTED,
    _K.UNMUTED: IncidentState.OPEN,
}
_PEOPLE = frozenset({_K.MITIGATED, _K.VOIDED, _K.MERGED, _K.SPLIT, _K.MUTED, _K.CALLED_WRONG, _K.CALLED_RIGHT})


@dataclass
class Life:
    """An incident as it became, and what happened to it."""

    incident: Incident
    events: list[IncidentEvent] = field(default_factory=list)
    """In the order in which they were kept."""
    steps: list[StepRun] = field(default_factory=list)
    actions: list[ActionRun] = field(default_factory=list)
    rulings: list[tuple[bool, datetime]] = field(default_factory=list)
    """Whether its debits are refunded, and when that was said."""


def life(pipeline: str, number: int, opened_at: datetime, chance: random.Random, now: datetime) -> Life:
    """Return the life of an incident up to now: what would come later is cut off."""
    one = Life(_opened(pipeline, number, opened_at, chance))
    at = opened_at
    happened: list[tuple[ChangeKind, datetime]] = [(_K.OPENED, at)]
    for kind in chance.choice(_LIVES):
        at += _HOUR * chance.lognormvariate(1.5, 1.3)
        # One clock in fifty runs behind.
        told_at = at - 30 * _HOUR if chance.random() < 0.02 else at
        happened.append((kind, told_at.replace(microsecond=chance.randrange(10**6))))
    keeps_no_verdict = chance.random() < 0.1
    for kind, moment in happened:
        if moment < now:
            _add(one, kind, moment, chance, keeps_no_verdict=keeps_no_verdict)
    _run_runbook(one, chance, now)
    if chance.random() < 0.02:
        # From before events were kept: nobody knows its opening.
        del one.events[0]
    return one


def _opened(pipeline: str, number: int, opened_at: datetime, chance: random.Random) -> Incident:
    whose = chance.choice(list(Responsibility))
    watch = chance.choice([None, None, None, Watch.DRIFT, Watch.COST, Watch.BUDGET])
    name = f"{pipeline}-{opened_at:%Y%m%dT%H%M%SZ}-{number:05x}"
    window = Window(start=opened_at - 24 * _HOUR, end=opened_at)
    also = SeenAs(
        fingerprint=f"{name}-also",
        watch=chance.choice([None, Watch.DRIFT]),
        responsibility=chance.choice(list(Responsibility)),
        stage="prompt",
        headline="seen otherwise",
        window=window,
    )
    return Incident(
        id=name,
        fingerprint=name,
        pipeline=pipeline,
        responsibility=whose,
        stage=chance.choice(["prompt", "llm", "lookup", None]),
        fields=("answer",),
        state=IncidentState.OPEN,
        headline=f"Something of {whose}",
        confidence=0.9,
        opened_at=opened_at,
        updated_at=opened_at,
        first_window=window,
        last_window=window,
        n_records=chance.randrange(1, 500),
        watch=watch,
        kind=chance.choice(["accuracy", "right_answers", "fast"]) if watch is Watch.BUDGET else None,
        severity=chance.choice([None, *IncidentSeverity]),
        onset=chance.choice([None, opened_at, *(opened_at - _HOUR * chance.uniform(-1, 60) for _ in range(4))]),
        also_seen=(also,) if chance.random() < 0.2 else (),
        has_wrong_answers=chance.choice([None, True, False]),
    )


def _add(one: Life, kind: ChangeKind, at: datetime, chance: random.Random, *, keeps_no_verdict: bool) -> None:
    """Let something happen to an incident."""
    incident = one.incident
    if kind in (_K.UPDATED, _K.ACKNOWLEDGED) and chance.random() < 0.4:
        incident = replace(incident, responsibility=chance.choice(list(Responsibility)))
    if kind is _K.SEVERITY_RAISED:
        incident = replace(incident, severity=IncidentSeverity.SEV1)
    is_over_for_all = not incident.state.is_open and kind is _K.ACKNOWLEDGED
    if kind in _BECOMES and not is_over_for_all:
        incident = replace(incident, state=_BECOMES[kind])
    if kind is _K.RESOLVED:
        incident = replace(incident, resolved_at=at)
    if kind is _K.VOIDED:
        one.rulings.append((True, at))
        if chance.random() < 0.2:
            one.rulings.append((False, at + _HOUR))
    one.incident = replace(incident, updated_at=max(at, incident.updated_at))
    is_person = kind in _PEOPLE or (kind is _K.ACKNOWLEDGED and chance.random() < 0.9)
    one.events.append(
        IncidentEvent(
            incident_id=incident.id,
            kind=kind.value,
            window=None,
            by="@ann" if is_person else None,
            at=at,
            door=Door.SLACK if is_person else Door.DETECTOR,
            verdict=None if keeps_no_verdict else ToldVerdict.of(one.incident),
        )
    )


def _run_runbook(one: Life, chance: random.Random, now: datetime) -> None:
    """Let a runbook look, and now and then act; the last check of an action may come when the incident is over."""
    incident, at = one.incident, one.incident.opened_at + _HOUR / 4
    if chance.random() < 0.4 or at >= now:
        return
    for number, name in enumerate(("look_at_release", "look_at_index")):
        state = chance.choice(list(StepState))
        finding = StepFinding(state=state, text=f"It is {state}.")
        one.steps.append(
            StepRun(
                incident_id=incident.id,
                run=f"run-{chance.randrange(2)}",
                runbook=RunbookKind.UNDETERMINED,
                number=number,
                name=name,
                finding=finding,
                began_at=at,
                ended_at=at + _HOUR / 60,
            )
        )
    if chance.random() < 0.5:
        _act(one, at, chance, now)


def _act(one: Life, at: datetime, chance: random.Random, now: datetime) -> None:
    ends_at = at + _HOUR * chance.lognormvariate(2.5, 1.2)
    state = chance.choice([ActionState.HELPED, ActionState.ESCALATED, ActionState.UNDONE, ActionState.REJECTED])
    kinds = {
        ActionState.HELPED: (_K.ACTION_DONE, _K.ACTION_HELPED),
        ActionState.ESCALATED: (_K.ACTION_DONE, _K.ACTION_ESCALATED),
        ActionState.UNDONE: (_K.ACTION_DONE, _K.ACTION_UNDONE),
        ActionState.REJECTED: (_K.ACTION_ANSWERED,),
    }[state]
    is_over = ends_at < now
    incident = one.incident.id
    one.actions.append(
        ActionRun(
            id=f"{incident}/roll_back/1",
            incident_id=incident,
            pipeline=one.incident.pipeline,
            name="roll_back",
            runbook=RunbookKind.UNDETERMINED.value,
            state=state if is_over else ActionState.WAITING,
            proposed_at=at,
            updated_at=ends_at if is_over else at,
            answer_by=at + 24 * _HOUR,
        )
    )
    moments = [(_K.ACTION_PROPOSED, at), *((kind, ends_at) for kind in kinds if is_over)]
    one.events += [
        IncidentEvent(
            incident_id=incident,
            kind=kind.value,
            window=None,
            by=None,
            at=moment,
            door=Door.TASK,
            why="roll_back: said",
        )
        for kind, moment in moments
    ]
