"""Documents of knowledge bases, how they are indexed, and what is wrong with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from seamwatch.store.tables.base import RecordText, Table, UtcTime


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
