"""Steps of runbooks on a real pipeline: what each computes for an incident, in whole sentences."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import FIELD_MAP, FUNCTIONS, PIPELINE, START, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.baseline import accept_baseline
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.runbook_steps import STEP_FUNCTIONS, measure_benchmark
from seamwatch.engine.validate import check_stage
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.runbooks import STEPS
from seamwatch.vocabulary import BenchmarkStanding, Responsibility, StepState

pytestmark = pytest.mark.integration
SEGMENTED = PIPELINE + "segments: [orders.code]\n"
DAY = "2026-01-05 00:00 to 2026-01-06 00:00 UTC"
WRONG = '    if product == "bill":\n        queue = "misc"\n    return json.dumps({"queue": queue})\n'
WORSE_MODEL = FUNCTIONS.replace('    return json.dumps({"queue": queue})\n', WRONG)


class Case:
    """A day of parcels with one fault, attributed and decided on."""

    def __init__(self, root: Path, fault: str, *, pipeline: str = SEGMENTED, checked: bool = True) -> None:
        self.root = root
        write_project(root, pipeline=pipeline)
        url = f"sqlite:///{root / 'parcels.db'}"
        fill_database(url, fault)
        self.engine_url = url
        self.deps: Deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
        self.pipeline: Pipeline = self.deps.project.pipeline("parcels")
        self.checked = checked

    def decide(self) -> Case:
        if self.checked:
            for stage in self.pipeline.stages:
                check_stage(self.deps, self.pipeline, stage, WINDOW)
        attribute_window(self.deps, self.pipeline, WINDOW)
        decide_incidents(self.deps, self.pipeline, WINDOW)
        return self

    @property
    def incident(self) -> Incident:
        (one,) = self.deps.store.incidents("parcels")
        return one

    def step(self, name: str) -> StepFinding:
        return STEP_FUNCTIONS[name](self.deps, self.pipeline, self.incident)

    def model_is(self, functions: str) -> None:
        (self.root / "include/mappings/parcels.py").write_text(functions)


@pytest.fixture
def code_table(tmp_path: Path) -> Case:
    return Case(tmp_path, "code_table").decide()


def test_every_step_that_is_computed_has_its_function() -> None:
    assert set(STEP_FUNCTIONS) == {name for name in STEPS if not name.startswith("tell_")}


def test_a_broken_code_table_is_found_at_its_seam_and_the_model_cleared(code_table: Case) -> None:
    affected = code_table.step("affected_records")
    assert affected == StepFinding(
        state=StepState.FOUND,
        text="42 of 295 judged records (14.2%) have this cause, since 2026-01-05 08:00 UTC.",
        details=(
            "Records: 100, 106, 114, 117, 121 and 37 more.",
            "orders.code is B in 42 of 42 of them, in 65 of 253 of the others (p < 0.0001).",
        ),
    )
    isolation = code_table.step("isolation")
    assert isolation.state is StepState.CLEAR
    assert isolation.text == (
        f"router_model, called alone in {DAY}: 24 of 25 benchmark inputs right, 42 of 42 affected records right on "
        "clean input: as before."
    )
    assert "100% of the replays of requests as they were recorded came out wrong again." in isolation.details
    integrity = code_table.step("pipeline_integrity")
    assert integrity.state is StepState.FOUND
    assert integrity.text == (
        f"Of the stages in {DAY}: not as it should be: request and router_model; 4 of 6 as they should be."
    )
    assert integrity.details[0] == "request: 71 differ in product (71), 1 check failed"
    location = code_table.step("fault_location")
    assert location.text == "Integration failure at request: product is wrong by its code table."
    assert location.details[0] == "Stage request (mapping, requests), field product."
    assert location.details[-2:] == (
        "Example, record 106: product is 'bill', should be 'phone'.",
        "What it should be says include/mappings/parcels_request.yaml.",
    )


def test_values_that_a_bundle_must_not_hold_are_no_example(tmp_path: Path) -> None:
    case = Case(tmp_path, "code_table", pipeline=f"{SEGMENTED}bundle: {{redact: [request.product]}}\n").decide()
    assert not [line for line in case.step("fault_location").details if line.startswith("Example")]


def test_records_are_spread_evenly_where_no_segment_stands_out(tmp_path: Path) -> None:
    case = Case(tmp_path, "provider").decide()
    assert case.step("affected_records").details[1] == "They are spread evenly over orders.code."
    errors = case.step("provider_errors")
    assert errors.text == (
        f"65 records of {DAY} got no full answer; mostly at router_model the call ended with status 503 (65)."
    )
    now = case.step("endpoint_now")
    assert now.state is StepState.CLEAR
    assert now.text.startswith("router_model answers now: one recorded request was answered in ")


def test_records_without_a_value_of_a_segment_are_of_no_segment(tmp_path: Path) -> None:
    case = Case(tmp_path, "code_table")
    engine = sa.create_engine(case.engine_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET code = NULL WHERE id % 3 = 0")
        connection.exec_driver_sql("UPDATE benchmark SET code = NULL WHERE code <> 'A'")
    engine.dispose()
    case.decide()
    (_, spread) = case.step("affected_records").details
    assert "nan" not in spread
    accept_baseline(case.deps, case.pipeline, WINDOW, size=60)
    case.model_is(WORSE_MODEL)
    assert not [line for line in case.step("benchmark").details if "nan" in line]


def test_segments_that_are_no_columns_are_said_and_decide_nothing(tmp_path: Path) -> None:
    case = Case(tmp_path, "code_table", pipeline=f"{PIPELINE}segments: [request.colour]\n").decide()
    assert case.step("affected_records").details[1:] == ("Not read, as there is no such column: request.colour.",)
    bare = Case(tmp_path / "bare", "code_table", pipeline=PIPELINE).decide()
    assert bare.step("affected_records").details[1:] == (
        "By segment nothing is known: `segments` in parcels.yaml names no field.",
    )


def test_a_table_that_is_gone_is_unknown_and_raises_nothing(code_table: Case) -> None:
    engine = sa.create_engine(code_table.engine_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE orders"))
    engine.dispose()
    affected = code_table.step("affected_records")
    assert affected.text.startswith("42 of 295 judged records")
    assert affected.details[1].startswith("By segment nothing is known: ")
    assert code_table.step("benchmark").state is StepState.UNKNOWN
    assert measure_benchmark(code_table.deps, code_table.pipeline).accuracy is None
    assert code_table.step("endpoint_now").state is StepState.UNKNOWN


def test_the_benchmark_is_measured_anew_each_time(code_table: Case) -> None:
    assert code_table.step("benchmark").text == (
        "router_model alone: 48 of 50 benchmark inputs right now, baseline 47.5: as before (p = 0.7)."
    )
    code_table.model_is(WORSE_MODEL)
    worse = code_table.step("benchmark")
    assert worse.state is StepState.FOUND
    assert worse.text.startswith("router_model alone: ")
    assert worse.text.endswith(" benchmark inputs right now, baseline 47.5: worse (p < 0.0001).")
    degraded = measure_benchmark(code_table.deps, code_table.pipeline)
    assert degraded.standing is BenchmarkStanding.DEGRADED
    code_table.model_is(FUNCTIONS)
    restored = measure_benchmark(code_table.deps, code_table.pipeline)
    assert (restored.n_right, restored.n, restored.standing) == (48, 50, BenchmarkStanding.AS_BEFORE)
    assert degraded.accuracy is not None
    assert restored.accuracy is not None
    assert restored.accuracy > degraded.accuracy


def test_the_benchmark_tells_in_which_segment_it_got_worse(code_table: Case) -> None:
    earlier = Window(start=WINDOW.start, end=WINDOW.end + timedelta(hours=1))
    accept_baseline(code_table.deps, code_table.pipeline, earlier, size=60)
    code_table.model_is(WORSE_MODEL)
    worse = code_table.step("benchmark")
    assert worse.state is StepState.FOUND
    assert [line for line in worse.details if line.startswith("Worst where orders.code is C: 0 of ")]


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (SEGMENTED.replace("benchmark:", "# benchmark:"), "has no benchmark; add `benchmark: {table, truth}`"),
        (SEGMENTED.replace("max_calls_per_run: 2000", "max_calls_per_run: 0"), "the budget for model calls is spent"),
        (SEGMENTED.replace(', reference: "parcels:to_prompt"', ""), "the benchmark needs a reference for prompt"),
    ],
)
def test_a_benchmark_that_cannot_be_measured_is_unknown_and_says_why(
    tmp_path: Path, code_table: Case, pipeline: str, said: str
) -> None:
    other = Case(tmp_path / "other", "code_table", pipeline=pipeline)
    attribute_window(other.deps, other.pipeline, WINDOW)
    found = STEP_FUNCTIONS["benchmark"](other.deps, other.pipeline, code_table.incident)
    assert found.state is StepState.UNKNOWN
    assert said in found.text


def test_a_model_that_cannot_be_reached_is_unknown_on_the_benchmark_and_found_at_its_endpoint(code_table: Case) -> None:
    code_table.model_is(FUNCTIONS.replace("def model(body):", "def model(body):\n    raise OSError('no route')"))
    assert code_table.step("benchmark").state is StepState.UNKNOWN
    now = code_table.step("endpoint_now")
    assert now.state is StepState.FOUND
    assert now.text.startswith("router_model does not answer now: one recorded request ended with error")


def test_watches_that_were_not_run_are_unknown_and_say_what_runs_them(code_table: Case) -> None:
    for name in ("input_drift", "cost_source", "retry_loops", "latency_source", "injected_texts"):
        found = code_table.step(name)
        assert found.state is StepState.UNKNOWN
        assert found.text.endswith(" was not evaluated yet; the DAG parcels__slo or `seamwatch slo parcels` does.")
    off = code_table.pipeline.model_copy(
        update={"monitoring": code_table.pipeline.monitoring.model_copy(update={"drift": None, "cost": None})}
    )
    drift = STEP_FUNCTIONS["input_drift"](code_table.deps, off, code_table.incident)
    assert drift.text == (
        "Whether inputs drifted is not known: drift is not watched; remove `drift: false` from `monitoring` in "
        "parcels.yaml."
    )
    assert code_table.step("input_volume").state is StepState.UNKNOWN
    assert code_table.step("outdated_documents").text == (
        "No stage of parcels serves a knowledge base; `knowledge_bases` in parcels.yaml defines one."
    )


def test_evidence_that_is_missing_is_told_with_what_settles_it(tmp_path: Path) -> None:
    pipeline = SEGMENTED.replace(', reference: "parcels:to_prompt"', "").replace(
        "table: requests, reference: parcels_request.yaml", "table: requests"
    )
    case = Case(tmp_path, "code_table", pipeline=pipeline).decide()
    assert case.incident.responsibility is Responsibility.UNDETERMINED
    missing = case.step("missing_evidence")
    assert missing.state is StepState.FOUND
    assert "a stage on the way has no reference" in missing.text
    assert missing.details[0].endswith(
        "Give every stage that is watched, not checked, a reference in include/mappings/."
    )


def test_an_unchecked_window_has_no_integrity(tmp_path: Path, code_table: Case) -> None:
    case = Case(tmp_path / "unchecked", "code_table")
    found = STEP_FUNCTIONS["pipeline_integrity"](case.deps, case.pipeline, code_table.incident)
    assert found.text == (f"No stage was checked in {DAY}; the DAG parcels__validate or `seamwatch run parcels` does.")
    assert found.state is StepState.UNKNOWN


def test_what_the_store_does_not_hold_is_unknown(tmp_path: Path, code_table: Case) -> None:
    empty = Case(tmp_path / "empty", "code_table")
    for name in ("affected_records", "fault_location", "correlated_changes", "missing_evidence"):
        found = STEP_FUNCTIONS[name](empty.deps, empty.pipeline, code_table.incident)
        assert found.state is StepState.UNKNOWN
        assert "has no attribution yet" in found.text


# Lines that changed


def _git(folder: Path, *arguments: str, at: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    subprocess.run(["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def _commit(case: Case, message: str, *, at: str) -> None:
    _git(case.root, "add", "include", "expectations", at=at)
    _git(case.root, "commit", "--quiet", "--allow-empty", f"--message={message}", at=at)


def test_the_commit_before_the_onset_is_told_with_its_lines(code_table: Case) -> None:
    _git(code_table.root, "init", "--quiet", at="2025-12-01T08:00:00Z")
    _commit(code_table, "First version", at="2025-12-01T08:00:00Z")
    clear = code_table.step("changed_lines")
    assert clear.state is StepState.CLEAR
    assert clear.text == (
        "No commit between 2026-01-02 08:00 UTC and 2026-01-05 09:00 UTC touched include/mappings/parcels_request.yaml "
        "and include/pipelines/parcels.yaml."
    )
    file = code_table.root / "include/mappings/parcels_request.yaml"
    secret = "password=" + "hunter2hunter2"
    file.write_text(FIELD_MAP.replace("B: phone", "B: bill") + f"# {secret} \u202e\x1b[31m\n")
    _commit(code_table, f"Use the new table {secret}", at="2026-01-05T07:40:00Z")
    found = code_table.step("changed_lines")
    assert found.state is StepState.FOUND
    assert found.text.startswith("1 commit between 2026-01-02 08:00 UTC and 2026-01-05 09:00 UTC touched ")
    assert found.details[0].startswith("2026-01-05 07:40 UTC ")
    assert found.details[0].endswith(" by Ann: Use the new table password=***")
    assert found.details[1] == (
        "mappings/parcels_request.yaml: -product: {from: code, lookup: {A: router, B: phone, C: bill}, default: other}"
    )
    assert "B: bill" in found.details[2]
    assert not [
        line for line in (found.text, *found.details) if "hunter2" in line or "\u202e" in line or "\x1b" in line
    ]


def test_files_that_git_does_not_keep_are_unknown(code_table: Case) -> None:
    nowhere = code_table.step("changed_lines")
    assert nowhere.state is StepState.UNKNOWN
    assert nowhere.text.endswith("is not known: include/mappings is not under git.")
    _git(code_table.root, "init", "--quiet", at="2025-12-01T08:00:00Z")
    _git(code_table.root, "commit", "--quiet", "--allow-empty", "--message=Empty", at="2025-12-01T08:00:00Z")
    untracked = code_table.step("changed_lines")
    assert untracked.state is StepState.UNKNOWN
    assert untracked.text.endswith("include/mappings/parcels_request.yaml is not under git.")
    without = STEP_FUNCTIONS["changed_lines"](
        code_table.deps, code_table.pipeline, replace(code_table.incident, onset=None)
    )
    assert without.text == "Which lines changed when it began cannot be said: when it began is not known."


def test_what_switched_when_it_began_is_told(tmp_path: Path) -> None:
    case = Case(tmp_path, "code_table")
    engine = sa.create_engine(case.engine_url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE requests ADD COLUMN release TEXT"))
        onset = START + timedelta(hours=8)
        connection.execute(
            sa.text("UPDATE requests SET release = CASE WHEN created_at < :at THEN 'r41' ELSE 'r42' END"),
            {"at": f"{onset:%Y-%m-%dT%H:%M:%S}"},
        )
    engine.dispose()
    case.decide()
    found = case.step("correlated_changes")
    assert found.state is StepState.FOUND
    assert found.text == "request.release changed at 2026-01-05 08:00 UTC, when it began (2026-01-05 08:00 UTC)."
    assert found.details[0].startswith("At 2026-01-05 08:00 UTC request.release changed from r41 to r42 (")


def test_nothing_switched_is_clear(code_table: Case) -> None:
    found = code_table.step("correlated_changes")
    assert found.state is StepState.CLEAR
    assert found.text.endswith(" switched its value near 2026-01-05 08:00 UTC, when it began.")
