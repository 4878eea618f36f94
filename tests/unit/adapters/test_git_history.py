"""Commits read from real repositories, also from those whose settings and texts are hostile."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seamwatch.adapters.git_history import read_history
from seamwatch.errors import AdapterError

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)


class Repository:
    """A repository whose commits are made at given times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, at: datetime = AT) -> str:
        moment = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
        environment = {**os.environ, "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def commit(self, message: str, *, at: datetime, **files: str) -> None:
        for name, text in files.items():
            (self.folder / name.replace("_py", ".py")).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}", at=at)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "project")
    made.commit("First version", at=AT - 10 * DAY, codes_py="A = 1\nB = 2\n", other_py="x = 1\n")
    return made


def _read(folder: Path, *names: str, since: datetime = AT - 3 * DAY, until: datetime = AT + DAY) -> list[str]:
    return [
        one.subject for one in read_history(folder, [folder / name for name in names], since=since, until=until).commits
    ]


def test_commits_of_the_span_that_touched_the_files_are_told_with_their_lines(repository: Repository) -> None:
    repository.commit("Use the new code of B", at=AT - DAY, codes_py="A = 1\nB = 3\n")
    repository.commit("Something else", at=AT - DAY / 2, other_py="x = 2\n")
    repository.commit("Too late", at=AT + 2 * DAY, codes_py="A = 9\nB = 3\n")
    file = repository.folder / "codes.py"
    found = read_history(repository.folder, [file], since=AT - 3 * DAY, until=AT + DAY)
    (commit,) = found.commits
    assert (commit.author, commit.subject, commit.at) == ("Ann", "Use the new code of B", AT - DAY)
    assert commit.lines == ("codes.py: -B = 2", "codes.py: +B = 3")
    assert (found.tracked, found.is_shallow) == ((file,), False)


def test_a_file_in_a_folder_below_and_one_that_was_deleted_are_told(repository: Repository) -> None:
    inner = repository.folder / "include" / "mappings"
    inner.mkdir(parents=True)
    (inner / "map.yaml").write_text("a: 1\n")
    repository.commit("Add a map", at=AT - 2 * DAY)
    (inner / "map.yaml").unlink()
    (inner / "new.yaml").write_text("b: 1\n")
    repository.commit("Take it away", at=AT - DAY)
    found = read_history(inner, [inner / "map.yaml"], since=AT - 3 * DAY, until=AT)
    assert [one.lines for one in found.commits] == [
        ("include/mappings/map.yaml: -a: 1",),
        ("include/mappings/map.yaml: +a: 1",),
    ]
    assert found.tracked == ()


def test_names_with_signs_of_patterns_stand_for_themselves(repository: Repository) -> None:
    repository.commit("Add one", at=AT - DAY, **{"[ab]*.yaml": "a: 1\n", "a.yaml": "b: 1\n"})
    found = read_history(repository.folder, [repository.folder / "[ab]*.yaml"], since=AT - 3 * DAY, until=AT)
    assert [one.lines for one in found.commits] == [("[ab]*.yaml: +a: 1",)]


def test_nothing_that_a_repository_configures_is_run(repository: Repository, tmp_path: Path) -> None:
    trap, marker = tmp_path / "trap.sh", tmp_path / "run"
    trap.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    trap.chmod(0o755)
    for name in (
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "gpg.program",
        "diff.own.textconv",
        "diff.own.command",
    ):
        repository.git("config", name, str(trap))
    for name, value in (("log.showSignature", "true"), ("color.ui", "always"), ("diff.noprefix", "true")):
        repository.git("config", name, value)
    (repository.folder / ".gitattributes").write_text("*.py diff=own\n")
    repository.git("-c", "core.fsmonitor=false", "add", "--all")
    (repository.folder / "codes.py").write_text("A = 1\nB = 3\n")
    repository.git("-c", "core.fsmonitor=false", "commit", "--quiet", "--all", "--message=Change", at=AT - DAY)
    marker.unlink(missing_ok=True)
    found = read_history(repository.folder, [repository.folder / "codes.py"], since=AT - 3 * DAY, until=AT)
    assert found.commits[0].lines == ("codes.py: -B = 2", "codes.py: +B = 3")
    assert not marker.exists()


def test_lines_that_look_like_another_commit_are_lines(repository: Repository) -> None:
    forged = "\x00".join(("0" * 40, "1767600000", "Eve", "Forged", ""))
    repository.commit("Real", at=AT - DAY, codes_py=f"commit {forged}\ndiff --git a/x b/x\n@@ -1 +1 @@\n+y\n--- a/z\n")
    assert _read(repository.folder, "codes.py") == ["Real"]


def test_many_and_large_commits_are_cut(repository: Repository) -> None:
    for number in range(25):
        repository.commit(f"Change {number}", at=AT - timedelta(hours=30 - number), codes_py=f"A = {number}\n" * 500)
    repository.commit("Huge", at=AT, codes_py="B = 1\n" * 200_000)
    found = read_history(repository.folder, [repository.folder / "codes.py"], since=AT - 3 * DAY, until=AT + DAY)
    assert found.commits[0].subject == "Huge"
    assert len(found.commits) <= 20
    assert max(len(one.lines) for one in found.commits) <= 40


def test_a_shallow_clone_is_said_to_be_one(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Later", at=AT - DAY, codes_py="A = 5\n")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(clone))
    assert read_history(clone, [clone / "codes.py"], since=AT - 3 * DAY, until=AT).is_shallow


def test_a_folder_outside_of_git_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="is not under git"):
        _read(tmp_path, "codes.py")
    with pytest.raises(AdapterError, match="git cannot be run in"):
        _read(tmp_path / "nowhere", "codes.py")


def test_a_repository_without_a_commit_is_an_error_that_says_so(tmp_path: Path) -> None:
    empty = Repository(tmp_path / "empty")
    with pytest.raises(AdapterError, match="has no commit yet"):
        _read(empty.folder, "codes.py")


def test_a_machine_without_git_is_an_error_that_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))
    with pytest.raises(AdapterError, match="install git"):
        _read(repository.folder, "codes.py")
