"""Stages read from real SQLite files, in every form in which SQLite holds a time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.adapters.stages.key_forms import key_expression
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.adapters.stages.times import holds_timestamps, time_candidates
from seamwatch.core.records.keys import key_in_form
from seamwatch.errors import AdapterError, StageError
from seamwatch.spec.base import KeyForm

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_table(path: Path, times: list[Any], declared: str = "") -> SqlStageSource:
    """Return a source over `calls(id, at)` with ids from 0 in the order of the times."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE calls (id INTEGER, at {declared})")
        database.executemany("INSERT INTO calls VALUES (?, ?)", list(enumerate(times)))
    return SqlStageSource(f"sqlite:///{path}", label="warehouse")


def ids_in(source: SqlStageSource, start: datetime | None, end: datetime | None) -> list[int]:
    """Return the ids that `read` gives for a window, after making sure that the window's query gives the same."""
    rows = source.read("calls", is_query=False, columns=["id"], time="at", start=start, end=end)
    query = source.window_query("calls", is_query=False, time="at", start=start, end=end)
    url = source._url
    with sa.create_engine(url).connect() as connection:
        same = sorted(row[0] for row in connection.exec_driver_sql(query))
    ids = sorted(rows["id"].tolist())
    assert ids == same
    return ids


FORMS = {
    "text_t": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}",
    "text_t_z": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}Z",
    "text_t_fraction": lambda t: f"{t:%Y-%m-%dT%H:%M:%S.%f}",
    "text_t_fraction_offset": lambda t: f"{t:%Y-%m-%dT%H:%M:%S.%f}+00:00",
    "text_t_isoformat": lambda t: t.isoformat(),
    "text_blank": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "text_blank_offset": lambda t: f"{t:%Y-%m-%d %H:%M:%S}+00:00",
    "text_minutes": lambda t: f"{t:%Y-%m-%dT%H:%M}",
    "epoch_s": lambda t: int(t.timestamp()),
    "epoch_s_float": lambda t: t.timestamp(),
    "epoch_ms": lambda t: int(t.timestamp() * 1000),
}


@pytest.mark.parametrize(
    ("form", "declared"),
    # A column declared TEXT holds no numbers.
    [(f, d) for f in FORMS for d in ("", "TEXT", "TIMESTAMP") if not (d == "TEXT" and f.startswith("epoch"))],
)
def test_window_is_half_open_in_every_form(tmp_path: Path, form: str, declared: str) -> None:
    moments = [NOON - timedelta(minutes=1), NOON, NOON + timedelta(minutes=30), NOON + HOUR, NOON + 2 * HOUR]
    source = make_table(tmp_path / "s.db", [FORMS[form](m) for m in moments], declared)

    assert ids_in(source, NOON, NOON + HOUR) == [1, 2]
    rows = source.read("calls", is_query=False, columns=["id", "at"], time="at", start=NOON, end=NOON + HOUR)
    assert rows["at"].tolist() == moments[1:3]
    assert str(rows["at"].dtype) == "datetime64[us, UTC]"


def test_bound_in_another_time_zone_is_the_same_moment(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-31T12:00:00", "2026-01-31T12:30:00"])
    tokyo = timezone(timedelta(hours=9))
    assert ids_in(source, NOON.astimezone(tokyo), (NOON + timedelta(minutes=30)).astimezone(tokyo)) == [0]


text_times = st.builds(
    lambda offset_us, style: (NOON + timedelta(microseconds=offset_us), style),
    st.one_of(
        st.integers(0, 120).map(lambda s: s * 1_000_000),
        st.integers(0, 240).map(lambda s: s * 500_000),
        st.integers(0, 120_000_000),
    ),
    st.sampled_from(["", "Z", "+00:00", "+0000"]),
)


@given(
    rows=st.lists(text_times, min_size=1, max_size=12),
    bounds=st.lists(text_times.map(lambda pair: pair[0]), min_size=2, max_size=2),
    separator=st.sampled_from("T "),
)
def test_texts_with_and_without_fraction_and_zone_are_compared_by_time(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[datetime, str]],
    bounds: list[datetime],
    separator: str,
) -> None:
    start, end = sorted(bounds)
    texts = [moment.replace(tzinfo=None).isoformat(sep=separator) + zone for moment, zone in rows]
    source = make_table(tmp_path_factory.mktemp("forms") / "s.db", texts)
    assert ids_in(source, start, end) == [n for n, (moment, _) in enumerate(rows) if start <= moment < end]
    source.close()


def test_day_belongs_to_the_window_of_its_first_moment(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-30", "2026-01-31", "2026-02-01"])
    assert ids_in(source, NOON - timedelta(days=1), NOON) == [1]
    assert ids_in(source, NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1)) == [1]


def test_null_times_are_in_no_window(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", [None, "2026-01-31T12:00:00"])
    assert ids_in(source, NOON, NOON + HOUR) == [1]
    everything = source.read("calls", is_query=False, columns=None, time="at")
    assert everything["at"].isna().tolist() == [True, False]


def test_empty_table_gives_an_empty_frame_with_its_columns(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", [], "TEXT")
    rows = source.read("calls", is_query=False, columns=None, time="at", start=NOON, end=NOON + HOUR)
    assert list(rows.columns) == ["id", "at"]
    assert len(rows) == 0
    assert str(rows["at"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (["2026-01-31T12:00:00", "2026-01-31 12:00:00"], "several forms"),
        (["2026-01-31T12:00:00", 1769860800], "several forms"),
        ([1769860800, 1769860800000], "several forms"),
        (["2026-01-31", "2026-01-31T12:00:00"], "several forms"),
        (["2026-01-31T12:00:00+02:00"], r"offset \+02:00"),
        (["yesterday"], "holds no times: 'yesterday'"),
        (["yesterday", "2026-01-31T12:00:00", "n/a"], "holds no times: 'yesterday'"),
        ([17], "holds no times: 17"),
        ([1769860800000000], "holds no times"),
    ],
)
def test_column_that_cannot_be_compared_is_refused(tmp_path: Path, times: list[Any], says: str) -> None:
    source = make_table(tmp_path / "s.db", times)
    with pytest.raises(StageError, match=says) as caught:
        source.read("calls", is_query=False, columns=None, time="at", start=NOON, end=NOON + HOUR)
    assert "connection 'warehouse', calls, column 'at'" in str(caught.value)
    assert not caught.value.retryable


def test_form_that_changed_long_after_the_first_rows_is_seen(tmp_path: Path) -> None:
    early = [f"2026-01-{day:02d} {hour:02d}:00:00" for day in range(1, 29) for hour in range(24)]
    source = make_table(tmp_path / "s.db", [*early, "2026-01-31T12:00:00"])
    with pytest.raises(StageError, match="several forms"):
        source.read("calls", is_query=False, columns=None, time="at", start=NOON, end=NOON + HOUR)


def test_text_of_another_zone_among_many_is_found_when_it_is_selected(tmp_path: Path) -> None:
    many = [f"2026-01-31T12:{n % 60:02d}:{n // 60 % 60:02d}Z" for n in range(600)]
    source = make_table(tmp_path / "s.db", [*many, "2026-01-31T12:30:30+09:00", *["2026-02-01T00:00:00Z"] * 20])
    with pytest.raises(StageError, match="several zones or forms: 1 text sorts"):
        source.read("calls", is_query=False, columns=None, time="at", start=NOON, end=NOON + HOUR)


def orders(tmp_path: Path) -> SqlStageSource:
    path = tmp_path / "orders.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript("""
            CREATE TABLE "Order Lines" ("Line Id" INTEGER, "select" TEXT, ratio NUMERIC, price REAL, paid BOOLEAN,
                                        body JSON, created_at DATETIME, note);
            INSERT INTO "Order Lines" VALUES (1, 'a:b', 0.5, 9.5, 1, '{"x": 1}', '2026-01-31 12:00:00', NULL),
                                             (2, '100%', 1.5, 9, 0, '[]', '2026-01-31 12:30:00', NULL);
            CREATE VIEW lines AS SELECT "Line Id" AS id, "select" AS choice, created_at FROM "Order Lines";
        """)
    return SqlStageSource(f"sqlite:///{path}", label="shop")


def test_columns_are_told_by_family(tmp_path: Path) -> None:
    assert orders(tmp_path).columns("Order Lines", is_query=False) == {
        "Line Id": "number",
        "select": "text",
        "ratio": "number",
        "price": "number",
        "paid": "boolean",
        "body": "json",
        "created_at": "time",
        "note": "other",
    }


def test_names_with_blanks_and_reserved_words_are_read(tmp_path: Path) -> None:
    rows = orders(tmp_path).read(
        "Order Lines", is_query=False, columns=["select", "Line Id"], time="created_at", start=NOON, end=NOON + HOUR
    )
    assert list(rows.columns) == ["select", "Line Id", "created_at"]
    assert rows["select"].tolist() == ["a:b", "100%"]


def test_views_and_schemas_are_read(tmp_path: Path) -> None:
    source = orders(tmp_path)
    assert source.read("lines", is_query=False, columns=["id"])["id"].tolist() == [1, 2]
    assert source.read("main.lines", is_query=False, columns=["id"], limit=1)["id"].tolist() == [1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, choice, created_at FROM lines WHERE choice LIKE '1%' OR choice = 'a:b';",
        "WITH these AS (SELECT * FROM lines) SELECT id, choice, created_at FROM these WHERE choice <> ' :x %s'",
    ],
)
def test_query_is_read_by_window_and_written_out_unchanged(tmp_path: Path, query: str) -> None:
    source = orders(tmp_path)
    assert source.columns(query, is_query=True) == {"id": "number", "choice": "text", "created_at": "text"}
    chosen = {"is_query": True, "time": "created_at", "start": NOON, "end": NOON + HOUR / 2}
    assert source.read(query, columns=["id"], **chosen)["id"].tolist() == [1]
    text = source.window_query(query, **chosen)
    assert text.startswith("SELECT")
    with sa.create_engine(source._url).connect() as connection:
        assert [row[0] for row in connection.exec_driver_sql(text)] == [1]


def test_more_keys_than_a_statement_takes_are_looked_up(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-31T12:00:00"] * 3000)
    keys = [*np.arange(0, 3000, 2), None, 4, 999_999]
    rows = source.read("calls", is_query=False, columns=["at"], key="id", keys=keys)
    assert len(rows) == 1500
    rows = source.read("calls", is_query=False, columns=["id"], key="id", keys=[])
    assert len(rows) == 0


def test_great_whole_numbers_beside_nulls_stay_whole(tmp_path: Path) -> None:
    great = 2**53 + 1
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (k INTEGER)")
        database.executemany("INSERT INTO t VALUES (?)", [(great,)] + [(None,)] * 60_000 + [(great + 1,)])
    keys = SqlStageSource(f"sqlite:///{path}").read("t", is_query=False, columns=["k"])["k"].dropna()
    assert keys.tolist() == [great, great + 1]


def test_missing_file_is_an_error_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.db"
    with pytest.raises(StageError, match="connection 'shop': no SQLite file at"):
        SqlStageSource(f"sqlite:///{path}", label="shop")
    assert not path.exists()


def test_database_is_opened_read_only(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-31T12:00:00"])
    with source._engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM calls")


def test_missing_table_is_told_with_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"connection 'shop' has no table 'linse'; known: lines"):
        orders(tmp_path).read("linse", is_query=False, columns=None)


def test_missing_column_is_told_with_the_nearest_and_all_names(tmp_path: Path) -> None:
    source = orders(tmp_path)
    says = r"connection 'shop', lines has no column 'choise'; did you mean 'choice'\? known: id, choice, created_at"
    with pytest.raises(StageError, match=says):
        source.read("lines", is_query=False, columns=["choise"])
    for wrong in ({"time": "when"}, {"key": "when", "keys": [1]}):
        with pytest.raises(StageError, match="no column 'when'"):
            source.read("lines", is_query=False, columns=None, **wrong)
    with pytest.raises(StageError, match="no column 'when'"):
        source.window_query("lines", is_query=False, time="when", start=NOON, end=None)


def test_broken_query_is_told_and_not_tried_again(tmp_path: Path) -> None:
    said = r"connection 'shop', query 'SELECT nope FROM lines' cannot be read: no such column: nope"
    with pytest.raises(StageError, match=said) as caught:
        orders(tmp_path).columns("SELECT nope FROM lines", is_query=True)
    assert not caught.value.retryable


def test_locked_database_may_be_tried_again(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-31T12:00:00"])
    source._engine = sa.create_engine(source._url, connect_args={"timeout": 0})
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StageError, match="locked") as caught:
            source.read("calls", is_query=False, columns=None)
    assert caught.value.retryable


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are notes, and long enough to be looked at as a database header " * 20)
    with pytest.raises(StageError, match="file is not a database") as caught:
        SqlStageSource(f"sqlite:///{path}").columns("t", is_query=False)
    assert not caught.value.retryable


def test_missing_driver_is_told() -> None:
    with pytest.raises(AdapterError, match="connection 'ora': the driver 'oracle\\+cx_oracle' is not installed"):
        SqlStageSource("oracle+cx_oracle://u:secret@127.0.0.1/x", label="ora")


def test_candidates_for_the_time_of_a_row_are_timestamps_and_what_is_called_like_one() -> None:
    columns = {"made": "time", "updated_at": "text", "timestamp": "other", "due_date": "text", "day": "date"}
    assert time_candidates({**columns, "format": "text", "sent_at": "number"}) == (
        ["made"],
        ["updated_at", "timestamp"],
    )


@pytest.mark.parametrize(
    ("values", "is_time"),
    [
        (["2026-01-31T12:00:00", None, "2026-01-31 12:00"], True),
        ([], True),
        (["2026-01-31"], False),
        (["350 ms", "2026-01-31T12:00:00Z", "-"], False),
        (["2026-02-30T12:00:00"], False),
    ],
)
def test_text_holds_timestamps_where_most_of_it_does(values: list[Any], is_time: bool) -> None:
    assert holds_timestamps(values) is is_time


def test_a_few_values_that_are_no_times_are_in_no_window(tmp_path: Path) -> None:
    source = make_table(
        tmp_path / "s.db", ["2026-01-31T12:00:00", "2026-01-31T12:99:00", "n/a", "", None] + [NOON.isoformat()] * 9
    )
    rows = source.read("calls", is_query=False, columns=["id"], time="at", start=NOON, end=NOON + HOUR)
    assert rows["at"].isna().tolist() == [False, *([True] if 1 in rows["id"].tolist() else []), *[False] * 9]
    everything = source.read("calls", is_query=False, columns=["id"], time="at")
    assert everything.loc[everything["at"].isna(), "id"].tolist() == [1, 2, 3, 4]


def test_newest_rows_come_first(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", [f"2026-01-{day:02d}T12:00:00" for day in (3, 1, 9, 7)])
    rows = source.read("calls", is_query=False, columns=["id"], time="at", limit=2, newest_first=True)
    assert rows["id"].tolist() == [2, 3]


@pytest.mark.parametrize(
    "end",
    ["-- the newest", ";", "; -- done", " /* all; */ ;\n-- done\n", "\n;;\n", "-- it's ; all", "--"],
)
def test_a_query_may_end_in_comments_and_semicolons(tmp_path: Path, end: str) -> None:
    source = orders(tmp_path)
    query = f"SELECT id, '; -- no end' AS note, created_at FROM lines -- within\n WHERE id = 1 {end}"
    chosen = {"is_query": True, "time": "created_at", "start": NOON, "end": NOON + HOUR}
    assert source.read(query, columns=["id", "note"], **chosen)["note"].tolist() == ["; -- no end"]
    text = source.window_query(query, **chosen)
    with sa.create_engine(source._url).connect() as connection:
        assert [row[0] for row in connection.exec_driver_sql(text)] == [1]


def test_text_that_is_no_utf_8_comes_as_its_bytes_and_hides_no_other_row(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-31T12:00:00"] * 2, "TEXT")
    with closing(sqlite3.connect(tmp_path / "s.db")) as database, database:
        database.execute("ALTER TABLE calls ADD COLUMN body TEXT")
        database.execute("UPDATE calls SET body = CASE id WHEN 0 THEN 'gr\u00fcn' ELSE CAST(x'6772fc6e' AS TEXT) END")
    assert source.read("calls", is_query=False, columns=["body"])["body"].tolist() == ["gr\u00fcn", b"gr\xfcn"]


@pytest.mark.parametrize(
    ("held", "read"),
    [
        (["'{\"x\": 1}'", "x'677266bc'", "NULL"], ['{"x": 1}', b"grf\xbc", None]),
        (["x'7b7d'", "x'5b5d'", "NULL"], ["{}", "[]", None]),
        (["x'00ff'", "x'7b7d'", "NULL"], [b"\x00\xff", b"{}", None]),
        (["x'0001'", "x'7b7d'", "x''"], [b"\x00\x01", b"{}", b""]),
    ],
)
def test_bytes_are_text_where_the_whole_column_is(tmp_path: Path, held: list[str], read: list[Any]) -> None:
    source = make_table(tmp_path / "s.db", [])
    with closing(sqlite3.connect(tmp_path / "s.db")) as database, database:
        database.execute("CREATE TABLE bodies (body BLOB)")
        for value in held:
            database.execute(f"INSERT INTO bodies VALUES ({value})")
    bodies = source.read("bodies", is_query=False, columns=["body"])["body"].astype(object)
    assert bodies.where(bodies.notna(), None).tolist() == read


def test_an_error_of_pythons_own_while_reading_names_table_and_column(tmp_path: Path) -> None:
    source = make_table(tmp_path / "s.db", ["2026-01-31T12:00:00"] * 2)

    def convert(raw: bytes) -> str:
        if not raw.startswith(b"2026"):
            return raw.decode()  # the catalogue's own words
        msg = f"year {raw.decode()} is out of range"
        raise ValueError(msg)

    @sa.event.listens_for(source._engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.text_factory = convert

    says = "connection 'warehouse', calls, column 'at': .* cannot be read: ValueError: year 2026-01-31T12:00:00 is out"
    with pytest.raises(StageError, match=says) as caught:
        source.read("calls", is_query=False, columns=["id", "at"])
    assert not caught.value.retryable


SPELT = ["7", "007", "7.0", "7.50", "0", "000", "0.0", " a7 ", "A7", "T-01", "{12345678-1234-5678-1234-567812345678}"]


@pytest.mark.parametrize("form", ["trim", "no_leading_zeros", "casefold", "number", "uuid"])
def test_a_database_finds_keys_in_the_form_in_which_they_are_compared(tmp_path: Path, form: KeyForm) -> None:
    path = tmp_path / "keys.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE labels (id TEXT)")
        database.executemany("INSERT INTO labels VALUES (?)", [(key,) for key in SPELT])
    source = SqlStageSource(f"sqlite:///{path}", label="warehouse")
    for key in SPELT:
        wanted = key_in_form(key, form)
        rows = source.read("labels", is_query=False, columns=None, key="id", keys=[wanted], key_form=form)
        assert sorted(rows["id"]) == sorted(other for other in SPELT if key_in_form(other, form) == wanted)
    source.close()


def test_a_dialect_without_the_form_is_told_and_not_guessed() -> None:
    column = sa.column("id")
    assert key_expression(column, "number", dialect="mysql") is None
    assert key_expression(column, "casefold", dialect="mysql") is not None
