"""The plan that was kept is the one that would be made, and nothing but time depends on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parcels import write_project
from seamwatch.orchestration import project_plan
from seamwatch.orchestration.project_plan import plan_project
from seamwatch.spec.pipeline import Pipeline


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def kept(project: Path) -> Path:
    plan_project(project)
    return project / "data" / "cache" / "dag-plan.json"


def spoil(kept: Path) -> None:
    """Keep something else under the same hash: whoever reads it shows it."""
    kept.write_bytes(kept.read_bytes().splitlines()[0] + b"\n{}")


def is_made_anew(project: Path) -> bool:
    plan, problems = plan_project(project)
    return bool(plan.dags) and not problems


def test_what_was_kept_is_what_was_made(project: Path, kept: Path) -> None:
    made, _ = project_plan._plan(project)
    assert plan_project(project) == (made, [])
    spoil(kept)
    assert not is_made_anew(project)


def test_a_kept_plan_needs_no_types_of_pipeline_files(project: Path, kept: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from seamwatch.orchestration.project_plan import plan_project\n"
        f"plan, _ = plan_project(Path({str(project)!r}))\n"
        "assert plan.dags; print('seamwatch.spec.pipeline' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_all_code_that_plans_makes_a_kept_plan_another_one() -> None:
    code = (
        "import sys, seamwatch.orchestration.plan\n"
        "print(*(m.__file__ for name, m in sys.modules.items() if name.startswith('seamwatch.')), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {Path(line).resolve() for line in done.stdout.split("\n") if line}
    # Of a package, the file that only says what it holds plans nothing.
    planning = {one for one in loaded if one.name != "__init__.py"}
    assert len(planning) > 10
    assert planning <= {one.resolve() for one in project_plan._code_files()}


def test_the_spec_that_is_kept_is_that_of_the_file(project: Path, kept: Path) -> None:
    plan, _ = plan_project(project)
    for name, spec in plan.specs.items():
        assert Pipeline.model_validate(spec).pipeline == name


@pytest.mark.parametrize("change", ["edit", "add", "remove", "settings"])
def test_any_change_of_the_files_makes_it_anew(project: Path, kept: Path, change: str) -> None:
    spoil(kept)
    path = project / "include/pipelines/parcels.yaml"
    text = path.read_text(encoding="utf-8")
    if change == "settings":
        (project / "include/settings.yaml").write_text("weekly_review:\n  schedule: 0 6 * * 2\n", encoding="utf-8")
    elif change == "edit":
        path.write_text(text + "\n# a comment\n", encoding="utf-8")
    else:
        (path.parent / "others.yaml").write_text(text.replace("pipeline: parcels", "pipeline: others"))
    if change == "remove":
        path.unlink()
    assert is_made_anew(project)
    assert (
        set(plan_project(project)[0].dags)
        == {
            "edit": {"parcels"},
            "settings": {"parcels"},
            "add": {"parcels", "others"},
            "remove": {"others"},
        }[change]
    )


def test_a_mistake_is_told_each_time_and_gone_once_it_is_mended(project: Path, kept: Path) -> None:
    path = project / "include/pipelines/broken.yaml"
    path.write_text("pipeline: [", encoding="utf-8")
    for _ in range(2):
        plan, problems = plan_project(project)
        assert set(plan.dags) == {"parcels"}
        assert {problem.file for problem in problems} == {"include/pipelines/broken.yaml"}
    path.unlink()
    assert plan_project(project)[1] == []


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"\x00\xff", None])
def test_a_file_that_cannot_be_read_is_made_anew(project: Path, kept: Path, content: bytes | None) -> None:
    first = kept.read_bytes().splitlines()[0]
    kept.write_bytes(first + b"\n[1" if content is None else content)
    assert is_made_anew(project)
    assert kept.read_bytes().splitlines()[0] == first


def test_a_file_that_others_may_write_is_not_trusted(project: Path, kept: Path) -> None:
    spoil(kept)
    kept.chmod(0o666)
    assert is_made_anew(project)
    assert kept.stat().st_mode & 0o077 == 0


def test_where_nothing_can_be_written_the_plan_is_made_each_time(project: Path) -> None:
    (project / "data").write_text("a file where the folder should be", encoding="utf-8")
    assert is_made_anew(project)
    assert is_made_anew(project)


def test_a_pipe_among_the_files_holds_nothing_up(project: Path, kept: Path) -> None:
    os.mkfifo(project / "include/pipelines/pipe.yaml")
    _, problems = plan_project(project)
    assert [problem.file for problem in problems] == ["include/pipelines/pipe.yaml"]


def test_processes_that_write_at_once_leave_one_whole_file(project: Path) -> None:
    code = (
        "from pathlib import Path; from seamwatch.orchestration.project_plan import plan_project\n"
        f"assert plan_project(Path({str(project)!r}))[0].dags"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [one.wait(120) for one in running] == [0, 0, 0]
    assert [path.name for path in (project / "data/cache").iterdir()] == ["dag-plan.json"]
    spoil(project / "data/cache/dag-plan.json")
    assert not is_made_anew(project)
