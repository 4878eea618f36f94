"""Check one stage of one window: its own expectations, and its seam to the stages that it is made from."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import pandas as pd

from seamwatch.adapters.connections import database_url
from seamwatch.core.checks import stage_result
from seamwatch.core.records.frames import unread_answers
from seamwatch.core.results import Check, StageResult, Window
from seamwatch.engine.answer_notes import redacted_stages, replay_notes, unread_notes
from seamwatch.engine.deps import Deps
from seamwatch.engine.reading import read_some
from seamwatch.engine.window import WindowReader, open_window
from seamwatch.errors import AdapterError, DataContractError, SpecError
from seamwatch.plurals import agree, plural
from seamwatch.report.seam_texts import described_checks, stage_notes
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.validation.run import ValidationOutcome, validate_query
from seamwatch.validation.suites import load_suite
from seamwatch.vocabulary import CheckStatus


def check_stage(
    deps: Deps, pipeline: Pipeline, stage: Stage, window: Window, opened: WindowReader | None = None
) -> StageResult:
    """Return what is wrong with one stage in one window, and save it.

    Args:
        deps: What it needs.
        pipeline: Its definition.
        stage: The stage.
        window: The span of time.
        opened: The window, where other stages of it are read too; without it the stage and its inputs are read alone.

    A check that cannot run (no such column, a database that does not answer, a broken suite) is a finding of status
    `error` and turns the stage's gate red; it is never a pass.

    Raises:
        AdapterError: If the database may answer later, so that the task is tried again.
    """
    with open_window(deps, pipeline, window) if opened is None else nullcontext(opened) as rows:
        try:
            result, discrepancies = _check(deps, rows.pipeline.stage(stage.name), rows)
        except AdapterError as error:
            if error.retryable:
                raise
            result, discrepancies = _could_not_run(stage, error), None
        except (DataContractError, SpecError) as error:
            result, discrepancies = _could_not_run(stage, error), None
    deps.store.begin_window(pipeline.pipeline, window, now=deps.clock())
    deps.store.save_stage_result(pipeline.pipeline, window, result, discrepancies)
    return result


def _check(deps: Deps, stage: Stage, rows: WindowReader) -> tuple[StageResult, pd.DataFrame | None]:
    pipeline = rows.pipeline
    data = rows.read(only={stage.name, *stage.input})
    own = data.stages[stage.name]
    outcome = _expectations(deps, stage, rows)
    notes = ["the window is empty"] if not len(own.payload) else []
    if n := rows.n_without_time.get(stage.name):
        notes.append(
            f"{plural(n, 'row has', 'rows have')} no readable time ({rows.reader.time_column(stage)}): "
            f"{agree(n, 'it is', 'they are')} in no window"
        )
    notes += replay_notes(stage, own.payload)
    if unread_answers(own).n:
        hidden = rows.read(only=redacted_stages(pipeline)).stages if pipeline.bundle.redact else {}
        notes += unread_notes(pipeline, own, hidden)
    checks, docs = (outcome.checks, outcome.data_docs) if outcome is not None else ((), None)
    if not stage.input:
        return stage_result(own, None, checks, notes=(*notes, *stage_notes(own, None)), data_docs=docs), None
    found = rows.reconcile(stage, data.payloads, rows.reference(deps.project, stage), data)
    notes += stage_notes(own, found)
    checks = (*checks, *described_checks(found))
    return stage_result(own, found, checks, notes=notes, data_docs=docs), found.discrepancies


def _expectations(deps: Deps, stage: Stage, rows: WindowReader) -> ValidationOutcome | None:
    """Return what the stage's suite found on the database itself, or None where it has no suite."""
    pipeline, window, reader = rows.pipeline, rows.window, rows.reader
    path = deps.project.suite_path(pipeline, stage.suite or stage.name)
    if stage.suite is None and not path.is_file():
        return None
    time = reader.time_column(stage)
    source = reader.source(pipeline.stage_database(stage))
    query = source.window_query(
        stage.table or stage.query or "",
        is_query=stage.query is not None,
        time=time,
        start=window.start if time else None,
        end=window.end if time else None,
    )
    return validate_query(
        database_url(deps.connections.get(pipeline.stage_database(stage))),
        query,
        suite=load_suite(path),
        key_column=pipeline.stage_key(stage),
        stage=stage.name,
        label=f"{pipeline.pipeline}.{stage.name}",
        table=stage.table,
        # Through the query once more: as the table holds them, with times as they are written.
        read_rows=partial(read_some, source, query),
        data_docs_dir=deps.data_dir / "data_docs",
        run_name=window.id,
    )


def expectation_failures(result: StageResult) -> dict[str, str]:
    """Return the keys that fail a critical expectation of the stage's own suite, and which one."""
    return {
        key: f"{check.expectation} on {check.column}" if check.column else check.expectation
        for check in result.checks
        if check.is_critical and not check.expectation.startswith("reconcile")
        for key in check.failing_keys
    }


def _could_not_run(stage: Stage, error: Exception) -> StageResult:
    check = Check(
        stage=stage.name,
        expectation="readable",
        status=CheckStatus.ERROR,
        expected="the stage can be read and checked",
        observed="it could not be checked",
        error=str(error),
    )
    return StageResult(stage=stage.name, n_records=0, checks=(check,), notes=("this stage could not be checked",))
