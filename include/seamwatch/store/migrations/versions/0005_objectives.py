"""Objectives: events by five minutes, the ledger's debits, rulings and overrides, and the last look."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "seamwatch_slo_buckets",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("objective", sa.String(length=200), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("total", "judged", "bad", "usd")),
        sa.PrimaryKeyConstraint("pipeline", "objective", "start_at"),
    )
    op.create_table(
        "seamwatch_debits",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("objective", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("incident", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_seamwatch_debits_place", "seamwatch_debits", ["pipeline", "objective", "at"])
    op.create_table(
        "seamwatch_rulings",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("incident", sa.String(length=300), nullable=False),
        sa.Column("is_void", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_seamwatch_rulings_pipeline", "seamwatch_rulings", ["pipeline"])
    op.create_table(
        "seamwatch_overrides",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("objective", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_seamwatch_overrides_pipeline", "seamwatch_overrides", ["pipeline"])
    op.create_table(
        "seamwatch_slo_status",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("looked_at", sa.DateTime(), nullable=False),
        sa.Column("late_at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("slo_status", "overrides", "rulings", "debits", "slo_buckets"):
        op.drop_table(f"seamwatch_{table}")
