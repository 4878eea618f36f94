"""Values that must not leave are replaced by tokens wherever they stand, and nothing else is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.redaction import Redactor
from seamwatch.errors import DataContractError

TEXTS = st.text(alphabet='abcAÄé"\\\n /{}1', min_size=3, max_size=9).filter(lambda text: len(text.strip()) >= 3)


def _redactor(*values: str, field: str = "crm.email") -> Redactor:
    redactor = Redactor()
    redactor.learn(field, values)
    return redactor


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ann@x.org", "[crm.email-1]"),
        ("  ann@x.org ", "  [crm.email-1] "),
        ("to ann@x.org, ann@x.org", "to [crm.email-1], [crm.email-1]"),
        ("Ann@X.org", "[crm.email-1]"),
        ("ANN@X.ORG", "[CRM.EMAIL-1]"),
        ("joann@x.org", "jo[crm.email-1]"),
        ("ann@x.orgbo@y.org", "[crm.email-1][crm.email-2]"),
        ("ann@x.organic", "[crm.email-3]"),
        ("ann@x.or", "ann@x.or"),
        ("İ ann@x.org", "İ [crm.email-1]"),
        ("", ""),
    ],
)
def test_a_value_is_replaced_wherever_it_stands(text: str, wanted: str) -> None:
    assert _redactor("ann@x.org", "bo@y.org", "ann@x.organic").text(text) == wanted


def test_a_value_is_found_in_json_within_json() -> None:
    value = 'Ann "A" Ähre\n\\o/'
    payload = json.dumps({"name": value})
    body = json.dumps({"messages": [{"content": f"Who is this? {payload}"}]}, ensure_ascii=False)
    for text in (payload, body, json.dumps({"a": value}, ensure_ascii=False)):
        found = _redactor(value).text(text)
        assert "hre" not in found
        assert "[crm.email-1]" in json.dumps(json.loads(found))
    assert json.loads(_redactor(value).text(payload)) == {"name": "[crm.email-1]"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("My card is stolen", "[crm.email-1"),
        ("said: My card is stolen, pl...", "said: [crm.email-1..."),
        ("My card is stolen, pl\u2026", "[crm.email-1\u2026"),
        ('{"a": "My card is stolen"}', '{"a": "[crm.email-1"}'),
        ("My card is stolen by my cat", "My card is stolen by my cat"),
        ("My card", "My card"),
    ],
)
def test_a_long_beginning_of_a_value_is_replaced_where_the_text_ends(text: str, wanted: str) -> None:
    assert _redactor("My card is stolen, please help").text(text) == wanted


def test_a_short_value_is_replaced_only_where_it_is_all() -> None:
    redactor = _redactor("DE", field="crm.country")
    assert redactor.document({"country": "DE", "note": "DEFER", "n": 1, "x": None}) == {
        "country": "[CRM.COUNTRY-1]",
        "note": "DEFER",
        "n": 1,
        "x": None,
    }


def test_names_of_members_are_texts_too() -> None:
    assert _redactor("ann@x.org").document({"ann@x.org": ["ann@x.org"]}) == {"[crm.email-1]": ["[crm.email-1]"]}


@pytest.mark.parametrize("value", [1, 1.5, True, datetime(2026, 1, 5, tzinfo=UTC), {"a": "b"}])
def test_only_text_can_be_redacted(value: object) -> None:
    with pytest.raises(DataContractError, match=r"crm\.email holds .* values; only text"):
        Redactor().learn("crm.email", [value])


def test_a_frame_keeps_its_types_its_key_and_what_is_no_text() -> None:
    frame = pd.DataFrame({"id": ["ann", "x"], "who": ["ann", None], "n": [1, 2], "more": [{"a": "of ann"}, ["b"]]})
    found = _redactor("ann").frame(frame, key="id")
    assert found.dtypes.to_dict() == frame.dtypes.to_dict()
    assert found["id"].tolist() == ["ann", "x"]
    assert found["who"].tolist()[0] == "[crm.email-1]"
    assert found["more"].tolist() == [{"a": "of [crm.email-1]"}, ["b"]]
    assert frame["who"].tolist()[0] == "ann"


@given(
    values=st.lists(TEXTS, min_size=1, max_size=6), others=st.lists(st.text(max_size=12), max_size=3), data=st.data()
)
def test_no_value_is_left_and_what_holds_none_stays(values: list[str], others: list[str], data: st.DataObject) -> None:
    redactor = _redactor(*values)
    value = data.draw(st.sampled_from(values))
    before, after = (*others, "", "")[:2]
    found = redactor.text(f"{before}#{value}#{after}")
    assert f"#{value.strip()}#" not in found
    assert redactor.text(f"{before}#{value}#{after}") == found
    lowered = [one.strip().lower() for one in values]
    text = "".join(others)
    if not any(one in text.lower() for one in lowered) and len(text) < 16:
        assert redactor.text(text) == text


@given(values=st.lists(TEXTS, min_size=1, max_size=6, unique_by=lambda text: text.strip().lower()))
def test_values_that_differ_get_tokens_that_differ(values: list[str]) -> None:
    redactor = _redactor(*values)
    assert len({redactor.text(value.strip()).lower() for value in values}) == len(values)
