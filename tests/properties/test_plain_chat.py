"""What is read fast is what is read in the general way, whatever stands in the column."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seamwatch.core.records.frames import with_answer
from seamwatch.core.records.plain_chat import read_plain_chat
from seamwatch.core.records.responses import column_form, read_answer
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import Protocol

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one))
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["", " ", "billing", "\ud800", '{"queue": "a"}', "I'm sorry, I cannot help"]
)
OPTIONAL = st.none() | st.just([]) | st.just({}) | ANYTHING | st.just([{"function": {"name": "f", "arguments": "{}"}}])


def some_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw an object with each field there or not."""
    return st.fixed_dictionaries({}, optional=fields)


MESSAGES = some_of(
    role=st.just("assistant"), content=TEXTS | ANYTHING, tool_calls=OPTIONAL, function_call=OPTIONAL, refusal=OPTIONAL
)
FINISHES = st.sampled_from(["stop", "length", "tool_calls", "", None]) | ANYTHING
CHOICES = some_of(index=st.integers(0, 2) | ANYTHING, message=MESSAGES | ANYTHING, finish_reason=FINISHES, text=TEXTS)
BODIES = some_of(
    id=TEXTS,
    object=st.just("chat.completion"),
    model=TEXTS | ANYTHING,
    choices=st.lists(CHOICES | ANYTHING, max_size=2),
    usage=ANYTHING,
    error=ANYTHING,
    finish_reason=FINISHES,
    stop_reason=FINISHES,
)
PLAIN = st.builds(
    lambda content, finish, model, rest: {
        **rest,
        "choices": [{"message": {"content": content}, "finish_reason": finish}],
        "model": model,
    },
    TEXTS,
    st.sampled_from(["stop", "length", ""]),
    TEXTS,
    st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3),
)


@st.composite
def written(draw: st.DrawFn) -> str:
    """Draw a body as text: whole, indented, escaped, cut, or with a sign changed."""
    body = draw(PLAIN | BODIES)
    text = json.dumps(body, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    place = draw(st.integers(0, len(text)))
    how = draw(st.sampled_from(["whole", "whole", "cut", "changed", "within", "blank"]))
    wrapped = {
        "whole": text,
        "cut": text[:place],
        "changed": text[:place] + draw(st.sampled_from(list('"\\{}[],:0 \n\x00'))) + text[place + 1 :],
        "within": json.dumps({"response": text}),
        "blank": f"\ufeff \n{text}\x1c",
    }
    return wrapped[how]


def general(values: list[Any], protocol: Protocol, path: str | None = None) -> list[tuple[Any, Any, Any]]:
    form = column_form(protocol, values, path)
    read = [read_answer(protocol, value, form, path) for value in values]
    return [(one.text, one.finish_reason, one.model) for one in read]


@given(st.lists(written() | SCALARS, max_size=6), st.sampled_from(list(Protocol)))
@example(
    [json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "model": "m"})], Protocol.JSON
)
def test_a_column_is_read_as_its_values_are_in_the_general_way(values: list[Any], protocol: Protocol) -> None:
    endpoint = (
        "python:m:f" if protocol is Protocol.CALLABLE else {"connection": "c", "path": "/p", "protocol": protocol.value}
    )
    stage = Stage.model_validate(
        {
            "name": "m",
            "kind": "model",
            "table": "t",
            "request": "request",
            "response": "response",
            "endpoint": endpoint,
            "input": ["p"],
        }
    )
    index = pd.Index(range(len(values)), name="key")
    payload = pd.DataFrame({"response": pd.Series(values, index=index, dtype=object)})
    found = with_answer(payload, stage)
    assert list(found.index) == list(index)
    columns = [list(found[name]) for name in ("answer", "_finish_reason", "_model")]
    expected = [list(column) for column in zip(*general(values, protocol), strict=True)] or [[], [], []]
    for column, wanted in zip(columns, expected, strict=True):
        assert [repr(one) for one in column] == [repr(one) for one in wanted]  # what is unknown equals nothing


@given(written())
def test_what_is_read_fast_is_what_is_read_in_the_general_way(text: str) -> None:
    found = read_plain_chat(text)
    if found is not None:
        assert [found] == general([text], Protocol.OPENAI_CHAT)


@pytest.mark.parametrize("name", ["tool_calls", "tool\\u005fcalls", "function_call", "refusal"])
def test_what_says_more_than_a_text_is_not_read_fast(name: str) -> None:
    text = f'{{"choices":[{{"message":{{"content":"x","{name}":["y"]}},"finish_reason":"stop"}}],"model":"m"}}'
    assert read_plain_chat(text) is None


def test_a_path_that_a_person_named_goes_first() -> None:
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "model": "m", "mine": "b"}
    endpoint = {"connection": "c", "path": "/p", "protocol": "json", "answer": "mine"}
    stage = Stage.model_validate(
        {
            "name": "m",
            "kind": "model",
            "table": "t",
            "request": "request",
            "response": "response",
            "endpoint": endpoint,
            "input": ["p"],
        }
    )
    payload = pd.DataFrame({"response": [json.dumps(body)]})
    assert list(with_answer(payload, stage)["answer"]) == ["b"]
