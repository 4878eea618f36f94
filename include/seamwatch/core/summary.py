"""All that a window showed, put together as data for the store, the report and the programs that read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.records import Attributed
from seamwatch.core.checks import examples
from seamwatch.core.detection.recent_change import N_PARTS, count_parts, part_of
from seamwatch.core.finding import Finding
from seamwatch.core.interventions import World
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.outcomes import UNREADABLE
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.results import (
    Attribution,
    Discrepancy,
    FieldAccuracy,
    IsolationResult,
    RecordEvidence,
    StagePicture,
    Verdict,
    Window,
)
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Basis, DiscrepancyKind, OutcomeState, Responsibility, StageKind

_PER_CAUSE = 3
"""Evidence records shown for each cause."""
_CAUSES_SHOWN = 4
_ROWS = 12
"""Discrepant fields shown for one record."""


def summarise(
    *,
    evidence: Evidence,
    window: Window,
    outcomes: pd.DataFrame,
    truth: pd.DataFrame,
    times: pd.Series[Any],
    attributed: Attributed,
    causes: tuple[Finding, ...],
    isolation: IsolationResult,
    fields: tuple[FieldAccuracy, ...] = (),
    notes: Sequence[str] = (),
) -> Attribution:
    """Return the attribution of a window.

    Args:
        evidence: What was known of the failing records.
        window: The span of time.
        outcomes: Index key; state, reason; every record of the window.
        truth: Labels by key; may be empty.
        times: Aware time of the first stage by key.
        attributed: Verdicts and replays.
        causes: Of the window, leading one first.
        isolation: The model alone.
        fields: How each final field stands against its truth.
        notes: What else a reader must know, as of keys that match no label.
    """
    world = evidence.world
    states = outcomes["state"]
    n_pending = int((states == OutcomeState.PENDING).sum())
    own = (Basis.REPLAY, Basis.REPAIR, Basis.RULE)
    return Attribution(
        pipeline=world.pipeline.pipeline,
        window=window,
        n_observed=len(outcomes),
        n_failing=len(evidence.failing),
        n_pending=n_pending,
        n_examined=sum(verdict.basis in own for verdict in attributed.verdicts),
        n_sampled=attributed.n_sampled,
        causes=causes,
        isolation=isolation,
        verdicts=attributed.verdicts,
        evidence=tuple(_records(evidence, truth, attributed, causes)),
        stages=tuple(_picture(evidence, causes, stage.name) for stage in world.pipeline.stages),
        failing_by_time=tuple(_by_time(window, states, times)),
        references_in_doubt=attributed.references_in_doubt,
        documents=tuple(document for context in world.knowledge.values() for document in context.documents),
        notes=tuple(notes),
        fields=fields,
        n_unreadable=int(_is_unreadable(outcomes).sum()),
    )


def overdue_truths(pipeline: Pipeline, outcomes: pd.DataFrame, times: pd.Series[Any], now: datetime) -> int:
    """Return how many truths of waiting records should have arrived by now.

    Args:
        pipeline: For how long truths are waited for.
        outcomes: Index key; state, reason; every record of the window.
        times: Aware time of the first stage by key.
        now: Aware time.
    """
    if pipeline.outcome is None or pipeline.outcome.people:  # people judge a sample; nobody waits for the others
        return 0
    is_pending = outcomes["state"] == OutcomeState.PENDING
    waiting = outcomes.index[(is_pending & ~_is_unreadable(outcomes)).to_numpy(dtype=bool)]
    return int((times.reindex(waiting).dropna() + pipeline.outcome.late_after < now).sum())


def _is_unreadable(outcomes: pd.DataFrame) -> pd.Series[Any]:
    """Return which records are pending as a value, its label or a key cannot be read."""
    return outcomes["reason"].str.startswith(UNREADABLE) & (outcomes["state"] == OutcomeState.PENDING)


def _records(
    evidence: Evidence, truth: pd.DataFrame, attributed: Attributed, causes: Sequence[Finding]
) -> list[RecordEvidence]:
    """Return the records that show each cause best: the surest verdicts, those with their own replay first."""
    keys = {str(key): key for key in evidence.failing}
    shown: list[RecordEvidence] = []
    for cause in causes[:_CAUSES_SHOWN]:
        mine = [v for v in attributed.verdicts if (v.responsibility, v.stage) == (cause.responsibility, cause.stage)]
        mine.sort(key=lambda v: (v.basis is Basis.STRATUM, v.fields != cause.fields, -v.confidence))
        shown += [_record(evidence, truth, attributed, v, keys[v.key]) for v in mine[:_PER_CAUSE]]
    return shown


def _record(
    evidence: Evidence, truth: pd.DataFrame, attributed: Attributed, verdict: Verdict, key: Any
) -> RecordEvidence:
    world = evidence.world
    frames = [r.discrepancies[r.discrepancies["key"] == key] for r in world.reconciled.values() if len(r.discrepancies)]
    rows = pd.concat(frames) if frames else pd.DataFrame()
    if len(rows):
        is_named = (rows["stage"] == verdict.stage) & rows["field"].isin(verdict.fields)
        is_format = rows["kind"] == DiscrepancyKind.FORMAT
        rows = rows.assign(_order=[2 * (not n) + bool(f) for n, f in zip(is_named, is_format, strict=True)])
        rows = rows.sort_values("_order", kind="stable").head(_ROWS)
    outcome = world.pipeline.outcome
    compare = outcome.compare if outcome is not None else {}
    final = world.recorded[world.pipeline.final_stage.name]
    answer = isolated = None
    if evidence.models:
        answers = world.recorded[evidence.models[-1]][ANSWER]
        recorded = answers.get(key)
        answer = f"not readable: {recorded.sample}" if isinstance(recorded, Unknown) else strict_text(recorded)
        replayed = attributed.isolated.get(str(key))
        isolated = replayed.text if replayed is not None else None
    return RecordEvidence(
        key=str(key),
        verdict=verdict,
        rows=(*_document_rows(world, verdict, key), *(examples(rows) if len(rows) else ())),
        recorded_outcome={name: strict_text(final.at[key, name]) if key in final.index else None for name in compare},
        true_outcome={name: strict_text(truth.at[key, c.column]) for name, c in compare.items() if key in truth.index},
        recorded_answer=answer,
        isolated_answer=isolated,
    )


def _document_rows(world: World, verdict: Verdict, key: Any) -> list[Discrepancy]:
    """Return the documents that a verdict names: as the record was served them beside as they are at the source."""
    context = world.knowledge.get(str(verdict.stage))
    if verdict.responsibility is not Responsibility.KNOWLEDGE_BASE or context is None:
        return []
    row = world.recorded[context.stage.name].loc[key].to_dict()
    rows = []
    for document in verdict.fields:
        retrieved, current = context.versions_of(key, row, document)
        rows.append(
            Discrepancy(
                key=str(key),
                stage=context.stage.name,
                field=document,
                recorded=retrieved,
                expected=current,
                kind=DiscrepancyKind.VALUE,
            )
        )
    return rows


def _picture(evidence: Evidence, causes: Sequence[Finding], name: str) -> StagePicture:
    world = evidence.world
    stage = world.pipeline.stage(name)
    reconciled = world.reconciled.get(name)
    n_failed = 0
    if reconciled is not None:
        differing = reconciled.discrepancies[reconciled.discrepancies["kind"] != DiscrepancyKind.FORMAT]["key"]
        n_failed = int(differing.nunique()) + len(reconciled.lost)
    if stage.kind is StageKind.MODEL:
        n_failed = sum(
            cause.n_records
            for cause in causes
            if cause.stage == name and cause.responsibility in (Responsibility.MODEL, Responsibility.PROVIDER)
        )
    return StagePicture(
        name=name,
        kind=stage.kind.value,
        inputs=stage.input,
        n_records=len(world.recorded[name]),
        n_failed=n_failed,
        is_reconciled=name in world.references or stage.kind in (StageKind.SOURCE, StageKind.MODEL),
    )


def _by_time(window: Window, states: pd.Series[Any], times: pd.Series[Any]) -> Sequence[tuple[datetime, int, int]]:
    spans = part_of(times.reindex(states.index), window.start, window.end)
    known = states.reindex(spans.index)
    wrong = count_parts(spans, (known == OutcomeState.WRONG).astype(float))
    right = count_parts(spans, (known == OutcomeState.RIGHT).astype(float))
    return [
        (window.start + span * ((window.end - window.start) / N_PARTS), round(bad), round(bad + good))
        for span, (bad, good) in enumerate(zip(wrong, right, strict=True))
    ]
