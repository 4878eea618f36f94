"""Records that a clean request does not turn right for good: the model, its provider, the source, or nobody known."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal_repairs import smallest_repairs
from seamwatch.core.attribution.model_blame import obstacle_to_blame
from seamwatch.core.attribution.replay_runner import ReplayRunner, UsualOutcomes
from seamwatch.core.attribution.several_models import accused_by_label, unlabelled_models
from seamwatch.core.attribution.verdicts import (
    make_verdict,
    provider_verdict,
    suspect_truth_verdict,
    undetermined_verdict,
)
from seamwatch.core.detection.rates import excess_p_value
from seamwatch.core.interventions import (
    CURRENT,
    EVERYTHING,
    NEUTRAL,
    SUREST_NEUTRAL,
    TRUTH,
    Repairs,
    World,
    documents_repair,
)
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import FreshnessReason, Gap, Responsibility

_CHANGED_BELOW_P = 0.001
"""Of so many failures by chance alone; below it the model is said to have changed since."""


def judge_chance(evidence: Evidence, beliefs: Mapping[Any, float], runner: ReplayRunner) -> dict[Any, Verdict]:
    """Return the verdicts of records whose recorded request is usually answered rightly.

    Args:
        evidence: Of the window.
        beliefs: By record, the probability that it is such a one.
        runner: Knows how often the model slips today.
    """
    if not beliefs:
        return {}
    has_changed = _has_changed_since(evidence, len(beliefs), runner)
    kind = ReasonKind.CHANGED_SINCE if has_changed else ReasonKind.NOT_REPRODUCED
    verdicts: dict[Any, Verdict] = {}
    for key, belief in beliefs.items():
        obstacle = obstacle_to_blame(evidence, key)
        if key in evidence.provider:
            verdicts[key] = provider_verdict(key, evidence.provider[key])
        elif obstacle is not None:
            verdicts[key] = obstacle
        elif key in evidence.status_unread:
            stage, status = evidence.status_unread[key]
            reason = Reason(kind=ReasonKind.UNKNOWN_STATUS, stages=(stage,), detail=status)
            verdicts[key] = undetermined_verdict(key, Gap.UNKNOWN_STATUS, reason)
        else:
            stage, is_known = _slipped(evidence, key)
            verdicts[key] = make_verdict(
                key,
                Responsibility.MODEL,
                stage,
                belief=belief * (confidence.NOT_REPRODUCED if is_known else confidence.NOT_SEPARABLE),
                reasons=(Reason(kind=kind, stages=(stage,)),),
                gap=Gap.NOT_REPRODUCED if is_known else Gap.STAGES_NOT_SEPARABLE,
                pattern=kind.value,
            )
    return verdicts


def _slipped(evidence: Evidence, key: Any) -> tuple[str, bool]:
    """Return the model that answered wrongly then, and whether the labels between the models tell that it was this one.

    The first stage between the models that was off its label convicts the model just before it; if none was, it is the
    last model, as far as there are labels after each of the others.
    """
    for stage, model in accused_by_label(evidence).items():
        if stage in evidence.off_truth.get(key, ()):
            return model, True
    return evidence.models[-1], not unlabelled_models(evidence)


def _has_changed_since(evidence: Evidence, n_right_now: int, runner: ReplayRunner) -> bool:
    """Return whether more failures are gone today than the model's own slips of today would have made.

    The slips are those among repeated replays; a model that answers all of them alike and still is right now where it
    was wrong in the window is not the model that answered then.
    """
    if not evidence.n_judged or not runner.n_replayed:
        return False
    n_gone = round(n_right_now * len(evidence.failing) / runner.n_replayed)
    return excess_p_value(n_gone, evidence.n_judged, base_rate=runner.law.slip) < _CHANGED_BELOW_P


def judge_still_wrong(
    evidence: Evidence,
    beliefs: Mapping[Any, float],
    runner: ReplayRunner,
    strata: Mapping[Any, Hashable] | None = None,
) -> dict[Any, Verdict]:
    """Return the verdicts of records that a clean request does not turn right for good.

    A rule is reached only through a known result of each one before it: an experiment that was not made, or whose
    answer could not be judged, leaves the record undetermined, with what was not asked. The largest stratum goes
    through all rules first, so that a budget that runs out leaves as many records as it can with a verdict.

    Args:
        evidence: Of the window.
        beliefs: By record, the probability that it is such a one.
        runner: Where corrections and truths are tried.
        strata: By record, what it has in common with others; None: all are one stratum.
    """
    groups: dict[Hashable, list[Any]] = {}
    for key in beliefs:
        groups.setdefault((strata or {}).get(key), []).append(key)
    verdicts: dict[Any, Verdict] = {}
    for members in sorted(groups.values(), key=len, reverse=True):
        left = pd.Index(members)
        for rule in _RULES:
            if len(left):
                verdicts.update(rule(evidence, left, beliefs, runner))
                left = left[~left.isin(list(verdicts))]
    return verdicts


def _unknown(outcomes: UsualOutcomes, kind: ReasonKind, *stages: str) -> dict[Any, Verdict]:
    """Return the verdicts of records for which the experiment that the kind names has no answer."""
    return {
        key: undetermined_verdict(key, gap, Reason(kind=kind, stages=stages, gap=gap))
        for key, gap in outcomes.unknown.items()
    }


def _blame_provider(
    evidence: Evidence, keys: pd.Index[Any], _: Mapping[Any, float], __: ReplayRunner
) -> dict[Any, Verdict]:
    return {key: provider_verdict(key, evidence.provider[key]) for key in keys if key in evidence.provider}


def _blame_corrected_source(
    evidence: Evidence, keys: pd.Index[Any], _: Mapping[Any, float], runner: ReplayRunner
) -> dict[Any, Verdict]:
    """Blame the source of records that are right with the payload that it corrected later."""
    verdicts: dict[Any, Verdict] = {}
    for stage, corrections in evidence.world.corrections.items():
        corrected = keys[keys.isin(corrections.index) & ~keys.isin(list(verdicts))]
        outcomes = runner.usual_outcomes(corrected, {**runner.everything, stage: EVERYTHING})
        verdicts.update(_unknown(outcomes, ReasonKind.UNKNOWN_WITH_CORRECTION, stage))
        for key in outcomes.right:
            verdicts[key] = make_verdict(
                key,
                Responsibility.SOURCE_DATA,
                stage,
                belief=confidence.SOURCE_CORRECTED,
                reasons=(Reason(kind=ReasonKind.SOURCE_CORRECTED, stages=(stage,)),),
            )
    return verdicts


def _blame_instructions(
    evidence: Evidence, keys: pd.Index[Any], beliefs: Mapping[Any, float], runner: ReplayRunner
) -> dict[Any, Verdict]:
    """Blame the input of records that are right once what looks like instructions is left out of untrusted text.

    Where that is not enough, only what looks most like instructions is left out: what else went may have been needed.
    """
    suspected = keys[keys.isin(list(evidence.instructed))]
    outcomes = runner.usual_outcomes(suspected, _without(runner, evidence.world.neutral, NEUTRAL))
    verdicts = _unknown(outcomes, ReasonKind.UNKNOWN_WITHOUT_INSTRUCTIONS)
    several = outcomes.wrong[outcomes.wrong.isin(_with_several_spans(evidence.world))]
    surest = runner.usual_outcomes(several, _without(runner, evidence.world.surest_neutral, SUREST_NEUTRAL))
    verdicts.update(_unknown(surest, ReasonKind.UNKNOWN_WITHOUT_INSTRUCTIONS))
    for key in outcomes.right.append(surest.right):
        stage, fields = evidence.instructed[key]
        verdicts[key] = make_verdict(
            key,
            Responsibility.ADVERSARIAL_INPUT,
            stage,
            fields=fields,
            belief=confidence.NEUTRALISED * beliefs[key],
            reasons=(Reason(kind=ReasonKind.INSTRUCTIONS, stages=(stage,), fields=(fields,)),),
        )
    return verdicts


def _with_several_spans(world: World) -> set[Any]:
    """Return the records of which not all that looks like instructions looks so as much."""
    keys: set[Any] = set()
    for stage, surest in world.surest_neutral.items():
        neutral = world.neutral[stage].reindex(surest.index)
        differs = neutral.map(strict_text).fillna("") != surest.map(strict_text).fillna("")
        keys.update(surest.index[differs.any(axis=1).to_numpy()])
    return keys


def _without(runner: ReplayRunner, stages: Iterable[str], repair: frozenset[str]) -> Repairs:
    return {**runner.everything, **dict.fromkeys(stages, repair)}


def _blame_documents(
    evidence: Evidence, keys: pd.Index[Any], beliefs: Mapping[Any, float], runner: ReplayRunner
) -> dict[Any, Verdict]:
    """Blame the knowledge base of records that are right with the documents as they are at the source.

    Of several documents the smallest set that is enough is named.
    """
    suspected = keys[keys.isin(list(evidence.outdated))]
    outcomes = runner.usual_outcomes(suspected, _with_documents(evidence, runner, None))
    verdicts = _unknown(outcomes, ReasonKind.UNKNOWN_WITH_DOCUMENTS)
    groups: dict[tuple[str, tuple[str, ...]], list[Any]] = {}
    for key in outcomes.right:
        stage, suspects = evidence.outdated[key]
        groups.setdefault((stage, tuple(sorted(suspects))), []).append(key)
    for (stage, documents), group in groups.items():

        def turns_right(subset: pd.Index[Any], chosen: frozenset[str]) -> pd.Index[Any]:
            return runner.usually_right(subset, _with_documents(evidence, runner, chosen))

        for key, sets in smallest_repairs(pd.Index(group), documents, turns_right, largest=2).items():
            suspects = evidence.outdated[key][1]
            chosen = {document: suspects[document] for document in documents if document in sets[0]}
            belief = confidence.CURRENT_DOCUMENT * beliefs[key] * runner.trust_in_model(key)
            verdicts[key] = _outdated_verdict(evidence, key, stage, chosen, belief)
    return verdicts


def _outdated_verdict(
    evidence: Evidence, key: Any, stage: str, documents: Mapping[str, FreshnessReason], belief: float
) -> Verdict:
    named = _named(evidence, stage, documents)
    reason = next(iter(named.values()))
    return make_verdict(
        key,
        Responsibility.KNOWLEDGE_BASE,
        stage,
        fields=tuple(named),
        belief=belief,
        reasons=(_of_documents(ReasonKind.OUTDATED_DOCUMENTS, stage, named),),
        pattern=reason.value,
        pattern_fields=tuple(name for name, other in named.items() if other is reason),
    )


def _with_documents(evidence: Evidence, runner: ReplayRunner, documents: frozenset[str] | None) -> Repairs:
    repair = CURRENT if documents is None else documents_repair(documents)
    return {**runner.everything, **dict.fromkeys(evidence.world.knowledge, repair)}


def _blame_suspect_source(
    evidence: Evidence, keys: pd.Index[Any], _: Mapping[Any, float], __: ReplayRunner
) -> dict[Any, Verdict]:
    verdicts: dict[Any, Verdict] = {}
    for key in keys[keys.isin(list(evidence.suspect_source))]:
        stage, expectation = evidence.suspect_source[key]
        share = evidence.suspect_share.get((stage, expectation), 1.0)
        verdicts[key] = make_verdict(
            key,
            Responsibility.SOURCE_DATA,
            stage,
            belief=confidence.SOURCE_SUSPECT * share,
            reasons=(Reason(kind=ReasonKind.SOURCE_SUSPECT, stages=(stage,), detail=expectation),),
        )
    return verdicts


def _doubt_evidence(
    evidence: Evidence, keys: pd.Index[Any], _: Mapping[Any, float], runner: ReplayRunner
) -> dict[Any, Verdict]:
    """Return the verdicts of records for which no model can be blamed, since a reference or the label is in doubt."""
    verdicts: dict[Any, Verdict] = {}
    for key in keys:
        obstacle = _missing_evidence(evidence, key, runner)
        if obstacle is not None:
            verdicts[key] = obstacle
    return verdicts


def _missing_evidence(evidence: Evidence, key: Any, runner: ReplayRunner) -> Verdict | None:
    if evidence.unreferenced:
        return _without_reference(evidence, key)
    if key in evidence.suspect_truth:
        return suspect_truth_verdict(evidence, key)
    obstacle = obstacle_to_blame(evidence, key)
    if obstacle is not None:
        return obstacle
    for stage in sorted(evidence.contradicted_at(key) & evidence.common_contradictions):
        harmless = runner.is_harmless(stage)
        if harmless is False:
            return undetermined_verdict(
                key, Gap.REFERENCE_IN_DOUBT, Reason(kind=ReasonKind.REFERENCE_IN_DOUBT, stages=(stage,))
            )
        if harmless is not True:
            reason = Reason(kind=ReasonKind.UNKNOWN_ON_RIGHT_RECORDS, stages=(stage,), gap=harmless)
            return undetermined_verdict(key, harmless, reason)
    return None


def _blame_model(
    evidence: Evidence, keys: pd.Index[Any], beliefs: Mapping[Any, float], runner: ReplayRunner
) -> dict[Any, Verdict]:
    if len(evidence.models) > 1:
        return _blame_one_of_several(evidence, keys, runner)
    return {key: _model(evidence, key, beliefs[key], runner) for key in keys}


def _blame_one_of_several(evidence: Evidence, keys: pd.Index[Any], runner: ReplayRunner) -> dict[Any, Verdict]:
    """Return for a graph of several models which one it was, by handing the later ones the truth of what came before.

    The first intermediate stage whose truth turns the outcome right convicts the model just before it. Where none
    does, it is the last model if the truths reach its input, and otherwise the models cannot be told apart.
    """
    verdicts: dict[Any, Verdict] = {}
    left = keys
    for stage, culprit in accused_by_label(evidence).items():
        if len(left):
            outcomes = runner.usual_outcomes(left, {**runner.everything, stage: TRUTH})
            verdicts.update(_unknown(outcomes, ReasonKind.UNKNOWN_WITH_TRUTH, stage))
            for key in outcomes.right:
                verdicts[key] = make_verdict(
                    key,
                    Responsibility.MODEL,
                    culprit,
                    belief=confidence.MODEL_REPRODUCED,
                    reasons=(Reason(kind=ReasonKind.MODEL_BEFORE_TRUTH, stages=(culprit, stage)),),
                )
            left = outcomes.wrong
    last = evidence.models[-1]
    reason = Reason(kind=ReasonKind.MODEL, stages=(last,))
    if between := unlabelled_models(evidence):
        reason = Reason(kind=ReasonKind.ONE_OF_MODELS, stages=tuple(evidence.models))
    for key in left:
        verdicts[key] = make_verdict(
            key,
            Responsibility.MODEL,
            last,
            belief=confidence.NOT_SEPARABLE if between else confidence.MODEL_REPRODUCED,
            reasons=(reason,),
            gap=Gap.STAGES_NOT_SEPARABLE if between else None,
        )
    return verdicts


def _model(evidence: Evidence, key: Any, belief: float, runner: ReplayRunner) -> Verdict:
    if not evidence.models:
        return undetermined_verdict(key, Gap.MISSING_REFERENCE, Reason(kind=ReasonKind.NO_MODEL))
    trust = confidence.written_confidence(evidence.world)
    moved = evidence.stages_of(key) & evidence.before_model
    if moved:
        # Only here do replays tell it from a fault before the model: the model that was recorded got the clean request
        # of every other one, and was wrong, whoever answers today.
        trust *= confidence.trust_in_clean_request(evidence, moved) * runner.trust_in_model(key)
    return make_verdict(
        key,
        Responsibility.MODEL,
        evidence.models[-1],
        belief=belief * confidence.MODEL_REPRODUCED * trust,
        reasons=(Reason(kind=ReasonKind.MODEL, stages=evidence.models[-1:]), *_harmless_documents(evidence, key)),
    )


_RULES = (
    _blame_provider,
    _blame_corrected_source,
    _blame_instructions,
    _blame_documents,
    _blame_suspect_source,
    _doubt_evidence,
    _blame_model,
)
"""In this order; each decides some of the records that the ones before it leave."""


def _named(evidence: Evidence, stage: str, documents: Mapping[str, FreshnessReason]) -> dict[str, FreshnessReason]:
    context = evidence.world.knowledge[stage]
    return {context.name_of(document): reason for document, reason in documents.items()}


def _of_documents(kind: ReasonKind, stage: str, documents: Mapping[str, FreshnessReason]) -> Reason:
    return Reason(kind=kind, stages=(stage,), documents=tuple(documents.items()))


def _harmless_documents(evidence: Evidence, key: Any) -> tuple[Reason, ...]:
    """Return that documents were not as they should be and had no part in it; nothing where they were."""
    if key not in evidence.outdated:
        return ()
    stage, documents = evidence.outdated[key]
    return (_of_documents(ReasonKind.DOCUMENTS_HARMLESS, stage, _named(evidence, stage, documents)),)


def _without_reference(evidence: Evidence, key: Any) -> Verdict:
    reason = Reason(kind=ReasonKind.MISSING_REFERENCE, stages=tuple(evidence.unreferenced))
    return undetermined_verdict(key, Gap.MISSING_REFERENCE, reason)


def judge_without_answer(evidence: Evidence, key: Any, gap: Gap | None) -> Verdict:
    """Return the verdict of a record whose replay could not be judged."""
    if key in evidence.provider and not evidence.stages_of(key) & evidence.before_model:
        return provider_verdict(key, evidence.provider[key])
    if gap is Gap.REFERENCE_FAILED and key in evidence.not_made_at:
        reason = Reason(kind=ReasonKind.REFERENCE_FAILED, stages=evidence.not_made_at[key][:1])
        return undetermined_verdict(key, gap, reason)
    if gap is Gap.MISSING_REFERENCE:
        return _without_reference(evidence, key)
    return undetermined_verdict(key, gap or Gap.TRUTH_PENDING, Reason(kind=ReasonKind.UNSETTLED, gap=gap))
