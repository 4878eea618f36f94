"""A person's SELECT as part of a larger statement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

_TOKEN = re.compile(
    r"""
    (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
    |(?P<aside>--[^\n]*|/\*.*?\*/|;|\s+)
    |(?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")
"""Before a word it would be taken for a parameter; a person's SELECT has none."""


def without_end(query: str) -> str:
    """Return the query without the semicolons, comments and blanks that it ends with."""
    end = 0
    for found in _TOKEN.finditer(query):
        if found["aside"] is None:
            end = found.end()
    return query[:end].strip()


def as_subquery(query: str, columns: Sequence[sa.ColumnClause[Any]]) -> sa.Subquery:
    """Return a person's SELECT as a subquery with these columns."""
    # A line of its own for what follows: however a database writes comments, one at the end hides nothing else.
    text = _COLON.sub(r"\:", without_end(query)) + "\n"
    return sa.text(text).columns(*columns).subquery("stage")
