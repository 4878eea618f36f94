"""Weekly reviews as they were told, what was agreed in them, and verdicts drawn for people to judge."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class WeeklyReviewRow(Table):
    """A week as it was told when it was closed."""

    __tablename__ = "seamwatch_weekly_reviews"
    week: Mapped[str] = mapped_column(String(8), primary_key=True)
    closed_at: Mapped[datetime] = mapped_column(UtcTime)
    review: Mapped[dict[str, Any]] = mapped_column(JSON)


class AgreedActionRow(Table):
    """What people agreed to do, as it is now."""

    __tablename__ = "seamwatch_agreed_actions"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    pipeline: Mapped[str | None] = mapped_column(String(200), index=True)
    """Null: it is about all of them."""
    incident_id: Mapped[str | None] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(20), index=True)
    agreed_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    action: Mapped[dict[str, Any]] = mapped_column(JSON)


class AgreedActionEventRow(Table):
    """What happened to an agreed action; only ever added to."""

    __tablename__ = "seamwatch_agreed_action_events"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("seamwatch_agreed_actions.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    by: Mapped[str] = mapped_column(RecordText)
    door: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcTime)
    why: Mapped[str] = mapped_column(RecordText)
    action: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As it was after it."""


class VerdictSampleRow(Table):
    """A verdict that was drawn by chance to be judged by people."""

    __tablename__ = "seamwatch_verdict_samples"
    week: Mapped[str] = mapped_column(String(8), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(300), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(200), index=True)
    probability: Mapped[float] = mapped_column(Float)
    """Of being drawn."""
    drawn_at: Mapped[datetime] = mapped_column(UtcTime)
    verdict: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As it was told: responsibility, stage, fields, confidence."""
