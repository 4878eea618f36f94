"""Bad data from the tables to the verdict: reported, nothing lost or silently passed, and the other records go on."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.results import Attribution, StageResult
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.slo import look_at_objectives
from seamwatch.engine.validate import check_stage

pytestmark = pytest.mark.integration


@pytest.fixture
def url(tmp_path: Path) -> str:
    write_project(tmp_path)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "code_table", n=150)
    return url


def _spoil(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _deps(tmp_path: Path, url: str) -> Deps:
    return make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": url})


def _check(deps: Deps, stage: str) -> StageResult:
    pipeline = deps.project.pipeline("parcels")
    return check_stage(deps, pipeline, pipeline.stage(stage), WINDOW)


def _attribute(deps: Deps) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


def _led_by_the_code_table(found: Attribution) -> bool:
    leading = found.leading
    return leading is not None and (leading.stage, leading.fields) == ("request", ("product",))


def test_null_keys_and_duplicates_are_counted_and_said(tmp_path: Path, url: str) -> None:
    _spoil(
        url,
        "INSERT INTO requests SELECT NULL, product, amount, created_at FROM requests WHERE id < 3",
        "INSERT INTO requests SELECT id, product, amount, created_at FROM requests WHERE id BETWEEN 10 AND 13",
    )
    deps = _deps(tmp_path, url)
    result = _check(deps, "request")
    assert (result.n_records, result.n_null_keys, result.n_duplicate_keys) == (150, 3, 4)
    assert "3 rows have no key and belong to no record" in result.notes
    found = _attribute(deps)
    assert found.n_observed == 150
    assert _led_by_the_code_table(found)


def test_keys_that_are_text_in_one_table_and_numbers_in_another_are_the_same_records(tmp_path: Path, url: str) -> None:
    _spoil(
        url,
        "CREATE TABLE texts AS SELECT CAST(id AS TEXT) || ' ' AS id, queue, created_at FROM results",
        "DROP TABLE results",
        "ALTER TABLE texts RENAME TO results",
    )
    deps = _deps(tmp_path, url)
    result = _check(deps, "result")
    assert (result.n_records, result.n_lost, result.n_discrepant) == (150, 0, 0)
    assert _led_by_the_code_table(_attribute(deps))


def test_labels_of_another_kind_than_the_answers_are_said_beside_what_they_judge(tmp_path: Path, url: str) -> None:
    note = (
        "queue holds text, its truth queue numbers: they are never equal, so that all 145 labelled records count as "
        "wrong; take another column, or compare with another 'how'"
    )
    deps = _deps(tmp_path, url)
    assert note not in _attribute(deps).notes
    _spoil(url, "UPDATE labels SET queue = substr(queue, 2)")
    assert note in _attribute(deps).notes


def test_latencies_that_are_no_numbers_are_unknown_to_their_objective(tmp_path: Path, url: str) -> None:
    measured = PIPELINE.replace("status: status, ", "status: status, latency_ms: took, ")
    write_project(tmp_path, pipeline=f"{measured}slos: [{{kind: latency, p95: 1s, stage: router_model}}]\n")
    _spoil(
        url, "ALTER TABLE calls ADD COLUMN took TEXT", "UPDATE calls SET took = CASE id WHEN 7 THEN '5' ELSE 'n/a' END"
    )
    deps = _deps(tmp_path, url)
    status = look_at_objectives(deps, deps.project.pipeline("parcels"), now=WINDOW.end)
    (one,) = status.objectives
    events = deps.store.slo_buckets("parcels", one.objective, since=WINDOW.start)
    assert int(events["judged"].sum()) == 1


def test_answers_that_are_no_json_break_the_reference_for_their_records_only(tmp_path: Path, url: str) -> None:
    _spoil(url, "UPDATE calls SET answer = 'Sorry, I cannot' WHERE id IN (5, 6)")
    deps = _deps(tmp_path, url)
    result = _check(deps, "result")
    assert result.n_reference_errors == 2
    (check,) = [check for check in result.checks if check.expectation == "reconcile_reference_error"]
    assert sorted(check.failing_keys) == ["5", "6"]
    assert "raised JSONDecodeError" in check.observed
    assert _led_by_the_code_table(_attribute(deps))


def test_gigantic_payloads_are_compared_and_cut_only_where_they_are_shown(tmp_path: Path, url: str) -> None:
    _spoil(url, "UPDATE requests SET product = product || hex(zeroblob(1000000)) WHERE id = 7")
    deps = _deps(tmp_path, url)
    (check,) = [check for check in _check(deps, "request").checks if check.column == "product"]
    assert "7" in check.failing_keys
    assert len(check.observed) <= 500
    assert _led_by_the_code_table(_attribute(deps))


def test_an_endpoint_that_raises_on_every_call_blames_nobody_for_what_needs_it(tmp_path: Path, url: str) -> None:
    path = tmp_path / "include/mappings/parcels.py"
    path.write_text(path.read_text().replace("def model(body):\n", "def model(body):\n    raise OSError('down')\n"))
    found = _attribute(_deps(tmp_path, url))
    assert found.n_failing > 0
    assert {verdict.responsibility.value for verdict in found.verdicts} == {"undetermined"}
    assert {verdict.gap.value for verdict in found.verdicts if verdict.gap} == {"endpoint_unreachable"}
