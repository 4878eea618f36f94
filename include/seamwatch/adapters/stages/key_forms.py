"""The form of a key as SQL, so that a database finds the rows whose key is the same in that form."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from seamwatch.spec.base import KeyForm

_WITH_TRIM_OF_CHARACTERS = frozenset({"sqlite", "postgresql", "duckdb", "oracle", "snowflake", "redshift"})
"""Dialects whose ltrim and rtrim take the characters to cut off."""


def key_expression(column: sa.ColumnElement[Any], form: KeyForm, *, dialect: str) -> sa.ColumnElement[Any] | None:
    """Return the key in a form, as `core.records.keys.key_in_form` gives it; None where the dialect cannot say it."""
    text: sa.ColumnElement[Any] = sa.func.trim(sa.cast(column, sa.String))
    if form == "casefold":
        return sa.func.lower(text)
    if form == "uuid":
        text = sa.func.lower(text)
        for part in ("urn:uuid:", "{", "}", "-"):
            text = sa.func.replace(text, part, "")
        return text
    if form in ("no_leading_zeros", "number"):
        if dialect not in _WITH_TRIM_OF_CHARACTERS:
            return None
        if form == "number":
            shortened = sa.func.rtrim(sa.func.rtrim(text, "0"), ".")
            text = sa.case((text.like("%.%"), shortened), else_=text)
        cut = sa.func.ltrim(text, "0")
        return sa.case((cut == "", sa.func.substr(text, sa.func.length(text), 1)), else_=cut)
    return text
