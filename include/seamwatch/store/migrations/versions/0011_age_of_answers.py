"""Cached answers know when they were given, so that old ones can go."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE, _INDEX = "seamwatch_replays", "ix_seamwatch_replays_created_at"


def upgrade() -> None:
    """Add the column; answers from before get the time of their window, others stay without."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.add_column(sa.Column("created_at", sa.DateTime(), nullable=True))
        batch.create_index(_INDEX, ["created_at"])
    connection = op.get_bind()
    windows = sa.table("seamwatch_windows", *map(sa.column, ("pipeline", "window", "begun_at")))
    answers = sa.table(_TABLE, sa.column("scope"), sa.column("created_at"))
    # Window by window, as the scope leads the primary key; a join on a composed text would read all of both.
    for pipeline, window, begun_at in connection.execute(sa.select(*windows.c)).all():
        connection.execute(
            sa.update(answers).where(answers.c.scope == f"{pipeline}/{window}").values(created_at=begun_at)
        )


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table(_TABLE) as batch:
        batch.drop_index(_INDEX)
        batch.drop_column("created_at")
