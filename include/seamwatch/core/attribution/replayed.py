"""The replays of a sample, and which rule its records fall under."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seamwatch.core.attribution.before import judge_before_the_model
from seamwatch.core.attribution.clean import judge_not_reproduced, judge_still_wrong, judge_without_answer
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.tally import Tally
from seamwatch.core.interventions import EVERYTHING, Ask, Trial, run_trial
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import Verdict
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import OutcomeState


def judge_by_replay(
    evidence: Evidence,
    sample: pd.Index[Any],
    ask: Ask | None,
    settings: Isolation,
    tally: Tally,
    isolated: dict[str, ModelAnswer],
) -> dict[Any, Verdict]:
    """Return the verdicts of the sampled records.

    All of them are first asked the clean request, at once, so that calls run side by side; those that turn right and
    had a faulty request are then asked the recorded one. What follows depends on the two answers.
    """
    world = evidence.world
    repairable = {name: EVERYTHING for name in world.references}
    clean = run_trial(world, sample, repairable, ask, fresh=evidence.models, purpose="clean")
    _remember(evidence, clean, isolated)
    before = [key for key in sample if evidence.stages_of(key) & evidence.before_model]
    unchanged = sample[~sample.isin(before)]
    tally.add(clean, unchanged)
    right = clean.keys_with(OutcomeState.RIGHT)
    suspects = right[right.isin(before)]
    again = run_trial(world, suspects, {}, ask, fresh=evidence.models) if len(suspects) else None
    if again is not None:
        tally.add(again, suspects)
    found: dict[Any, Verdict] = {}
    if again is not None:
        flipped = again.keys_with(OutcomeState.RIGHT)
        found.update(judge_before_the_model(evidence, suspects[~suspects.isin(flipped)], ask, tally))
        found.update(judge_not_reproduced(evidence, flipped, ask, settings, tally))
    found.update(judge_not_reproduced(evidence, right[right.isin(unchanged)], ask, settings, tally))
    wrong = clean.keys_with(OutcomeState.WRONG)
    found.update(judge_still_wrong(evidence, wrong, ask, tally))
    gaps = clean.outcomes["gap"].to_dict()
    for key in clean.keys_with(OutcomeState.PENDING):
        found[key] = judge_without_answer(evidence, key, gaps[key])
    return found


def _remember(evidence: Evidence, clean: Trial, isolated: dict[str, ModelAnswer]) -> None:
    if evidence.models:
        for key, answer in clean.answers.get(evidence.models[-1], {}).items():
            if answer.is_ok:
                isolated[str(key)] = answer
