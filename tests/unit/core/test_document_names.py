"""Which document a recorded name stands for; a name that nobody knows stands for none."""

from __future__ import annotations

import pytest

from seamwatch.core.document_names import (
    Names,
    container_forms,
    ending_forms,
    name_forms,
    parts_of,
    places_of,
    resolve_names,
)
from seamwatch.core.documents import document_id
from seamwatch.spec.knowledge import DocumentIds, FilesSource, GitSource, ObjectsSource, WebSource

RULES = DocumentIds()
KNOWN = {
    document_id(one, RULES) for one in ("refunds.md", "guide/index.md", "index.md", "a#b.md", "report-2024", "wiki/x")
}
PLACES = ("srv/kb/docs", "docs")


def _resolve(*raws: str, rules: DocumentIds = RULES) -> Names:
    return resolve_names(
        {raw: name_forms(raw, rules, PLACES) for raw in raws},
        {raw: container_forms(raw, rules) for raw in raws},
        KNOWN | {one for raw in raws for one in ending_forms(raw, rules) if one in KNOWN},
    )


@pytest.mark.parametrize(
    ("raw", "document"),
    [
        ("refunds.md", "refunds.md"),
        ("./Refunds.md", "refunds.md"),
        ("refunds.md#exception", "refunds.md"),
        ("a#b.md", "a#b.md"),
        ("refunds.md?page=2#top", "refunds.md"),
        ("refunds.md::3", "refunds.md"),
        ("refunds.md|0", "refunds.md"),
        ("refunds.md:12-40", "refunds.md"),
        ("refunds.md@7", "refunds.md"),
        ("refunds.md_chunk_3", "refunds.md"),
        ("refunds.md-chunk-03", "refunds.md"),
        ("refunds.md/chunk/3", "refunds.md"),
        ("refunds.md chunk 3", "refunds.md"),
        ("refunds.md_3", "refunds.md"),
        ("refunds.md p. 3", "refunds.md"),
        ("refunds.md [3]", "refunds.md"),
        ("report-2024", "report-2024"),
        ("file:///app/docs/refunds.md", "refunds.md"),
        ("/app/docs/refunds.md", "refunds.md"),
        ("C:\\data\\docs\\refunds.md", "refunds.md"),
        ("/srv/kb/docs/guide/index.md#top", "guide/index.md"),
        ("https://example.com/wiki/x?tab=1#top", "wiki/x"),
    ],
)
def test_a_name_in_another_form_is_the_document(raw: str, document: str) -> None:
    assert _resolve(raw).documents == {raw: document}


@pytest.mark.parametrize(
    "raw",
    [
        *("3f1c9a", "c1", "", "#", "refunds", "refunds-2024.md", "old/refunds.md", "report-2025", "report"),
        *("refunds.md.bak", "refunds.mdx", "/elsewhere/refunds.md", "s3://bucket/refunds.md", "::3", "chunk 3"),
    ],
)
def test_a_name_that_nobody_knows_stands_for_nothing(raw: str) -> None:
    assert _resolve(raw).documents == {}


def test_the_same_place_before_two_documents_is_a_place() -> None:
    found = _resolve("s3://bucket/kb/refunds.md", "s3://bucket/kb/guide/index.md", "s3://bucket/kb/gone.md")
    assert found.documents == {
        "s3://bucket/kb/refunds.md": "refunds.md",
        "s3://bucket/kb/guide/index.md": "guide/index.md",
    }
    # The document below another folder that is gone is not the one of the same name at the top.
    assert "/x/news/index.md" not in _resolve("/x/refunds.md", "/x/guide/index.md", "/x/news/index.md").documents


def test_a_place_before_one_document_alone_is_a_hint_that_works() -> None:
    raw = "s3://bucket/kb/refunds.md"
    (hint,) = _resolve(raw).hints
    assert hint == "one would be known without 's3://bucket/kb/' before it: set ids.strip_prefix to it"
    assert _resolve(raw, rules=DocumentIds(strip_prefix="s3://bucket/kb/")).documents == {raw: "refunds.md"}


def test_a_lost_ending_is_a_hint() -> None:
    assert _resolve("refunds").hints == ("1 would be known with '.md' behind them: set ids.strip_suffix to it",)


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("a.md, b.md", ("a.md", "b.md")),
        ("a.md\nb.md", ("a.md", "b.md")),
        ('{a.md,"b c.md"}', ("a.md", "b c.md")),
        ("{a.md}", ("a.md",)),
        ("a.md", ()),
        ("", ()),
    ],
)
def test_a_text_that_lists_names_is_taken_apart(raw: str, parts: tuple[str, ...]) -> None:
    assert parts_of(raw) == parts


def test_the_places_of_a_source_are_its_folder_or_bucket() -> None:
    assert places_of(FilesSource(kind="files", path="/srv/kb/docs/")) == ("srv/kb/docs", "docs")
    assert places_of(FilesSource(kind="files", path="docs")) == ("docs",)
    assert places_of(FilesSource(kind="files", connection="files")) == ()
    assert places_of(GitSource(kind="git", path="/srv/repo", folder="policies")) == ("policies",)
    assert places_of(ObjectsSource(kind="objects", path="s3://aws@bucket/kb")) == ("bucket/kb", "kb")
    assert places_of(WebSource(kind="web", connection="site")) == ()
