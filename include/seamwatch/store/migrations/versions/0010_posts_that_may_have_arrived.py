"""A message keeps that its post began, before it is posted, and by which token it can be found in the channel."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLE = "seamwatch_deliveries"
_INDEX = "ix_seamwatch_deliveries_due"
_COLUMNS = (
    ("token", sa.String(64)),
    ("post_began_at", sa.DateTime()),
    ("lease_owner", sa.String(64)),
    ("told_by", sa.Integer()),
    ("recheck_at", sa.DateTime()),
)


def upgrade() -> None:
    """Add the columns; of posts from before it is not known whether any began."""
    with op.batch_alter_table(_TABLE) as batch:
        for column, kind in _COLUMNS:
            batch.add_column(sa.Column(column, kind, nullable=True))
        batch.create_index(_INDEX, ["state", "next_attempt_at"])


def downgrade() -> None:
    """Drop them; what one message told for another is no longer waited for."""
    table = sa.table(_TABLE, sa.column("state", sa.String), sa.column("part", sa.String))
    op.execute(table.delete().where(table.c.part == "second_way"))
    op.execute(table.update().where(table.c.state == "told").values(state="sent"))
    op.execute(table.update().where(table.c.state == "dropped").values(state="failed"))
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_index(_INDEX)
        for column, _ in reversed(_COLUMNS):
            batch.drop_column(column)
