"""What happened to an incident keeps by which way it came, and what was said of it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLE = "seamwatch_incident_events"


def upgrade() -> None:
    """Add the columns; of events from before they are not known."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.add_column(sa.Column("door", sa.String(20), nullable=True))
        batch.add_column(sa.Column("why", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_column("why")
        batch.drop_column("door")
