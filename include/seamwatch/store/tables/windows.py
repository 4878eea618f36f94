"""What is known of windows: how they were looked at, and what was found in their records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class WindowRow(Table):
    """A window that was looked at, and its attribution."""

    __tablename__ = "seamwatch_windows"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    window: Mapped[str] = mapped_column(String(64), primary_key=True)
    start_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    end_at: Mapped[datetime] = mapped_column(UtcTime)
    begun_at: Mapped[datetime] = mapped_column(UtcTime)
    n_judged: Mapped[int | None] = mapped_column(Integer)
    n_failing: Mapped[int | None] = mapped_column(Integer)
    n_pending: Mapped[int | None] = mapped_column(Integer)
    judged_by_part: Mapped[list[int] | None] = mapped_column(JSON)
    """Judged records of each of its equal spans; null where it was saved before revision 0008."""
    attributed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    attribution: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """All but the verdicts, which have their own table."""


class StageResultRow(Table):
    """What one look at one stage of one window found."""

    __tablename__ = "seamwatch_stage_results"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    window: Mapped[str] = mapped_column(String(64), primary_key=True)
    stage: Mapped[str] = mapped_column(String(200), primary_key=True)
    result: Mapped[dict[str, Any]] = mapped_column(JSON)


class DiscrepancyRow(Table):
    """One field of one record that differs."""

    __tablename__ = "seamwatch_discrepancies"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    window: Mapped[str] = mapped_column(String(64))
    stage: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(RecordText)
    field: Mapped[str] = mapped_column(RecordText)
    recorded: Mapped[str | None] = mapped_column(RecordText)
    expected: Mapped[str | None] = mapped_column(RecordText)
    kind: Mapped[str] = mapped_column(String(20))
    __table_args__ = (Index("ix_seamwatch_discrepancies_place", "pipeline", "window", "stage"),)


class VerdictRow(Table):
    """Whose fault one failing record was."""

    __tablename__ = "seamwatch_verdicts"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    window: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(RecordText)
    responsibility: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str | None] = mapped_column(String(200))
    confidence: Mapped[float] = mapped_column(Float)
    verdict: Mapped[dict[str, Any]] = mapped_column(JSON)


class CauseRow(Table):
    """How many records of a window had a cause, for the history."""

    __tablename__ = "seamwatch_causes"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    window: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    responsibility: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str | None] = mapped_column(String(200))
    n_records: Mapped[int] = mapped_column(Integer)
    by_part: Mapped[list[int] | None] = mapped_column(JSON)
    """Records in each of the window's equal spans; null where it was saved before revision 0008."""
    is_change: Mapped[bool]
    fields: Mapped[list[str] | None] = mapped_column(JSON)
    """Damaged fields; null where it was saved before revision 0003."""
    pattern: Mapped[str | None] = mapped_column(String(40))
