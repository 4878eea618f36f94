"""Tables in terminals of any width: no word is cut, and nothing is left out."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from seamwatch.report.console_tables import fit_widths, print_table

COLUMNS = ("responsibility", "stage", "fields", "records", "share", "95 % interval", "confidence", "change")
ROWS = [
    (
        "integration",
        "response_mapping",
        "queue_id; request.messages.0.content",
        "1,234",
        "84.1%",
        "79% to 89%",
        "0.94",
        "yes",
    ),
    ("knowledge_base", "kb_lookup", "returns-and-refunds.md", "2", "0.1%", "0% to 1%", "0.9", "no"),
]


def _printed(width: int, columns: tuple[str, ...], rows: list[tuple[str, ...]], title: str = "") -> str:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, columns, rows, title=title)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_word_of_a_row_is_cut(width: int) -> None:
    printed = _printed(width, COLUMNS, ROWS)
    words = printed.split()
    assert all(word in words for row in ROWS for cell in row for word in cell.split())
    assert all(word in words for name in COLUMNS for word in name.split())
    assert all(len(line) <= width for line in printed.splitlines())
    assert "…" not in printed


def test_a_row_is_a_line_where_its_words_fit_and_a_list_where_they_do_not() -> None:
    wide = _printed(140, COLUMNS, ROWS).splitlines()
    assert [line.split()[0] for line in wide] == ["responsibility", "integration", "knowledge_base"]
    narrow = _printed(80, COLUMNS, ROWS).splitlines()
    assert [line.strip() for line in narrow[:3]] == [
        "1.",
        "responsibility  integration",
        "stage           response_mapping",
    ]


def test_square_brackets_are_text_and_a_title_stands_above() -> None:
    printed = _printed(80, ("name",), [("[red]x[/red]",)], title="[b]t")
    assert printed.split() == ["[b]t", "name", "[red]x[/red]"]


cells = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=30)


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5), st.integers(1, 200))
def test_widths_hold_every_word_and_fit_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    from rich.cells import cell_len

    widths = fit_widths(rows, width)
    longest = [max(cell_len(word) for row in rows for word in ("", *row[number].split())) for number in range(3)]
    if widths is None:
        assert sum(longest) + 6 > width
    else:
        assert sum(widths) + 6 <= width
        assert all(wide >= needed for wide, needed in zip(widths, longest, strict=True))
