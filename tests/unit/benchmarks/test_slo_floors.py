"""Every part of `bench-slo` is held by floors that can fail, on figures that it has."""

from __future__ import annotations

from pathlib import Path

import bench_slo
import pytest
from bench_slo import PARTS
from slo import floors
from write_page import Figure

PAGE = (Path(__file__).parents[3] / "docs/BENCHMARKS.md").read_text(encoding="utf-8")


def _figure(value: float, rival: dict[str, float] | None = None) -> Figure:
    return Figure(value, value, value, "", rival or {})


def _as_held(part: str) -> dict[str, Figure]:
    """Return figures of a part that are exactly what is held."""
    found = {name: _figure(value) for name, value in {**floors.AT_LEAST[part], **floors.AT_MOST[part]}.items()}
    shares = floors.SHARE_OF_RIVAL.get(part, {})
    return found | {name: _figure(share, {rival: 1.0}) for name, (rival, share) in shares.items()}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_slo, "SHORT", True)


@pytest.mark.parametrize("part", PARTS)
def test_floors_are_on_figures_that_the_part_has(part: str) -> None:
    held = _as_held(part)
    assert held
    assert [name for name in held if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("part", PARTS)
def test_what_is_as_held_passes_and_each_figure_that_is_worse_fails(part: str) -> None:
    held = _as_held(part)
    assert bench_slo.below_floor(part, held, lambda _: []) == []
    for name, figure in held.items():
        is_floor = name in floors.AT_LEAST[part]
        worse = Figure(figure.value * 0.97 if is_floor else figure.value * 1.03 + 0.01, 0.0, 1.0, "", figure.rival)
        (said,) = bench_slo.below_floor(part, {**held, name: worse}, lambda _: [])
        assert name in said


def test_a_figure_that_is_missing_fails_and_so_does_a_broken_promise() -> None:
    held = _as_held("cost")
    del held["cost_factor_right"]
    assert bench_slo.below_floor("cost", held, lambda _: ["a promise"]) == [
        "a promise",
        "cost_factor_right was not measured",
    ]


def test_the_long_form_is_held_by_its_promises_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_slo, "SHORT", False)
    assert bench_slo.below_floor("cost", {}, lambda _: []) == []
