"""What the verdicts of a judge make of an answer: passed, failed or unknown, with a probability and a reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from math import nan

from seamwatch.core.evaluation.judge_answer import Verdict
from seamwatch.core.evaluation.results import Evaluation
from seamwatch.vocabulary import EvaluationState

_DECIDED = {"right": EvaluationState.PASS, "wrong": EvaluationState.FAIL, "unsure": EvaluationState.UNKNOWN}
_SWAPPED = {"first": "second", "second": "first"}


class NoVerdict(StrEnum):
    """Why an answer has no verdict of a judge."""

    NOT_RECORDED = "not_recorded"
    """A text that the judge is to be shown is missing, or cannot be read."""
    INSTRUCTIONS = "instructions"
    """A text speaks to whoever judges it."""
    STEERED = "steered"
    """The judge followed a text instead of its instructions when it was put to the test."""
    TOO_LONG = "too_long"
    """What was cut off could decide."""
    NOT_DRAWN = "not_drawn"
    """There are more answers than are judged in a window."""
    BUDGET = "budget"
    NOT_REACHED = "not_reached"
    """The judge gave no answer."""
    NOT_READABLE = "not_readable"
    """Its answer is not in the form asked for."""
    ORDER = "order"
    """It changed its mind with the order of the two answers."""
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class Judgement(Evaluation):
    """What a judge says of one answer; its score is the probability that the answer is right, as the judge sees it."""

    missing: NoVerdict | None = None
    """Why there is no verdict; None where there is one."""


def no_verdict(missing: NoVerdict, reason: str, *, score: float = nan) -> Judgement:
    """Return that nothing is known of an answer, and why."""
    return Judgement(state=EvaluationState.UNKNOWN, score=score, reason=reason, missing=missing)


def too_long(cut: Collection[str]) -> Judgement:
    """Return that an answer has no verdict since what was cut off could decide."""
    return no_verdict(NoVerdict.TOO_LONG, f"{', '.join(sorted(cut))} is too long for the judge to see it whole")


def judge_alone(verdict: Verdict, *, cut: Collection[str] = ()) -> Judgement:
    """Return what one verdict makes of an answer.

    Args:
        verdict: Of `right`, `wrong` and `unsure`.
        cut: Names of parts that were too long to be sent whole. What cut context would have shown cannot unmake that
            an answer is supported by the rest, but it can unmake that it is not.
    """
    if verdict.word is None:
        return no_verdict(NoVerdict.NOT_READABLE, verdict.reason)
    state = _DECIDED[verdict.word]
    if state is EvaluationState.UNKNOWN:
        return no_verdict(NoVerdict.UNSURE, _because("the judge is unsure", verdict), score=0.5)
    if state is EvaluationState.FAIL and cut:
        return too_long(cut)
    score = verdict.sure if state is EvaluationState.PASS else 1.0 - verdict.sure
    return Judgement(state=state, score=score, reason=_because(f"the judge finds it {verdict.word}", verdict))


def judge_pair(straight: Verdict, swapped: Verdict) -> Judgement:
    """Return what a judge's preference makes of an answer that was compared with a good one, in both orders.

    Args:
        straight: `first` is the answer, `second` the other one.
        swapped: `first` is the other one.
    """
    for one in (straight, swapped):
        if one.word is None:
            return no_verdict(NoVerdict.NOT_READABLE, one.reason)
    if "unsure" in (straight.word, swapped.word):
        doubting = straight if straight.word == "unsure" else swapped
        return no_verdict(NoVerdict.UNSURE, _because("the judge is unsure", doubting), score=0.5)
    if changed_with_order(straight, swapped):
        return no_verdict(NoVerdict.ORDER, "the judge changed its mind with the order", score=0.5)
    sure = (straight.sure + swapped.sure) / 2
    if straight.word == "second":
        said = _because("the judge prefers the other answer, in both orders", straight)
        return Judgement(state=EvaluationState.FAIL, score=1.0 - sure, reason=said)
    what = "finds both answers equal" if straight.word == "equal" else "prefers this answer"
    said = _because(f"the judge {what}, in both orders", straight)
    return Judgement(state=EvaluationState.PASS, score=sure, reason=said)


def after_control(judgement: Judgement, control: Verdict) -> Judgement:
    """Return what is left of a judgement after the question to which only `unsure` follows the instructions."""
    if control.word == "unsure":
        return judgement
    if control.word is None:
        return no_verdict(NoVerdict.NOT_READABLE, control.reason)
    return no_verdict(NoVerdict.STEERED, "the judge followed a text instead of its instructions")


def changed_with_order(straight: Verdict, swapped: Verdict) -> bool:
    """Return whether two readable verdicts on a pair in both orders name different answers."""
    assert swapped.word is not None
    return straight.word != _SWAPPED.get(swapped.word, swapped.word)


def _because(what: str, verdict: Verdict) -> str:
    return f"{what}: {verdict.reason}" if verdict.reason else what
