"""What is odd about a value beside known ones: from the values alone, whatever came of the records."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.attribution.input_marks import input_marks, open_fields
from seamwatch.core.attribution.text_forms import is_garbled, kind_of

RNG = random.Random(4)
KNOWN = pd.DataFrame(
    {
        "text": [
            f"{RNG.choice(('Hello', 'Good day'))}, my order {RNG.randrange(10**6)} is late again" for _ in range(200)
        ],
        "tier": [RNG.choice(("gold", "silver", "basic")) for _ in range(200)],
        "opened": [f"2026-{RNG.randrange(1, 13):02d}-{RNG.randrange(1, 29):02d}" for _ in range(200)],
        "cents": [RNG.randrange(100, 80_000) for _ in range(200)],
        "details": [f'{{"lang": "en", "size": {RNG.randrange(50)}}}' for _ in range(200)],
    },
    dtype=object,
)
HEALTHY = KNOWN.iloc[:40].reset_index(drop=True)


def _marks(change: dict[str, Any], *, known: pd.DataFrame = KNOWN) -> dict[tuple[str, str], int]:
    """Return the marks of a window whose first twelve records are changed, with how many carry each."""
    window = HEALTHY.copy()
    for name, value in change.items():
        window.loc[:11, name] = [value(n) if callable(value) else value for n in range(12)]
    return {(mark.field, mark.kind): int(mark.window.sum()) for mark in input_marks(window, known)}


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        ({"text": "H\ufffdllo, m\ufffd order is l\ufffdte"}, "text", "encoding"),
        ({"text": "Grüße aus Köln".encode().decode("cp1252")}, "text", "encoding"),
        ({"text": None}, "text", "missing"),
        ({"text": "   "}, "text", "missing"),
        ({"tier": "n/a"}, "tier", "default"),
        ({"text": "lorem ipsum dolor sit amet and so on"}, "text", "default"),
        ({"text": lambda n: str(7000 + n)}, "text", "other_kind"),
        ({"opened": lambda n: f"day {n}"}, "opened", "other_kind"),
        ({"tier": lambda n: f"T-{n}"}, "tier", "other_kind"),
        ({"text": "silver"}, "text", "other_field"),
        ({"text": lambda n: KNOWN["text"].iloc[n + 50][:9]}, "text", "truncated"),
        ({"text": lambda n: f"Ask {'abcdefghijkl'[n]} for it!"}, "text", "truncated"),
        ({"tier": "platinum"}, "tier", "new_value"),
        ({"text": lambda n: f"{'my order is late again ' * 5}{n}"}, "text", "length"),
        ({"cents": lambda n: 8_000_000 + n}, "cents", "range"),
        ({"text": lambda n: f"ich möchte bitte meine Bestellung nicht {n}"}, "text", "language"),
        ({"text": lambda n: f"whose parcel {n} vanished without trace, sadly"}, "text", "words"),
        ({"details": lambda n: f'{{"lang": "tlh", "size": {n}}}'}, "details.lang", "new_value"),
    ],
    ids=[
        "replaced characters",
        "read in another encoding",
        "null",
        "blank",
        "placeholder",
        "one text",
        "numbers for texts",
        "words for dates",
        "codes for words",
        "a level of another field",
        "beginnings of texts",
        "one length",
        "a new level",
        "longer than ever",
        "larger than ever",
        "another language",
        "new words",
        "within JSON",
    ],
)
def test_what_is_odd_is_marked_by_its_kind(change: dict[str, Any], field: str, kind: str) -> None:
    found = _marks(change)
    assert found[field, kind] == 12
    assert {name for name, _ in found} == {field}


def test_nothing_is_odd_about_what_is_known() -> None:
    assert _marks({}) == {}


def test_without_known_inputs_only_what_shows_by_itself_is_marked() -> None:
    nothing = KNOWN.iloc[:0]
    assert _marks({"text": None, "tier": "platinum", "cents": 10**9}, known=nothing) == {("text", "missing"): 12}
    assert _marks({"text": "\ufffd\ufffd"}, known=nothing) == {("text", "encoding"): 12}


def test_how_known_inputs_carry_a_mark_is_told_beside_it() -> None:
    known = KNOWN.copy()
    known.loc[:19, "text"] = None
    window = HEALTHY.assign(text=None)
    (mark,) = [mark for mark in input_marks(window, known) if mark.kind == "missing"]
    assert (int(mark.window.sum()), int(mark.known.sum()), len(mark.known)) == (40, 20, 200)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße aus Köln, naïve café — “gut”", False),
        ("Ça va? Não! Åse & Søn; 100 % für 5 €", False),
        ("Wie geht es Ihnen? Gut?", False),
        ("AT&T and R&D", False),
        ("日本語のテキスト", False),
        ("Ð и Ñ? Привет", False),
        ("plain text, nothing else", False),
        ("Grüße".encode().decode("latin-1"), True),
        ("café “gut”".encode().decode("cp1252", "replace"), True),
        ("Stra\ufffde", True),
        ("Stra?e und K?ln", True),
        ("M&uuml;ller", True),
        ("M\\u00fcller", True),
        ("M=C3=BCller", True),
        ("a\x00b\x01c", True),
        ("ï¿½ï¿½", True),
    ],
)
def test_broken_characters_are_told_from_foreign_ones(text: str, expected: bool) -> None:
    assert is_garbled(text) is expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12.5", "number"),
        ("-7", "number"),
        ("2026-11-01", "date"),
        ("01/11/2026 10:30", "date"),
        ("P1", "code"),
        ("0f3c-99", "code"),
        ("???", "symbols"),
        ("gold", "words"),
        ("two words 7", "words"),
    ],
)
def test_kinds_of_values(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@given(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126).filter(lambda c: c not in "?&\\=%")))
def test_plain_text_is_never_garbled(text: str) -> None:
    assert not is_garbled(text)


@given(st.text(st.sampled_from("äöüßéèàçñÄÖÜ"), min_size=1).map(lambda text: f"Name: {text}"))
def test_text_read_in_another_encoding_is_always_garbled(text: str) -> None:
    assert not is_garbled(text)
    assert is_garbled(text.encode().decode("latin-1"))


@given(st.lists(st.sampled_from(["gold", "silver", None, "n/a", "7", "Ã¼"]), min_size=1, max_size=30))
def test_marks_do_not_depend_on_the_order_of_records(values: list[str | None]) -> None:
    window = pd.DataFrame({"tier": values}, dtype=object)
    order = list(reversed(range(len(values))))
    found = {mark.kind: mark.window.tolist() for mark in input_marks(window, KNOWN[["tier"]])}
    other = {mark.kind: mark.window.tolist() for mark in input_marks(window.iloc[order], KNOWN[["tier"]])}
    assert other == {kind: [mask[n] for n in order] for kind, mask in found.items()}


def test_columns_that_hold_json_are_opened() -> None:
    assert set(open_fields(HEALTHY)) == {"text", "tier", "opened", "cents", "details.lang", "details.size"}
