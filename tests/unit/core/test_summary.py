"""What a window showed, put together: counts, notes, signals, pictures of stages and the records that show a cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

import desk_world as desk
from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.checks import examples
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.results import Attribution, Check, IsolationResult, StageResult, Window
from seamwatch.core.summary import overdue_truths, summarise
from seamwatch.report.window_texts import with_notes_and_signals
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Basis, CheckStatus, OutcomeState, Responsibility, Severity

N = 60
START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=12))
TICKETS = [
    {"text": f"my {desk.TOPICS[n % 3]} since day {n}", "priority": ("P1", "P2")[n // 3 % 2], "channel": "mail"}
    for n in range(N)
]
CAUSE = Finding(
    responsibility=Responsibility.INTEGRATION,
    stage="request",
    fields=("priority",),
    n_records=15,
    share=1.0,
    share_low=0.9,
    share_high=1.0,
    confidence=0.97,
    headline="Integration failure at request",
    rate=RateComparison(is_change=True),
)


def other_priority(number: int, stage: str, row: desk.Row) -> desk.Row:
    """Damage the priority of every fourth request."""
    is_struck = stage == "request" and number % 4 == 0
    return {**row, "priority": "P2" if row["priority"] == "P1" else "P1"} if is_struck else row


def summary(
    *,
    n_pending: int = 0,
    n: int = N,
    now: datetime = WINDOW.end,
    has_baseline: bool = True,
    causes: tuple[Finding, ...] = (CAUSE,),
    stage_results: tuple[StageResult, ...] = (),
    left_out: dict[str, list[str]] | None = None,
) -> Attribution:
    """Return the summary of the desk's first `n` tickets, of which the last ones have no truth yet."""
    world = desk.make_world(TICKETS[:n], change=other_priority, left_out=left_out)
    outcomes = desk.outcomes_of(world).assign(reason="")
    outcomes.iloc[n - n_pending :, outcomes.columns.get_loc("state")] = OutcomeState.PENDING
    failing = outcomes.index[(outcomes["state"] == OutcomeState.WRONG).to_numpy()]
    evidence = gather(world, failing, {})
    times = pd.Series(
        [pd.Timestamp(START + number * timedelta(minutes=10)) for number in range(n)], index=outcomes.index
    )
    found = summarise(
        evidence=evidence,
        window=WINDOW,
        outcomes=outcomes,
        truth=pd.DataFrame([desk.truth_of(ticket) for ticket in TICKETS[:n]], index=outcomes.index),
        times=times,
        attributed=attribute_records(evidence, desk.asking(), Isolation(mode="exhaustive")),
        causes=causes,
        isolation=IsolationResult(stage="model", model="m", calls=0, cost_usd=None),
        notes=("a note of the engine",),
    )
    n_overdue = overdue_truths(world.pipeline, outcomes, times, now)
    return with_notes_and_signals(found, evidence, stage_results, n_overdue=n_overdue, has_baseline=has_baseline)


def test_counts_are_those_of_the_outcomes_and_of_their_time() -> None:
    found = summary(n_pending=12)
    assert (found.n_observed, found.n_failing, found.n_pending, found.n_examined) == (60, 12, 12, 12)
    assert len(found.verdicts) == 12
    assert sum(failing for _, failing, _ in found.failing_by_time) == 12
    assert sum(judged for _, _, judged in found.failing_by_time) == 48
    starts = [start for start, _, _ in found.failing_by_time]
    assert starts == sorted(starts)
    assert (starts[0], found.pipeline, found.window) == (START, "desk", WINDOW)


LATE = WINDOW.end + timedelta(days=30)


@pytest.mark.parametrize(
    ("given", "said", "unsaid"),
    [
        ({}, [], ["truth", "no record", "baseline", "overdue"]),
        ({"n_pending": 12}, ["12 of 60 records has not arrived"], ["overdue"]),
        ({"n_pending": 60}, ["no truth has arrived yet"], ["of 60"]),
        ({"n_pending": 12, "now": LATE}, ["12 of 60", "truth of 12 records is overdue"], []),
        ({"has_baseline": False}, ["add `benchmark`", "seamwatch baseline desk --from DAY"], ["truth"]),
        ({"left_out": {"request": ["priority"]}}, ["request: ", "priority"], []),
    ],
    ids=["all is known", "some pending", "all pending", "overdue", "no baseline", "a field that no reference makes"],
)
def test_a_reader_is_told_what_limits_the_figures(given: dict[str, Any], said: list[str], unsaid: list[str]) -> None:
    notes = summary(**given).notes
    assert notes[-1] == "a note of the engine"
    text = "\n".join(notes[:-1])
    assert [one for one in said if one not in text] == []
    assert [one for one in unsaid if one in text] == []


def test_the_records_shown_are_those_of_the_cause_with_what_was_recorded_and_what_should_have_been() -> None:
    found = summary()
    assert len(found.evidence) == 3
    for one in found.evidence:
        assert (one.verdict.stage, one.verdict.basis) == ("request", Basis.REPLAY)
        assert one.rows[0].field == "priority"
        assert {one.rows[0].recorded, one.rows[0].expected} == {"P1", "P2"}
        assert one.recorded_outcome != one.true_outcome
        assert one.recorded_answer != one.isolated_answer
        assert one.isolated_answer is not None


def test_each_stage_shows_what_is_wrong_at_it() -> None:
    pictures = {one.name: one for one in summary().stages}
    assert list(pictures) == ["tickets", "request", "prompt", "model", "result", "crm"]
    assert {name: one.n_failed for name, one in pictures.items() if one.n_failed} == {"request": 15}
    assert all(one.is_reconciled for one in pictures.values())
    assert pictures["request"].inputs == ("tickets",)


def test_a_cause_that_is_no_change_raises_no_rate() -> None:
    found = summary(causes=())
    assert "failing_rate" not in {signal.kind for signal in found.signals}
    (rate,) = [signal for signal in summary().signals if signal.kind == "failing_rate"]
    assert (rate.n_records, rate.severity) == (15, Severity.CRITICAL)


@pytest.mark.parametrize(
    ("check", "kind", "severity"),
    [
        (
            {"expectation": "expect_x", "status": CheckStatus.FAILED, "severity": Severity.WARNING},
            "expectation",
            "warning",
        ),
        ({"expectation": "reconcile", "status": CheckStatus.FAILED}, "discrepancy", "critical"),
        ({"expectation": "reconcile_lost", "status": CheckStatus.FAILED}, "lost", "critical"),
        (
            {
                "expectation": "expect_x",
                "status": CheckStatus.ERROR,
                "severity": Severity.WARNING,
                "error": "no column",
            },
            "validation_error",
            "critical",
        ),
        ({"expectation": "expect_x", "status": CheckStatus.PASSED}, None, None),
    ],
    ids=["an expectation", "reconciliation", "lost records", "one that could not run", "one that passed"],
)
def test_what_validation_found_is_a_signal(check: dict[str, Any], kind: str | None, severity: str | None) -> None:
    result = StageResult(stage="request", n_records=60, checks=(Check(stage="request", n_failed=4, **check),))
    seen = [one for one in summary(stage_results=(result,)).signals if one.kind != "failing_rate"]
    assert [(one.kind, one.severity.value, one.n_records) for one in seen] == (
        [] if kind is None else [(kind, severity, 4)]
    )


def test_what_validation_did_not_see_is_taken_from_the_reconciliation() -> None:
    (seen,) = [one for one in summary().signals if one.kind != "failing_rate"]
    assert (seen.kind, seen.stage, seen.n_records) == ("discrepancy", "request", 15)


def test_a_gigantic_value_is_cut_where_it_is_kept_as_an_example() -> None:
    rows = pd.DataFrame(
        [{"key": 7, "stage": "request", "field": "product", "recorded": "x" * 10**6, "expected": None, "kind": "value"}]
    )
    (one,) = examples(rows)
    assert (one.key, one.recorded, one.expected) == ("7", "x" * 497 + "...", None)
