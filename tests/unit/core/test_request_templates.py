"""What requests have in common, and in which lines and parameters two templates differ."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.request_templates import TemplateChange, compare_templates, content_of, read_template

BODIES = st.recursive(
    st.none() | st.text() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SYSTEM = "You answer.\nBe brief.\n\nNever guess."


def chat(number: int, system: str | None = SYSTEM, **parameters: Any) -> str:
    messages = [] if system is None else [{"role": "system", "content": system}]
    messages.append({"role": "user", "content": f"Question:\n{number} of my own\nThanks"})
    return json.dumps({"model": "m-1", "messages": messages, "temperature": 0, **parameters})


def anthropic(number: int, system: str = SYSTEM) -> dict[str, Any]:
    content = [{"type": "text", "text": f"Question {number}"}]
    return {"model": "m-1", "system": system, "max_tokens": 50, "messages": [{"role": "user", "content": content}]}


def gemini(number: int, system: str = SYSTEM) -> dict[str, Any]:
    contents = [{"role": "user", "parts": [{"text": f"Question {number}"}]}]
    return {"systemInstruction": {"parts": [{"text": system}]}, "contents": contents}


def plain(number: int, system: str = SYSTEM) -> str:
    return f"{system}\nQuestion {number}"


def _changes(first: list[Any], second: list[Any]) -> list[TemplateChange]:
    return compare_templates(read_template(first), read_template(second))


def _requests(make: Any, n: int = 20, **given: Any) -> list[Any]:
    return [make(number, **given) for number in range(n)]


@pytest.mark.parametrize(("make", "role"), [(chat, "system"), (anthropic, "system"), (gemini, "system"), (plain, None)])
def test_one_changed_line_is_found_in_any_shape_of_request(make: Any, role: str | None) -> None:
    changed = SYSTEM.replace("Never guess.", "Guess.")
    (found,) = _changes(_requests(make), _requests(make, system=changed))
    assert (found.line, found.before, found.after, found.role) == (4, "Never guess.", "Guess.", role)


LINES = {
    "added in the middle": ("You answer.\nBe kind.\nBe brief.\n\nNever guess.", [(2, None, "Be kind.")]),
    "taken out": ("You answer.\n\nNever guess.", [(2, "Be brief.", None)]),
    "two changed": (
        "You ask.\nBe long.\n\nNever guess.",
        [(1, "You answer.", "You ask."), (2, "Be brief.", "Be long.")],
    ),
    "a blank line is none": ("You answer.\nBe brief.\n\n\n\nNever guess.", []),
}


@pytest.mark.parametrize(("system", "expected"), LINES.values(), ids=LINES)
def test_lines(system: str, expected: list[tuple[int, str | None, str | None]]) -> None:
    found = _changes(_requests(chat), _requests(chat, system=system))
    assert [(one.line, one.before, one.after) for one in found] == expected


PARAMETERS = {
    "changed": ({"temperature": 0.7}, [("temperature", "0", "0.7", False)]),
    "added": ({"top_p": 0.9}, [("top_p", None, "0.9", False)]),
    "the model": ({"model": "m-2"}, [("model", "m-1", "m-2", True)]),
    "nested": ({"response_format": {"type": "json"}}, [("response_format.type", None, "json", False)]),
}


@pytest.mark.parametrize(("parameters", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters(parameters: dict[str, Any], expected: list[tuple[str, str | None, str | None, bool]]) -> None:
    found = _changes(_requests(chat), _requests(chat, **parameters))
    assert [(one.path, one.before, one.after, one.is_model) for one in found] == expected
    assert all(one.line is None for one in found)


def test_a_system_message_that_was_added_moves_no_other() -> None:
    found = _changes(_requests(chat, system=None), _requests(chat))
    assert {one.role for one in found} == {"system"}
    assert [one.after for one in found] == ["You answer.", "Be brief.", "Never guess."]


def test_what_only_some_requests_have_is_content() -> None:
    some = [chat(number, **({"seed": number} if number % 2 else {})) for number in range(20)]
    assert _changes(_requests(chat), some) == []


def test_a_few_odd_requests_hide_no_template() -> None:
    odd = [*_requests(chat, n=39), chat(40, system="Something else")]
    (found,) = _changes(odd, _requests(chat, system=SYSTEM.replace("brief", "long")))
    assert found.after == "Be long."


@pytest.mark.parametrize("bodies", [[], [None, None], ["null"], [3.5]])
def test_without_a_request_there_is_no_template(bodies: list[Any]) -> None:
    assert read_template(bodies).parts == {}


@given(st.lists(BODIES, max_size=6))
def test_any_requests_whatever_are_the_same_as_themselves(bodies: list[Any]) -> None:
    template = read_template(bodies)
    assert compare_templates(template, template) == []
    for body in bodies:
        content_of(body, template)


def test_what_is_no_part_of_the_template_is_content() -> None:
    template = read_template(_requests(chat))
    content = content_of(chat(7), template)
    assert content["messages.user message.content"] == ("7 of my own",)
    assert content["messages.system message.content"] == ()
