"""Text out of records has any length; the index on verdicts' keys, which nothing used, could not hold it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("seamwatch_discrepancies", "key", 500, False),
    ("seamwatch_discrepancies", "field", 500, False),
    ("seamwatch_verdicts", "key", 500, False),
    ("seamwatch_replays", "key", 500, False),
    ("seamwatch_incident_events", "by", 200, True),
)
"""Table, column, length before, nullable."""


def upgrade() -> None:
    """Lift the limits."""
    op.drop_index("ix_seamwatch_verdicts_key", table_name="seamwatch_verdicts")
    for table, column, length, is_nullable in _COLUMNS:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, existing_type=sa.String(length), type_=sa.Text(), existing_nullable=is_nullable)


def downgrade() -> None:
    """Set the limits again; PostgreSQL cuts what is longer, SQLite has never looked."""
    for table, column, length, is_nullable in _COLUMNS:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                column,
                existing_type=sa.Text(),
                type_=sa.String(length),
                existing_nullable=is_nullable,
                postgresql_using=f'left("{column}", {length})',
            )
    op.create_index("ix_seamwatch_verdicts_key", "seamwatch_verdicts", ["key"], unique=False)
