"""Records that a model got wrong though it is as good as ever: is it their inputs?

A model that is wrong again on a clean request is still not shown to be to blame, if the inputs that it fails on are
unlike those that it was measured and used on. Verdicts against it are reviewed by the marks of `odd_inputs`: one that
hardly any input of before carried, and with which records fail far more often than without it, makes them the source's
(where no honest input looks so) or leaves them open. One that inputs of before carried too leaves the model blamed: it
was always bad at such inputs, or it got worse at them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.input_marks import TRUNCATED, open_fields
from seamwatch.core.attribution.odd_inputs import (
    FEW,
    FEWEST,
    SIGNIFICANT,
    BlamedWindow,
    KnownInputs,
    OddInput,
    blamed_window,
    inputs_before,
    odd_inputs,
    share,
)
from seamwatch.core.attribution.verdicts import make_verdict, undetermined_verdict
from seamwatch.core.benchmark import SIGNIFICANT as DEGRADED_BELOW_P
from seamwatch.core.detection.rates import excess_p_value
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.results import IsolationResult, Verdict
from seamwatch.vocabulary import Basis, BenchmarkStanding, Gap, Responsibility, StageKind

_ENOUGH_TO_MISS = 100
"""Inputs of before from which on it tells something that none of them has a damage that few records have now."""
_ENOUGH_REMEMBERED = 5
"""Inputs of before with the same mark or value from which on their rate of failures is explanation."""
_ENOUGH_ALONE = 20
"""Benchmark inputs from which on the model alone is known."""
_MOSTLY = 0.5


def review_model_verdicts(
    evidence: Evidence,
    verdicts: Sequence[Verdict],
    outcomes: pd.DataFrame,
    known: Sequence[KnownInputs],
    isolation: IsolationResult,
) -> tuple[Verdict, ...]:
    """Return the verdicts, those against a model held against what the inputs of before looked like.

    Args:
        evidence: Of the window.
        verdicts: One per failing record.
        outcomes: Index key in the order of time; `state` of every record of the window.
        known: Inputs of before: those of the benchmark, of earlier windows. What came before the failures in this
            window is added here.
        isolation: The model alone, as far as it was measured.
    """
    window = blamed_window(evidence, verdicts, outcomes)
    if window is None:
        return tuple(verdicts)
    blamed = {verdict.key: verdict for verdict in verdicts}
    odd = list(odd_inputs(evidence, window, known))
    reviewed = _judge(window, odd, is_degraded=_is_degraded(isolation))
    weak = _known_weaknesses(window, odd, blamed, reviewed)
    left = [key for key in map(str, window.keys[window.is_blamed]) if key not in reviewed and key not in weak]
    if _contradicts_baseline(window, isolation, len(left)) and not _is_usual_mix(evidence, window, known, len(left)):
        counts = ((len(left), window.n + window.n_cleared), (isolation.n_right, isolation.n_benchmark))
        reviewed |= _not_of_model(evidence, left, counts)
    return tuple(reviewed.get(key, weak.get(key, verdict)) for key, verdict in blamed.items())


def _not_of_model(evidence: Evidence, keys: Sequence[str], counts: tuple[tuple[int, int], ...]) -> dict[str, Verdict]:
    """Return the verdicts of records that the model, as good as ever alone, cannot have spoilt by itself.

    A critical expectation that nearly the whole window fails at a source is what is other than before, as far as is
    known. Else nobody is named.
    """
    broken = {str(key): found for key, found in evidence.broken_everywhere.items()}
    reviewed: dict[str, Verdict] = {}
    for key in keys:
        if key not in broken:
            reason = Reason(kind=ReasonKind.MODEL_AT_BASELINE, counts=counts)
            reviewed[key] = undetermined_verdict(key, Gap.MODEL_AT_BASELINE, reason)
            continue
        stage, expectation = broken[key]
        kind = ReasonKind.SOURCE_BROKEN_EVERYWHERE
        reviewed[key] = make_verdict(
            key,
            Responsibility.SOURCE_DATA,
            stage,
            belief=confidence.SOURCE_BROKEN_EVERYWHERE,
            reasons=(Reason(kind=kind, stages=(stage,), counts=counts, detail=expectation),),
            basis=Basis.RULE,
        )
    return reviewed


def _is_degraded(isolation: IsolationResult) -> bool | None:
    """Return whether the model alone is worse than its baseline; None where that was not measured."""
    if isolation.n_benchmark < _ENOUGH_ALONE:
        return None
    if isolation.standing is not None:
        return isolation.standing is BenchmarkStanding.DEGRADED
    return None if isolation.p_degraded is None else isolation.p_degraded < DEGRADED_BELOW_P


def _judge(window: BlamedWindow, odd: Sequence[OddInput], *, is_degraded: bool | None) -> dict[str, Verdict]:
    """Return the new verdicts of the records with marks that no input of before carried."""
    damage = sorted((mark for mark in odd if mark.is_proof), key=lambda mark: mark.p_value)
    others = [each for each in odd if not each.is_proof and _leaves_open(window, each, is_degraded=is_degraded)]
    reviewed: dict[str, Verdict] = {}
    for place in np.flatnonzero(window.is_blamed).tolist():
        key = str(window.keys[place])
        if mine := [each for each in damage if each.mark.window[place]]:
            reviewed[key] = _of_source(key, mine)
        elif mine := [each for each in others if each.mark.window[place]]:
            reason = _reason(ReasonKind.UNLIKE_INPUTS, mine[0])
            reviewed[key] = undetermined_verdict(key, Gap.INPUTS_UNLIKE_ANY_BEFORE, reason)
    return reviewed


def _leaves_open(window: BlamedWindow, odd: OddInput, *, is_degraded: bool | None) -> bool:
    """Return whether a mark that inputs of before hardly carry is neither proof nor to be passed over.

    That is an honest novelty while the model is as good as ever, and a damage on too few records to be tested.
    """
    n_wrong, n = odd.with_mark
    if not odd.is_unlike:
        return False
    if odd.mark.is_damage:
        is_few = n < FEW and n_wrong * 2 > n and odd.mark.kind != TRUNCATED
        return odd.is_strong or (is_few and odd.before[1] >= _ENOUGH_TO_MISS and not odd.is_of_window)
    if not odd.is_strong or odd.is_of_window:
        return False
    if is_degraded is not None:
        return not is_degraded
    # The model alone was not measured: is it as good as ever on inputs like those of before that came since then?
    n_wrong, n = odd.without_since
    return n >= FEW and excess_p_value(n_wrong, n, base_rate=window.usual) >= DEGRADED_BELOW_P


def _of_source(key: str, marks: Sequence[OddInput]) -> Verdict:
    first = marks[0]
    mine = [each for each in marks if each.stage == first.stage]
    return make_verdict(
        key,
        Responsibility.SOURCE_DATA,
        first.stage,
        fields=tuple(dict.fromkeys(each.mark.field for each in mine)),
        belief=confidence.SOURCE_DAMAGED * max(each.share_explained for each in mine),
        reasons=(_reason(ReasonKind.SOURCE_DAMAGED, first),),
        basis=Basis.RULE,
        pattern=first.mark.kind,
        pattern_fields=tuple(dict.fromkeys(each.mark.field for each in mine if each.mark.kind == first.mark.kind)),
    )


def _reason(kind: ReasonKind, odd: OddInput) -> Reason:
    """Return what speaks of an odd input: wrong ones of the records with its mark and of others, inputs with it."""
    counts = (odd.ended,) if kind is ReasonKind.KNOWN_WEAKNESS else (odd.with_mark, odd.without, odd.before)
    return Reason(kind=kind, stages=(odd.stage,), fields=((odd.mark.field,),), counts=counts, detail=odd.mark.kind)


def _known_weaknesses(
    window: BlamedWindow, odd: Sequence[OddInput], verdicts: Mapping[str, Verdict], reviewed: Mapping[str, Verdict]
) -> dict[str, Verdict]:
    """Return the verdicts of records with marks that the model failed on before, too, and say how often."""
    weak: dict[str, Verdict] = {}
    for each in odd:
        is_weakness = each.is_strong and not each.is_unlike and each.ended[1] >= _ENOUGH_REMEMBERED
        if not is_weakness or share(each.ended) < _MOSTLY * share(each.with_mark):
            continue
        reason = _reason(ReasonKind.KNOWN_WEAKNESS, each)
        for key in map(str, window.keys[window.is_blamed & each.mark.window]):
            if key not in reviewed and key not in weak:
                weak[key] = replace(verdicts[key], reasons=(*verdicts[key].reasons, reason))
    return weak


def _contradicts_baseline(window: BlamedWindow, isolation: IsolationResult, n_wrong: int) -> bool:
    """Return whether the model fails far more often here than alone, where it is at its baseline: it cannot be both.

    The benchmark was asked on the same day. So inputs or labels of the window are others, though no mark tells how.
    Records that another fault spoilt count as the model's successes: where a fault strikes nearly all, few are right,
    and the model's usual errors among those few alone would look like a collapse.
    """
    if _is_degraded(isolation) is not False or n_wrong < FEWEST:
        return False
    n = window.n + window.n_cleared
    n_wrong_alone = isolation.n_benchmark - isolation.n_right
    table = [[n_wrong, n - n_wrong], [n_wrong_alone, isolation.n_right]]
    p_value = float(stats.fisher_exact(table, alternative="greater").pvalue)
    is_excess = excess_p_value(n_wrong, n, base_rate=window.usual) < SIGNIFICANT
    expected = max(n_wrong_alone / isolation.n_benchmark, window.usual) * n
    return p_value < SIGNIFICANT and is_excess and expected < _MOSTLY * n_wrong


def _is_usual_mix(evidence: Evidence, window: BlamedWindow, known: Sequence[KnownInputs], n_wrong: int) -> bool:
    """Return whether the model always failed so often on such values, of which the window only has more.

    For every field of a source, the errors that the window would have if each value failed as often as before.
    """
    for stage in evidence.world.order:
        if stage.kind is not StageKind.SOURCE:
            continue
        payloads = evidence.world.recorded[stage.name].reindex(window.keys)
        before = inputs_before(stage, payloads, window, known)
        if before.is_of_window:
            continue
        then = open_fields(before.payloads)
        for name, values in open_fields(payloads).items():
            expected = _expected_errors(values, window, then.get(name, []), before.is_wrong)
            if expected >= _MOSTLY * n_wrong:
                return True
    return False


def _expected_errors(
    values: Sequence[Any], window: BlamedWindow, then: Sequence[Any], is_wrong: Sequence[bool | None]
) -> float:
    """Return how many records of the window would fail at the rates of before; the usual one for other values."""
    n, n_wrong = Counter[str | None](), Counter[str | None]()
    for value, wrong in zip(then, is_wrong, strict=False):
        if wrong is not None:
            n[strict_text(value)] += 1
            n_wrong[strict_text(value)] += wrong
    rates = {text: n_wrong[text] / count for text, count in n.items() if count >= _ENOUGH_REMEMBERED}
    return float(
        sum(
            weight * rates.get(strict_text(value), window.usual)
            for value, weight in zip(values, window.weight.tolist(), strict=True)
        )
    )
