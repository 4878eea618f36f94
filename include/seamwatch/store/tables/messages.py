"""Messages on their way to a channel, and buttons that were pressed in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


class DeliveryRow(Table):
    """A message on its way."""

    __tablename__ = "seamwatch_deliveries"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("seamwatch_incidents.id"), index=True)
    dedupe_key: Mapped[str] = mapped_column(String(400), unique=True)
    part: Mapped[str] = mapped_column(String(20))
    change: Mapped[str] = mapped_column(String(20))
    channel: Mapped[str] = mapped_column(String(200))
    connection: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), index=True)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    message_id: Mapped[str | None] = mapped_column(String(200))
    last_error: Mapped[str | None] = mapped_column(RecordText)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    token: Mapped[str | None] = mapped_column(String(64))
    """Sent with the message; null until a post begins."""
    post_began_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a post began whose end is not known; null where none did."""
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    told_by: Mapped[int | None] = mapped_column(Integer)
    """The message that tells this one too."""
    recheck_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When to look whether the channel holds it twice; null where it cannot."""
    thread: Mapped[str | None] = mapped_column(String(200))
    """Head in whose thread the last post began; null for a head, and before revision 0012."""
    held_for: Mapped[int | None] = mapped_column(Integer)
    """The digest before which it is not sent, since quiet hours held it; null where none did."""
    __table_args__ = (Index("ix_seamwatch_deliveries_due", "state", "next_attempt_at"),)


class ButtonPressRow(Table):
    """A button of a message that somebody pressed."""

    __tablename__ = "seamwatch_slack_actions"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    incident_id: Mapped[str] = mapped_column(String(300), index=True)
    """As the button said: there may be no such incident; empty where it is about an agreed action."""
    action: Mapped[str] = mapped_column(String(20))
    responsibility: Mapped[str | None] = mapped_column(String(40))
    user_id: Mapped[str] = mapped_column(String(40))
    user_name: Mapped[str] = mapped_column(RecordText)
    channel: Mapped[str] = mapped_column(String(40))
    connection: Mapped[str | None] = mapped_column(String(200))
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[str | None] = mapped_column(RecordText)
    """What became of it, or why it could not be carried out so far."""
    why: Mapped[str | None] = mapped_column(RecordText)
    """As the person wrote it in a form."""
    merge_into: Mapped[str | None] = mapped_column(String(300))
    """The incident to merge into, as chosen in a form."""
    answered: Mapped[str | None] = mapped_column(String(400))
    """Id of the action that is approved or rejected, or of an agreed action; null for any other button, and before
    revision 0017."""


class WeeklyDigestRow(Table):
    """The digest of a week on its way to a channel."""

    __tablename__ = "seamwatch_weekly_digests"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    week: Mapped[str] = mapped_column(String(8))
    channel: Mapped[str] = mapped_column(String(200))
    connection: Mapped[str] = mapped_column(String(200))
    pipelines: Mapped[list[str]] = mapped_column(JSON)
    """Those that tell their incidents there."""
    state: Mapped[str] = mapped_column(String(20), index=True)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcTime)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    token: Mapped[str | None] = mapped_column(String(64))
    """Sent with the message; null until a post begins."""
    post_began_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a post began whose end is not known; null where none did."""
    message_id: Mapped[str | None] = mapped_column(String(200))
    last_error: Mapped[str | None] = mapped_column(RecordText)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    recheck_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When to look whether the channel holds it twice; null where it cannot."""
    __table_args__ = (UniqueConstraint("week", "channel", "connection", name="uq_seamwatch_weekly_digests_place"),)
