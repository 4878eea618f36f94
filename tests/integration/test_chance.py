"""Attribution where the model answers by chance, and how few calls a sample needs."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path

import pytest

from parcels import PIPELINE, PRODUCTS, QUEUES, WINDOW, answer_of, fill_database, make_deps, records, slipping
from parcels import write_project as write
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.vocabulary import Gap, Responsibility

NOISE = """

import random

_rng = random.Random(5)
_usual = model


def model(body):
    usual = json.loads(_usual(body))["queue"]
    others = [queue for queue in ("net", "mob", "fin", "fraud", "misc") if queue != usual]
    return json.dumps({{"queue": _rng.choice(others) if _rng.random() < {rate} else usual}})
"""


def _attribute(root: Path, fault: str, rate: float, *, mode: str, n: int = 450, most: int = 20_000) -> Attribution:
    root.mkdir(exist_ok=True)
    fill_database(f"sqlite:///{root / 'parcels.db'}", fault, n=n, unlabelled=0, say=slipping(rate, random.Random(2)))
    limits = f"mode: {mode}, max_calls_per_run: {most}, max_calls_per_day: 20000"
    write(root, pipeline=PIPELINE.replace("max_calls_per_run: 2000", limits))
    functions = root / "include/mappings/parcels.py"
    functions.write_text(functions.read_text() + NOISE.format(rate=rate))
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"})
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


def _is_right(product: str, amount: float, queue: str) -> bool:
    return QUEUES[json.loads(answer_of(product, amount))["queue"]] == queue


def _shares_right(found: Attribution, fault: str, *, n: int = 450) -> float:
    """Return the share of verdicts that say what the law of the model says: whose fault was it usually?"""
    integration = set()
    for record in records(n, fault):
        product, amount = record.text.split()
        clean = PRODUCTS[record.code], round(record.cents * 0.01, 2)
        if _is_right(*clean, record.true_queue) and not _is_right(product, float(amount), record.true_queue):
            integration.add(str(record.number))
    right = [(v.responsibility is Responsibility.INTEGRATION) == (v.key in integration) for v in found.verdicts]
    return sum(right) / len(right)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.2])
def test_a_fault_is_told_from_a_model_that_slips(tmp_path: Path, rate: float) -> None:
    found = _attribute(tmp_path, "unit", rate, mode="exhaustive")
    assert _shares_right(found, "unit") >= 0.97
    assert found.leading is not None
    assert (found.leading.stage, found.leading.fields) == ("request", ("amount",))


def test_slips_alone_blame_no_harmless_discrepancy(tmp_path: Path) -> None:
    found = _attribute(tmp_path, "format_only", 0.2, mode="exhaustive")
    blamed = [verdict for verdict in found.verdicts if verdict.responsibility is Responsibility.INTEGRATION]
    assert len(blamed) <= 0.03 * found.n_failing


def test_a_sample_decides_with_few_calls_what_all_records_would(tmp_path: Path) -> None:
    every = _attribute(tmp_path / "every", "unit", 0.0, mode="exhaustive", n=2400)
    some = _attribute(tmp_path / "some", "unit", 0.0, mode="sampled", n=2400, most=110)
    assert every.leading is not None
    assert some.leading is not None
    assert (some.leading.stage, some.leading.fields) == (every.leading.stage, every.leading.fields)
    assert every.n_failing >= 1000
    assert some.isolation.calls <= 110 <= 0.06 * every.isolation.calls
    assert _shares_right(some, "unit", n=2400) >= 0.93


def test_a_label_that_the_records_around_it_contradict_blames_nobody(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "none", n=1200, unlabelled=0)
    with sqlite3.connect(tmp_path / "parcels.db") as database:
        # The slip of a person who labels by hand, on records that the model answers rightly.
        wrong = database.execute(
            "SELECT labels.id FROM labels JOIN routing USING (id) "
            "WHERE labels.queue = routing.queue AND labels.queue <> 'Q4' AND labels.id % 60 = 7"
        ).fetchall()
        database.executemany("UPDATE labels SET queue = 'Q4' WHERE id = ?", wrong)
    write(tmp_path)
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": url})
    found = attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    doubted = {v.key for v in found.verdicts if v.gap is Gap.TRUTH_SUSPECT}
    slips = {str(key) for (key,) in wrong}
    assert len(slips) >= 10
    assert len(doubted & slips) >= 0.5 * len(slips)
    assert len(doubted - slips) <= 2
    assert all(v.responsibility is Responsibility.UNDETERMINED for v in found.verdicts if v.key in doubted)
