"""What is put before people, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from seamwatch.vocabulary import Door, LabelKind

Role = Literal["question", "context", "step", "answer"]
"""What a shown text is to the person: what was asked, what was retrieved, what the pipeline did, what it answered."""


@dataclass(frozen=True, kw_only=True)
class ShownText:
    """One text of a record as people see it: redacted, and cut where it is very long."""

    title: str
    """`stage.field`."""
    text: str
    role: Role
    n_cut: int = 0
    """Characters that are not shown."""


@dataclass(frozen=True, kw_only=True)
class ReviewItem:
    """One answer, to be judged by one person."""

    id: str
    pipeline: str
    record: str
    slot: int
    """1; 2 where a second person is to judge the same answer."""
    record_at: datetime
    drawn_at: datetime
    inclusion: float
    """Probability with which the record was drawn."""
    is_uniform: bool
    """Whether it is one of those for which every record of the draw had the same chance."""
    reasons: tuple[str, ...]
    """Why it had a greater chance than others."""
    segment: str
    answer: str
    """Hash of the final fields that are judged: of another answer a label says nothing."""
    prediction: float | None
    """Probability that the answer is right, as evaluators have it."""
    predictor: str
    """Which evaluators that was, with their settings."""
    shown: tuple[ShownText, ...]
    assigned_to: str | None = None
    assigned_until: datetime | None = None
    form_task: str | None = None
    """The waiting task of Airflow that shows it; None: the review page does."""
    is_answered: bool = False
    skipped_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Label:
    """What one person said of one answer."""

    id: int
    pipeline: str
    record: str
    record_at: datetime | None
    item: str | None
    """The review item; None where it came with a file."""
    kind: LabelKind
    answer: str
    """Hash of the judged fields."""
    corrected: dict[str, str] | None
    """The right values by final field, where they were given."""
    note: str
    by: str
    door: Door
    at: datetime
    withdrawn_at: datetime | None = None
