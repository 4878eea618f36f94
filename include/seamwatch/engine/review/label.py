"""What a person does with answers to judge: take the next, label it, take that back, leave it to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from seamwatch.core.review.items import Label, ReviewItem
from seamwatch.core.review.queue import Queue, queue_of
from seamwatch.engine.deps import Deps
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import Door, LabelKind

_LEASE = timedelta(minutes=30)
"""How long an answer that is shown to one person is shown to nobody else."""
LONGEST_TEXT_CHARS = 4_000
"""Of a note, or of a right value."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What became of a label."""

    is_kept: bool
    answered_by: str | None = None
    """Who was quicker, where it is not kept."""


def next_item(deps: Deps, pipeline: str, *, person: str, first: str | None = None) -> ReviewItem | None:
    """Return the answer that a person is to judge next, theirs for half an hour; None where none is left for them.

    Nobody judges an answer twice, and what one person has before them no other gets.

    Args:
        deps: What it needs.
        pipeline: Its name.
        person: Who asks.
        first: The one to begin with, where it is theirs to judge, as one whose label was taken back.
    """
    now = deps.clock()
    for item_id in waiting_for(deps, pipeline, person=person, first=first).theirs:
        if deps.store.assign_item(item_id, to=person, now=now, until=now + _LEASE):
            return deps.store.review_item(item_id)
    return None


def waiting_for(deps: Deps, pipeline: str, *, person: str, first: str | None = None) -> Queue:
    """Return the answers that wait, as they are for one person; arguments as of `next_item`."""
    judged = {label.record for label in deps.store.labels(pipeline, by=person) if label.withdrawn_at is None}
    waiting = deps.store.open_items(pipeline)
    return queue_of(waiting, person=person, judged=judged, now=deps.clock(), first=first)


def label_item(
    deps: Deps,
    item_id: str,
    kind: LabelKind,
    *,
    by: str,
    door: Door,
    corrected: Mapping[str, str] | None = None,
    note: str = "",
) -> Labelled:
    """Keep what a person says of an answer; nothing is kept where another was quicker.

    Args:
        deps: What it needs.
        item_id: What was shown.
        kind: What they say.
        by: Who.
        door: By which way.
        corrected: The right values by final field, where they know them.
        note: Why.

    Raises:
        DataContractError: If there is no such item, or a text is too long.
    """
    item = deps.store.review_item(item_id)
    if item is None:
        msg = f"no answer {item_id!r} to judge; it may have been deleted with what is older than `review.keep`"
        raise DataContractError(msg)
    right = {name: value for name, value in (corrected or {}).items() if value.strip()}
    for name, text in {"note": note, **right}.items():
        if len(text) > LONGEST_TEXT_CHARS:
            msg = f"{name} has {len(text)} characters; at most {LONGEST_TEXT_CHARS} are kept"
            raise DataContractError(msg)
    label = Label(
        id=0,
        pipeline=item.pipeline,
        record=item.record,
        record_at=item.record_at,
        item=item.id,
        kind=kind,
        answer=item.answer,
        corrected=right if right and kind is LabelKind.WRONG else None,
        note=note,
        by=by,
        door=door,
        at=deps.clock(),
    )
    if deps.store.add_labels([label]):
        return Labelled(is_kept=True)
    given = [one for one in deps.store.labels(item.pipeline, records=[item.record]) if one.item == item.id]
    others = [one.by for one in given if one.withdrawn_at is None]
    return Labelled(is_kept=False, answered_by=others[-1] if others else None)


def last_label(deps: Deps, pipeline: str, *, by: str) -> Label | None:
    """Return what a person said last of a drawn answer, and did not take back; None where there is nothing."""
    given = [one for one in deps.store.labels(pipeline, by=by, limit=200) if one.withdrawn_at is None and one.item]
    return given[-1] if given else None


def take_back(deps: Deps, pipeline: str, *, by: str, label_id: int | None = None) -> Label | None:
    """Return the last label of a person, taken back, so that its answer waits again; None where there is none.

    Args:
        deps: What it needs.
        pipeline: Its name.
        by: Who.
        label_id: Take back this one or none: the same wish sent twice takes back one.
    """
    label = last_label(deps, pipeline, by=by)
    if label is None or label_id not in (None, label.id):
        return None
    return label if deps.store.withdraw_label(label.id, by=by, now=deps.clock()) else None


def show_as_form(deps: Deps, item_id: str, *, task: str, within: timedelta) -> ReviewItem | None:
    """Return an answer that a task of Airflow shows from now on; None where it was judged, or another has it.

    Args:
        deps: What it needs.
        item_id: The answer.
        task: Names the task.
        within: How long it waits for a person.
    """
    item, now = deps.store.review_item(item_id), deps.clock()
    if item is None or not deps.store.assign_item(item_id, to=task[:200], now=now, until=now + within, form_task=task):
        return None
    return item


def release_item(deps: Deps, item_id: str) -> None:
    """Let the review page show an answer that a task showed and nobody judged there."""
    item = deps.store.review_item(item_id)
    if item is not None and item.assigned_to is not None:
        now = deps.clock()
        deps.store.assign_item(item_id, to=item.assigned_to, now=now, until=now)
