"""Statements that an answer must, or must not, hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import pandas as pd

from seamwatch.core.evaluation.results import ByKey, Evaluation, evaluate_each, excerpt, failed, passed, values_by_key
from seamwatch.core.evaluation.texts import NotRead, normal_text, read_text, whole_words
from seamwatch.core.records.json_documents import leaves, parse_json
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import is_null, strict_text

_search = lru_cache(maxsize=10_000)(whole_words)
Wanted: TypeAlias = "Sequence[str] | pd.Series[Any]"


def evaluate_statements(answers: pd.Series[Any], *, required: Wanted = (), forbidden: Wanted = ()) -> pd.DataFrame:
    """Return whether each answer holds every required statement, and no forbidden one.

    Args:
        answers: As recorded, index key.
        required: Statements for all, or as a Series (the same index) each record's own: a text or a list of texts. A
            record whose list is empty needs none; one whose list is null or cannot be read is unknown.
        forbidden: Likewise.

    Returns:
        `state`, `score` (share of the statements that are kept to), `reason`.

    As whole words; case, blanks, line breaks, signs of quotation and Unicode forms do not count.
    """
    wanted = [values_by_key(one) if isinstance(one, pd.Series) else one for one in (required, forbidden)]

    def evaluate(key: Any, answer: Any) -> Evaluation | NotRead:
        needed, banned = _of(wanted[0], key, "required"), _of(wanted[1], key, "forbidden")
        text = read_text(answer)
        for one in (text, needed, banned):
            if isinstance(one, NotRead):
                return one
        return _judge(normal_text(str(text)), list(needed), list(banned))  # type: ignore[arg-type]

    return evaluate_each(answers, evaluate)


def _judge(text: str, required: Sequence[str], forbidden: Sequence[str]) -> Evaluation:
    n = len(required) + len(forbidden)
    if not n:
        return passed("nothing is required or forbidden")
    missing = [one for one in required if not _search(one).search(text)]
    said = [one for one in forbidden if _search(one).search(text)]
    told = [f"required statement {required.index(one) + 1} is missing: {excerpt(one)}" for one in missing]
    told += [f"forbidden statement {forbidden.index(one) + 1} stands in it: {excerpt(one)}" for one in said]
    return failed("; ".join(told[:3]), score=1.0 - len(told) / n) if told else passed()


def _of(wanted: Sequence[str] | ByKey, key: Any, what: str) -> Sequence[str] | NotRead:
    """Return the statements of a record."""
    if not isinstance(wanted, Mapping):
        return wanted
    value = wanted.get(key)
    if isinstance(value, Unknown):
        return NotRead(reason=f"the {what} statements cannot be read ({value.reason})")
    if is_null(value):
        return NotRead(reason=f"no {what} statements are recorded")
    document = parse_json(value)
    if not isinstance(document, dict | list | tuple):
        document = [document]
    texts = [strict_text(leaf) for _, leaf in leaves(document) if leaf not in ({}, [], ())]
    return [text for text in texts if text and text.strip()]
