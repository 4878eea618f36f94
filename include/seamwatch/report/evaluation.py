"""What evaluators make of the answers of a window: a table for people, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from seamwatch.core.results import Window
from seamwatch.core.review.spans import EvaluationSummary
from seamwatch.report.console_tables import print_table, shown
from seamwatch.report.numbers import count, iso, percent, plural, span
from seamwatch.report.text import visible
from seamwatch.vocabulary import EvaluationState

_MOST_EXAMPLES = 3


def print_evaluations(pipeline: str, window: Window, found: Sequence[EvaluationSummary]) -> None:
    """Print how many answers pass, fail and are unknown by evaluator, and why: the first that fail."""
    console = Console()
    console.print(shown(f"{pipeline}, {span(window)}", style="bold"))
    rows = [
        (one.evaluator, count(one.n_passed), count(one.n_failed), count(one.n_unknown), percent(pass_ratio(one)))
        for one in found
    ]
    print_table(console, ("evaluator", *EvaluationState, "pass of known"), rows)
    for one in found:
        lines = [f"record {key} fails: {reason}" for key, reason in one.examples[:_MOST_EXAMPLES]]
        lines += [f"{count(n)} unknown: {reason}" for reason, n in one.unknown_reasons[:_MOST_EXAMPLES]]
        for line in lines:
            console.print(shown(f"{one.evaluator}: {line}"))


def pass_ratio(found: EvaluationSummary) -> float | None:
    """Return the share of passes among the answers of which something is known; None if there is none."""
    n_known = found.n_passed + found.n_failed
    return found.n_passed / n_known if n_known else None


def evaluations_json(pipeline: str, window: Window, found: Sequence[EvaluationSummary]) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "pipeline": pipeline,
        "window": {"start": iso(window.start), "end": iso(window.end)},
        "evaluators": [
            {
                "name": one.evaluator,
                "kind": one.kind,
                "pass": one.n_passed,
                "fail": one.n_failed,
                "unknown": one.n_unknown,
                "pass_ratio": pass_ratio(one),
                "failing": [{"key": key, "reason": reason} for key, reason in one.examples],
                "unknown_reasons": [{"reason": reason, "n": n} for reason, n in one.unknown_reasons],
            }
            for one in found
        ],
    }


def evaluation_sentences(found: Sequence[EvaluationSummary]) -> tuple[str, ...]:
    """Return what evaluators made of the answers of one span, a sentence each."""
    return tuple(_sentence(one) for one in found)


def _sentence(found: EvaluationSummary) -> str:
    judged = found.n_passed + found.n_failed
    name = visible(found.evaluator)
    if not judged:
        reason = f": {visible(found.unknown_reasons[0][0])}" if found.unknown_reasons else ""
        return f"{name} says nothing of any of {plural(found.n_unknown, 'answer')}{reason}."
    unknown = f"; of {count(found.n_unknown)} it says nothing" if found.n_unknown else ""
    failed = f"{count(found.n_failed)} of {plural(judged, 'answer')}"
    return f"{name} failed {failed} from {span(Window(start=found.start, end=found.end))}{unknown}."
