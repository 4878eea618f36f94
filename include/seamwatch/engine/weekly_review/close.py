"""Close a week: its review is kept as it is told from then on, and told in the channels of its pipelines."""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.core.weekly_review.week import HISTORY, ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.grades import draw_verdicts
from seamwatch.engine.weekly_digest import enqueue_weekly_digests
from seamwatch.engine.weekly_review.calendar import last_week
from seamwatch.engine.weekly_review.review import make_review
from seamwatch.errors import DataContractError


@dataclass(frozen=True, kw_only=True)
class ClosedWeek:
    """What closing a week did."""

    review: WeeklyReview
    """As it is told from now on."""
    is_new: bool
    """False: it was closed before, and nothing of it changed."""
    n_digests: int
    """Channels that are told."""


def close_week(deps: Deps, week: ReviewWeek, *, is_told: bool = True) -> ClosedWeek:
    """Return a week that is closed: by this call, or by one before, whose numbers then stay.

    Verdicts to be judged are drawn before, the digests are put on their way after, so that a call that was broken off
    is taken up by the next one.

    Args:
        deps: What it needs.
        week: One that is over.
        is_told: Whether its channels get a digest.

    Raises:
        DataContractError: If the week is not over.
        StoreError: If the store cannot be read or written.
    """
    if deps.clock() < week.window.end:
        ends = week.window.end.isoformat(timespec="minutes")
        msg = f"week {week.name} is not over before {ends}; look at it without closing it"
        raise DataContractError(msg)
    is_new = deps.store.weekly_review(week.name) is None
    if is_new:
        draw_verdicts(deps, week)
        is_new = deps.store.close_week(make_review(deps, week, is_closed=True), now=deps.clock())
    review = deps.store.weekly_review(week.name)
    assert review is not None
    return ClosedWeek(review=review, is_new=is_new, n_digests=enqueue_weekly_digests(deps, review) if is_told else 0)


def close_weeks(deps: Deps) -> ClosedWeek | None:
    """Return the last week that is over, closed and told; weeks that nobody closed before it are closed too, untold.

    A scheduler that stood still leaves out no week of the last few; before the first closed one there is none. A week
    that was over before anything was watched has no review: None, and nobody is told of it.
    """
    last, since = last_week(deps), deps.store.watched_since()
    if since is None or since >= last.window.end:
        return None
    closed = deps.store.closed_weeks()
    missed = [last.before(n) for n in range(HISTORY, 0, -1)]
    for week in missed:
        if closed and closed[0] < week.name and week.name not in closed:
            close_week(deps, week, is_told=False)
    return close_week(deps, last)
