"""Labels in a CSV file, for teams that label elsewhere: how it is written, and what each of its lines says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seamwatch.core.review.items import ReviewItem
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import LabelKind

GIVEN = ("label", "corrected", "note", "by")
"""Columns that people fill in: right, wrong or cannot_tell; the right value, or a JSON object of several; why; who."""
KNOWN = ("item", "record", "record_at", "drawn_because")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the begin of a formula."""
_WORDS = {
    "right": LabelKind.RIGHT,
    "wrong": LabelKind.WRONG,
    "cannot_tell": LabelKind.CANNOT_TELL,
    "cannot tell": LabelKind.CANNOT_TELL,
}


@dataclass(frozen=True, kw_only=True)
class LabelLine:
    """One line of a file that holds a label."""

    line: int
    item: str | None
    record: str | None
    kind: LabelKind
    corrected: dict[str, str] | None
    note: str
    by: str


@dataclass(frozen=True, kw_only=True)
class ReadLabels:
    """What a file holds."""

    lines: tuple[LabelLine, ...]
    n_empty: int
    """Lines without a label."""
    problems: tuple[tuple[int, str], ...]
    """Line and what is wrong with it; such a line is left out."""


def write_items(items: Iterable[ReviewItem]) -> str:
    """Return items as CSV, one a line, with the texts that people see and empty columns for their labels.

    What a spreadsheet would take for a formula gets an apostrophe in front.
    """
    items = list(items)
    titles = list(dict.fromkeys(shown.title for item in items for shown in item.shown))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*KNOWN, *titles, *GIVEN])
    for item in items:
        texts = {shown.title: shown.text for shown in item.shown}
        row = [item.id, item.record, item.record_at.isoformat(), " ".join(item.reasons)]
        row += [texts.get(title, "") for title in titles]
        writer.writerow([*map(_harmless, row), *("" for _ in GIVEN)])
    return out.getvalue()


def read_labels(text: str, *, fields: Sequence[str], by: str | None) -> ReadLabels:
    """Return the labels of a file; a line that cannot be read is told and left out, and the others count.

    Args:
        text: CSV with a header; at least `label`, and one of `item` and `record`. Other columns do not matter.
        fields: The final fields that people judge, for `corrected`.
        by: Who labelled, where the file has no column `by` or it is empty.

    Raises:
        DataContractError: If the file as a whole is no such CSV.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        msg = f"line {reader.line_num} is no CSV: {error}"
        raise DataContractError(msg) from error
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    if "label" not in header or not {"item", "record"} & set(header):
        given = ", ".join(header)[:200]
        msg = f"the first line must name the columns, with 'label' and 'item' or 'record'; got {given!r}"
        raise DataContractError(msg)
    lines: list[LabelLine] = []
    problems: list[tuple[int, str]] = []
    n_empty = 0
    for number, row in rows[1:]:
        cells = {name: value.strip() for name, value in zip(header, row, strict=False)}
        if not cells.get("label"):
            n_empty += 1
            continue
        try:
            lines.append(_line(number, cells, fields=fields, by=by))
        except ValueError as error:
            problems.append((number, str(error)))
    return ReadLabels(lines=tuple(lines), n_empty=n_empty, problems=tuple(problems))


def _line(number: int, cells: dict[str, str], *, fields: Sequence[str], by: str | None) -> LabelLine:
    kind = _WORDS.get(cells["label"].lower())
    if kind is None:
        msg = f"label {cells['label'][:40]!r} is none of right, wrong, cannot_tell"
        raise ValueError(msg)
    item, record = _given(cells.get("item")), _given(cells.get("record"))
    if item is None and record is None:
        msg = "neither item nor record is given"
        raise ValueError(msg)
    person = cells.get("by") or by
    if not person:
        msg = "nobody is named in column 'by', and --by is not given"
        raise ValueError(msg)
    return LabelLine(
        line=number,
        item=item,
        record=record,
        kind=kind,
        corrected=_corrected(cells.get("corrected", ""), fields),
        note=cells.get("note", ""),
        by=person[:200],
    )


def _corrected(text: str, fields: Sequence[str]) -> dict[str, str] | None:
    if not text:
        return None
    if len(fields) == 1:
        return {fields[0]: _plain(text)}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not set(found) <= set(fields):
        msg = f'corrected must be a JSON object of final fields, as {{"{fields[0] if fields else "field"}": "value"}}'
        raise ValueError(msg)
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(text: str) -> str:
    """Return a cell without the apostrophe that `_harmless` puts in front."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _given(text: str | None) -> str | None:
    return _plain(text) if text else None
