"""Answers drawn for people to judge, and what they said of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.review.items import Label, ReviewItem
from seamwatch.core.review.queue import OpenItem
from seamwatch.core.review.spans import EvaluationSummary, ReviewDraw
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import EvaluationRow, LabelRow, ReviewDrawRow, ReviewItemRow
from seamwatch.vocabulary import Door, LabelKind

_CHANGING = ("assigned_to", "assigned_until", "form_task", "is_answered", "skipped_by")
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class ItemCounts:
    """How far the review of a pipeline is."""

    n_open: int
    n_answered: int
    oldest_open_at: datetime | None
    """When the oldest open one was drawn."""


class ReviewStore:
    """The part of the store that keeps reviews, labels and evaluations."""

    def save_draw(self: Transactions, draw: ReviewDraw, items: Sequence[ReviewItem]) -> bool:
        """Keep a draw with its items, whole or not at all; False where the span was drawn before."""
        key = {"pipeline": draw.pipeline, "start_at": draw.start}
        values = {**key, "end_at": draw.end, "draw": to_json(draw)}
        with self._writing() as connection:
            if not connection.execute(insert_or_ignore(connection, ReviewDrawRow, values, list(key))).rowcount:
                return False
            for item in items:
                connection.execute(insert_or_ignore(connection, ReviewItemRow, _item_values(item), ["id"]))
        return True

    def draws(self: Transactions, pipeline: str, *, since: datetime | None = None) -> list[ReviewDraw]:
        """Return the draws of a pipeline, oldest first; where a moment is given, those whose span ends after it."""
        statement = sa.select(ReviewDrawRow.draw).filter_by(pipeline=pipeline).order_by(ReviewDrawRow.start_at)
        if since is not None:
            statement = statement.where(ReviewDrawRow.end_at > since)
        with self._reading() as connection:
            return [from_json(ReviewDraw, row) for row in connection.scalars(statement)]

    def review_item(self: Transactions, item_id: str) -> ReviewItem | None:
        """Return an item, or None."""
        with self._reading() as connection:
            row = connection.execute(sa.select(*_columns(ReviewItemRow)).filter_by(id=item_id)).mappings().first()
        return None if row is None else _item(row)

    def review_items(
        self: Transactions,
        pipeline: str,
        *,
        is_answered: bool | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[ReviewItem]:
        """Return items of a pipeline, oldest draw first.

        Args:
            pipeline: Its name.
            is_answered: Only such.
            since: Only of records since then.
            limit: At most so many.
        """
        statement = sa.select(*_columns(ReviewItemRow)).filter_by(pipeline=pipeline)
        if is_answered is not None:
            statement = statement.filter_by(is_answered=is_answered)
        if since is not None:
            statement = statement.where(ReviewItemRow.record_at >= since)
        statement = statement.order_by(ReviewItemRow.drawn_at, ReviewItemRow.slot, ReviewItemRow.id).limit(limit)
        with self._reading() as connection:
            return [_item(row) for row in connection.execute(statement).mappings()]

    def open_items(self: Transactions, pipeline: str) -> list[OpenItem]:
        """Return the answers of a pipeline that wait, without their texts, oldest draw first."""
        table = ReviewItemRow
        columns = (table.id, table.record, table.assigned_to, table.assigned_until, table.form_task, table.skipped_by)
        statement = sa.select(*columns).filter_by(pipeline=pipeline, is_answered=False)
        statement = statement.order_by(table.drawn_at, table.slot, table.id)
        with self._reading() as connection:
            rows = connection.execute(statement).mappings()
            return [OpenItem(**{**row, "skipped_by": tuple(row["skipped_by"])}) for row in rows]

    def count_open_items(self: Transactions) -> dict[str, int]:
        """Return how many answers wait for people, by pipeline; one without any is left out."""
        statement = (
            sa.select(ReviewItemRow.pipeline, sa.func.count())
            .where(ReviewItemRow.is_answered.is_(False))
            .group_by(ReviewItemRow.pipeline)
        )
        with self._reading() as connection:
            return {name: n for name, n in connection.execute(statement)}

    def count_items(self: Transactions, pipeline: str) -> ItemCounts:
        """Return how many answers wait for people, and how many were judged."""
        is_open = ReviewItemRow.is_answered.is_(False)
        statement = sa.select(
            sa.func.count(sa.case((is_open, 1))),
            sa.func.count(sa.case((~is_open, 1))),
            sa.func.min(sa.case((is_open, ReviewItemRow.drawn_at))),
        ).filter_by(pipeline=pipeline)
        with self._reading() as connection:
            n_open, n_answered, oldest = connection.execute(statement).one()
        return ItemCounts(n_open=n_open, n_answered=n_answered, oldest_open_at=oldest)

    def assign_item(
        self: Transactions, item_id: str, *, to: str, now: datetime, until: datetime, form_task: str | None = None
    ) -> bool:
        """Show an open item to one person for some time; False where another has it, or it was answered."""
        free = sa.or_(
            ReviewItemRow.assigned_to.is_(None),
            ReviewItemRow.assigned_to == to,
            ReviewItemRow.assigned_until <= now,
        )
        statement = sa.update(ReviewItemRow).filter_by(id=item_id, is_answered=False).where(free)
        values: dict[str, Any] = {"assigned_to": to, "assigned_until": until, "form_task": form_task}
        with self._writing() as connection:
            return bool(connection.execute(statement.values(**values)).rowcount)

    def skip_item(self: Transactions, item_id: str, *, by: str) -> None:
        """Do not show an item to a person again; another may have it."""
        with self._writing() as connection:
            known = connection.scalar(sa.select(ReviewItemRow.skipped_by).filter_by(id=item_id).with_for_update())
            skipped = sorted({*(known or []), by})
            statement = sa.update(ReviewItemRow).filter_by(id=item_id)
            connection.execute(statement.values(skipped_by=skipped, assigned_to=None, assigned_until=None))

    def show_skipped_again(self: Transactions, pipeline: str, *, by: str) -> int:
        """Let a person see again what waits and they left to others; return how many answers that are."""
        table = ReviewItemRow
        with self._writing() as connection:
            waiting = sa.select(table.id, table.skipped_by).filter_by(pipeline=pipeline, is_answered=False)
            theirs = [row for row in connection.execute(waiting.with_for_update()) if by in row.skipped_by]
            for row in theirs:
                left = [name for name in row.skipped_by if name != by]
                connection.execute(sa.update(table).filter_by(id=row.id).values(skipped_by=left))
        return len(theirs)

    def add_labels(self: Transactions, labels: Sequence[Label]) -> int:
        """Keep labels, and mark their items as answered; return how many were kept.

        A label on an item that was answered meanwhile is not kept. The ids are given by the store.
        """
        n = 0
        with self._writing() as connection:
            for label in labels:
                if label.item is not None:
                    is_free = sa.update(ReviewItemRow).filter_by(id=label.item, is_answered=False)
                    if not connection.execute(is_free.values(is_answered=True)).rowcount:
                        continue
                connection.execute(sa.insert(LabelRow).values(**_label_values(label)))
                n += 1
        return n

    def withdraw_label(self: Transactions, label_id: int, *, by: str, now: datetime) -> bool:
        """Take a label back and open its item again; only who gave it can, and only once."""
        mine = sa.update(LabelRow).where(LabelRow.id == label_id, LabelRow.by == by, LabelRow.withdrawn_at.is_(None))
        with self._writing() as connection:
            if not connection.execute(mine.values(withdrawn_at=now)).rowcount:
                return False
            item = connection.scalar(sa.select(LabelRow.item).filter_by(id=label_id))
            connection.execute(sa.update(ReviewItemRow).filter_by(id=item).values(is_answered=False))
        return True

    def labels(
        self: Transactions,
        pipeline: str,
        *,
        since: datetime | None = None,
        records: Collection[str] | None = None,
        by: str | None = None,
        limit: int | None = None,
    ) -> list[Label]:
        """Return labels of a pipeline, oldest first, withdrawn ones too.

        Args:
            pipeline: Its name.
            since: Given since then.
            records: Only of these.
            by: Only of this person.
            limit: The newest so many.
        """
        if records is not None and not records:
            return []
        statement = sa.select(*_columns(LabelRow)).filter_by(pipeline=pipeline)
        if since is not None:
            statement = statement.where(LabelRow.at >= since)
        if by is not None:
            statement = statement.where(LabelRow.by == by)
        if records is not None and len(records) <= _ROWS_AT_ONCE:
            statement = statement.where(LabelRow.record.in_(list(records)))
        statement = statement.order_by(LabelRow.at.desc(), LabelRow.id.desc()).limit(limit)
        with self._reading() as connection:
            found = [_label(row) for row in connection.execute(statement).mappings()]
        wanted = None if records is None else set(records)
        return [label for label in reversed(found) if wanted is None or label.record in wanted]

    def save_evaluation(self: Transactions, pipeline: str, found: EvaluationSummary, *, now: datetime) -> None:
        """Keep what an evaluator found in a span, in place of what it found there before."""
        key = {"pipeline": pipeline, "evaluator": found.evaluator, "start_at": found.start}
        values = {"end_at": found.end, "evaluated_at": now, "summary": to_json(found)}
        with self._writing() as connection:
            connection.execute(insert_or_ignore(connection, EvaluationRow, {**key, **values}, list(key)))
            connection.execute(sa.update(EvaluationRow).filter_by(**key).values(**values))

    def evaluations(self: Transactions, pipeline: str, *, since: datetime) -> list[EvaluationSummary]:
        """Return what evaluators found in spans that end after a moment, oldest first."""
        statement = (
            sa.select(EvaluationRow.summary)
            .where(EvaluationRow.pipeline == pipeline, EvaluationRow.end_at > since)
            .order_by(EvaluationRow.start_at, EvaluationRow.evaluator)
        )
        with self._reading() as connection:
            return [from_json(EvaluationSummary, row) for row in connection.scalars(statement)]


def _columns(table: type[Any]) -> list[Any]:
    return [column.label(attribute.key) for attribute in sa.inspect(table).column_attrs for column in attribute.columns]


def _item_values(item: ReviewItem) -> dict[str, Any]:
    kept = to_json(item)
    return {
        "id": item.id,
        "pipeline": item.pipeline,
        "record": item.record,
        "slot": item.slot,
        "record_at": item.record_at,
        "drawn_at": item.drawn_at,
        "item": {name: value for name, value in kept.items() if name not in _CHANGING},
        "assigned_to": item.assigned_to,
        "assigned_until": item.assigned_until,
        "form_task": item.form_task,
        "is_answered": item.is_answered,
        "skipped_by": list(item.skipped_by),
    }


def _item(row: Any) -> ReviewItem:
    changing = {name: row[name] for name in _CHANGING}
    return replace(from_json(ReviewItem, row["item"]), **{**changing, "skipped_by": tuple(row["skipped_by"])})


def _label_values(label: Label) -> dict[str, Any]:
    return {
        "pipeline": label.pipeline,
        "record": label.record,
        "record_at": label.record_at,
        "item": label.item,
        "kind": label.kind.value,
        "answer": label.answer,
        "corrected": label.corrected,
        "note": label.note,
        "by": label.by,
        "door": label.door.value,
        "at": label.at,
        "withdrawn_at": label.withdrawn_at,
    }


def _label(row: Any) -> Label:
    return Label(**{**row, "kind": LabelKind(row["kind"]), "door": Door(row["door"])})
