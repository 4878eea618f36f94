"""How reconciliation, DAG parsing and validation compare with the bare minimum that does the same.

`make bench` runs it; `SHORT=1` takes fewer records. Writes `build/bench/scale.json` and renews `docs/BENCHMARKS.md`.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from write_page import Figure, write_figures

from seamwatch.core.attribution.evidence import gather
from seamwatch.core.frames import with_answer
from seamwatch.core.interventions import World
from seamwatch.core.mapping import reconcile
from seamwatch.core.outcomes import judge_by_truth
from seamwatch.core.references import FunctionReference, Reference
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState

SEED = 20_261_123
SHORT = os.environ.get("SHORT") == "1"
RECORDS = 50_000 if SHORT else 200_000
ROUNDS = 3 if SHORT else 5
PIPELINES = 20 if SHORT else 100

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "bench",
        "database": "none",
        "key": "id",
        "stages": [
            {"name": "source", "kind": "source", "table": "t"},
            {"name": "request", "kind": "mapping", "table": "t", "reference": "bench:to_request"},
            {"name": "prompt", "kind": "prompt", "table": "calls", "reference": "bench:to_prompt"},
            {"name": "model", "kind": "model", "table": "calls", "endpoint": "none/v1/chat/completions"},
            {"name": "result", "kind": "mapping", "table": "t", "reference": "bench:to_result"},
        ],
        "outcome": {"truth": "t", "compare": {"queue": "truth"}},
    }
)
COMPARED = {"request": ["product", "amount", "text"], "prompt": ["request"], "result": ["queue", "priority"]}


def to_request(source: pd.DataFrame) -> pd.DataFrame:
    product = source["code"].map({"A": "router", "B": "phone"})
    return pd.DataFrame({"product": product, "amount": source["cents"] / 100, "text": source["text"]})


def to_prompt(request: pd.DataFrame) -> pd.DataFrame:
    texts = request["product"] + ", " + request["text"]
    bodies = [{"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0} for text in texts]
    return pd.DataFrame({"request": pd.Series(bodies, index=request.index, dtype=object)})


def to_result(model: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"queue": model["answer"].str.upper(), "priority": model["answer"].str.len()})


def make_tables(n: int) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return the rows of five stages of `n` records and their truth.

    One in a hundred is damaged at each of the two mappings, so that two in a hundred have a discrepancy.
    """
    rng = np.random.default_rng(SEED)
    index = pd.Index(np.arange(n), name="key")
    source = pd.DataFrame(
        {
            "code": rng.choice(["A", "B"], n),
            "cents": rng.integers(100, 100_000, n),
            "text": [f"ticket {number} about a bill" for number in range(n)],
        },
        index=index,
    )
    request = to_request(source)
    request.loc[rng.random(n) < 0.01, "product"] = "other"
    prompt = to_prompt(request).map(json.dumps)
    answers = pd.Series(rng.choice(["billing", "network", "fraud"], n), index=index)
    bodies = [
        json.dumps({"id": n, "choices": [{"message": {"content": answer}, "finish_reason": "stop"}], "usage": {}})
        for n, answer in enumerate(answers)
    ]
    responses = pd.Series(bodies, index=index, dtype=object)
    model = pd.DataFrame({"request": prompt["request"], "response": responses}, index=index)
    result = to_result(pd.DataFrame({"answer": answers}))
    result.loc[rng.random(n) < 0.01, "queue"] = "OTHER"
    truth = pd.DataFrame({"truth": answers.str.upper()}, index=index)
    return {"source": source, "request": request, "prompt": prompt, "model": model, "result": result}, truth


def read_answers(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the payloads: the model's with the answers read out of its response bodies."""
    return {**tables, "model": with_answer(tables["model"], PIPELINE.stage("model"))}


def make_expected(payloads: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return what the references make of the recorded inputs: the work of a person's own functions."""
    return {
        "request": to_request(payloads["source"]),
        "prompt": to_prompt(payloads["request"]),
        "result": to_result(payloads["model"]),
    }


def ours(payloads: Mapping[str, pd.DataFrame], truth: pd.DataFrame, expected: Mapping[str, pd.DataFrame]) -> int:
    """Reconcile every stage, judge every outcome, gather the evidence; return the failing records."""
    references: dict[str, Reference] = {
        name: FunctionReference(name=name, function=lambda frame, made=made: made, mode="frame")
        for name, made in expected.items()
    }
    found = {
        stage.name: reconcile(
            stage, payloads[stage.name], {i: payloads[i] for i in stage.input}, references.get(stage.name)
        )
        for stage in PIPELINE.stages
        if stage.input
    }
    assert PIPELINE.outcome is not None
    compare = PIPELINE.outcome.compare
    outcomes = judge_by_truth(payloads["result"], truth, compare)
    failing = outcomes.index[(outcomes["state"] == OutcomeState.WRONG).to_numpy()]
    world = World(
        pipeline=PIPELINE,
        recorded=payloads,
        references=references,
        reconciled=found,
        judge=lambda final: judge_by_truth(final, truth, compare),
    )
    gather(world, failing, {})
    return len(failing)


def bare(payloads: Mapping[str, pd.DataFrame], truth: pd.DataFrame, expected: Mapping[str, pd.DataFrame]) -> int:
    """Merge every stage with what was expected and compare the same columns, and nothing else.

    `expected` holds bodies as JSON text already: the rival is spared the writing of JSON that ours has to do.
    """
    for name, columns in COMPARED.items():
        wanted = expected[name][columns]
        merged = payloads[name].merge(wanted, left_index=True, right_index=True, suffixes=("", "_wanted"))
        for column in columns:
            (merged[column] != merged[f"{column}_wanted"]).sum()
    merged = payloads["result"].merge(truth, left_index=True, right_index=True)
    return int((merged["queue"] != merged["truth"]).sum())


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turn(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[list[float], list[float]]:
    """Return the seconds of both, run in turn after one round that is not counted, so that a slow moment hits both."""
    first()
    second()
    pairs = [(timed(first), timed(second)) for _ in range(ROUNDS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def ratio(mine: list[float], theirs: list[float], rival: str) -> Figure:
    ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
    return Figure(statistics.median(ratios), min(ratios), max(ratios), "times", {rival: 1.0})


def seconds(values: list[float], **rivals: float) -> Figure:
    return Figure(statistics.median(values), min(values), max(values), "s", rivals)


def bench_reconciliation() -> dict[str, Figure]:
    tables, truth = make_tables(RECORDS)
    payloads = read_answers(tables)
    expected = make_expected(payloads)
    as_text = {**expected, "prompt": expected["prompt"].map(json.dumps)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ours(payloads, truth, expected) == bare(payloads, truth, as_text)
    mine, theirs = in_turn(lambda: ours(payloads, truth, expected), lambda: bare(payloads, truth, as_text))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 / 1024
    return {
        "vs_bare_join": ratio(mine, theirs, "pandas merge"),
        "reconcile_seconds": seconds(mine, pandas_merge=statistics.median(theirs)),
        "read_answers_seconds": seconds([timed(lambda: read_answers(tables)) for _ in range(ROUNDS)]),
        "references_seconds": seconds([timed(lambda: make_expected(payloads)) for _ in range(ROUNDS)]),
        "reconcile_memory_growth": Figure(grown, grown, grown, "GiB, merge included", {}),
    }


_PARSE = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import airflow.sdk, airflow.timetables.interval
from airflow.providers.standard.operators.empty import EmptyOperator
started = time.perf_counter()
import runpy
found = runpy.run_path(sys.argv[2])
seconds = time.perf_counter() - started
dags = {dag.dag_id: dag for dag in found.values() if isinstance(dag, airflow.sdk.DAG)}
n_tasks = sum(len(dag.tasks) for dag in dags.values())
print(seconds, n_tasks, *sorted({name.partition('.')[0] for name in sys.modules}))
"""
_BY_HAND = """
from datetime import datetime, timezone
from airflow.sdk import DAG, Asset, Param, TaskGroup
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.timetables.interval import CronDataIntervalTimetable
STAGES = %(stages)r
for number in range(%(n)d):
    params = {name: Param(None, type=["null", "string"], format="date-time") for name in ("from", "to")}
    asset = Asset(f"seamwatch://p{number}/validated")
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with DAG(f"p{number}__validate", schedule=CronDataIntervalTimetable("@daily", timezone="UTC"), start_date=start,
             params=params, tags=["a", "b"]) as dag:
        first = EmptyOperator(task_id="open_window")
        last = EmptyOperator(task_id="publish", outlets=[asset])
        for stage in STAGES:
            with TaskGroup(stage):
                check, gate = EmptyOperator(task_id="check"), EmptyOperator(task_id="gate")
            first >> check >> gate
            check >> last
    globals()[dag.dag_id] = dag
    later = (("isolate", ("find", "attribute")), ("incidents", ("find", "decide", "report", "send")))
    for part, names in later:
        with DAG(f"p{number}__{part}", schedule=[asset], start_date=start, params=params, tags=["a", "b"]) as dag:
            before = None
            for name in names:
                task = EmptyOperator(task_id=name)
                if before:
                    before >> task
                before = task
        globals()[dag.dag_id] = dag
"""
_HEAVY = {"pandas", "numpy", "sklearn", "scipy", "great_expectations", "matplotlib"}


def bench_dag_parse() -> dict[str, Figure]:
    root = Path(__file__).parents[2]
    text = (root / "include/pipelines/support_triage.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "include/pipelines").mkdir(parents=True)
        for number in range(PIPELINES):
            named = text.replace("pipeline: support_triage", f"pipeline: p{number}")
            (project / f"include/pipelines/p{number}.yaml").write_text(named)
        stages = ["crm_export", "request_mapping", "prompt", "triage_model", "response_mapping", "crm_update"]
        by_hand = project / "by_hand.py"
        by_hand.write_text(_BY_HAND % {"n": PIPELINES, "stages": stages})
        env = {**os.environ, "SEAMWATCH_PROJECT_DIR": folder, "AIRFLOW_HOME": f"{folder}/airflow"}

        def parse(path: Path) -> tuple[float, int, set[str]]:
            done = subprocess.run(
                [sys.executable, "-c", _PARSE, folder, str(path)], env=env, capture_output=True, text=True, check=True
            )
            words = done.stdout.splitlines()[-1].split()
            return float(words[0]), int(words[1]), set(words[2:])

        pairs = [(parse(root / "dags/reliability.py"), parse(by_hand)) for _ in range(ROUNDS)]
    (_, n_ours, loaded), (_, n_by_hand, _) = pairs[0]
    assert n_ours == n_by_hand + 1, "all but the one task of the delivery DAG stand in both"
    assert not loaded & _HEAVY, f"the DAG file loads {loaded & _HEAVY}"
    mine, theirs = [a[0] for a, _ in pairs], [b[0] for _, b in pairs]
    return {
        "dag_parse": ratio(mine, theirs, "DAGs by hand"),
        "dag_parse_seconds": seconds(mine, by_hand=statistics.median(theirs)),
    }


def bench_validation() -> dict[str, Figure]:
    from seamwatch.validation.context import load_gx, quiet_context
    from seamwatch.validation.run import KEYS_CAP, validate_query
    from seamwatch.validation.suites import load_suite

    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        url = sa.make_url(f"sqlite:///{folder}/rows.db")
        engine = sa.create_engine(url)
        rows = pd.DataFrame({f"c{n}": rng.integers(0, 1000, RECORDS) for n in range(10)})
        rows.assign(id=np.arange(RECORDS)).to_sql("rows", engine, index=False)
        engine.dispose()
        given = [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": f"c{n}", "min_value": 0, "max_value": 998},
            }
            for n in range(10)
        ]
        path = Path(folder) / "suite.json"
        path.write_text(json.dumps({"name": "rows", "expectations": given}))
        suite, query = load_suite(path), "SELECT * FROM rows"
        gx = load_gx()

        def mine() -> None:
            found = validate_query(url, query, suite=suite, key_column="id", stage="rows", label="bench.rows")
            assert all(check.n_failed for check in found.checks)

        def theirs() -> None:
            context = quiet_context()
            source = context.data_sources.add_sql(name="s", connection_string=str(url))
            batch = source.add_query_asset(name="a", query=query).add_batch_definition_whole_table("b").get_batch()
            kinds = gx.expectations.ExpectColumnValuesToBeBetween
            made = gx.ExpectationSuite(name="rows", expectations=[kinds(**one["kwargs"]) for one in given])
            form = {
                "result_format": "COMPLETE",
                "unexpected_index_column_names": ["id"],
                "partial_unexpected_count": KEYS_CAP,
                "return_unexpected_index_query": False,
            }
            batch.validate(context.suites.add(made), result_format=form)

        a, b = in_turn(mine, theirs)
    return {"gx_overhead": ratio(a, b, "bare Great Expectations"), "gx_seconds": seconds(a, bare=statistics.median(b))}


def main() -> None:
    command = f"{'SHORT=1 ' if SHORT else ''}make bench"
    figures: dict[str, Figure] = {}
    for bench in (bench_reconciliation, bench_dag_parse, bench_validation):
        print(f"{bench.__name__} ...", file=sys.stderr, flush=True)
        figures |= bench()
    about = (
        f"{RECORDS:,} records x 5 stages (a prompt's JSON among them), both sides given what the references make, "
        "bodies as dicts to ours and as text to the rival; "
        f"{PIPELINES} pipelines; {RECORDS:,} rows x 10 expectations in SQLite, both sides with failing keys"
    )
    write_figures("scale", figures, command=command, seed=SEED, about=about)
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.3g} {figure.unit} ({figure.low:.3g} to {figure.high:.3g}) {figure.rival}")


if __name__ == "__main__":
    main()
