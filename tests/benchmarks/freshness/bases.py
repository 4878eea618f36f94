"""Knowledge bases with planted faults: documents in a folder or in git, chunks in SQLite, and what was planted."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.documents import content_hash
from seamwatch.engine.deps import Deps
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.repo import Store
from seamwatch_demo.policies.repository import PolicyRepository

FIRST = datetime(2026, 10, 1, 8, tzinfo=UTC)
INDEXED = FIRST + timedelta(hours=2)
EDITED = FIRST + timedelta(days=20)
CHECKED = FIRST + timedelta(days=21)
MODEL = "embed-1"
METADATA = sa.MetaData()
CHUNKS = sa.Table(
    "chunks",
    METADATA,
    sa.Column("document", sa.String, index=True),
    sa.Column("chunk", sa.Integer),
    sa.Column("chunks", sa.Integer),
    sa.Column("text", sa.Text),
    sa.Column("hash", sa.String),
    sa.Column("indexed_at", sa.DateTime(timezone=True), index=True),
    sa.Column("model", sa.String),
)
SERVED = sa.Table(
    "served",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("served_at", sa.DateTime(timezone=True)),
    sa.Column("documents", sa.Text),
)
KINDS = (
    "stale",
    "missing",
    "ghost",
    "duplicate",
    "embedding_mismatch",
    "partial",
    "skipped",
    "source_outdated",
)
HARMLESS = ("touched", "reformatted_id", "reindexed")
"""Edits that are no fault: a file's time alone, an id in another case, a change that was indexed."""


@dataclass
class Base:
    """One knowledge base, its engine and what is wrong with it."""

    folder: Path
    kind: str
    """`files` or `git`."""
    has_hash: bool
    """Whether the index records content hashes."""
    texts: dict[str, str] = field(default_factory=dict)
    planted: set[tuple[str, str]] = field(default_factory=set)
    """Document and reason."""

    def __post_init__(self) -> None:
        """Make the database, and the project that watches it."""
        self.engine = sa.create_engine(f"sqlite:///{self.folder / 'dw.db'}")
        METADATA.create_all(self.engine)
        self.source = self.folder / "documents"
        self.repository = PolicyRepository(self.source) if self.kind == "git" else None
        self.deps, self.pipeline = watch(self.folder, self.kind, has_hash=self.has_hash)

    def write(self, at: datetime, changed: Sequence[str] | None = None) -> None:
        """Write the documents to their source: all, or those that changed."""
        if self.repository is not None:
            self.repository.commit(self.texts, "Change documents", at)
            return
        for name in self.texts if changed is None else changed:
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.texts[name], encoding="utf-8")
            os.utime(path, (at.timestamp(), at.timestamp()))

    def remove(self, name: str, at: datetime) -> None:
        """Take a document out of its source."""
        del self.texts[name]
        if self.repository is not None:
            self.repository.commit(self.texts, "Remove a document", at)
        else:
            (self.source / name).unlink()

    def index(self, names: Sequence[str], at: datetime, **other: Any) -> None:
        """Write the chunks of documents, in the place of what the index holds of them."""
        rows = [row for name in names for row in self.chunks(name, at, **other)]
        with self.engine.begin() as connection:
            connection.execute(sa.delete(CHUNKS).where(CHUNKS.c.document.in_(list(names))))
            if rows:
                connection.execute(sa.insert(CHUNKS), rows)

    def chunks(self, name: str, at: datetime, *, text: str | None = None, model: str = MODEL) -> list[dict[str, Any]]:
        """Return the rows of a document's chunks."""
        whole = self.texts[name] if text is None else text
        parts = [part for part in whole.split("\n\n") if part.strip() and not part.startswith("---")]
        about = {"document": name, "chunks": len(parts), "indexed_at": at, "model": model}
        mark = content_hash(whole.encode())
        return [{**about, "chunk": n, "text": part, "hash": mark} for n, part in enumerate(parts)]

    def close(self) -> None:
        """Close databases."""
        self.deps.store.close()
        self.engine.dispose()
        if self.repository is not None:
            self.repository.close()


def watch(folder: Path, kind: str, *, has_hash: bool, source: dict[str, Any] | None = None) -> tuple[Deps, Pipeline]:
    """Return the project that watches a base in this folder, with a store of its own."""
    if source is None:
        source = {"kind": kind, "path": str(folder / "documents"), "include": "**/*.md", "expires": "review_by"}
    index = {
        "kind": "sql",
        "table": "chunks",
        "document": "document",
        "chunk": "chunk",
        "chunks": "chunks",
        "text": "text",
        "indexed_at": "indexed_at",
        "embedding_model": "model",
        **({"content_hash": "hash"} if has_hash else {}),
    }
    pipeline = {
        "pipeline": "bench",
        "database": "dw",
        "key": "id",
        "stages": [
            {"name": "question", "kind": "source", "table": "served", "time": "served_at", "fields": ["served_at"]},
            {
                "name": "lookup",
                "kind": "retrieval",
                "table": "served",
                "time": "served_at",
                "knowledge_base": "base",
                "documents": "documents",
            },
        ],
        "knowledge_bases": {
            "base": {"source": source, "index": index, "skip": "drafts/**", "grace": "1s", "over": "30d"}
        },
    }
    (folder / "include" / "pipelines").mkdir(parents=True, exist_ok=True)
    (folder / "include" / "pipelines" / "bench.yaml").write_text(json.dumps(pipeline), encoding="utf-8")
    project = load_project(folder)
    connection = json.dumps({"conn_type": "sqlite", "host": str(folder / "dw.db")})
    deps = Deps(
        project=project,
        connections=EnvironmentConnections({"AIRFLOW_CONN_DW": connection}),
        store=Store.open(f"sqlite:///{folder / 'store.db'}", migrate_first=True),
        data_dir=folder / "data",
        ui_url="",
        clock=lambda: CHECKED,
        notifier=lambda _: None,  # type: ignore[arg-type, return-value]
    )
    return deps, project.pipeline("bench")


def make_base(folder: Path, kind: str, n: int, rng: np.random.Generator, *, has_hash: bool = True) -> Base:
    """Return a base of `n` documents, indexed as they are; a twentieth of them are drafts, which are skipped."""
    base = Base(folder, kind, has_hash)
    for number in range(n):
        name = f"drafts/d{number:04d}.md" if number % 20 == 0 else f"area{number % 7}/Page-{number:04d}.md"
        base.texts[name] = _text(number, rng)
    base.planted |= {(name, "skipped") for name in base.texts if name.startswith("drafts/")}
    base.write(FIRST)
    base.index([name for name in base.texts if not name.startswith("drafts/")], INDEXED)
    return base


def plant(base: Base, per_kind: int, rng: np.random.Generator) -> None:
    """Put `per_kind` faults of every kind, and as many harmless edits, into a base, each on a document of its own."""
    names = [name for name in base.texts if not name.startswith("drafts/")]
    drawn = iter(rng.permutation(np.array(names, dtype=object)).tolist())
    for kind in (*KINDS, *HARMLESS):
        for _ in range(per_kind):
            plant_one(base, kind, str(next(drawn)), rng, EDITED + timedelta(seconds=int(rng.integers(3600))))


def plant_one(base: Base, kind: str, name: str, rng: np.random.Generator, later: datetime) -> None:
    """Put one fault, or one harmless edit, on a document."""
    if kind in ("stale", "reindexed", "source_outdated", "skipped", "touched", "ghost"):
        name = _plant_at_source(base, kind, name, later, rng)
    else:
        _plant_in_index(base, kind, name, later)
    if kind not in HARMLESS:
        base.planted.add((name, kind))


def _plant_at_source(base: Base, kind: str, name: str, later: datetime, rng: np.random.Generator) -> str:
    """Change the source, and return the document that has the fault."""
    if kind == "ghost":
        base.remove(name, later)
        return name
    if kind == "skipped":
        name = f"drafts/{name.replace('/', '_')}"
        base.texts[name] = _text(int(rng.integers(10**6)), rng)
    elif kind == "source_outdated":
        base.texts[name] = f"---\nreview_by: 2026-10-05\n---\n\n{base.texts[name]}"
    elif kind != "touched":
        base.texts[name] = base.texts[name].replace("paragraph 1", f"paragraph 1, revised {rng.integers(10**6)}")
    base.write(later, [name])
    if kind in ("reindexed", "source_outdated"):
        base.index([name], later + timedelta(minutes=1))
    return name


def _plant_in_index(base: Base, kind: str, name: str, later: datetime) -> None:
    mine = CHUNKS.c.document == name
    second = base.chunks(name, later, text=base.texts[name] + "\n\nAn older ending.")
    if not base.has_hash:
        # Without hashes two versions under one id cannot be told; under two forms of it they can.
        second = [{**row, "document": f"./{name.upper()}"} for row in second]
    if kind == "embedding_mismatch":
        base.index([name], later, model="embed-0")
        return
    statements: dict[str, sa.Executable] = {
        "missing": sa.delete(CHUNKS).where(mine),
        "partial": sa.delete(CHUNKS).where(mine, CHUNKS.c.chunk == 1),
        "duplicate": sa.insert(CHUNKS).values(second),
        "reformatted_id": sa.update(CHUNKS).where(mine).values(document=f"./{name.upper()}", indexed_at=later),
    }
    with base.engine.begin() as connection:
        connection.execute(statements[kind])


def _text(number: int, rng: np.random.Generator) -> str:
    lines = [f"# Page {number}"]
    lines += [f"This is paragraph {n} of page {number}: {rng.integers(10**9)}." for n in range(int(rng.integers(3, 7)))]
    return "\n\n".join(lines)
