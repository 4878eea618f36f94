"""Tables that are looked up by the keys of records: in the form that both share, and whether another form would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.adapters.base import StageSource
from seamwatch.core.records.frames import key_text
from seamwatch.core.records.keys import LOOSER_FORMS, KeyMismatch, explain_key_mismatch, key_in_form
from seamwatch.core.records.values import strict_text
from seamwatch.errors import StageError
from seamwatch.spec.base import KeyForm

_SAMPLE = 1000
"""Keys of a table from which it is told which forms would change any of them."""
_ASKED = 5000
"""Keys that a table is asked for in another form."""


@dataclass(frozen=True, kw_only=True)
class KeyedTable:
    """A table or query with a column that names records."""

    source: StageSource
    relation: str
    is_query: bool
    key: str
    form: KeyForm = "exact"
    """In which its keys are compared."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Return its columns, each with its type family; StageError."""
        return self.source.columns(self.relation, is_query=self.is_query)

    def all_rows(self, **selection: Any) -> pd.DataFrame:
        """Return all rows; errors as of `StageSource.read`."""
        return self.source.read(self.relation, is_query=self.is_query, columns=None, **selection)

    def rows(self, keys: pd.Index[Any], **selection: Any) -> pd.DataFrame:
        """Return the rows with one of the keys; errors as of `StageSource.read`."""
        return self.all_rows(key=self.key, **self.selected(keys), **selection)

    def selected(self, keys: Any) -> dict[str, Any]:
        """Return how the source is asked for rows with one of the keys."""
        family = self.columns.get(self.key)
        if family == "number" or self.form == "exact":
            typed = [as_key(key, family) for key in keys]
            return {"keys": [key for key in typed if key is not None]}
        return {"keys": [key_in_form(strict_text(key) or "", self.form) for key in keys], "key_form": self.form}

    def like(self, found: pd.Series[Any], keys: pd.Index[Any]) -> pd.Series[Any]:
        """Return keys of the table as those of the records are: whole numbers, or text; null where that cannot be."""
        if not pd.api.types.is_integer_dtype(keys.dtype):
            return key_text(found, self.form)
        if pd.api.types.is_integer_dtype(found.dtype):
            return found
        texts = key_text(found, self.form)
        numbers = [as_key(text, "number") if text == str(as_key(text, "number")) else None for text in texts]
        return pd.Series(numbers, index=found.index, dtype="Int64")

    def mismatch(self, missing: pd.Index[Any], known: pd.Series[Any] | None) -> KeyMismatch | None:
        """Return the form in which some of the missing keys would be found here; None where none would.

        Args:
            missing: Keys of records that the table does not have as they are.
            known: Its keys, where they are all at hand.
        """
        if known is not None or not len(missing):
            return explain_key_mismatch(missing, () if known is None else known)
        if self.columns.get(self.key) == "number":
            return explain_key_mismatch(missing, self._asked_exactly(missing))
        try:
            return explain_key_mismatch(missing, self._spelt_otherwise(missing))
        except StageError:  # a database that cannot say the form: nothing is known, and the labels are simply missing
            return None

    def _asked_exactly(self, missing: pd.Index[Any]) -> pd.Series[Any]:
        """Return the keys of a column of numbers that are what the missing keys say as numbers."""
        typed = [as_key(key_in_form(strict_text(key) or "", "number"), "number") for key in missing[:_ASKED]]
        wanted = [key for key in typed if key is not None]
        if not wanted or all(str(key) == strict_text(one) for key, one in zip(typed, missing, strict=False)):
            return pd.Series(dtype=object)
        return self._keys(key=self.key, keys=wanted)

    def _spelt_otherwise(self, missing: pd.Index[Any]) -> list[Any]:
        texts = [strict_text(key) or "" for key in missing[:_ASKED]]
        sample = [strict_text(key) or "" for key in self._keys(limit=_SAMPLE)]
        found: list[Any] = []
        for form in LOOSER_FORMS:
            if any(key_in_form(text, form) != text for text in (*texts, *sample)):
                wanted = [key_in_form(text, form) for text in texts]
                found += self._keys(key=self.key, keys=wanted, key_form=form).tolist()
        return found

    def _keys(self, **selection: Any) -> pd.Series[Any]:
        frame = self.source.read(self.relation, is_query=self.is_query, columns=[self.key], **selection)
        return frame[self.key]


def as_key(key: Any, family: str | None) -> Any:
    """Return the key as a column of a type family wants it; None if it cannot be one."""
    if family == "number":
        text = str(key).strip().removesuffix(".0")
        return int(text) if text.lstrip("-").isdigit() else None
    return key if family == "other" else str(key).strip()
