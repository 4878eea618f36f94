"""Faults after the model: the recorded answer and references alone turn the outcome right, without a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.sufficient_repairs import find_fields, find_sufficient_repairs
from seamwatch.core.attribution.verdicts import repaired_verdict
from seamwatch.core.interventions import EVERYTHING, Repairs, run_trial
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Basis, Gap, OutcomeState


@dataclass(frozen=True, kw_only=True)
class AfterModel:
    """What the recorded answers and the references after the model say."""

    verdicts: Mapping[Any, Verdict]
    """Of the records that they alone turn right."""
    not_made_at: Mapping[Any, tuple[str, ...]]
    """Records whose recorded answer left nothing to be judged, and the stage whose reference makes nothing of it."""


def judge_after_model(evidence: Evidence, keys: pd.Index[Any]) -> AfterModel:
    """Return the records that the recorded answer and references after the model alone turn right: no call needed.

    A reference that is in doubt, or that made nothing of the record, repairs nothing; the others still may.
    """
    verdicts: dict[Any, Verdict] = {}
    not_made: dict[Any, tuple[str, ...]] = {}
    for stages, group in _by_usable_stages(evidence, keys).items():
        trial = run_trial(evidence.world, group, dict.fromkeys(stages, EVERYTHING), None)
        for key in trial.keys_with_gap(Gap.REFERENCE_FAILED):
            not_made[key] = tuple(stage for stage in stages if stage in evidence.stages_of(key))[:1]
        verdicts.update(_judge(evidence, trial.keys_with(OutcomeState.RIGHT), stages))
    return AfterModel(verdicts=verdicts, not_made_at=not_made)


def _by_usable_stages(evidence: Evidence, keys: pd.Index[Any]) -> dict[tuple[str, ...], pd.Index[Any]]:
    """Return the records with a discrepancy after the model, by the stages whose reference may repair them."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for key in keys:
        not_made = evidence.not_made_at.get(key, ())
        stages = tuple(s for s in evidence.after_all_models if s not in not_made and s not in evidence.doubts)
        if evidence.stages_of(key) & set(stages):
            groups.setdefault(stages, []).append(key)
    return {stages: pd.Index(members, dtype=keys.dtype) for stages, members in groups.items()}


def _judge(evidence: Evidence, repairable: pd.Index[Any], stages: tuple[str, ...]) -> dict[Any, Verdict]:
    def turns_right(subset: pd.Index[Any], repairs: Repairs) -> pd.Index[Any]:
        return run_trial(evidence.world, subset, repairs, None).keys_with(OutcomeState.RIGHT)

    verdicts: dict[Any, Verdict] = {}
    for sets, repaired in find_sufficient_repairs(evidence, repairable, stages, turns_right).items():
        chosen = sets[0]
        fields = find_fields(evidence, repaired, chosen)
        belief = confidence.REPAIRED_AFTER_MODEL * confidence.reference_confidence(evidence.world, chosen)
        for key in repaired:
            verdicts[key] = repaired_verdict(
                evidence, key, sets, stages, fields[key], belief=belief, basis=Basis.REPAIR
            )
    return verdicts
