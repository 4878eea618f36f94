"""Documents in tables of SQLite and PostgreSQL: types of ids, texts and dates, late rows, odd watermarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sql_source import SqlDocuments
from seamwatch.core.documents import SourceListing, content_hash
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import SqlSource


class Fixed:
    """The one connection of a test."""

    def __init__(self, url: sa.URL) -> None:
        is_postgres = url.drivername.startswith("postgres")
        socket = url.query.get("host")  # the server may listen on a socket only
        self._info = ConnectionInfo(
            conn_id="dw",
            conn_type="postgres" if is_postgres else "sqlite",
            host=(url.host or str(socket)) if is_postgres else url.database,
            port=url.port,
            login=url.username,
            password=url.password,
            schema=url.database if is_postgres else None,
        )

    def get(self, conn_id: str) -> ConnectionInfo:
        assert conn_id == "dw"
        return self._info


def opened(url: sa.URL, folder: Path, *, hash_name: str = "sha256", **spec: Any) -> SqlDocuments:
    place = Place(name="p.kb", project_dir=folder, connections=Fixed(url), database="dw", cache_dir=folder / "cache")
    given = {"kind": "sql", "document": "name", "text": "body"} | spec
    given |= {} if "query" in given else {"table": "docs"}
    return SqlDocuments(SqlSource.model_validate(given), place, hash_name=hash_name)


def facts(listing: SourceListing) -> dict[str, Any]:
    return {str(raw): value for raw, value in listing.documents["content_hash"].items()}


def mark(text: str | bytes) -> str:
    return content_hash(text.encode() if isinstance(text, str) else text)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    if request.param == "sqlite":
        return sa.make_url(f"sqlite:///{tmp_path / 'dw.db'}")
    made: Callable[[], str] = request.getfixturevalue("postgres_database")
    return sa.make_url(made())


@pytest.fixture
def run(url: sa.URL) -> Iterator[Callable[..., None]]:
    engine = sa.create_engine(url)

    def execute(statement: str, *rows: Mapping[str, Any]) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text(statement), list(rows) or None)

    yield execute
    engine.dispose()


def test_a_date_of_expiry_lasts_to_its_end_whatever_holds_it(
    url: sa.URL, run: Callable[..., None], tmp_path: Path
) -> None:
    run("CREATE TABLE docs (name TEXT, body TEXT, day DATE, moment TIMESTAMP, words TEXT, n INT)")
    insert = "INSERT INTO docs VALUES ('a', 'x', '2026-02-01', '2026-02-01 10:00:00', :words, 5)"
    run(insert, {"words": "2026-02-01"})
    told = {
        "day": "2026-02-01T23:59:59.999999+00:00",
        "moment": "2026-02-01T10:00:00+00:00",
        "words": "2026-02-01T23:59:59.999999+00:00",
    }
    for column, at in told.items():
        rows = opened(url, tmp_path, expires=column).listing(None, {}).documents
        assert [one.isoformat() for one in rows["expires_at"]] == [at]
    rows = opened(url, tmp_path, expires="n").listing(None, {}).documents
    assert rows["problem"].tolist() == ["n is no date; write it as 2026-01-31"]


def test_ids_that_are_numbers_and_texts_that_are_bytes_are_read(
    url: sa.URL, run: Callable[..., None], tmp_path: Path
) -> None:
    blob = "BYTEA" if url.drivername.startswith("postgres") else "BLOB"
    run(f"CREATE TABLE docs (name INT, body {blob})")
    run("INSERT INTO docs VALUES (:name, :body)", {"name": 7, "body": b"caf\xc3\xa9"}, {"name": 8, "body": b"\xff"})
    for spec in ({}, {"query": "SELECT name, body FROM docs"}):
        source = opened(url, tmp_path, **spec)
        assert facts(source.listing(None, {})) == {"7": mark("café"), "8": mark(b"\xff")}
        assert source.read(["7", "9", "x"]) == {"7": "café"}
        source.close()


def test_of_documents_that_repeat_the_newest_is_read(url: sa.URL, run: Callable[..., None], tmp_path: Path) -> None:
    run("CREATE TABLE docs (name TEXT, body TEXT, changed TIMESTAMP)")
    run("INSERT INTO docs VALUES ('a', 'new', '2026-01-02 00:00:00')")
    run("INSERT INTO docs VALUES ('a', 'old', '2026-01-01 00:00:00')")
    run("INSERT INTO docs VALUES ('a', 'undated', NULL)")
    source = opened(url, tmp_path, changed_at="changed")
    listing = source.listing(None, {})
    assert facts(listing) == {"a": mark("new")}
    assert source.read(["a"]) == {"a": "new"}
    assert listing.notes == (
        "1 row of the source has no changed; only full sweeps see what changed there",
        "2 rows of the source repeat a document id; the newest of each counts",
    )


@pytest.mark.parametrize("since", ["walked", "1" * 40])
def test_a_watermark_of_another_kind_of_source_lists_everything(
    url: sa.URL, run: Callable[..., None], tmp_path: Path, since: str
) -> None:
    run("CREATE TABLE docs (name TEXT, body TEXT, changed TIMESTAMP)")
    source = opened(url, tmp_path, changed_at="changed")
    empty = source.listing(since, {})
    assert (empty.is_complete, empty.watermark, len(empty.documents)) == (True, None, 0)
    run("INSERT INTO docs VALUES ('a', 'new', '2026-01-02 00:00:00')")
    assert facts(source.listing(empty.watermark, {})) == {"a": mark("new")}


def test_a_recorded_hash_spares_the_texts_and_one_without_is_told(
    url: sa.URL, run: Callable[..., None], tmp_path: Path
) -> None:
    run("CREATE TABLE docs (name TEXT, h TEXT)")
    run("INSERT INTO docs VALUES ('a', 'abc'), ('b', NULL)")
    source = opened(url, tmp_path, text=None, content_hash="h")
    rows = source.listing(None, {}).documents
    assert rows["content_hash"].to_dict() == {"a": "abc", "b": None}
    assert rows["problem"].to_dict() == {"a": None, "b": "its h is null"}
    assert source.read(["a"]) == {}


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    url = sa.make_url("postgresql+psycopg2://me:s3cret@127.0.0.1:9/x")
    with pytest.raises(KnowledgeError, match=r"p\.kb: the source cannot be read") as told:
        opened(url, tmp_path).listing(None, {})
    assert told.value.retryable
    assert "s3cret" not in str(told.value)


_EDITS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", None]), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=10,
)


@given(edits=_EDITS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_listings_of_what_changed_add_up_to_the_table(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, str | None, int, bool]]
) -> None:
    """Edits at times that may be equal; None marks a document as deleted."""
    folder = tmp_path_factory.mktemp("sql")
    url = sa.make_url(f"sqlite:///{folder / 'dw.db'}")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE docs (name TEXT PRIMARY KEY, body TEXT, changed TIMESTAMP, gone BOOL)")
        )
    source = opened(url, folder, changed_at="changed", deleted="gone")
    at, watermark = datetime(2026, 1, 1, tzinfo=UTC), None
    rows: dict[str, str] = {}
    truth: dict[str, str] = {}
    for n, (name, text, later, is_listed) in enumerate(edits):
        at += timedelta(seconds=later)
        values = {"name": name, "body": text or "x", "changed": f"{at:%Y-%m-%d %H:%M:%S}", "gone": text is None}
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT OR REPLACE INTO docs VALUES (:name, :body, :changed, :gone)"), values)
        truth = {one: old for one, old in truth.items() if one != name} | ({name: mark(text)} if text else {})
        if is_listed or n == len(edits) - 1:
            listing = source.listing(watermark, {})
            assert listing.is_complete is (watermark is None)
            kept = {} if listing.is_complete else {raw: one for raw, one in rows.items() if raw not in listing.gone}
            rows, watermark = kept | facts(listing), listing.watermark
            assert rows == truth
    source.close()
    engine.dispose()
