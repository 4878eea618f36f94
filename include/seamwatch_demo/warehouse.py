"""The enterprise's tables: what each system of the demo leaves behind, in any database that SQLAlchemy knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

Rows = dict[str, list[dict[str, Any]]]
"""By table, its rows."""

METADATA = sa.MetaData()


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, index=True)


def _ticket_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("ticket_id", sa.String, primary_key=True),
        _time("created_at"),
        _time("updated_at"),
        sa.Column("customer_id", sa.String, nullable=False),
        sa.Column("customer_tier", sa.String),
        sa.Column("product_code", sa.String),
        sa.Column("contract_code", sa.String),
        sa.Column("amount_cents", sa.Integer),
        sa.Column("currency", sa.String),
        sa.Column("ordered_on", sa.String),
        sa.Column("channel", sa.String),
        sa.Column("language", sa.String),
        sa.Column("subject", sa.String),
        sa.Column("body", sa.Text),
    ]


sa.Table("crm_tickets", METADATA, *_ticket_columns())
sa.Table("benchmark_tickets", METADATA, *_ticket_columns(), sa.Column("queue", sa.String, nullable=False))
sa.Table(
    "ai_requests",
    METADATA,
    sa.Column("ticket_id", sa.String, primary_key=True),
    _time("mapped_at"),
    *(sa.Column(name, sa.String) for name in ("opened_on", "channel", "customer_tier", "product_name", "plan_name")),
    sa.Column("amount", sa.Float),
    *(sa.Column(name, sa.String) for name in ("currency", "ordered_on", "subject")),
    sa.Column("message", sa.Text),
)
sa.Table(
    "ai_calls",
    METADATA,
    sa.Column("call_id", sa.String, primary_key=True),
    sa.Column("ticket_id", sa.String, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    _time("called_at"),
    _time("ended_at"),
    sa.Column("prompt_version", sa.String),
    sa.Column("request", sa.Text),
    sa.Column("response", sa.Text),
    sa.Column("status", sa.String),
    sa.Column("finish_reason", sa.String),
    sa.Column("model", sa.String),
    sa.Column("latency_ms", sa.Float),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("cost_usd", sa.Float),
)
sa.Table(
    "ai_results",
    METADATA,
    sa.Column("ticket_id", sa.String, primary_key=True),
    _time("decided_at"),
    sa.Column("queue", sa.String),
    sa.Column("priority", sa.Integer),
    sa.Column("confidence", sa.Float),
)
sa.Table(
    "crm_routing",
    METADATA,
    sa.Column("ticket_id", sa.String, primary_key=True),
    _time("routed_at"),
    sa.Column("queue", sa.String),
    sa.Column("priority", sa.Integer),
    sa.Column("routed_by", sa.String),
)
sa.Table(
    "human_labels",
    METADATA,
    sa.Column("ticket_id", sa.String, primary_key=True),
    _time("labelled_at"),
    sa.Column("queue", sa.String, nullable=False),
)


WRITTEN_AT = {
    "crm_tickets": "updated_at",
    "ai_requests": "mapped_at",
    "ai_calls": "ended_at",
    "ai_results": "decided_at",
    "crm_routing": "routed_at",
    "human_labels": "labelled_at",
}
"""By table, the column with the time from which on a row is there."""


class Warehouse:
    """The database that holds the tables."""

    def __init__(self, url: sa.URL) -> None:
        """Connect to it, and create what is missing."""
        self.url = url
        self._engine = sa.create_engine(url)
        METADATA.create_all(self._engine)

    def append(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Add rows to tables, all or none; IntegrityError if a key is there already."""
        with self._engine.begin() as connection:
            for name, some in rows.items():
                if some:
                    connection.execute(METADATA.tables[name].insert(), [dict(row) for row in some])

    def between(self, table: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return the rows of a table that were written within a time."""
        written_at = METADATA.tables[table].c[WRITTEN_AT[table]]
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(METADATA.tables[table]).where(written_at >= start, written_at < end))
            return [dict(row) for row in rows.mappings()]

    def replace(self, rows: Mapping[str, Sequence[Mapping[str, Any]]], tickets: Sequence[str]) -> None:
        """Put rows in the place of those that tables hold of some tickets, all or none."""
        with self._engine.begin() as connection:
            for name, some in rows.items():
                table = METADATA.tables[name]
                connection.execute(table.delete().where(table.c.ticket_id.in_(tickets)))
                if some:
                    connection.execute(table.insert(), [dict(row) for row in some])

    def count(self, table: str) -> int:
        """Return how many rows a table holds."""
        with self._engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(METADATA.tables[table])
            return int(connection.execute(query).scalar_one())

    def count_calls(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Return how many calls of the model ended in a time, and how many of them were repetitions."""
        calls = METADATA.tables["ai_calls"]
        query = sa.select(sa.func.count(), sa.func.count(sa.case((calls.c.attempt > 1, 1)))).where(
            calls.c.ended_at.between(start, end)
        )
        with self._engine.connect() as connection:
            n_calls, n_again = connection.execute(query).one()
        return int(n_calls), int(n_again)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
