"""What changed since last week, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seamwatch.core.weekly_review.changes import Change, Changed
from seamwatch.report import numbers
from seamwatch.report.blocks import Run, plain, strong
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review.sections import Line
from seamwatch.report.weekly_review.sentences import clip, known

_TEXT_CHARS = 90
Form = Callable[[float], str]
_TEXTS: Mapping[Changed, tuple[str, Form]] = {
    Changed.BUDGET_SPENT: ("the error budget of {subject} is spent: {now}, {before} last week", numbers.left),
    Changed.CAUSE_CAME_BACK: ("the cause came back after this was done: {subject}", str),
    Changed.ACCURACY_FELL: ("{now} of the answers were right, {before} last week", numbers.percent),
    Changed.RECORDS_STOPPED: ("no records came in, {before} last week", numbers.count),
    Changed.BUDGET_FELL: ("the error budget of {subject} fell: {now}, {before} last week", numbers.left),
    Changed.MORE_INCIDENTS: ("more incidents opened: {now}, about {before} a week before", numbers.count),
    Changed.ACTION_OVERDUE: ("is overdue: {subject}", str),
    Changed.COST_ROSE: ("calls cost more: {now}, {before} last week", numbers.money),
    Changed.NOT_AI: ("more incidents looked like an AI failure and were not: {now}, {before} last week", numbers.count),
    Changed.BUDGET_RECOVERED: ("the error budget of {subject} recovered: {now}, {before} last week", numbers.left),
    Changed.ACCURACY_ROSE: ("{now} of the answers were right, {before} last week", numbers.percent),
    Changed.FEWER_INCIDENTS: ("fewer incidents opened: {now}, about {before} a week before", numbers.count),
    Changed.COST_FELL: ("calls cost less: {now}, {before} last week", numbers.money),
}


def change(one: Change, links: WeeklyLinks) -> Line:
    """Return one change, which leads to its incident where it is about one."""
    text, form = _TEXTS[one.kind]
    subject = clip(one.subject or "", _TEXT_CHARS)
    said = text.format(subject=subject, now=known(one.now, form), before=known(one.before, form))
    whose = strong(f"{clip(one.pipeline, _TEXT_CHARS) if one.pipeline else 'All pipelines'}: ")
    return whose, Run(text=said, url=links.incident(one.incident)) if one.incident else plain(said)
