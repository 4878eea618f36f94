"""A reply keeps in which thread it was posted: a head that was posted anew has another one."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE = "seamwatch_deliveries"


def upgrade() -> None:
    """Add the column; of posts from before it is not known."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.add_column(sa.Column("thread", sa.String(200), nullable=True))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_column("thread")
