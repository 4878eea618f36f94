"""What was found at a stage and its seam, in words."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import desk_world as desk
from seamwatch.core.checks import stage_result
from seamwatch.core.records.coverage import Misplaced
from seamwatch.core.records.frames import stage_data
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.report.seam_texts import described_checks, stage_notes
from seamwatch.vocabulary import CheckStatus

TICKETS = [{"text": f"my {desk.TOPICS[n % 3]}", "priority": "P1", "channel": "mail"} for n in range(20)]


def change(number: int, stage: str, row: desk.Row) -> desk.Row:
    """Damage every fourth priority, and write every other text in another form."""
    if stage != "request" or number % 2:
        return row
    return {**row, "priority": "P2"} if number % 4 == 0 else {**row, "text": f" {row['text'].upper()}"}


@pytest.fixture(scope="module")
def seam() -> Reconciliation:
    return desk.make_world(TICKETS, change=change).reconciled["request"]


def said_of(reconciled: Reconciliation) -> dict[str, tuple[CheckStatus, str, str]]:
    return {
        f"{check.expectation}:{check.column or ''}": (check.status, check.expected, check.observed)
        for check in described_checks(reconciled)
    }


def test_a_field_that_differs_is_said_with_an_example_and_all_else_holds(seam: Reconciliation) -> None:
    said = said_of(seam)
    assert said["reconcile:priority"] == (
        CheckStatus.FAILED,
        "as the reference makes it, e.g. 'P1'",
        "5 of 20 records differ, e.g. 'P2'",
    )
    others = {name: how for name, how in said.items() if name != "reconcile:priority"}
    assert {(status, observed) for status, _, observed in others.values()} == {(CheckStatus.PASSED, "all do")}
    assert set(others) == {f"reconcile_{what}:" for what in ("lost", "extra", "crossed", "reference_error")}


def test_what_broke_at_a_seam_is_counted(seam: Reconciliation) -> None:
    errors = {1: "request raised ValueError: a", 2: "request raised KeyError: b", 3: "request raised ValueError: c"}
    broken = replace(seam, lost=pd.Index([1, 2]), extra=pd.Index([3]), crossed=seam.crossed, reference_errors=errors)
    said = said_of(broken)
    assert said["reconcile_lost:"][1:] == ("every record of the input arrives", "2 records are lost")
    assert said["reconcile_extra:"][2] == "1 record has no source"
    assert said["reconcile_reference_error:"][2] == (
        "3 of 20 records fail: request raised ValueError: a; 1 of them otherwise"
    )


def test_an_output_without_a_column_is_an_error_where_a_field_was_meant(seam: Reconciliation) -> None:
    outputs = (Misplaced(output="prio", suggestion="priority"), Misplaced(output="other", suggestion=None))
    checks = {check.column: check for check in described_checks(replace(seam, misplaced=outputs, unmade=("priority",)))}
    assert checks["prio"].status is CheckStatus.ERROR
    assert "no column of" in str(checks["prio"].error)
    assert str(checks["prio"].error).endswith("it is compared with nothing; did you mean 'priority'?")
    assert (checks["other"].status, checks["other"].error) == (CheckStatus.FAILED, None)
    assert checks["other"].observed == "no such column; the output is compared with nothing"


def test_a_stage_says_what_limits_its_figures(seam: Reconciliation) -> None:
    rows = pd.DataFrame(
        [{"ticket_id": 1, "text": "a"}, {"ticket_id": 1, "text": "b"}, {"ticket_id": None, "text": "c"}]
    )
    data = stage_data(rows, seam.stage, key="ticket_id", time=None)
    notes = stage_notes(data, replace(seam, unmade=("channel",), notes=("a note of the reconciliation",)))
    assert notes == [
        "1 row has no key and belongs to no record",
        "1 record has several rows; the last successful one counts",
        "not checked: channel (made by no reference)",
        "5 records differ from the reference in format only (case, blanks, notation)",
        "a note of the reconciliation",
    ]
    assert stage_notes(data, replace(seam, is_checked=False))[2:3] == [
        "no reference: this stage is watched, not checked"
    ]
    assert stage_notes(data, None) == notes[:2]
    result = stage_result(data, seam, described_checks(seam), notes=notes)
    assert (result.n_discrepant, result.fields, result.is_critical) == (5, {"priority": 5}, True)
