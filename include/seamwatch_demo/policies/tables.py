"""Tables of the policy assistant, in the same warehouse as the support desk's."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()


def _key() -> sa.Column[Any]:
    return sa.Column("question_id", sa.String, primary_key=True)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, index=True)


sa.Table(
    "policy_questions",
    METADATA,
    _key(),
    _time("asked_at"),
    *(sa.Column(name, sa.String) for name in ("asked_by", "channel", "locale", "area")),
    sa.Column("text", sa.Text),
)
sa.Table(
    "policy_requests",
    METADATA,
    _key(),
    _time("mapped_at"),
    sa.Column("question", sa.Text),
    *(sa.Column(name, sa.String) for name in ("locale", "product_area")),
)
sa.Table("policy_context", METADATA, _key(), _time("served_at"), sa.Column("documents", sa.Text))
sa.Table(
    "policy_calls",
    METADATA,
    _key(),
    _time("called_at"),
    *(sa.Column(name, sa.Text) for name in ("request", "response")),
    *(sa.Column(name, sa.String) for name in ("status", "finish_reason", "model")),
    sa.Column("latency_ms", sa.Float),
    *(sa.Column(name, sa.Integer) for name in ("input_tokens", "output_tokens")),
    sa.Column("cost_usd", sa.Float),
)
sa.Table(
    "policy_results",
    METADATA,
    _key(),
    _time("answered_at"),
    sa.Column("answer", sa.String),
    sa.Column("source", sa.String),
)
sa.Table(
    "policy_replies", METADATA, _key(), _time("sent_at"), sa.Column("answer", sa.String), sa.Column("source", sa.String)
)
sa.Table("policy_answers", METADATA, _key(), _time("labelled_at"), sa.Column("answer", sa.String, nullable=False))
sa.Table(
    "policy_chunks",
    METADATA,
    sa.Column("document", sa.String, primary_key=True),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("chunks", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("content_hash", sa.String, nullable=False),
    _time("indexed_at"),
    sa.Column("embedding_model", sa.String, nullable=False),
    sa.Column("vector", sa.Text, nullable=False),
)
