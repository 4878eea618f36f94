"""From evidence to one verdict per failing record, by interventions (DESIGN.md section 5, steps 1 to 5 and 8)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.call_plan import affordable_records, calls_per_record
from seamwatch.core.attribution.chance import Kind
from seamwatch.core.attribution.damage import FieldPattern
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.faults_after_model import judge_after_model
from seamwatch.core.attribution.faults_before_model import judge_before_model
from seamwatch.core.attribution.model_blame import obstacle_to_blame
from seamwatch.core.attribution.model_faults import judge_chance, judge_still_wrong, judge_without_answer
from seamwatch.core.attribution.patterns import name_patterns
from seamwatch.core.attribution.recorded_answers import right_by_recorded_answers
from seamwatch.core.attribution.replay_runner import ReplayRunner
from seamwatch.core.attribution.sampling import SAMPLE_ONLY, Sample, Spending, replay_more, replay_until_decided
from seamwatch.core.attribution.sequential import fewest_draws
from seamwatch.core.attribution.strata import stratify
from seamwatch.core.attribution.unchecked_fields import bound_by_unchecked
from seamwatch.core.attribution.unreplayed import judge_by_stratum
from seamwatch.core.attribution.verdicts import make_verdict, provider_verdict, suspect_truth_verdict
from seamwatch.core.interventions import Ask
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.results import ReferenceDoubt, Verdict
from seamwatch.spec.pipeline import Isolation, Stage
from seamwatch.vocabulary import Basis, Gap, Responsibility

_STALE_FROM = 3
"""Records with one and the same other record's payload: it was kept and given out again, not swapped."""


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """Verdicts of a window's failing records, and what the replays said."""

    verdicts: tuple[Verdict, ...]
    """One per failing record, in their order."""
    reproduced: float | None
    """Share of replayed recorded requests that were wrong again."""
    isolated: Mapping[str, ModelAnswer]
    """By key, the last model's answer to the clean request."""
    references_in_doubt: tuple[ReferenceDoubt, ...]
    """References that contradict right records, in the order of the stages."""
    n_sampled: int
    """Records that the sequential tests drew; what was replayed beyond them, the budget allowed."""


def attribute_records(
    evidence: Evidence, ask: Ask | None, settings: Isolation, spending: Spending = SAMPLE_ONLY
) -> Attributed:
    """Return a verdict for every failing record.

    Args:
        evidence: What is known without calls.
        ask: Calls a model; None where no endpoint can be reached, and verdicts that need one are undetermined.
        settings: `mode` and sizes of the sample; the hard budget is enforced behind `ask`.
        spending: Whether more is replayed than the sample, and how many calls that may take.

    The order is by cost: facts that need nothing, repairs after the model that need no call, then replays of a
    sample of every stratum (records with the same discrepancies), whose verdicts speak for the rest of the stratum.
    Where the sample shows a change, or a person asked, the rest is replayed too, as far as the calls go.
    """
    free = _lost(evidence)
    left = evidence.failing[~evidence.failing.isin(list(free))]
    after_model = judge_after_model(evidence, left)
    evidence = replace(evidence, not_made_at={**after_model.not_made_at, **evidence.not_made_at})
    free.update(after_model.verdicts)
    for judge in (_by_provider, _in_doubt):
        left = left[~left.isin(list(free))]
        free.update(judge(evidence, left))
    left = left[~left.isin(list(free))]
    evidence = replace(evidence, answered_rightly=right_by_recorded_answers(evidence, left))
    meter = _Meter(ask)
    runner = ReplayRunner(evidence, meter.ask if ask is not None else None, settings)
    sample = Sample(stratify(evidence, left))
    most = len(left)
    if spending.calls_for_sample is not None:
        most = min(most, affordable_records(spending.calls_for_sample, calls_per_record(evidence, left)))
    if settings.mode == "exhaustive":
        replay_more(runner, sample, most, settings)
    else:
        replay_until_decided(runner, sample, free, settings, most)
    n_sampled = sample.n_replayed
    verdicts = _judge(evidence, runner, sample, free, settings)
    is_worth_it = spending.is_worth_it(tuple(verdicts.values())) or settings.mode == "exhaustive"
    if sample.n_left and is_worth_it:
        while n := _affordable(evidence, sample, meter, spending, settings):
            replay_more(runner, sample, n, settings)
            verdicts = _judge(evidence, runner, sample, free, settings)
    verdicts = bound_by_unchecked(evidence, verdicts)
    doubts = {**evidence.doubts, **runner.doubts}
    patterns = name_patterns(evidence.world.reconciled, evidence.failing, recorded=evidence.world.recorded)
    return Attributed(
        verdicts=tuple(_with_pattern(verdicts[key], patterns) for key in evidence.failing),
        reproduced=runner.reproduced,
        isolated=runner.isolated,
        references_in_doubt=tuple(doubts[stage.name] for stage in evidence.world.order if stage.name in doubts),
        n_sampled=n_sampled,
    )


class _Meter:
    """Counts the calls that were made: those whose answer was not known already."""

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self.n_calls = 0

    def ask(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        assert self._ask is not None
        answers = self._ask(stage, calls)
        self.n_calls += sum(not answer.is_cached for answer in answers)
        return answers


def _affordable(evidence: Evidence, sample: Sample, meter: _Meter, spending: Spending, settings: Isolation) -> int:
    """Return how many records more can be replayed and judged at what they have cost so far; 0 if it is not worth it.

    Their judgement takes calls too, for repairs and fields, and so their share is left for it: as much more or less
    than was expected as for the records that were replayed.
    """
    drawn = [key for mark in sample.orders for key in sample.drawn(mark)]
    left = [key for mark, order in sample.orders.items() for key in order[sample.n_drawn[mark] :]]
    dearness = meter.n_calls / (calls_per_record(evidence, drawn) * len(drawn)) if drawn else 1.0
    n = int(spending.calls_left() / max(1.0, dearness * calls_per_record(evidence, left)))
    return 0 if n < min(sample.n_left, fewest_draws(confidence=settings.confidence)) else min(n, sample.n_left)


def _judge(
    evidence: Evidence, runner: ReplayRunner, sample: Sample, free: Mapping[Any, Verdict], settings: Isolation
) -> dict[Any, Verdict]:
    """Return a verdict for every failing record, from what was replayed so far."""
    proven = runner.proven_marks
    if proven:
        unproven = {key: mark for key, mark in evidence.provider_unproven.items() if key not in proven}
        evidence = replace(evidence, provider={**evidence.provider, **proven}, provider_unproven=unproven)
    judged = _judge_replayed(evidence, runner, sample.of, settings)
    for key, gap in runner.gaps.items():
        if key not in judged:
            judged[key] = judge_without_answer(evidence, key, gap)
    unanswered = {k: v for k, v in judged.items() if v.gap is Gap.BUDGET_SPENT and not runner.is_asked(k)}
    verdicts = {**free, **{key: verdict for key, verdict in judged.items() if key not in unanswered}}
    for keys in sample.strata.values():
        # What the budget did not allow was not asked: undetermined only where no other record speaks for this one.
        # One that was asked in part stays undetermined and counts: which records need another call is no chance.
        if not any(key in verdicts for key in keys):
            verdicts.update((key, judge_without_answer(evidence, key, Gap.BUDGET_SPENT)) for key in keys)
        verdicts.update(judge_by_stratum(evidence, keys, verdicts))
    verdicts.update(_own_doubts(evidence, verdicts))
    n_like = Counter(evidence.crossed_at.values())
    crossed = {key: n_like[found] for key, found in evidence.crossed_at.items() if key in verdicts}
    verdicts.update({key: _as_crossed(evidence, verdicts[key], key, n_like=n) for key, n in crossed.items()})
    return verdicts


def _judge_replayed(
    evidence: Evidence, runner: ReplayRunner, strata: Mapping[Any, Hashable], settings: Isolation
) -> dict[Any, Verdict]:
    """Return the verdicts of the replayed records, each by the rule of its likeliest kind."""
    beliefs: dict[Kind, dict[Any, float]] = {kind: {} for kind in Kind}
    for key, kinds in runner.kinds(strata).items():
        likeliest = max(kinds, key=lambda kind: kinds[kind])
        beliefs[likeliest][key] = kinds[likeliest]
    verdicts = judge_chance(evidence, beliefs[Kind.CHANCE], runner)
    still_wrong = judge_still_wrong(evidence, beliefs[Kind.STILL_WRONG], runner, strata)
    verdicts.update(_with_those_cut_short(evidence, still_wrong, strata, settings))
    is_exhaustive = settings.mode == "exhaustive"
    verdicts.update(judge_before_model(evidence, beliefs[Kind.BEFORE], runner, is_exhaustive=is_exhaustive))
    return verdicts


def _with_those_cut_short(
    evidence: Evidence, verdicts: dict[Any, Verdict], strata: Mapping[Any, Hashable], settings: Isolation
) -> dict[Any, Verdict]:
    """Return the verdicts, those whose experiments the budget did not allow judged by their like.

    Their like are the records of the stratum that are still wrong on a clean request, too: which of these had their
    experiments before the calls ended is no more than their order.
    """
    groups: dict[Hashable, list[Any]] = defaultdict(list)
    for key in verdicts:
        groups[strata.get(key)].append(key)
    for keys in groups.values():
        settled = {key: verdicts[key] for key in keys if verdicts[key].gap is not Gap.BUDGET_SPENT}
        if len(settled) >= fewest_draws(confidence=settings.confidence):
            verdicts.update(judge_by_stratum(evidence, keys, settled))
    return verdicts


def _lost(evidence: Evidence) -> dict[Any, Verdict]:
    """Return the verdicts of the records that did not arrive: no replay could tell more."""
    return {
        key: make_verdict(
            key,
            Responsibility.INTEGRATION,
            stage,
            belief=confidence.LOST_OR_CROSSED,
            reasons=(Reason(kind=ReasonKind.LOST, stages=(stage,)),),
            basis=Basis.RULE,
            pattern="lost",
        )
        for key, stage in evidence.lost_at.items()
    }


def _as_crossed(evidence: Evidence, verdict: Verdict, key: Any, *, n_like: int) -> Verdict:
    """Return the verdict of a record that carries another one's payload, where that is, or may be, its cause.

    Replays say whether it is. Where none could be made, whole payloads still do not swap by chance. Of `n_like` records
    that carry the same one, there are many where it was kept and given out again.
    """
    stage, other = evidence.crossed_at[key]
    reasons = (Reason(kind=ReasonKind.CROSSED, stages=(stage,), detail=str(other)),)
    if verdict.responsibility is Responsibility.INTEGRATION and verdict.stage == stage:
        pattern = "stale" if n_like >= _STALE_FROM else "crossed"
        return replace(verdict, fields=(), reasons=reasons, pattern=pattern)
    if verdict.responsibility is not Responsibility.UNDETERMINED:
        return verdict
    return make_verdict(
        key,
        Responsibility.INTEGRATION,
        stage,
        belief=confidence.LOST_OR_CROSSED,
        reasons=reasons,
        basis=Basis.RULE,
        pattern="crossed",
    )


def _with_pattern(verdict: Verdict, patterns: Mapping[tuple[str, str], FieldPattern]) -> Verdict:
    """Return the verdict with the kind of damage of its first field, and the fields that have the same."""
    if verdict.responsibility is not Responsibility.INTEGRATION or verdict.pattern is not None or not verdict.fields:
        return verdict
    pattern = patterns.get((str(verdict.stage), verdict.fields[0]))
    if pattern is None:
        return verdict
    damage = Reason(kind=ReasonKind.DAMAGE, fields=(verdict.fields[:1],), damage=pattern.damage)
    known = {name: patterns.get((str(verdict.stage), name)) for name in verdict.fields}
    like = (pattern.name, pattern.is_part)
    return replace(
        verdict,
        pattern=pattern.name,
        pattern_fields=tuple(n for n, other in known.items() if other and (other.name, other.is_part) == like),
        is_part_damaged=pattern.is_part,
        reasons=(*verdict.reasons, damage),
    )


def _in_doubt(evidence: Evidence, keys: pd.Index[Any]) -> dict[Any, Verdict]:
    """Return the records whose outcome only a doubted reference could judge: no call could tell more."""
    obstacles = {key: obstacle_to_blame(evidence, key) for key in keys if evidence.doubted_at(key) is not None}
    return {key: verdict for key, verdict in obstacles.items() if verdict is not None}


def _own_doubts(evidence: Evidence, verdicts: Mapping[Any, Verdict]) -> dict[Any, Verdict]:
    """Return the records that would be the model's by their like, and for which it cannot be blamed."""
    doubted: dict[Any, Verdict] = {}
    for key, verdict in verdicts.items():
        if verdict.responsibility is Responsibility.MODEL and verdict.basis is Basis.STRATUM:
            obstacle = obstacle_to_blame(evidence, key)
            if obstacle is not None:
                doubted[key] = obstacle
            elif key in evidence.suspect_truth:
                doubted[key] = suspect_truth_verdict(evidence, key)
    return doubted


def _by_provider(evidence: Evidence, keys: pd.Index[Any]) -> dict[Any, Verdict]:
    """Return the recorded failures of the provider on requests that were as they should be."""
    return {
        key: provider_verdict(key, evidence.provider[key])
        for key in keys
        if key in evidence.provider and not evidence.stages_of(key) & evidence.before_model
    }
