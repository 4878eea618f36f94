"""What a judge's answer says, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seamwatch.core.evaluation.judge_answer import LONGEST_REASON, read_verdict, shown_reason
from seamwatch.core.evaluation.judge_request import POINTWISE, TOOL

GOOD = {"reason": "It names the right date.", "verdict": "right", "confidence": 0.9}
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"\n  {TEXT}\n",
        f"\ufeff{TEXT}",
        f"```json\n{TEXT}\n```",
        f"```\n{json.dumps(GOOD, indent=2)}\n```",
        f"Here is my verdict:\n```json\n{TEXT}\n```\nI hope that this helps.",
        f"My verdict is: {TEXT} I am quite sure.",
        json.dumps([{"name": TOOL, "arguments": GOOD}]),
        json.dumps(GOOD | {"verdict": " Right "}),
        json.dumps(GOOD | {"notes": "none", "tokens": 12, "sources": ["a"]}),
        json.dumps(GOOD | {"reason": "It says {date}, and } is no mistake."}),
    ],
)
def test_one_object_is_read_wherever_it_stands(text: str) -> None:
    verdict = read_verdict(text, POINTWISE)
    assert (verdict.word, verdict.confidence) == ("right", 0.9)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "empty"),
        ("", "empty"),
        (" \n", "empty"),
        ("The answer is right.", "prose"),
        ("right", "prose"),
        ('"right"', "not the object"),
        ("true", "not the object"),
        (json.dumps([GOOD]), "not the object"),
        (json.dumps([{"name": "other_tool", "arguments": GOOD}]), "not the object"),
        (json.dumps([{"name": TOOL, "arguments": GOOD}] * 2), "not the object"),
        (json.dumps([{"name": TOOL, "arguments": TEXT[:-9]}]), "not the object"),
        (TEXT[:-1], "not whole"),
        (TEXT[:40], "not whole"),
        ('{"draft": ' + TEXT, "not whole"),
        (f"{TEXT}\n{TEXT}", "more than one"),
        (f"{TEXT}\n" + json.dumps(GOOD | {"verdict": "wrong"}), "more than one"),
        (f"First I thought {TEXT} but then {{", "more than one"),
        ('{"verdict": "right", "verdict": "wrong"}', "key twice"),
        (json.dumps({"reason": "ok", "confidence": 1}), "no verdict"),
        (json.dumps(GOOD | {"verdict": None}), "no verdict"),
        (json.dumps(GOOD | {"verdict": "correct"}), "not among"),
        (json.dumps(GOOD | {"verdict": "first"}), "not among"),
        (json.dumps(GOOD | {"verdict": True}), "not among"),
        (json.dumps(GOOD | {"verdict": ["right"]}), "not among"),
        (json.dumps({"result": GOOD}), "no verdict"),
        (json.dumps(GOOD | {"final": "wrong"}), "second verdict"),
        (json.dumps(GOOD | {"is_right": False}), "second verdict"),
        (json.dumps(GOOD | {"confidence": "0.9"}), "confidence"),
        (json.dumps(GOOD | {"confidence": 90}), "confidence"),
        (json.dumps(GOOD | {"confidence": -0.1}), "confidence"),
        (json.dumps(GOOD | {"confidence": True}), "confidence"),
        (json.dumps(GOOD | {"confidence": float("nan")}), "confidence"),
        (json.dumps(GOOD | {"reason": 3}), "reason that is no text"),
        (json.dumps(GOOD | {"reason": ["a"]}), "reason that is no text"),
        ("[" * 100_000, "prose"),
        ('{"a":' * 100_000, "not whole"),
    ],
)
def test_what_is_not_in_the_form_is_no_verdict_and_says_why(text: str | None, why: str) -> None:
    verdict = read_verdict(text, POINTWISE)
    assert verdict.word is None
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("finish_reason", "why"),
    [
        ("length", "cut off"),
        ("max_tokens", "cut off"),
        ("MAX_TOKENS", "cut off"),
        ("content_filter", "declined"),
        ("refusal", "declined"),
        ("error:overloaded", "failed"),
    ],
)
def test_an_answer_that_did_not_end_by_itself_is_no_verdict(finish_reason: str, why: str) -> None:
    verdict = read_verdict(TEXT, POINTWISE, finish_reason=finish_reason)
    assert verdict.word is None
    assert why in verdict.reason


@pytest.mark.parametrize("finish_reason", [None, "stop", "end_turn", "tool_use", "STOP"])
def test_an_answer_that_ended_by_itself_is_read(finish_reason: str | None) -> None:
    assert read_verdict(TEXT, POINTWISE, finish_reason=finish_reason).word == "right"


def test_less_confidence_than_a_coin_is_unsure() -> None:
    assert read_verdict(json.dumps(GOOD | {"confidence": 0.4}), POINTWISE).word == "unsure"
    assert read_verdict(json.dumps(GOOD | {"confidence": 0.5}), POINTWISE).word == "right"


def test_reason_and_confidence_may_be_missing() -> None:
    verdict = read_verdict('{"verdict": "wrong"}', POINTWISE)
    assert (verdict.word, verdict.confidence, verdict.sure, verdict.reason) == ("wrong", None, 1.0, "")


def test_a_reason_is_one_short_line_without_hidden_signs() -> None:
    shown = shown_reason("a\n\tb\u202e\u200bc\x1b[31m" + "x" * 500)
    assert shown.startswith("a b c [31mxxx")
    assert len(shown) == LONGEST_REASON
    assert shown.endswith("…")


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=8) | st.sampled_from(POINTWISE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["verdict", "confidence", "reason", "name", "arguments", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(_JSON)
def test_any_json_is_a_verdict_in_the_form_or_none(value: Any) -> None:
    verdict = read_verdict(json.dumps(value), POINTWISE)
    if verdict.word is None:
        assert verdict.reason
        return
    inner = value if isinstance(value, dict) else value[0]["arguments"]
    said = inner["verdict"].strip().casefold()
    assert verdict.word == said or (verdict.word == "unsure" and inner["confidence"] < 0.5)
    assert 0.0 <= verdict.sure <= 1.0


_PROSE = st.text(st.characters(exclude_characters="[]{}"), max_size=60)


@given(_PROSE, _PROSE, st.sampled_from(POINTWISE))
@example("```json\n", "\n```", "right")
def test_prose_around_one_object_changes_nothing(before: str, after: str, word: str) -> None:
    text = before + json.dumps({"verdict": word, "reason": "r", "confidence": 0.8}) + after
    assert read_verdict(text, POINTWISE).word == word
    assert read_verdict(text + "{", POINTWISE).word is None


@given(st.text(max_size=200), st.none() | st.text(max_size=20))
def test_whatever_a_judge_says_nothing_is_raised(text: str, finish_reason: str | None) -> None:
    verdict = read_verdict(text, POINTWISE, finish_reason=finish_reason)
    assert verdict.word is not None or verdict.reason


@given(st.integers(min_value=1, max_value=len(TEXT) - 1))
def test_an_answer_cut_anywhere_is_no_verdict(end: int) -> None:
    assert read_verdict(TEXT[:end], POINTWISE).word is None
