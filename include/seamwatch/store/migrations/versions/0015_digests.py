"""What quiet hours held is told in one digest: each held message keeps in which."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLE = "seamwatch_deliveries"


def upgrade() -> None:
    """Add the column; what was held before it is told by itself."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.add_column(sa.Column("held_for", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_column("held_for")
