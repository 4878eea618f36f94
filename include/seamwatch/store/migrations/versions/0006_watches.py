"""Watches: what they keep of past hours, and what they found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "seamwatch_aggregates",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("watch", sa.String(length=40), nullable=False),
        sa.Column("series", sa.String(length=300), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "watch", "series", "start_at"),
    )
    op.create_table(
        "seamwatch_watch_reports",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("watch", sa.String(length=40), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("end_at", sa.DateTime(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "watch", "start_at", "end_at"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("watch_reports", "aggregates"):
        op.drop_table(f"seamwatch_{table}")
