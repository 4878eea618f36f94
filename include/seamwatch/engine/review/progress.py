"""How far the review of a pipeline is, for all and for one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from seamwatch.core.review.items import Label
from seamwatch.core.review.queue import Queue
from seamwatch.core.review.spans import ReviewDraw
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.label import last_label, waiting_for
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.schedule import runs_around


@dataclass(frozen=True, kw_only=True)
class ReviewCounts:
    """How many answers of a pipeline wait for people, and were judged."""

    pipeline: str
    n_open: int
    n_answered: int
    n_this_week: int
    """Labels since Monday in UTC, those by a file too."""
    oldest_open_at: datetime | None
    """When the oldest open one was drawn."""


@dataclass(frozen=True, kw_only=True)
class ReviewProgress:
    """How far a review is, for one person."""

    counts: ReviewCounts
    queue: Queue
    last_label: Label | None
    """What this person said last, which they can take back."""
    last_draw: ReviewDraw | None
    next_draw_at: datetime | None
    """By the schedule; None: it cannot be told."""


def review_counts(deps: Deps, pipeline: str) -> ReviewCounts:
    """Return how many answers of a pipeline wait and were judged."""
    now = deps.clock().astimezone(UTC)
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = deps.store.count_items(pipeline)
    given = deps.store.labels(pipeline, since=monday)
    return ReviewCounts(
        pipeline=pipeline,
        n_open=counts.n_open,
        n_answered=counts.n_answered,
        n_this_week=sum(label.withdrawn_at is None for label in given),
        oldest_open_at=counts.oldest_open_at,
    )


def review_progress(deps: Deps, pipeline: Pipeline, *, person: str) -> ReviewProgress:
    """Return how far a review is, for a person."""
    name = pipeline.pipeline
    draws = deps.store.draws(name)
    return ReviewProgress(
        counts=review_counts(deps, name),
        queue=waiting_for(deps, name, person=person),
        last_label=last_label(deps, name, by=person),
        last_draw=draws[-1] if draws else None,
        next_draw_at=_next_draw(deps, pipeline),
    )


def _next_draw(deps: Deps, pipeline: Pipeline) -> datetime | None:
    if pipeline.review is None:
        return None
    try:
        return runs_around(pipeline.review.schedule, deps.clock())[1]
    except ValueError:
        return None
