"""Buttons of messages that people pressed, recorded before anything is done."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLE = "seamwatch_slack_actions"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("incident_id", sa.String(300), nullable=False, index=True),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("responsibility", sa.String(40), nullable=True),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("connection", sa.String(200), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("done_at", sa.DateTime(), nullable=True, index=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table(_TABLE)
