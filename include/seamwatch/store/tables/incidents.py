"""Incidents and what happened to them, their runbooks and actions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class IncidentRow(Table):
    """An incident as it is now."""

    __tablename__ = "seamwatch_incidents"
    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    incident: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = (UniqueConstraint("pipeline", "fingerprint", name="uq_seamwatch_incidents_cause"),)


class IncidentEventRow(Table):
    """What happened to an incident; only ever added to."""

    __tablename__ = "seamwatch_incident_events"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("seamwatch_incidents.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    window: Mapped[str | None] = mapped_column(String(64))
    by: Mapped[str | None] = mapped_column(RecordText)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    door: Mapped[str | None] = mapped_column(String(20))
    """By which way it came; null before revision 0013."""
    why: Mapped[str | None] = mapped_column(RecordText)
    """What was said of it; null before revision 0013."""
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Whose it was said to be then: responsibility, stage, fields, confidence; null before revision 0019."""


class ActionRow(Table):
    """An action that changes something outside, as it is now."""

    __tablename__ = "seamwatch_actions"
    id: Mapped[str] = mapped_column(String(400), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("seamwatch_incidents.id"), index=True)
    pipeline: Mapped[str] = mapped_column(String(200), index=True)
    target: Mapped[str | None] = mapped_column(RecordText)
    """What it changes; null where it is impossible."""
    state: Mapped[str] = mapped_column(String(20), index=True)
    proposed_at: Mapped[datetime] = mapped_column(UtcTime)
    action: Mapped[dict[str, Any]] = mapped_column(JSON)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Until then somebody works on it."""


class RunbookStepRow(Table):
    """What one step of one run of a runbook found."""

    __tablename__ = "seamwatch_runbook_steps"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("seamwatch_incidents.id"), index=True)
    run: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(80))
    step: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = (UniqueConstraint("incident_id", "run", "name", name="uq_seamwatch_runbook_steps_run"),)
