"""YAML text to values: only what JSON calls a number, true, false or null is more than text, and every bound holds."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.spec.yaml_text import (
    DEEPEST,
    MOST_BYTES,
    MOST_VALUES,
    WrittenNumber,
    YamlTextError,
    decode_text,
    read_document,
    read_documents,
    scalar_value,
)


@pytest.mark.parametrize(
    "text",
    [
        *("NO", "no", "on", "off", "yes", "Y", "007", "0123", "12:30", "1_000", "1e5", "7e40008", "0x1F", "0o17"),
        *("+47", ".inf", ".nan", "2026-01-01", "2026-02-30", "2026-01-01T25:00:00", "=", "1.2.3", "1.", "5,000"),
    ],
)
def test_what_looks_like_something_else_stays_text(text: str) -> None:
    data = read_document(f"value: {text}\n{text}: 1\n").data
    assert data["value"] == text
    assert not isinstance(data["value"], WrittenNumber)
    assert scalar_value(data["value"]) == text
    assert text in data


@pytest.mark.parametrize(
    ("text", "value"),
    [("47", 47), ("-3", -3), ("0", 0), ("0.10", 0.1), (".5", 0.5), ("-0.5", -0.5), ("1799999999999999998976", None)],
)
def test_a_number_is_a_number_and_keeps_its_text(text: str, value: float | None) -> None:
    written = read_document(f"a: {text}\nb: '{text}'").data
    assert written == {"a": text, "b": text}
    assert scalar_value(written["a"]) == (int(text) if value is None else value)
    assert scalar_value(written["b"]) == text


def test_true_false_and_null_are_what_they_say_and_quoted_text() -> None:
    text = "{a: true, b: False, c: null, d: ~, e: , f: 'true', g: \"null\", h: !!str true, i: !!bool true}"
    assert read_document(text).data == {
        "a": True,
        "b": False,
        "c": None,
        "d": None,
        "e": None,
        "f": "true",
        "g": "null",
        "h": "true",
        "i": True,
    }


def test_keys_are_text_as_written() -> None:
    assert list(read_document("{007: a, 47: b, true: c, 1.10: d, on: e, 2026-01-01: f}").data) == [
        "007",
        "47",
        "true",
        "1.10",
        "on",
        "2026-01-01",
    ]


def test_aliases_and_merges_are_written_out_with_lines() -> None:
    text = "base: &base {a: 1, b: 2}\nlist: &list [x]\nmade:\n  <<: *base\n  b: 3\nagain: *list\n"
    document = read_document(text)
    assert document.data["made"] == {"a": "1", "b": "3"}
    assert document.data["again"] == ["x"]
    assert document.lines["made", "b"] == 5
    assert document.lines["made", "a"] == 1
    assert document.lines["again",] == 6
    assert document.problems == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\n\tb: 2\n", 2, "indent by blanks"),
        ("a:\n\t- 1\n", 2, "indent by blanks"),
        ("a: 1\nb: \x00\n", 2, "U+0000 must not stand in a text file"),
        ("a: é\nb: \x07\n", 2, "U+0007 must not stand"),
        ("a: \ud800\n", 1, "U+D800"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins here"),
        ("a: 1\n--- \n", 2, "a second document begins here"),
        ("a: 1\nb: @U012\n", 2, "begins with '@' must be quoted"),
        ("a: 1\nb: !subteam^S01\n", 2, "quote it"),
        ("a: !!binary aGk=\n", 1, "!!binary"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "!!python/object/apply:os.getcwd"),
        ("a: b: c\n", 1, "must be quoted"),
        ("a: *x\n", 1, "*x refers to &x"),
        ("a: &x {b: *x}\n", 1, "it would hold itself"),
        ("a: 1\nb: [\n", 3, "no valid YAML"),
        ("a: 'x\n", 1, "the quote that begins here is never closed"),
        ("[" * (DEEPEST + 1), 1, f"more than {DEEPEST} levels"),
        ("a: " + "{a: " * DEEPEST + "1" + "}" * DEEPEST, 1, f"more than {DEEPEST} levels"),
        ("a: [" + "1, " * MOST_VALUES + "1]", 1, "values"),
    ],
)
def test_what_is_not_read_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(YamlTextError) as caught:
        read_document(text)
    assert said in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "loc", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ("a",), 3, "first on line 1"),
        ("a:\n  - {x: 1, x: 2}\n", ("a", 0, "x"), 2, "'x' stands twice"),
        ("a: {null: 1}\n", ("a", "null"), 1, "is null; quote it"),
        ("a: 1\n? [b]\n: 2\n", (), 1, "a key on line 2 is a list or a mapping"),
        ("a: 1\n<<: 5\n", ("<<",), 2, "<< takes a mapping"),
    ],
)
def test_keys_that_mislead_are_problems_and_the_rest_is_read(text: str, loc: tuple, line: int, said: str) -> None:
    document = read_document(text)
    ((place, words),) = document.problems
    assert (place, document.lines[place]) == (loc, line)
    assert said in words
    assert "a" in document.data


def test_aliases_that_multiply_stop_at_the_bound_at_once() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    began = time.process_time()
    with pytest.raises(YamlTextError, match="aliases written out"):
        read_document("\n".join(rows))
    assert time.process_time() - began < 1.0


def test_a_chain_of_aliases_is_as_deep_as_it_would_be_written_out() -> None:
    rows = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, DEEPEST + 5))]
    with pytest.raises(YamlTextError, match="levels deep"):
        read_document("\n".join(rows))


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a: 1\nb: \xff\n", 2, "byte 0xff"),
        ("a: 1".encode("utf-16"), 1, "UTF-16"),
        (b"#" * (MOST_BYTES + 1), None, "longer than 1024 KiB"),
    ],
)
def test_bytes_that_are_no_such_text_are_said(content: bytes, line: int | None, said: str) -> None:
    with pytest.raises(YamlTextError, match=said) as caught:
        decode_text(content)
    assert caught.value.line == line


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read_document(decode_text(b"\xef\xbb\xbfa: x\r\nb: y\r\n")).data == {"a": "x", "b": "y"}


def test_several_documents_are_read_where_they_may_be() -> None:
    documents = read_documents("a: 1\n---\n- b\n---\n")
    assert [one.data for one in documents] == [{"a": "1"}, ["b"], None]
    assert documents[1].lines[0,] == 3
    assert [one.data for one in read_documents("")] == []
    assert read_document("# nothing\n").data is None


_PLAIN = st.recursive(
    st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(), _PLAIN, max_size=4))
def test_what_a_writer_of_yaml_quotes_comes_back_as_it_was(data: dict) -> None:
    """Text is never taken for anything else: YAML 1.1's writers quote more than is misread here."""
    assert read_document(yaml.safe_dump(data)).data == data


@given(text=st.text(alphabet=st.sampled_from("{}[]:,&*!|>'\"%@`#-? \n\tab01~<"), max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        data = read_document(text).data
    except YamlTextError:
        return
    assert data is None or isinstance(data, str | bool | list | dict)
