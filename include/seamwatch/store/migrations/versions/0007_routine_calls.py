"""Half of a day's calls is kept for changes: a reservation knows whether it counts against the other half."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; reservations from before count against the whole day only."""
    with op.batch_alter_table("seamwatch_reservations") as batch:
        batch.add_column(sa.Column("is_routine", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("seamwatch_reservations") as batch:
        batch.drop_column("is_routine")
