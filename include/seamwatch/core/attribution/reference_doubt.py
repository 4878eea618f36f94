"""References that contradict right records: a reference is a claim about the pipeline, and may itself be wrong.

What a reference makes is tried on records that are known to be right. One that makes them wrong, or raises on them,
about as often as it objects to wrong records, tells the two no better than chance, and no verdict may rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.attribution.accusing_marks import MarkWeight, RightRecords, spread, weigh_mark
from seamwatch.core.detection.rates import excess_p_value
from seamwatch.core.interventions import EVERYTHING, World, records_not_made, run_trial
from seamwatch.core.records.frames import positions
from seamwatch.core.results import ReferenceDoubt
from seamwatch.vocabulary import DiscrepancyKind, Gap, OutcomeState

_SIGNIFICANT = 0.05
_COINCIDENCES = 0.02
"""Right records that a right reference makes wrong: a faulty payload that is right by chance, a wrong label."""
_TRIED = 200
"""Contradicted right records on which a reference is tried; the share of all is estimated from them."""
_MOST_CURED = 0.5
"""Where a reference turns more of the wrong records right that it objects to, the objections are sound."""
EVERYWHERE = 0.5
"""From this share of right records on, a reference is not to be trusted with any payload."""


def doubted_references(
    world: World, failing: pd.Index[Any], right: RightRecords, after_model: Sequence[str]
) -> dict[str, ReferenceDoubt]:
    """Return by stage the references that are in doubt.

    Args:
        world: The window.
        failing: Records whose outcome is wrong.
        right: Records whose outcome is right.
        after_model: Stages after all models, whose payloads need no call. A reference before a model is doubted here
            only where it makes nothing; whether it makes right records wrong takes calls.
    """
    found: dict[str, ReferenceDoubt] = {}
    for stage in world.order:
        if stage.name in world.references and stage.name in world.reconciled and stage.name in right.world.reconciled:
            doubt = _doubt(world, failing, right, stage.name, is_after_model=stage.name in after_model)
            if doubt is not None:
                found[stage.name] = doubt
    return found


def _doubt(
    world: World, failing: pd.Index[Any], right: RightRecords, stage: str, *, is_after_model: bool
) -> ReferenceDoubt | None:
    keys = right.keys[positions(right.world.recorded[stage].index, right.keys) >= 0]
    failed = records_not_made(right.world, stage, keys)
    n_spoiled = len(failed) + (_n_made_wrong(right.world, stage, keys) if is_after_model else 0)
    if excess_p_value(n_spoiled, len(keys), base_rate=_COINCIDENCES) >= _SIGNIFICANT:
        return None
    wrong_failed = records_not_made(world, stage, failing)
    wrong_contradicted = contradicted(world, stage, failing) if is_after_model else failing[:0]
    n_wrong = len(wrong_failed) + len(wrong_contradicted)
    if n_wrong and weigh_mark(n_wrong, len(failing), n_spoiled, len(keys)) is not MarkWeight.COMMON:
        return None
    if len(wrong_contradicted) and _n_cured(world, stage, wrong_contradicted) > _MOST_CURED * n_wrong:
        return None
    errors: Mapping[Any, str] = right.world.reconciled[stage].reference_errors
    return ReferenceDoubt(
        stage=stage,
        n_right=len(keys),
        n_spoiled=n_spoiled,
        n_failed=len(failed),
        n_wrong=len(failing),
        n_contradicted=n_wrong,
        error=next((errors[key] for key in failed if key in errors), ""),
    )


def contradicted(world: World, stage: str, keys: pd.Index[Any]) -> pd.Index[Any]:
    """Return the records of which a stage holds another value than its reference makes."""
    found = world.reconciled[stage].discrepancies
    return keys[keys.isin(found.loc[(found["kind"] != DiscrepancyKind.FORMAT).to_numpy(), "key"])]


def _n_made_wrong(world: World, stage: str, keys: pd.Index[Any]) -> int:
    """Return how many right records are wrong by what the reference makes, estimated from those that were tried."""
    mine = contradicted(world, stage, keys)
    tried = spread(mine, _TRIED)
    if not len(tried):
        return 0
    trial = run_trial(world, tried, {stage: EVERYTHING}, None)
    n_bad = len(trial.keys_with(OutcomeState.WRONG)) + len(trial.keys_with_gap(Gap.REFERENCE_FAILED))
    n_known = n_bad + len(trial.keys_with(OutcomeState.RIGHT))
    return round(len(mine) * n_bad / n_known) if n_known else 0


def _n_cured(world: World, stage: str, keys: pd.Index[Any]) -> int:
    return len(run_trial(world, keys, {stage: EVERYTHING}, None).keys_with(OutcomeState.RIGHT))
