"""The simple ways to say whose fault it was, each fed with what it would see in practice.

They see the reconciled tables, recorded statuses, failed expectations and, for `plain_replay`, the model itself. A
rival that judges by the record gives its incident the blame with most records, after the model has been forgiven the
errors that its accepted accuracy grants it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution.ask import open_deps
from attribution.incident import Incident
from attribution.project import WINDOW
from attribution.score import IncidentScore, score_incident, score_record
from attribution.server import Played
from attribution.truth import Blame
from seamwatch.core.interventions import EVERYTHING, World, run_trial
from seamwatch.core.records.call_endings import is_success
from seamwatch.core.records.responses import read_response
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.engine.attribute import judge_window
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowReader
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind, OutcomeState, Protocol, StageKind

MIN_RECORDS = 3
"""A rival calls a blame a change from so many records on."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A window as the rivals see it."""

    world: World
    failing: list[Any]
    judged: pd.Index[Any]
    damaged: Mapping[str, Counter[Any]]
    """By stage in order of work, records with a failed check and how many fields of each."""
    expected_errors: float
    """Wrong answers that the model's accepted accuracy grants it."""

    @property
    def model(self) -> Blame:
        stages = [stage.name for stage in self.world.order if stage.kind is StageKind.MODEL]
        return "model", stages[-1]

    def blame(self, stage: str) -> Blame:
        """Return who answers for a failed check at a stage."""
        kind = self.world.pipeline.stage(stage).kind
        responsibility = {StageKind.SOURCE: "source_data", StageKind.MODEL: "provider"}.get(kind, "integration")
        return responsibility, stage


Opinion = Callable[[Seen], tuple[dict[Any, Blame], Blame | None]]
"""A window to the blame of each failing record, and of the incident where that is not the most frequent one."""


def rival_scores(incident: Incident, seen: Seen) -> dict[str, IncidentScore]:
    """Return every rival's score on an incident."""
    players = {
        stage.name: Played(task=stage.task, law=incident.laws_today[stage.name], protocol=stage.protocol)
        for stage in incident.shape.models
        if stage.task is not None
    }
    scores = {name: _score(incident, seen, opinion(seen)) for name, opinion in OPINIONS.items()}
    blames = plain_replay(seen, lambda stage, calls: answers_of(players[stage.name], calls))
    calls = sum(player.calls for player in players.values())
    return {**scores, "plain_replay": _score(incident, seen, (blames, None), calls=calls)}


def look(incident: Incident, root: Path, template: Path) -> Seen:
    """Return what the tables show without any model call."""
    with open_deps(incident, root, template, name="rivals", env={}) as deps:
        pipeline = with_protocols(deps.project.pipeline(incident.shape.name), deps)
        reader = StageReader(pipeline, deps.connections)
        try:
            judged = judge_window(deps, WindowReader(reader, WINDOW))
        finally:
            reader.close()
    state = judged.outcomes["state"]
    return Seen(
        world=judged.world,
        failing=list(judged.outcomes.index[(state == OutcomeState.WRONG).to_numpy()]),
        judged=judged.outcomes.index[(state != OutcomeState.PENDING).to_numpy()],
        damaged=_failed_checks(incident, judged.world),
        expected_errors=(1 - incident.baseline_accuracy) * int((state != OutcomeState.PENDING).sum()),
    )


def _failed_checks(incident: Incident, world: World) -> dict[str, Counter[Any]]:
    found: dict[str, Counter[Any]] = {}
    for stage in world.order:
        marks: Counter[Any] = Counter()
        rows = world.recorded[stage.name]
        if stage.kind is StageKind.SOURCE:
            marks.update(_failing_expectations(incident, stage.name, rows))
        elif stage.kind is StageKind.MODEL:
            failed = [is_success(status) is False for status in rows[stage.status]]
            marks.update(rows.index[failed])
        reconciled = world.reconciled.get(stage.name)
        if reconciled is not None:
            rows = reconciled.discrepancies
            marks.update(rows.loc[(rows["kind"] != DiscrepancyKind.FORMAT).to_numpy(), "key"])
            marks.update(reconciled.lost)
        found[stage.name] = marks
    return found


def _failing_expectations(incident: Incident, stage: str, rows: pd.DataFrame) -> list[Any]:
    bad = pd.Series(False, index=rows.index)
    for expectation in incident.shape.suites.get(stage, ()):
        kwargs = expectation["kwargs"]
        values = rows[kwargs["column"]]
        if "value_set" in kwargs:
            bad |= ~values.isin(kwargs["value_set"])
        else:
            bad |= ~values.between(kwargs["min_value"], kwargs["max_value"])
    return list(rows.index[bad.to_numpy()])


def first_failed_check(seen: Seen) -> tuple[dict[Any, Blame], Blame | None]:
    """Blame the first stage at which a check failed, for the record and for the window; without one the model."""
    first = {key: next((s for s, marks in seen.damaged.items() if key in marks), None) for key in seen.failing}
    stage = next((s for s, marks in seen.damaged.items() if marks), None)
    blames = {key: seen.blame(s) if s else seen.model for key, s in first.items()}
    return blames, seen.blame(stage) if stage else seen.model


def last_stage(seen: Seen) -> tuple[dict[Any, Blame], Blame | None]:
    """Blame the stage at which the wrong outcome was seen."""
    return dict.fromkeys(seen.failing, ("integration", seen.world.pipeline.final_stage.name)), None


def always_model(seen: Seen) -> tuple[dict[Any, Blame], Blame | None]:
    return dict.fromkeys(seen.failing, seen.model), seen.model


def most_discrepant_stage(seen: Seen) -> tuple[dict[Any, Blame], Blame | None]:
    """Blame the stage with the most damaged fields of the record, or the most damaged failing records."""
    blames = {}
    for key in seen.failing:
        counts = {stage: marks[key] for stage, marks in seen.damaged.items() if key in marks}
        blames[key] = seen.blame(max(counts, key=lambda s: counts[s])) if counts else seen.model
    failing = set(seen.failing)
    sizes = {stage: len(failing & set(marks)) for stage, marks in seen.damaged.items()}
    worst = max(sizes, key=lambda s: sizes[s])
    return blames, seen.blame(worst) if sizes[worst] else seen.model


def largest_correlated_change(seen: Seen) -> tuple[dict[Any, Blame], Blame | None]:
    """Blame the signal that goes along most with failing (phi coefficient over all judged records)."""
    fails = seen.judged.isin(seen.failing).astype(float)
    signals = {seen.blame(stage): seen.judged.isin(list(marks)) for stage, marks in seen.damaged.items()}
    for stage in seen.world.order:
        if stage.kind is StageKind.MODEL:
            names = seen.world.recorded[stage.name]["_model"].reindex(seen.judged)
            usual = names.dropna().iloc[0] if names.notna().any() else None
            signals[("model", stage.name)] = (names.notna() & (names != usual)).to_numpy()
    phis = {blame: _phi(fails, np.asarray(flags, dtype=float)) for blame, flags in signals.items()}
    best = max(phis, key=lambda blame: phis[blame])
    chosen = best if phis[best] > 0 else seen.model
    marked = set(seen.judged[signals[chosen]]) if chosen in signals else set()
    return {key: chosen if key in marked else seen.model for key in seen.failing}, chosen


def _phi(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> float:
    if not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


OPINIONS: Mapping[str, Opinion] = {
    "first_failed_check": first_failed_check,
    "last_stage": last_stage,
    "always_model": always_model,
    "most_discrepant_stage": most_discrepant_stage,
    "largest_correlated_change": largest_correlated_change,
}


def plain_replay(seen: Seen, ask: Callable[[Stage, Sequence[ModelCall]], list[ModelAnswer]]) -> dict[Any, Blame]:
    """Repair everything and replay every failing record once, and once more as recorded.

    Right when clean and wrong when recorded: the first stage with a failed check. Else: the model.
    """
    keys = pd.Index(seen.failing)
    if not len(keys):
        return {}
    world = seen.world
    models = [stage.name for stage in world.order if stage.kind is StageKind.MODEL]
    clean = run_trial(world, keys, dict.fromkeys(world.references, EVERYTHING), ask, fresh=models)
    recorded = run_trial(world, keys, {}, ask, fresh=models)
    turned = set(clean.keys_with(OutcomeState.RIGHT)) - set(recorded.keys_with(OutcomeState.RIGHT))
    blames = {}
    for key in seen.failing:
        stage = next((s for s, marks in seen.damaged.items() if key in marks), None) if key in turned else None
        blames[key] = seen.blame(stage) if stage else seen.model
    return blames


def answers_of(player: Played, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
    """Return what the model answers, within this process."""
    answers = []
    for call in calls:
        player.calls += 1
        body = player.reply(call.body.encode()).decode()
        path = "answer" if player.protocol == "json" else None
        parsed = read_response(Protocol(player.protocol), body, path)
        text = parsed.text if isinstance(parsed.text, str) else None
        answers.append(ModelAnswer(status="ok", text=text, body=body, finish_reason=parsed.finish_reason))
    return answers


def _score(
    incident: Incident, seen: Seen, opinion: tuple[dict[Any, Blame], Blame | None], *, calls: int = 0
) -> IncidentScore:
    blames, leading = opinion
    counts = Counter(blames.values())
    forgiven = {blame: n - (seen.expected_errors if blame[0] == "model" else 0.0) for blame, n in counts.items()}
    changes = frozenset(blame for blame, n in forgiven.items() if n >= MIN_RECORDS)
    if leading is None and forgiven:
        leading = max(forgiven, key=lambda blame: forgiven[blame])
    rows = [
        score_record(incident, cause, blames[number]) for number, cause in incident.causes.items() if number in blames
    ]
    return score_incident(incident, rows, leading=leading, changes=changes, calls=calls, replays=calls)
