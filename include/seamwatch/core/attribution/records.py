"""From evidence to one verdict per failing record, by interventions (DESIGN.md section 5, steps 1 to 5 and 8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from seamwatch.core.attribution import confidence, words
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal import delta_debug, smallest_cures
from seamwatch.core.interventions import EVERYTHING, TRUTH, Ask, Trial, run_trial
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import Verdict
from seamwatch.core.stats import jeffreys_mean
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Basis, DiscrepancyKind, Gap, OutcomeState, Responsibility, StageKind

_REPRESENTATIVES = 3
"""Records of one stratum whose fields are searched; the others of the stratum have the same discrepant fields."""


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """Verdicts of a window's failing records, and what the replays said."""

    verdicts: tuple[Verdict, ...]
    """One per failing record, in their order."""
    reproduced: float | None
    """Share of replayed recorded requests that were wrong again."""
    isolated: Mapping[str, ModelAnswer]
    """By key, the last model's answer to the clean request."""


@dataclass
class _Tally:
    """Replays of requests as they were recorded."""

    n_replayed: int = 0
    n_flipped: int = 0

    def add(self, trial: Trial, keys: Iterable[Any]) -> None:
        states = trial.outcomes["state"].reindex(list(keys))
        self.n_replayed += int((states != OutcomeState.PENDING).sum())
        self.n_flipped += int((states == OutcomeState.RIGHT).sum())

    @property
    def flip_rate(self) -> float:
        return confidence.flip_rate(self.n_flipped, self.n_replayed)


def attribute_records(evidence: Evidence, ask: Ask | None, settings: Isolation) -> Attributed:
    """Return a verdict for every failing record.

    Args:
        evidence: What is known without calls.
        ask: Calls a model; None where no endpoint can be reached, and verdicts that need one are undetermined.
        settings: `mode` and sizes of the sample; the hard budget is enforced behind `ask`.

    The order is by cost: facts that need nothing, repairs behind the model that need no call, then replays of a
    sample of every stratum (records with the same discrepancies), whose verdicts speak for the rest of the stratum.
    """
    verdicts = _by_rule(evidence)
    left = evidence.failing[~evidence.failing.isin(list(verdicts))]
    verdicts.update(_behind_the_model(evidence, left))
    left = left[~left.isin(list(verdicts))]
    strata = _strata(evidence, left)
    sample = _sample(strata, settings, left)
    tally = _Tally()
    isolated: dict[str, ModelAnswer] = {}
    if len(sample):
        verdicts.update(_by_replay(evidence, sample, ask, settings, tally, isolated))
    for keys in strata.values():
        verdicts.update(_by_stratum(keys, verdicts))
    return Attributed(
        verdicts=tuple(verdicts[key] for key in evidence.failing),
        reproduced=None if tally.n_replayed == 0 else 1.0 - tally.n_flipped / tally.n_replayed,
        isolated=isolated,
    )


def _by_rule(evidence: Evidence) -> dict[Any, Verdict]:
    """Return the verdicts that a recorded fact settles: a record that is lost, or carries another one's payload."""
    found: dict[Any, Verdict] = {}
    for key, stage in evidence.lost_at.items():
        found[key] = _verdict(
            key,
            Responsibility.INTEGRATION,
            stage,
            belief=confidence.LOST_OR_CROSSED,
            explanation=words.lost(stage),
            basis=Basis.RULE,
            pattern="lost",
        )
    for key, (stage, other) in evidence.crossed_at.items():
        if key not in found:
            found[key] = _verdict(
                key,
                Responsibility.INTEGRATION,
                stage,
                belief=confidence.LOST_OR_CROSSED,
                explanation=words.crossed(stage, other),
                basis=Basis.RULE,
                pattern="crossed",
            )
    return found


def _behind_the_model(evidence: Evidence, keys: pd.Index[Any]) -> dict[Any, Verdict]:
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
    for stages, group in _by_stages(evidence, curable, behind).items():
        for chosen, cured in _inverted(smallest_cures(group, stages, cures)).items():
            fields = _fields_without_calls(evidence, cured, chosen)
            named = _named(chosen, stages)
            belief = confidence.REPAIRED_BEHIND * confidence.reference_confidence(world, chosen)
            for key in cured:
                told = evidence.with_partners(key, named[0], fields[key])
                found[key] = _verdict(
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


def _by_stages(evidence: Evidence, keys: Iterable[Any], among: Sequence[str]) -> dict[tuple[str, ...], pd.Index[Any]]:
    """Return the keys by the stages at which they have discrepancies; stages where a value differs come first."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for key in keys:
        stages = [stage for stage in among if stage in evidence.stages_of(key)]
        groups.setdefault(tuple(sorted(stages, key=lambda s: _is_format_only(evidence, key, s))), []).append(key)
    return {stages: pd.Index(members) for stages, members in groups.items()}


def _is_format_only(evidence: Evidence, key: Any, stage: str) -> bool:
    return all(kind == DiscrepancyKind.FORMAT for at, _, kind in evidence.signatures[key] if at == stage)


def _inverted(cured: Mapping[Any, frozenset[str]]) -> dict[frozenset[str], pd.Index[Any]]:
    groups: dict[frozenset[str], list[Any]] = {}
    for key, chosen in cured.items():
        groups.setdefault(chosen, []).append(key)
    return {chosen: pd.Index(keys) for chosen, keys in groups.items()}


def _named(chosen: Collection[str], order: Sequence[str]) -> tuple[str, ...]:
    return tuple(stage for stage in order if stage in chosen)


def _fields_without_calls(
    evidence: Evidence, keys: pd.Index[Any], stages: Collection[str]
) -> dict[Any, tuple[str, ...]]:
    """Return the smallest set of fields whose repair is enough, searched for every record since it costs no call."""
    found: dict[Any, tuple[str, ...]] = {}
    for parts, group in _by_fields(evidence, keys, stages).items():

        def cures(subset: pd.Index[Any], fields: frozenset[str], parts: tuple[str, ...] = parts) -> pd.Index[Any]:
            trial = run_trial(evidence.world, subset, _repairs([p for p in parts if p in fields]), None)
            return trial.keys_with(OutcomeState.RIGHT)

        for key, chosen in smallest_cures(group, parts, cures, largest=2).items():
            found[key] = tuple(part.partition(":")[2] for part in parts if part in chosen)
    return found


def _by_fields(
    evidence: Evidence, keys: Iterable[Any], stages: Collection[str]
) -> dict[tuple[str, ...], pd.Index[Any]]:
    """Return the keys by their discrepant `stage:field`."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for key in keys:
        parts = tuple(f"{stage}:{name}" for stage in sorted(stages) for name in evidence.fields_of(key, stage))
        groups.setdefault(parts, []).append(key)
    return {parts: pd.Index(members) for parts, members in groups.items()}


def _repairs(parts: Iterable[str]) -> dict[str, frozenset[str]]:
    repairs: dict[str, frozenset[str]] = {}
    for part in parts:
        stage, _, name = part.partition(":")
        repairs[stage] = repairs.get(stage, frozenset()) | {name}
    return repairs


def _strata(evidence: Evidence, keys: Iterable[Any]) -> dict[tuple[Any, ...], list[Any]]:
    """Return the keys by what they have in common before any call: discrepancies, and recorded suspicions."""
    strata: dict[tuple[Any, ...], list[Any]] = {}
    for key in keys:
        provider = evidence.provider.get(key)
        source = evidence.suspect_source.get(key)
        mark = (evidence.signatures.get(key, ()), provider and provider[:2], source and source[0])
        strata.setdefault(mark, []).append(key)
    return strata


def _sample(strata: Mapping[tuple[Any, ...], Sequence[Any]], settings: Isolation, keys: pd.Index[Any]) -> pd.Index[Any]:
    """Return the records to replay: all of them, or of each stratum some that are spread evenly over its time."""
    if settings.mode == "exhaustive":
        return keys
    chosen: set[Any] = set()
    for members in strata.values():
        size = min(len(members), settings.records_per_stratum)
        chosen.update(members[(2 * number + 1) * len(members) // (2 * size)] for number in range(size))
    return keys[keys.isin(list(chosen))]


def _by_replay(
    evidence: Evidence,
    sample: pd.Index[Any],
    ask: Ask | None,
    settings: Isolation,
    tally: _Tally,
    isolated: dict[str, ModelAnswer],
) -> dict[Any, Verdict]:
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
        found.update(_before_the_model(evidence, suspects[~suspects.isin(flipped)], ask, tally))
        found.update(_not_reproduced(evidence, flipped, ask, settings, tally))
    found.update(_not_reproduced(evidence, right[right.isin(unchanged)], ask, settings, tally))
    wrong = clean.keys_with(OutcomeState.WRONG)
    found.update(_still_wrong(evidence, wrong, ask, tally))
    gaps = clean.outcomes["gap"].to_dict()
    for key in clean.keys_with(OutcomeState.PENDING):
        found[key] = _without_answer(evidence, key, gaps[key])
    return found


def _remember(evidence: Evidence, clean: Trial, isolated: dict[str, ModelAnswer]) -> None:
    if evidence.models:
        for key, answer in clean.answers.get(evidence.models[-1], {}).items():
            if answer.is_ok:
                isolated[str(key)] = answer


def _before_the_model(evidence: Evidence, keys: pd.Index[Any], ask: Ask | None, tally: _Tally) -> dict[Any, Verdict]:
    """Return the verdicts of records that are right on a clean request and wrong on the recorded one."""
    world = evidence.world
    order = [stage.name for stage in world.order if stage.name in world.references]

    def cures(subset: pd.Index[Any], stages: frozenset[str]) -> pd.Index[Any]:
        trial = run_trial(world, subset, dict.fromkeys(stages, EVERYTHING), ask)
        return trial.keys_with(OutcomeState.RIGHT)

    found: dict[Any, Verdict] = {}
    for stages, group in _by_stages(evidence, keys, order).items():
        for chosen, cured in _inverted(smallest_cures(group, stages, cures)).items():
            fields = _fields_with_calls(evidence, cured, chosen, ask)
            named = _named(chosen, order)
            belief = (confidence.REPAIRED_BEFORE - tally.flip_rate / 2) * _trust(evidence, chosen)
            for key in cured:
                told = evidence.with_partners(key, named[0], fields[key])
                found[key] = _verdict(
                    key,
                    Responsibility.INTEGRATION,
                    named[0],
                    fields=told,
                    belief=belief,
                    explanation=words.before(named, told),
                    pattern="swapped" if evidence.is_swap(key, named[0], told) else None,
                )
    return found


def _trust(evidence: Evidence, stages: Iterable[str]) -> float:
    """Return the trust in what a clean request rests on: its references, and the context that was kept."""
    world = evidence.world
    chosen = set(stages)
    kept = any(
        stage.kind is StageKind.RETRIEVAL and stage.name not in world.references and chosen & set(stage.input)
        for stage in world.order
    )
    return confidence.reference_confidence(world, chosen) * (confidence.KEPT_CONTEXT if kept else 1.0)


def _fields_with_calls(
    evidence: Evidence, keys: pd.Index[Any], stages: Collection[str], ask: Ask | None
) -> dict[Any, tuple[str, ...]]:
    """Return the fields to repair; searched on a few records of each group, since every try is a call."""
    found: dict[Any, tuple[str, ...]] = {}
    for parts, group in _by_fields(evidence, keys, stages).items():
        chosen = parts
        if len(parts) > 1:
            few = group[:_REPRESENTATIVES]
            answers = [_search_fields(evidence, few[[n]], parts, ask) for n in range(len(few))]
            chosen = Counter(answers).most_common(1)[0][0]
        found.update(dict.fromkeys(group, tuple(part.partition(":")[2] for part in chosen)))
    return found


def _search_fields(evidence: Evidence, one: pd.Index[Any], parts: tuple[str, ...], ask: Ask | None) -> tuple[str, ...]:
    def is_enough(chosen: Sequence[str]) -> bool:
        return bool(len(run_trial(evidence.world, one, _repairs(chosen), ask).keys_with(OutcomeState.RIGHT)))

    return tuple(delta_debug(parts, is_enough))


def _not_reproduced(
    evidence: Evidence, keys: pd.Index[Any], ask: Ask | None, settings: Isolation, tally: _Tally
) -> dict[Any, Verdict]:
    """Return the verdicts of records that were wrong and are right now, on the very request that was recorded."""
    found: dict[Any, Verdict] = {}
    n_right = dict.fromkeys(keys, 1)
    for attempt in range(1, settings.repeats):
        trial = run_trial(evidence.world, keys, {}, ask, fresh=evidence.models, attempt=attempt)
        tally.add(trial, keys)
        for key in trial.keys_with(OutcomeState.RIGHT):
            n_right[key] += 1
    for key in keys:
        failure = evidence.provider.get(key)
        if failure is not None:
            found[key] = _provider(key, failure)
        elif n_right[key] * 2 > settings.repeats:
            found[key] = _verdict(
                key,
                Responsibility.MODEL,
                evidence.models[-1],
                belief=confidence.NOT_REPRODUCED,
                explanation=words.not_reproduced(evidence.models[-1], n_right[key], settings.repeats),
                gap=Gap.NOT_REPRODUCED,
                pattern="not_reproduced",
            )
        else:
            found[key] = _model(evidence, key, tally, explanation=words.mostly_wrong(n_right[key], settings.repeats))
    return found


def _still_wrong(evidence: Evidence, keys: pd.Index[Any], ask: Ask | None, tally: _Tally) -> dict[Any, Verdict]:
    """Return the verdicts of records that no repair of a mapping turns right."""
    corrected = _right_with_correction(evidence, keys, ask)
    guilty_model = _guilty_models(evidence, keys, ask)
    found: dict[Any, Verdict] = {}
    for key in keys:
        if key in evidence.provider:
            found[key] = _provider(key, evidence.provider[key])
        elif key in corrected:
            stage = corrected[key]
            found[key] = _verdict(
                key,
                Responsibility.SOURCE_DATA,
                stage,
                belief=confidence.SOURCE_CORRECTED,
                explanation=words.corrected(stage),
            )
        elif key in evidence.suspect_source:
            stage, expectation = evidence.suspect_source[key]
            found[key] = _verdict(
                key,
                Responsibility.SOURCE_DATA,
                stage,
                belief=confidence.SOURCE_SUSPECT,
                explanation=words.bad_source(stage, expectation),
            )
        elif evidence.unreferenced:
            found[key] = _undetermined(key, Gap.MISSING_REFERENCE, words.missing_reference(evidence.unreferenced))
        elif len(evidence.models) > 1:
            found[key] = guilty_model[key]
        else:
            found[key] = _model(evidence, key, tally)
    return found


def _right_with_correction(evidence: Evidence, keys: pd.Index[Any], ask: Ask | None) -> dict[Any, str]:
    """Return the records that are right with the payload that the source corrected later, and that source."""
    found: dict[Any, str] = {}
    for stage, corrections in evidence.world.corrections.items():
        mine = keys[keys.isin(corrections.index)]
        if len(mine):
            repairs = {**dict.fromkeys(evidence.world.references, EVERYTHING), stage: EVERYTHING}
            trial = run_trial(evidence.world, mine, repairs, ask, purpose="clean")
            found.update(dict.fromkeys(trial.keys_with(OutcomeState.RIGHT), stage))
    return found


def _guilty_models(evidence: Evidence, keys: pd.Index[Any], ask: Ask | None) -> dict[Any, Verdict]:
    """Return for a graph of several models which one it was, by handing the later ones the truth of what came before.

    The first intermediate stage whose truth turns the outcome right convicts the model just before it. Where none
    does, it is the last model if the truths reach its input, and otherwise the models cannot be told apart.
    """
    if len(evidence.models) < 2 or not len(keys):
        return {}
    world = evidence.world
    order = [stage.name for stage in world.order]
    position = {name: number for number, name in enumerate(order)}
    known = [name for name in order if name in world.truths and name in evidence.before_model]
    found: dict[Any, Verdict] = {}
    left = keys
    for stage in known:
        culprit = [m for m in evidence.models if position[m] < position[stage]]
        if culprit and len(left):
            repairs = {**dict.fromkeys(world.references, EVERYTHING), stage: TRUTH}
            cured = run_trial(world, left, repairs, ask, purpose="clean").keys_with(OutcomeState.RIGHT)
            for key in cured:
                found[key] = _verdict(
                    key,
                    Responsibility.MODEL,
                    culprit[-1],
                    belief=confidence.MODEL_REPRODUCED,
                    explanation=words.convicted(culprit[-1], stage),
                )
            left = left[~left.isin(cured)]
    between = [m for m in evidence.models[:-1] if not any(position[m] < position[s] for s in known)]
    for key in left:
        found[key] = _verdict(
            key,
            Responsibility.MODEL,
            evidence.models[-1],
            belief=confidence.MODEL_REPRODUCED if not between else 0.5,
            explanation=words.last_model(evidence.models) if between else words.model(evidence.models[-1]),
            gap=Gap.STAGES_NOT_SEPARABLE if between else None,
        )
    return found


def _model(evidence: Evidence, key: Any, tally: _Tally, *, explanation: str | None = None) -> Verdict:
    if not evidence.models:
        return _undetermined(key, Gap.MISSING_REFERENCE, words.no_model())
    trust = confidence.written_confidence(evidence.world)
    moved = evidence.stages_of(key) & evidence.before_model
    belief = confidence.MODEL_REPRODUCED * trust * (_trust(evidence, moved) if moved else 1.0)
    return _verdict(
        key,
        Responsibility.MODEL,
        evidence.models[-1],
        belief=belief - tally.flip_rate / 4,
        explanation=explanation or words.model(evidence.models[-1]),
    )


def _provider(key: Any, failure: tuple[str, str, str]) -> Verdict:
    stage, pattern, text = failure
    return _verdict(
        key,
        Responsibility.PROVIDER,
        stage,
        belief=confidence.PROVIDER_RECORDED,
        explanation=words.provider(stage, text),
        basis=Basis.RULE,
        pattern=pattern,
    )


def _without_answer(evidence: Evidence, key: Any, gap: Gap | None) -> Verdict:
    """Return the verdict of a record whose replay could not be judged."""
    if key in evidence.provider and not evidence.stages_of(key) & evidence.before_model:
        return _provider(key, evidence.provider[key])
    if gap is Gap.REFERENCE_FAILED and key in evidence.reference_failed:
        return _undetermined(key, gap, words.reference_failed(evidence.reference_failed[key]))
    if gap is Gap.MISSING_REFERENCE:
        return _undetermined(key, gap, words.missing_reference(evidence.unreferenced))
    return _undetermined(key, gap or Gap.TRUTH_PENDING, words.gap(gap))


def _by_stratum(keys: Sequence[Any], known: Mapping[Any, Verdict]) -> dict[Any, Verdict]:
    """Return verdicts for the records of a stratum that were not replayed, as those that were."""
    seen = [known[key] for key in keys if key in known]
    rest = [key for key in keys if key not in known]
    if not rest:
        return {}
    counts = Counter((v.responsibility, v.stage) for v in seen if v.responsibility is not Responsibility.UNDETERMINED)
    if not counts:
        return {key: replace(seen[0], key=str(key), basis=Basis.STRATUM) for key in rest}
    leading, n_leading = counts.most_common(1)[0]
    alike = [v for v in seen if (v.responsibility, v.stage) == leading]
    share = jeffreys_mean(n_leading, len(seen))
    fields = Counter(v.fields for v in alike).most_common(1)[0][0]
    mean = sum(v.confidence for v in alike) / len(alike)
    return {
        key: Verdict(
            key=str(key),
            responsibility=leading[0],
            stage=leading[1],
            fields=fields,
            confidence=share * mean,
            explanation=words.stratum(n_leading, len(seen), alike[0].explanation),
            basis=Basis.STRATUM,
            gap=alike[0].gap,
            pattern=alike[0].pattern,
        )
        for key in rest
    }


def _undetermined(key: Any, gap: Gap, explanation: str) -> Verdict:
    return _verdict(
        key, Responsibility.UNDETERMINED, None, belief=0.0, explanation=explanation, basis=Basis.NONE, gap=gap
    )


def _verdict(
    key: Any,
    responsibility: Responsibility,
    stage: str | None,
    *,
    belief: float,
    explanation: str,
    fields: tuple[str, ...] = (),
    basis: Basis = Basis.REPLAY,
    gap: Gap | None = None,
    pattern: str | None = None,
) -> Verdict:
    return Verdict(
        key=str(key),
        responsibility=responsibility,
        stage=stage,
        fields=fields,
        confidence=min(max(belief, 0.0), 0.99),
        explanation=explanation,
        basis=basis,
        gap=gap,
        pattern=pattern,
    )
