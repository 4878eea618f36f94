"""Short forms leave the page alone, and nothing of them reaches it by a long form that is run later."""

from __future__ import annotations

from pathlib import Path

import pytest
import write_page
from write_page import Figure, write_figures, write_part

FIGURE = Figure(1.0, 1.0, 1.0, "s", {})


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(write_page, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs" / "BENCHMARKS.md"


@pytest.mark.parametrize("part", [None, "one"])
def test_figures_of_a_short_form_never_reach_the_page(page: Path, part: str | None) -> None:
    def write(name: str, key: str, *, is_short: bool) -> None:
        given = {"command": f"{'SHORT=1 ' * is_short}make bench-{name}", "seed": 1, "about": "all"}
        if part is None:
            write_figures(name, {key: FIGURE}, **given, renews_page=not is_short)  # type: ignore[arg-type]
        else:
            write_part(name, part, {key: FIGURE}, **given, renews_page=not is_short)  # type: ignore[arg-type]

    write("scale", "long_figure", is_short=False)
    before = page.read_text(encoding="utf-8")
    write("scale", "short_figure", is_short=True)
    assert page.read_text(encoding="utf-8") == before
    write("store", "another_figure", is_short=False)
    text = page.read_text(encoding="utf-8")
    assert "`long_figure`" in text
    assert "`another_figure`" in text
    assert "short_figure" not in text
