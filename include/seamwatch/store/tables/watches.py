"""What watches have summed up and reported, and that jobs are alive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import Table, UtcTime


class AggregateRow(Table):
    """What a watch keeps of a span of time, so that the next look need not read it again."""

    __tablename__ = "seamwatch_aggregates"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    watch: Mapped[str] = mapped_column(String(40), primary_key=True)
    series: Mapped[str] = mapped_column(String(300), primary_key=True)
    start_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class WatchReportRow(Table):
    """What a watch found in one look: the last one, and every one that an incident rests on."""

    __tablename__ = "seamwatch_watch_reports"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    watch: Mapped[str] = mapped_column(String(40), primary_key=True)
    start_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    end_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class HeartbeatRow(Table):
    """When a recurring job last ended well; of a knowledge base, where the job is about one."""

    __tablename__ = "seamwatch_heartbeats"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    part: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
