"""Run migrations on the connection that the store hands over; there is no other way to run them."""

from __future__ import annotations

from alembic import context

from seamwatch.store.session import VERSION_TABLE
from seamwatch.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
