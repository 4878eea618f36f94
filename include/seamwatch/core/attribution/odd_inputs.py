"""What is odd about the inputs that a model is blamed for, beside those of before, and how it goes with failing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.field_reach import reach
from seamwatch.core.attribution.input_marks import ENCODING, RARE, InputMark, Mask, input_marks
from seamwatch.core.attribution.unchecked_fields import blames_model
from seamwatch.core.detection.onset import records_surely_before
from seamwatch.core.detection.rates import excess_p_value
from seamwatch.core.reasons import ReasonKind
from seamwatch.core.results import Verdict
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import Basis, OutcomeState, Responsibility, StageKind

SIGNIFICANT = 0.001
"""Of failing with a mark as often as that, times the marks tried."""
FEWEST = 3
"""Failing records from which on it is tested what they have in common."""
FEW = 10
"""Fewer records are too few to be compared with others."""
ENOUGH_KNOWN = 30
"""Inputs of before from which on what none of them shows is unlike them."""
_TIMES_AS_OFTEN, _MORE_OFTEN = 3.0, 0.2
"""How much oftener records with the mark must fail than those without, by ratio and by difference: inputs that are only
harder stay the model's."""
_MOST = 4000
"""Right records that are looked at, evenly spread."""
_ASSUMED_ERRORS, _LEAST_ERRORS = 0.1, 1e-4
"""Share of wrong records of a healthy model, where nobody knows it; and the least that is reckoned with."""

_REPAIRED = (Responsibility.INTEGRATION, Responsibility.KNOWLEDGE_BASE, Responsibility.ADVERSARIAL_INPUT)
"""Who is blamed only where a repair turned the outcome right, but for facts that need none (`Basis.RULE`)."""

Counts = tuple[int, int]
"""How many of how many."""


@dataclass(frozen=True, kw_only=True)
class KnownInputs:
    """Inputs that the model was measured or used on before."""

    payloads: Mapping[str, pd.DataFrame]
    """By source stage, index key."""
    is_wrong: Mapping[Any, bool]
    """By key, how the record ended, as far as it is known."""
    is_of_sources: bool = True
    """Whether they were read where the window's are; another table may hold the same values in another form."""


@dataclass(frozen=True, kw_only=True)
class BlamedWindow:
    """The records that are compared: those that a model is blamed for, and the right ones, in the order of time."""

    keys: pd.Index[Any]
    is_blamed: Mask
    is_before: Mask
    """Whether the record surely came before failures began to be more."""
    weight: NDArray[np.intp]
    """For how many records each stands: right ones may be a sample."""
    n_cleared: int
    """Failing records that are not among them, as another fault spoilt them: without it the model had them right."""
    usual: float
    """Share of records that a healthy model gets wrong."""

    @property
    def n(self) -> int:
        """Return how many records there are."""
        return int(self.weight.sum())


@dataclass(frozen=True, kw_only=True)
class InputsBefore:
    """Inputs of before at one source."""

    payloads: pd.DataFrame
    is_wrong: tuple[bool | None, ...]
    """How each record ended; None where it is not known."""
    is_of_sources: Mask
    """Whether each was read where the window's records are."""
    is_of_window: bool
    """Whether there are too few, and the window's right records stand in for them."""


@dataclass(frozen=True, kw_only=True)
class OddInput:
    """A mark in one field of a source, and how it goes with failing."""

    stage: str
    mark: InputMark
    p_value: float
    """Of failing with it as often as that, times the marks tried."""
    with_mark: Counts
    """Wrong ones of the records that carry it."""
    without: Counts
    """The same of the others."""
    without_since: Counts
    """The same of the others since failures may have begun to be more."""
    before: Counts
    """Inputs of before that carry it, of all that are known."""
    ended: Counts
    """Wrong ones of the inputs of before that carry it, as far as their outcomes are known."""
    is_strong: bool
    """Whether records fail with it so much more often that it is no chance and no mere difficulty."""
    is_unlike: bool
    """Whether enough inputs of before are known, and hardly one carries it."""
    is_of_window: bool
    """Whether only the right records of the window are known: then its failing ones may be as they ever were."""

    @property
    def is_proof(self) -> bool:
        """Return whether the source is shown to be damaged: records fail with what honest inputs never carry."""
        is_damage = self.mark.kind == ENCODING if self.is_of_window else self.mark.is_damage
        return is_damage and self.is_strong and self.is_unlike

    @property
    def share_explained(self) -> float:
        """Return the probability that a failing record with the mark fails for it: the rest fail without it, too."""
        rate = share(self.with_mark)
        return max(0.0, 1.0 - share(self.without) / rate) if rate else 0.0


def share(counts: Counts) -> float:
    """Return the one of the other; 0 of nothing."""
    return counts[0] / counts[1] if counts[1] else 0.0


def blamed_window(evidence: Evidence, verdicts: Sequence[Verdict], outcomes: pd.DataFrame) -> BlamedWindow | None:
    """Return the records to compare; None where no model is blamed. Arguments as `review_model_verdicts`."""
    blamed = {verdict.key for verdict in verdicts if blames_model(verdict)}
    if not blamed:
        return None
    is_right = (outcomes["state"] == OutcomeState.RIGHT).to_numpy()
    is_blamed = np.array([str(key) in blamed for key in outcomes.index])
    step = max(1, -(-int(is_right.sum()) // _MOST))
    is_kept = is_blamed.copy()
    is_kept[np.flatnonzero(is_right)[::step]] = True
    mine = is_blamed[is_kept]
    n_judged = int((outcomes["state"] != OutcomeState.PENDING).sum())
    usual = evidence.n_healthy_errors / n_judged if evidence.n_healthy_errors and n_judged else _ASSUMED_ERRORS
    usual = min(max(usual, _LEAST_ERRORS), 1.0 - _LEAST_ERRORS)
    return BlamedWindow(
        keys=outcomes.index[is_kept],
        is_blamed=mine,
        is_before=np.arange(len(mine)) < records_surely_before(mine, usual),
        weight=np.where(mine, 1, step),
        n_cleared=sum(_clears_model(verdict) for verdict in verdicts),
        usual=usual,
    )


def _clears_model(verdict: Verdict) -> bool:
    """Return whether an experiment showed that the model has the record right once a fault of others is repaired."""
    if verdict.basis is Basis.RULE:
        return False
    is_corrected = any(reason.kind is ReasonKind.SOURCE_CORRECTED for reason in verdict.reasons)
    return verdict.responsibility in _REPAIRED or is_corrected


def odd_inputs(evidence: Evidence, window: BlamedWindow, known: Sequence[KnownInputs]) -> Iterator[OddInput]:
    """Yield the marks that blamed records carry: those that go with failing, and damage in any case.

    A mark counts only in a field that reaches a request or the outcome.
    """
    world = evidence.world
    found: list[tuple[Stage, InputMark, InputsBefore]] = []
    for stage in world.order:
        if stage.kind is StageKind.SOURCE:
            payloads = world.recorded[stage.name].reindex(window.keys)
            before = inputs_before(stage, payloads, window, known)
            marks = input_marks(payloads, before.payloads)
            found += [(stage, mark, before) for mark in marks if (mark.window & window.is_blamed).any()]
    reaches: dict[tuple[str, str], bool] = {}
    for stage, mark, before in found:
        odd = _weigh(stage.name, mark, window, before, n_marks=len(found))
        if not odd.is_strong and not mark.is_damage:
            continue
        column = _column(world.recorded[stage.name], mark.field)
        if (stage.name, column) not in reaches:
            usual = before.payloads[column] if column in before.payloads.columns else ()
            reached = reach(world, stage.name, column, usual)
            reaches[stage.name, column] = bool(reached.models or reached.outcomes)
        if reaches[stage.name, column]:
            yield odd


def inputs_before(
    stage: Stage, payloads: pd.DataFrame, window: BlamedWindow, known: Sequence[KnownInputs]
) -> InputsBefore:
    """Return the inputs of before at a source, those of this window among them; too few: its right ones instead."""
    parts = [(one.payloads[stage.name], one) for one in known if stage.name in one.payloads]
    own = KnownInputs(payloads={}, is_wrong=dict(zip(window.keys, window.is_blamed.tolist(), strict=True)))
    parts.append((payloads[window.is_before], own))
    is_of_window = sum(len(part) for part, _ in parts) < ENOUGH_KNOWN
    if is_of_window:
        parts = [(payloads[~window.is_blamed], own)]
    return InputsBefore(
        payloads=pd.concat([part.astype(object) for part, _ in parts]),
        is_wrong=tuple(one.is_wrong.get(key) for part, one in parts for key in part.index),
        is_of_sources=np.array([one.is_of_sources for part, one in parts for _ in part.index], dtype=bool),
        is_of_window=is_of_window,
    )


def _column(payloads: pd.DataFrame, field: str) -> str:
    """Return the column that a field, which may be a path into it, belongs to."""
    parts = field.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in payloads.columns), field)


def _weigh(stage: str, mark: InputMark, window: BlamedWindow, before: InputsBefore, *, n_marks: int) -> OddInput:
    n_wrong, n_with = int(window.is_blamed.sum()), int(window.weight[mark.window].sum())
    n_wrong_with = int((mark.window & window.is_blamed).sum())
    with_mark, without = (n_wrong_with, n_with), (n_wrong - n_wrong_with, window.n - n_with)
    p_value = excess_p_value(*with_mark, base_rate=window.usual)
    has_others = without[1] >= FEW
    if has_others:
        p_value = max(p_value, float(stats.hypergeom.sf(n_wrong_with - 1, window.n, n_wrong, n_with)))
    others = ~mark.window & ~window.is_before
    ends = [wrong for wrong, has_mark in zip(before.is_wrong, mark.known, strict=True) if has_mark]
    return OddInput(
        stage=stage,
        mark=mark,
        p_value=min(1.0, p_value * n_marks),
        with_mark=with_mark,
        without=without,
        without_since=(int((others & window.is_blamed).sum()), int(window.weight[others].sum())),
        before=(int(mark.known.sum()), len(mark.known)),
        ended=(0, 0) if before.is_of_window else (ends.count(True), len(ends) - ends.count(None)),
        is_strong=(
            n_wrong_with >= FEWEST
            and p_value * n_marks < SIGNIFICANT
            and share(with_mark) >= _TIMES_AS_OFTEN * share(without)
            and share(with_mark) - share(without) >= _MORE_OFTEN
        ),
        is_unlike=_is_unlike(mark.known if has_others else mark.known[before.is_of_sources]),
        is_of_window=before.is_of_window,
    )


def _is_unlike(known: Mask) -> bool:
    """Return whether hardly any of enough inputs of before carries a mark.

    Where all records of the window carry it, nothing in the window says that it matters: then those of another table,
    which may hold the same values in another form, are not counted.
    """
    return len(known) >= ENOUGH_KNOWN and int(known.sum()) <= max(1, RARE * len(known))
