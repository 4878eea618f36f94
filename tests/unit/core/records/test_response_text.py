from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.records.response_text import SAMPLE, open_document
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import UnknownReason

DOCUMENT = {"queue": "bill'in\"g", "parts": [1, 2.5, None, True], "text": "a\nb \\ é"}

WRAPPINGS: dict[str, Callable[[str], Any]] = {
    "JSON text": json.dumps,
    "JSON text in ASCII": lambda text: json.dumps(text, ensure_ascii=True),
    "Python string": repr,
    "bytes as text": lambda text: repr(text.encode()),
    "code fence": lambda text: f"```json\n{text}\n```",
    "fence without a language": lambda text: f"```\n{text}\n```",
    "byte order mark": lambda text: f"\ufeff{text}",
    "blanks": lambda text: f"\r\n {text}\t\n",
    "bytea as text": lambda text: "\\x" + text.encode().hex(),
}
STORED: dict[str, Callable[[str], Any]] = {
    "text": str,
    "bytes": str.encode,
    "bytearray": lambda text: bytearray(text.encode()),
    "memoryview": lambda text: memoryview(text.encode()),
    "bytes with a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
}
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda document: isinstance(document, dict | list))


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
@pytest.mark.parametrize("store", STORED.values(), ids=STORED)
def test_every_wrapping_in_every_storage_type_is_opened(
    wrap: Callable[[str], Any], store: Callable[[str], Any]
) -> None:
    assert open_document(store(wrap(json.dumps(DOCUMENT)))) == DOCUMENT


@given(
    documents, st.lists(st.sampled_from(list(WRAPPINGS.values())), max_size=4), st.sampled_from(list(STORED.values()))
)
def test_wrapped_however_often_it_is_the_same_document(
    document: Any, wrappings: list[Callable[[str], Any]], store: Callable[[str], Any]
) -> None:
    text = json.dumps(document)
    for wrap in wrappings:
        text = wrap(text)
    assert open_document(store(text)) == document


@given(documents)
def test_what_python_prints_is_read_as_the_document_itself(document: Any) -> None:
    assert open_document(repr(document)) == document


@given(st.text() | st.binary() | st.integers() | st.floats())
def test_no_value_whatever_raises(value: Any) -> None:
    opened = open_document(value)
    assert opened is None or isinstance(opened, dict | list | Unknown)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("{'a': None, 'b': (1,), 'c': (2, 3), 'd': {4}}", {"a": None, "b": [1], "c": [2, 3], "d": [4]}),
        (
            "Answer(id='x', parts=[Part(text='a'), Part(text=None)])",
            {"id": "x", "parts": [{"text": "a"}, {"text": None}]},
        ),
        ("id='x' parts=[Part(text='a')] usage=None", {"id": "x", "parts": [{"text": "a"}], "usage": None}),
        ("A(why=<Reason.STOP: 'STOP'>, how=Reason.SLOW)", {"why": "STOP", "how": "SLOW"}),
        ('A(text="""two\nlines""", long=("a " \'b\'))', {"text": "two\nlines", "long": "a b"}),
        ("OrderedDict([('a', 1)])", {"a": 1}),
        ("defaultdict(<class 'list'>, {'a': [1]})", {"a": [1]}),
        ("{'usd': Decimal('1.50')}", {"usd": "1.50"}),
        (r"{\"a\": \"b\"}", {"a": "b"}),
        ('{""a"": """"}', {"a": ""}),
        ('"{""a"": ""b""}"', {"a": "b"}),
        ('Of course:\n\n```json\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('ok ```json {"a": 1}``` bye', {"a": 1}),
        ("~~~\n[1]\n~~~", [1]),
        ('```json\n{"a": 1}', {"a": 1}),
        ('```json\n{"a": "```"}\n```', {"a": "```"}),
        ("```\nplain\n```\n```json\n[1]\n```", [1]),
    ],
)
def test_forms_that_programs_and_people_write(text: str, document: Any) -> None:
    assert open_document(text) == document


@pytest.mark.parametrize(
    "value",
    [
        "billing",
        "route(billing) is best",
        "a = b",
        '{"queue": "bil',
        "{'queue': 'bil",
        '{"a": 1} {"a": 2}',
        "```json\n[1]\n```\n```json\n[2]\n```",
        "[" * 100_000,
        "(" * 100_000,
        "'" * 100_001,
        "\\x7b7",
        "7",
        '"7"',
        7,
        2.5,
        True,
        b"\xff\x00\x80",
    ],
)
def test_what_holds_no_document_is_unknown_with_its_beginning(value: Any) -> None:
    opened = open_document(value)
    assert isinstance(opened, Unknown)
    assert opened.reason is UnknownReason.UNREADABLE_BODY
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
    assert opened.sample == text[:SAMPLE]


@pytest.mark.parametrize("value", [None, float("nan"), "", " \n", "null", b"", "None"])
def test_no_data_stays_no_data(value: Any) -> None:
    assert open_document(value) is None


def test_an_unknown_stays_itself() -> None:
    unknown = Unknown(reason=UnknownReason.UNREADABLE_PATH)
    assert open_document(unknown) is unknown


@pytest.mark.parametrize(
    "text", ["{'a': <... Max depth ...>}", "A(a=<dict len=9>)", "{'a': ...}", "{'a': datetime.datetime(2026, 1, 2)}"]
)
def test_a_part_that_was_left_out_is_unknown(text: str) -> None:
    assert isinstance(open_document(text)["a"], Unknown)
