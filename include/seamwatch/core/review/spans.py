"""What there was to draw from, and what evaluators found in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.accuracy.labels import WeekOfAnswers


@dataclass(frozen=True, kw_only=True)
class ReviewDraw:
    """One draw."""

    pipeline: str
    start: datetime
    end: datetime
    drawn_at: datetime
    n_drawn: int
    predictor: str
    answers: tuple[WeekOfAnswers, ...]
    """What there was to draw from, by week and segment."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """What one evaluator made of the answers of a span."""

    evaluator: str
    kind: str
    start: datetime
    end: datetime
    n_passed: int
    n_failed: int
    n_unknown: int
    examples: tuple[tuple[str, str], ...] = ()
    """Some records that failed, with the reason."""
    unknown_reasons: tuple[tuple[str, int], ...] = ()
    """Why it could not be told, most frequent first."""
    notes: tuple[str, ...] = ()
