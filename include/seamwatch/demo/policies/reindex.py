"""`python -m seamwatch.demo.policies.reindex`: bring the demo's index up to date, as its knowledge base's hook.

Finds the world by SEAMWATCH_DEMO_POLICIES and SEAMWATCH_DEMO_WAREHOUSE, which the demo sets.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from seamwatch.demo.policies.index import chunk_rows
from seamwatch.demo.policies.repository import PolicyRepository
from seamwatch.demo.policies.tables import METADATA


def reindex(repository: PolicyRepository, engine: sa.Engine, at: datetime) -> list[str]:
    """Write the chunks of every document whose content is not the one in the index, and return which."""
    documents, table = repository.documents(), METADATA.tables["policy_chunks"]
    with engine.begin() as connection:
        known = {
            document: mark for document, mark in connection.execute(sa.select(table.c.document, table.c.content_hash))
        }
        rows = [row for row in chunk_rows(documents, at) if known.get(row["document"]) != row["content_hash"]]
        changed = sorted({row["document"] for row in rows} | (set(known) - set(documents)))
        if changed:
            connection.execute(sa.delete(table).where(table.c.document.in_(changed)))
        if rows:
            connection.execute(sa.insert(table), rows)
    return changed


def main() -> int:
    """Reindex the demo's policies."""
    folder, url = os.environ.get("SEAMWATCH_DEMO_POLICIES"), os.environ.get("SEAMWATCH_DEMO_WAREHOUSE")
    if not folder or not url:
        print("SEAMWATCH_DEMO_POLICIES and SEAMWATCH_DEMO_WAREHOUSE are not set: no demo is there", file=sys.stderr)
        return 1
    repository = PolicyRepository(Path(folder) / "policies")
    engine = sa.create_engine(url)
    try:
        changed = reindex(repository, engine, datetime.now(UTC))
    finally:
        engine.dispose()
        repository.close()
    print(f"reindexed: {', '.join(changed) or 'nothing had changed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
