"""A weekly review as Markdown (CommonMark with tables), safe to paste into a ticket or a page of notes."""

from __future__ import annotations

from collections.abc import Iterator

from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.report.blocks import Emphasis, Run
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.markdown import escape_markdown
from seamwatch.report.weekly_review.content import weekly_text
from seamwatch.report.weekly_review.sections import Cell, Line, Row, Section, Table


def weekly_markdown(review: WeeklyReview, links: WeeklyLinks) -> str:
    """Return the review; the same review always gives the same text."""
    text = weekly_text(review, links)
    blocks = [
        f"# {escape_markdown(text.title)}",
        escape_markdown(text.summary),
        f"{escape_markdown(text.status)}. [The page of this week](<{links.week(text.week)}>)",
        *(block for section in text.sections for block in _section(section)),
    ]
    if text.notes:
        blocks += ["## Notes", "\n".join(f"- {escape_markdown(note)}" for note in text.notes)]
    return "\n\n".join(blocks) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {escape_markdown(section.title)}"
    if section.lead:
        yield _line(section.lead)
    if section.items:
        yield _list(section.items, "1." if section.is_ordered else "-")
    for table in (*filter(None, (section.beside,)), *section.tables):
        yield from _table(table)
    for title, lines in section.lists:
        yield f"### {escape_markdown(title)}"
        yield _list(lines, "-")
    yield from map(escape_markdown, section.notes)


def _list(lines: tuple[Line, ...], mark: str) -> str:
    return "\n".join(f"{mark} {_line(line)}" for line in lines)


def _line(line: Line) -> str:
    return "".join(map(_run, line)).strip()


def _run(run: Run) -> str:
    text = escape_markdown(run.text)
    if run.url:
        text = f"[{text}](<{run.url}>)"
    elif run.emphasis is Emphasis.STRONG and text:
        text = f"**{text}**"
    before, after = (" " if edge.isspace() else "" for edge in (run.text[:1], run.text[-1:]))
    return f"{before}{text}{after}" if text else before


def _table(table: Table) -> Iterator[str]:
    if table.rows:
        head = " | ".join(escape_markdown(column.name) for column in table.columns)
        marks = " | ".join("---:" if column.is_number else "---" for column in table.columns)
        yield "\n".join((f"| {head} |", f"| {marks} |", *map(_row, table.rows)))
    if table.folded:
        yield escape_markdown(f"{table.folded_summary}.")


def _row(row: Row) -> str:
    return f"| {' | '.join(map(_cell, row))} |"


def _cell(cell: Cell) -> str:
    """Return a cell without pictures and links."""
    if cell.lines:
        return escape_markdown("; ".join("".join(run.text for run in line) for line in cell.lines))
    before = f"before: {cell.trend.text}" if cell.trend is not None else ""
    more = "; ".join(filter(None, (cell.note, before)))
    return escape_markdown(f"{cell.text} ({more})" if more else cell.text)
