"""Fields that no reference makes: which of them reach a model or the outcome, and what that leaves of a verdict.

A recorded field that nothing was compared with stays as it was recorded in every experiment, also in a request that is
called clean. Where it reaches the model, the model is asked about it again and again; where it reaches the outcome, no
repair can turn it right. So it never lets the model be blamed for what it may have done itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.contrast import Mask, strongest_contrast
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.field_reach import ANY_FIELD, FieldReach, reach, request_column
from seamwatch.core.attribution.verdicts import undetermined_verdict
from seamwatch.core.interventions import World
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.records.frames import positions
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Gap, OutcomeState, Responsibility, StageKind

_ENOUGH = 30
"""Right records that lie between the failing ones in time, from which on no others are compared with them."""
_COMPARED = 2000
"""Right records that failing ones are held against, evenly spread."""
_SIGNIFICANT = 0.001
"""Of the contrast between failing and right records in one field, all such fields together."""
_CHANCE_PATTERNS = ("not_reproduced", "changed_since")
"""Of verdicts by the recorded request alone: what it holds, checked or not, was usually answered rightly."""


def unchecked_fields(world: World) -> tuple[FieldReach, ...]:
    """Return the fields that no reference makes and that reach a model or the outcome.

    A stage without a reference is taken to rest on all its inputs.
    """
    unchecked = []
    for stage, reconciled in world.reconciled.items():
        if reconciled.is_checked or reconciled.stage.kind is StageKind.RETRIEVAL:
            unchecked += [reach(world, stage, name) for name in reconciled.unmade]
    unchecked += _unmade_requests(world)
    return tuple(field for field in unchecked if field.models or field.outcomes)


def unmade_obstacle(world: World) -> Reason | None:
    """Return why the model cannot be measured through references that have to make every field; None if it can."""
    needed = [field for field in unchecked_fields(world) if field.stage in world.references]
    return _reason(ReasonKind.BENCHMARK_NOT_MADE, needed) if needed else None


def bound_by_unchecked(evidence: Evidence, verdicts: Mapping[Any, Verdict]) -> dict[Any, Verdict]:
    """Return the verdicts, those that blame a model only as far as unchecked fields leave room for it.

    Args:
        evidence: Of the window.
        verdicts: By failing record.

    A record whose wrong final fields all rest on unchecked ones, or whose unchecked field shows what right records do
    not, is undetermined; of any other whose request rests on one the model is a suspect at most.
    """
    blamed = [key for key, verdict in verdicts.items() if blames_model(verdict)]
    unchecked = unchecked_fields(evidence.world) if blamed else ()
    if not unchecked:
        return dict(verdicts)
    reasons = _wrong_fields(evidence.world, pd.Index(blamed))
    odd = _odd_records(evidence, blamed, unchecked)
    bounded: dict[Any, Verdict] = {}
    for key in blamed:
        covering = [field for field in unchecked if _covers(field, reasons[key])]
        feeding = [field for field in unchecked if field in covering or _feeds(field, verdicts[key])]
        covered = {name for field in covering for name in field.outcomes}
        is_covered = bool(reasons[key]) and reasons[key] <= covered
        suspects = covering if is_covered else [field for field in feeding if field in odd.get(key, ())]
        if suspects:
            reason = _reason(ReasonKind.UNCHECKED_SUSPECT, suspects)
            bounded[key] = undetermined_verdict(key, Gap.UNCHECKED_FIELD, reason)
        elif feeding:
            verdict = verdicts[key]
            bounded[key] = replace(
                verdict,
                confidence=min(verdict.confidence, confidence.UNCHECKED_FIELD),
                reasons=(*verdict.reasons, _reason(ReasonKind.NOT_CHECKED, feeding)),
                gap=verdict.gap or Gap.UNCHECKED_FIELD,
            )
    return {**verdicts, **bounded}


def blames_model(verdict: Verdict) -> bool:
    """Return whether the verdict holds a model to be wrong on clean requests: not by chance, not only then."""
    return verdict.responsibility is Responsibility.MODEL and verdict.pattern not in _CHANCE_PATTERNS


def _feeds(field: FieldReach, verdict: Verdict) -> bool:
    """Return whether the request of the model that is blamed rests on the field."""
    return verdict.stage in field.models or (verdict.gap is Gap.STAGES_NOT_SEPARABLE and bool(field.models))


def _covers(field: FieldReach, wrong: frozenset[str]) -> bool:
    return ANY_FIELD in field.outcomes or bool(field.outcomes & wrong)


def _reason(kind: ReasonKind, fields: Sequence[FieldReach]) -> Reason:
    by_stage: dict[str, tuple[str, ...]] = {}
    for field in fields:
        by_stage[field.stage] = (*by_stage.get(field.stage, ()), field.field)
    return Reason(kind=kind, stages=tuple(by_stage), fields=tuple(by_stage.values()))


def _wrong_fields(world: World, keys: pd.Index[Any]) -> dict[Any, frozenset[str]]:
    """Return the compared final fields that are wrong, by record; empty where the outcome is no such comparison."""
    outcome = world.pipeline.outcome
    if outcome is None or not outcome.compare:
        return dict.fromkeys(keys, frozenset())
    judged = world.judge(world.recorded[world.pipeline.final_stage.name].reindex(keys))
    return {key: frozenset(filter(None, str(reason).split(";"))) for key, reason in judged["reason"].items()}


def _odd_records(
    evidence: Evidence, blamed: Sequence[Any], unchecked: Sequence[FieldReach]
) -> dict[Any, list[FieldReach]]:
    """Return the records whose unchecked field holds what goes with failing, and hardly with being right."""
    order = evidence.world.recorded[evidence.world.pipeline.first_stage.name].index
    right = _of_the_same_time(order, blamed, _right_records(evidence))
    keys = [*blamed, *right]
    at = positions(order, pd.Index(keys))
    is_failing: Mask = np.arange(len(keys)) < len(blamed)
    odd: dict[Any, list[FieldReach]] = {}
    for field in unchecked:
        recorded = evidence.world.recorded[field.stage]
        if field.field not in recorded.columns:
            continue
        contrast = strongest_contrast(recorded[field.field].reindex(keys), is_failing, at)
        if contrast is not None and contrast.p_value * len(unchecked) < _SIGNIFICANT:
            for key in np.array(keys, dtype=object)[contrast.mark & is_failing]:
                odd.setdefault(key, []).append(field)
    return odd


def _of_the_same_time(order: pd.Index[Any], failing: Sequence[Any], right: list[Any]) -> list[Any]:
    """Return the right records between failing ones, where there are enough; else all of them."""
    low, high = np.quantile(positions(order, pd.Index(failing)), (0.05, 0.95))
    at = positions(order, pd.Index(right))
    between = [key for key, place in zip(right, at, strict=True) if low <= place <= high]
    return between if len(between) >= _ENOUGH else right


def _right_records(evidence: Evidence) -> list[Any]:
    world = evidence.world
    final = world.recorded[world.pipeline.final_stage.name]
    others = final.index[~final.index.isin(evidence.failing)]
    others = others[:: max(1, len(others) // _COMPARED)]
    if not len(others):
        return []
    states = world.judge(final.loc[others])["state"]
    return others[(states == OutcomeState.RIGHT).to_numpy()].tolist()


def _unmade_requests(world: World) -> Iterator[FieldReach]:
    """Yield the requests of models that no stage before them holds: nobody made them of anything that is known."""
    for stage in world.order:
        if stage.kind is not StageKind.MODEL or stage.request is None:
            continue
        if not any(request_column(world, stage, name) is not None for name in stage.input):
            yield FieldReach(
                stage=stage.name, field=stage.request, models=frozenset({stage.name}), outcomes=frozenset()
            )
