"""What people write and choose in the forms that Slack shows: why, and the incident to merge into."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLE = "seamwatch_slack_actions"


def upgrade() -> None:
    """Add both columns; a press from before has neither."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.add_column(sa.Column("why", sa.Text(), nullable=True))
        batch.add_column(sa.Column("merge_into", sa.String(300), nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_column("merge_into")
        batch.drop_column("why")
