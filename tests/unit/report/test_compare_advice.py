"""The command that compares what was before a change with what came."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

import pytest
from typer.main import get_command

from seamwatch.cli import app
from seamwatch.core.finding import Finding, Switch
from seamwatch.core.results import Window
from seamwatch.report.advice import compare_command
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=6))


def _cause(*values: tuple[str, str]) -> Finding:
    return Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="prompt",
        headline="",
        n_records=9,
        confidence=0.9,
        changed=tuple(
            Switch(stage="prompt", field="version", before=before, after=after, at=START, p_value=1e-9)
            for before, after in values
        ),
    )


CASES = {
    "versions": ([("v1", "v2")], ["v1", "v2"]),
    "blanks and quotes": ([("release one", "it's")], ["release one", "it's"]),
    "what looks like an option": ([("-x y", "--help")], ["-x y", "--help"]),
    "a null is no release": ([("no value", "v2"), ("a", "b")], ["a", "b"]),
    "a text is no release": ([("x" * 81, "y"), ("one\nline", "y"), ("a", "b")], ["a", "b"]),
}


@pytest.mark.parametrize(("values", "releases"), CASES.values(), ids=CASES)
def test_the_command_line_reads_the_command_as_it_is_meant(values: list[tuple[str, str]], releases: list[str]) -> None:
    command = compare_command("desk", _cause(*values), WINDOW)
    assert command is not None
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("seamwatch", "compare")
    command_line = get_command(app).commands["compare"]  # type: ignore[attr-defined]
    read = command_line.make_context("compare", arguments).params
    assert [read["pipeline"], read["first"], read["second"]] == ["desk", *releases]
    assert (read["by"], read["end"]) == ("prompt.version", "2026-11-23T14:00:00Z")


def test_without_a_change_there_is_no_command() -> None:
    assert compare_command("desk", None, WINDOW) is None
    assert compare_command("desk", _cause(), WINDOW) is None
    assert compare_command("desk", _cause(("no value", "v2")), WINDOW) is None
