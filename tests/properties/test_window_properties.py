"""A stage is the same whether it is read alone or with all others, however its keys are spelt and stored."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.results import Window
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowData, WindowReader
from seamwatch.spec.pipeline import Pipeline

START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
STAGES = ("orders", "requests", "results", "routing")
TIMED = ("orders", "results")

numbers = st.integers(0, 9)
spelt = st.one_of(
    numbers.map(str), numbers.map("0{}".format), numbers.map(" {} ".format), st.sampled_from(["A1", "a1", ""])
)
keys = st.one_of(
    st.lists(numbers, max_size=8),
    st.lists(st.one_of(numbers, st.none()), max_size=8),
    st.lists(spelt, max_size=8),
    st.lists(st.one_of(numbers, spelt, st.none()), max_size=8),
)
forms = st.sampled_from(["exact", "trim", "no_leading_zeros", "casefold", "number"])
hours = st.integers(-2, 30)


def _pipeline(form: str) -> Pipeline:
    return Pipeline.model_validate(
        {
            "pipeline": "parcels",
            "database": "db",
            "key": "id",
            "key_form": form,
            "settle": "2h",
            "stages": [
                {
                    "name": name,
                    "kind": "source" if name == "orders" else "sink" if name == "routing" else "mapping",
                    "table": name,
                    **({"time": "at"} if name in TIMED else {}),
                }
                for name in STAGES
            ],
        }
    )


def _told(data: WindowData, name: str) -> Any:
    """Return all that is known of a stage, its keys as text."""
    stage, found = data.stages[name], data.mismatches.get(name)
    return {
        "payload": [(str(key), row) for key, row in zip(stage.payload.index, stage.payload["value"], strict=True)],
        "times": [(str(key), str(at)) for key, at in stage.times.items()],
        "versions": [(str(row["_key"]), row["value"]) for _, row in stage.versions.iterrows()],
        "counts": (stage.n_null_keys, stage.n_duplicate_keys, stage.n_late),
        "extra": None if name not in data.extra else [str(key) for key in data.extra[name]],
        "mismatch": found and (found.form, {*map(str, found.left)}, {*map(str, found.right)}, found.n_with_form),
    }


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries({name: keys for name in STAGES}),
    st.lists(hours, min_size=8, max_size=8),
    forms,
    st.permutations([*STAGES[1:], None]),
)
def test_a_stage_is_the_same_read_alone_with_others_before_it_or_with_all(
    rows: dict[str, list[Any]], at: list[int], form: str, order: list[str | None]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'db.sqlite'}"
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for name in STAGES:
                connection.exec_driver_sql(f"CREATE TABLE {name} (id, value INTEGER{', at TEXT' * (name in TIMED)})")
                for number, key in enumerate(rows[name]):
                    time = (f"{START + timedelta(hours=at[number]):%Y-%m-%dT%H:%M:%S}",) * (name in TIMED)
                    places = ", ".join("?" * (2 + len(time)))
                    connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({places})", (key, number, *time))
        engine.dispose()
        pipeline = _pipeline(form)
        connections = EnvironmentConnections({"AIRFLOW_CONN_DB": url})

        def read(*wanted: set[str] | None) -> list[WindowData]:
            window = WindowReader(StageReader(pipeline, connections), WINDOW)
            try:
                return [window.read(only) for only in wanted]
            finally:
                window.close()

        (whole,) = read(None)
        together = dict(zip(order, read(*(None if name is None else {name} for name in order)), strict=True))
        for name in STAGES[1:]:
            (alone,) = read({name})
            assert _told(alone, name) == _told(whole, name)
            assert _told(together[name], name) == _told(alone, name)
            assert _told(alone, "orders") == _told(whole, "orders")
