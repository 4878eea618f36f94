"""A baseline keeps what became of each benchmark input, so that later answers are compared on the same ones."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; baselines from before have no inputs."""
    op.create_table(
        "seamwatch_baseline_results",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("is_right", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.String(length=64), nullable=True),
        sa.Column("again", sa.String(length=64), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "number"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("seamwatch_baseline_results")
