"""Values, labels and keys as real tables hold them, through the engine: compared exactly, or said to be unreadable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from parcels import START, WINDOW, make_deps
from seamwatch.core.results import Attribution, StageResult
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.validate import check_stage
from seamwatch.report.machine import attribution_json
from seamwatch.vocabulary import CheckStatus

N = 40
PIPELINE = """\
pipeline: desk
database: desk_db
key: id
KEY_FORM
stages:
  - {name: tickets, kind: source, table: tickets, time: created_at}
  - {name: result, kind: mapping, table: results, time: decided_at, reference: result.yaml, STAGE}
outcome: {truth: labels, compare: {COMPARE}}
"""
TYPES = {int: "INTEGER", float: "REAL", str: "TEXT", bool: "BOOLEAN"}


def _desk(
    root: Path,
    *,
    given: Sequence[Any] = ("a",) * N,
    recorded: Sequence[Any] = ("a",) * N,
    labels: Sequence[Any] = ("a",) * N,
    keys: Sequence[Any] = range(1, N + 1),
    result_keys: Sequence[Any] | None = None,
    label_keys: Sequence[Any] | None = None,
    rule: str = "{from: given}",
    compare: str = "made: label",
    stage: str = "",
    key_form: str = "",
) -> Deps:
    """Return a project of two stages whose mapping makes `made` of `given`, and labels for it."""
    for folder in ("include/pipelines", "include/mappings", "expectations"):
        (root / folder).mkdir(parents=True)
    text = PIPELINE.replace("COMPARE", compare).replace("KEY_FORM", key_form).replace(", STAGE", stage)
    (root / "include/pipelines/desk.yaml").write_text(text)
    (root / "include/mappings/result.yaml").write_text(f"fields:\n  made: {rule}\n")
    url = f"sqlite:///{root / 'desk.db'}"
    times = [f"{START + timedelta(minutes=k):%Y-%m-%dT%H:%M:%S}" for k in range(N)]
    tables = {
        "tickets": {"id": keys, "given": given, "created_at": times},
        "results": {"id": keys if result_keys is None else result_keys, "made": recorded, "decided_at": times},
        "labels": {"id": keys if label_keys is None else label_keys, "label": labels},
    }
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name, columns in tables.items():
            kinds = ", ".join(f"{column} {TYPES[type(values[0])]}" for column, values in columns.items())
            connection.execute(sa.text(f"CREATE TABLE {name} ({kinds})"))
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            places = ", ".join(f":{column}" for column in columns)
            connection.execute(sa.text(f"INSERT INTO {name} VALUES ({places})"), rows)
    engine.dispose()
    return make_deps(root, {"AIRFLOW_CONN_DESK_DB": url})


def _attribute(deps: Deps) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("desk"), WINDOW)


def _check(deps: Deps) -> StageResult:
    pipeline = deps.project.pipeline("desk")
    return check_stage(deps, pipeline, pipeline.stage("result"), WINDOW)


def _with(values: list[Any], *wrong: Any) -> list[Any]:
    return [*wrong, *values[len(wrong) :]]


DAYS = [f"2018-03-{1 + k % 28:02}" for k in range(N)]
MONEY = [f"{k},706.{k % 100:02}" for k in range(10, 10 + N)]


@pytest.mark.parametrize(
    ("recorded", "labels", "compare", "n_wrong"),
    [
        (_with(MONEY, "100,706.10"), MONEY, "made: {column: label, how: number, tolerance: 0.01}", 1),
        (_with(["7"] * N, "n/a"), _with(["7"] * N, "refused"), "made: {column: label, how: number}", 1),
        (_with([f"{k}e4000" for k in range(N)], "9e4000"), [f"{k}e4000" for k in range(N)], "made: label", 1),
        (_with([f"{day} 00:00:00" for day in DAYS], "2018-03-02 00:00:00"), DAYS, "made: label", 1),
        (DAYS, [f"{day}T14:05:00Z" for day in DAYS], "made: {column: label, how: date}", 0),
        ([100 * k for k in range(N)], [float(k) for k in range(N)], "made: {column: label, scale: 0.01}", 0),
        ([k % 2 == 0 for k in range(N)], ["yes" if k % 2 == 0 else "no" for k in range(N)], "made: label", 0),
        ([10**18 + k for k in range(N)], [str(10**18 + k) for k in range(N)], "made: {column: label, how: exact}", 0),
    ],
)
def test_labels_judge_values_of_other_types_and_spellings(
    tmp_path: Path, recorded: list[Any], labels: list[Any], compare: str, n_wrong: int
) -> None:
    found = _attribute(_desk(tmp_path, given=recorded, recorded=recorded, labels=labels, compare=compare))
    assert (found.n_failing, found.n_pending) == (n_wrong, 0)


@pytest.mark.parametrize(
    ("given", "recorded", "rule", "n_differ"),
    [
        ([str(1799999999999999001 + k) for k in range(N)], None, "{from: given, cast: integer}", 0),
        ([f"{k},000" for k in range(1, 1 + N)], [1000 * k for k in range(1, 1 + N)], "{from: given, cast: integer}", 0),
        (["Y", "N"] * (N // 2), [True, False] * (N // 2), "{from: given, cast: boolean}", 0),
        (["47", "46"] * (N // 2), ["NO", "SE"] * (N // 2), "{from: given, lookup: {47: NO, 46: SE}}", 0),
        ([5.35, 2.01] * (N // 2), [2.68, 1.01] * (N // 2), "{from: given, scale: 0.5, round: 2}", 0),
        ([5.35, 2.01] * (N // 2), [2.67, 1.0] * (N // 2), "{from: given, scale: 0.5, round: 2}", 0),
        ([5.35, 2.01] * (N // 2), [2.69, 1.0] * (N // 2), "{from: given, scale: 0.5, round: 2}", N // 2),
        (
            *([5.35, 2.01] * (N // 2), [2.68, 1.0] * (N // 2)),
            *("{from: given, scale: 0.5, round: {digits: 2, mode: half_up}}", N // 2),
        ),
        (['["a", "b"]'] * N, ["a, b"] * N, '{from: given, join: ", "}', 0),
        ([json.dumps({"app.queue": "a"})] * N, ["a"] * N, "{from: given.app.queue}", 0),
    ],
)
def test_a_field_map_makes_exactly_what_tables_hold(
    tmp_path: Path, given: list[Any], recorded: list[Any] | None, rule: str, n_differ: int
) -> None:
    found = _check(_desk(tmp_path, given=given, recorded=[int(v) for v in given] if recorded is None else recorded,
                         rule=rule))  # fmt: skip
    assert found.n_discrepant == n_differ
    assert found.n_reference_errors == 0


def test_a_tie_rounded_the_other_way_is_said_and_is_a_discrepancy_where_the_mode_is_named(tmp_path: Path) -> None:
    given, recorded = [5.35] * N, [2.67] * N
    either = _check(_desk(tmp_path / "a", given=given, recorded=recorded, rule="{from: given, scale: 0.5, round: 2}"))
    assert either.n_discrepant == 0
    assert any(f"made: {N} numbers exactly between two roundings" in note for note in either.notes)
    rule = "{from: given, scale: 0.5, round: {digits: 2, mode: half_up}}"
    named = _check(_desk(tmp_path / "b", given=given, recorded=recorded, rule=rule))
    assert named.n_discrepant == N
    assert any("are not rounded half up, as the map says" in note for note in named.notes)


def test_a_stage_value_that_cannot_be_compared_is_said_and_is_no_discrepancy(tmp_path: Path) -> None:
    deps = _desk(
        tmp_path,
        given=[5] * N,
        recorded=_with(["5.0"] * N, "5 EUR", "1,234", "6"),
        rule="{from: given}",
        stage=", normalise: {made: number}",
    )
    found = _check(deps)
    assert found.n_discrepant == 2  # 1,234 is not 5 however it is read
    assert f"made: 1 of {N} values cannot be compared, e.g. '5 EUR'" in " ".join(found.notes)


def test_a_path_that_no_document_holds_is_said_and_blames_nobody(tmp_path: Path) -> None:
    deps = _desk(tmp_path, recorded=['{"queue": "a"}'] * N, compare="made.quue: label", stage=", fields: [made.quue]",
                 rule="{constant: a}")  # fmt: skip
    found = _attribute(deps)
    assert (found.n_failing, found.n_pending, found.n_unreadable) == (0, N, N)
    assert found.leading is None
    said = " ".join(attribution_json(found)["notes"])
    assert f"outcome made.quue: {N} of {N} records are pending" in said
    assert "nothing stands at that path" in said


def test_where_every_record_fails_by_form_alone_that_is_said_and_nobody_is_blamed(tmp_path: Path) -> None:
    days = [f"{k:02}/03/2018" for k in range(1, 29)] + ["13/04/2018"] * (N - 28)
    labels = [f"2018-03-{k:02}" for k in range(1, 29)] + ["2018-04-13"] * (N - 28)
    found = _attribute(_desk(tmp_path, given=days, recorded=days, labels=labels))
    assert (found.n_failing, found.n_pending) == (0, N)
    note = next(note for note in found.notes if "form only" in note)
    assert f"form only: {N} of {N} records differ by the notation of dates alone" in note
    assert "set `how: date`" in note
    (field,) = attribution_json(found)["fields"]
    assert (field["form"], field["form_only"]) == ("date", N)


def test_times_without_a_zone_are_compared_as_utc_and_that_is_said_once(tmp_path: Path) -> None:
    naive, aware = [f"{day} 10:00:00" for day in DAYS], [f"{day}T12:00:00+02:00" for day in DAYS]
    found = _attribute(_desk(tmp_path, given=naive, recorded=naive, labels=aware))
    assert (found.n_failing, found.n_pending) == (0, 0)
    assert sum("compared as UTC" in note for note in found.notes) == 1


KEYS = [f"{k:05}" for k in range(1, N + 1)]
UUIDS = [f"00000000-0000-4000-8000-{k:012x}" for k in range(N)]


@pytest.mark.parametrize(
    ("keys", "others", "form"),
    [
        (list(range(1, N + 1)), KEYS, "no_leading_zeros"),
        (KEYS, list(range(1, N + 1)), "no_leading_zeros"),
        (list(range(1, N + 1)), [f"{k}.0" for k in range(1, N + 1)], "number"),
        ([f"t-{k}" for k in range(N)], [f"T-{k}" for k in range(N)], "casefold"),
        ([f"t-{k}" for k in range(N)], [f" t-{k} " for k in range(N)], "trim"),
        (UUIDS, [f"{{{key.upper()}}}" for key in UUIDS], "uuid"),
        (UUIDS, [key.replace("-", "") for key in UUIDS], "uuid"),
    ],
)
def test_labels_keyed_in_another_form_are_said_and_read_once_the_form_is_set(
    tmp_path: Path, keys: list[Any], others: list[Any], form: str
) -> None:
    found = _attribute(_desk(tmp_path / "a", keys=keys, label_keys=others))
    assert (found.n_failing, found.n_pending, found.n_unreadable) == (0, N, N)
    said = " ".join(found.notes)
    assert f"labels: 0 of {N} keys match; {N} would" in said
    assert f"set `key_form: {form}`" in said
    assert "no truth has arrived" not in said
    assert "overdue" not in said
    mended = _attribute(_desk(tmp_path / "b", keys=keys, label_keys=others, key_form=f"key_form: {form}"))
    assert (mended.n_failing, mended.n_pending) == (0, 0)


def test_labels_of_which_some_are_keyed_otherwise_are_said_too(tmp_path: Path) -> None:
    found = _attribute(_desk(tmp_path, keys=[f"k{k}" for k in range(N)], label_keys=[f"k{k}" if k % 2 else f"K{k}"
                                                                                     for k in range(N)]))  # fmt: skip
    assert (found.n_pending, found.n_unreadable) == (N // 2, N // 2)
    assert f"labels: {N // 2} of {N} keys match; {N} would without regard to case" in " ".join(found.notes)


def test_labels_of_text_belong_to_records_with_numbers_for_keys(tmp_path: Path) -> None:
    found = _attribute(_desk(tmp_path, label_keys=[str(k) for k in range(1, N + 1)]))
    assert (found.n_failing, found.n_pending) == (0, 0)


def test_a_label_that_has_not_arrived_is_no_matter_of_its_key(tmp_path: Path) -> None:
    found = _attribute(_desk(tmp_path, label_keys=[str(1000 + k) for k in range(N)]))
    assert (found.n_pending, found.n_unreadable) == (N, 0)
    assert "no truth has arrived yet for any record of the window: nothing can be judged" in found.notes


@pytest.mark.parametrize("key_form", ["", "key_form: no_leading_zeros"])
def test_a_stage_keyed_in_another_form_has_lost_nothing(tmp_path: Path, key_form: str) -> None:
    deps = _desk(tmp_path, keys=[str(k) for k in range(1, N + 1)], result_keys=KEYS, key_form=key_form)
    result = _check(deps)
    assert (result.n_lost, result.n_extra) == (0, 0)
    assert all(check.status is CheckStatus.PASSED for check in result.checks)
    found = _attribute(deps)
    assert found.n_failing == 0
    if key_form:
        assert (result.n_records, found.n_pending) == (N, 0)
    else:
        assert found.n_unreadable == N
        assert f"results: 0 of {N} keys match; {N} would without leading zeros" in " ".join(result.notes)


def test_codes_that_a_table_has_in_another_form_are_said(tmp_path: Path) -> None:
    codes = ["07", "08"] * (N // 2)
    rule = "{from: given, lookup: {'7': a, '8': a}, default: other}"
    said = _check(_desk(tmp_path / "a", given=codes, rule=rule))
    assert said.n_discrepant == N
    assert "lookup of made: 0 of 2 keys match; 2 would without leading zeros" in " ".join(said.notes)
    mended = rule.replace("}, default", "}, key_form: no_leading_zeros, default")
    assert _check(_desk(tmp_path / "b", given=codes, rule=mended)).n_discrepant == 0
