"""What steps of runbooks say is bounded, on one line each, without secrets, and honest about what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import IsolationResult, Verdict
from seamwatch.report.runbook_model_texts import endpoint_now, isolation
from seamwatch.report.runbook_texts import (
    LONGEST_DETAIL,
    LONGEST_TEXT,
    MOST_DETAILS,
    missing_evidence,
    provider_errors,
    sentences_of,
    step_finding,
)
from seamwatch.vocabulary import BenchmarkStanding, Gap, Responsibility, StepState


@given(st.text(max_size=400), st.lists(st.text(max_size=400), max_size=12))
def test_whatever_is_said_stays_within_its_bounds(text: str, details: list[str]) -> None:
    said = step_finding(StepState.FOUND, text, details)
    assert len(said.text) <= LONGEST_TEXT
    assert len(said.details) <= MOST_DETAILS
    assert all(len(line) <= LONGEST_DETAIL for line in said.details)
    assert not any(char in line for line in (said.text, *said.details) for char in "\n\r\x1b\u202e\u200b")


def test_details_beyond_the_bound_are_counted() -> None:
    said = step_finding(StepState.FOUND, "Many.", [f"line {number}" for number in range(9)])
    assert said.details == (*(f"line {number}" for number in range(5)), "4 more are in the report")


def test_secrets_are_hidden() -> None:
    said = step_finding(StepState.UNKNOWN, "password=hunter2hunter2", ["Authorization: Bearer abcdef1234567890"])
    assert "hunter2" not in said.text
    assert "abcdef1234567890" not in said.details[0]


def test_a_text_is_split_into_its_sentences() -> None:
    assert sentences_of("One is 1.5 s. Two? Three") == ["One is 1.5 s.", "Two?", "Three"]
    assert sentences_of("") == []


def _verdict(key: str, explanation: str, **more: object) -> Verdict:
    given = {"responsibility": Responsibility.PROVIDER, "stage": "llm", "confidence": 0.9, **more}
    return Verdict(key=key, explanation=explanation, **given)  # type: ignore[arg-type]


def test_provider_failures_are_counted_by_what_the_calls_said() -> None:
    full = "At llm the call ended with status {}: the model gave no full answer."
    cut = "At llm the answer was truncated (finish reason length): the model gave no full answer."
    verdicts = [_verdict(str(n), full.format(503)) for n in range(3)] + [_verdict("9", full.format(429))]
    said = provider_errors([*verdicts, _verdict("10", cut), _verdict("11", "", pattern="timed_out")], "today")
    assert said.text == (
        "6 records of today got no full answer; mostly at llm the call ended with status 503 (3), and 3 other kinds."
    )
    assert said.details == (
        "llm: the call ended with status 503: 3 records",
        "llm: the call ended with status 429: 1 record",
        "llm: the answer was truncated (finish reason length): 1 record",
        "llm: timed out: 1 record",
    )
    assert provider_errors([], "today").state is StepState.CLEAR


def test_missing_evidence_is_told_by_gap_with_what_settles_it() -> None:
    gaps = [Gap.BUDGET_SPENT, Gap.BUDGET_SPENT, Gap.TRUTH_PENDING]
    said = missing_evidence([_verdict(str(n), "", gap=gap) for n, gap in enumerate(gaps)], None)
    assert said.text == ("3 records cannot be attributed: the budget for model calls was spent (2); 1 other gap below.")
    assert said.details[0] == (
        "2 records: the budget for model calls was spent. Raise isolation.max_calls_per_run or max_usd_per_run in the "
        "pipeline file."
    )
    assert missing_evidence([_verdict("1", "")], None).state is StepState.UNKNOWN


def _isolated(**more: object) -> IsolationResult:
    return IsolationResult(**{"stage": "llm", "model": "gem", "calls": 9, "cost_usd": None, **more})  # type: ignore[arg-type]


MEASURED = {"n_benchmark": 50, "accuracy": 0.9, "baseline_accuracy": 0.95}


@pytest.mark.parametrize(
    ("result", "n_right", "n_replayed", "state", "text"),
    [
        (None, 0, 0, StepState.UNKNOWN, "The model was not called alone: no window of this time was attributed; "),
        (_isolated(calls=0), 0, 0, StepState.UNKNOWN, "llm was not called alone in today, so its accuracy alone is un"),
        (_isolated(), 0, 0, StepState.UNKNOWN, "llm was called alone, but not on its benchmark in today, so its accu"),
        (
            _isolated(),
            9,
            9,
            StepState.CLEAR,
            "llm, called alone in today: 9 of 9 affected records right on clean input: ",
        ),
        (
            _isolated(),
            1,
            9,
            StepState.FOUND,
            "llm, called alone in today: 1 of 9 affected records right on clean input: ",
        ),
        (
            _isolated(**{**MEASURED, "baseline_accuracy": None, "n_right": 45}),
            0,
            0,
            StepState.UNKNOWN,
            "llm, called alone in today: 45 of 50 benchmark inputs right; there is no baseline to compare it with.",
        ),
        (
            _isolated(**MEASURED, n_right=45, p_degraded=0.2),
            9,
            9,
            StepState.CLEAR,
            "llm, called alone in today: 45 of 50 benchmark inputs right, 9 of 9 affected records right on ",
        ),
        (
            _isolated(**MEASURED, n_right=20, p_degraded=0.0001),
            0,
            0,
            StepState.FOUND,
            "llm, called alone in today: 20 of 50 benchmark inputs right: worse.",
        ),
        (
            _isolated(**MEASURED, n_right=45, standing=BenchmarkStanding.CHANGED),
            0,
            0,
            StepState.FOUND,
            "llm, called alone in today: 45 of 50 benchmark inputs right: not the model that was accepted.",
        ),
    ],
)
def test_isolation_clears_the_model_only_by_what_was_measured(
    result: IsolationResult | None, n_right: int, n_replayed: int, state: StepState, text: str
) -> None:
    said = isolation(result, span="today", n_right=n_right, n_replayed=n_replayed, pipeline="help")
    assert said.state is state
    assert said.text.startswith(text)


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (
            ModelAnswer(status="ok", latency_ms=420.4, model="gem-1"),
            StepState.CLEAR,
            "llm answers now: one recorded request was answered in 420 ms as gem-1.",
        ),
        (
            ModelAnswer(status="ok", latency_ms=3200.0),
            StepState.CLEAR,
            "llm answers now: one recorded request was answered in 3.2 s.",
        ),
        (
            ModelAnswer(status="http_error", http_status=503, latency_ms=20.0, detail="HTTP 503"),
            StepState.FOUND,
            "llm does not answer now: one recorded request ended with HTTP 503 in 20 ms.",
        ),
        (
            ModelAnswer(status="timeout", detail="no answer within 60 s"),
            StepState.FOUND,
            "llm does not answer now: one recorded request ended with timeout (no answer within 60 s).",
        ),
        (
            ModelAnswer(status="budget"),
            StepState.UNKNOWN,
            "llm was not called now: the budget for model calls is spent (`isolation` in the file).",
        ),
    ],
)
def test_an_endpoint_answers_or_not_or_was_not_asked(answer: ModelAnswer, state: StepState, text: str) -> None:
    said = endpoint_now("llm", answer)
    assert (said.state, said.text) == (state, text)
