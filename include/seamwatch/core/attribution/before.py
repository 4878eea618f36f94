"""Faults before the model: right on a clean request, wrong on the recorded one."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence, words
from seamwatch.core.attribution.cures import find_fields_by_replay, group_by_cure, group_by_stages, in_order
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal import smallest_cures
from seamwatch.core.attribution.tally import Tally, trust_in_clean_request
from seamwatch.core.attribution.verdicts import make_verdict
from seamwatch.core.interventions import EVERYTHING, Ask, run_trial
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import OutcomeState, Responsibility


def judge_before_the_model(
    evidence: Evidence, keys: pd.Index[Any], ask: Ask | None, tally: Tally
) -> dict[Any, Verdict]:
    """Return the verdicts of records that are right on a clean request and wrong on the recorded one."""
    world = evidence.world
    order = [stage.name for stage in world.order if stage.name in world.references]

    def cures(subset: pd.Index[Any], stages: frozenset[str]) -> pd.Index[Any]:
        trial = run_trial(world, subset, dict.fromkeys(stages, EVERYTHING), ask)
        return trial.keys_with(OutcomeState.RIGHT)

    found: dict[Any, Verdict] = {}
    for stages, group in group_by_stages(evidence, keys, order).items():
        for chosen, cured in group_by_cure(smallest_cures(group, stages, cures)).items():
            fields = find_fields_by_replay(evidence, cured, chosen, ask)
            named = in_order(chosen, order)
            belief = (confidence.REPAIRED_BEFORE - tally.flip_rate / 2) * trust_in_clean_request(evidence, chosen)
            for key in cured:
                told = evidence.with_partners(key, named[0], fields[key])
                found[key] = make_verdict(
                    key,
                    Responsibility.INTEGRATION,
                    named[0],
                    fields=told,
                    belief=belief,
                    explanation=words.before(named, told),
                    pattern="swapped" if evidence.is_swap(key, named[0], told) else None,
                )
    return found
