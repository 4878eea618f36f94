"""Which right records failing ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from seamwatch.core.attribution.accusing_marks import RightRecords
from seamwatch.core.interventions import World
from seamwatch.core.results import Window
from seamwatch.engine.right_records import choose_right_records
from seamwatch.errors import AdapterError
from seamwatch.spec.pipeline import Pipeline

PIPELINE = Pipeline.model_validate(
    {"pipeline": "p", "database": "db", "key": "id", "stages": [{"name": "s", "kind": "source", "table": "t"}]}
)
START = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=1))


def _records(n: int) -> RightRecords:
    world = World(pipeline=PIPELINE, recorded={}, references={}, reconciled={}, judge=lambda final: final)
    return RightRecords(world=world, keys=pd.RangeIndex(n))


@pytest.mark.parametrize(
    ("n_own", "earlier", "chosen", "n_read"),
    [
        (10, [50], 10, 0),
        (2, [50, 60], 50, 1),
        (2, [3, 60], 60, 2),
        (2, [3, 0, 1, 0, 0, 0], 2, 6),
    ],
)
def test_those_of_the_window_if_they_are_enough_else_of_the_latest_earlier_one(
    n_own: int, earlier: Sequence[int], chosen: int, n_read: int
) -> None:
    read: list[Window] = []

    def read_earlier(span: Window) -> RightRecords:
        read.append(span)
        return _records(earlier[len(read) - 1])

    found = choose_right_records(_records(n_own), WINDOW, (), read_earlier)
    assert (len(found.keys), len(read)) == (chosen, n_read)
    assert all(span.end <= WINDOW.start for span in read)


def test_an_earlier_window_that_cannot_be_read_is_evidence_that_is_missing_and_no_failure() -> None:
    def read_earlier(span: Window) -> RightRecords:
        msg = f"no such table at {span.start}"
        raise AdapterError(msg)

    assert len(choose_right_records(_records(1), WINDOW, (), read_earlier).keys) == 1
