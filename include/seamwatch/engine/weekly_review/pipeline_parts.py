"""The parts of a pipeline's week that are read from sums, checks and labels, each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from seamwatch.core.accuracy.agreement import krippendorff_alpha
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.results import Window
from seamwatch.core.slo.ledger import Debit, Ledger, Ruling
from seamwatch.core.slo.quality import WrongShare
from seamwatch.core.slo.status import window_of
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.weekly_review.cost import cost_week
from seamwatch.core.weekly_review.debit_causes import give_debits
from seamwatch.core.weekly_review.facts import Before, CostWeek, KnowledgeWeek, LabelsWeek, ObjectiveWeek, QualityWeek
from seamwatch.core.weekly_review.objectives import objective_week
from seamwatch.core.weekly_review.quality import Answers, quality_week
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.accuracy import (
    MeasuredAccuracy,
    evaluator_errors,
    measured_accuracy,
    measured_wrong_shares,
)
from seamwatch.engine.watch.cost import KEPT as COST_KEPT
from seamwatch.engine.weekly_review.reading import Weeks, kept
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Watch

_COUNTS_ANSWERS = ("accuracy", "availability")
"""Kinds of objective that count every answer, the one that is asked first."""


class Sums(NamedTuple):
    """The events of all objectives of a pipeline, and what was refunded of them."""

    events: Mapping[str, pd.DataFrame]
    refunds: Mapping[str, pd.DataFrame]
    debits: Sequence[Debit]
    """Of the week."""
    rulings: Sequence[Ruling]


def read_sums(deps: Deps, pipeline: Pipeline, weeks: Weeks) -> Sums:
    """Return what the objectives of a pipeline counted in the weeks, and in the windows that end with them."""
    first = weeks.all[0].window.end
    since = min((window_of(one, first).start for one in pipeline.slos), default=weeks.since)
    since = min(since, weeks.since) - timedelta(hours=1)
    name, rulings = pipeline.pipeline, deps.store.rulings(pipeline.pipeline)
    begin = since if rulings else weeks.week.window.start
    debits = [one for one in deps.store.debits(name, since=begin) if one.at < weeks.until]
    return Sums(
        events=deps.store.objective_sums(name, since=since, until=weeks.until, length=weeks.spans),
        refunds={one.id: _refunds(one.id, debits, rulings, since, weeks) for one in pipeline.slos},
        debits=_of_incidents(deps, name, [one for one in debits if one.at >= weeks.week.window.start], weeks),
        rulings=rulings,
    )


def _of_incidents(deps: Deps, pipeline: str, debits: Sequence[Debit], weeks: Weeks) -> list[Debit]:
    """Return the debits of the week with the incidents that they belong to."""
    if not debits:
        return []
    span = Window(start=weeks.week.window.start, end=weeks.until)
    verdicts = deps.store.records_of_verdicts(pipeline, span)
    return give_debits(debits, verdicts, weeks.incidents.get(pipeline, ()))


def _refunds(
    objective: str, debits: Sequence[Debit], rulings: Sequence[Ruling], since: datetime, weeks: Weeks
) -> pd.DataFrame:
    """Return what was refunded, in the same spans as the events: a refund is taken off the events of its span."""
    back: list[Debit] = []
    if rulings:
        ledger = Ledger().post([*(one for one in debits if one.objective == objective), *rulings])
        back = [one for one, is_refunded in ledger.counted(objective, start=since, end=weeks.until) if is_refunded]
    return pd.DataFrame(
        {
            "start_at": pd.to_datetime([one.at for one in back], utc=True).floor(weeks.spans),
            "amount": pd.Series([one.amount for one in back], dtype=float),
        }
    )


def objectives_of(
    deps: Deps, pipeline: Pipeline, weeks: Weeks, sums: Sums
) -> tuple[tuple[ObjectiveWeek, ...], dict[str, float | None]]:
    """Return the objectives of a pipeline in the week, and what each may spend in all; None: not known."""
    kept_since = kept(deps, pipeline).sums
    wrong: tuple[WrongShare, ...] = ()
    if any(one.kind == "accuracy" for one in pipeline.slos):
        wrong = measured_wrong_shares(deps, pipeline)
    found = [
        objective_week(
            one,
            sums.events.get(one.id, _no_events()),
            sums.refunds[one.id],
            weeks.all,
            policy=pipeline.error_budget,
            now=weeks.now,
            kept_since=kept_since,
            wrong=wrong,
        )
        for one in pipeline.slos
    ]
    return tuple(found), {one.objective: one.allowed for one in found}


def _no_events() -> pd.DataFrame:
    frame = pd.DataFrame({"start_at": pd.to_datetime([], utc=True)})
    return frame.assign(**{name: pd.Series(dtype=float) for name in ("total", "judged", "bad", "usd")})


def answers_by_week(deps: Deps, pipeline: Pipeline, weeks: Weeks, sums: Sums) -> tuple[Answers | None, ...]:
    """Return the answers of each week, as an objective that counts them all has them, else as windows have them."""
    by_kind = {one.kind: one.id for one in reversed(pipeline.slos) if one.kind in _COUNTS_ANSWERS}
    accuracy = by_kind.get("accuracy")
    limits = kept(deps, pipeline)
    found: list[Answers | None] = []
    for week in weeks.all:
        window = week.window
        if accuracy is not None:
            is_kept = limits.sums is None or window.start >= limits.sums
            n = _week_sums(sums.events.get(accuracy, _no_events()), week)
            found.append(Answers(n_answers=n[0], n_judged=n[1], n_wrong=n[2]) if is_kept else None)
        else:
            n = deps.store.judged_between(pipeline.pipeline, since=window.start, until=min(window.end, weeks.until))
            is_kept = window.start >= limits.records
            found.append(Answers(n_answers=n[0], n_judged=n[1], n_wrong=n[2]) if is_kept else None)
    return tuple(found)


def records_by_week(pipeline: Pipeline, answers: Sequence[Answers | None], weeks: Weeks, sums: Sums) -> Before:
    """Return how many records entered the pipeline, by week: as its availability counts them, else its answers."""
    available = next((one.id for one in pipeline.slos if one.kind == "availability"), None)
    if available is None:
        return tuple(None if one is None else float(one.n_answers) for one in answers)
    events = sums.events.get(available, _no_events())

    return tuple(
        None if one is None else float(_week_sums(events, week)[0])
        for one, week in zip(answers, weeks.all, strict=True)
    )


def _week_sums(events: pd.DataFrame, week: ReviewWeek) -> tuple[int, int, int]:
    at, window = events["start_at"], week.window
    inside = events[((at >= window.start) & (at < window.end)).to_numpy(dtype=bool)]
    total, judged, bad = (round(float(inside[name].sum())) for name in ("total", "judged", "bad"))
    return total, judged, bad


def quality_of(
    pipeline: Pipeline, answers: Sequence[Answers | None], weeks: Weeks, measured: MeasuredAccuracy | None
) -> QualityWeek | None:
    """Return how many of the week's answers were right."""
    if pipeline.outcome is None:
        return None
    is_sampled = measured is not None and pipeline.outcome.truth is None
    estimates = measured.weeks if is_sampled and measured is not None else ()
    return quality_week(answers, estimates, weeks.all)


def measured_of(deps: Deps, pipeline: Pipeline) -> MeasuredAccuracy | None:
    """Return what people's labels say of a pipeline; None where nobody is asked."""
    return None if pipeline.review is None else measured_accuracy(deps, pipeline)


def cost_of(deps: Deps, pipeline: Pipeline, weeks: Weeks) -> CostWeek | None:
    """Return what the calls of a pipeline cost; None where that is not watched or not known."""
    if pipeline.monitoring.cost is None:
        return None
    month = weeks.until.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    since = min(weeks.since, month)
    rows = deps.store.aggregates(pipeline.pipeline, Watch.COST, since=since, until=weeks.until, series="hour")
    # What each record cost is not asked for, and is most of an hour's data.
    hours = [HourSums.of(one.start_at, {**one.data, "per_record": {}}) for one in rows]
    return cost_week(hours, weeks.all, now=weeks.now, kept_since=weeks.now - COST_KEPT)


def knowledge_of(deps: Deps, pipeline: Pipeline, weeks: Weeks) -> tuple[KnowledgeWeek, ...]:
    """Return the knowledge bases of a pipeline by their last check in the week."""
    if not pipeline.knowledge_bases:
        return ()
    name, kept_since = pipeline.pipeline, kept(deps, pipeline).records
    is_known = [week.window.start >= kept_since for week in weeks.all]
    counts = [
        deps.store.count_checks(name, since=week.window.start, until=min(week.window.end, weeks.until))
        for week in weeks.all
    ]
    return tuple(
        _knowledge(
            deps,
            name,
            base,
            [counted.get(base) for counted in counts],
            is_known,
        )
        for base in pipeline.knowledge_bases
    )


def _knowledge(
    deps: Deps, pipeline: str, base: str, counts: Sequence[tuple[int, datetime] | None], is_kept: Sequence[bool]
) -> KnowledgeWeek:
    checks = [_check(deps, pipeline, base, counted) for counted in counts]
    fresh = [
        one.answers.share_fresh if one is not None and one.answers is not None and known else None
        for one, known in zip(checks, is_kept, strict=True)
    ]
    last, counted = checks[-1], counts[-1]
    return KnowledgeWeek(
        knowledge_base=base,
        checked_at=None if last is None else last.checked_at,
        n_checks=0 if counted is None else counted[0],
        n_documents=None if last is None else last.n_source,
        faults={} if last is None else {str(reason): n for reason, n in last.by_reason.items() if n},
        share_fresh=fresh[-1],
        before=tuple(fresh[:-1]),
    )


def _check(deps: Deps, pipeline: str, base: str, counted: tuple[int, datetime] | None) -> FreshnessCheck | None:
    if counted is None:
        return None
    found = deps.store.checks_at(pipeline, counted[1])
    return next((one for one in found if one.knowledge_base == base), None)


def labels_of(deps: Deps, pipeline: Pipeline, weeks: Weeks, measured: MeasuredAccuracy | None) -> LabelsWeek | None:
    """Return what people judged of a pipeline; None where nobody is asked and nobody said anything."""
    name = pipeline.pipeline
    given = [one for one in deps.store.labels(name, since=weeks.since) if one.withdrawn_at is None]
    by_week = [[one for one in given if _is_in(one.at, week, weeks.until)] for week in weeks.all]
    if measured is None and not given:
        return None
    is_kept = [week.window.start >= limit for week in weeks.all] if (limit := kept(deps, pipeline).labels) else None
    drawn = [
        one
        for one in deps.store.draws(name, since=weeks.week.window.start)
        if _is_in(one.drawn_at, weeks.week, weeks.until)
    ]
    alpha = krippendorff_alpha(measured.opinions) if measured is not None and len(measured.opinions) else None
    errors = evaluator_errors(pipeline, measured) if measured is not None else None
    judge = None if errors is None else errors.whole
    return LabelsWeek(
        n_given=len(by_week[-1]),
        n_people=len({one.by for one in by_week[-1]}),
        n_waiting=deps.store.count_items(name).n_open,
        n_drawn=sum(one.n_drawn for one in drawn),
        alpha=None if alpha is None else alpha.value,
        alpha_low=None if alpha is None else alpha.low,
        alpha_high=None if alpha is None else alpha.high,
        judge_sensitivity=None if judge is None or judge.sensitivity is None else judge.sensitivity.value,
        judge_specificity=None if judge is None or judge.specificity is None else judge.specificity.value,
        n_judge_labels=0 if judge is None else judge.n_wrong + judge.n_right,
        before=tuple(
            float(len(some)) if is_kept is None or known else None
            for some, known in zip(by_week[:-1], is_kept or [True] * len(by_week), strict=False)
        ),
    )


def _is_in(moment: datetime, week: ReviewWeek, until: datetime) -> bool:
    return week.window.start <= moment < min(week.window.end, until)
