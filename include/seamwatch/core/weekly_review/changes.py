"""What changed most since last week: what a digest leads with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt
from statistics import mean

from seamwatch.core.agreed_actions import AgreedState, Recurrence
from seamwatch.core.weekly_review.facts import AgreedWeek, Before, ObjectiveWeek, PipelineWeek, WeeklyReview

_BUDGET_FALL = 0.25
"""Of a whole budget: so much less was left is told even if some is left still."""
_COST_RATIO = 1.25
_COST_SHARE = 0.05
"""Of what all pipelines cost: a smaller change of one of them matters to nobody."""
_LEAST_INCIDENTS = 2.0
_INCIDENTS_APART = 1.0
"""Between square roots of counts, which by chance differ by 0.5 (their standard deviation) whatever the count."""
_LEAST_WEEKS = 2


class Changed(StrEnum):
    """What changed, that which matters most first."""

    BUDGET_SPENT = "budget_spent"
    """An error budget is gone that was not; figures are shares that were left."""
    CAUSE_CAME_BACK = "cause_came_back"
    """Of an incident against which an agreed action was done."""
    ACCURACY_FELL = "accuracy_fell"
    """Last week's lies above this week's interval."""
    RECORDS_STOPPED = "records_stopped"
    """None came, and last week some did."""
    BUDGET_FELL = "budget_fell"
    """A quarter of an error budget or more went, and some is left."""
    MORE_INCIDENTS = "more_incidents"
    """Were opened than in the weeks before in the mean."""
    ACTION_OVERDUE = "action_overdue"
    """An agreed action was to be done by now, and was not overdue a week ago."""
    COST_ROSE = "cost_rose"
    """Figures are USD."""
    NOT_AI = "not_ai"
    """More incidents than last week looked like a failure of the AI and were not."""
    BUDGET_RECOVERED = "budget_recovered"
    """An error budget was gone, and is not any more."""
    ACCURACY_ROSE = "accuracy_rose"
    FEWER_INCIDENTS = "fewer_incidents"
    COST_FELL = "cost_fell"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not as it was last week."""

    kind: Changed
    pipeline: str | None
    """None: it is about all of them."""
    before: float | None = None
    """The figure of last week, or of the weeks before in the mean; None: the change has none."""
    now: float | None = None
    subject: str | None = None
    """The objective's name, or the text of the agreed action; None: there is only one."""
    incident: str | None = None
    """The id of the incident that it is about."""


def changes_since(review: WeeklyReview) -> tuple[Change, ...]:
    """Return what changed since last week, that which matters most first; nothing of what is not known.

    Of a week that is not over, it is not said that anything became less: the rest of it may still come.
    """
    is_over = review.made_at >= review.week.window.end
    whole = None if review.everything.cost is None else review.everything.cost.usd
    found = [change for one in review.pipelines for change in _of_pipeline(one, whole, is_over=is_over)]
    found += [change for one in review.agreed for change in _of_action(one, review)]
    order = list(Changed)
    return tuple(
        sorted(found, key=lambda one: (order.index(one.kind), -_size(one), one.pipeline or "", one.subject or ""))
    )


def _of_pipeline(one: PipelineWeek, whole_usd: float | None, *, is_over: bool) -> Iterator[Change]:
    for objective in one.objectives:
        yield from _of_budget(one.pipeline, objective)
    yield from _of_accuracy(one)
    yield from _of_cost(one, whole_usd, is_over=is_over)
    yield from _of_incidents(one, is_over=is_over)
    records = _last(one.records_before)
    if is_over and one.n_records == 0 and records:
        yield Change(kind=Changed.RECORDS_STOPPED, pipeline=one.pipeline, before=records, now=0.0)


def _of_budget(pipeline: str, objective: ObjectiveWeek) -> Iterator[Change]:
    before, now = _last(objective.left_before), _known(objective.left)
    if before is None or now is None:
        return
    kind = None
    if now <= 0 < before:
        kind = Changed.BUDGET_SPENT
    elif before <= 0 < now:
        kind = Changed.BUDGET_RECOVERED
    elif before - now >= _BUDGET_FALL and now > 0:
        kind = Changed.BUDGET_FELL
    if kind is not None:
        yield Change(kind=kind, pipeline=pipeline, before=before, now=now, subject=objective.objective)


def _of_accuracy(one: PipelineWeek) -> Iterator[Change]:
    quality = one.quality
    before = None if quality is None else _last(quality.before)
    if quality is None or before is None or quality.low is None or quality.high is None:
        return
    if before > quality.high:
        yield Change(kind=Changed.ACCURACY_FELL, pipeline=one.pipeline, before=before, now=quality.accuracy)
    elif before < quality.low:
        yield Change(kind=Changed.ACCURACY_ROSE, pipeline=one.pipeline, before=before, now=quality.accuracy)


def _of_cost(one: PipelineWeek, whole_usd: float | None, *, is_over: bool) -> Iterator[Change]:
    before = None if one.cost is None else _last(one.cost.before)
    if one.cost is None or not one.cost.n_hours or before is None:
        return
    now = one.cost.usd
    if abs(now - before) <= _COST_SHARE * max(whole_usd or 0.0, now, before):
        return
    if now > 0 and now >= _COST_RATIO * before:
        yield Change(kind=Changed.COST_ROSE, pipeline=one.pipeline, before=before, now=now)
    elif is_over and before >= _COST_RATIO * now and before > 0:
        yield Change(kind=Changed.COST_FELL, pipeline=one.pipeline, before=before, now=now)


def _of_incidents(one: PipelineWeek, *, is_over: bool) -> Iterator[Change]:
    now = float(one.incidents.n_opened)
    known = [n for n in map(_known, one.incidents.opened_before) if n is not None]
    if len(known) >= _LEAST_WEEKS:
        before = mean(known)
        is_apart = abs(now - before) >= _LEAST_INCIDENTS and abs(sqrt(now) - sqrt(before)) >= _INCIDENTS_APART
        kind = Changed.MORE_INCIDENTS if now > before else Changed.FEWER_INCIDENTS
        if is_apart and (is_over or kind is Changed.MORE_INCIDENTS):
            yield Change(kind=kind, pipeline=one.pipeline, before=before, now=now)
    not_ai = _last(one.incidents.not_ai_before)
    if not_ai is not None and one.incidents.n_not_ai > not_ai:
        yield Change(kind=Changed.NOT_AI, pipeline=one.pipeline, before=not_ai, now=float(one.incidents.n_not_ai))


def _of_action(one: AgreedWeek, review: WeeklyReview) -> Iterator[Change]:
    action = one.action
    if one.recurrence is Recurrence.CAME_BACK:
        kind = Changed.CAUSE_CAME_BACK
    elif one.is_overdue and action.state is AgreedState.OPEN and action.due_on >= review.week.first_day:
        kind = Changed.ACTION_OVERDUE
    else:
        return
    yield Change(kind=kind, pipeline=action.pipeline, subject=action.text, incident=action.incident)


def _last(before: Before) -> float | None:
    """Return the figure of last week; None where it is not known."""
    return _known(before[-1]) if before else None


def _known(figure: float | None) -> float | None:
    return figure if figure is not None and isfinite(figure) else None


def _size(one: Change) -> float:
    return 0.0 if one.before is None or one.now is None else abs(one.now - one.before)
