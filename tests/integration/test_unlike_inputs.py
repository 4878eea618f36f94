"""A damaged source from tables to verdict: a model as good as ever is not blamed for inputs unlike any before."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import PIPELINE, WINDOW, answer_of, fill_database, make_deps, write_project
from seamwatch.core.results import Attribution, Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.bundle import record, replay
from seamwatch.engine.deps import Deps
from seamwatch.report.machine import attribution_json
from seamwatch.vocabulary import Gap, Responsibility

BENCHMARK = next(line for line in PIPELINE.splitlines(keepends=True) if line.startswith("benchmark:"))


def _deps(root: Path, fault: str, *, mode: str = "sampled", has_benchmark: bool = True) -> Deps:
    pipeline = PIPELINE.replace("isolation: {", f"isolation: {{mode: {mode}, ")
    write_project(root, pipeline=pipeline if has_benchmark else pipeline.replace(BENCHMARK, ""))
    (root / "expectations/parcels/orders.json").unlink()  # no expectation says what a code may be
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, fault)
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})


def _attribute(deps: Deps, window: Window = WINDOW) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), window)


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
@pytest.mark.parametrize("has_benchmark", [True, False], ids=["benchmark", "no benchmark"])
def test_a_garbled_source_is_named_with_what_is_wrong_in_it(tmp_path: Path, mode: str, has_benchmark: bool) -> None:
    found = _attribute(_deps(tmp_path, "source_garbled", mode=mode, has_benchmark=has_benchmark))
    assert found.leading is not None
    leading = found.leading
    assert (leading.responsibility, leading.stage, leading.fields) == (Responsibility.SOURCE_DATA, "orders", ("code",))
    assert leading.kind == "encoding"
    assert "code is broken in its characters" in leading.headline
    mine = [verdict for verdict in found.verdicts if verdict.responsibility is Responsibility.SOURCE_DATA]
    assert len(mine) > 0.9 * sum(int(verdict.key) >= 100 for verdict in found.verdicts)
    assert "earlier inputs looked so" in mine[0].explanation
    assert attribution_json(found)["attribution"]["responsibility"] == "source_data"


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_sizes_beyond_all_before_leave_it_open(tmp_path: Path, mode: str) -> None:
    """Cents a hundred times larger are no damage that shows by itself; the model is as it was."""
    found = _attribute(_deps(tmp_path, "source_larger", mode=mode))
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.gap) == (
        Responsibility.UNDETERMINED,
        Gap.INPUTS_UNLIKE_ANY_BEFORE,
    )
    sure = [v for v in found.verdicts if v.responsibility is Responsibility.MODEL and v.confidence > 0.5]
    assert len(sure) < 0.25 * len(found.verdicts)


def test_a_window_that_is_struck_from_its_first_record_on_is_held_against_the_window_before(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "source_garbled", has_benchmark=False)
    third = (WINDOW.end - WINDOW.start) / 3
    found = _attribute(deps, Window(start=WINDOW.start + third, end=WINDOW.start + 2 * third))
    assert found.n_failing > 0.5 * found.n_observed
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.stage) == (Responsibility.SOURCE_DATA, "orders")


def test_a_worse_model_is_blamed_as_ever(tmp_path: Path) -> None:
    """Phones are answered wrongly, then and now, also in the benchmark."""

    def worse(product: str, amount: float) -> str:
        return json.dumps({"queue": "misc"}) if product == "phone" else answer_of(product, amount)

    deps = _deps(tmp_path, "")
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "", say=worse)
    path = tmp_path / "include/mappings/parcels.py"
    path.write_text(
        path.read_text().replace(
            "if float(amount) > 500:",
            'if product == "phone":\n        return json.dumps({"queue": "misc"})\n    if float(amount) > 500:',
        )
    )
    found = _attribute(deps)
    assert found.leading is not None
    assert found.leading.responsibility is Responsibility.MODEL
    assert Counter(verdict.responsibility for verdict in found.verdicts)[Responsibility.MODEL] == found.n_failing


def test_a_bundle_holds_the_inputs_of_before(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "source_garbled")
    found = record(deps, deps.project.pipeline("parcels"), WINDOW, tmp_path / "incident.bundle")
    with sa.create_engine(f"sqlite:///{tmp_path / 'parcels.db'}").begin() as connection:
        connection.execute(sa.text("DROP TABLE orders"))
    again = replay(tmp_path / "incident.bundle")
    assert again.verdicts == found.verdicts
    assert again.leading is not None
    assert again.leading.responsibility is Responsibility.SOURCE_DATA
