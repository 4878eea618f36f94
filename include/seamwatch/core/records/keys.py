"""Keys of records: the form in which two systems spell the same one, and which form would make two of them meet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.number_forms import number_text, read_number
from seamwatch.core.records.values import is_null, strict_text
from seamwatch.spec.base import KeyForm

_UUID_SIGNS = re.compile(r"urn:uuid:|[{}-]")
LOOSER_FORMS: tuple[KeyForm, ...] = ("trim", "no_leading_zeros", "casefold", "number", "uuid")
"""Forms that may be suggested, the least change first."""


@dataclass(frozen=True, kw_only=True)
class KeyMismatch:
    """Keys of two sides that would meet in another form."""

    n_left: int
    """Keys of the first side."""
    n_matching: int
    """Those of them that the second side has as they are."""
    form: KeyForm
    """The form in which more of them match."""
    left: frozenset[Any]
    """Keys of the first side that match in that form only."""
    right: frozenset[Any]
    """And those of the second side that they match."""
    example: tuple[str, str]
    """One key as either side spells it."""

    @property
    def n_with_form(self) -> int:
        """Return how many keys of the first side match in that form."""
        return self.n_matching + len(self.left)


def key_in_form(key: str, form: KeyForm) -> str:
    """Return a key in the form in which keys are compared; in every form without blanks around it."""
    text = key.strip()
    if form == "casefold":
        return text.casefold()
    if form == "no_leading_zeros":
        return text.lstrip("0") or text[-1:]
    if form == "number":
        numbers = read_number(text, exponents="none")
        return number_text(numbers[0]) if len(numbers) == 1 else text
    if form == "uuid":
        return _UUID_SIGNS.sub("", text.lower())
    return text


def explain_key_mismatch(left_keys: Iterable[Any], right_keys: Iterable[Any]) -> KeyMismatch | None:
    """Return the form in which more keys of the first side match one of the second; None where no form does.

    Args:
        left_keys: Keys of records, as text, numbers or whatever a database gives.
        right_keys: Keys of what should belong to them: another stage, labels, a code table.

    A form that makes one of two keys of the same side is none: it would merge records. Of several the one with the most
    matches is returned, and among equals the least change.
    """
    left, right = _texts(left_keys), _texts(right_keys)
    unmatched = {text: key for text, key in left.items() if text not in right}
    others = {text: key for text, key in right.items() if text not in left}
    if not unmatched or not others:
        return None
    best: KeyMismatch | None = None
    for form in LOOSER_FORMS:
        by_form = _in_form(left, form), _in_form(right, form)
        if by_form[0] is None or by_form[1] is None:
            continue
        pairs = [
            (by_form[0][name], by_form[1][name])
            for name in by_form[0].keys() & by_form[1].keys()
            if by_form[0][name] in unmatched and by_form[1][name] in others
        ]
        if pairs and (best is None or len(pairs) > len(best.left)):
            best = KeyMismatch(
                n_left=len(left),
                n_matching=len(left) - len(unmatched),
                form=form,
                left=frozenset(unmatched[mine] for mine, _ in pairs),
                right=frozenset(others[theirs] for _, theirs in pairs),
                example=min(pairs),
            )
    return best


def _texts(keys: Iterable[Any]) -> dict[str, Any]:
    return {strict_text(key) or "": key for key in keys if not is_null(key)}


def _in_form(texts: dict[str, Any], form: KeyForm) -> dict[str, str] | None:
    """Return the text of each key by its form; None where two keys share one."""
    found = {key_in_form(text, form): text for text in texts}
    return found if len(found) == len(texts) else None
