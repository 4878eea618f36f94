"""Verdicts that several rules make in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal_repairs import Sets, shapley_shares
from seamwatch.core.reasons import CallFailure, Reason, ReasonKind
from seamwatch.core.results import Part, Verdict
from seamwatch.vocabulary import Basis, Gap, Responsibility


def make_verdict(
    key: Any,
    responsibility: Responsibility,
    stage: str | None,
    *,
    belief: float,
    reasons: tuple[Reason, ...],
    fields: tuple[str, ...] = (),
    basis: Basis = Basis.REPLAY,
    gap: Gap | None = None,
    pattern: str | None = None,
    pattern_fields: tuple[str, ...] = (),
    parts: tuple[Part, ...] = (),
) -> Verdict:
    """Return a verdict; `belief` is cut to what any verdict may have, 0 to `confidence.SUREST`."""
    return Verdict(
        key=str(key),
        responsibility=responsibility,
        stage=stage,
        fields=fields,
        confidence=min(max(belief, 0.0), confidence.SUREST),
        reasons=reasons,
        basis=basis,
        gap=gap,
        pattern=pattern,
        pattern_fields=pattern_fields,
        parts=parts,
    )


def repaired_verdict(
    evidence: Evidence,
    key: Any,
    sets: Sets,
    order: Sequence[str],
    fields: Mapping[str, tuple[str, ...]],
    *,
    belief: float,
    basis: Basis,
) -> Verdict:
    """Return the verdict of a record that repairs of mappings, prompts or sinks turn right.

    Args:
        evidence: Of the window.
        key: The record.
        sets: The smallest sets of stages whose repair is enough; the first is the one that is named.
        order: Stages in the order of the graph.
        fields: What has to be repaired, by stage. The verdict names those of the stage that it blames.
        belief: Probability that it is so.
        basis: `repair` where no call was needed, else `replay`.
    """
    named = tuple(stage for stage in order if stage in sets[0])
    repaired = {stage: evidence.with_partners(key, stage, fields.get(stage, ())) for stage in named}
    mine = repaired[named[0]] or evidence.fields_of(key, named[0])
    is_swap = evidence.is_swap(key, named[0], mine)
    shares = shapley_shares(sets)
    others = tuple(tuple(stage for stage in order if stage in repairs) for repairs in sets[1:])
    kind = ReasonKind.AFTER_MODEL if basis is Basis.REPAIR else ReasonKind.BEFORE_MODEL
    reason = Reason(kind=kind, stages=named, fields=(mine, *(repaired[stage] for stage in named[1:])))
    return make_verdict(
        key,
        Responsibility.INTEGRATION,
        named[0],
        fields=mine,
        belief=belief,
        reasons=(reason, Reason(kind=ReasonKind.OTHER_REPAIRS, repairs=others)) if others else (reason,),
        basis=basis,
        pattern="swapped" if is_swap else None,
        pattern_fields=mine if is_swap else (),
        parts=tuple(
            Part(responsibility=Responsibility.INTEGRATION, stage=stage, share=shares[stage])
            for stage in order
            if len(shares) > 1 and stage in shares
        ),
    )


def undetermined_verdict(key: Any, gap: Gap, reason: Reason) -> Verdict:
    """Return the verdict that names nobody, and what is missing."""
    return make_verdict(
        key, Responsibility.UNDETERMINED, None, belief=0.0, reasons=(reason,), basis=Basis.NONE, gap=gap
    )


def provider_verdict(key: Any, recorded: tuple[str, CallFailure]) -> Verdict:
    """Return the verdict of a recorded failure of the provider, with its model stage."""
    stage, failure = recorded
    return make_verdict(
        key,
        Responsibility.PROVIDER,
        stage,
        belief=confidence.PROVIDER_RECORDED,
        reasons=(Reason(kind=ReasonKind.PROVIDER, stages=(stage,), failure=failure),),
        basis=Basis.RULE,
        pattern=failure.pattern,
    )


def suspect_truth_verdict(evidence: Evidence, key: Any) -> Verdict:
    """Return the verdict of a record whose label is doubted: it blames nobody."""
    chance = round(100 * evidence.suspect_truth[key]) / 100
    return undetermined_verdict(key, Gap.TRUTH_SUSPECT, Reason(kind=ReasonKind.SUSPECT_TRUTH, chance_ratio=chance))
