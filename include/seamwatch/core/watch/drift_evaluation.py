"""What a judgement on drift comes to: whose it is, of what kind, in which segment, and whether outcomes got worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.drift import Drift, Judgement, Period, State
from seamwatch.core.watch.drift_outcomes import OutcomeComparison, compare_outcomes, drift_rows
from seamwatch.core.watch.drift_scores import LEAST_RECORDS, level_counts
from seamwatch.core.watch.features import ENDING
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility, StageKind

_ALONE = 3.0
"""A segment drifts alone if its effect is so many times that of the others."""
_OWNERS = {
    StageKind.SOURCE: Responsibility.SOURCE_DATA,
    StageKind.MAPPING: Responsibility.INTEGRATION,
    StageKind.PROMPT: Responsibility.INTEGRATION,
    StageKind.SINK: Responsibility.INTEGRATION,
    StageKind.RETRIEVAL: Responsibility.KNOWLEDGE_BASE,
    StageKind.MODEL: Responsibility.MODEL,
}
_PATTERNS = {
    StageKind.SOURCE: "input_drift",
    StageKind.RETRIEVAL: "retrieval_drift",
    StageKind.MODEL: "output_drift",
}
"""Of any other stage it is `mapping_drift`."""
_EXACT = {"null": "missing_values", "new": "new_category", "language": "language", "new_words": "new_vocabulary"}
_FIRST = ("null", ENDING, "new", "language", "new_words", "value", "number")
"""Of several measures of one column that drift, the first of these names the kind."""
OWNERS = frozenset((*_OWNERS.values(), Responsibility.PROVIDER))
"""Who may have to act on a drift."""
KINDS = frozenset(
    (*_PATTERNS.values(), *_EXACT.values(), "mapping_drift", "refusals", "failures", "label_mix", "shift")
)
"""Of findings."""


@dataclass(frozen=True, kw_only=True)
class SegmentDrift:
    """How far the leading column drifted within one value of a segment."""

    segment: str
    value: str
    n: int
    effect: float
    is_alone: bool
    """Whether no other value of the segment drifts like this."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """What is measured, before and now."""

    before: float | None
    """None where there is no value to measure."""
    now: float | None
    is_share: bool


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """The surest drift of a column, or of all columns of a stage together."""

    drift: Drift
    levels: Levels | None
    """None of all columns together."""
    since: datetime


@dataclass(frozen=True, kw_only=True)
class StageDrift:
    """What drifted at the stage where a drift began."""

    finding: Finding
    """Without words."""
    lead: Drift
    """That which says most."""
    drifts: tuple[Drift, ...]
    since: datetime
    """When the first of them began."""
    n_periods: int
    """Since the lead drifted, the last one included."""
    levels: Levels | None
    new_values: tuple[str, ...]
    """Values not seen before, the most frequent first, where they are what drifted."""
    outcomes: OutcomeComparison
    segments: tuple[SegmentDrift, ...]
    auc: float | None
    """Of the classifier that tells new records of the stage from old ones."""
    is_clean_before: bool
    """Whether nothing at the stages before it drifts."""

    @property
    def alone(self) -> SegmentDrift | None:
        """Return the value of a segment that the drift holds for alone."""
        return next((one for one in self.segments if one.is_alone), None)


@dataclass(frozen=True, kw_only=True)
class AnswerMix:
    """Shares of the labels that a model gave, by period."""

    stage: str
    column: str
    shares: Mapping[str, tuple[tuple[datetime, float], ...]]


@dataclass(frozen=True, kw_only=True)
class DriftEvaluation:
    """One evaluation of a period that is over."""

    pipeline: str
    window: Window
    compared: Window | None
    n_records: int
    judgement: Judgement
    stages: tuple[StageDrift, ...]
    """Worst first."""
    columns: tuple[ColumnDrift, ...]
    """All that drifted, the surest first."""
    starts: tuple[datetime, ...]
    """Of all periods, oldest first."""
    answer_mix: AnswerMix | None
    state: State
    """For the next evaluation, with the kinds that were reported."""

    @property
    def still(self) -> tuple[str, ...]:
        """Return the kinds that were found before and cannot be called over, as nothing could be judged."""
        return () if self.judgement.is_judged else tuple(dict.fromkeys(self.judgement.state.patterns.values()))


def evaluate_drift(
    pipeline: Pipeline, judgement: Judgement, periods: Sequence[Period], *, every: timedelta
) -> DriftEvaluation:
    """Return what the last period came to.

    Args:
        pipeline: Its definition.
        judgement: On the periods.
        periods: Oldest first, the one that was judged last.
        every: Length of a period.
    """
    last, is_judged = periods[-1], judgement.is_judged
    stages = [_stage_drift(pipeline, judgement, drifts, periods) for drifts in judgement.roots.values()]
    patterns = {one.lead.place.stage: str(one.finding.kind) for one in stages}
    first: dict[tuple[str, str], Drift] = {}
    for drift in judgement.drifts:
        first.setdefault((drift.place.stage, drift.place.column), drift)
    sample = last.stages.get(pipeline.first_stage.name)
    return DriftEvaluation(
        pipeline=pipeline.pipeline,
        window=Window(start=last.start, end=last.start + every),
        compared=Window(start=periods[0].start, end=last.start) if is_judged else None,
        n_records=sample.n if sample is not None else 0,
        judgement=judgement,
        stages=tuple(sorted(stages, key=lambda one: (not one.outcomes.is_worse, one.lead.p_value))),
        columns=tuple(
            ColumnDrift(drift=drift, levels=_levels(drift, periods), since=periods[drift.since].start)
            for drift in first.values()
        ),
        starts=tuple(one.start for one in periods),
        answer_mix=_answer_mix(pipeline, periods),
        state=replace(judgement.state, patterns=patterns) if is_judged else judgement.state,
    )


def _stage_drift(
    pipeline: Pipeline, judgement: Judgement, drifts: tuple[Drift, ...], periods: Sequence[Period]
) -> StageDrift:
    lead = _lead(drifts)
    stage, telling = lead.place.stage, judgement.tellings.get(lead.place.stage)
    pattern = judgement.state.patterns.get(stage) or _pattern(pipeline, lead)
    outcomes = compare_outcomes(lead, periods, telling)
    fields = tuple(dict.fromkeys(one.place.column for one in (lead, *drifts) if one.place.column))[:3]
    if not fields and telling is not None:
        fields = telling.columns
    is_clean = bool(judgement.clean.get(stage))
    confidence = 0.9 if is_clean or not pipeline.stage(stage).input else 0.75
    if lead.place.measure == "classifier":
        confidence -= 0.1
    finding = Finding(
        responsibility=_responsibility(pipeline, stage, pattern),
        stage=stage,
        fields=fields,
        kind=pattern,
        n_records=outcomes.n_new,
        confidence=confidence,
        onset=periods[lead.since].start,
        keys=outcomes.keys,
    )
    return StageDrift(
        finding=finding,
        lead=lead,
        drifts=drifts,
        since=periods[min(one.since for one in drifts)].start,
        n_periods=len(periods) - lead.since,
        levels=_levels(lead, periods),
        new_values=_new_values(lead, periods),
        outcomes=outcomes,
        segments=tuple(_segment_drifts(pipeline, lead, periods)),
        auc=telling.auc if telling is not None else None,
        is_clean_before=is_clean,
    )


def _lead(drifts: Sequence[Drift]) -> Drift:
    """Return the drift that says most: of the surest column, the measure that names the kind best."""
    columns = [one for one in drifts if one.place.measure != "classifier"]
    if not columns:
        return drifts[0]
    endings = [one for one in columns if one.place.measure == ENDING and one.effect > 0]
    if endings:  # an answer that was refused lacks all that an answer has
        return endings[0]
    surest = columns[0].place.column
    mine = [one for one in columns if one.place.column == surest]
    order = {measure: rank for rank, measure in enumerate(_FIRST)}

    def rank(one: Drift) -> tuple[bool, int, bool, float]:
        measure = one.place.measure
        is_fewer = measure in _EXACT and one.effect < 0
        return is_fewer, order.get(measure, len(order)), one.place.part == "spread", one.p_value

    return min(mine, key=rank)


def _pattern(pipeline: Pipeline, lead: Drift) -> str:
    kind, place = pipeline.stage(lead.place.stage).kind, lead.place
    broad = _PATTERNS.get(kind, "mapping_drift")
    if place.measure == ENDING:
        is_refused = place.part == "level:refused"
        is_more = lead.effect > 0 and place.part != "level:answered"
        return "refusals" if is_refused and is_more else "failures" if is_more or lead.effect < 0 else broad
    if place.measure in _EXACT:
        return _EXACT[place.measure] if lead.effect > 0 or place.measure == "language" else broad
    if place.measure == "value" and kind is StageKind.MODEL:
        return "label_mix"
    return "shift" if place.part in ("location", "spread") else broad


def _responsibility(pipeline: Pipeline, stage: str, pattern: str) -> Responsibility:
    """Return whose a drift is; refusals and broken answers are the provider's, as in the attribution of records."""
    if pattern in ("refusals", "failures"):
        return Responsibility.PROVIDER
    return _OWNERS[pipeline.stage(stage).kind]


def _segment_drifts(pipeline: Pipeline, lead: Drift, periods: Sequence[Period]) -> list[SegmentDrift]:
    """Return how far the leading column drifted within each value of each segment."""
    if lead.place.measure == "classifier":
        return []
    rows = drift_rows(lead, periods)
    records = pd.concat([one.records for one in periods])
    records = records[~records.index.duplicated(keep="last")]
    is_now = rows.period >= lead.since
    spread = float(np.nanstd(rows.score[~is_now])) or 1.0
    found = []
    for segment in pipeline.segments:
        if segment not in records.columns:
            continue
        values = records[segment].reindex(rows.keys).to_numpy(dtype=object)
        mine = []
        for value in pd.Series(values[is_now]).dropna().value_counts().index[:8]:
            now, past = rows.score[is_now & (values == value)], rows.score[~is_now & (values == value)]
            now, past = now[~np.isnan(now)], past[~np.isnan(past)]
            if min(len(now), len(past)) >= LEAST_RECORDS:
                mine.append((str(value), len(now), float(now.mean() - past.mean()) / spread))
        found += _with_alone(segment, mine, lead)
    return found


def _with_alone(segment: str, mine: Sequence[tuple[str, int, float]], lead: Drift) -> list[SegmentDrift]:
    order = sorted(mine, key=lambda one: -one[2] * np.sign(lead.effect))
    rest = [abs(effect) for _, _, effect in order[1:]]
    noise = [_ALONE / np.sqrt(n) for _, n, _ in order[1:]]
    is_alone = bool(rest) and all(
        abs(order[0][2]) > max(_ALONE * effect, error) for effect, error in zip(rest, noise, strict=True)
    )
    return [
        SegmentDrift(segment=segment, value=value, n=n, effect=effect, is_alone=is_alone and rank == 0)
        for rank, (value, n, effect) in enumerate(order)
    ]


def _new_values(lead: Drift, periods: Sequence[Period]) -> tuple[str, ...]:
    """Return the values that were not seen before, the most frequent first."""
    place = lead.place
    if place.measure != "new":
        return ()
    counts: Counter[str] = Counter()
    for one in periods[lead.since :]:
        arrays = one.stages[place.stage].arrays if place.stage in one.stages else {}
        if f"{place.column}|new" in arrays:
            counts.update(arrays[f"{place.column}|value"][arrays[f"{place.column}|new"] == 1.0])
    return tuple(str(value) for value, _ in counts.most_common())


def _levels(drift: Drift, periods: Sequence[Period]) -> Levels | None:
    """Return what is measured, before and now; None of all columns together, which no one number tells."""
    if drift.place.measure == "classifier":
        return None
    rows = drift_rows(drift, periods)
    is_now = rows.period >= drift.since
    parts = [rows.raw[mask & ~np.isnan(rows.raw)] for mask in (~is_now, is_now)]
    if any(not len(part) for part in parts):
        return Levels(before=None, now=None, is_share=False)
    is_share = rows.is_share or drift.place.measure in ("new_words", "non_ascii", "digits")
    if is_share:
        before, now = (float(part.mean()) for part in parts)
    elif drift.place.part == "spread":
        before, now = (float(np.subtract(*np.quantile(part, (0.75, 0.25)))) for part in parts)
    else:
        before, now = (float(np.median(part)) for part in parts)
    return Levels(before=before, now=now, is_share=is_share)


def _answer_mix(pipeline: Pipeline, periods: Sequence[Period]) -> AnswerMix | None:
    """Return the answers of the last model by period, where they are labels."""
    for stage in reversed(pipeline.stages):
        if stage.kind is not StageKind.MODEL:
            continue
        samples = [one.stages.get(stage.name) for one in periods]
        names = sorted({name for one in samples if one is not None for name in one.rows.columns
                        if name.startswith("answer") and name.endswith("|value")})  # fmt: skip
        for name in names:
            column = name.removesuffix("|value")
            counts = level_counts(stage.name, column, "value", samples)
            shares = counts.div(counts.sum(axis=1).replace(0.0, np.nan), axis=0).dropna()
            if len(counts.columns) >= 2:
                starts = [periods[row].start for row in shares.index]
                mix = {
                    str(level): tuple(zip(starts, shares[level].tolist(), strict=True)) for level in counts.columns[:8]
                }
                return AnswerMix(stage=stage.name, column=column, shares=mix)
    return None
