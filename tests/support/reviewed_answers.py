"""A project whose answers wait for people: a help desk's assistant, with long texts and without any truth."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from parcels import OPENED, PIPELINE, write_project
from seamwatch.core.accuracy.labels import WeekOfAnswers
from seamwatch.core.review.items import ReviewItem, ShownText
from seamwatch.core.review.spans import ReviewDraw
from seamwatch.store.repo import Store

REVIEWED = (
    PIPELINE.replace("outcome: {truth: labels, compare: {queue: queue}}", "outcome: {people: true, judged: queue}")
    + "review: {per_week: 50}\n"
)
UNREVIEWED = PIPELINE.replace("pipeline: parcels", "pipeline: letters")
DRAWN_AT = datetime(2026, 1, 6, 2, tzinfo=UTC)
MONDAY = date(2026, 1, 5)
_QUESTION = (
    "Good morning, my parcel 4711-{n} was to arrive on Friday, and the tracking page still says that it is in the "
    "sorting centre in Leipzig. It holds a router that I need for work.\n\nCan you send another one, and who pays if "
    "the first one turns up after all?"
)
_CONTEXT = [
    "Lost parcels. A parcel counts as lost ten working days after its last scan. Until then a second one is sent only "
    "where the customer has the service level Gold.",
    "Returns. What arrives after a replacement was sent goes back with the label in the box; the carrier pays, and the "
    "customer is asked for nothing.",
    "Service levels. Bronze: answer within two days. Silver: within one. Gold: within four hours, replacement at once.",
]
_ANSWER = (
    "Your parcel counts as lost ten working days after its last scan, so please wait until the 19th. If a replacement "
    "and the first parcel both arrive, send one back with the label in the box; that costs you nothing."
)


def write_reviewed_project(root: Path, *, n: int = 12, items: list[ReviewItem] | None = None) -> Store:
    """Write a pipeline with a review and one without, and let answers wait; returns the store."""
    write_project(root, pipeline=REVIEWED)
    (root / "include/pipelines/letters.yaml").write_text(UNREVIEWED.replace("ENDPOINT", '"python:parcels:model"'))
    (root / "data").mkdir(exist_ok=True)
    store = Store.open(f"sqlite:///{root / 'data' / 'seamwatch.db'}", migrate_first=True)
    OPENED.append(store)
    items = [waiting_answer(number) for number in range(1, n + 1)] if items is None else items
    draw = ReviewDraw(
        pipeline="parcels",
        start=DRAWN_AT - timedelta(days=1),
        end=DRAWN_AT,
        drawn_at=DRAWN_AT,
        n_drawn=len(items),
        predictor="",
        answers=(WeekOfAnswers(week=MONDAY, segment="", answers=40 * len(items), predicted=0, prediction_sum=0.0),),
    )
    store.save_draw(draw, items)
    return store


def waiting_answer(number: int, *, shown: tuple[ShownText, ...] | None = None, pipeline: str = "parcels") -> ReviewItem:
    """Return one answer of the assistant; every second has the queue alone to be judged."""
    texts = (
        ShownText(title="orders.code", text="A", role="question"),
        ShownText(title="orders.text", text=_QUESTION.format(n=number), role="question"),
        ShownText(title="policies.contents", text=json.dumps(_CONTEXT), role="context"),
        ShownText(title="router_model.answer", text=json.dumps({"queue": "net", "sure": 0.8}), role="step"),
        ShownText(title="routing.queue", text=_ANSWER if number % 2 else f"Q{number % 5}", role="answer"),
    )
    return ReviewItem(
        id=f"{pipeline}-{number:04d}",
        pipeline=pipeline,
        record=f"ticket-{number}",
        slot=1,
        record_at=DRAWN_AT - timedelta(hours=number % 24),
        drawn_at=DRAWN_AT,
        inclusion=0.1,
        is_uniform=number % 2 == 0,
        reasons=("uncertain", "new_segment") if number % 2 else (),
        segment="",
        answer=f"hash-{number}",
        prediction=0.123,
        predictor="judge (abc)",
        shown=texts if shown is None else shown,
    )
