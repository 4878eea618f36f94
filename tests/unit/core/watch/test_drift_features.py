"""Payloads to features: kinds of columns, JSON opened, texts measured and never kept, samples that merge."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seamwatch.core.records.frames import stage_data
from seamwatch.core.records.languages import guess_language
from seamwatch.core.watch.drift_samples import RECORDS, hourly_samples
from seamwatch.core.watch.features import MOST_COLUMNS, Sample, close, merge, stage_features
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.spec.pipeline import Pipeline, Stage

SOURCE = Stage.model_validate({"name": "s", "kind": "source", "table": "t"})
MODEL = Stage.model_validate(
    {"name": "m", "kind": "model", "table": "t", "endpoint": "llm", "request": "q", "response": "r", "latency_ms": "ms"}
)


def rows(columns: dict[str, list[Any]], stage: Stage = SOURCE, **given: Any) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    payload = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    return stage_features(payload.set_axis([f"k{one}" for one in range(n)]), stage, **given)[0]


def closed(columns: dict[str, list[Any]], past: list[Sample] | None = None) -> Sample:
    made = rows(columns)
    return close(Sample(n=len(made), rows=made), past or [])


def test_numbers_texts_times_and_nothing_have_the_features_of_their_kind() -> None:
    made = rows(
        {
            "amount": [1.5, "2.5", None, float("nan")],
            "note": ["Hällo 12", "", "x y", None],
            "flag": [True, False, True, None],
            "at": ["2026-01-05T10:00:00", "2026-01-06", "2026-01-07 10:00:00Z", None],
            "age": [3, float("inf"), 5, 6],
        }
    )
    assert made["amount|number"].tolist()[:2] == [1.5, 2.5]
    assert made["amount|null"].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert made["note|length"].tolist()[0] == 8
    assert made["note|non_ascii"].tolist()[0] == pytest.approx(1 / 8)
    assert made["note|digits"].tolist()[0] == pytest.approx(2 / 8)
    assert made["note|null"].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert made["flag|value"].tolist()[:2] == ["true", "false"]
    assert [name for name in made.columns if name.startswith("at|")] == ["at|null"]
    assert np.isnan(made["age|number"].iloc[1])


def test_json_is_opened_as_deep_as_it_may_be_and_lists_by_their_first_items() -> None:
    cell = json.dumps({"a": {"b": 1}, "items": [{"id": "x"}, {"id": "y"}, {"id": "z"}, {"id": "w"}]})
    made = rows({"doc": [cell, cell, None]}, ignore=["doc.items.2"])
    assert made["doc.a.b|number"].tolist()[:2] == [1.0, 1.0]
    assert made["doc.items.n|number"].tolist()[0] == 4.0
    assert made["doc.items.1.id|value"].tolist()[0] == "y"
    assert not [name for name in made.columns if name.startswith(("doc.items.2", "doc.items.3"))]
    assert made["doc.a.b|null"].tolist() == [0.0, 0.0, 1.0]


def test_a_model_is_looked_at_by_its_answer_and_how_that_ended() -> None:
    payload = {
        "q": ["{}"] * 4,
        "r": ["{}"] * 4,
        "ms": [10, 20, 30, 40],
        "answer": ["yes", "I'm sorry, but I can't help with that.", "so long", ""],
        "_finish_reason": ["stop", "stop", "length", "stop"],
    }
    made = rows(payload, MODEL)
    assert made["answer|ending"].tolist() == ["answered", "refused", "truncated", "empty"]
    assert {name.partition("|")[0] for name in made.columns} == {"answer", "_finish_reason"}


def test_long_texts_are_not_kept_and_hidden_ones_not_at_all() -> None:
    made = rows({"note": ["a" * 41, "short"], "name": ["Ada", "Bob"]}, hidden=["name"])
    assert made["note|value"].dropna().tolist() == ["short"]
    assert "Ada" not in json.dumps(Sample(n=2, rows=made).to_data())
    assert made["name|value"].nunique() == 2


def test_columns_beyond_the_most_are_counted() -> None:
    payload = pd.DataFrame({f"c{one:03}": [1.0, None if one % 2 else 2.0] for one in range(MOST_COLUMNS + 7)})
    made, n = stage_features(payload, SOURCE)
    assert n == 7
    assert len({name.partition("|")[0] for name in made.columns}) == MOST_COLUMNS
    assert "c000|number" in made.columns


def test_kinds_are_told_apart_and_what_is_not_of_a_kind_is_dropped() -> None:
    n = 60
    first = closed({"n": list(range(n))})
    sample = closed(
        {
            "code": ["A", "B", "C"] * 20,
            "note": [f"the parcel number {one} is late and I wait" for one in range(n)],
            "amount": [one * 1.5 for one in range(n)],
            "ref": [f"ORD-{one}" for one in range(n)],
            "n": list(range(n, 2 * n)),
        },
        [first],
    )
    assert dict(sample.kinds) == {"code": "category", "note": "text", "amount": "number", "ref": "id", "n": "id"}
    assert "code|length" not in sample.rows
    assert "note|value" not in sample.rows
    assert "note|terms" not in sample.rows
    assert "ref|value" not in sample.rows
    assert sample.words["note"]


def test_what_was_not_seen_before_is_new_for_more_than_its_first_day() -> None:
    past: list[Sample] = []
    for _ in range(4):
        past.append(
            closed({"code": ["A", "B"] * 20, "note": ["some usual words that everybody here knows well"] * 40}, past)
        )
    for _ in range(3):
        now = closed({"code": ["A", "X"] * 20, "note": ["some usual words that a zebra and a quagga know"] * 40}, past)
        assert now.rows["code|new"].mean() == 0.5
        assert now.rows["note|new_words"].mean() == pytest.approx(4 / 8)  # zebra, and, quagga, know
        past.append(now)
    assert np.isnan(past[0].rows.get("code|new", pd.Series([np.nan])).mean())


def test_merged_parts_are_the_sample_of_the_whole() -> None:
    values = [f"v{one % 5}" for one in range(300)]
    whole = rows({"code": values})
    parts = [Sample(n=100, rows=whole.iloc[at : at + 100]) for at in (200, 0, 100)]
    merged, once = merge(parts, k=50), merge([Sample(n=300, rows=whole)], k=50)
    assert merged.n == 300
    assert list(merged.rows.index) == list(once.rows.index)
    again = merge([merged, parts[1]], k=50)  # the same records once more
    assert list(again.rows.index) == list(once.rows.index)
    assert merge([], k=50).n == 0


CELL = st.one_of(st.none(), st.text(max_size=60), st.floats(), st.integers(), st.booleans(), st.lists(st.integers()))


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(CELL, min_size=1, max_size=20))
@example(cells=[1.7976931345e308])
def test_any_column_survives_and_comes_back_from_the_store(cells: list[Any]) -> None:
    made = rows({"c": cells})
    merged = merge([Sample(n=len(made), rows=made)], k=100)
    assert set(made.index) == set(merged.rows.index)
    sample = close(merged, [])
    again = Sample.from_data(json.loads(json.dumps(sample.to_data())))
    assert list(again.rows.columns) == list(sample.rows.columns)
    for name in sample.rows.columns:
        mine, theirs = sample.rows[name], again.rows[name]
        if pd.api.types.is_numeric_dtype(mine.dtype):
            assert np.allclose(mine.astype(float), theirs.astype(float), rtol=1e-8, equal_nan=True)
        else:
            assert mine.where(mine.notna(), None).tolist() == theirs.where(theirs.notna(), None).tolist()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("the parcel is not here and I wait for you", "english"),
        ("die Rechnung ist nicht da und ich warte", "german"),
        ("je suis dans la rue avec mon colis", "french"),
        ("где моя посылка", "cyrillic"),
        ("荷物はどこですか", "japanese"),
        ("我的包裹在哪里", "chinese"),
        ("XK-42 77", "other"),
    ],
)
def test_languages_are_guessed_by_script_or_stop_words(text: str, language: str) -> None:
    assert guess_language(text, text.lower().split()) == language


def test_a_segment_may_hold_lists_and_objects() -> None:
    document = {
        "pipeline": "p",
        "database": "d",
        "key": "id",
        "segments": ["s.kind"],
        "stages": [{"name": "s", "kind": "source", "table": "t", "time": "at"}],
    }
    at = pd.Timestamp("2026-01-05T10:00:00Z")
    kinds = pd.Series([["a", "b"], {"c": 1}, "d", None], dtype=object)
    data = stage_data(pd.DataFrame({"id": range(4), "kind": kinds, "at": at}), SOURCE, key="id", time="at")
    records = pd.DataFrame({"at": [at] * 4}, index=data.payload.index)
    (hour,) = hourly_samples(Pipeline.model_validate(document), DriftWatch(), {"s": data}, records)[0].values()
    assert hour[RECORDS].rows["s.kind|value"].tolist()[:3] == ["['a', 'b']", "{'c': 1}", "d"]
