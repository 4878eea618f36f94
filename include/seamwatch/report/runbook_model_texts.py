"""What steps of runbooks found of the model alone, in words."""

from __future__ import annotations

from seamwatch.core.benchmark_measure import BenchmarkMeasure
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import IsolationResult
from seamwatch.core.runbooks import StepFinding
from seamwatch.plurals import agree
from seamwatch.report import numbers
from seamwatch.report.runbook_texts import clear, found, sentences_of, unknown
from seamwatch.report.sentences import is_degraded
from seamwatch.report.sentences import isolation as isolation_sentences
from seamwatch.report.text import shortened
from seamwatch.vocabulary import BenchmarkStanding, StepState

_STANDINGS = {
    BenchmarkStanding.DEGRADED: "worse",
    BenchmarkStanding.CHANGED: "not the model that was accepted",
    BenchmarkStanding.UNSTABLE: "it is not deterministic",
    BenchmarkStanding.AS_BEFORE: "as before",
}
_MOSTLY_RIGHT = 0.9
"""Share of failing records answered rightly with a clean request from which on the model is called right on them; a
healthy model is wrong on some of the records that fail for another reason too."""


def benchmark(measure: BenchmarkMeasure, *, stage: str, pipeline: str) -> StepFinding:
    """Return how the model does on its benchmark now, beside its baseline."""
    if measure.accuracy is None:
        return unknown(f"{stage} was not measured on the benchmark: {measure.obstacle}.", measure.notes)
    right = f"{numbers.count(measure.n_right)} of {numbers.plural(measure.n, 'benchmark input')} right now"
    if measure.p_value is None:
        return unknown(
            f"{stage} alone: {right}; no baseline says how many were right before: `seamwatch baseline {pipeline}` "
            "records one.",
            measure.notes,
        )
    if measure.baseline_accuracy is not None:
        right += f", baseline {measure.baseline_accuracy * measure.n:.3g}"
    if measure.standing is None:
        return unknown(f"{stage} alone: {right}: too few to tell whether it got worse.", measure.notes)
    text = f"{stage} alone: {right}: {_STANDINGS[measure.standing]} ({numbers.probability(measure.p_value)})."
    details = (*_pairs(measure), *measure.notes)
    return clear(text, details) if measure.standing is BenchmarkStanding.AS_BEFORE else found(text, details)


def _pairs(measure: BenchmarkMeasure) -> tuple[str, ...]:
    """Return how the same inputs came out then and now, overall and in the segment that got worst."""
    compared = measure.comparison
    if compared is None:
        return ()
    lines = [
        f"Of {numbers.plural(compared.n_paired, 'input')} in the baseline, {numbers.count(compared.n_worse)} turned "
        f"wrong and {numbers.count(compared.n_better)} right ({numbers.probability(compared.p_paired)}, paired).",
        f"{numbers.plural(compared.n_changed_answers, 'answer differs', 'answers differ')} from the baseline's; "
        f"{numbers.count(compared.n_unstable)} of {numbers.count(compared.n_repeated)} asked twice on one day "
        f"{agree(compared.n_unstable, 'differs', 'differ')}.",
    ]
    worst = next((one for one in compared.segments if one.p_worse < 0.01), None)
    if worst is not None:
        lines.append(
            f"Worst where {worst.segment} is {shortened(worst.value, 60)}: {worst.n_right} of {worst.n} right, "
            f"{worst.n_right_before} before ({numbers.probability(worst.p_worse)}, adjusted)."
        )
    if compared.model_changed:
        lines.append(f"The answers name {compared.model_now}; in the baseline it was {compared.model_before}.")
    return tuple(lines)


def planned_benchmark(stage: str, *, size: int, sample: int) -> StepFinding:
    """Return what a dry run says in the place of measuring the benchmark."""
    most = f"{numbers.plural(size, 'call')} of the model"
    budget = f", for the budget leaves no more of the {numbers.count(sample)} wanted" if size < sample else ""
    return StepFinding(
        state=StepState.NOTE, text=f"Would measure {stage} alone on the benchmark, by at most {most}{budget}."
    )


def planned_endpoint_call(stage: str) -> StepFinding:
    """Return what a dry run says in the place of calling the endpoint."""
    return StepFinding(state=StepState.NOTE, text=f"Would call the endpoint of {stage} once, with a recorded request.")


def isolation(
    result: IsolationResult | None, *, span: str, n_right: int, n_replayed: int, pipeline: str
) -> StepFinding:
    """Return what the model did alone in the incident's window.

    Args:
        result: None where no attribution of the time is known.
        span: The window that was attributed.
        n_right: Records of the incident that the model answers rightly once their request is clean.
        n_replayed: Records of the incident whose own request was replayed.
        pipeline: Its name.
    """
    if result is None:
        return unknown(
            f"The model was not called alone: no window of this time was attributed; the DAG {pipeline}__isolate or "
            f"`seamwatch attribute {pipeline}` does."
        )
    details = sentences_of(isolation_sentences(result)) if result.accuracy is not None else []
    if result.reproduced is not None:
        share = numbers.percent(result.reproduced)
        details.append(f"{share} of the replays of requests as they were recorded came out wrong again.")
    name = result.stage or "The model"
    replayed = f"{numbers.count(n_right)} of {numbers.plural(n_replayed, 'affected record')} right on clean input"
    details += result.notes
    if result.accuracy is not None:
        alone = f"{numbers.count(result.n_right)} of {numbers.plural(result.n_benchmark, 'benchmark input')} right"
        replayed = f"{alone}, {replayed}" if n_replayed else alone
    text = f"{name}, called alone in {span}: {replayed}"
    standing = _standing(result)
    if standing is not None:
        state = clear if standing is BenchmarkStanding.AS_BEFORE else found
        return state(f"{text}: {_STANDINGS[standing]}.", details)
    if not n_replayed:
        if result.accuracy is not None:
            return unknown(f"{text}; there is no baseline to compare it with.", details)
        called = "was called alone, but not on its benchmark" if result.calls else "was not called alone"
        return unknown(f"{name} {called} in {span}, so its accuracy alone is unknown.", details)
    if n_right >= _MOSTLY_RIGHT * n_replayed:
        return clear(f"{text}: it is not the model.", details)
    return found(f"{text}: the model is wrong on the rest also with a clean request.", details)


def _standing(result: IsolationResult) -> BenchmarkStanding | None:
    """Return how the model stood in the window; None where its benchmark was not asked, or has no baseline."""
    if result.standing is not None or result.accuracy is None or result.p_degraded is None:
        return result.standing
    return BenchmarkStanding.DEGRADED if is_degraded(result) else BenchmarkStanding.AS_BEFORE


def endpoint_now(stage: str, answer: ModelAnswer) -> StepFinding:
    """Return whether the model's endpoint answers now, and how fast, of one call with a recorded request."""
    if answer.status == "budget":
        return unknown(f"{stage} was not called now: the budget for model calls is spent (`isolation` in the file).")
    took = "" if answer.latency_ms is None else f" in {_milliseconds(answer.latency_ms)}"
    if not answer.is_ok:
        status = f"HTTP {answer.http_status}" if answer.http_status is not None else answer.status.replace("_", " ")
        detail = f" ({answer.detail})" if answer.detail and answer.detail != status else ""
        return found(f"{stage} does not answer now: one recorded request ended with {status}{took}{detail}.")
    named = f" as {answer.model}" if answer.model else ""
    reason = f"Finish reason: {answer.finish_reason}." if answer.finish_reason else ""
    return clear(f"{stage} answers now: one recorded request was answered{took}{named}.", (reason,))


def _milliseconds(value: float) -> str:
    if value < 1:
        return "less than 1 ms"
    return f"{value:.0f} ms" if value < 1000 else numbers.rough_seconds(value / 1000)
