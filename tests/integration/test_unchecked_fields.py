"""A reference that leaves a field out, or misnames it, from tables to verdict, report and the stage's own checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcels import FIELD_MAP, PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.validate import check_stage
from seamwatch.report.machine import attribution_json
from seamwatch.vocabulary import CheckStatus, Gap, Responsibility

WITHOUT_PRODUCT = "fields:\n  amount: {from: cents, cast: number, scale: 0.01, round: 2}\n"


def _deps(root: Path, fault: str, *, field_map: str = FIELD_MAP, mode: str = "sampled") -> Deps:
    write_project(root, pipeline=PIPELINE.replace("isolation: {", f"isolation: {{mode: {mode}, "))
    (root / "include/mappings/parcels_request.yaml").write_text(field_map)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, fault)
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})


def _attribute(deps: Deps) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_the_model_is_not_convicted_by_a_field_that_nobody_compared(tmp_path: Path, mode: str) -> None:
    """Phones are recorded as bills, and the reference says nothing of the product."""
    found = _attribute(_deps(tmp_path, "code_table", field_map=WITHOUT_PRODUCT, mode=mode))
    model = [verdict for verdict in found.verdicts if verdict.responsibility is Responsibility.MODEL]
    open_ones = [verdict for verdict in found.verdicts if verdict.responsibility is Responsibility.UNDETERMINED]
    assert all(verdict.confidence <= 0.5 for verdict in model)
    assert len(open_ones) > 0.6 * len(found.verdicts)
    assert {verdict.gap for verdict in open_ones} == {Gap.UNCHECKED_FIELD}
    assert "product at request" in open_ones[0].explanation
    assert found.leading is not None
    assert found.leading.responsibility is Responsibility.UNDETERMINED


def test_what_was_not_checked_stands_in_the_notes_the_json_and_the_stage(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "", field_map=WITHOUT_PRODUCT)
    found = _attribute(deps)
    written = attribution_json(found)
    assert any("request" in note and "not checked: product" in note for note in found.notes)
    signals = [signal for signal in written["signals"] if signal["kind"] == "unchecked_field"]
    assert [(signal["stage"], signal["severity"]) for signal in signals] == [("request", "info")]
    assert all(verdict.confidence <= 0.5 for verdict in found.verdicts)
    result = check_stage(
        deps, deps.project.pipeline("parcels"), deps.project.pipeline("parcels").stage("request"), WINDOW
    )
    assert any("not checked: product" in note for note in result.notes)
    assert not result.is_critical


def test_an_output_that_no_column_takes_is_a_mistake_of_its_stage_alone(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "sink", field_map=FIELD_MAP.replace("  product:", "  prodct:"))
    pipeline = deps.project.pipeline("parcels")
    results = {stage.name: check_stage(deps, pipeline, stage, WINDOW) for stage in pipeline.stages}
    (mistake,) = [check for check in results["request"].checks if check.expectation == "reconcile_output"]
    assert mistake.status is CheckStatus.ERROR
    assert "did you mean 'product'?" in str(mistake.error)
    assert results["request"].is_critical
    assert [name for name, result in results.items() if result.is_critical] == ["request"]
    found = _attribute(deps)
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.stage) == (Responsibility.INTEGRATION, "routing")
    assert any("did you mean 'product'?" in note for note in found.notes)


def test_an_output_that_nothing_waits_for_is_a_warning(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "", field_map=FIELD_MAP + "  weight: {from: cents}\n")
    stage = deps.project.pipeline("parcels").stage("request")
    result = check_stage(deps, deps.project.pipeline("parcels"), stage, WINDOW)
    (mistake,) = [check for check in result.checks if check.expectation == "reconcile_output"]
    assert mistake.status is CheckStatus.FAILED
    assert not result.is_critical
