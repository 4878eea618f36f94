"""Evaluations of answers, samples put before people, and what people said of them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_EVALUATIONS, _DRAWS = "seamwatch_evaluations", "seamwatch_review_draws"
_ITEMS, _LABELS = "seamwatch_review_items", "seamwatch_labels"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        _EVALUATIONS,
        sa.Column("pipeline", sa.String(200), primary_key=True),
        sa.Column("evaluator", sa.String(200), primary_key=True),
        sa.Column("start_at", sa.DateTime(), primary_key=True),
        sa.Column("end_at", sa.DateTime(), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
    )
    op.create_table(
        _DRAWS,
        sa.Column("pipeline", sa.String(200), primary_key=True),
        sa.Column("start_at", sa.DateTime(), primary_key=True),
        sa.Column("end_at", sa.DateTime(), nullable=False),
        sa.Column("draw", sa.JSON(), nullable=False),
    )
    op.create_table(
        _ITEMS,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("pipeline", sa.String(200), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("record_at", sa.DateTime(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(), nullable=False),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.Column("assigned_to", sa.String(200), nullable=True),
        sa.Column("assigned_until", sa.DateTime(), nullable=True),
        sa.Column("form_task", sa.Text(), nullable=True),
        sa.Column("is_answered", sa.Boolean(), nullable=False),
        sa.Column("skipped_by", sa.JSON(), nullable=False),
    )
    op.create_index("ix_seamwatch_review_items_open", _ITEMS, ["pipeline", "is_answered", "drawn_at"])
    op.create_table(
        _LABELS,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("pipeline", sa.String(200), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("record_at", sa.DateTime(), nullable=True),
        sa.Column("item", sa.String(64), nullable=True, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("answer", sa.String(64), nullable=False),
        sa.Column("corrected", sa.JSON(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("labelled_by", sa.String(200), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
    )
    op.create_index("ix_seamwatch_labels_pipeline", _LABELS, ["pipeline", "at"])


def downgrade() -> None:
    """Drop them."""
    for table in (_LABELS, _ITEMS, _DRAWS, _EVALUATIONS):
        op.drop_table(table)
