"""A window and its causes keep how many records each of its equal spans has: hours may differ in what they lose."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = (("seamwatch_windows", "judged_by_part"), ("seamwatch_causes", "by_part"))


def upgrade() -> None:
    """Add the columns; of windows from before the spans are not known."""
    for table, column in _COLUMNS:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column(column, sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    for table, column in reversed(_COLUMNS):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
