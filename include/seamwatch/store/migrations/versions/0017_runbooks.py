"""What runbooks found, what actions changed outside, and presses of buttons that answer them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ACTIONS, _STEPS = "seamwatch_actions", "seamwatch_runbook_steps"
_PRESSES = "seamwatch_slack_actions"


def upgrade() -> None:
    """Create the tables, and add the column."""
    with op.batch_alter_table(_PRESSES) as batch:
        batch.add_column(sa.Column("answered", sa.String(400), nullable=True))
    op.create_table(
        _ACTIONS,
        sa.Column("id", sa.String(400), primary_key=True),
        sa.Column("incident_id", sa.String(300), sa.ForeignKey("seamwatch_incidents.id"), nullable=False, index=True),
        sa.Column("pipeline", sa.String(200), nullable=False, index=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("state", sa.String(20), nullable=False, index=True),
        sa.Column("proposed_at", sa.DateTime(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
        sa.Column("lease_owner", sa.String(64), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
    )
    op.create_table(
        _STEPS,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("incident_id", sa.String(300), sa.ForeignKey("seamwatch_incidents.id"), nullable=False, index=True),
        sa.Column("run", sa.String(300), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("step", sa.JSON(), nullable=False),
        sa.UniqueConstraint("incident_id", "run", "name", name="uq_seamwatch_runbook_steps_run"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table(_STEPS)
    op.drop_table(_ACTIONS)
    with op.batch_alter_table(_PRESSES) as batch:
        batch.drop_column("answered")
