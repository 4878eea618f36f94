"""A baseline input by input, and the model of an incident against it, end to end on small tables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from parcels import FUNCTIONS, PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.results import Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.baseline import accept_baseline
from seamwatch.engine.deps import Deps
from seamwatch.errors import DataContractError

SEGMENTED = PIPELINE + "segments: [orders.code]\n"
BEFORE = Window(start=WINDOW.start, end=WINDOW.end + timedelta(hours=1))
"""Another window over the same rows: its answers are not taken from the incident's cache."""
WORSE = '    if product == "bill":\n        queue = "misc"\n    return json.dumps({"queue": queue})\n'


def _deps(root: Path, pipeline: str = SEGMENTED) -> Deps:
    write_project(root, pipeline=pipeline)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "unit")
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})


def test_a_model_as_it_was_is_said_to_be_so_with_few_calls(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    pipeline = deps.project.pipeline("parcels")
    score = accept_baseline(deps, pipeline, BEFORE, size=60)
    assert len(deps.store.baseline_results("parcels")) == len(score.results) == 50
    assert sum(one.again is not None for one in score.results) == 10
    found = attribute_window(deps, pipeline, WINDOW)
    assert found.isolation.standing == "as_before"
    assert (found.isolation.n_paired, found.isolation.n_repeated, found.isolation.n_unstable) == (25, 15, 0)
    assert {one.segment for one in found.isolation.segments} == {"orders.code"}
    assert found == deps.store.attribution("parcels", WINDOW)


def test_a_model_that_got_worse_on_one_product_is_degraded_there(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    pipeline = deps.project.pipeline("parcels")
    accept_baseline(deps, pipeline, BEFORE, size=60)
    worse = FUNCTIONS.replace('    return json.dumps({"queue": queue})\n', WORSE)
    (tmp_path / "include/mappings/parcels.py").write_text(worse)
    isolation = attribute_window(deps, pipeline, WINDOW).isolation
    assert isolation.standing == "degraded"
    assert isolation.n_better == 0
    assert isolation.segments[0].value == "C"
    assert isolation.segments[0].p_worse < 0.01
    assert all(one.n_worse == 0 for one in isolation.segments[1:])


def test_a_baseline_that_is_only_a_number_keeps_the_binomial_test(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    isolation = attribute_window(deps, deps.project.pipeline("parcels"), WINDOW).isolation
    assert isolation.standing is None
    assert isolation.p_paired is None
    assert isolation.p_degraded is not None


def test_a_baseline_needs_a_benchmark(tmp_path: Path) -> None:
    text = "\n".join(line for line in PIPELINE.splitlines() if not line.startswith("benchmark"))
    deps = _deps(tmp_path, text)
    with pytest.raises(DataContractError, match="no benchmark"):
        accept_baseline(deps, deps.project.pipeline("parcels"), WINDOW, size=10)
