"""Keys: the form in which two systems spell the same one, and which form would make two of them meet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from seamwatch.core.records.keys import explain_key_mismatch, key_in_form
from seamwatch.spec.base import KeyForm

PLAIN_UUID = "12345678123456781234567812345678"


@pytest.mark.parametrize(
    ("form", "key", "text"),
    [
        ("exact", " A07 ", "A07"),
        ("trim", " A07 ", "A07"),
        ("no_leading_zeros", "0007", "7"),
        ("no_leading_zeros", "000", "0"),
        ("no_leading_zeros", "A07", "A07"),
        ("casefold", "T-7", "t-7"),
        ("number", "7.0", "7"),
        ("number", "007", "7"),
        ("number", "1e5", "1e5"),
        ("number", "1799999999999999001.00", "1799999999999999001"),
        ("number", "seven", "seven"),
        ("uuid", "{12345678-1234-5678-1234-567812345678}", PLAIN_UUID),
        ("uuid", "urn:uuid:12345678-1234-5678-1234-567812345678", PLAIN_UUID),
        ("uuid", PLAIN_UUID, PLAIN_UUID),
        ("uuid", "Other", "other"),
    ],
)
def test_a_key_has_one_text_in_a_form(form: KeyForm, key: str, text: str) -> None:
    assert key_in_form(key, form) == text


@pytest.mark.parametrize(
    ("left", "right", "form", "n_matching", "n_with_form"),
    [
        ([1, 2, 3], ["00001", "00002", "00003"], "no_leading_zeros", 0, 3),
        (["00001", "2"], [1, 2], "no_leading_zeros", 1, 2),
        (["7", "8"], ["7.0", "8.0"], "number", 0, 2),
        (["a", "b", "c"], ["A", "b", "C"], "casefold", 1, 3),
        (["a"], [" a "], "trim", 0, 1),
        ([UUID(PLAIN_UUID)], [PLAIN_UUID.upper()], "uuid", 0, 1),
        ([np.int64(7), None], ["07", None], "no_leading_zeros", 0, 1),
    ],
)
def test_the_form_with_the_most_matches_is_found(
    left: list[Any], right: list[Any], form: str, n_matching: int, n_with_form: int
) -> None:
    found = explain_key_mismatch(left, right)
    assert found is not None
    assert (found.form, found.n_matching, found.n_with_form) == (form, n_matching, n_with_form)
    assert found.left <= set(left)
    assert found.right <= set(right)
    assert len(found.left) == len(found.right) == n_with_form - n_matching


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1, 2], [1, 2]),
        ([1, 2], [3, 4]),
        ([], ["1"]),
        (["1"], []),
        (["1", "2", "01"], ["001"]),
        (["a", "A"], ["á"]),
        (["1.0", "1"], ["1.00"]),
    ],
)
def test_no_form_is_suggested_that_helps_nobody_or_merges_two_records(left: list[Any], right: list[Any]) -> None:
    assert explain_key_mismatch(left, right) is None
