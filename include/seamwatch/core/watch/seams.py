"""Whether a seam has changed: how many records differ from their reference at a stage, against windows before.

Outcomes tell that answers are wrong; a seam that changed may have spoiled records that no label has judged yet, or that
the model put right by chance. So the share of records that differ in value (never in format alone) is tested by itself,
as failing records are (`core/detection/window_change.py`), within the same budget of false incidents. Nobody knows
without a past whether a share is new; then only what rose inside the window is a change.

Two rules of one stage may break one after the other. So fields of a changed stage that are not damaged in the same
records (`core/detection/field_groups.py`) are findings of their own, each if it is a change by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from seamwatch.core.detection.field_groups import FieldGroup, group_fields
from seamwatch.core.detection.onset import find_onset, past_windows
from seamwatch.core.detection.recent_change import N_PARTS, Parts, count_parts, part_of, weigh_window
from seamwatch.core.detection.window_change import (
    NO_MARK,
    RECOVERED_ODDS,
    Budget,
    CauseKey,
    Evidence,
    Prior,
    WindowCount,
)
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.core.results import Window
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import DiscrepancyKind, Responsibility, StageKind

KIND = "seam_change"
STRAY_RATE = 0.002
"""Share of records that differ where nothing is wrong; the learnt rate is never lower."""
STRAY_RECORDS = 20.0
"""Compared records of history that weigh as much as `STRAY_RATE`: one window tells that a reference always differs."""
_LEAST_PAST = 50
"""With fewer compared records before, nobody knows what is usual."""
_FIRST_PARTS = N_PARTS // 3
"""Spans of a window that say what was usual where nothing else does; later ones are tested against them."""
_CONFIDENCE = 0.95
"""That a change of a seam lies where it is seen: a source that was corrected in place since looks like one."""
_LATELY = 24
"""Windows before whose fields may still be damaged in this one."""
_KEYS_SHOWN = 5
_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Example:
    """One record's field that differs."""

    key: str
    field: str
    recorded: Any
    expected: Any


@dataclass(frozen=True, kw_only=True)
class Seam:
    """How one stage of a window stands against its reference."""

    stage: Stage
    compared: pd.Index[Any]
    """Records whose payload could be compared."""
    differing: pd.Index[Any]
    """Those of them that differ in value."""
    fields: Mapping[str, int]
    """Differing field to its records, most first."""
    examples: tuple[Example, ...]
    keys_by_field: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    """Differing field to its records; empty where they are not told apart."""

    @property
    def leading(self) -> str:
        """Return the field that most records differ in; ValueError where none does."""
        return max(self.fields, key=lambda name: self.fields[name])

    @property
    def cause(self) -> CauseKey:
        """Return who would have to act, and where."""
        is_retrieval = self.stage.kind is StageKind.RETRIEVAL
        return Responsibility.KNOWLEDGE_BASE if is_retrieval else Responsibility.INTEGRATION, self.stage.name


@dataclass(frozen=True, kw_only=True)
class SeamChange:
    """A seam that changed."""

    finding: Finding
    seam: Seam
    usual: float | None
    """Share of records that differed before; None without a past."""
    n_judged: int
    """Differing records whose outcome is known."""
    n_wrong: int
    """Those of them that are wrong: the harm so far."""


@dataclass(frozen=True, kw_only=True)
class SeamEvaluation:
    """The seams of one window."""

    pipeline: str
    window: Window
    n_records: int
    seams: tuple[Seam, ...]
    changes: tuple[SeamChange, ...]
    still: frozenset[str]
    """Stages that are no change and yet cannot be called as before: none of their records was compared, or too few.

    Of a stage that is a change by other fields, such fields as `stage.field`.
    """


def measure_seams(
    pipeline: Pipeline, recorded: Mapping[str, pd.DataFrame], reconciled: Mapping[str, Reconciliation]
) -> tuple[Seam, ...]:
    """Return the stages that have a reference, in the pipeline's order."""
    return tuple(
        _measure(stage, recorded[stage.name], reconciled[stage.name])
        for stage in pipeline.stages
        if stage.name in reconciled and reconciled[stage.name].is_checked
    )


def _measure(stage: Stage, recorded: pd.DataFrame, found: Reconciliation) -> Seam:
    rows = found.discrepancies[found.discrepancies["kind"] != DiscrepancyKind.FORMAT]
    compared = found.expected.index[found.expected.index.isin(recorded.index)]
    differing = compared[compared.isin(rows["key"])]
    rows = rows[rows["key"].isin(differing)]
    counts = rows.groupby("field")["key"].nunique()
    counted = sorted(((str(name), int(n)) for name, n in counts.items()), key=lambda one: (-one[1], one[0]))
    fields = dict(counted)
    leading = next(iter(fields), None)
    shown = rows[rows["field"].astype(str) == leading].head(_EXAMPLES)
    return Seam(
        stage=stage,
        compared=compared,
        differing=differing,
        fields=fields,
        examples=tuple(
            Example(key=str(row.key), field=str(row.field), recorded=row.recorded, expected=row.expected)
            for row in shown.itertuples(index=False)
        ),
        keys_by_field={str(name): frozenset(keys) for name, keys in rows.groupby("field")["key"]},
    )


def seam_budget(pipeline: Pipeline, seams: Sequence[Seam], *, beside: int) -> Budget:
    """Return the budget of false incidents that seams share with the causes of failing records.

    Args:
        pipeline: Its stages.
        seams: Those that are tested.
        beside: Causes of failing records beyond one a stage.
    """
    return Budget(n_candidates=len(pipeline.stages) + beside + len(seams))


def count_seam(seam: Seam, times: pd.Series[Any], window: Window, *, is_change: bool) -> WindowCount:
    """Return what later windows are to know of a seam.

    Args:
        seam: Of the window.
        times: Aware time of the first stage by key.
        window: The span of time.
        is_change: Whether it is a change in this window, or one that is known is still open: it teaches nothing then.
    """
    parts = _parts(seam, times, window)
    by_field = {field_cause(seam.cause, name): n for name, n in seam.fields.items()}
    return WindowCount(
        start=window.start,
        end=window.end,
        n_judged=len(seam.compared),
        counts={seam.cause: len(seam.differing), **by_field},
        changes={seam.cause: NO_MARK} if is_change else {},
        judged_by_part=tuple(round(n) for n in parts.judged),
        counts_by_part={seam.cause: tuple(round(n) for n in parts.failing)},
    )


def field_cause(cause: CauseKey, name: str) -> CauseKey:
    """Return under which key the records of one field of a seam are counted."""
    responsibility, stage = cause
    return responsibility, f"{stage}.{name}"


def evaluate_seams(
    pipeline: Pipeline,
    window: Window,
    seams: Sequence[Seam],
    times: pd.Series[Any],
    history: Mapping[str, Sequence[WindowCount]],
    budget: Budget,
    *,
    judged: Collection[Any],
    wrong: Collection[Any],
) -> SeamEvaluation:
    """Return which seams have changed.

    Args:
        pipeline: Its definition.
        window: The span of time.
        seams: As `measure_seams` returned them.
        times: Aware time of the first stage by key.
        history: Windows before by stage, oldest first, none of which overlaps this one.
        budget: Over how many tests the chance of a false incident is spread.
        judged: Keys whose outcome is known.
        wrong: Those whose outcome is wrong.
    """
    known, failing = pd.Index(list(judged), dtype=object), pd.Index(list(wrong), dtype=object)
    changes: list[SeamChange] = []
    still: set[str] = set()
    for seam in seams:
        past = history.get(seam.stage.name, ())
        evidence, usual = _weigh(seam, times, window, past)
        if evidence is None or not _is_change(seam, evidence, budget, has_past=usual is not None):
            if not len(seam.compared) or (evidence is not None and evidence.e_value >= RECOVERED_ODDS):
                still.add(seam.stage.name)
            continue
        found = _changed_parts(seam, evidence, past, budget, has_past=usual is not None)
        still |= {f"{seam.stage.name}.{name}" for name in found.still}
        for part, part_evidence in found.changed:
            keys = pd.Index(part.differing, dtype=object)
            changes.append(
                SeamChange(
                    finding=_finding(part, part_evidence, times, past, has_past=usual is not None),
                    seam=part,
                    usual=None if usual is None else part_evidence.expected,
                    n_judged=int(keys.isin(known).sum()),
                    n_wrong=int(keys.isin(failing).sum()),
                )
            )
    return SeamEvaluation(
        pipeline=pipeline.pipeline,
        window=window,
        n_records=max((len(seam.compared) for seam in seams), default=0),
        seams=tuple(seams),
        changes=tuple(sorted(changes, key=lambda change: -change.finding.n_records)),
        still=frozenset(still),
    )


def _parts(seam: Seam, times: pd.Series[Any], window: Window) -> Parts:
    spans = part_of(times[times.index.isin(seam.compared)], window.start, window.end)
    differs = pd.Series(1.0, index=seam.differing)
    return Parts(length=window.length, judged=count_parts(spans), failing=count_parts(spans, differs))


def _weigh(
    seam: Seam, times: pd.Series[Any], window: Window, past: Sequence[WindowCount]
) -> tuple[Evidence | None, float | None]:
    """Return how far a seam is from what it was, and what that is; the latter None without a past."""
    if not len(seam.compared):
        return None, None
    parts = _parts(seam, times, window)
    n_past = sum(count.n_judged for count in past if not count.changes)
    has_past = n_past >= _LEAST_PAST
    prior = Prior(rate=STRAY_RATE, records=STRAY_RECORDS, least=STRAY_RATE)
    if not has_past:
        n_first, n_differ = sum(parts.judged[:_FIRST_PARTS]), sum(parts.failing[:_FIRST_PARTS])
        rate = (n_differ + STRAY_RATE * STRAY_RECORDS) / (n_first + STRAY_RECORDS)
        prior = Prior(rate=max(rate, STRAY_RATE), records=n_first + 1.0, least=STRAY_RATE)
    evidence = weigh_window(
        [seam.cause],
        past,
        n_records=len(seam.differing),
        n_judged=len(seam.compared),
        prior=prior,
        parts=parts,
    )
    return evidence, evidence.expected if has_past else None


def _is_change(seam: Seam, evidence: Evidence, budget: Budget, *, has_past: bool) -> bool:
    """Return whether a seam has changed; without a past only by what rose inside the window."""
    n = len(seam.differing)
    if has_past:
        return evidence.is_change(n, budget)
    alone = replace(evidence, p_value=1.0, e_value=0.0)
    return alone.is_change(n, budget)


@dataclass(frozen=True, kw_only=True)
class _ChangedParts:
    """What of a stage is a change: all of it, or fields that are not damaged in the same records."""

    changed: tuple[tuple[Seam, Evidence], ...]
    still: tuple[str, ...] = ()
    """Fields that are no change by themselves and yet cannot be called as before."""


def _changed_parts(
    seam: Seam, evidence: Evidence, past: Sequence[WindowCount], budget: Budget, *, has_past: bool
) -> _ChangedParts:
    """Return the parts of a changed stage that are a change by themselves; all of it where that cannot be told."""
    whole = _ChangedParts(changed=((seam, evidence),))
    counted = _counted_by_field(seam, past)
    if not has_past or sum(one.n_judged for one in counted if not one.changes) < _LEAST_PAST:
        return whole
    groups = group_fields(seam.keys_by_field, n_records=len(seam.compared))
    parts = [_part_of(seam, group) for group in groups]
    lately = {key for one in counted[-_LATELY:] for key in one.counts if key != seam.cause}
    open_fields = [str(stage).removeprefix(f"{seam.stage.name}.") for _, stage in lately]
    if len(parts) < 2 and set(open_fields) <= {name for part in parts for name in part.fields}:
        return whole
    weighed = [(part, _weigh_field(part, part.leading, counted)) for part in parts]
    changed = tuple((part, found) for part, found in weighed if found.is_change(part.fields[part.leading], budget))
    if not changed:
        return whole
    shown = {name for part, _ in changed for name in part.fields}
    still = sorted(name for name in open_fields if name not in shown and _is_open(seam, name, counted))
    return _ChangedParts(changed=changed, still=tuple(still))


def _counted_by_field(seam: Seam, past: Sequence[WindowCount]) -> list[WindowCount]:
    """Return the windows that say of each field how often it differed; those of earlier versions do not."""
    return [one for one in past if not one.counts.get(seam.cause, 0) or len(one.counts) > 1]


def _is_open(seam: Seam, name: str, past: Sequence[WindowCount]) -> bool:
    return _weigh_field(seam, name, past).e_value >= RECOVERED_ODDS


def _part_of(seam: Seam, group: FieldGroup) -> Seam:
    differing = seam.differing[seam.differing.isin(list(group.keys))]
    return replace(
        seam,
        differing=differing,
        fields={name: seam.fields[name] for name in group.fields},
        examples=tuple(one for one in seam.examples if one.field in group.fields),
        keys_by_field={name: seam.keys_by_field[name] for name in group.fields},
    )


def _weigh_field(seam: Seam, name: str, past: Sequence[WindowCount]) -> Evidence:
    """Return how far one field of a seam is from what it was."""
    return weigh_window(
        [field_cause(seam.cause, name)],
        past,
        n_records=seam.fields.get(name, 0),
        n_judged=len(seam.compared),
        prior=Prior(rate=STRAY_RATE, records=STRAY_RECORDS, least=STRAY_RATE),
    )


def _finding(
    seam: Seam, evidence: Evidence, times: pd.Series[Any], past: Sequence[WindowCount], *, has_past: bool
) -> Finding:
    responsibility, stage = seam.cause
    ordered = times[times.index.isin(seam.compared)].dropna().sort_values(kind="stable")
    struck, cause = seam.differing, seam.cause
    if seam.keys_by_field and len(_counted_by_field(seam, past)) == len(past):
        # What another field lacked before says nothing of when this one began to.
        struck, cause = pd.Index(list(seam.keys_by_field[seam.leading])), field_cause(seam.cause, seam.leading)
    onset = find_onset(
        ordered.index.isin(struck),
        ordered,
        min(max(evidence.expected, STRAY_RATE), 1.0 - STRAY_RATE),
        past_windows(cause, NO_MARK, past) if has_past else (),
    )
    n = len(seam.differing)
    return Finding(
        responsibility=responsibility,
        stage=stage,
        fields=tuple(seam.fields),
        kind=KIND,
        n_records=n,
        share=n / len(seam.compared),
        confidence=round(_CONFIDENCE * seam.stage.reference_confidence, 4),
        onset=None if onset is None else onset.at,
        onset_low=None if onset is None else onset.low,
        onset_high=None if onset is None else onset.high,
        keys=tuple(str(key) for key in seam.differing[:_KEYS_SHOWN]),
        rate=RateComparison(
            is_change=True,
            n_expected=evidence.expected * len(seam.compared),
            p_value=evidence.p_value if has_past or evidence.recent is None else evidence.recent.p_value,
            e_value=evidence.e_value,
        ),
    )
