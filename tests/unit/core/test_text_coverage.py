"""A document is what its chunks hold, however they were cut; what was added, removed or edited is a difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.text_coverage import is_same_text

FRONT = "---\ntitle: Refund policy\nowner: finance\n---\n"
BODY = """# Refunds

Refunds are possible within 14 days. Send the goods back first.

- Vouchers are **not** refunded.
- See [shipping](https://example.com/shipping) for costs.

## Exception

Since November no refunds are given for vouchers of 1.5 euros.
"""
TEXT = FRONT + BODY
ADDED = TEXT + "\n## Hardship\n\nIn cases of hardship we decide alone.\n"
EDITED = TEXT.replace("14 days", "30 days")
POINT = TEXT.replace("1.5 euros", "15 euros")
REMOVED = TEXT.replace("Send the goods back first.", "")
RENAMED = TEXT.replace("## Exception", "## Vouchers")
CHANGED = [ADDED, EDITED, POINT, REMOVED]


def _cut(text: str, size: int, overlap: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size - overlap)]


PARAGRAPHS = [part for part in BODY.split("\n\n") if part.strip()]
PLAIN = [
    "Refunds Refunds are possible within 14 days. Send the goods back first.",
    "Vouchers are not refunded.\nSee shipping for costs.",
    "Exception\nSince November no refunds are given for vouchers of 1.5 euros.",
]
WITHOUT_HEADINGS = [part for part in PARAGRAPHS if not part.startswith("#")]
WAYS = {
    "whole": [TEXT],
    "without_front_matter": [BODY],
    "paragraphs": PARAGRAPHS,
    "characters": _cut(BODY, 50, 0),
    "overlapping": _cut(BODY, 60, 25),
    "blanks_changed": [" ".join(part.split()) for part in PARAGRAPHS],
    "windows_lines": [BODY.replace("\n", "\r\n")],
    "any_order": PARAGRAPHS[::-1],
    "twice": [*PARAGRAPHS, *PARAGRAPHS],
    "headings_left_out": WITHOUT_HEADINGS,
    "plain_text": PLAIN,
    "title_before": [f"Refund policy\n\n{part}" for part in PARAGRAPHS],
    "title_of_elsewhere": [f"Help desk handbook\nChapter 3\n{part}" for part in PARAGRAPHS],
    "title_in_line": [f"Refund policy: {part}" for part in WITHOUT_HEADINGS],
    "path_before": [f"Refunds > Exception > {part}" for part in WITHOUT_HEADINGS],
    "name_before": [f"refunds.md\n{part}" for part in PARAGRAPHS],
    "empty_chunk_too": [*PARAGRAPHS, "", " \n"],
}


@pytest.mark.parametrize("chunks", WAYS.values(), ids=WAYS)
def test_a_document_is_its_chunks_however_they_were_cut(chunks: list[str]) -> None:
    assert is_same_text(TEXT, chunks, name="refunds.md")


@pytest.mark.parametrize("changed", CHANGED, ids=["added", "edited", "point", "removed"])
@pytest.mark.parametrize("chunks", WAYS.values(), ids=WAYS)
def test_a_change_is_seen_however_the_chunks_were_cut(chunks: list[str], changed: str) -> None:
    assert not is_same_text(changed, chunks, name="refunds.md")


def test_a_heading_that_changed_is_seen_where_headings_are_indexed() -> None:
    assert not is_same_text(RENAMED, PARAGRAPHS)
    assert is_same_text(RENAMED, WITHOUT_HEADINGS)  # the index cannot know


def test_front_matter_alone_is_no_text() -> None:
    assert is_same_text(TEXT.replace("finance", "sales"), PARAGRAPHS)


def test_what_stands_before_a_chunk_and_ends_a_sentence_is_no_title() -> None:
    gone = "Write to us within 30 days."
    assert not is_same_text("We answer soon.", [f"{gone}\nWe answer soon."])
    assert not is_same_text("We answer soon.", [f"{gone} We answer soon."])


def test_a_line_that_was_removed_before_the_rest_of_a_chunk_is_no_title() -> None:
    rows = ["- Hats cost 5 euros", "- Gloves cost 7 euros", "- Scarfs cost 9 euros"]
    for chunk in ("\n".join(rows), "\n".join(row[2:] for row in rows)):
        assert is_same_text("\n".join(rows), [chunk])
        assert not is_same_text("\n".join(rows[1:]), [chunk])
    assert is_same_text(rows[1], [f"Title: what things cost\n{rows[1]}"])
    assert is_same_text(rows[1], [f"What things cost\n\n{rows[1]}"])


def test_chunks_that_are_known_to_be_missing_say_nothing_of_what_stands_in_them() -> None:
    assert is_same_text(TEXT, PARAGRAPHS[:2], is_whole=False)
    assert not is_same_text(TEXT, PARAGRAPHS[:2])
    assert not is_same_text(EDITED, PARAGRAPHS[:2], is_whole=False)


def test_an_empty_document_is_no_chunk_at_all() -> None:
    assert is_same_text("", [])
    assert is_same_text(FRONT, [""])
    assert not is_same_text("", ["something"])
    assert not is_same_text("something", [])


_TEXTS = st.text(st.sampled_from("abc 1.\n"), min_size=1, max_size=80)


@given(text=_TEXTS, size=st.integers(3, 40), data=st.data())
def test_any_cut_with_any_overlap_covers_and_any_addition_is_seen(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    chunks = _cut(text, size, overlap)
    assert is_same_text(text, chunks)
    assert not is_same_text(f"{text}\n\nzebra", chunks)
    assert not is_same_text(f"zebra\n\n{text}", chunks)
