"""The index in a real PostgreSQL with pgvector: its kinds of vectors, times and ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import make_url

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.factory import open_index
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import IndexListing
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import SqlIndex

pytestmark = pytest.mark.integration
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Database:
    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *statements: str) -> None:
        with (
            closing(psycopg2.connect(self.url.replace("+psycopg2", ""))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def place(self) -> Place:
        parts = make_url(self.url)
        given = {
            "conn_type": "postgres",
            "login": parts.username,
            "password": parts.password,
            "schema": parts.database,
            "extra": {"sqlalchemy_query": dict(parts.query)},
        }
        return Place(
            name="support.policies",
            project_dir=Path("/nowhere"),
            connections=EnvironmentConnections({"AIRFLOW_CONN_BASE": json.dumps(given)}),
            database="base",
            cache_dir=Path("/nowhere"),
        )

    def listing(self, since: str | None = None, **spec: Any) -> IndexListing:
        with closing(open_index(SqlIndex(kind="sql", **{"table": "chunks"} | spec), self.place())) as index:
            return index.listing(since)

    def read(self, *documents: str, **spec: Any) -> dict[str, list[str]]:
        with closing(open_index(SqlIndex(kind="sql", **{"table": "chunks"} | spec), self.place())) as index:
            return index.read(documents)


@pytest.fixture
def database(postgres_database: Callable[[], str]) -> Database:
    made = Database(postgres_database())
    made.run("CREATE EXTENSION vector")
    return made


@pytest.mark.parametrize(
    ("kind", "short", "long"),
    [
        ("vector", "[1,2]", "[1,2,3]"),
        ("halfvec", "[1,2]", "[1,2,3]"),
        ("real[]", "{1,2}", "{1,2,3}"),
        ("double precision[]", "{1,2}", "{1,2,3}"),
        ("text", "[1, 2]", "[1, 2, 3]"),
        ("json", "[1, 2]", "[1, 2, 3]"),
        ("jsonb", "[1, 2]", "[1, 2, 3]"),
    ],
)
def test_versions_are_told_apart_by_how_long_their_vectors_are(
    database: Database, kind: str, short: str, long: str
) -> None:
    database.run(
        f"CREATE TABLE chunks (document text, embedding {kind})",
        f"INSERT INTO chunks VALUES ('a', '{short}'), ('a', '{long}'), ('a', '{long}'), ('b', NULL)",
    )
    versions = database.listing(vector="embedding").versions.sort_values(["document", "dimension"])
    assert versions[["document", "dimension", "n_chunks"]].fillna(-1).to_numpy().tolist() == [
        ["a", 2, 1],
        ["a", 3, 2],
        ["b", -1, 1],
    ]


@pytest.mark.parametrize("kind", ["vector", "halfvec", "sparsevec"])
def test_a_type_that_says_the_dimension_is_believed_and_no_vector_is_read(database: Database, kind: str) -> None:
    given = "{1:1}/3" if kind == "sparsevec" else "[1,2,3]"
    database.run(
        f"CREATE TABLE chunks (document text, embedding {kind}(3))",
        f"INSERT INTO chunks VALUES ('a', '{given}'), ('a', '{given}'), ('b', NULL)",
        "CREATE VIEW told AS SELECT * FROM chunks",
    )
    for table in ("chunks", "public.chunks", "told"):
        versions = database.listing(vector="embedding", table=table).versions.sort_values("document")
        assert versions["dimension"].fillna(-1).tolist() == [3, -1]
        assert versions["n_chunks"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("timestamptz", lambda t: f"'{t.isoformat()}'"),
        ("timestamptz", lambda t: f"'{(t + timedelta(hours=2)):%Y-%m-%d %H:%M:%S.%f}+02:00'"),
        ("timestamp", lambda t: f"'{t:%Y-%m-%d %H:%M:%S.%f}'"),
        ("text", lambda t: f"'{t.isoformat()}'"),
        ("text", lambda t: f"'{t:%Y-%m-%d %H:%M:%S}'"),
        ("bigint", lambda t: str(int(t.timestamp() * 1000))),
        ("double precision", lambda t: repr(t.timestamp())),
        ("numeric(20, 3)", lambda t: repr(t.timestamp())),
    ],
)
def test_times_come_out_aware_and_select_what_changed(
    database: Database, kind: str, write: Callable[[datetime], str]
) -> None:
    times = [NOON, NOON + timedelta(seconds=61), NOON + timedelta(days=2)]
    rows = ", ".join(f"('d{n}', {write(at)})" for n, at in enumerate(times))
    database.run(f"CREATE TABLE chunks (document text, at {kind})", f"INSERT INTO chunks VALUES {rows}, ('old', NULL)")
    full = database.listing(indexed_at="at")
    assert full.versions.dropna().shape[0] == 0  # nothing else is recorded
    found = full.versions.set_index("document")["indexed_at"]
    assert [found[f"d{n}"] for n in range(3)] == times
    assert full.watermark == times[-1].isoformat()
    assert "1 chunk has no time in at; only a full sweep sees such change" in full.notes
    assert database.listing(full.watermark, indexed_at="at").versions["document"].tolist() == ["d2"]
    since = (NOON + timedelta(seconds=61)).isoformat()
    assert sorted(database.listing(since, indexed_at="at").versions["document"]) == ["d1", "d2"]


def test_dates_select_the_documents_of_their_day(database: Database) -> None:
    database.run(
        "CREATE TABLE chunks (document text, at date)",
        "INSERT INTO chunks VALUES ('a', '2026-03-01'), ('b', '2026-03-02'), ('c', '2026-03-02')",
    )
    full = database.listing(indexed_at="at")
    assert full.watermark == "2026-03-02T00:00:00+00:00"
    assert sorted(database.listing(full.watermark, indexed_at="at").versions["document"]) == ["b", "c"]


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("bigint", "7", "-12"),
        ("numeric", "7", "-12"),
        ("uuid", "6865747a-b1df-4f8c-8b8a-18151bff036a", "7965747a-b1df-4f8c-8b8a-18151bff036a"),
        ("varchar(80)", 'it\'s; 100% "a"', "b:c\\d"),
    ],
)
def test_ids_of_any_type_are_listed_and_read_as_text(database: Database, kind: str, one: str, two: str) -> None:
    quoted = [value.replace("'", "''") for value in (one, two)]
    database.run(
        f'CREATE TABLE chunks ("Document Id" {kind}, part text, body text)',
        f"INSERT INTO chunks VALUES ('{quoted[0]}', '10', 'ten'), ('{quoted[0]}', '9', 'nine')",
        f"INSERT INTO chunks VALUES ('{quoted[1]}', '1', 'other')",
    )
    spec = {"document": "Document Id", "chunk": "part", "text": "body"}
    assert set(database.listing(**spec).versions["document"]) == {one, two}
    assert database.read(one, two, "no such id", **spec) == {one: ["nine", "ten"], two: ["other"]}


def test_expected_chunks_in_text_are_compared_as_numbers(database: Database) -> None:
    database.run(
        'CREATE TABLE chunks (document text, "of" text)',
        "INSERT INTO chunks VALUES ('a', '9'), ('a', '10')",
    )
    assert database.listing(chunks="of").versions["n_expected"].tolist() == [10.0]


def test_texts_without_numbers_come_in_the_order_of_the_rows(database: Database) -> None:
    database.run(
        "CREATE TABLE chunks (document text, body text)",
        "INSERT INTO chunks VALUES ('a', 'z'), ('b', 'x'), ('a', 'y'), ('a', 'b')",
    )
    assert database.read("a", "b", text="body") == {"a": ["z", "y", "b"], "b": ["x"]}


def test_nothing_can_be_written_and_a_refusal_is_no_outage(database: Database) -> None:
    database.run(
        "CREATE TABLE hits (at timestamptz)",
        "CREATE FUNCTION hit() RETURNS text LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO hits VALUES (now()); RETURN 'a'; END $$",
        "CREATE VIEW chunks AS SELECT hit() AS document",
    )
    with pytest.raises(KnowledgeError, match="read-only transaction") as caught:
        database.listing()
    assert not caught.value.retryable


def test_a_schema_or_table_that_there_is_not_is_told(database: Database) -> None:
    database.run("CREATE SCHEMA search", "CREATE TABLE search.chunks (document text)")
    with pytest.raises(KnowledgeError, match="known in schema 'search': chunks"):
        database.listing(table="search.chunk")
    with pytest.raises(KnowledgeError, match="no column 'documents'; did you mean 'document'"):
        database.listing(table="search.chunks", document="documents")
    with pytest.raises(KnowledgeError, match=r"has no table 'nowhere\.chunks'"):
        database.listing(table="nowhere.chunks")
