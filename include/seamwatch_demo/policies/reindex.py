"""`python -m seamwatch_demo.policies.reindex`: bring the demo's index up to date, as its knowledge base's hook.

Finds the world by SEAMWATCH_DEMO_POLICIES (its folder) and SEAMWATCH_DEMO_WAREHOUSE (URL of its database), which the
demo sets, and what to look at by SEAMWATCH_DOCUMENTS (a JSON list of documents); without that, everything.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from seamwatch.core.documents import content_hash
from seamwatch_demo.policies.documents import policies_by_document
from seamwatch_demo.policies.history import REPOSITORY
from seamwatch_demo.policies.index import Embedder, chunk_rows
from seamwatch_demo.policies.repository import PolicyRepository
from seamwatch_demo.policies.tables import METADATA
from seamwatch_demo.policies.training import load_assistant

CHUNKS = METADATA.tables["policy_chunks"]


def reindex(
    repository: PolicyRepository,
    engine: sa.Engine,
    embedder: Embedder,
    at: datetime | Mapping[str, datetime],
    *,
    only: Collection[str] | None = None,
) -> list[str]:
    """Write the chunks of every document whose content is not the one in the index, and return which.

    Args:
        repository: Holds the documents; one that is no policy is left out.
        engine: Of the database that holds the index.
        embedder: Makes the vectors.
        at: Aware time of the indexing, of all or by document.
        only: Documents to look at; None: all.
    """
    documents = {name: content for name, content in repository.documents().items() if name in policies_by_document()}
    with engine.begin() as connection:
        marks = sa.select(CHUNKS.c.document, CHUNKS.c.content_hash).distinct()
        known = {(document, mark) for document, mark in connection.execute(marks)}
        wanted = known ^ {(name, content_hash(content)) for name, content in documents.items()}
        changed = sorted({name for name, _ in wanted if only is None or name in only})
        if changed:
            connection.execute(sa.delete(CHUNKS).where(CHUNKS.c.document.in_(changed)))
        rows = [
            row
            for name in changed
            if name in documents
            for row in chunk_rows({name: documents[name]}, at if isinstance(at, datetime) else at[name], embedder)
        ]
        if rows:
            connection.execute(sa.insert(CHUNKS), rows)
    return changed


def main() -> int:
    """Reindex the demo's policies."""
    folder, url = os.environ.get("SEAMWATCH_DEMO_POLICIES"), os.environ.get("SEAMWATCH_DEMO_WAREHOUSE")
    if not folder or not url:
        print("SEAMWATCH_DEMO_POLICIES and SEAMWATCH_DEMO_WAREHOUSE are not set: no demo is there", file=sys.stderr)
        return 1
    named = os.environ.get("SEAMWATCH_DOCUMENTS")
    embedder = load_assistant(Path(folder)).embedder
    engine = sa.create_engine(url)
    try:
        with PolicyRepository(Path(folder) / REPOSITORY) as repository:
            only = json.loads(named) if named else None
            changed = reindex(repository, engine, embedder, datetime.now(UTC), only=only)
    finally:
        engine.dispose()
    print(f"reindexed: {', '.join(changed) or 'nothing had changed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
