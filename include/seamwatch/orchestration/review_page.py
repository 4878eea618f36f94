"""The review page inside the Airflow UI: the next answer for the person who is logged in, and what they say of it.

How far a review is, is seen by whoever may read the pipeline's DAG; answers are shown to whoever may change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, Form, HTTPException, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from seamwatch.core.review.items import ReviewItem
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.label import LONGEST_TEXT_CHARS, label_item, next_item, take_back
from seamwatch.engine.review.progress import ReviewCounts, review_counts, review_progress
from seamwatch.errors import DataContractError, SpecError
from seamwatch.orchestration.page_access import BASE, CSP, may, page_deps
from seamwatch.report import numbers
from seamwatch.report.links import review_address
from seamwatch.report.review_page import (
    ReviewPage,
    ReviewRow,
    Typed,
    draw_sentences,
    last_label_facts,
    queue_facts,
    render_review_list,
    render_review_page,
    render_review_setup,
    script_source,
)
from seamwatch.settings import Settings
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Door, LabelKind

_MOST_FIELDS = 200
_Kept = Literal["late", "again", "left", "undone", "nothing"]
"""What became of the request before, where that must be said."""
_OUTCOMES = {
    "again": "That answer had your label already; it counts once.",
    "left": "Left to others.",
    "undone": "Taken back: here is the answer again, where nobody else has it now.",
    "nothing": "There was nothing to take back.",
}


def add_review(app: FastAPI, settings: Callable[[], Settings]) -> None:
    """Add the pages of reviews to the app, which asks who is there and whether a request comes from our own pages."""
    _add_list(app, settings)
    _add_page(app, settings)
    _add_label(app, settings)
    _add_skip_and_undo(app, settings)


def _add_list(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/review", response_class=HTMLResponse)
    def list_reviews(user: GetUserDep) -> str:
        with page_deps(settings()) as deps:
            readable = [one for name, one in sorted(deps.project.pipelines.items()) if may("GET", name, user)]
            counts = [(one, review_counts(deps, one.pipeline)) for one in readable if _is_reviewed(one)]
        rows = [_row(pipeline, found) for pipeline, found in sorted(counts, key=_age)]
        without = [one.pipeline for one in readable if not _is_reviewed(one)]
        return render_review_list(rows, base=BASE, without=without)


def _add_page(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/review/{pipeline}")
    def show_review(
        pipeline: str,
        user: GetUserDep,
        did: Annotated[_Kept | None, Query()] = None,
        item: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        with page_deps(settings()) as deps:
            reviewed = _readable(deps, pipeline, user)
            if not _is_reviewed(reviewed):
                return HTMLResponse(render_review_setup(pipeline, base=BASE, has_outcome=reviewed.outcome is not None))
            outcome = _outcome(deps, reviewed, did, item)
            first = item if did == "undone" else None
            return _page(deps, reviewed, user, outcome=outcome, is_refused=did in ("late", "again"), first=first)


def _add_label(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.post("/review/{pipeline}/label")
    def label(
        pipeline: str,
        user: GetUserDep,
        item: Annotated[str, Form(max_length=64)],
        kind: Annotated[LabelKind, Form()],
        field: Annotated[list[str], Form(max_length=_MOST_FIELDS)] = [],  # noqa: B006 - read only
        corrected: Annotated[list[str], Form(max_length=_MOST_FIELDS)] = [],  # noqa: B006
        note: Annotated[str, Form()] = "",
    ) -> Response:
        with page_deps(settings()) as deps:
            reviewed = _changeable(deps, pipeline, user)
            judged = _item_of(deps, reviewed, item)
            if judged is None:
                gone = "That answer is not there any more; nothing was kept."
                return _page(deps, reviewed, user, outcome=gone, is_refused=True, status=404)
            if len(field) != len(corrected) or not set(field) <= set(_judged_fields(reviewed, judged)):
                raise HTTPException(422, "right values must be those of judged fields, one each")
            right = {name: text.strip() for name, text in zip(field, corrected, strict=True) if text.strip()}
            typed = Typed(corrected=right, note=note)
            try:
                if right and kind is not LabelKind.WRONG:
                    msg = "A right value goes with Wrong only, so nothing was kept: say Wrong, or empty its field."
                    raise DataContractError(msg)
                by = _person(user)
                found = label_item(deps, item, kind, by=by, door=Door.AIRFLOW, corrected=right, note=note.strip())
            except DataContractError as error:
                said = str(error)
                return _page(deps, reviewed, user, outcome=said, is_refused=True, status=422, first=item, typed=typed)
            if found.is_kept:
                return _to_page(pipeline)
        return _to_page(pipeline, did="again" if found.answered_by == by else "late", item=item)


def _add_skip_and_undo(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.post("/review/{pipeline}/skip")
    def skip(pipeline: str, user: GetUserDep, item: Annotated[str, Form(max_length=64)]) -> Response:
        with page_deps(settings()) as deps:
            reviewed = _changeable(deps, pipeline, user)
            if _item_of(deps, reviewed, item) is None:
                raise HTTPException(404, f"no answer {item!r} to judge")
            deps.store.skip_item(item, by=_person(user))
        return _to_page(pipeline, did="left")

    @app.post("/review/{pipeline}/again")
    def show_again(pipeline: str, user: GetUserDep) -> Response:
        with page_deps(settings()) as deps:
            deps.store.show_skipped_again(_changeable(deps, pipeline, user).pipeline, by=_person(user))
        return _to_page(pipeline)

    @app.post("/review/{pipeline}/undo")
    def undo(pipeline: str, user: GetUserDep, label: Annotated[int, Form()]) -> Response:
        with page_deps(settings()) as deps:
            reviewed = _changeable(deps, pipeline, user)
            taken = take_back(deps, reviewed.pipeline, by=_person(user), label_id=label)
        if taken is None or taken.item is None:
            return _to_page(pipeline, did="nothing")
        return _to_page(pipeline, did="undone", item=taken.item)


def _page(
    deps: Deps,
    pipeline: Pipeline,
    user: Any,
    *,
    outcome: str = "",
    is_refused: bool = False,
    status: int = 200,
    first: str | None = None,
    typed: Typed | None = None,
) -> Response:
    """Return the page with the next answer for a person; an answer becomes theirs only where they may judge it."""
    name, person = pipeline.pipeline, _person(user)
    can_label = may("PUT", name, user)
    item = next_item(deps, name, person=person, first=first) if can_label else None
    progress = review_progress(deps, pipeline, person=person)
    review = pipeline.review
    assert review is not None
    page = ReviewPage(
        pipeline=name,
        base=BASE,
        n_left_by_them=progress.queue.n_skipped if can_label else 0,
        queue=queue_facts(progress.queue, n_this_week=progress.counts.n_this_week),
        can_label=can_label,
        item=item,
        judged=() if item is None else _judged_fields(pipeline, item),
        last=last_label_facts(progress.last_label, now=deps.clock()) if can_label else None,
        next_steps=draw_sentences(
            progress.last_draw, next_at=progress.next_draw_at, schedule=review.schedule, dag=f"{name}__review"
        ),
        outcome=outcome,
        is_refused=is_refused,
        typed=typed if typed is not None and item is not None and item.id == first else Typed(),
        longest_text=LONGEST_TEXT_CHARS,
    )
    policy = {"Content-Security-Policy": f"{CSP}; script-src {script_source()}"}
    return HTMLResponse(render_review_page(page), status_code=status, headers=policy)


def _outcome(deps: Deps, pipeline: Pipeline, did: _Kept | None, item_id: str | None) -> str:
    """Return what became of the request before."""
    if did != "late":
        return "" if did is None else _OUTCOMES[did]
    item = _item_of(deps, pipeline, item_id or "")
    if item is None:
        return ""
    given = deps.store.labels(pipeline.pipeline, records=[item.record])
    by = next((one.by for one in reversed(given) if one.item == item.id and one.withdrawn_at is None), "somebody")
    return f"Not kept: {by} had judged that answer before you. Here is the next one."


def _item_of(deps: Deps, pipeline: Pipeline, item_id: str) -> ReviewItem | None:
    """Return an answer of this pipeline; who may change one pipeline may not label answers of another."""
    item = deps.store.review_item(item_id)
    return item if item is not None and item.pipeline == pipeline.pipeline else None


def _judged_fields(pipeline: Pipeline, item: ReviewItem) -> Sequence[str]:
    """Return the final fields whose right values a person may give."""
    named = () if pipeline.outcome is None else pipeline.outcome.judged or tuple(pipeline.outcome.compare)
    final = f"{pipeline.final_stage.name}."
    shown = [one.title.removeprefix(final) for one in item.shown if one.title.startswith(final)]
    return named or tuple(shown)


def _readable(deps: Deps, name: str, user: Any) -> Pipeline:
    """Return a pipeline; 404 where it may not be read, so that nobody learns that it exists."""
    if not may("GET", name, user):
        raise HTTPException(404, f"no pipeline {name!r}")
    try:
        pipeline = deps.project.pipeline(name)
    except SpecError as error:
        raise HTTPException(404, f"no pipeline {name!r}") from error
    return pipeline


def _changeable(deps: Deps, name: str, user: Any) -> Pipeline:
    """Return a pipeline with a review; 404 where it may not be read, 403 where it may not be changed."""
    pipeline = _readable(deps, name, user)
    if not may("PUT", name, user):
        raise HTTPException(403, f"you may read {name}, not change it")
    if not _is_reviewed(pipeline):
        raise HTTPException(404, f"nobody reviews answers of {name}; its page says how to set that up")
    return pipeline


def _is_reviewed(pipeline: Pipeline) -> bool:
    return pipeline.review is not None and pipeline.outcome is not None


def _to_page(pipeline: str, **said: str) -> Response:
    # A page of its own after the act: to load it again asks for nothing a second time.
    query = f"?{urlencode(said)}" if said else ""
    return RedirectResponse(f"{review_address(BASE, pipeline)}{query}", status_code=303)


def _person(user: Any) -> str:
    return str(user.get_name())[:200]


def _row(pipeline: Pipeline, counts: ReviewCounts) -> ReviewRow:
    return ReviewRow(
        pipeline=pipeline.pipeline,
        description=pipeline.description,
        address=review_address(BASE, pipeline.pipeline),
        waiting=numbers.count(counts.n_open),
        this_week=numbers.count(counts.n_this_week),
        oldest=numbers.moment(counts.oldest_open_at),
    )


def _age(counted: tuple[Pipeline, ReviewCounts]) -> tuple[bool, Any, str]:
    """Return what puts the review first whose oldest answer waits longest."""
    pipeline, counts = counted
    oldest = counts.oldest_open_at
    return oldest is None, oldest.timestamp() if oldest is not None else 0.0, pipeline.pipeline
