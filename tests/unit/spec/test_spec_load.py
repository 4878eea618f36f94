"""Mistakes in files that a person wrote: each is told with file, line, what is wrong and what would be right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from parcels import PIPELINE
from seamwatch.errors import Problem, SpecError
from seamwatch.spec.load import load_mapping, load_pipeline, load_project
from seamwatch.spec.pipeline import Pipeline

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
        ("key: id", "key: id\nsettle: 5 Minutes", "settle", "'5 Minutes' is no duration: 5m? write a number"),
        ("key: id", "key: id\nsettle: 500 millis", "settle", "no duration: 500ms?"),
        ("key: id", "key: id\nslos: {kind: availability}", "slos", "must be a list, as [first, second]; got a mapping"),
        (
            "key: id",
            "key: id\nsegments: orders.code",
            "segments",
            "must be a list, as [first, second]; got 'orders.code'",
        ),
        ("key: id", "key: id\nbundle: 5", "bundle", "must be a mapping of names to values; got 5"),
        ("key: id", "key: id\nslos: [{kind: availability, goal: 99%}]", "slos.0.goal", "got '99%'; write 0.99"),
        (
            "key: id",
            "key: id\nslos: [{kind: cost, per_query_usd: $0.01}]",
            "slos.0.per_query_usd",
            "'$0.01'; write 0.01",
        ),
        (
            "sample: 60",
            "sample: '1,000 calls'",
            "benchmark.sample",
            "must be a whole number; got '1,000 calls'; write 1000",
        ),
        ("kind: sink", "kind: Sinks", "stages.routing.kind", "got 'Sinks'; did you mean 'sink'?"),
        ("key: id", "key: id\nsettle: 30", "settle", "30 has no unit: 30m or 30h or 30d?"),
        ("key: id", "key: id\nsettle: '30'", "settle", "30 has no unit"),
        ("key: id", "key: id\nsettle: 1.5", "settle", "1.5 has no unit"),
        ("key: id", "key: id\nsettle: true", "settle", "bool is no duration"),
        ("key: id", "key: id\nsettle: [1h]", "settle", "list is no duration"),
        ("key: id", "key: id\nsettle: 99999999999d", "settle", "at most 100 years"),
        ("key: id", "key: id\nsettle: P999999999D", "settle", "at most 100 years"),
        (
            "compare: {queue: queue}}",
            "compare: {queue: queue}, late_after: 7}",
            "outcome.late_after",
            "7 has no unit: 7d?",
        ),
        ("key: id", "key: id\nslos: [{kind: latency, p95: 500}]", "slos.0", "500 has no unit: 500ms or 500s?"),
        ("key: id", "key: id\nslos: [{kind: availability, over: 28}]", "slos.0", "28 has no unit: 28d?"),
        ("key: id", "key: id\nstart_date: 2026-02-30", "start_date", "'2026-02-30' is no day (day is out of range"),
        ("key: id", "key: id\nstart_date: 2026-01-01T25:00", "start_date", "is no day"),
        ("key: id", "key: id\nstart_date: soon", "start_date", "write it as 2026-01-31"),
        ("key: id", "key: id\nstart_date: 0001-01-01", "start_date", "between 1970 and 2199"),
        ("key: id", "key: id\nschedule: every day", "schedule", "five fields (minute, hour"),
        ("key: id", "key: id\nschedule: '0 25 * * *'", "schedule", "the hour '25' of '0 25 * * *' is none: 0 to 23"),
        ("key: id", "key: id\nschedule: '@once'", "schedule", "no preset '@once'; known: @hourly"),
        ("key: id", "key: id\nschedule: 5", "schedule", "has 1"),
        ("key: id", "key: [id]", "key", "must be text; got a list"),
        ("key: id", "key: true", "key", "must be text; got true; quote it if it is text"),
        ('channel: "#incidents"', "channel: # incidents\n ", "slack.channel", "text that begins with # must be quoted"),
        ("sample: 60", "sample: " + "6" * 5000, "benchmark.sample", "666..."),
        (
            "key: id",
            "key: id\nmonitoring: {cost: {prices: {m: {inputs: 2.5, output_per_mtok: 10}}}}",
            "monitoring.cost",
            "known: cached_input_per_mtok, input_per_mtok, output_per_mtok",
        ),
        (
            "key: id",
            "key: id\nmonitoring: {cost: {prices: {m: {}}}}",
            "monitoring.cost",
            "a price needs input_per_mtok",
        ),
        (
            "key: id",
            "key: id\nmonitoring: {cost: {prices: {m: {input_per_mtok: inf}}}}",
            "monitoring.cost",
            "finite number",
        ),
        ("kind: source", "kind: origin", "stages.orders.kind", "'source'"),
        ("kind: source", "kind: mapping", "stages.orders.kind", "the first stage must be a source"),
        ("table: orders, ", "", "stages.orders", "needs one of table and query"),
        ("database: parcels_db\n", "", "database", "'database' is missing"),
        ("baseline_accuracy: 0.95", "baseline_accuracy: 95", "benchmark.baseline_accuracy", "got 95"),
        ("pipeline: parcels", "pipeline: my parcels", "pipeline", "got 'my parcels'"),
        (", compare: {queue: queue}", "", "outcome", "needs compare"),
        ("truth: labels", "truth: labels, suite: s", "outcome", "exactly one of truth, evaluator, suite, people"),
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
    with pytest.raises(SpecError, match=r"parcels\.yaml:1: cannot be read as UTF-8 text: byte 0xff"):
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
        ("fields:\n  a: {from: x, lookup: {A: [1]}}\n", 2, "fields.a.lookup.A", "got a list or a mapping"),
        ("fields:\n  a: {from: x, lookup: {A: 1, A: 2}}\n", 2, "fields.a.lookup.A", "stands twice"),
        ("fields:\n  a: {from: x, lookup: {null: 1}}\n", 2, "fields.a.lookup.null", "quote it"),
        ("fields:\n  a: {constant: " + "9" * 5000 + "}\n", 2, "fields.a.constant", "5000 digits"),
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


def test_codes_of_a_lookup_are_text_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(
        "fields:\n  country: {from: prefix, lookup: {47: NO, 007: 0123, on: off, 1_000: 12:30, '5': '1.10', d: 1e5}}\n"
        "  share: {from: x, lookup: {a: 1, b: 0.5, c: true, d: null}, default: NO, scale: 1e-2}\n"
        "  day: {constant: 2026-02-30}\n  number: {constant: 7}\n  text: {constant: '7'}\n"
    )
    fields = load_mapping(file).fields
    assert fields["country"].lookup == {
        "47": "NO",
        "007": "0123",
        "on": "off",
        "1_000": "12:30",
        "5": "1.10",
        "d": "1e5",
    }
    assert fields["share"].lookup == {"a": 1, "b": 0.5, "c": True, "d": None}
    assert [type(value) for value in (fields["share"].lookup or {}).values()] == [int, float, bool, type(None)]
    assert (fields["share"].default, fields["share"].scale) == ("NO", 0.01)
    assert [fields[name].constant for name in ("day", "number", "text")] == ["2026-02-30", 7, "7"]


def test_names_that_look_like_numbers_or_words_are_names(tmp_path: Path) -> None:
    path = tmp_path / "parcels.yaml"
    path.write_text(
        GOOD.replace("key: id", "key: 007\nstart_date: 2026-01-05\nsegments: [orders.NO, orders.1_000]").replace(
            "table: routing}", "table: 2026, ignore: [on, 1.10, 12:30]}"
        )
        + "monitoring: {drift: off, cost: no, injection: yes}\n"
    )
    pipeline = load_pipeline(path)
    assert (pipeline.key, pipeline.start_date) == ("007", "2026-01-05")
    assert pipeline.segments == ("orders.NO", "orders.1_000")
    assert pipeline.stage("routing").table == "2026"
    assert pipeline.stage("routing").ignore == ("on", "1.10", "12:30")
    assert (pipeline.monitoring.drift, pipeline.monitoring.cost) == (None, None)
    assert pipeline.monitoring.injection is not None
    assert Pipeline.model_validate(pipeline.model_dump(mode="json", by_alias=True)) == pipeline


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("time: created_at", "tiem: created_at", "unknown key 'tiem'; did you mean 'time'?"),
        ("sample: 60", "sampels: 60", "unknown key 'sampels'; did you mean 'sample'?"),
        ("key: id", "key: id\nslos: [{kind: cost, per_query: 1}]", "did you mean 'per_query_usd'?"),
        ("key: id", "key: id\nslos: [{kind: accuracy, goal: 0.9, alerts: [{brun: 2}]}]", "did you mean 'burn'?"),
        ("key: id", "key: id\nmonitoring: {drift: {whatever: 1}}", "known: embedding, every, false_alarms_per_90_days"),
    ],
)
def test_an_unknown_key_is_told_with_what_may_stand_there(tmp_path: Path, old: str, new: str, said: str) -> None:
    problems = _problems(tmp_path / "parcels.yaml", GOOD.replace(old, new, 1))
    (problem,) = [problem for problem in problems if "unknown key" in problem.text]
    assert said in problem.text
    assert problem.line == _line(GOOD.replace(old, new, 1), new.rpartition("\n")[2])


def test_two_files_of_one_pipeline_are_one_too_many(tmp_path: Path) -> None:
    root = _write(tmp_path, parcels=GOOD)
    (root / "include/pipelines/parcels.yml").write_text(GOOD)
    project = load_project(root)
    assert list(project.pipelines) == ["parcels"]
    (problem,) = project.problems
    assert str(problem).startswith(
        "include/pipelines/parcels.yml:1 pipeline: pipeline 'parcels' stands in parcels.yaml"
    )


@pytest.mark.parametrize("written", ["@U012AB", "<@U012AB>", "<@U012AB|ada>"])
def test_a_mention_may_be_copied_out_of_a_message(tmp_path: Path, written: str) -> None:
    path = tmp_path / "parcels.yaml"
    path.write_text(GOOD.replace('"@U0REL"', f'"{written}"').replace('"!subteam^S0INT"', '"<!subteam^S0INT|@team>"'))
    assert load_pipeline(path).owners == {"reliability": "@U012AB", "integration": "!subteam^S0INT", "model": "@U0MOD"}
