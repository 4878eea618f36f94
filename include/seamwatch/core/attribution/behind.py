"""Faults behind the model: the recorded answer and references alone turn the outcome right, without a call."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.cures import find_cures, find_fields
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.verdicts import repaired_verdict
from seamwatch.core.interventions import EVERYTHING, Repairs, run_trial
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Basis, OutcomeState


def judge_behind_the_model(evidence: Evidence, keys: pd.Index[Any]) -> dict[Any, Verdict]:
    """Return the records that the recorded answer and references behind the model alone turn right: no call needed."""
    world = evidence.world
    behind = [stage.name for stage in world.order if stage.name not in evidence.before_model | set(evidence.models)]
    faulty = pd.Index([key for key in keys if evidence.stages_of(key) & set(behind)], dtype=keys.dtype)
    if not len(faulty):
        return {}

    def cures(subset: pd.Index[Any], repairs: Repairs) -> pd.Index[Any]:
        return run_trial(world, subset, repairs, None).keys_with(OutcomeState.RIGHT)

    curable = cures(faulty, dict.fromkeys(behind, EVERYTHING))
    found: dict[Any, Verdict] = {}
    for sets, cured in find_cures(evidence, curable, behind, cures).items():
        chosen = sets[0]
        fields = find_fields(evidence, cured, chosen)
        belief = confidence.REPAIRED_BEHIND * confidence.reference_confidence(world, chosen)
        for key in cured:
            found[key] = repaired_verdict(evidence, key, sets, behind, fields[key], belief=belief, basis=Basis.REPAIR)
    return found
