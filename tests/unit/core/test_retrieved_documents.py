"""What a retrieval served, in the forms in which it is recorded, and what it would serve with current documents."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.documents import content_hash, document_id, document_ids
from seamwatch.core.retrieval import missed_documents
from seamwatch.core.retrieved_documents import Context, current_passage, holds, served_documents, without_front_matter
from seamwatch.errors import DataContractError
from seamwatch.spec.knowledge import DocumentIds
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import FreshnessReason as Reason
from seamwatch.vocabulary import StageKind

RULES = DocumentIds()
OLD, NEW = "Returns are taken within 30 days.", "Returns are taken within 14 days."


@pytest.mark.parametrize(
    ("recorded", "contents", "expected"),
    [
        ('["a.md", "b.md"]', None, [("a.md", None), ("b.md", None)]),
        ('["a.md"]', "the text", [("a.md", "the text")]),
        (["a.md", "b.md"], '["x", "y"]', [("a.md", "x"), ("b.md", "y")]),
        ('[{"id": "A.md", "text": "x"}]', None, [("a.md", "x")]),
        ('[{"document_id": "./a.md", "content": "x", "score": 1}]', None, [("a.md", "x")]),
        ('{"documents": [{"id": "a.md"}]}', None, [("a.md", None)]),
        ("a.md", None, [("a.md", None)]),
        ('[{"score": 0.5}, null, ""]', None, []),
        (None, None, []),
        ("[]", None, []),
    ],
)
def test_what_was_served_is_read_in_every_form(recorded: Any, contents: Any, expected: list[Any]) -> None:
    found = served_documents(recorded, contents, RULES)
    assert [(one.document, one.text) for one in found] == expected


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("docs\\Returns.md", "./docs/returns.md"),
        ("/docs//returns.md", "docs/returns.md"),
        ("caf\u00e9.md", "cafe\u0301.md"),
        ("two%20words.md", "two words.md"),
    ],
)
def test_ids_that_differ_in_form_are_one(left: str, right: str) -> None:
    assert document_id(left, RULES) == document_id(right, RULES)


def test_case_counts_where_it_is_said_and_two_documents_never_become_one_silently() -> None:
    assert document_id("A.md", DocumentIds(case="exact")) != document_id("a.md", DocumentIds(case="exact"))
    with pytest.raises(DataContractError, match=r"set ids\.case to exact"):
        document_ids(["A.md", "a.md"], RULES, where="the source of p.kb")
    stripped = DocumentIds(strip_prefix="policies/", strip_suffix=".md")
    assert document_id("Policies/returns.MD", stripped) == "returns"


def test_git_hashes_are_gits_own() -> None:
    # `printf 'hello\n' | git hash-object --stdin`
    assert content_hash(b"hello\n", "git") == "ce013625030ba8dba906f756967f9e9ca394464a"


def _context(reason: Reason, current: dict[str, str | None], **more: Any) -> Context:
    stage = Stage(name="kb", kind=StageKind.RETRIEVAL, table="t", input="q", documents="documents", contents="texts")
    return Context(stage=stage, rules=RULES, suspects={"k": dict.fromkeys(current, reason)}, current=current, **more)


def _repair(context: Context, documents: Any, texts: Any = None) -> Any:
    rows = pd.DataFrame({"documents": [documents], "texts": [texts], "n": [1]}, index=pd.Index(["k"]), dtype=object)
    made = context.repaired(rows, None)
    return (json.loads(made.at["k", "documents"]), made.at["k", "texts"]) if len(made) else None


def test_a_stale_text_is_replaced_and_the_rest_stays() -> None:
    served = json.dumps([{"id": "a", "text": OLD, "version": "1", "score": 0.9}, {"id": "b", "text": "other"}])
    found, _ = _repair(_context(Reason.STALE, {"a": NEW}, versions={"a": "2"}), served)
    assert found == [{"id": "a", "text": NEW, "version": "2", "score": 0.9}, {"id": "b", "text": "other"}]


def test_texts_beside_the_ids_are_replaced_in_the_form_they_had() -> None:
    assert _repair(_context(Reason.STALE, {"a": NEW}), '["a","b"]', json.dumps([OLD, "x"])) == (
        ["a", "b"],
        json.dumps([NEW, "x"], separators=(",", ":")),
    )
    assert _repair(_context(Reason.STALE, {"a": NEW}), '["a"]', OLD) == (["a"], NEW)


def test_a_ghost_is_left_out_and_a_duplicate_served_once() -> None:
    both = json.dumps([{"id": "a", "text": OLD}, {"id": "b", "text": "x"}])
    assert _repair(_context(Reason.GHOST, {"a": None}), both)[0] == [{"id": "b", "text": "x"}]
    twice = json.dumps([{"id": "a", "text": OLD}, {"id": "A", "text": NEW}])
    assert _repair(_context(Reason.DUPLICATE, {"a": NEW}), twice)[0] == [{"id": "a", "text": NEW}]


def test_a_missing_document_is_served_first_in_the_form_of_the_others() -> None:
    served = json.dumps([{"id": "b", "text": "x", "score": 0.4}])
    context = _context(Reason.MISSING, {"a": NEW}, raw={"a": "A.md"}, questions={"k": "how many days"})
    assert _repair(context, served)[0] == [
        {"id": "A.md", "score": None, "text": NEW},
        {"id": "b", "score": 0.4, "text": "x"},
    ]


def test_what_was_served_without_a_text_cannot_be_repaired() -> None:
    assert _repair(_context(Reason.STALE, {"a": NEW}), '["a"]') is None


LONG = "\n\n".join(
    ["---\nowner: x\n---\n# Title", "Shipping takes five days to any place.", NEW, "Write to us with questions."]
)


def test_the_passage_of_a_long_document_is_the_one_that_was_served() -> None:
    assert current_passage(OLD, LONG) == NEW
    assert current_passage("how many days for shipping", LONG, length=40).endswith(
        "Shipping takes five days to any place."
    )
    assert current_passage(LONG, NEW) == NEW
    assert "owner" not in without_front_matter(LONG)


@given(st.text(), st.text())
def test_any_text_has_a_passage_that_stands_in_it(like: str, text: str) -> None:
    assert holds(text, [current_passage(like, text)])


def test_a_missing_document_is_suspected_only_where_it_fits_better() -> None:
    missing = {"returns": "Returns are taken within 14 days."}
    questions = {"1": "within how many days are returns taken", "2": "who approves travel"}
    served = {
        "1": served_documents('[{"id": "x", "text": "Parking costs 5 euros."}]', None, RULES),
        "2": served_documents('[{"id": "y", "text": "Travel is approved by the lead who approves."}]', None, RULES),
    }
    assert missed_documents(questions, served, missing) == {"1": ("returns",)}
    assert missed_documents(questions, served, {}) == {}
    assert missed_documents({"1": "!!"}, {"1": ()}, missing) == {}
