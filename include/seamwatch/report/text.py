"""Untrusted text, made fit to be shown, and names in a row."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Sequence
from typing import Any

_MARKS = (
    r"\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
    r"\U000e0000-\U000e007f"
)
"""C1 controls, marks that turn the direction of writing, breaks of lines, letters that nobody sees, lone surrogates."""
# All of them but tab and line feed.
_UNPRINTABLE = re.compile(rf"[\x00-\x08\x0b-\x1f{_MARKS}]")
_INVISIBLE = re.compile(rf"[\x00-\x1f{_MARKS}]")
_JSON_ESCAPED = re.compile(rf"[{_MARKS}]")
_FORMULA = re.compile(r"'*[\s\x00-\x20]*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[\d.,]*\d[.,]?(?:[eE][+-]?\d+)?%?", re.ASCII)


def printable(text: str) -> str:
    """Return the text with every character that would break or disguise its surroundings replaced by a blank."""
    return _UNPRINTABLE.sub(" ", text)


def visible(text: str) -> str:
    r"""Return the text as one line for a terminal: what would move the cursor or hide is written as `\x1b` or `\n`."""
    return _INVISIBLE.sub(_code, text)


def visible_lines(text: str) -> str:
    """Return the text as `visible` does, its own lines and tabs left as they are."""
    return _UNPRINTABLE.sub(_code, text)


def _code(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1] if not found[0].isprintable() else f"\\u{ord(found[0]):04x}"


def json_text(document: Any, *, indent: int | None = 2) -> str:
    """Return JSON in which what nobody sees or what steers a terminal stands escaped: the same data for a reader."""
    text = json.dumps(document, indent=indent, ensure_ascii=False, default=str)
    return _JSON_ESCAPED.sub(lambda found: json.dumps(found[0])[1:-1], text)


def csv_cell(text: str) -> str:
    """Return a cell that no spreadsheet computes: an apostrophe stands before what would begin a formula.

    Numbers (`-17`, `+4.5e3`) are none and stay as they are, as does all other text. A text that has apostrophes before
    such a beginning gets one more, so that taking one off gives back what was there.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def csv_quoted(cell: str) -> str:
    """Return a cell in quotes where any program could split it: also at a lone carriage return, semicolon or tab."""
    if not any(char in cell for char in ',;\t"\r\n'):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def shortened(text: str, longest_chars: int) -> str:
    """Return the text cut to that length, with an ellipsis where it was cut."""
    return text if len(text) <= longest_chars else f"{text[: longest_chars - 1]}…"


class _Counting(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        form, _, words = format_spec.rpartition(";")
        one, bar, many = words.partition("|")
        if not bar:
            form = format_spec
        number = format(value, form or ("," if isinstance(value, int) else ""))
        if not bar:
            return number
        word = one.removeprefix("~") if number.lstrip("+-") == "1" else many
        return word if one.startswith("~") else f"{number} {word}"


_COUNTING = _Counting()


def fill(template: str, **values: object) -> str:
    """Return a text filled in, in which nouns and verbs follow their counts.

    `{n:record|records}` is `1 record` or `2 records`; `{n:~differs|differ}` is the word alone, for a count that stands
    elsewhere; a format stands before, as in `{hours:+g;hour|hours}`.
    """
    return _COUNTING.vformat(template, (), values)


_SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z])")


def first_sentence(text: str) -> str:
    """Return a text up to where its second sentence begins."""
    return _SENTENCE_END.split(text, maxsplit=1)[0]


def joined(names: Sequence[str]) -> str:
    """Return names as `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
