"""What an evaluator says of each answer: pass, fail or unknown, a score, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from seamwatch.core.evaluation.texts import NotRead
from seamwatch.vocabulary import EvaluationState

_LONGEST_EXCERPT = 80


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is said of one answer."""

    state: EvaluationState
    score: float
    """0 to 1, how good the answer is by this measure; NaN where that is unknown."""
    reason: str


def passed(reason: str = "", *, score: float = 1.0) -> Evaluation:
    """Return a pass."""
    return Evaluation(state=EvaluationState.PASS, score=score, reason=reason)


def failed(reason: str, *, score: float = 0.0) -> Evaluation:
    """Return a fail."""
    return Evaluation(state=EvaluationState.FAIL, score=score, reason=reason)


def unknown(reason: str) -> Evaluation:
    """Return that nothing can be said."""
    return Evaluation(state=EvaluationState.UNKNOWN, score=math.nan, reason=reason)


ByKey: TypeAlias = "Mapping[Any, Any]"
"""Values by record."""


def values_by_key(values: pd.Series[Any]) -> dict[Any, Any]:
    """Return a column by record, for looking up one by one."""
    return dict(zip(values.index, values.to_numpy(dtype=object), strict=True))


def evaluate_each(answers: pd.Series[Any], evaluate: Callable[[Any, Any], Evaluation | NotRead]) -> pd.DataFrame:
    """Return what is said of each answer, one by one.

    Args:
        answers: Index key.
        evaluate: Key and answer in; what cannot be read is unknown.

    Returns:
        The same index; `state` (EvaluationState), `score` (float, NaN unknown), `reason` (text).
    """
    found = [evaluate(key, answer) for key, answer in zip(answers.index, answers.to_numpy(dtype=object), strict=True)]
    return as_frame([unknown(one.reason) if isinstance(one, NotRead) else one for one in found], answers.index)


def as_frame(found: list[Evaluation], index: pd.Index[Any]) -> pd.DataFrame:
    """Return evaluations as a frame with this index."""
    columns: dict[str, Any] = {
        "state": pd.Series([one.state for one in found], index=index, dtype=object),
        "score": pd.Series([one.score for one in found], index=index, dtype=float),
        "reason": pd.Series([one.reason for one in found], index=index, dtype=object),
    }
    return pd.DataFrame(columns, index=index)


def all_unknown(index: pd.Index[Any], reason: str) -> pd.DataFrame:
    """Return that nothing can be said of any of these records, for one reason."""
    return as_frame([unknown(reason)] * len(index), index)


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, short enough for a reason."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_EXCERPT else f"{line[: _LONGEST_EXCERPT - 3]}..."
