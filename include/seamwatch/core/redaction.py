"""Replace what must not leave by tokens: the same value by the same token, wherever it occurs in its record."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pandas as pd

from seamwatch.core.compare import is_null
from seamwatch.errors import DataContractError

_SHORTEST = 3
"""A shorter text is only replaced where it is the whole value: as a part it occurs everywhere."""


class Redactor:
    """Learns the values of fields by record, and replaces them."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._tokens: dict[str, str] = {}
        self._by_key: dict[str, set[str]] = defaultdict(set)

    def learn(self, field: str, keys: Iterable[Any], values: Iterable[Any]) -> None:
        """Keep the values of a field that are to be replaced.

        Raises:
            DataContractError: If a value is no text: a number or a date has no token that references could bear.
        """
        for key, value in zip(keys, values, strict=True):
            if is_null(value) or value == "":
                continue
            if not isinstance(value, str):
                msg = f"bundle.redact: {field} holds {type(value).__name__} values; only text can be redacted"
                raise DataContractError(msg)
            self._tokens.setdefault(value, f"[{field}-{len(self._tokens) + 1}]")
            self._by_key[str(key)].add(value)

    def text(self, text: str, values: Iterable[str]) -> str:
        """Return the text with the values replaced, also where they stand escaped in JSON; longer ones first."""
        for value in sorted(values, key=lambda v: (-len(v), v)):
            token = self._tokens[value]
            if text == value:
                return token
            if len(value) < _SHORTEST:
                continue
            for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
                text = text.replace(form, token)
        return text

    def frame(self, frame: pd.DataFrame, keys: pd.Series[Any]) -> pd.DataFrame:
        """Return the frame with the values of each row's record replaced."""
        own = [self._by_key.get(str(key), set()) for key in keys]
        found = frame.copy()
        for name in frame.columns:
            if frame[name].dtype == object or pd.api.types.is_string_dtype(frame[name].dtype):
                cells = [self._cell(cell, mine) for cell, mine in zip(frame[name], own, strict=True)]
                found[name] = pd.Series(cells, index=frame.index, dtype=frame[name].dtype)
        return found

    def document(self, document: Any, *, key: str | None = None) -> Any:
        """Return JSON data with the values of one record replaced, or of all of them."""
        return self._cell(document, self._tokens if key is None else self._by_key.get(key, set()))

    def _cell(self, cell: Any, values: Iterable[str]) -> Any:
        if isinstance(cell, str):
            return self.text(cell, values)
        if isinstance(cell, dict):
            return {name: self._cell(part, values) for name, part in cell.items()}
        if isinstance(cell, list):
            return [self._cell(part, values) for part in cell]
        return cell
