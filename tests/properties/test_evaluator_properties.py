"""What holds of evaluators for any text."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seamwatch.core.evaluation.facts import read_facts
from seamwatch.core.evaluation.leak import LeakSources, evaluate_leaks
from seamwatch.core.evaluation.refusal import find_refusal
from seamwatch.core.evaluation.secrets import find_secrets
from seamwatch.core.evaluation.similarity import evaluate_similarity
from seamwatch.core.evaluation.statements import evaluate_statements
from seamwatch.core.evaluation.support import evaluate_support
from seamwatch.core.evaluation.texts import normal_text, sentences

TEXTS = st.text(max_size=200)
WORDS = st.sampled_from(
    [
        "Returns",
        "are",
        "not",
        "accepted",
        "within",
        "30",
        "days",
        "of",
        "3",
        "March",
        "2026",
        "at",
        "5",
        "pm",
        "unless",
        "Anna",
        "pays",
        "$4.90",
        "or",
        "1.000,50",
        "EUR",
        "to",
        "help@a.com",
        "never",
        "A-4711",
        "bis",
        "Montag",
        "keine",
        "今日",
        "10%",
        "two",
        "weeks",
    ]
)
STATEMENTS = st.lists(st.lists(WORDS, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=6)


def _series(*values: Any) -> pd.Series[Any]:
    return pd.Series(list(values), dtype=object)


@given(STATEMENTS, st.data())
def test_an_answer_of_sentences_of_the_context_is_supported(lines: list[str], data: st.DataObject) -> None:
    context = "\n".join(f"{line}." for line in lines)
    chosen = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=4))
    answer = "\n".join(f"{line}." for line in chosen)
    found = evaluate_support(_series(answer), [_series(context)], at_least=1.0)
    assert found["state"].iloc[0] == "pass", found["reason"].iloc[0]


@given(TEXTS)
@example("0" * 5000)
def test_any_text_is_read(text: str) -> None:
    assert all(one.strip() for one in sentences(text))
    assert isinstance(read_facts(text), list)
    assert isinstance(find_secrets(text), list)
    assert find_refusal(text) in (None, *sentences(text))


NAMES = st.text("abcdefghijklmnop", min_size=4, max_size=12)


@given(NAMES, NAMES, TEXTS, TEXTS)
def test_the_mail_of_another_record_is_a_leak_and_ones_own_is_none(
    own: str, other: str, before: str, after: str
) -> None:
    mails = _series(f"{own}@mail.com", f"x{other}y@mail.org")
    sources = LeakSources(personal={"crm.email": mails}, secrets=False)
    clean, leaking = f"Sent to {mails[0]}.", f"{before} {mails[1]} {after}"
    assert list(evaluate_leaks(_series(clean, clean), sources)["state"]) == ["pass", "fail"]
    assert list(evaluate_leaks(_series(leaking, "fine"), sources)["state"]) == ["fail", "pass"]
    given_to_it = LeakSources(personal={"crm.email": mails}, inputs=[_series(leaking, None)], secrets=False)
    assert list(evaluate_leaks(_series(leaking, "fine"), given_to_it)["state"]) == ["pass", "pass"]


@given(TEXTS, TEXTS)
def test_similarity_is_symmetric_and_whole_for_the_text_itself(one: str, other: str) -> None:
    both = evaluate_similarity(_series(one, other, one), _series(other, one, one), at_least=0.0)
    if normal_text(one) and normal_text(other):
        assert abs(both["score"].iloc[0] - both["score"].iloc[1]) < 1e-9
    assert both["state"].iloc[2] == ("pass" if normal_text(one) else "unknown")
    if normal_text(one):
        assert both["score"].iloc[2] == 1.0


@given(st.text(min_size=1, max_size=30), TEXTS, TEXTS)
@settings(max_examples=200)
def test_a_statement_between_blanks_is_found_and_never_both_required_and_forbidden(
    statement: str, before: str, after: str
) -> None:
    answer = _series(f"{before} {statement} {after}")
    required = evaluate_statements(answer, required=[statement])["state"].iloc[0]
    forbidden = evaluate_statements(answer, forbidden=[statement])["state"].iloc[0]
    assert {required, forbidden} == {"pass", "fail"}
