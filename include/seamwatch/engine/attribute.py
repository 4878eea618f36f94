"""Outcomes, isolation and attribution of one window: read everything, let the core decide, save what it said."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from seamwatch.core.attribution.accusing_marks import RightRecords
from seamwatch.core.attribution.evidence import Evidence, gather
from seamwatch.core.attribution.neutral_inputs import with_neutral_inputs
from seamwatch.core.attribution.records import Attributed, attribute_records
from seamwatch.core.attribution.unlike_inputs import review_model_verdicts
from seamwatch.core.interventions import World
from seamwatch.core.isolation import obstacle
from seamwatch.core.records.frames import StageData, holds_text, split_versions
from seamwatch.core.records.outcomes import call_lost_wrong
from seamwatch.core.results import Attribution, IsolationResult, StageResult, Window
from seamwatch.core.revisits import SOONEST, due_revisits
from seamwatch.core.summary import overdue_truths, summarise
from seamwatch.core.suspect_truths import explained_by_seams, suspect_truths
from seamwatch.engine.answer_notes import replay_notes, unread_notes
from seamwatch.engine.benchmark import isolate
from seamwatch.engine.causes import ChangeTest, accepted_accuracy, change_test, judged_times
from seamwatch.engine.correlated_changes import with_switches
from seamwatch.engine.deps import Deps
from seamwatch.engine.earlier_inputs import read_known_inputs
from seamwatch.engine.outcomes import JudgedWindow, final_payloads, judge_records, stage_truths
from seamwatch.engine.outside import Outside
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_references, with_copies
from seamwatch.engine.right_records import choose_right_records
from seamwatch.engine.spending import plan_spending
from seamwatch.engine.validate import expectation_failures
from seamwatch.engine.watch.seams import look_at_seams
from seamwatch.engine.window import WindowData, WindowReader, open_window
from seamwatch.report.cause_texts import with_headlines
from seamwatch.report.seam_texts import unkeyed_notes
from seamwatch.report.verdict_texts import explained
from seamwatch.report.window_texts import with_notes_and_signals
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import OutcomeState, Responsibility, StageKind


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window with its outcomes."""

    data: WindowData
    world: World
    outcomes: pd.DataFrame
    labels: JudgedWindow
    """What judges, and what is to be said of the labels."""

    @property
    def truth(self) -> pd.DataFrame:
        """Return the labels by key."""
        return self.labels.truth

    def keys_with(self, state: OutcomeState) -> pd.Index[Any]:
        """Return the records whose outcome is `state`."""
        return self.outcomes.index[(self.outcomes["state"] == state).to_numpy()]


def attribute_window(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    outside: Outside = Outside(),  # noqa: B008
    *,
    is_asked: bool = False,
    opened: WindowReader | None = None,
) -> Attribution:
    """Return whose fault the window's wrong outcomes were, and save it.

    Args:
        deps: What it needs.
        pipeline: Its definition.
        window: The span of time.
        outside: Opens tables, models and checks; a bundle puts its own in their place.
        is_asked: Whether a person asked for this window: then every failing record is replayed that the budget allows.
        opened: The window, where its stages were checked just now: what was read and reconciled is not again.

    Raises:
        SpecError: If the pipeline has no outcome, or a reference, suite or evaluator cannot be loaded.
        AdapterError: If a table cannot be read.
        DataContractError: If a key, truth or compared column is missing.
    """
    with open_window(deps, pipeline, window, outside.reader) if opened is None else nullcontext(opened) as rows:
        pipeline, reader = rows.pipeline, rows.reader
        judged = judge_window(deps, rows)
        failing = judged.keys_with(OutcomeState.WRONG)
        times = judged_times(judged.outcomes, judged.data.stages[pipeline.first_stage.name].times)
        test = change_test(deps, pipeline, window, judged.outcomes, times)
        results = _stage_results(deps, rows, outside, needs_sources=bool(len(failing)))
        world = _with_corrections(judged, reader, failing)
        served_at = {name: data.times for name, data in judged.data.stages.items()}
        knowledge = outside.knowledge(deps, pipeline, window, world, failing, served_at)
        world = with_neutral_inputs(replace(world, knowledge=knowledge.contexts), failing)
        n_judged = int((judged.outcomes["state"] != OutcomeState.PENDING).sum())
        evidence = gather(
            world,
            failing,
            _source_findings(pipeline, results, judged.outcomes.index),
            right=_compared(deps, pipeline, window, reader, judged, world, test),
            doubted_labels=_doubted_labels(pipeline, judged, failing),
            n_judged=n_judged,
            accuracy=accepted_accuracy(deps, pipeline),
        )
        models = outside.models(deps, pipeline, window)
        spending = plan_spending(
            pipeline, models, test, is_asked=is_asked, has_benchmark=obstacle(pipeline, judged.world.references) is None
        )
        attributed = attribute_records(evidence, models.ask, pipeline.isolation, spending)
        found = test.causes(attributed.verdicts)
        isolation = isolate(deps, pipeline, reader, judged.world, models, found, reproduced=attributed.reproduced)
        attributed = _reviewed(deps, pipeline, window, reader, judged, evidence, attributed, isolation, test)
        found = test.causes(attributed.verdicts)
        causes = with_headlines(with_switches(deps, rows, world, found, attributed.verdicts, times))
    first_times = judged.data.stages[pipeline.first_stage.name].times
    attribution = summarise(
        evidence=evidence,
        window=window,
        outcomes=judged.outcomes,
        truth=judged.truth,
        times=first_times,
        attributed=replace(attributed, verdicts=explained(attributed.verdicts)),
        causes=causes,
        isolation=isolation,
        fields=judged.labels.fields,
        notes=(
            *judged.labels.notes,
            *knowledge.notes,
            *unkeyed_notes(judged.data.stages),
            *_unread(pipeline, judged.data),
        ),
    )
    attribution = with_notes_and_signals(
        attribution,
        evidence,
        results,
        n_overdue=overdue_truths(pipeline, judged.outcomes, first_times, deps.clock()),
        has_baseline=accepted_accuracy(deps, pipeline) is not None,
    )
    # Whether outdated documents are current again is for the freshness check to say, not for a quiet window.
    outdated = tuple((Responsibility.KNOWLEDGE_BASE, s.name) for s in pipeline.stages if s.knowledge_base is not None)
    attribution = replace(attribution, lingering=(*test.lingering(found), *outdated))
    seams = look_at_seams(
        deps,
        pipeline,
        window,
        recorded=judged.world.recorded,
        reconciled=judged.world.reconciled,
        times=judged.data.stages[pipeline.first_stage.name].times,
        judged=judged.outcomes.index[(judged.outcomes["state"] != OutcomeState.PENDING).to_numpy()],
        wrong=judged.keys_with(OutcomeState.WRONG),
    )
    attribution = replace(attribution, seam_changes=() if seams is None else seams.findings)
    deps.store.begin_window(pipeline.pipeline, window, now=deps.clock())
    deps.store.save_attribution(attribution, now=deps.clock())
    return attribution


def _unread(pipeline: Pipeline, data: WindowData) -> list[str]:
    return [
        f"{name}: {note}"
        for name, stage in data.stages.items()
        for note in (*unread_notes(pipeline, stage, data.stages), *replay_notes(stage.stage, stage.payload))
    ]


def _compared(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    reader: StageReader,
    judged: Judged,
    world: World,
    test: ChangeTest,
) -> RightRecords:
    """Return the right records that the failing ones are compared with."""
    own = RightRecords(world=world, keys=judged.keys_with(OutcomeState.RIGHT))
    if not test.n_failing:
        return own

    def read_earlier(span: Window) -> RightRecords:
        earlier = judge_window(deps, WindowReader(reader, span))
        return RightRecords(world=earlier.world, keys=earlier.keys_with(OutcomeState.RIGHT))

    return choose_right_records(own, window, test.base.history, read_earlier)


def _reviewed(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    reader: StageReader,
    judged: Judged,
    evidence: Evidence,
    attributed: Attributed,
    isolation: IsolationResult,
    test: ChangeTest,
) -> Attributed:
    """Return what was attributed, verdicts against the model held against the inputs of before.

    Those are read only where they may matter: where the model's errors are a change, or the window alone is odd.
    """
    first = review_model_verdicts(evidence, attributed.verdicts, judged.outcomes, (), isolation)
    is_changed = any(c.is_change and c.responsibility is Responsibility.MODEL for c in test.causes(attributed.verdicts))
    if not is_changed and first == attributed.verdicts:
        return attributed
    known = read_known_inputs(
        deps,
        pipeline,
        reader,
        judged.world,
        window,
        history=test.base.history,
        accuracy=accepted_accuracy(deps, pipeline),
    )
    reviewed = review_model_verdicts(evidence, attributed.verdicts, judged.outcomes, known, isolation)
    return replace(attributed, verdicts=reviewed)


def windows_to_revisit(deps: Deps, pipeline: Pipeline) -> list[Window]:
    """Return earlier windows whose missing truths may have arrived by now, oldest first."""
    if pipeline.outcome is None:
        return []
    now, late_after = deps.clock(), pipeline.outcome.late_after
    # Twice as far back as truths are waited for: the last look comes when the age has doubled beyond that.
    pending = deps.store.pending_windows(pipeline.pipeline, since=now - 2 * late_after - SOONEST)
    return due_revisits(pending, now=now, late_after=late_after)


def judge_window(deps: Deps, rows: WindowReader) -> Judged:
    """Return the window read, reconciled and judged; errors as `attribute_window`."""
    pipeline, reader = rows.pipeline, rows.reader
    data = rows.read()
    keys = data.stages[pipeline.first_stage.name].payload.index
    references = with_copies(
        pipeline,
        load_references(deps.project, pipeline, rows.reference),
        {name: list(stage.payload.columns) for name, stage in data.stages.items()},
    )
    recorded = {**data.payloads, **_as_read(pipeline, data)}
    final = final_payloads(pipeline, recorded[pipeline.final_stage.name], data, keys)
    judged = judge_records(deps, pipeline, reader, final)
    world = World(
        pipeline=pipeline,
        recorded=recorded,
        references=references,
        reconciled={
            stage.name: rows.reconcile(stage, recorded, references.get(stage.name), data)
            for stage in pipeline.stages
            if stage.input
        },
        judge=judged.judge,
        truths=stage_truths(pipeline, judged.truth),
        text_responses=frozenset(
            name for name, stage in data.stages.items() if stage.stage.kind is StageKind.MODEL and holds_text(stage)
        ),
    )
    outcomes = judged.outcomes
    if deps.clock() >= rows.window.end + pipeline.settle:
        outcomes = call_lost_wrong(outcomes, [found.lost for found in world.reconciled.values()])
    return Judged(data=data, world=world, outcomes=outcomes, labels=judged)


def _as_read(pipeline: Pipeline, data: WindowData) -> dict[str, pd.DataFrame]:
    """Return the payloads of sources that hold several versions of a record, as the pipeline read them."""
    return {
        stage.name: split_versions(data.stages[stage.name], _consumed(pipeline, data, stage))[0]
        for stage in pipeline.stages
        if stage.kind is StageKind.SOURCE and len(data.stages[stage.name].versions)
    }


def _consumed(pipeline: Pipeline, data: WindowData, source: Stage) -> pd.Series[Any]:
    """Return when the next stage was written, by key; empty where no next stage has a time."""
    for stage in pipeline.stages:
        if source.name in stage.input and len(data.stages[stage.name].times):
            return data.stages[stage.name].times
    return pd.Series(dtype="datetime64[ns, UTC]")


def _with_corrections(judged: Judged, reader: StageReader, failing: pd.Index[Any]) -> World:
    """Return the world with what the sources say today of the failing records, where that is something else."""
    world = judged.world
    corrections: dict[str, pd.DataFrame] = {}
    for stage in world.pipeline.stages:
        data: StageData = judged.data.stages[stage.name]
        if stage.kind is not StageKind.SOURCE or not len(failing) or not len(data.times):
            continue
        later = reader.versions(stage, failing.tolist())
        _, corrected = split_versions(data, _consumed(world.pipeline, judged.data, stage), later)
        if len(corrected):
            corrections[stage.name] = corrected
    return World(**{**world.__dict__, "corrections": corrections}) if corrections else world


def _doubted_labels(pipeline: Pipeline, judged: Judged, failing: pd.Index[Any]) -> dict[Any, float]:
    """Return the probability that a label is wrong, for records that differ from theirs in a field with classes."""
    if pipeline.outcome is None or pipeline.outcome.truth is None or not len(failing):
        return {}
    known = judged.outcomes.index[(judged.outcomes["state"] != OutcomeState.PENDING).to_numpy()]
    sources = [s.name for s in pipeline.stages if s.kind is StageKind.SOURCE]
    features = pd.concat(
        [judged.world.recorded[name].reindex(known).add_prefix(f"{name}.") for name in sources], axis=1
    )
    final = judged.world.recorded[pipeline.final_stage.name]
    right = judged.outcomes.index[(judged.outcomes["state"] == OutcomeState.RIGHT).to_numpy()]
    seams = [found.discrepancies for found in judged.world.reconciled.values()]
    explained = explained_by_seams(seams, right, failing)
    doubts: dict[Any, float] = {}
    for field, comparator in pipeline.outcome.compare.items():
        if comparator.how in ("auto", "exact", "text"):
            labels = judged.truth[comparator.column].reindex(known)
            found = suspect_truths(features, labels, final[field], failing, explained=explained)
            for key, chance in found.items():
                doubts[key] = max(chance, doubts.get(key, 0.0))
    return doubts


def _stage_results(deps: Deps, rows: WindowReader, outside: Outside, *, needs_sources: bool) -> list[StageResult]:
    """Return what validation found; sources that it has not seen yet are checked now if something failed."""
    pipeline, window = rows.pipeline, rows.window
    known = {result.stage: result for result in deps.store.stage_results(pipeline.pipeline, window)}
    for stage in pipeline.stages:
        has_suite = deps.project.suite_path(pipeline, stage.suite or stage.name).is_file()
        if needs_sources and stage.kind is StageKind.SOURCE and stage.name not in known and has_suite:
            known[stage.name] = outside.check(deps, pipeline, stage, window, rows)
    return [known[stage.name] for stage in pipeline.stages if stage.name in known]


def _source_findings(pipeline: Pipeline, results: list[StageResult], keys: pd.Index[Any]) -> dict[str, dict[Any, str]]:
    by_text = {str(key): key for key in keys}
    return {
        result.stage: {by_text[key]: what for key, what in expectation_failures(result).items() if key in by_text}
        for result in results
        if pipeline.stage(result.stage).kind is StageKind.SOURCE
    }
