"""Mistakes in files that a person wrote: each is told with file, line, what is wrong and what would be right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from parcels import PIPELINE
from seamwatch.errors import Problem, SpecError
from seamwatch.spec.load import load_mapping, load_pipeline, load_project

GOOD = PIPELINE.replace("ENDPOINT", '"python:parcels:model"')


def _problems(path: Path, text: str) -> list[Problem]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_pipeline(path)
    return caught.value.problems


def _line(text: str, part: str) -> int:
    """Return the 1-based number of the last line that holds the part."""
    return max(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def _write(root: Path, **files: str) -> Path:
    folder = root / "include/pipelines"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return root


def test_a_sound_file_is_read_with_defaults_filled(tmp_path: Path) -> None:
    path = tmp_path / "parcels.yaml"
    path.write_text(GOOD)
    pipeline = load_pipeline(path)
    assert [stage.input for stage in pipeline.stages] == [
        (),
        ("orders",),
        ("request",),
        ("prompt",),
        ("router_model",),
        ("result",),
    ]
    assert pipeline.settle == timedelta(hours=1)
    assert pipeline.final_stage.name == "routing"


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ("key: id", "key: id\nretries: 3", "retries", "unknown key 'retries'"),
        ("key: id", "key: id\nkey: number", "key", "stands twice in one mapping, first on line 4"),
        ("table: orders,", "table: orders, table: old,", "stages.orders.table", "'table' stands twice"),
        ("time: created_at", "tiem: created_at", "stages.orders.tiem", "unknown key 'tiem'"),
        ("table: routing}", "table: routing, input: nowhere}", "stages.routing", "nowhere"),
        ("table: results,", "table: results, input: [result],", "stages", "cycle"),
        ("name: result,", "name: prompt,", "stages.prompt.name", "'prompt' is defined twice"),
        (", endpoint: ENDPOINT", "", "stages.router_model", "needs an endpoint"),
        ("key: id", "key: id\nsettle: 3 fortnights", "settle", "'3 fortnights' is no duration; write a number"),
        ("key: id", "key: id\nsettle: 0s", "settle", "greater than"),
        ("kind: source", "kind: origin", "stages.orders.kind", "'source'"),
        ("kind: source", "kind: mapping", "stages.orders.kind", "the first stage must be a source"),
        ("table: orders, ", "", "stages.orders", "needs one of table and query"),
        ("database: parcels_db\n", "", "database", "'database' is missing"),
        ("baseline_accuracy: 0.95", "baseline_accuracy: 95", "benchmark.baseline_accuracy", "got 95"),
        ("pipeline: parcels", "pipeline: my parcels", "pipeline", "got 'my parcels'"),
        (", compare: {queue: queue}", "", "outcome", "needs compare"),
        ("truth: labels", "truth: labels, suite: s", "outcome", "exactly one of truth, evaluator, suite"),
    ],
)
def test_each_mistake_is_told_at_its_place(tmp_path: Path, old: str, new: str, path: str, said: str) -> None:
    assert old in PIPELINE
    text = PIPELINE.replace(old, new, 1).replace("ENDPOINT", '"python:parcels:model"')
    problems = _problems(tmp_path / "parcels.yaml", text)
    (problem,) = [problem for problem in problems if said in problem.text]
    assert problem.file == "parcels.yaml"
    assert problem.path.startswith(path)
    assert {other.line for other in problems} == {problem.line}  # one mistake, however many rules it breaks


def test_the_line_is_that_of_the_mistake(tmp_path: Path) -> None:
    text = GOOD.replace("time: created_at", "tiem: created_at")
    (problem,) = _problems(tmp_path / "parcels.yaml", text)
    assert problem.line == _line(text, "tiem")
    assert str(problem) == f"parcels.yaml:{problem.line} stages.orders.tiem: {problem.text}"


def test_all_mistakes_are_told_at_once_in_order_of_line(tmp_path: Path) -> None:
    text = (
        GOOD.replace("key: id", "key: id\nsettle: soon")
        .replace("time: created_at", "tiem: created_at")
        .replace("name: result,", "name: request,")
        .replace("table: routing}", "table: routing, input: [request, nowhere]}")
        .replace("sample: 60", "sample: none")
    )
    problems = _problems(tmp_path / "parcels.yaml", text)
    assert [problem.line for problem in problems] == [
        _line(text, part)
        for part in ("settle", "tiem", "name: request, kind: mapping, table: results", "nowhere", "sample: none")
    ]
    assert all(str(problem).startswith(f"parcels.yaml:{problem.line} ") for problem in problems)


def test_a_cycle_by_way_of_default_inputs_names_its_stages(tmp_path: Path) -> None:
    text = GOOD.replace("table: requests,", "table: requests, input: [orders, result],")
    (problem,) = _problems(tmp_path / "parcels.yaml", text)
    assert "cycle" in problem.text
    for stage in ("request", "prompt", "router_model", "result"):
        assert stage in problem.text


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("pipeline: [parcels\nkey: id\n", 2, "no valid YAML"),
        ("pipeline: parcels\n\tkey: id\n", 2, "no valid YAML"),
        ("- parcels\n", 1, "must be a mapping"),
        ("", 1, "must be a mapping"),
        ("pipeline: parcels\nwhen: !!python/object/apply:os.getcwd []\n", 2, "no valid YAML"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, text: str, line: int, said: str) -> None:
    (problem,) = _problems(tmp_path / "parcels.yaml", text)
    assert (problem.file, problem.line) == ("parcels.yaml", line)
    assert said in problem.text


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "parcels.yaml"
    path.write_bytes(b"pipeline: \xff\xfe")
    with pytest.raises(SpecError, match=r"parcels\.yaml: cannot be read as UTF-8 text"):
        load_pipeline(path)


def test_a_broken_file_stops_no_other(tmp_path: Path) -> None:
    project = load_project(_write(tmp_path, parcels=GOOD, broken="pipeline: [", letters="pipeline: letters\n"))
    assert list(project.pipelines) == ["parcels"]
    assert list(project.broken) == ["include/pipelines/broken.yaml", "include/pipelines/letters.yaml"]
    assert {problem.file for problem in project.problems} == set(project.broken)
    assert project.pipeline("parcels").key == "id"
    with pytest.raises(SpecError, match=r"include/pipelines/letters\.yaml:1 stages: 'stages' is missing"):
        project.pipeline("letters")


def test_a_file_is_named_after_its_pipeline(tmp_path: Path) -> None:
    project = load_project(_write(tmp_path, letters=GOOD))
    assert not project.pipelines
    (problem,) = project.problems
    assert (problem.file, problem.line) == ("include/pipelines/letters.yaml", 1)
    assert problem.text == "pipeline 'parcels' stands in letters.yaml; the file must be named after it"


def test_an_unknown_pipeline_is_told_with_those_that_exist(tmp_path: Path) -> None:
    project = load_project(_write(tmp_path, parcels=GOOD))
    with pytest.raises(SpecError, match=r"no pipeline 'parcel' in .*; known: parcels"):
        project.pipeline("parcel")


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="a project holds include/pipelines"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "path", "said"),
    [
        ("fields:\n  a: {from: x, constant: 1}\n", 2, "fields.a", "exactly one of from, constant, template"),
        ("fields:\n  a: {cast: number}\n", 2, "fields.a", "exactly one of from, constant, template"),
        ("fields:\n  a: x\n  b: {from: y, cast: money}\n", 3, "fields.b.cast", "got 'money'"),
        ("fields:\n  a: x\n  a: y\n", 3, "fields.a", "stands twice in one mapping, first on line 2"),
        ("fields:\n  a: {from: x, look_up: {}}\n", 2, "fields.a.look_up", "unknown key 'look_up'"),
        ("fields: {}\n", 1, "fields", "at least 1"),
        ("fields:\n  a: {from: x, round: -1}\n", 2, "fields.a.round", "got -1"),
    ],
)
def test_mistakes_in_a_field_map_are_told_at_their_place(
    tmp_path: Path, text: str, line: int, path: str, said: str
) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_mapping(file)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == ("map.yaml", line, path)
    assert said in problem.text
