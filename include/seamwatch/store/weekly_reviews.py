"""Weeks as they were told when they were closed."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import FreshnessCheckRow, IncidentEventRow, WeeklyReviewRow, WindowRow


class WeeklyReviewStore:
    """The part of the store that keeps weekly reviews, and sums up what they need of weeks."""

    def close_week(self: Transactions, review: WeeklyReview, *, now: datetime) -> bool:
        """Keep a review as it is told; False where its week was closed before, and nothing changed."""
        values = {"week": review.week.name, "closed_at": now, "review": to_json(review)}
        with self._writing() as connection:
            return bool(connection.execute(insert_or_ignore(connection, WeeklyReviewRow, values, ["week"])).rowcount)

    def weekly_review(self: Transactions, week: str) -> WeeklyReview | None:
        """Return a closed week as it was told; None where it was not closed."""
        with self._reading() as connection:
            row = connection.scalar(sa.select(WeeklyReviewRow.review).filter_by(week=week))
        return None if row is None else from_json(WeeklyReview, row)

    def closed_weeks(self: Transactions) -> list[str]:
        """Return the names of closed weeks, oldest first."""
        with self._reading() as connection:
            return list(connection.scalars(sa.select(WeeklyReviewRow.week).order_by(WeeklyReviewRow.week)))

    def watched_since(self: Transactions) -> datetime | None:
        """Return when the first window that is kept was looked at, or the first incident event; None: nothing was."""
        with self._reading() as connection:
            window = connection.scalar(sa.select(sa.func.min(WindowRow.begun_at)))
            event = connection.scalar(sa.select(sa.func.min(IncidentEventRow.at)))
        return min((one for one in (window, event) if one is not None), default=None)

    def judged_between(self: Transactions, pipeline: str, *, since: datetime, until: datetime) -> tuple[int, int, int]:
        """Return how many answers the windows that began in a span had: all, judged, wrong."""
        judged, failing, pending = (
            sa.func.coalesce(sa.func.sum(column), 0)
            for column in (WindowRow.n_judged, WindowRow.n_failing, WindowRow.n_pending)
        )
        statement = (
            sa.select(judged, failing, pending)
            .where(WindowRow.pipeline == pipeline)
            .where(WindowRow.start_at >= since, WindowRow.start_at < until, WindowRow.n_judged.is_not(None))
        )
        with self._reading() as connection:
            n_judged, n_failing, n_pending = (int(n or 0) for n in connection.execute(statement).one())
        return n_judged + n_pending, n_judged, n_failing

    def count_checks(
        self: Transactions, pipeline: str, *, since: datetime, until: datetime
    ) -> dict[str, tuple[int, datetime]]:
        """Return how often each knowledge base was checked in a span, and when last."""
        table = FreshnessCheckRow
        statement = (
            sa.select(table.knowledge_base, sa.func.count(), sa.func.max(table.checked_at))
            .where(table.pipeline == pipeline)
            .where(table.checked_at >= since, table.checked_at < until)
            .group_by(table.knowledge_base)
        )
        with self._reading() as connection:
            return {name: (n, last) for name, n, last in connection.execute(statement)}
