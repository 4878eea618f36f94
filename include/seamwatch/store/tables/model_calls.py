"""Calls of models: cached answers, budgets, calls that are reserved, and baselines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class AnswerRow(Table):
    """A model's answer that was paid for."""

    __tablename__ = "seamwatch_replays"
    scope: Mapped[str] = mapped_column(String(300), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(RecordText)
    purpose: Mapped[str] = mapped_column(String(40))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    """Null where it was saved before revision 0011 and its window is not known."""


class BudgetRow(Table):
    """What is spent or reserved of a run's or a day's budget."""

    __tablename__ = "seamwatch_budgets"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    n_calls: Mapped[int] = mapped_column(Integer, default=0)
    usd: Mapped[float] = mapped_column(Float, default=0.0)


class ReservationRow(Table):
    """One call that was let through."""

    __tablename__ = "seamwatch_reservations"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    run: Mapped[str] = mapped_column(String(200))
    day: Mapped[str] = mapped_column(String(20))
    usd: Mapped[float] = mapped_column(Float)
    is_open: Mapped[bool] = mapped_column(default=True)
    is_routine: Mapped[bool | None]
    """Whether it counts against what samples may use; null where it was made before revision 0007."""


class BaselineRow(Table):
    """The accepted accuracy of a pipeline's model."""

    __tablename__ = "seamwatch_baselines"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    accuracy: Mapped[float] = mapped_column(Float)
    n: Mapped[int] = mapped_column(Integer)
    measured_at: Mapped[datetime] = mapped_column(UtcTime)


class BaselineResultRow(Table):
    """What became of one benchmark input when the baseline was accepted."""

    __tablename__ = "seamwatch_baseline_results"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(RecordText)
    is_right: Mapped[bool | None]
    answer: Mapped[str | None] = mapped_column(String(64))
    again: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str | None] = mapped_column(RecordText)
