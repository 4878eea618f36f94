"""Untrusted text on the console, in JSON and in CSV: visible, exact, and never computed."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.freshness_results import DocumentAnswers, FreshnessCheck
from seamwatch.core.results import Verdict
from seamwatch.report.console import print_freshness
from seamwatch.report.machine import verdicts_csv
from seamwatch.report.text import csv_cell, json_text, visible, visible_lines
from seamwatch.vocabulary import FreshnessReason, Responsibility


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]8;;https://evil\x07click", r"\x1b]8;;https://evil\x07click"),
        ("\x9b31m", r"\x9b31m"),
        ("invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
        ("a\u200fb\u2066c\u061cd", r"a\u200fb\u2066c\u061cd"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("two\nlines\tand\rmore", r"two\nlines\tand\rmore"),
        ("\u2028", r"\u2028"),
        ("nul\x00", r"nul\x00"),
        ("lone\ud800", r"lone\ud800"),
        ("Grüße, 語, 👩\u200d👩\u200d👧, \U0001f600", "Grüße, 語, 👩\u200d👩\u200d👧, \U0001f600"),
        ("C:\\temp", "C:\\temp"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_of_a_message_stay_lines() -> None:
    assert visible_lines("a\n\tb\x1b") == "a\n\tb\\x1b"


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_the_same_data_without_a_control_character(document: dict[str, str]) -> None:
    text = json_text(document)
    assert json.loads(text) == document
    assert visible_lines(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-17", "-17"),
        ("+4.5e3", "+4.5e3"),
        ("-.5", "-.5"),
        ("-1,5", "-1,5"),
        ("007", "007"),
        ("A-17", "A-17"),
        ("x=1", "x=1"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("-A17", "'-A17"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("\r\n=1", "'\r\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
    ],
)
def test_a_formula_gets_an_apostrophe_and_a_number_none(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@given(st.text())
def test_one_apostrophe_less_is_the_text_again(text: str) -> None:
    cell = csv_cell(text)
    assert cell in (text, f"'{text}")
    assert len({csv_cell(text), csv_cell(f"'{text}")}) == 2


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_every_verdict_is_one_row_of_the_csv(keys: list[str]) -> None:
    rows = list(csv.reader(io.StringIO(verdicts_csv([_verdict(key) for key in keys]), newline="")))
    assert [row[0] for row in rows[1:]] == [csv_cell(key) for key in keys]


def _verdict(key: str) -> Verdict:
    return Verdict(
        key=key, responsibility=Responsibility.MODEL, stage=None, confidence=0.5, explanation="=it said\x1b[2J"
    )


def _check(document: str) -> FreshnessCheck:
    outdated = DocumentAnswers(document=document, reason=FreshnessReason.STALE, n_answers=1, detail=document)
    return FreshnessCheck(
        pipeline="p",
        knowledge_base="k",
        stage=None,
        checked_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_full=True,
        n_source=1,
        n_indexed=1,
        n_changed=1,
        by_reason={},
        documents=(outdated,),
        notes=(document,),
    )


def test_document_names_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_freshness(_check("\x1b[2Jpolicy\u202etxt\x1b]0;title\x07\nforged line"))
    shown = capsys.readouterr().out
    assert r"\x1b[2Jpolicy\u202etxt" in shown
    assert not any(char in shown for char in "\x1b\x07\u202e")
    assert not any(line.startswith("forged") for line in shown.splitlines())
