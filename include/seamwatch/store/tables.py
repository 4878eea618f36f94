"""The tables of the store. Rows stay in this folder; everyone else sees dataclasses and frames."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from seamwatch.errors import DataContractError


class UtcTime(TypeDecorator[datetime]):
    """A moment, stored as UTC without zone so that both databases keep and compare it alike; aware on the way out."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC without zone; a naive time is refused."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"the store takes aware times only; got {value.isoformat()}"
            raise DataContractError(msg)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the aware time."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL takes no NUL, neither database takes half a surrogate pair; JSON that a system recorded can hold both."""


class RecordText(TypeDecorator[str]):
    """Text out of records, of any length; a character that cannot be stored becomes U+FFFD on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return text that can be stored."""
        del dialect
        return None if value is None else _UNSTORABLE.sub("\ufffd", value)


class Table(DeclarativeBase):
    """Base of all tables."""


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


class DocumentRow(Table):
    """A document at the source of a knowledge base, as the last check saw it."""

    __tablename__ = "seamwatch_documents"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    knowledge_base: Mapped[str] = mapped_column(String(200), primary_key=True)
    document: Mapped[str] = mapped_column(RecordText, primary_key=True)
    raw: Mapped[str] = mapped_column(RecordText)
    """Id as the source names it."""
    version: Mapped[str | None] = mapped_column(RecordText)
    changed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    content_hash: Mapped[str | None] = mapped_column(String(128))
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    problem: Mapped[str | None] = mapped_column(RecordText)


class IndexedRow(Table):
    """A version of a document in the index of a knowledge base, as the last check saw it."""

    __tablename__ = "seamwatch_indexed_documents"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    knowledge_base: Mapped[str] = mapped_column(String(200), primary_key=True)
    document: Mapped[str] = mapped_column(RecordText, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    raw: Mapped[str] = mapped_column(RecordText)
    content_hash: Mapped[str | None] = mapped_column(String(128))
    indexed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    n_chunks: Mapped[float | None] = mapped_column(Float)
    n_expected: Mapped[float | None] = mapped_column(Float)
    embedding_model: Mapped[str | None] = mapped_column(RecordText)
    dimension: Mapped[float | None] = mapped_column(Float)


class DocumentFaultRow(Table):
    """What was wrong with a document, from when to when."""

    __tablename__ = "seamwatch_document_findings"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    knowledge_base: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(RecordText)
    reason: Mapped[str] = mapped_column(String(40))
    since: Mapped[datetime | None] = mapped_column(UtcTime)
    until: Mapped[datetime | None] = mapped_column(UtcTime)
    detail: Mapped[str] = mapped_column(RecordText)
    __table_args__ = (Index("ix_seamwatch_document_findings_place", "pipeline", "knowledge_base", "until"),)


class FreshnessCheckRow(Table):
    """One look at one knowledge base."""

    __tablename__ = "seamwatch_freshness_checks"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    knowledge_base: Mapped[str] = mapped_column(String(200), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    is_full: Mapped[bool]
    source_watermark: Mapped[str | None] = mapped_column(Text)
    index_watermark: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any]] = mapped_column(JSON)


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


class HeartbeatRow(Table):
    """When a recurring job last ended well; of a knowledge base, where the job is about one."""

    __tablename__ = "seamwatch_heartbeats"
    pipeline: Mapped[str] = mapped_column(String(200), primary_key=True)
    part: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


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


class WeeklyReviewRow(Table):
    """A week as it was told when it was closed."""

    __tablename__ = "seamwatch_weekly_reviews"
    week: Mapped[str] = mapped_column(String(8), primary_key=True)
    closed_at: Mapped[datetime] = mapped_column(UtcTime)
    review: Mapped[dict[str, Any]] = mapped_column(JSON)


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
