"""Objectives: events, debits and rulings of error budgets, and what the gate said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class SloBucketRow(Table):
    """Five minutes of one objective: its events, those judged, those bad, and what they cost."""

    __tablename__ = "seamwatch_slo_buckets"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    objective: Mapped[str] = mapped_column(String(200), primary_key=True)
    start_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    total: Mapped[float] = mapped_column(Float)
    judged: Mapped[float] = mapped_column(Float)
    bad: Mapped[float] = mapped_column(Float)
    usd: Mapped[float] = mapped_column(Float)


class DebitRow(Table):
    """One bad event held against a budget."""

    __tablename__ = "seamwatch_debits"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    objective: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    record: Mapped[str] = mapped_column(RecordText)
    at: Mapped[datetime] = mapped_column(UtcTime)
    told_at: Mapped[datetime] = mapped_column(UtcTime)
    amount: Mapped[float] = mapped_column(Float)
    incident: Mapped[str | None] = mapped_column(String(300))
    __table_args__ = (Index("ix_seamwatch_debits_place", "pipeline", "objective", "at"),)


class RulingRow(Table):
    """What a person decided of an incident's debits; only ever added to."""

    __tablename__ = "seamwatch_rulings"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200), index=True)
    incident: Mapped[str] = mapped_column(String(300))
    is_void: Mapped[bool]
    reason: Mapped[str] = mapped_column(RecordText)
    by: Mapped[str] = mapped_column(RecordText)
    at: Mapped[datetime] = mapped_column(UtcTime)


class OverrideRow(Table):
    """A person let releases through although a budget is spent; only ever added to."""

    __tablename__ = "seamwatch_overrides"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200), index=True)
    objective: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(RecordText)
    by: Mapped[str] = mapped_column(RecordText)
    at: Mapped[datetime] = mapped_column(UtcTime)
    until: Mapped[datetime] = mapped_column(UtcTime)


class SloStatusRow(Table):
    """The objectives of a pipeline as the last look saw them."""

    __tablename__ = "seamwatch_slo_status"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    looked_at: Mapped[datetime] = mapped_column(UtcTime)
    late_at: Mapped[datetime] = mapped_column(UtcTime)
    """When truths that come late were last looked for."""
    status: Mapped[dict[str, Any]] = mapped_column(JSON)


class GateAnswerRow(Table):
    """What the gate said when a release asked; only ever added to."""

    __tablename__ = "seamwatch_gate_answers"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcTime)
    is_allowed: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(RecordText)
    release: Mapped[str | None] = mapped_column(RecordText)
    __table_args__ = (Index("ix_seamwatch_gate_answers_place", "pipeline", "at"),)
