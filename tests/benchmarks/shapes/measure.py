"""Figures of the shapes: answers through the whole engine, values through reconciliation, mistakes through `check`."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evidence.cells import BY_PLACE, Cell
from evidence.measure import CellScore, mistakes, run_cells
from write_page import Figure

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.engine.check import check_project
from seamwatch.errors import Problem
from seamwatch.spec.load import load_project
from shapes.answers import SHAPES
from shapes.mistakes import Mistake, make_mistakes, write_healthy
from shapes.values import count_right_pairs


def share(count: int, total: int, unit: str) -> Figure:
    """Return a share with Wilson's interval."""
    return Figure(count / total, *(wilson_interval(count, total) or (0.0, 1.0)), unit, {})


def make_cells(*, seed: int, is_short: bool) -> list[Cell]:
    """Return every shape with every fault; the short form takes one fault in turn, and the one that needs reading."""
    found = []
    for number, shape in enumerate(SHAPES):
        places = list(BY_PLACE.items())
        chosen = [places[number % len(places)]] if is_short else places
        for place, fault in dict([*chosen, ("after", BY_PLACE["after"])]).items():
            found.append(Cell(family=place, what=shape, fault=fault, shape=shape, n=180, seed=seed * 1000 + number))
    return found


def measure_answers(*, seed: int, is_short: bool, jobs: int) -> tuple[dict[str, Figure], list[str]]:
    """Return `confidently_wrong` and `readable`, and a line for every mistake.

    A shape is readable if a fault of the mapping after the model, which only the recorded answer shows, is found.
    """
    scores = run_cells(make_cells(seed=seed, is_short=is_short), jobs=jobs)
    n_wrong = sum(sum(score.wrong.values()) + bool(score.leading) for score in scores)
    n_asked = sum(score.n_asked + score.has_leading for score in scores)
    low, high = wilson_interval(n_wrong, n_asked) or (0.0, 1.0)
    read = [_is_read(score) for score in scores if score.cell.family == "after"]
    unit = f"of {n_asked} verdicts on asked records and leading causes"
    figures = {
        "confidently_wrong": Figure(float(n_wrong), low * n_asked, high * n_asked, unit, {}),
        "readable": share(sum(read), len(read), f"share of {len(read)} documented shapes"),
    }
    return figures, mistakes(scores)


def _is_read(score: CellScore) -> bool:
    return not score.error and not score.leading and score.n_right == score.n_failing > 0


def measure_values() -> tuple[dict[str, Figure], list[str]]:
    """Return `value_pairs_right`, and a line for each kind of value that was misjudged."""
    n_right, n_pairs, lines = count_right_pairs()
    unit = f"share of {n_pairs} pairs, equal or different"
    return {"value_pairs_right": share(n_right, n_pairs, unit)}, lines


def measure_mistakes() -> tuple[dict[str, Figure], list[str]]:
    """Return `check_finds`, and a line for every planted mistake that was not found, or found in a healthy project."""
    planted = make_mistakes()
    lines = [f"healthy project: {problem}" for problem in _problems_of(None)]
    missed = [mistake.name for mistake in planted if not _is_found(mistake)]
    lines += [f"check does not find: {name}" for name in missed]
    unit = f"share of {len(planted)} planted mistakes"
    return {"check_finds": share(len(planted) - len(missed), len(planted), unit)}, lines


def _problems_of(mistake: Mistake | None) -> Sequence[Problem]:
    root = Path(tempfile.mkdtemp(prefix="seamwatch-shapes-"))
    try:
        write_healthy(root)
        if mistake is not None:
            mistake.change(root)
        connections = EnvironmentConnections({"AIRFLOW_CONN_DESK_DW": f"sqlite:///{root / 'desk.db'}"})
        return check_project(load_project(root), connections)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _is_found(mistake: Mistake) -> bool:
    """Return whether `check` tells of the mistake; a `check` that raises tells nothing."""
    try:
        problems = _problems_of(mistake)
    except Exception:  # a mistake that ends `check` itself counts as one that it does not find
        return False
    return any(
        problem.file.endswith(mistake.file)
        and (problem.line is not None or not mistake.has_line)
        and all(re.search(words, str(problem), re.IGNORECASE) for words in mistake.says)
        for problem in problems
    )
