"""Faults behind the model: the recorded answer and the references alone turn the outcome right, without a call."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence, words
from seamwatch.core.attribution.cures import find_fields, group_by_cure, group_by_stages, in_order
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal import smallest_cures
from seamwatch.core.attribution.verdicts import make_verdict
from seamwatch.core.interventions import EVERYTHING, run_trial
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Basis, OutcomeState, Responsibility


def judge_behind_the_model(evidence: Evidence, keys: pd.Index[Any]) -> dict[Any, Verdict]:
    """Return the records that the recorded answer and references behind the model alone turn right: no call needed."""
    world = evidence.world
    behind = [stage.name for stage in world.order if stage.name not in evidence.before_model | set(evidence.models)]
    faulty = pd.Index([key for key in keys if evidence.stages_of(key) & set(behind)], dtype=keys.dtype)
    if not len(faulty):
        return {}

    def cures(subset: pd.Index[Any], stages: frozenset[str]) -> pd.Index[Any]:
        trial = run_trial(world, subset, dict.fromkeys(stages, EVERYTHING), None)
        return trial.keys_with(OutcomeState.RIGHT)

    curable = cures(faulty, frozenset(behind))
    found: dict[Any, Verdict] = {}
    for stages, group in group_by_stages(evidence, curable, behind).items():
        for chosen, cured in group_by_cure(smallest_cures(group, stages, cures)).items():
            fields = find_fields(evidence, cured, chosen)
            named = in_order(chosen, stages)
            belief = confidence.REPAIRED_BEHIND * confidence.reference_confidence(world, chosen)
            for key in cured:
                told = evidence.with_partners(key, named[0], fields[key])
                found[key] = make_verdict(
                    key,
                    Responsibility.INTEGRATION,
                    named[0],
                    fields=told,
                    belief=belief,
                    explanation=words.behind(named, told),
                    basis=Basis.REPAIR,
                    pattern="swapped" if evidence.is_swap(key, named[0], told) else None,
                )
    return found
