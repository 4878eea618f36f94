"""Tables in a terminal of any width: wrapped at words, or one record after the other where their words do not fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seamwatch.report.text import visible
from seamwatch.secret_redaction import SECRETS

_GAP = 2
"""Blanks between columns; lines between them would cost three characters each."""


def shown(text: str, *, style: str = "") -> Text:
    """Return text for the console: without secrets, and with all that would steer the terminal made visible."""
    return Text(visible(SECRETS.redact_record(text)), style=style)


def print_table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print rows below their columns, no word of them cut.

    Args:
        console: Where to, and how wide that is.
        columns: Their names; empty for one that needs none.
        rows: Cells, as many as there are columns.
        title: Above the table.
    """
    if title:
        console.print(shown(title, style="italic"))
    widths = fit_widths([[shown(cell).plain for cell in line] for line in (columns, *rows)], console.width)
    if widths is None:
        _print_records(console, columns, rows)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name, width in zip(columns, widths, strict=True):
        table.add_column(shown(name), width=width)
    for row in rows:
        table.add_row(*map(shown, row))
    console.print(table)


def _print_records(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one row after the other, a line for each of its cells."""
    for number, row in enumerate(rows, start=1):
        console.print(shown(f"{number}.", style="bold"))
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, cell in zip(columns, row, strict=True):
            if cell:
                table.add_row(shown(name, style="bold"), shown(cell))
        console.print(Padding(table, (0, 0, 0, _GAP), expand=False))


def fit_widths(lines: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return a width for each column so that no word is cut; None where the longest words do not fit beside each other.

    Args:
        lines: Header and rows.
        width: Of the terminal, in characters.
    """
    cells = list(zip(*lines, strict=True))
    least = [max(cell_len(word) for cell in column for word in ("", *cell.split())) for column in cells]
    most = [max(cell_len(line) for cell in column for line in ("", *cell.splitlines())) for column in cells]
    left = width - _GAP * len(cells) - sum(least)
    if left < 0:
        return None
    wishes = [wanted - needed for wanted, needed in zip(most, least, strict=True)]
    share = min(1.0, left / sum(wishes)) if sum(wishes) else 0.0
    return [needed + int(share * wish) for needed, wish in zip(least, wishes, strict=True)]
