"""What there was to draw from, and what evaluators found in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class AnswerCount:
    """The answers of one week and segment within a draw."""

    week: date
    """Its Monday, UTC."""
    segment: str
    answers: int
    predicted: int
    """Answers of which evaluators say how probable it is that they are right."""
    prediction_sum: float


@dataclass(frozen=True, kw_only=True)
class ReviewDraw:
    """One draw."""

    pipeline: str
    start: datetime
    end: datetime
    drawn_at: datetime
    n_drawn: int
    predictor: str
    answers: tuple[AnswerCount, ...]


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
