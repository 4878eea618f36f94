"""Every number of a review under a name of its own, and where a closed week would have another one today."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from seamwatch.core.weekly_review.facts import FigureCorrection, PipelineWeek, WeeklyReview

_OF_NOW = frozenset({"n_waiting"})
"""What is as it is now, whatever week is asked for."""
_SAME = 1e-9


def figures(review: WeeklyReview) -> dict[str, float | None]:
    """Return the numbers of a review by their path, as `support_triage/incidents/n_opened`; None: not known.

    Numbers of weeks before are those weeks' own, and what is told of one incident is no figure of the week.
    """
    found = dict(_figures_of(review.everything, "everything"))
    for one in review.pipelines:
        found |= _figures_of(one, one.pipeline)
    return found


def _figures_of(week: PipelineWeek, name: str) -> Iterator[tuple[str, float | None]]:
    yield f"{name}/n_records", week.n_records
    for part in ("quality", "cost", "incidents", "runbooks", "gate", "labels"):
        yield from _numbers(getattr(week, part), f"{name}/{part}")
    for objective in week.objectives:
        yield from _numbers(objective, f"{name}/objectives/{objective.objective}")
    for time in week.times:
        yield from _numbers(time, f"{name}/times/{time.phase}")
    for base in week.knowledge:
        yield from _numbers(base, f"{name}/knowledge/{base.knowledge_base}")


def _numbers(part: Any, path: str) -> Iterator[tuple[str, float | None]]:
    """Yield the numbers of one part, and those of its tables."""
    for one in () if part is None else fields(part):
        value, is_number = getattr(part, one.name), any(kind in str(one.type) for kind in ("float", "int"))
        if isinstance(value, Mapping):
            yield from ((f"{path}/{one.name}/{key}", number) for key, number in value.items())
        elif is_number and (value is None or isinstance(value, int | float)) and one.name not in _OF_NOW:
            yield f"{path}/{one.name}", value


def corrections(told: WeeklyReview, now: WeeklyReview) -> tuple[FigureCorrection, ...]:
    """Return where a closed week would have another number today, in the order of the review.

    What was known and is not any more, as the store has forgotten it, corrects nothing.
    """
    before, after = figures(told), figures(now)
    return tuple(
        FigureCorrection(figure=name, told=before.get(name), now=after[name])
        for name in after
        if after[name] is not None and not _same(before.get(name), after[name])
    )


def _same(told: float | None, now: float | None) -> bool:
    if told is None or now is None:
        return told is now
    return math.isclose(told, now, rel_tol=_SAME, abs_tol=_SAME)
