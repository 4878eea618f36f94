"""Whether the last period looks as those before it did: what drifted, since when, and at which stage it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.hours import HOUR, overlaps
from seamwatch.core.detection.seasons import places_in_week
from seamwatch.core.detection.step_change import LEAST_PAST, LENGTHS, Ints, Steps, find_steps
from seamwatch.core.watch.drift_scores import (
    Floats,
    Place,
    Series,
    Telling,
    auc_score,
    column_kinds,
    score_stage,
    tell_apart,
)
from seamwatch.core.watch.features import Sample
from seamwatch.spec.graph import ancestors
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.spec.pipeline import Pipeline

LONGEST = max(LENGTHS)
_BUDGET_SPAN = timedelta(days=90)
_STILL = 0.01
"""A drift that was told is over once the last three periods are so probable without it."""
_STILL_PERIODS = 3
_SUSPECT = 0.01
"""A stage before one that drifted is taken for the place if chance shows as much in one of its columns as rarely."""
_SLACK = 3
"""Periods by which the estimated beginning of one drift at two stages may differ."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """What is kept of one period."""

    start: datetime
    stages: Mapping[str, Sample]
    records: pd.DataFrame
    """Index key; `right` (1, 0, NaN) and a column for each segment."""


@dataclass(frozen=True, kw_only=True)
class Open:
    """A series that was found drifted and has not come back."""

    since: datetime
    sign: int


@dataclass(frozen=True, kw_only=True)
class State:
    """What is known from earlier looks, by the id of a series."""

    open: Mapping[str, Open] = field(default_factory=dict)
    left_out: Mapping[str, tuple[tuple[datetime, datetime], ...]] = field(default_factory=dict)
    """Spans that drifted and are no reference."""
    normal_since: Mapping[str, datetime] = field(default_factory=dict)
    """From when on a change that stayed is the reference itself."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """By stage with an open incident, the kind it was told as."""

    def to_data(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "open": {name: [one.since.isoformat(), one.sign] for name, one in self.open.items()},
            "left_out": {
                name: [[start.isoformat(), end.isoformat()] for start, end in spans]
                for name, spans in self.left_out.items()
            },
            "normal_since": {name: at.isoformat() for name, at in self.normal_since.items()},
            "patterns": dict(self.patterns),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> State:
        """Return what `to_data` wrote."""
        read = datetime.fromisoformat
        return cls(
            open={name: Open(since=read(at), sign=sign) for name, (at, sign) in data["open"].items()},
            left_out={
                name: tuple((read(start), read(end)) for start, end in spans)
                for name, spans in data["left_out"].items()
            },
            normal_since={name: read(at) for name, at in data["normal_since"].items()},
            patterns=data["patterns"],
        )


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One series that is not as it was."""

    place: Place
    since: int
    """Index of the first period that drifted."""
    effect: float
    """In standard deviations, or Cohen's h for shares; with its sign."""
    p_value: float
    series: Floats
    """The effect by period: distance from the level before."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the last period came to."""

    state: State
    drifts: tuple[Drift, ...] = ()
    """All that are open, the most certain first."""
    roots: Mapping[str, tuple[Drift, ...]] = field(default_factory=dict)
    """By the stage where they began, those that no drift of an earlier stage explains."""
    tellings: Mapping[str, Telling] = field(default_factory=dict)
    clean: Mapping[str, bool] = field(default_factory=dict)
    """By stage with a root, whether the stages before it were looked at and did not drift at all."""
    n_columns: int = 0
    n_tests: int = 0
    limit: float = 0.0
    """p from which a series counts as drifted."""
    n_reference: int = 0
    """Periods that the last one was compared with."""
    is_judged: bool = False
    accepted: tuple[Place, ...] = ()
    """Series whose change stayed so long that it is the reference from now on."""
    small: tuple[Drift, ...] = ()
    """Certain, and yet smaller than `least_effect`."""


def judge(pipeline: Pipeline, settings: DriftWatch, periods: Sequence[Period], state: State) -> Judgement:
    """Return what the last of some periods came to.

    Args:
        pipeline: For the order of its stages.
        settings: Its drift watch.
        periods: Oldest first and without a gap in time: a period without records has empty samples.
        state: As the look at the period before left it.
    """
    samples = {one.name: [period.stages.get(one.name) for period in periods] for one in pipeline.stages}
    tellings = {name: found for name, found in _tell(samples, periods, state).items() if found is not None}
    series = _all_series(samples, tellings)
    known = _usable(series, periods, state)
    is_open = np.array([place.id in state.open for place in series.places], dtype=bool)
    n_reference = int((series.sizes[:-1] > 0).any(axis=1).sum()) if len(series.places) else 0
    if n_reference < LEAST_PAST or not (series.sizes[-1] > 0).any():
        return Judgement(state=state, n_columns=series.n_columns, n_reference=n_reference)
    seasons = places_in_week([one.start for one in periods], settings.every)
    steps = find_steps(series.means, known, seasons)
    p_values = _one_sided(steps, series.places)
    n_tests = max(p_values.size, 1)
    limit = settings.false_alarms_per_90_days * (settings.every / _BUDGET_SPAN) / n_tests
    # What is open already is judged by whether it has come back.
    new, small = _new(series, steps, np.where(is_open, 1.0, p_values), limit, settings.least_effect)
    new += _suspects(pipeline, series, steps, np.where(is_open, 1.0, p_values), new, settings.least_effect)
    still, over = _still(series, known, seasons, periods, state)
    drifts = sorted([*new, *still], key=lambda one: (one.p_value, -abs(one.effect)))
    patience = max(round(settings.reference / settings.every / 2), LEAST_PAST)
    last = len(periods) - 1
    accepted = [one for one in drifts if last - one.since + 1 >= patience]
    drifts = [one for one in drifts if one not in accepted]
    roots = _roots(pipeline, drifts)
    return Judgement(
        state=_next_state(state, drifts, over, accepted, periods, roots),
        drifts=tuple(drifts),
        roots=roots,
        tellings=tellings,
        clean={stage: _is_clean(pipeline, stage, series, p_values) for stage in roots},
        n_columns=series.n_columns,
        n_tests=n_tests,
        limit=limit,
        n_reference=n_reference,
        is_judged=True,
        accepted=tuple(one.place for one in accepted),
        small=tuple(small),
    )


def _tell(
    samples: Mapping[str, Sequence[Sample | None]], periods: Sequence[Period], state: State
) -> dict[str, Telling | None]:
    """Return what classifiers say; periods in which a stage is known to drift are not what they compare with."""
    found = {}
    for name, mine in samples.items():
        spans = [span for place, one in state.left_out.items() if place.startswith(f"{name}|") for span in one]
        begun = [one.since for place, one in state.open.items() if place.startswith(f"{name}|")]
        past = [
            one
            for one, period in zip(mine[:-1], periods, strict=False)
            if not overlaps(period.start, HOUR, spans) and not any(since <= period.start for since in begun)
        ]
        found[name] = tell_apart([*past[-LONGEST * 2 :], mine[-1]])
    return found


def _all_series(samples: Mapping[str, Sequence[Sample | None]], tellings: Mapping[str, Telling]) -> Series:
    parts = []
    for name, mine in samples.items():
        one = score_stage(name, mine)
        is_id = {column for column, kind in column_kinds(mine).items() if kind == "id"}
        keep = [number for number, place in enumerate(one.places) if place.column not in is_id]
        parts.append(
            Series(
                places=tuple(one.places[number] for number in keep),
                means=one.means[:, keep],
                sizes=one.sizes[:, keep],
                n_columns=one.n_columns - len(is_id),
            )
        )
        if name in tellings:
            parts.append(_auc_series(name, mine, tellings[name]))
    return Series(
        places=tuple(place for one in parts for place in one.places),
        means=np.concatenate([one.means for one in parts], axis=1),
        sizes=np.concatenate([one.sizes for one in parts], axis=1),
        n_columns=sum(one.n_columns for one in parts),
    )


def _auc_series(name: str, samples: Sequence[Sample | None], telling: Telling) -> Series:
    """Return the classifier's success as one more series: how well it tells healthy days apart is its own past."""
    known = [one.auc if one is not None else None for one in samples[:-1]]
    values = [*known, telling.auc]
    means = [0.0 if one is None else auc_score(one) for one in values]
    sizes = [0.0 if one is None else telling.size for one in values]
    return Series(
        places=(Place(name, "", "classifier", "auc"),),
        means=np.array(means)[:, None],
        sizes=np.array(sizes)[:, None],
        n_columns=0,
    )


def _usable(series: Series, periods: Sequence[Period], state: State) -> Floats:
    """Return the sizes, 0 where a period of a series is no reference."""
    sizes = series.sizes.copy()
    starts = [one.start for one in periods]
    for number, place in enumerate(series.places):
        since = state.normal_since.get(place.id)
        spans = state.left_out.get(place.id, ())
        if since is None and not spans:
            continue
        for row, start in enumerate(starts[:-1]):
            if (since is not None and start < since) or overlaps(start, HOUR, spans):
                sizes[row, number] = 0.0
    return sizes


def _one_sided(steps: Steps, places: Sequence[Place]) -> Floats:
    only_more = np.array([one.only_more for one in places], dtype=bool)
    halved = np.where(steps.size > 0, steps.p_value / 2.0, 1.0)
    return np.where(only_more, halved, steps.p_value)


def _new(series: Series, steps: Steps, p_values: Floats, limit: float, least: float) -> tuple[list[Drift], list[Drift]]:
    """Return series that drifted beyond doubt: those large enough to tell, and the others."""
    found: list[Drift] = []
    small: list[Drift] = []
    for number in np.flatnonzero((p_values < limit).any(axis=0)):
        one = _drift(series, steps, p_values, int(number))
        (found if abs(one.effect) >= least else small).append(one)
    return found, small


def _drift(series: Series, steps: Steps, p_values: Floats, number: int) -> Drift:
    # Of lengths that underflow to the same p, the longest with the full height says when it began.
    row = int(np.argmin(p_values[:, number]))
    return Drift(
        place=series.places[number],
        since=len(series.means) - steps.lengths[row],
        effect=float(steps.size[row, number]),
        p_value=float(p_values[row, number]),
        series=_distance(series, number, float(steps.level[row, number])),
    )


def _distance(series: Series, number: int, level: float) -> Floats:
    is_known = series.sizes[:, number] > 0
    return np.where(is_known, series.means[:, number] - level, np.nan)


def _suspects(
    pipeline: Pipeline, series: Series, steps: Steps, p_values: Floats, new: Sequence[Drift], least: float
) -> list[Drift]:
    """Return what drifts before a stage that was found, though alone it would not have been found today."""
    graph = {stage.name: stage.input for stage in pipeline.stages}
    before = {name for one in new for name in ancestors(graph, one.place.stage)}
    before -= {one.place.stage for one in new}
    found = []
    for stage in before:
        mine = [number for number, place in enumerate(series.places) if place.stage == stage]
        if not mine:
            continue
        best = min(mine, key=lambda number: float(p_values[:, number].min()))
        if p_values[:, best].min() * len(mine) * len(p_values) < _SUSPECT:
            one = _drift(series, steps, p_values, best)
            found += [one] if abs(one.effect) >= least else []
    return found


def _still(
    series: Series, known: Floats, seasons: Ints, periods: Sequence[Period], state: State
) -> tuple[list[Drift], list[tuple[str, datetime]]]:
    """Return the open series that are still away from where they were, and those that came back with their start."""
    numbers = {place.id: number for number, place in enumerate(series.places)}
    starts = [one.start for one in periods]
    still, over, steps_of = [], [], dict[int, Steps]()
    for name, one in state.open.items():
        since = next((row for row, start in enumerate(starts) if start >= one.since), len(starts) - 1)
        number = numbers.get(name)
        if number is None:
            over.append((name, one.since))
            continue
        if since not in steps_of:
            recent = min(_STILL_PERIODS, len(starts) - since)
            rows = [*range(since), *range(len(starts) - recent, len(starts))]
            steps_of[since] = find_steps(series.means[rows], known[rows], seasons[rows], lengths=(recent,))
        steps = steps_of[since]
        if not steps.lengths:
            over.append((name, one.since))
            continue
        effect, p_value = float(steps.size[0, number]), float(steps.p_value[0, number])
        if known[-1, number] > 0 and (p_value > _STILL or np.sign(effect) != one.sign):
            over.append((name, one.since))
            continue
        level = float(steps.level[0, number])
        still.append(
            Drift(
                place=series.places[number],
                since=since,
                effect=effect,
                p_value=p_value,
                series=_distance(series, number, level),
            )
        )
    return still, over


def _roots(pipeline: Pipeline, drifts: Sequence[Drift]) -> dict[str, tuple[Drift, ...]]:
    """Return the drifts that none of an earlier stage explains, by stage.

    What drifts behind a stage that drifts is taken for its consequence, unless it began periods later: then something
    else happened since.
    """
    graph = {stage.name: stage.input for stage in pipeline.stages}
    found: dict[str, list[Drift]] = {}
    for one in drifts:
        before = ancestors(graph, one.place.stage)
        if not any(other.place.stage in before and one.since <= other.since + _SLACK for other in drifts):
            found.setdefault(one.place.stage, []).append(one)
    return {stage: tuple(mine) for stage, mine in found.items()}


def _is_clean(pipeline: Pipeline, stage: str, series: Series, p_values: Floats) -> bool:
    """Return whether nothing of the stages before comes near a drift."""
    graph = {one.name: one.input for one in pipeline.stages}
    before = ancestors(graph, stage)
    mine = [number for number, place in enumerate(series.places) if place.stage in before]
    return bool(mine) and float(p_values[:, mine].min()) * len(mine) * len(p_values) > 10 * _SUSPECT


def _next_state(
    state: State,
    drifts: Sequence[Drift],
    over: Sequence[tuple[str, datetime]],
    accepted: Sequence[Drift],
    periods: Sequence[Period],
    roots: Mapping[str, tuple[Drift, ...]],
) -> State:
    oldest, now = periods[0].start, periods[-1].start
    left_out = {name: tuple(span for span in spans if span[1] > oldest) for name, spans in state.left_out.items()}
    for name, since in over:
        if since < now:
            left_out[name] = (*left_out.get(name, ()), (since, now))
    settled = {one.place.id: periods[one.since].start for one in accepted}
    return replace(
        state,
        open={one.place.id: Open(since=periods[one.since].start, sign=1 if one.effect > 0 else -1) for one in drifts},
        left_out={name: spans for name, spans in left_out.items() if spans},
        normal_since={name: at for name, at in {**state.normal_since, **settled}.items() if at > oldest},
        patterns={stage: pattern for stage, pattern in state.patterns.items() if stage in roots},
    )
