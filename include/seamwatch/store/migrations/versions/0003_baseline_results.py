"""A baseline keeps what became of each benchmark input; a cause keeps what it damaged, to tell it from the next one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns; baselines from before have no inputs, causes no fields."""
    with op.batch_alter_table("seamwatch_causes") as batch:
        batch.add_column(sa.Column("fields", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("pattern", sa.String(length=40), nullable=True))
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
    """Drop both."""
    with op.batch_alter_table("seamwatch_causes") as batch:
        batch.drop_column("pattern")
        batch.drop_column("fields")
    op.drop_table("seamwatch_baseline_results")
