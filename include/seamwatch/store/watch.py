"""What watches keep of past hours, and what they found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.results import Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.tables import AggregateRow, WatchReportRow
from seamwatch.vocabulary import Watch


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """What a watch keeps of one series in the span that begins at a moment."""

    series: str
    """As the watch names it: a stage, a model, a column."""
    start_at: datetime
    data: dict[str, Any]
    """Plain JSON data, made by the watch so that two can be merged."""


class WatchStore:
    """The part of the store that keeps watches."""

    def put_aggregates(
        self: Transactions, pipeline: str, watch: Watch, rows: Iterable[Aggregate], *, start: datetime, end: datetime
    ) -> None:
        """Replace what a watch keeps from `start` to `end`: a look that is repeated counts nothing twice."""
        place = {"pipeline": pipeline, "watch": watch.value}
        values = [{**place, "series": row.series, "start_at": row.start_at, "data": row.data} for row in rows]
        with self._writing() as connection:
            inside = (AggregateRow.start_at >= start, AggregateRow.start_at < end)
            connection.execute(sa.delete(AggregateRow).filter_by(**place).where(*inside))
            if values:
                connection.execute(sa.insert(AggregateRow), values)

    def aggregates(
        self: Transactions,
        pipeline: str,
        watch: Watch,
        *,
        since: datetime,
        until: datetime | None = None,
        series: str | None = None,
    ) -> list[Aggregate]:
        """Return what a watch keeps from `since` to before `until`, oldest first."""
        statement = (
            sa.select(AggregateRow.series, AggregateRow.start_at, AggregateRow.data)
            .filter_by(pipeline=pipeline, watch=watch.value)
            .where(AggregateRow.start_at >= since)
            .order_by(AggregateRow.start_at, AggregateRow.series)
        )
        if until is not None:
            statement = statement.where(AggregateRow.start_at < until)
        if series is not None:
            statement = statement.where(AggregateRow.series == series)
        with self._reading() as connection:
            return [
                Aggregate(series=row.series, start_at=row.start_at, data=row.data)
                for row in connection.execute(statement)
            ]

    def seam_history(self: Transactions, pipeline: str, *, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return what was kept of the seams of windows that began in a span, oldest first: series, start_at, data."""
        return [vars(one) for one in WatchStore.aggregates(self, pipeline, Watch.SEAM, since=since, until=until)]

    def forget_aggregates(self: Transactions, pipeline: str, watch: Watch, *, before: datetime) -> None:
        """Delete what is older than a watch looks back."""
        with self._writing() as connection:
            connection.execute(
                sa.delete(AggregateRow)
                .filter_by(pipeline=pipeline, watch=watch.value)
                .where(AggregateRow.start_at < before)
            )

    def save_watch_report(self: Transactions, report: WatchReport) -> None:
        """Save a report, in the place of one of the same window."""
        place = {
            "pipeline": report.pipeline,
            "watch": report.watch.value,
            "start_at": report.window.start,
            "end_at": report.window.end,
        }
        with self._writing() as connection:
            connection.execute(sa.delete(WatchReportRow).filter_by(**place))
            connection.execute(sa.insert(WatchReportRow).values(**place, report=to_json(report)))

    def watch_report(self: Transactions, pipeline: str, watch: Watch, window: Window) -> WatchReport | None:
        """Return what a watch found in a window; None if it did not look at it, or it was forgotten."""
        place = {"pipeline": pipeline, "watch": watch.value, "start_at": window.start, "end_at": window.end}
        with self._reading() as connection:
            found = connection.scalar(sa.select(WatchReportRow.report).filter_by(**place))
            return None if found is None else from_json(WatchReport, found)

    def last_watch_report(self: Transactions, pipeline: str, watch: Watch) -> WatchReport | None:
        """Return the newest report of a watch; None before the first."""
        statement = (
            sa.select(WatchReportRow.report)
            .filter_by(pipeline=pipeline, watch=watch.value)
            .order_by(WatchReportRow.end_at.desc())
            .limit(1)
        )
        with self._reading() as connection:
            found = connection.scalar(statement)
            return None if found is None else from_json(WatchReport, found)

    def forget_watch_reports(self: Transactions, pipeline: str, watch: Watch, *, keep: Iterable[Window]) -> None:
        """Delete the reports of a watch but for those of some windows."""
        place = {"pipeline": pipeline, "watch": watch.value}
        kept = {(window.start, window.end) for window in keep}
        columns = (WatchReportRow.start_at, WatchReportRow.end_at)
        with self._writing() as connection:
            known = connection.execute(sa.select(*columns).filter_by(**place)).all()
            for start, end in known:
                if (start, end) not in kept:
                    connection.execute(sa.delete(WatchReportRow).filter_by(**place, start_at=start, end_at=end))
