"""Counting chunks: by the database and one by one, against a recount by pandas; times, ids and orders of all kinds."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.chunks import (
    OVERLAP,
    ChunkCounter,
    bound_of,
    chunk_place,
    moment_of,
    next_bound,
    value_of,
    whole_numbers,
)
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sql_index import SqlDocumentIndex
from seamwatch.core.documents import IndexListing
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import QdrantIndex, SqlIndex

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = START + timedelta(days=400)
KEYS: dict[str, Any] = {
    "document": "doc id",
    "content_hash": "hash",
    "indexed_at": "at",
    "chunk": "n",
    "chunks": "of",
    "embedding_model": "model",
}
NAMES = ("doc id", "hash", "at", "n", "of", "model", "dimension")

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "A", "a/b.md", "é", "it's", 'q"', None]),
        st.sampled_from(["h1", "h2", None]),
        st.integers(0, 40).map(lambda n: START + timedelta(minutes=n)) | st.none(),
        st.integers(0, 4) | st.none(),
        st.integers(1, 5) | st.none(),
        st.sampled_from(["small", "large", None]),
        st.sampled_from([3, 4, None]),
    ),
    max_size=25,
)


def recount(chunks: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return, by document, hash, model and dimension, what pandas counts in its rows."""
    frame = pd.DataFrame(chunks, columns=list(NAMES), dtype=object)
    frame = frame[frame["doc id"].notna()]
    found = {}
    for mark, group in frame.groupby(["doc id", "hash", "model", "dimension"], dropna=False):
        n_chunks = len(set(group["n"].dropna())) + int(group["n"].isna().sum())
        found[plain(mark)] = plain((n_chunks, group["of"].dropna().max(), group["at"].dropna().max()))
    return found


def counted(listing: IndexListing) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    versions = listing.versions
    marks = versions[["document", "content_hash", "embedding_model", "dimension"]].itertuples(index=False)
    figures = versions[["n_chunks", "n_expected", "indexed_at"]].itertuples(index=False)
    found = {plain(mark): plain(figure) for mark, figure in zip(marks, figures, strict=True)}
    assert len(found) == len(versions)
    return found


def plain(values: Any) -> tuple[Any, ...]:
    return tuple(None if pd.isna(one) else one for one in values)


def make_index(folder: Path, chunks: list[tuple[Any, ...]], **changed: Any) -> SqlDocumentIndex:
    file = folder / "index.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute('CREATE TABLE "search chunks" ("doc id", hash, at, n, "of", model, dimension, body)')
        held = [tuple(one.isoformat() if isinstance(one, datetime) else one for one in row) for row in chunks]
        database.executemany('INSERT INTO "search chunks" VALUES (?, ?, ?, ?, ?, ?, ?, NULL)', held)
    return open_file(file, **changed)


def open_file(file: Path, **changed: Any) -> SqlDocumentIndex:
    env = {"AIRFLOW_CONN_BASE": json.dumps({"conn_type": "sqlite", "host": str(file)})}
    place = Place(
        name="support.policies",
        project_dir=file.parent,
        connections=EnvironmentConnections(env),
        database="base",
        cache_dir=file.parent,
    )
    given = {"kind": "sql", "table": "search chunks", "dimension": "dimension"} | KEYS | changed
    return SqlDocumentIndex(SqlIndex(**given), place)


@given(rows)
@example([])
def test_the_database_counts_what_pandas_counts(chunks: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(make_index(Path(folder), chunks)) as index:
        listing = index.listing(None)
    assert counted(listing) == recount(chunks)
    n_unnamed = sum(row[0] is None for row in chunks)
    said = f"{n_unnamed} chunk{' of the index names' if n_unnamed == 1 else 's of the index name'} no document"
    assert any(note.startswith(said) for note in listing.notes) == (n_unnamed > 0)


@given(rows, st.integers(-5, 45))
def test_an_incremental_listing_is_the_full_one_of_the_documents_that_were_written_since(
    chunks: list[tuple[Any, ...]], minutes: int
) -> None:
    since = START + timedelta(minutes=minutes)
    with tempfile.TemporaryDirectory() as folder, closing(make_index(Path(folder), chunks)) as index:
        listing = index.listing(since.isoformat())
    touched = {row[0] for row in chunks if row[2] is not None and row[2] >= since}
    assert counted(listing) == recount([row for row in chunks if row[0] in touched])


@given(rows)
def test_chunks_counted_one_by_one_are_what_pandas_counts(chunks: list[tuple[Any, ...]]) -> None:
    counter = ChunkCounter(QdrantIndex(kind="qdrant", path="x", collection="c", **KEYS), now=NOW)
    for row in chunks:
        counter.add(
            {name: one.timestamp() if name == "at" and one else one for name, one in zip(NAMES, row, strict=True)}
        )
    listing = counter.listing(dimension=3.0, is_complete=True, watermark=None)
    assert counted(listing) == recount([(*row[:-1], 3) for row in chunks])


HELD: dict[str, Any] = {
    "text": lambda t: t.isoformat(),
    "text with Z": lambda t: f"{t:%Y-%m-%dT%H:%M:%S.%f}Z",
    "text with a blank": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "seconds": lambda t: t.timestamp(),
    "milliseconds": lambda t: int(t.timestamp() * 1000),
}


@pytest.mark.parametrize("form", HELD.values(), ids=HELD)
def test_times_come_out_aware_however_the_table_holds_them(tmp_path: Path, form: Any) -> None:
    times = [START, START + timedelta(seconds=90), START + timedelta(days=1)]
    index = make_index(tmp_path, [(f"d{n}", None, form(at), 0, 1, None, None) for n, at in enumerate(times)])
    listing = index.listing(None)
    assert listing.versions.set_index("document")["indexed_at"].to_dict() == dict(zip(["d0", "d1", "d2"], times))  # noqa: B905
    assert listing.watermark == times[-1].isoformat()
    later = index.listing((START + timedelta(seconds=90)).isoformat())
    assert sorted(later.versions["document"]) == ["d1", "d2"]
    index.close()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("at", "yesterday", "holds no times: 'yesterday'"),
        ("at", "2026-03-01T12:00:00+02:00", "offset +02:00"),
        ("of", "many", "which is no number"),
        ("dimension", "wide", "which is no number"),
    ],
)
def test_a_column_of_something_else_is_told(tmp_path: Path, column: str, value: str, told: str) -> None:
    row = {"doc id": "a", "hash": "h", "at": START, "n": 0, "of": 1, "model": None, "dimension": 3}
    index = make_index(tmp_path, [tuple((row | {column: value}).values())])
    with pytest.raises(KnowledgeError) as caught:
        index.listing(None)
    index.close()
    assert told in str(caught.value)
    assert "support.policies" in str(caught.value)
    assert not caught.value.retryable


def test_times_in_several_forms_are_refused_also_if_only_the_last_one_differs(tmp_path: Path) -> None:
    chunks: list[tuple[Any, ...]] = [(f"d{n}", None, START, 0, 1, None, None) for n in range(300)]
    index = make_index(tmp_path, [*chunks, ("late", None, START.timestamp(), 0, 1, None, None)])
    with pytest.raises(KnowledgeError, match="several forms"):
        index.listing(None)
    index.close()


def test_a_label_that_is_also_a_column_does_not_mix_up_groups(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE chunks (source, document, content_hash, sha)")
        database.execute("INSERT INTO chunks VALUES ('a', 'x', 'p', 'h'), ('a', 'y', 'q', 'h')")
    index = open_file(
        file, table="chunks", document="source", content_hash="sha", **dict.fromkeys([*list(KEYS)[2:], "dimension"])
    )
    versions = index.listing(None).versions
    index.close()
    assert versions[["document", "content_hash", "n_chunks"]].to_numpy().tolist() == [["a", "h", 2.0]]


@pytest.mark.parametrize("key", ["PRIMARY KEY (source, part)", "CHECK (part > 0)"])
def test_without_chunk_numbers_texts_come_in_the_order_of_the_key_or_of_the_rows(tmp_path: Path, key: str) -> None:
    file = tmp_path / "index.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE chunks (source TEXT, part INTEGER, body TEXT, {key})")
        database.execute("INSERT INTO chunks VALUES ('a', 10, 'zehn'), ('b', 3, 'b'), ('a', 2, 'two'), ('a', 4, NULL)")
        # By this index alone SQLite would answer, in the order of the texts.
        database.execute("CREATE INDEX by_text ON chunks (source, body)")
        database.execute("CREATE VIEW told AS SELECT * FROM chunks")
    bare = {"document": "source", "text": "body", **dict.fromkeys([*list(KEYS)[1:], "dimension"])}
    index = open_file(file, table="chunks", **bare)
    expected = ["two", "zehn"] if key.startswith("PRIMARY") else ["zehn", "two"]
    assert index.read(["a", "b"]) == {"a": expected, "b": ["b"]}
    index.close()
    view = open_file(file, table="told", **bare)
    assert {raw: sorted(texts) for raw, texts in view.read(["a"]).items()} == {"a": ["two", "zehn"]}
    assert sorted(view.listing(None).versions["document"]) == ["a", "b"]
    view.close()


def test_a_table_without_texts_reads_nothing(tmp_path: Path) -> None:
    index = make_index(tmp_path, [("a", "h", START, 0, 1, None, None)])
    assert index.read(["a"]) == {}
    index.close()


def test_any_text_may_be_asked_for(tmp_path: Path) -> None:
    index = make_index(tmp_path, [("9" * 30, "h", START, 0, 1, None, None)], text="body")
    assert index.read(["9" * 19, "9" * 30, "9" * 5000, "'", ""]) == {}
    index.close()


def test_a_file_that_there_is_not_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no SQLite file"):
        open_file(tmp_path / "gone.db")
    assert not (tmp_path / "gone.db").exists()


def test_chunk_numbers_in_text_are_ordered_as_numbers() -> None:
    assert sorted(["10", "9", None, "two", 2, 1.5], key=chunk_place) == [1.5, 2, "9", "10", None, "two"]


@given(st.datetimes(datetime(2015, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis takes naive bounds
def test_a_moment_is_the_same_however_it_is_held(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 1000 * 1000)
    assert moment_of(at.isoformat()) == moment_of(naive.replace(microsecond=at.microsecond).isoformat()) == at
    assert abs(moment_of(at.timestamp()) - at) < timedelta(milliseconds=1)  # type: ignore[operator]
    assert abs(moment_of(round(at.timestamp() * 1000)) - at) < timedelta(milliseconds=1)  # type: ignore[operator]


@pytest.mark.parametrize(
    "value", ["soon", "", None, True, float("nan"), float("inf"), 1e300, [1], {"a": 1}, date(2026, 1, 1)]
)
def test_what_is_no_moment_is_none(value: Any) -> None:
    assert moment_of(value) is None


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_the_next_bound_never_lies_behind_what_may_still_come(age: timedelta) -> None:
    newest = NOW - age
    bound = next_bound(newest, NOW)
    assert bound <= min(newest, NOW)
    assert bound <= NOW - OVERLAP
    assert bound == newest or NOW - newest < OVERLAP


@pytest.mark.parametrize(("form", "unit"), [("s", 1), ("ms", 1000)])
def test_a_watermark_of_numbers_is_a_number_of_the_same_unit(form: str, unit: int) -> None:
    counter = ChunkCounter(QdrantIndex(kind="qdrant", path="x", collection="c", **KEYS), now=NOW)
    counter.add({"doc id": "a", "at": START.timestamp() * unit})
    assert counter.form == form
    mark = counter.watermark(None)
    assert mark is not None
    assert bound_of(mark) == START.timestamp() * unit


def test_times_in_several_forms_have_no_watermark() -> None:
    counter = ChunkCounter(QdrantIndex(kind="qdrant", path="x", collection="c", **KEYS), now=NOW)
    counter.add({"doc id": "a", "at": START.timestamp()})
    counter.add({"doc id": "b", "at": START.isoformat()})
    assert counter.watermark("1") is None
    listing = counter.listing(dimension=None, is_complete=True, watermark=None)
    assert any("several forms (s, text)" in note for note in listing.notes)


def test_metadata_of_any_kind_are_counted() -> None:
    counter = ChunkCounter(QdrantIndex(kind="qdrant", path="x", collection="c", **KEYS), now=NOW)
    counter.add({"doc id": ["a"], "hash": {"x": 1}, "n": [0], "of": "3", "at": "no time", "model": 5})
    counter.add({"doc id": ["a"], "hash": {"x": 1}, "n": [0], "of": "several", "model": 5.0})
    listing = counter.listing(dimension=None, is_complete=True, watermark=None)
    row = listing.versions.iloc[0]
    assert (len(listing.versions), row["n_chunks"], row["n_expected"]) == (1, 1.0, 3.0)
    assert "1 chunk has a of that is no number" in listing.notes
    assert "2 chunks have no time in at; only a full sweep sees such change" in listing.notes


def test_keys_may_lie_in_objects() -> None:
    metadata = {"meta": {"source": "a", "deep": {"er": 1}}, "meta.flat": "b", "none": None}
    names = ["meta.source", "meta.deep.er", "meta.flat", "none", "meta.gone", "gone.source", None]
    assert [value_of(metadata, name) for name in names] == ["a", 1, "b", None, None, None, None]


def test_whole_numbers_are_those_that_are_written_so() -> None:
    assert whole_numbers(["7", "-7", "007", "7.0", "", "-", "²", "٣", "a", "9" * 19, "9" * 5000]) == [7, -7]
