"""Answers that are evaluated, drawn and judged by people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class EvaluationRow(Table):
    """What one evaluator made of the answers of one window, in numbers and examples."""

    __tablename__ = "seamwatch_evaluations"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    evaluator: Mapped[str] = mapped_column(String(200), primary_key=True)
    start_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    end_at: Mapped[datetime] = mapped_column(UtcTime)
    evaluated_at: Mapped[datetime] = mapped_column(UtcTime)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON)


class ReviewDrawRow(Table):
    """A span of which answers were drawn for people to judge, and what there was to draw from."""

    __tablename__ = "seamwatch_review_draws"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    start_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    end_at: Mapped[datetime] = mapped_column(UtcTime)
    draw: Mapped[dict[str, Any]] = mapped_column(JSON)


class ReviewItemRow(Table):
    """One answer that one person is to judge."""

    __tablename__ = "seamwatch_review_items"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    record: Mapped[str] = mapped_column(RecordText)
    slot: Mapped[int] = mapped_column(Integer)
    record_at: Mapped[datetime] = mapped_column(UtcTime)
    drawn_at: Mapped[datetime] = mapped_column(UtcTime)
    item: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What does not change: why it was drawn, and what people are shown."""
    assigned_to: Mapped[str | None] = mapped_column(String(200))
    assigned_until: Mapped[datetime | None] = mapped_column(UtcTime)
    form_task: Mapped[str | None] = mapped_column(Text)
    is_answered: Mapped[bool]
    skipped_by: Mapped[list[str]] = mapped_column(JSON)
    __table_args__ = (Index("ix_seamwatch_review_items_open", "pipeline", "is_answered", "drawn_at"),)


class LabelRow(Table):
    """What a person said of an answer; only ever added to, or withdrawn."""

    __tablename__ = "seamwatch_labels"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    record: Mapped[str] = mapped_column(RecordText)
    record_at: Mapped[datetime | None] = mapped_column(UtcTime)
    item: Mapped[str | None] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    answer: Mapped[str] = mapped_column(String(64))
    corrected: Mapped[dict[str, str] | None] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(RecordText)
    by: Mapped[str] = mapped_column("labelled_by", String(200))
    door: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (Index("ix_seamwatch_labels_pipeline", "pipeline", "at"),)
