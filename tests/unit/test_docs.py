"""What the documents say is so: samples load, commands and targets exist, links lead somewhere, pages are current."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

import seamwatch
from seamwatch.cli import app
from seamwatch.spec.load import load_project
from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.schema import json_schema, reference_page
from seamwatch.validation.suites import check_suite, load_suite
from seamwatch.vocabulary import Severity

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADD_A_PIPELINE = (ROOT / "docs" / "add-a-pipeline.md").read_text(encoding="utf-8")


def _blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in found]


def _pipeline(text: str) -> Pipeline:
    return Pipeline.model_validate(yaml.safe_load(text))


def test_the_samples_of_a_new_pipeline_load(tmp_path: Path) -> None:
    pipeline, mapping = _blocks(ADD_A_PIPELINE, "yaml")
    spec = _pipeline(pipeline)
    assert [stage.name for stage in spec.stages] == ["orders", "request", "prompt", "model", "result"]
    assert spec.stages[3].input == ("prompt",)
    MappingSpec.model_validate(yaml.safe_load(mapping))
    for code in _blocks(ADD_A_PIPELINE, "python"):
        ast.parse(code)
    (suite,) = _blocks(ADD_A_PIPELINE, "json")
    (tmp_path / "request.json").write_text(suite, encoding="utf-8")
    assert check_suite(tmp_path / "request.json") == []
    assert [load_suite(tmp_path / "request.json").severity(n) for n in (0, 1)] == [Severity.CRITICAL, Severity.WARNING]


def test_the_readme_s_pipeline_is_that_of_the_page_on_adding_one() -> None:
    (shown,) = _blocks(README, "yaml")
    assert _pipeline(shown).model_copy(update={"schedule": None}) == _pipeline(_blocks(ADD_A_PIPELINE, "yaml")[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_targets_and_links_of_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"`(?:\$ )?seamwatch ([a-z]+)\b", text))
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert commands <= known, f"unknown commands: {commands - known}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"no make {target}"
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}, which does not exist"


def test_places_named_by_the_architecture_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for place in re.findall(
        r"`((?:core|spec|engine|store|adapters|report|orchestration|validation)/[\w/]+\.py)`", text
    ):
        assert (ROOT / "include" / "seamwatch" / place).is_file(), place


def test_the_pipeline_page_and_the_schema_are_those_of_the_types() -> None:
    again = "run: python -m seamwatch.spec.schema"
    assert (ROOT / "docs" / "pipeline-file.md").read_text(encoding="utf-8") == reference_page(), again
    assert json.loads((ROOT / "docs" / "pipeline.schema.json").read_text(encoding="utf-8")) == json_schema(), again


def test_the_version_is_one() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert declared == seamwatch.__version__
    assert f"## [{declared}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_project_s_own_pipeline_files_have_no_mistake() -> None:
    project = load_project(ROOT)
    assert project.problems == []
    assert "support_triage" in project.pipelines
