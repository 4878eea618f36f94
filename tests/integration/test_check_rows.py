"""`check` tries a project on a few of its records: planted mistakes are found, each with file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import fill_database, write_project
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.engine.check import check_project
from seamwatch.errors import Problem, ProblemLevel
from seamwatch.spec.load import load_project

pytestmark = pytest.mark.integration

YAML, MAP = "include/pipelines/parcels.yaml", "include/mappings/parcels_request.yaml"
CODE, SUITE = "include/mappings/parcels.py", "expectations/parcels/orders.json"
TO_RESULT = "def to_result(answer: dict) -> dict:\n"
Change = Callable[[Path, sa.Connection], None]
ERROR, WARNING, NOTE = ProblemLevel.ERROR, ProblemLevel.WARNING, ProblemLevel.NOTE


def text(file: str, old: str, new: str) -> Change:
    """Return the change of a part of a file."""

    def change(root: Path, _: sa.Connection) -> None:
        path = root / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


def rows(*statements: str) -> Change:
    """Return a change of the database."""

    def change(_: Path, database: sa.Connection) -> None:
        for statement in statements:
            database.exec_driver_sql(statement)

    return change


def suite(kind: str, **kwargs: object) -> Change:
    """Return the change of the suite to one expectation."""

    def change(root: Path, _: sa.Connection) -> None:
        document = {"name": "orders", "expectations": [{"type": kind, "kwargs": kwargs}]}
        (root / SUITE).write_text(json.dumps(document, indent=2))

    return change


def both(*changes: Change) -> Change:
    def change(root: Path, database: sa.Connection) -> None:
        for one in changes:
            one(root, database)

    return change


def retyped(table: str, columns: str) -> Change:
    """Return the change of a table to these columns of itself."""
    return rows(
        f"ALTER TABLE {table} RENAME TO older",
        f"CREATE TABLE {table} AS SELECT {columns} FROM older",
        "DROP TABLE older",
    )


def problems_of(root: Path, *changes: Change) -> list[Problem]:
    write_project(root)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "", n=120)
    engine = sa.create_engine(url)
    with engine.begin() as database:
        for change in changes:
            change(root, database)
    engine.dispose()
    slack = json.dumps({"conn_type": "slack", "password": "xoxb-test"})
    connections = EnvironmentConnections({"AIRFLOW_CONN_PARCELS_DB": url, "AIRFLOW_CONN_SLACK_TEST": slack})
    return check_project(load_project(root), connections)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A mistake, where it must be said to stand, and what of it."""

    name: str
    change: Change
    file: str = YAML
    line: str
    """Words of the line that must be named."""
    says: str
    level: ProblemLevel = ERROR


PLANTED = [
    Planted(
        name="some responses are half a body",
        change=rows(
            'UPDATE calls SET answer = \'{"object": "chat.completion", "choices": [{"mess\' WHERE id % 2 = 0',
        ),
        line="router_model",
        says="25 of 50 responses are not a body of a known protocol.*begin with .*chat.completion.*Record the body",
        level=WARNING,
    ),
    Planted(
        name="requests for another protocol",
        change=both(
            text(YAML, '"python:parcels:model"', "parcels_model/v1/chat/completions"),
            rows("""UPDATE calls SET body = '{"contents": [{"parts": [{"text": "x"}]}]}'"""),
        ),
        line="router_model",
        says="50 of 50 requests were written for gemini, and the endpoint speaks openai_chat.*read, not replayed",
        level=WARNING,
    ),
    Planted(
        name="reference raises",
        change=text(CODE, 'answer["answer"]', 'answer["text"]'),
        file=CODE,
        line="def to_result",
        says=r"raises on 50 of 50 records of result: parcels:to_result raised KeyError: 'text'",
    ),
    Planted(
        name="reference disagrees everywhere",
        change=text(MAP, "scale: 0.01", "scale: 0.1"),
        file=MAP,
        line="amount:",
        says=r"request.amount differs from the reference on 50 of 50 records, e.g. record \d+: recorded .*, expected ",
    ),
    Planted(
        name="reference disagrees on many",
        change=text(MAP, "A: router, B: phone", "A: phone, B: router"),
        file=MAP,
        line="product:",
        says="request.product differs from the reference on",
        level=WARNING,
    ),
    Planted(
        name="reference raises on some",
        change=text(CODE, TO_RESULT, f"{TO_RESULT}    assert 'fraud' not in answer['answer']\n"),
        file=CODE,
        line="def to_result",
        says="raises on [0-9]+ of 50 records of result: .*; such records are not checked",
        level=WARNING,
    ),
    Planted(
        name="prompt differs, and its text is not shown",
        change=text(CODE, '"temperature": 0', '"temperature": 1'),
        file=CODE,
        line="def to_prompt",
        says=r"prompt.body.temperature differs from the reference on 50 of 50 records; correct",
    ),
    Planted(
        name="frame function returns nonsense",
        change=text(CODE, TO_RESULT, "def to_result(frames):\n    return 7\n\n\ndef other(answer):\n"),
        file=CODE,
        line="def to_result",
        says="must return a DataFrame",
    ),
    Planted(
        name="path of a map gives null",
        change=both(
            text(MAP, "product: {from: code,", "product: {from: extra.kode,"),
            rows(
                "ALTER TABLE orders ADD COLUMN extra TEXT", """UPDATE orders SET extra = '{"code": "' || code || '"}'"""
            ),
        ),
        file=MAP,
        line="product:",
        says=r"'extra.kode' gives nothing on 50 records; did you mean 'extra.code'\? Known: extra.code",
    ),
    Planted(
        name="path of fields gives null",
        change=both(
            text(YAML, "table: results,", "table: results, fields: [body.que],"),
            text(YAML, "{queue: queue}}\nbenchmark", "{body.que: queue}}\nbenchmark"),
            text(YAML, "truth: {queue: queue}", "truth: {body.que: queue}"),
            text(YAML, "  - {name: routing, kind: sink, table: routing}\n", ""),
            rows("ALTER TABLE results ADD COLUMN body TEXT", """UPDATE results SET body = '{"queue": 1}'"""),
        ),
        line="name: result,",
        says=r"'body.que' gives nothing on 50 records; did you mean 'body.queue'\?",
    ),
    Planted(
        name="path into what is no JSON",
        change=both(
            text(MAP, "product: {from: code,", "product: {from: extra.code,"),
            rows("ALTER TABLE orders ADD COLUMN extra TEXT", "UPDATE orders SET extra = 'the code ' || code"),
        ),
        file=MAP,
        line="product:",
        says="'extra.code' gives nothing on 50 records: extra holds no JSON object there",
    ),
    Planted(
        name="request is no JSON",
        change=rows("UPDATE calls SET body = 'sent'"),
        line="name: prompt",
        says="body holds no JSON object on any of 50 records",
    ),
    Planted(
        name="statuses say nothing",
        change=rows("UPDATE calls SET status = 'zzz'"),
        line="name: router_model",
        says="the status of 50 of 50 calls says neither success nor failure: 'zzz'",
    ),
    Planted(
        name="some statuses say nothing",
        change=rows("UPDATE calls SET status = 'zzz' WHERE id % 2"),
        line="name: router_model",
        says="the status of 25 of 50 calls says neither success nor failure: 'zzz'",
        level=WARNING,
    ),
    Planted(
        name="tokens are no numbers",
        change=both(
            text(YAML, "status: status,", "status: status, input_tokens: used,"),
            rows("ALTER TABLE calls ADD COLUMN used TEXT", "UPDATE calls SET used = 'many'"),
        ),
        line="name: router_model",
        says="used holds no number on any of 50 records, e.g. 'many'",
    ),
    Planted(
        name="keys of a stage match nobody",
        change=retyped("results", "'r-' || id AS id, queue, created_at"),
        line="name: result,",
        says=r"none of the 50 newest keys \(id\) is the key of a record of orders.*r-",
    ),
    Planted(
        name="keys of a stage are null",
        change=rows("UPDATE results SET id = NULL"),
        line="name: result,",
        says="id is null on all of the 50 newest rows",
    ),
    Planted(
        name="no newest record has come",
        change=rows("DELETE FROM results WHERE id > 20"),
        line="name: result,",
        says="none of the 50 newest records of orders has reached it; its own rows are older",
        level=WARNING,
    ),
    Planted(
        name="the key is none",
        change=text(YAML, "table: orders, time", "table: orders, key: code, time"),
        line="name: orders",
        says="the 50 newest rows of orders hold 3 different code: it names no record",
    ),
    Planted(
        name="labels with zeros in front of their keys",
        change=retyped("labels", "printf('%06d', id) AS id, queue"),
        line="outcome:",
        says=r"labels: 0 of 50 keys match; 50 would without leading zeros \('\d+' against '0+\d+'\): set `key_form",
    ),
    Planted(
        name="a stage with keys as decimals",
        change=retyped("results", "id || '.0' AS id, queue, created_at"),
        line="name: result,",
        says=r"results: 0 of 50 keys match; 4\d would as numbers .*set `key_form: number`",
    ),
    Planted(
        name="labels of other keys",
        change=retyped("labels", "'P' || id AS id, queue"),
        line="outcome:",
        says=r"none of 50 labels of labels has the key \(id\) of a record of orders.*'P",
    ),
    Planted(
        name="labels of another type",
        change=retyped("labels", "id, 7 AS queue"),
        line="outcome:",
        says=r"queue holds text \('Q\d'\), its truth queue numbers \(7\): they are never equal",
    ),
    Planted(
        name="labels of other words",
        change=retyped("labels", "id, 'desk ' || queue AS queue"),
        line="outcome:",
        says=r"queue equals its truth queue on none of \d+ labelled records, e.g. 'Q\d' against 'desk Q\d'",
    ),
    Planted(
        name="benchmark without a column",
        change=retyped("benchmark", "id, code, queue"),
        line="benchmark:",
        says="the reference of request makes nothing of any of its 50 inputs: .*the benchmark lacks cents of orders",
    ),
    Planted(
        name="benchmark of another type",
        change=retyped("benchmark", "id, code, cents, 3 AS queue"),
        line="benchmark:",
        says="queue holds text, the benchmark's queue numbers: they are never equal",
    ),
    Planted(
        name="text as time",
        change=text(YAML, "time: created_at", "time: code"),
        line="name: orders",
        says="orders, column 'code' holds no times: '[ABC]'",
    ),
    Planted(
        name="some times cannot be read",
        change=rows("UPDATE orders SET created_at = 'n/a' WHERE id < 10"),
        line="name: orders",
        says="10 of 120 rows of orders have no readable created_at, e.g. 'n/a': they are in no window",
        level=WARNING,
    ),
    Planted(
        name="times are null",
        change=rows("UPDATE orders SET created_at = NULL"),
        line="name: orders",
        says="120 of 120 rows of orders have no readable created_at: they are in no window",
    ),
    Planted(
        name="a stage holds few of the records",
        change=rows("UPDATE results SET id = 'x' || id WHERE id % 10"),
        line="name: result,",
        says="holds 5 of the 50 newest records of orders only",
        level=WARNING,
    ),
    Planted(
        name="most labels have other keys",
        change=rows("UPDATE labels SET id = 'P' || id WHERE id > 5"),
        line="outcome:",
        says=r"only [1-6] of 50 labels of labels has the key \(id\) of a record of orders.*'P",
        level=WARNING,
    ),
    Planted(
        name="labels without a key",
        change=rows("UPDATE labels SET id = NULL"),
        line="outcome:",
        says="id is null on all of 50 rows of labels",
    ),
    Planted(
        name="an output is no column",
        change=text(MAP, "  product:", "  produkt:"),
        file=MAP,
        line="produkt:",
        says=r"the reference makes 'produkt', which is no column of requests: .*did you mean 'product'\?",
    ),
    Planted(
        name="an output is no column of a table without rows",
        change=both(text(MAP, "  product:", "  produkt:"), rows("DELETE FROM requests")),
        file=MAP,
        line="produkt:",
        says=r"the reference makes 'produkt', which is no column of requests: .*did you mean 'product'\?",
    ),
    Planted(
        name="a function's output is no column, and the payload is a part of the table",
        change=both(
            text(YAML, "table: results,", "table: results, fields: [queue],"),
            text(CODE, 'return {"queue": codes', 'return {"weight": 1, "queue": codes'),
        ),
        file=CODE,
        line="def to_result",
        says=r"the reference makes 'weight', which is no column of results: it is compared with nothing",
    ),
    Planted(
        name="a field that no reference makes",
        change=rows("ALTER TABLE results ADD COLUMN priority TEXT", "UPDATE results SET priority = id % 3"),
        line="name: result,",
        says=r"not checked: priority \(made by no reference\)",
        level=NOTE,
    ),
    Planted(
        name="labels that differ by form alone",
        change=both(
            text(YAML, "compare: {queue: queue}", "compare: {queue: {column: queue, how: exact}}"),
            retyped("labels", "id, lower(queue) || ' ' AS queue"),
        ),
        line="outcome:",
        says=r"on none of \d+ labelled records, but on \d+ by how: (auto|text)",
    ),
    Planted(
        name="a field that cannot be compared",
        change=both(
            text(MAP, "amount: {from: cents, cast: number, scale: 0.01, round: 2}", "amount: {from: note}"),
            rows(
                "ALTER TABLE orders ADD COLUMN note TEXT",
                "UPDATE orders SET note = '01/02/2026'",
                "ALTER TABLE requests RENAME TO older",
                "CREATE TABLE requests AS SELECT id, product, '2026-01-02' AS amount, created_at FROM older",
            ),
        ),
        file=MAP,
        line="amount:",
        says="request.amount (cannot be compared|differs from the reference) on",
    ),
    Planted(
        name="a reference is outdated",
        change=text(CODE, '"fin": "Q3"', '"fin": "Q6"'),
        file=CODE,
        line="def to_result",
        says=r"the reference of result is in doubt.*: by it \d+ of \d+ right records would be wrong",
        level=WARNING,
    ),
    Planted(
        name="no answer can be read",
        change=rows("UPDATE calls SET answer = '<memory at 0x7f00>'"),
        line="name: router_model",
        says="50 of 50 responses are not a body of a known protocol",
    ),
    Planted(
        name="some answers cannot be read",
        change=rows("UPDATE calls SET answer = '<memory at 0x7f00>' WHERE id % 2"),
        line="name: router_model",
        says="25 of 50 responses are not a body of a known protocol",
        level=WARNING,
    ),
    Planted(
        name="a time is guessed",
        change=rows(),
        line="name: result,",
        says=r"created_at \(guessed: .*; say time: created_at to fix it\)",
        level=NOTE,
    ),
    Planted(
        name="two times",
        change=rows("ALTER TABLE results ADD COLUMN sent_at TEXT", "UPDATE results SET sent_at = created_at"),
        line="name: result,",
        says=r"parcels.result \(results\) has several time columns \(created_at, sent_at\); name the right one",
    ),
    Planted(
        name="a date that a map makes is payload",
        change=text(MAP, "fields:\n", "fields:\n  created_at: {constant: x}\n"),
        line="name: request,",
        says=r"none, so rows are found by key; created_at is payload \(parcels_request.yaml makes it\)",
        level=NOTE,
    ),
    Planted(
        name="empty first table",
        change=rows("DELETE FROM orders"),
        line="name: orders",
        says="orders has no rows yet: nothing was tried on records",
        level=NOTE,
    ),
    Planted(
        name="empty table",
        change=rows("DELETE FROM routing"),
        line="name: routing",
        says="routing has no rows yet: not tried",
        level=NOTE,
    ),
    Planted(
        name="empty labels",
        change=rows("DELETE FROM labels"),
        line="outcome:",
        says="labels has no rows yet: not tried",
        level=NOTE,
    ),
    Planted(
        name="suite names a column that is not there",
        change=suite("expect_compound_columns_to_be_unique", column_list=["id", "kode"]),
        file=SUITE,
        line='"type"',
        says=r"orders has no column 'kode'; did you mean 'code'\? Known: id, code",
    ),
    Planted(
        name="suite cannot run",
        change=suite("expect_table_row_count_to_equal_other_table", other_table_name="labels"),
        file=SUITE,
        line='"type"',
        says="cannot be run on orders: it compares whole tables",
    ),
    Planted(
        name="types of a query",
        change=both(
            suite("expect_column_values_to_be_of_type", column="id", type_="INTEGER"),
            text(YAML, "table: orders,", 'query: "SELECT * FROM orders -- all of them",'),
        ),
        file=SUITE,
        line='"type"',
        says="cannot be run on its query: a database knows no types of a query's columns: make the query a view",
    ),
    Planted(
        name="suite with a broken expression",
        change=suite("expect_column_values_to_match_regex", column="code", regex="("),
        file=SUITE,
        line='"type"',
        says="expect_column_values_to_match_regex cannot be run on orders: ",
    ),
    Planted(
        name="suite that every row fails",
        change=suite("expect_column_values_to_be_in_set", column="code", value_set=["a", "b", "c"]),
        file=SUITE,
        line='"type"',
        says="fails on each of 50 rows tried .*; expected: one of a, b, c",
    ),
    Planted(
        name="suite of the outcome cannot judge",
        change=both(
            text(YAML, "outcome: {truth: labels, compare: {queue: queue}}", "outcome: {suite: orders}"),
            suite("expect_table_row_count_to_equal", value=1),
        ),
        file=SUITE,
        line='"type"',
        says="is about the table as a whole",
    ),
    Planted(
        name="evaluator raises",
        change=both(
            text(YAML, "outcome: {truth: labels, compare: {queue: queue}}", 'outcome: {evaluator: "parcels:judge"}'),
            text(CODE, "import zlib\n", "import zlib\n\n\ndef judge(final):\n    return final['queu'] == 'Q1'\n"),
        ),
        line="outcome:",
        says="evaluator parcels:judge raised KeyError",
    ),
    Planted(
        name="cost objective without a price",
        change=both(
            text(YAML, "isolation:", "slos: [{kind: cost, per_query_usd: 0.01}]\nisolation:"),
            rows("""UPDATE calls SET answer = '{"model": "rules-1", "queue": "net"}'"""),
        ),
        line="slos:",
        says="no price is known of 'rules-1', the model of the calls at router_model",
    ),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_mistake_is_found_with_file_and_line(tmp_path: Path, planted: Planted) -> None:
    found = problems_of(tmp_path, planted.change)
    said = [one for one in found if re.search(planted.says, one.text, re.DOTALL)]
    assert said, "\n".join(map(str, found))
    (problem,) = [one for one in said if one.file == planted.file and planted.line in line_of(tmp_path, one)]
    assert problem.level is planted.level


def line_of(root: Path, problem: Problem) -> str:
    """Return the line of the file that the problem names, and those around it that belong to the same expectation."""
    lines = (root / problem.file).read_text().splitlines()
    assert problem.line is not None, problem
    return "\n".join(lines[problem.line - 1 : problem.line + (1 if problem.file.endswith(".json") else 0)])


def test_a_healthy_project_has_no_problem(tmp_path: Path) -> None:
    assert [one for one in problems_of(tmp_path) if one.level is not NOTE] == []


def test_values_of_redacted_fields_are_not_shown(tmp_path: Path) -> None:
    change = both(
        text(MAP, "scale: 0.01", "scale: 0.1"),
        text(YAML, "isolation:", "bundle: {redact: [request.amount]}\nisolation:"),
    )
    (problem,) = [one for one in problems_of(tmp_path, change) if one.level is ERROR]
    assert "recorded (redacted), expected (redacted)" in problem.text


def test_a_stage_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    change = both(text(YAML, "table: routing", "table: routng"), text(CODE, 'answer["answer"]', 'answer["text"]'))
    texts = "\n".join(one.text for one in problems_of(tmp_path, change))
    assert "has no table 'routng'" in texts
    assert "raises on 50 of 50 records of result" in texts
