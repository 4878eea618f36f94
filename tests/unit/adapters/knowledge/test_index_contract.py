"""What every index says of the same planted chunks; each is the real library, or the real database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import chromadb
import pandas as pd
import psycopg2
import pytest
from chromadb.config import Settings
from qdrant_client import QdrantClient, models
from sqlalchemy import make_url

from seamwatch.adapters.base import DocumentIndex
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.factory import open_index
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import INDEX_COLUMNS
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import ChromaIndex, DocumentIndexSpec, QdrantIndex, SqlIndex

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = {
    "document": "source",
    "content_hash": "sha",
    "indexed_at": "written",
    "chunk": "n",
    "chunks": "of",
    "embedding_model": "model",
}
COLUMNS = ("source", "sha", "written", "n", "of", "model")
DIMENSION = 3


@dataclass(frozen=True)
class Chunk:
    source: str | None
    sha: str | None = "h1"
    at: datetime | None = START
    n: int | None = 0
    of: int | None = 1
    model: str | None = "small"
    text: str | None = None

    def values(self, form: Callable[[datetime], Any]) -> dict[str, Any]:
        written = None if self.at is None else form(self.at)
        return dict(zip(COLUMNS, (self.source, self.sha, written, self.n, self.of, self.model), strict=True))


def document(source: str, n_chunks: int, **facts: Any) -> list[Chunk]:
    return [Chunk(source, n=n, of=n_chunks, text=f"{source} {n}", **facts) for n in range(n_chunks)]


PLANTED = [
    *reversed(document("policies/refunds.md", 12)),
    *document("policies/two-versions.md", 2, sha="old", at=START - timedelta(days=9)),
    *document("policies/two-versions.md", 3, sha="new", at=START + timedelta(hours=1)),
    *document("policies/partial.md", 4)[1:],
    *document("policies/written-twice.md", 2),
    *document("policies/written-twice.md", 2),
    *document("policies/two-models.md", 1),
    *document("policies/two-models.md", 1, model="large"),
    *document("Règles/Çédille été.md", 1),
    *document("2024", 2),
    Chunk("policies/says-nothing.md", sha=None, at=None, n=None, of=None, model=None),
    Chunk("policies/says-nothing.md", sha=None, at=None, n=None, of=None, model=None, text="second"),
    Chunk(None, text="whose?"),
]


def recount(chunks: Sequence[Chunk]) -> pd.DataFrame:
    """Return the versions, counted by pandas one group at a time."""
    frame = pd.DataFrame([one.__dict__ for one in chunks if one.source is not None])
    rows = []
    for (source, sha, model), group in frame.groupby(["source", "sha", "model"], dropna=False):
        rows.append(
            {
                "document": source,
                "content_hash": None if pd.isna(sha) else sha,
                "indexed_at": pd.to_datetime(group["at"], utc=True).max(),
                "n_chunks": float(group["n"].nunique() + group["n"].isna().sum()),
                "n_expected": float("nan") if group["of"].isna().all() else float(group["of"].max()),
                "embedding_model": None if pd.isna(model) else model,
                "dimension": float(DIMENSION),
            }
        )
    return in_order(pd.DataFrame(rows, columns=list(INDEX_COLUMNS)))


def in_order(versions: pd.DataFrame) -> pd.DataFrame:
    by = ["document", "content_hash", "embedding_model"]
    ordered = versions.sort_values(by, key=lambda c: c.fillna("").astype(str), ignore_index=True)
    ordered["indexed_at"] = pd.to_datetime(ordered["indexed_at"], utc=True).dt.as_unit("us")
    for name in by:
        ordered[name] = ordered[name].astype(object).where(ordered[name].notna(), None)
    return ordered


class SqliteTable:
    def __init__(self, folder: Path, form: Callable[[datetime], Any]) -> None:
        self.file, self.form = folder / "index.db", form
        self.spec = SqlIndex(kind="sql", table="chunks", text="body", vector="embedding", **KEYS)
        self.env = {"AIRFLOW_CONN_BASE": json.dumps({"conn_type": "sqlite", "host": str(self.file)})}
        with closing(sqlite3.connect(self.file)) as database, database:
            database.execute("CREATE TABLE chunks (source, sha, written, n, [of], model, body, embedding TEXT)")

    def write(self, chunks: Sequence[Chunk]) -> None:
        rows = [(*one.values(self.form).values(), one.text, "[1, 2, 3]") for one in chunks]
        with closing(sqlite3.connect(self.file)) as database, database:
            database.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def connection_of(url: str) -> str:
    """Return an Airflow connection as JSON; the server may listen on a socket only."""
    parts = make_url(url)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts.host or parts.query["host"],
            "login": parts.username,
            "password": parts.password,
            "port": parts.port,
            "schema": parts.database,
        }
    )


class PostgresTable:
    def __init__(self, url: str, form: Callable[[datetime], Any]) -> None:
        self.url, self.form = url.replace("+psycopg2", ""), form
        self.spec = SqlIndex(kind="sql", table="Search Index.chunks", text="body", vector="embedding", **KEYS)
        self.env = {"AIRFLOW_CONN_BASE": connection_of(url)}
        with closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION vector")
            cursor.execute('CREATE SCHEMA "Search Index"')
            cursor.execute(
                'CREATE TABLE "Search Index".chunks (source text, sha text, written timestamptz, n int, "of" int, '
                "model text, body text, embedding vector)"
            )

    def write(self, chunks: Sequence[Chunk]) -> None:
        rows = [(*one.values(self.form).values(), one.text, "[1, 2, 3]") for one in chunks]
        with closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.executemany('INSERT INTO "Search Index".chunks VALUES (%s, %s, %s, %s, %s, %s, %s, %s)', rows)


class ChromaCollection:
    def __init__(self, folder: Path, form: Callable[[datetime], Any]) -> None:
        self.folder, self.form, self.n = folder / "chroma", form, 0
        self.spec = ChromaIndex(kind="chroma", path=str(self.folder), collection="chunks", **KEYS)
        self.env: dict[str, str] = {}
        with self._client() as client:
            client.create_collection("chunks")

    @contextmanager
    def _client(self) -> Iterator[Any]:
        client = chromadb.PersistentClient(path=str(self.folder), settings=Settings(anonymized_telemetry=False))
        try:
            yield client
        finally:
            client.close()

    def write(self, chunks: Sequence[Chunk]) -> None:
        with self._client() as client:
            told = [{k: v for k, v in one.values(self.form).items() if v is not None} for one in chunks]
            client.get_collection("chunks", embedding_function=None).add(
                ids=[str(self.n + i) for i in range(len(chunks))],
                embeddings=[[1.0, 2.0, 3.0]] * len(chunks),
                metadatas=[one or None for one in told],
                documents=[one.text for one in chunks],
            )
        self.n += len(chunks)


class QdrantCollection:
    def __init__(self, folder: Path, form: Callable[[datetime], Any]) -> None:
        self.folder, self.form, self.n = folder / "qdrant", form, 0
        nested = {field: f"meta.{key}" for field, key in KEYS.items()}
        self.spec = QdrantIndex(kind="qdrant", path=str(self.folder), collection="chunks", text="body", **nested)
        self.env: dict[str, str] = {}
        size = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
        with closing(QdrantClient(path=str(self.folder))) as client:
            client.create_collection("chunks", vectors_config=size)

    def write(self, chunks: Sequence[Chunk]) -> None:
        points = [
            models.PointStruct(
                id=self.n + i, vector=[1.0, 2.0, 3.0], payload={"meta": one.values(self.form), "body": one.text}
            )
            for i, one in enumerate(chunks)
        ]
        with closing(QdrantClient(path=str(self.folder))) as client:
            client.upsert("chunks", points)
        self.n += len(chunks)


def iso(at: datetime) -> str:
    return at.isoformat()


def epoch_s(at: datetime) -> float:
    return at.timestamp()


def epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def same(at: datetime) -> datetime:
    return at


KINDS: list[Any] = [
    pytest.param(SqliteTable, iso, id="sqlite-text"),
    pytest.param(SqliteTable, epoch_s, id="sqlite-seconds"),
    pytest.param(ChromaCollection, epoch_s, id="chroma-seconds"),
    pytest.param(ChromaCollection, epoch_ms, id="chroma-milliseconds"),
    pytest.param(QdrantCollection, iso, id="qdrant-text"),
    pytest.param(QdrantCollection, epoch_s, id="qdrant-seconds"),
    pytest.param(PostgresTable, same, id="pgvector", marks=pytest.mark.integration),
]


@pytest.fixture
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    kind, form = request.param
    if kind is PostgresTable:
        return PostgresTable(request.getfixturevalue("postgres_database")(), form)
    return kind(tmp_path, form)


every_kind = pytest.mark.parametrize(
    "base", [pytest.param(p.values, id=p.id, marks=p.marks) for p in KINDS], indirect=True
)


def place_of(base: Any) -> Place:
    return Place(
        name="support.policies",
        project_dir=Path("/nowhere"),
        connections=EnvironmentConnections(base.env),
        database="base",
        cache_dir=Path("/nowhere"),
    )


@contextmanager
def opened(base: Any, **changed: Any) -> Iterator[DocumentIndex]:
    spec: DocumentIndexSpec = base.spec.model_copy(update=changed)
    index = open_index(spec, place_of(base))
    try:
        yield index
    finally:
        index.close()


@every_kind
def test_a_full_listing_is_what_a_recount_gives(base: Any) -> None:
    base.write(PLANTED)
    with opened(base) as index:
        listing = index.listing(None)
    assert listing.is_complete
    pd.testing.assert_frame_equal(in_order(listing.versions), recount(PLANTED), check_dtype=False)
    assert "1 chunk of the index names no document, left out" in listing.notes
    assert any("have no time" in note for note in listing.notes)


@every_kind
def test_an_incremental_listing_has_every_version_of_the_documents_that_were_written_since(base: Any) -> None:
    base.write(PLANTED)
    with opened(base) as index:
        since = index.listing(None).watermark
    assert since is not None
    later = [
        # An old version stays beside the new one; and one is written at the very time of the newest chunk so far.
        *document("policies/refunds.md", 2, sha="h2", at=START + timedelta(hours=5)),
        *document("policies/same-time.md", 1, at=START + timedelta(hours=1)),
        *document("policies/copied-from-a-backup.md", 1, at=START - timedelta(days=300)),
    ]
    base.write(later)
    with opened(base) as index:
        listing = index.listing(since)
        after = index.listing(listing.watermark)
    assert not listing.is_complete
    touched = {"policies/refunds.md", "policies/same-time.md", "policies/two-versions.md"}
    expected = recount([one for one in [*PLANTED, *later] if one.source in touched])
    pd.testing.assert_frame_equal(in_order(listing.versions), expected, check_dtype=False)
    assert set(after.versions["document"]) == {"policies/refunds.md"}
    assert after.watermark == listing.watermark != since


@every_kind
def test_a_chunk_leads_to_its_document(base: Any) -> None:
    base.write([*document("policies/refunds.md", 2), *document("2024", 1), Chunk(None, text="whose?")])
    # The table has no ids of its own; the number of a chunk is one as far as it goes.
    changed = {"chunk_id": KEYS["chunk"]} if isinstance(base.spec, SqlIndex) else {}
    asked = [
        "0",
        "1",
        "3",
        "17",
        "no such chunk",
        "",
        "-1",
        "9" * 30,
        "0b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "1' OR 1",
    ]
    with opened(base, **changed) as index:
        found = index.documents_of(asked)
        assert index.documents_of([]) == {}
    assert found["1"] == "policies/refunds.md"
    assert set(found) <= {"0", "1"}
    assert set(found.values()) <= {"policies/refunds.md", "2024"}


def test_a_table_without_a_column_of_chunk_ids_knows_no_chunk(tmp_path: Path) -> None:
    base = SqliteTable(tmp_path, iso)
    base.write(document("policies/refunds.md", 2))
    with opened(base) as index:
        assert index.documents_of(["0", "1"]) == {}


@every_kind
def test_nothing_new_keeps_the_watermark(base: Any) -> None:
    base.write(document("policies/refunds.md", 2))
    with opened(base) as index:
        mark = index.listing(None).watermark
        assert mark is not None
        beyond = str(int(mark) + 10**6) if mark.isdigit() else (START + timedelta(days=1)).isoformat()
        listing = index.listing(beyond)
    assert not len(listing.versions)
    assert listing.watermark == beyond


@every_kind
def test_a_clock_in_the_future_does_not_hide_what_is_written_until_then(base: Any) -> None:
    base.write(document("policies/from-the-future.md", 1, at=datetime.now(UTC) + timedelta(days=3000)))
    with opened(base) as index:
        full = index.listing(None)
    assert any("in the future" in note for note in full.notes)
    base.write(document("policies/refunds.md", 1, at=datetime.now(UTC)))
    with opened(base) as index:
        assert "policies/refunds.md" in set(index.listing(full.watermark).versions["document"])


@every_kind
def test_as_long_as_the_newest_chunk_is_recent_earlier_ones_may_still_come(base: Any) -> None:
    now = datetime.now(UTC)
    base.write(document("policies/refunds.md", 1, at=now))
    with opened(base) as index:
        full = index.listing(None)
    base.write(document("policies/late.md", 1, at=now - timedelta(minutes=5)))
    with opened(base) as index:
        assert "policies/late.md" in set(index.listing(full.watermark).versions["document"])


@every_kind
def test_texts_are_read_in_the_order_of_the_chunks(base: Any) -> None:
    base.write(PLANTED)
    with opened(base) as index:
        texts = index.read(["policies/refunds.md", "Règles/Çédille été.md", "2024", "policies/says-nothing.md", "gone"])
        assert index.read([]) == {}
    assert texts == {
        "policies/refunds.md": [f"policies/refunds.md {n}" for n in range(12)],
        "Règles/Çédille été.md": ["Règles/Çédille été.md 0"],
        "2024": ["2024 0", "2024 1"],
        "policies/says-nothing.md": ["second"],
    }


@every_kind
def test_ids_and_order_hold_over_many_pages(base: Any) -> None:
    # More documents than one statement asks for, and more chunks than one page holds.
    n_documents, n_each = (510, 2) if isinstance(base, QdrantCollection) else (1_010, 5)
    chunks = [one for n in range(n_documents) for one in document(f"d{n}", n_each)]
    base.write(chunks[:1_000])
    base.write(chunks[1_000:])
    with opened(base) as index:
        listing = index.listing(None)
        texts = index.read([f"d{n}" for n in range(n_documents)])
    assert len(listing.versions) == n_documents
    assert set(listing.versions["n_chunks"]) == {float(n_each)}
    assert texts == {f"d{n}": [f"d{n} {m}" for m in range(n_each)] for n in range(n_documents)}


@every_kind
def test_whole_numbers_may_name_documents(base: Any) -> None:
    if isinstance(base, PostgresTable):
        pytest.skip("its column is text")
    base.write([replace(one, source=17) for one in document("17", 2)])  # type: ignore[arg-type]
    with opened(base) as index:
        mark = index.listing(None)
        assert mark.versions["document"].tolist() == ["17"]
        assert index.listing(mark.watermark).versions["document"].tolist() == ["17"]
        assert index.read(["17"]) == {"17": ["17 0", "17 1"]}


@every_kind
def test_an_empty_index_is_an_empty_listing_with_a_note(base: Any) -> None:
    with opened(base) as index:
        listing = index.listing(None)
    assert list(listing.versions.columns) == list(INDEX_COLUMNS)
    assert not len(listing.versions)
    assert listing.is_complete
    assert listing.notes == ("the index holds no chunk",)


@every_kind
def test_a_name_that_there_is_not_is_told_with_those_that_there_are(base: Any) -> None:
    base.write(document("policies/refunds.md", 2))
    wrong = base.spec.document + "s"
    with pytest.raises(KnowledgeError, match=f"did you mean '{base.spec.document}'") as caught:  # noqa: SIM117
        with opened(base, document=wrong) as index:
            index.listing(None)
    assert not caught.value.retryable
    assert "support.policies" in str(caught.value)
    container = "table" if base.spec.kind == "sql" else "collection"
    misspelt = {container: getattr(base.spec, container).removesuffix("s")}
    with pytest.raises(KnowledgeError, match=f"no {container} .* known.*: chunks") as caught:  # noqa: SIM117
        with opened(base, **misspelt) as index:
            index.listing(None)
    assert not caught.value.retryable


@every_kind
def test_only_the_document_needs_to_be_recorded(base: Any) -> None:
    base.write(document("policies/refunds.md", 2))
    bare = dict.fromkeys(("content_hash", "indexed_at", "chunk", "chunks", "embedding_model"))
    with opened(base, **bare) as index:
        listing = index.listing(None)
        again = index.listing(listing.watermark)
        texts = index.read(["policies/refunds.md"])
    assert listing.watermark is None
    assert again.is_complete
    assert listing.versions[["document", "n_chunks", "dimension"]].to_numpy().tolist() == [
        ["policies/refunds.md", 2, 3]
    ]
    assert sorted(texts["policies/refunds.md"]) == ["policies/refunds.md 0", "policies/refunds.md 1"]


def test_chroma_reads_everything_where_times_are_text(tmp_path: Path) -> None:
    base = ChromaCollection(tmp_path, iso)
    base.write(PLANTED)
    with opened(base) as index:
        listing = index.listing(None)
    assert listing.watermark is None
    assert any("is text, which Chroma does not compare" in note for note in listing.notes)
    pd.testing.assert_frame_equal(in_order(listing.versions), recount(PLANTED), check_dtype=False)
