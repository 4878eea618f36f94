"""The weekly review inside the Airflow UI: a week of the pipelines that its reader may see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.overview import known_pipelines
from seamwatch.engine.weekly_review.review import weekly_review
from seamwatch.errors import DataContractError
from seamwatch.orchestration.agreed_forms import weekly_forms
from seamwatch.orchestration.page_access import BASE, current_week, may, page_deps
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review.machine import weekly_json
from seamwatch.report.weekly_review.markdown import weekly_markdown
from seamwatch.report.weekly_review.page import weekly_page
from seamwatch.settings import Settings

_FIRST_YEAR = 2000
"""Of what is older no store knows anything."""


def add_weekly(app: FastAPI, settings: Callable[[], Settings]) -> None:
    """Add the weekly review to the app, which asks who is there."""

    @app.get("/weekly")
    def show_last() -> Response:
        with page_deps(settings()) as deps:
            closed = deps.store.closed_weeks()
            week = closed[-1] if closed else current_week(deps).name
        return RedirectResponse(WeeklyLinks(base=BASE).week(week), status_code=303)

    @app.get("/weekly/{week}")
    def show_week(week: str, user: GetUserDep, form: Literal["html", "md", "json"] = "html") -> Response:
        with page_deps(settings()) as deps:
            this_week = current_week(deps)
            asked = _week(week, this_week)
            review = weekly_review(deps, asked, only=_readable(deps, asked, user))
            if form == "md":
                text = weekly_markdown(review, WeeklyLinks.under(deps.ui_url))
                return Response(text, media_type="text/markdown; charset=utf-8")
            if form == "json":
                return Response(f"{json.dumps(weekly_json(review), indent=1)}\n", media_type="application/json")
            forms = weekly_forms(deps, asked, user)
            return HTMLResponse(weekly_page(review, base=BASE, forms=forms, weeks=_weeks_beside(review, this_week)))


def _week(name: str, this_week: ReviewWeek) -> ReviewWeek:
    """Return a week by its name; 404 for none, and for one that has not begun."""
    try:
        week = ReviewWeek.of(name[:20], time_zone=this_week.time_zone)
    except DataContractError as error:
        raise HTTPException(404, str(error)) from error
    if week.year < _FIRST_YEAR or week.name > this_week.name:
        raise HTTPException(404, f"there is no review of {week.name}: the last week that has begun is {this_week.name}")
    return week


def _readable(deps: Deps, week: ReviewWeek, user: Any) -> set[str]:
    """Return the pipelines that somebody may see, also those that are gone since the week."""
    told = deps.store.weekly_review(week.name)
    names = known_pipelines(deps, {}) | {name for name, _ in deps.store.count_incidents()}
    if told is not None:
        names |= {one.pipeline for one in told.pipelines}
    return {name for name in names if may("GET", name, user)}


def _weeks_beside(review: WeeklyReview, this_week: ReviewWeek) -> tuple[str | None, str | None]:
    """Return the weeks before and after, where there is something to see of them."""
    week, kept = review.week, review.kept_since
    before, after = week.before(), week.before(-1)
    is_kept = before.year >= _FIRST_YEAR and (kept is None or before.first_day >= kept)
    return before.name if is_kept else None, after.name if after.name <= this_week.name else None
