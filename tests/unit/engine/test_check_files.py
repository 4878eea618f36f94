"""What `check` says of files alone: owners, suites and references, each with file, line and what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parcels import PIPELINE, SUITE, write_project
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.engine.check import check_project
from seamwatch.engine.check.files import check_files
from seamwatch.errors import Problem, ProblemLevel
from seamwatch.spec.load import load_project

OWNERS = 'owners: {reliability: "@U0REL", integration: "!subteam^S0INT", model: "@U0MOD"}'


def _problems(root: Path, old: str = "", new: str = "") -> list[Problem]:
    assert old in PIPELINE
    write_project(root, pipeline=PIPELINE.replace(old, new, 1))
    project = load_project(root)
    assert not project.problems
    return list(check_files(project, project.pipeline("parcels")))


def test_sound_files_have_no_problem(tmp_path: Path) -> None:
    assert _problems(tmp_path) == []


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ('reliability: "@ada"', "'@ada' is a name, which Slack does not resolve; a person is @U012AB"),
        ('reliability: "ada@example.com"', "is an e-mail address"),
        ('reliability: "@ada@example.com"', "is an e-mail address"),
        ("reliability: U012AB", "write @U012AB"),
        ("reliability: S012AB", "write !subteam^S012AB"),
        ('reliability: "!here"', "is no mention that Slack resolves"),
        ('reliability: "#incidents"', "is no mention that Slack resolves"),
        ('reliability: ""', "'' is no mention"),
        ('reliability: "@U0REL", modell: "@U0REL"', "unknown role 'modell'; did you mean 'model'? known: reliability"),
        ('reliability: "@U0REL", finance: "@U0REL"', "unknown role 'finance'; known: reliability, model, integration"),
    ],
)
def test_an_owner_whom_nobody_would_call_is_told(tmp_path: Path, owner: str, said: str) -> None:
    (problem,) = _problems(tmp_path, OWNERS, f"owners: {{{owner}}}")
    assert said in problem.text
    assert problem.path.startswith("owners.")
    assert problem.level is ProblemLevel.ERROR


def test_nobody_for_reliability_is_a_warning(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, OWNERS, 'owners: {model: "@U0MOD"}')
    assert problem.level is ProblemLevel.WARNING
    assert str(problem).startswith("include/pipelines/parcels.yaml owners: warning: nobody is named under reliability")


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("{input_per_mtok: 2}", ["output_per_mtok is not written, so calls with answers have no price; write 0"]),
        ("{output_per_mtok: 2}", ["input_per_mtok is not written, so calls with requests have no price; write 0"]),
        ("{input_per_mtok: 2, output_per_mtok: 0}", []),
    ],
)
def test_a_price_that_is_not_written_is_a_warning(tmp_path: Path, price: str, said: list[str]) -> None:
    monitoring = f"monitoring: {{cost: {{prices: {{own-7b: {price}}}}}}}"
    problems = _problems(tmp_path, "isolation:", f"{monitoring}\nisolation:")
    assert [problem.text[: len(one)] for problem, one in zip(problems, said, strict=True)] == said
    assert all(problem.level is ProblemLevel.WARNING for problem in problems)


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        (
            "parcels_request.yaml",
            "parcels_reqest.yaml",
            "stages.request.reference",
            "parcels_reqest.yaml: no such file",
        ),
        (
            "parcels:to_prompt",
            "parcel:to_prompt",
            "stages.prompt.reference",
            "no such file; did you mean parcels.py? known: parcels.py",
        ),
        ("parcels:to_result", "parcels:to_reslt", "stages.result.reference", "has no function 'to_reslt'"),
        ("parcels:to_result", "parcels", "stages.result.reference", "must be file:function or file.yaml"),
        ("ENDPOINT", '"python:parcels:modle"', "stages.router_model.endpoint", "has no function 'modle'"),
        ("truth: labels, compare: {queue: queue}", "evaluator: 'parcels:judge'", "outcome.evaluator", "'judge'"),
        ("table: routing}", "table: routing, suite: routes}", "stages.routing.suite", "known: orders"),
        ("truth: labels, compare: {queue: queue}", "suite: ordres", "outcome.suite", "did you mean 'orders'?"),
    ],
)
def test_a_wrong_name_of_a_file_is_told_at_the_line_that_names_it(
    tmp_path: Path, old: str, new: str, path: str, said: str
) -> None:
    (problem,) = _problems(tmp_path, old, new)
    assert (problem.file, problem.path) == ("include/pipelines/parcels.yaml", path)
    assert said in problem.text


def test_check_gives_these_problems_their_lines(tmp_path: Path) -> None:
    write_project(tmp_path, pipeline=PIPELINE.replace("parcels:to_result", "parcels:to_reslt"))
    problems = check_project(load_project(tmp_path), EnvironmentConnections(), only="parcels")
    (problem,) = [one for one in problems if "to_reslt" in one.text]
    (line,) = [n for n, row in enumerate(PIPELINE.splitlines(), start=1) if "parcels:to_result" in row]
    assert problem.line == line


def test_a_mistake_within_a_reference_is_told_at_its_own_line(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "include/mappings/parcels_request.yaml").write_text("fields:\n  amount: {from: cents, cats: number}\n")
    project = load_project(tmp_path)
    (problem,) = check_files(project, project.pipeline("parcels"))
    assert (problem.file, problem.line) == ("include/mappings/parcels_request.yaml", 2)


def test_a_suite_of_no_stage_is_told_also_for_one_pipeline(tmp_path: Path) -> None:
    write_project(tmp_path)
    folder = tmp_path / "expectations"
    (folder / "parcels" / "ordres.json").write_text(json.dumps(SUITE))
    (folder / "parcel").mkdir()
    (folder / "parcel" / "orders.json").write_text(json.dumps(SUITE))
    project, connections = load_project(tmp_path), EnvironmentConnections()
    one = [str(p) for p in check_project(project, connections, only="parcels") if p.file.startswith("expectations")]
    assert [text.partition("; ")[2].partition("?")[0] for text in one] == ["did you mean orders.json"]
    both = [str(p) for p in check_project(project, connections) if p.file.startswith("expectations")]
    assert both == [*one, "expectations/parcel: belongs to no pipeline; did you mean parcels? Known: parcels"]


def test_a_suite_of_older_great_expectations_is_told_with_the_new_names(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = tmp_path / "expectations" / "parcels" / "orders.json"
    path.write_text(
        '{\n "data_asset_type": null,\n "expectation_suite_name": "orders",\n "expectations": [\n'
        '  {"expectation_type": "expect_column_to_exist", "kwargs": {"column": "id"}}\n ]\n}\n'
    )
    project = load_project(tmp_path)
    found = sorted((p.line, p.path, p.text) for p in check_files(project, project.pipeline("parcels")))
    older = "is of Great Expectations before 1.0; "
    assert found == [
        (2, "data_asset_type", older + "remove it"),
        (3, "expectation_suite_name", older + "call it 'name'"),
        (5, "expectations.0.expectation_type", older + "call it 'type'"),
    ]


def test_a_reference_file_that_ends_the_program_ends_only_itself(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "include/mappings/parcels.py").write_text("import sys\n\nsys.exit(3)\n")
    project = load_project(tmp_path)
    texts = [str(problem) for problem in check_files(project, project.pipeline("parcels"))]
    assert texts
    assert all("parcels.py:3: cannot be run: SystemExit: 3" in text for text in texts)
