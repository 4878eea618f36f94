"""The asset whose events start a pipeline: what Airflow can name, and instead of a schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcels import PIPELINE, write_project
from seamwatch.errors import SpecError
from seamwatch.spec.load import load_project
from seamwatch.spec.schedule import asset_problem


@pytest.mark.parametrize(
    ("asset", "told"),
    [
        ("s3://lake/tickets", None),
        ("tickets of the day", None),
        ("", "is no asset"),
        (" tickets", "is no asset"),
        ("größe", "is no asset"),
        ("a\nb", "is no asset"),
        ("x" * 1_501, "write at most 1,500"),
        ("airflow://x", "airflow's own"),
        ("seamwatch://parcels/validated", "seamwatch's own"),
    ],
)
def test_an_asset_is_one_that_airflow_can_name(asset: str, told: str | None) -> None:
    problem = asset_problem(asset)
    assert problem is None if told is None else told in (problem or "")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('schedule: "@daily"\nasset: s3://lake/tickets\n', "exclude each other"),
        ("asset: airflow://x\n", "airflow's own"),
    ],
)
def test_what_cannot_start_a_pipeline_is_told(tmp_path: Path, lines: str, told: str) -> None:
    write_project(tmp_path, pipeline=PIPELINE + lines)
    with pytest.raises(SpecError, match=told):
        load_project(tmp_path).pipeline("parcels")
