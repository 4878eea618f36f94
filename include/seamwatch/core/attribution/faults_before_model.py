"""Faults before the model: usually right on a clean request, usually wrong on the recorded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal_repairs import Sets
from seamwatch.core.attribution.replay_runner import ReplayRunner
from seamwatch.core.attribution.sufficient_repairs import find_fields_by_replay, find_sufficient_repairs
from seamwatch.core.attribution.verdicts import make_verdict, repaired_verdict
from seamwatch.core.interventions import EVERYTHING
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.results import Part, Verdict
from seamwatch.vocabulary import Basis, Responsibility


def judge_before_model(
    evidence: Evidence, beliefs: Mapping[Any, float], runner: ReplayRunner, *, is_exhaustive: bool
) -> dict[Any, Verdict]:
    """Return the verdicts of records that are right on a clean request and wrong on the recorded one.

    Args:
        evidence: Of the window.
        beliefs: By record, the probability that it is such a one.
        runner: Where repairs are tried.
        is_exhaustive: Whether the fields of every record are searched, not those of a few.
    """
    world = evidence.world
    order = [stage.name for stage in world.order if stage.name in world.references]
    verdicts: dict[Any, Verdict] = {}
    for sets, together in find_sufficient_repairs(evidence, list(beliefs), order, runner.usually_right).items():
        unseparated = {key: _not_told_apart(runner, key, sets, order) for key in together}
        for key, stages in unseparated.items():
            if stages:
                verdicts[key] = _one_of(evidence, runner, key, stages, beliefs[key])
        repaired = together[[not unseparated[key] for key in together]]
        chosen = sets[0]
        if not len(repaired):
            continue
        fields = find_fields_by_replay(evidence, repaired, chosen, runner, is_exhaustive=is_exhaustive)
        trust = confidence.trust_in_clean_request(evidence, chosen)
        for key in repaired:
            belief = beliefs[key] * trust * runner.trust_in_model(key)
            verdicts[key] = repaired_verdict(evidence, key, sets, order, fields[key], belief=belief, basis=Basis.REPLAY)
    return verdicts


def _not_told_apart(runner: ReplayRunner, key: Any, sets: Sets, order: Sequence[str]) -> tuple[str, ...]:
    """Return the stages of which only together it is known that their repair is enough; none where more is known."""
    together = [stage for stage in order if stage in sets[0]]
    if len(together) < 2:
        return ()
    alone = {stage: runner.gap_of(key, {stage: EVERYTHING}) for stage in together}
    return tuple(stage for stage in together if alone[stage] is not None)


def _one_of(evidence: Evidence, runner: ReplayRunner, key: Any, stages: tuple[str, ...], belief: float) -> Verdict:
    """Return the verdict of a record whose fault lies before the model, at a stage that no answered call has named.

    Where all but one of the stages are known not to be enough alone, that one is part of the fault.
    """
    trust = belief * confidence.trust_in_clean_request(evidence, stages) * runner.trust_in_model(key)
    fields = evidence.fields_of(key, stages[0])
    if len(stages) == 1:
        reasons = (Reason(kind=ReasonKind.BEFORE_MODEL, stages=stages, fields=(fields,)),)
        return make_verdict(key, Responsibility.INTEGRATION, stages[0], fields=fields, belief=trust, reasons=reasons)
    gap = runner.gap_of(key, {stages[0]: EVERYTHING})
    return make_verdict(
        key,
        Responsibility.INTEGRATION,
        stages[0],
        fields=fields,
        belief=trust * confidence.NOT_SEPARABLE,
        reasons=(Reason(kind=ReasonKind.BEFORE_MODEL_ONE_OF, stages=stages, gap=gap),),
        gap=gap,
        parts=tuple(
            Part(responsibility=Responsibility.INTEGRATION, stage=stage, share=1.0 / len(stages)) for stage in stages
        ),
    )
