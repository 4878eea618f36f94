"""Trial: references that contradict records which are right by their labels."""

from __future__ import annotations

from collections.abc import Iterator

from seamwatch.core.records.frames import holds_text
from seamwatch.core.records.outcomes import Judge, judge_by_truth
from seamwatch.core.records.reconciliation import Reconciliation, reconcile
from seamwatch.engine.check.sample import Sample
from seamwatch.engine.outcomes import read_truth
from seamwatch.errors import AdapterError, DataContractError, Problem, ProblemLevel
from seamwatch.report.verdict_texts import describe_doubt
from seamwatch.spec.graph import ancestors
from seamwatch.vocabulary import OutcomeState, StageKind

_NEARLY_ALL = 0.95


def check_doubts(sample: Sample) -> Iterator[Problem]:
    """Yield the references that would make right records wrong; a window would let no verdict rest on them."""
    pipeline, outcome = sample.pipeline, sample.pipeline.outcome
    names = {stage.name for stage, _ in sample.stages()}
    if outcome is None or outcome.truth is None or names != {stage.name for stage in pipeline.stages}:
        return
    try:
        reconciled = dict(_reconciled(sample))
        suspects = {name for name, found in reconciled.items() if _objects_to_some(found)}
        if not suspects:
            return
        keys = sample.data.stages[pipeline.first_stage.name].payload.index
        truth = read_truth(pipeline, sample.reader, keys).frame
        yield from _doubts(sample, reconciled, suspects, lambda final: judge_by_truth(final, truth, outcome.compare))
    except (AdapterError, DataContractError):
        return  # reported where labels and references are tried


def _reconciled(sample: Sample) -> Iterator[tuple[str, Reconciliation]]:
    for stage, data in sample.stages():
        inputs = sample.inputs(stage)
        if inputs is not None:
            yield stage.name, reconcile(stage, data.payload, inputs, sample.references.get(stage.name))


def _objects_to_some(found: Reconciliation) -> bool:
    """Return whether a reference objects to some records; what it does to nearly all is said without labels."""
    n_objected = found.discrepancies["key"].nunique() + len(found.reference_errors)
    return 0 < n_objected < _NEARLY_ALL * max(len(found.expected) + len(found.reference_errors), 1)


def _doubts(
    sample: Sample, reconciled: dict[str, Reconciliation], suspects: set[str], judge: Judge
) -> Iterator[Problem]:
    from seamwatch.core.attribution.accusing_marks import RightRecords  # noqa: PLC0415 - heavy, and rarely needed
    from seamwatch.core.attribution.reference_doubt import doubted_references  # noqa: PLC0415
    from seamwatch.core.interventions import World  # noqa: PLC0415

    pipeline = sample.pipeline
    payloads = sample.data.payloads
    world = World(
        pipeline=pipeline,
        recorded=payloads,
        references=sample.references,
        reconciled=reconciled,
        judge=judge,
        text_responses=frozenset(
            stage.name for stage, data in sample.stages() if stage.kind is StageKind.MODEL and holds_text(data)
        ),
    )
    state = judge(payloads[pipeline.final_stage.name])["state"]
    right, wrong = (state.index[(state == one).to_numpy()] for one in (OutcomeState.RIGHT, OutcomeState.WRONG))
    models = [stage.name for stage in pipeline.stages if stage.kind is StageKind.MODEL]
    inputs = {stage.name: stage.input for stage in pipeline.stages}
    before = set(models).union(*(ancestors(inputs, name) for name in models))
    after_model = [stage.name for stage in pipeline.stages if stage.input and stage.name not in before]
    found = doubted_references(world, wrong, RightRecords(world=world, keys=right), after_model)
    for name, doubt in found.items():
        if name in suspects:
            text = f"the reference of {name} is {describe_doubt(doubt)}"
            yield sample.at_reference(pipeline.stage(name), text, level=ProblemLevel.WARNING)
