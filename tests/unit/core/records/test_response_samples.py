"""Responses as client libraries write them down: every shape, ending and wrapping reads the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.records.responses import Form, ParsedResponse, column_form, read_recorded, read_response, read_usage
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import Protocol, UnknownReason

FILES = sorted((Path(__file__).parent / "response_samples").glob("*.json"))
SAMPLES = [
    {**sample, "name": f"{path.stem}: {sample['name']}"}
    for path in FILES
    for sample in json.loads(path.read_text(encoding="utf-8"))["samples"]
]
WRAPPINGS: dict[str, Callable[[str], Any]] = {
    "as it came": lambda text: text,
    "JSON text": json.dumps,
    "JSON text twice": lambda text: json.dumps(json.dumps(text)),
    "Python string": repr,
    "fence": lambda text: f"```json\n{text}\n```",
    "blanks and a mark": lambda text: f"\ufeff\n {text} \n",
    "bytes": str.encode,
    "bytearray": lambda text: bytearray(text.encode()),
    "memoryview": lambda text: memoryview(text.encode()),
    "bytes as text": lambda text: repr(text.encode()),
    "bytea as text": lambda text: "\\x" + text.encode().hex(),
    "logged body": lambda text: json.dumps({"statusCode": 200, "headers": {"x": "y"}, "body": text}),
}
QUOTING = ("as it came", "JSON text", "JSON text twice", "bytes", "memoryview", "bytes as text")
PROTOCOLS = (Protocol.OPENAI_CHAT, Protocol.ANTHROPIC_MESSAGES, Protocol.GEMINI, Protocol.MLFLOW, Protocol.JSON)


def _cases(kind: str, wrappings: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(
            sample,
            # What a client library says is no document.
            {wrap: WRAPPINGS[wrap](text) for wrap in wrappings if wrap in QUOTING or not _is_in_words(sample)},
            id=f"{sample['name']}, {kind} {number}",
        )
        for sample in SAMPLES
        if sample["state"] != "unknown"
        for number, text in enumerate(sample[kind])
    ]


def _is_in_words(sample: dict[str, Any]) -> bool:
    return str(sample["name"]).endswith("in the client's words")


def _says(parsed: ParsedResponse) -> tuple[Any, ...]:
    return parsed.text, parsed.finish_reason, parsed.failure


def _wanted(sample: dict[str, Any]) -> tuple[Any, ...]:
    failure = None if sample["state"] == "answered" else sample["state"]
    return sample["text"], sample["finish_reason"], "rate_limited" if _is_rate_limit(sample) else failure


def _is_rate_limit(sample: dict[str, Any]) -> bool:
    marks = ("429", "rate_limit", "EXHAUSTED", "Throttling")
    return sample["state"] == "error" and any(mark in sample["finish_reason"] for mark in marks)


@pytest.mark.parametrize(
    ("sample", "stored"),
    [*_cases("bodies", tuple(WRAPPINGS)), *_cases("printed", QUOTING), *_cases("streams", QUOTING)],
)
def test_every_shape_in_every_wrapping(sample: dict[str, Any], stored: dict[str, Any]) -> None:
    for wrap, value in stored.items():
        parsed = read_recorded(Protocol.OPENAI_CHAT, value, form=Form.BODIES)
        assert _says(parsed) == _wanted(sample), wrap
        if "usage" in str(value) or not isinstance(value, str):  # a stream may leave it out
            counts = [parsed.input_tokens, parsed.output_tokens, parsed.cached_tokens]
            assert counts == sample["counts"] or (sample["streams"] and counts == [None] * 3), wrap


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s["bodies"]], ids=lambda sample: sample["name"])
def test_the_configured_protocol_changes_nothing(sample: dict[str, Any]) -> None:
    for protocol, body in product(PROTOCOLS, sample["bodies"]):
        form = column_form(protocol, [body] * 3)
        parsed = read_recorded(protocol, body, form=form)
        if sample["name"].startswith("ollama: error"):  # in words alone it may be what a model or an endpoint answers
            assert _says(read_recorded(protocol, body, form=Form.BODIES)) == _wanted(sample), protocol
            continue
        assert _says(parsed) == _wanted(sample), protocol
        assert _says(read_response(protocol, body)) == _wanted(sample), protocol
        model, counts = read_usage(body)
        assert model == sample["model"], protocol
        assert [counts.input_tokens, counts.output_tokens, counts.cached_tokens] == sample["counts"]


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s["state"] == "unknown"], ids=lambda sample: sample["name"])
def test_a_printed_object_of_which_a_part_was_left_out_is_unknown(sample: dict[str, Any]) -> None:
    for printed in sample["printed"]:
        for form in Form:
            parsed = read_recorded(Protocol.GEMINI, printed, form=form)
            assert isinstance(parsed.text, Unknown)
            assert parsed.text.reason is UnknownReason.UNREADABLE_BODY
            assert parsed.failure is None


@given(
    st.sampled_from([s for s in SAMPLES if s["bodies"] and not _is_in_words(s)]),
    st.lists(
        st.sampled_from(["JSON text", "Python string", "fence", "blanks and a mark", "bytes as text"]), max_size=4
    ),
    st.sampled_from(["as it came", "bytes", "memoryview"]),
)
def test_wrapped_however_often_it_reads_the_same(sample: dict[str, Any], wraps: list[str], stored: str) -> None:
    value: Any = sample["bodies"][0]
    for wrap in wraps:
        value = WRAPPINGS[wrap](value)
    assert _says(read_recorded(Protocol.OPENAI_CHAT, WRAPPINGS[stored](value), form=Form.BODIES)) == _wanted(sample)


@given(
    st.sampled_from([s for s in SAMPLES if s["bodies"] and not _is_in_words(s)]),
    st.integers(min_value=1, max_value=200),
)
def test_a_body_that_was_cut_is_unknown(sample: dict[str, Any], n: int) -> None:
    body = sample["bodies"][0]
    parsed = read_recorded(Protocol.OPENAI_CHAT, body[: max(1, len(body) - n)], form=Form.BODIES)
    assert isinstance(parsed.text, Unknown)
    assert body.startswith(parsed.text.sample)
