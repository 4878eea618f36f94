"""`seamwatch compare`: what it prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from returns_desk import WINDOW, asked, fill_database, write_project
from seamwatch import cli

SPAN = ["--from", f"{WINDOW.start:%Y-%m-%d}", "--to", f"{WINDOW.end:%Y-%m-%d}"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose database has thirty questions under both releases, returns wrong under the second."""
    write_project(tmp_path)
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    fill_database(url, [*asked(30, "v1", first_day=0), *asked(30, "v2", first_day=7, wrong=["returns"])])
    monkeypatch.setenv("AIRFLOW_CONN_DESK_DB", url)
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    return tmp_path


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["seamwatch", "compare", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_a_comparison_is_printed_and_written(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, document = desk / "out" / "page.md", desk / "out" / "found.json"
    written = ["--markdown", str(page), "--json", str(document)]
    project = ["--project", str(desk)]
    code = _run(monkeypatch, "returns_desk", "--by", "prompt.version", "v1", "v2", *SPAN, *project, *written)
    out = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "Release v2 is worse than v1: 10 worse, 0 better of 30 inputs, p = 0.002" in out
    assert page.read_text(encoding="utf-8").startswith("# returns_desk: prompt.version v2 against v1\n")
    found = json.loads(document.read_text(encoding="utf-8"))
    assert (found["paired"]["worse"], found["paired"]["better"], found["paired"]["pairs"]) == (10, 0, 30)
    assert found["segments"][0]["value"] == "returns"


def test_json_on_standard_output_is_all_of_it(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["returns_desk", "--by", "llm.version", "v2", "v1", *SPAN, "--project", str(desk), "--json", "-"]
    assert _run(monkeypatch, *arguments) == 0
    assert json.loads(capsys.readouterr().out)["paired"]["better"] == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "prompt.version", "v1", "v3", *SPAN], "there are: v1 (30 records), v2 (30 records)"),
        (["--by", "prompt.version", "v1", "v2"], "there are: none; give --from and --to"),
        (["--by", "prompt.version", "v1", "v2", "--to", "2026-03-01", "--from", "2026-03-02"], "must end after"),
        (["--by", "prompt.version", "v1", "v2", *SPAN, "--input", "questions.txt"], "has no column 'txt'"),
    ],
    ids=["unknown release", "the last weeks", "an empty span", "unknown input"],
)
def test_a_mistake_ends_with_what_there_is(
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert _run(monkeypatch, "returns_desk", *arguments, "--project", str(desk)) == 1
    assert message in capsys.readouterr().err
