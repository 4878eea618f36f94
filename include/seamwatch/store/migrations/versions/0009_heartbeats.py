"""Recurring jobs leave a mark when they end well, so that one that stopped is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; of jobs that ran before nothing is known."""
    op.create_table(
        "seamwatch_heartbeats",
        sa.Column("pipeline", sa.String(200), primary_key=True),
        sa.Column("part", sa.String(300), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("seamwatch_heartbeats")
