"""How far a judge can be trusted, in words: by people's labels, or that nobody knows yet."""

from __future__ import annotations

from typing import Any

from seamwatch.core.accuracy.judge_error import JudgeError, JudgeErrors, Rate
from seamwatch.core.evaluation.judge_bias import JudgeBias
from seamwatch.report import numbers
from seamwatch.report.text import visible

FEWEST_LABELS = 10
"""Labels of a kind (wrong, right) below which an interval says next to nothing."""
NOT_MEASURED = "not measured yet"
_MOST_SEGMENTS = 20


def judge_sentence(error: JudgeError | None) -> str:
    """Return in one sentence what people's labels say of a judge; None: there are no labels."""
    found = _rate_text(error.sensitivity if error else None, "wrong", error.n_wrong if error else 0)
    accepted = _rate_text(error.specificity if error else None, "right", error.n_right if error else 0)
    if not is_measured(error):
        return f"How often it is wrong is {NOT_MEASURED}: {found}; {accepted}. Do not rely on it alone."
    return f"By people's labels it {found}, and {accepted}."


def _rate_text(rate: Rate | None, kind: str, n: int) -> str:
    if rate is None or n < FEWEST_LABELS:
        return f"fewer than {FEWEST_LABELS} labels of {kind} answers ({numbers.count(n)})"
    does = "finds" if kind == "wrong" else "accepts"
    return f"{does} {numbers.percent(rate.value)} of {kind} answers ({numbers.interval(rate.low, rate.high)})"


def is_measured(error: JudgeError | None) -> bool:
    """Return whether enough labels of both kinds say how often a judge is wrong."""
    return error is not None and min(error.n_wrong, error.n_right) >= FEWEST_LABELS


def judge_facts(errors: JudgeErrors | None) -> tuple[tuple[str, str, str], ...]:
    """Return what stands beside each figure that rests on a judge: name, value and a note.

    Args:
        errors: By all labels and by segment; None: there are no labels.
    """
    facts = [*_facts(errors.whole if errors else None, "")]
    segments = errors.segments if errors is not None and len(errors.segments) > 1 else ()
    for name, error in segments[:_MOST_SEGMENTS]:
        # What nobody measured of a segment is said once, of the whole.
        facts += [one for one in _facts(error, f", segment {visible(name)}") if one[1] != NOT_MEASURED]
    if len(segments) > _MOST_SEGMENTS:
        facts.append(("Further segments", numbers.count(len(segments) - _MOST_SEGMENTS), "not shown"))
    if errors is not None and errors.whole.n_unknown:
        n = errors.whole.n_unknown
        facts.append(("Labelled answers without a verdict", numbers.count(n), "part of neither"))
    return tuple(facts)


def _facts(error: JudgeError | None, where: str) -> list[tuple[str, str, str]]:
    rows = (
        (f"Wrong answers that the evaluators find{where}", "wrong", error.sensitivity if error else None),
        (f"Right answers that the evaluators accept{where}", "right", error.specificity if error else None),
    )
    facts = []
    for name, kind, rate in rows:
        n = rate.n if rate is not None else 0
        if rate is None or n < FEWEST_LABELS:
            facts.append((name, NOT_MEASURED, f"fewer than {FEWEST_LABELS} labels of {kind} answers: {n}"))
        else:
            note = (
                f"between {numbers.percent(rate.low)} and {numbers.percent(rate.high)}, by {numbers.plural(n, 'label')}"
            )
            facts.append((name, numbers.percent(rate.value), note))
    return facts


def judge_json(errors: JudgeErrors | None) -> dict[str, Any]:
    """Return the same for programs."""
    whole = errors.whole if errors is not None else None
    return {
        "is_measured": is_measured(whole),
        **_error_json(whole),
        "segments": {name: _error_json(error) for name, error in (errors.segments if errors is not None else ())},
    }


def _error_json(error: JudgeError | None) -> dict[str, Any]:
    return {
        "sensitivity": _rate_json(error.sensitivity if error else None),
        "specificity": _rate_json(error.specificity if error else None),
        "labels_wrong": error.n_wrong if error else 0,
        "labels_right": error.n_right if error else 0,
        "labels_without_verdict": error.n_unknown if error else 0,
    }


def _rate_json(rate: Rate | None) -> dict[str, Any] | None:
    return None if rate is None else {"value": rate.value, "low": rate.low, "high": rate.high, "labels": rate.n}


def bias_sentences(bias: JudgeBias) -> tuple[str, ...]:
    """Return what was measured of a judge without labels: flips with the order, and how its verdicts go with length."""
    told = []
    flips, first, length = bias.order_flips, bias.first_in_flips, bias.length
    if flips.of:
        often = f"{numbers.percent(flips.ratio)} of {numbers.plural(flips.of, 'pair')}"
        told.append(f"It changed its mind with the order in {often} ({numbers.interval(flips.low, flips.high)}).")
    if first.of:
        told.append(f"In {numbers.percent(first.ratio)} of these it named whatever stood first.")
    if length.value is not None and length.low is not None and length.high is not None:
        bounds = f"{length.low:.2f} to {length.high:.2f}"
        text = f"Its verdicts go with the length of answers by {length.value:.2f} ({bounds}), where 0 is not at all."
        told.append(text if length.low <= 0.0 <= length.high else f"{text} Longer answers may also be better.")
    return tuple(told)
