"""Forms of the weekly page inside the Airflow UI: agree on an action, and say what became of one.

An action of a pipeline is seen by whoever may read its DAG and changed by whoever may change it. One about all
pipelines is everybody's to see, and is changed by whoever may change at least one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, Form, HTTPException, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from seamwatch.core.agreed_actions import LONGEST_TEXT_CHARS, AgreedState, AgreedWish
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.agreed_actions import (
    AgreedResult,
    add_agreed_action,
    agreed_action,
    change_agreed_action,
)
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.calendar import review_today
from seamwatch.errors import DataContractError
from seamwatch.orchestration.page_access import BASE, current_week, may, page_deps
from seamwatch.report.agreed_actions import refusal_text
from seamwatch.report.agreed_forms import (
    AgreedForms,
    TypedAction,
    agreed_forms,
    render_agreed_forms,
    render_agreed_page,
)
from seamwatch.settings import Settings
from seamwatch.vocabulary import Door

_ENDED_FOR = timedelta(days=14)
"""So long an action that ended can be opened again by the page."""
_MOST_INCIDENTS = 100


def add_agreed_forms(app: FastAPI, settings: Callable[[], Settings]) -> None:
    """Add what the forms are sent to; the app asks who is there and whether a request comes from our own pages."""

    @app.post("/weekly/{week}/agreed")
    def add(
        week: str,
        user: GetUserDep,
        text: Annotated[str, Form()] = "",
        owner: Annotated[str, Form()] = "",
        due: Annotated[str, Form()] = "",
        pipeline: Annotated[str, Form()] = "",
        incident: Annotated[str, Form()] = "",
        token: Annotated[str, Form(max_length=64)] = "",
    ) -> Response:
        with page_deps(settings()) as deps:
            reviewed = _week(deps, week)
            _require_change(_pipeline_of(deps, pipeline, incident, user), deps, user)
            done = add_agreed_action(
                deps,
                text=text,
                owner=owner,
                due_on=_day(due),
                by=_person(user),
                door=Door.AIRFLOW,
                pipeline=pipeline or None,
                incident=incident or None,
                week=reviewed,
                token=token,
            )
            text = text[:LONGEST_TEXT_CHARS]
            typed = TypedAction(text=text, owner=owner[:200], due=due[:20], pipeline=pipeline, incident=incident)
            return _answer(deps, done, reviewed, user, typed=typed)

    @app.post("/weekly/{week}/agreed/{action_id}")
    def change(
        week: str,
        action_id: str,
        user: GetUserDep,
        wish: Annotated[AgreedWish, Form()],
        why: Annotated[str, Form()] = "",
        owner: Annotated[str | None, Form()] = None,
        due: Annotated[str | None, Form()] = None,
    ) -> Response:
        with page_deps(settings()) as deps:
            reviewed = _week(deps, week)
            action = agreed_action(deps, action_id)
            if action is None or (action.pipeline is not None and not may("GET", action.pipeline, user)):
                raise HTTPException(404, f"no agreed action {action_id[:64]!r}")
            _require_change(action.pipeline, deps, user)
            done = change_agreed_action(
                deps,
                action.id,
                wish,
                by=_person(user),
                door=Door.AIRFLOW,
                why=why,
                due_on=None if due is None else _day(due),
                owner=owner,
            )
            return _answer(deps, done, reviewed, user)


def weekly_forms(deps: Deps, week: ReviewWeek, user: Any) -> Markup | None:
    """Return the forms of agreed actions for the page of a week; None for who may change no pipeline."""
    forms = _forms(deps, week, user)
    return None if forms is None else render_agreed_forms(forms)


def _forms(
    deps: Deps,
    week: ReviewWeek,
    user: Any,
    *,
    typed: TypedAction | None = None,
    outcome: str = "",
    is_refused: bool = False,
) -> AgreedForms | None:
    changeable = _changeable(deps, user)
    known = deps.store.agreed_actions(since=deps.clock() - _ENDED_FOR)
    gone = {one.pipeline for one in known if one.pipeline is not None} - set(deps.project.pipelines)
    changeable_gone = {name for name in gone if may("PUT", name, user)}
    if not changeable and not changeable_gone:
        return None
    theirs = [one for one in known if one.pipeline is None or one.pipeline in changeable | changeable_gone]
    return agreed_forms(
        sorted(theirs, key=lambda one: one.state is not AgreedState.OPEN),
        path=_path(week),
        token=secrets.token_hex(8),
        today=review_today(deps),
        pipelines=changeable,
        incidents=deps.store.incidents(changeable, limit=_MOST_INCIDENTS) if changeable else (),
        typed=typed,
        outcome=outcome,
        is_refused=is_refused,
    )


def _answer(
    deps: Deps, done: AgreedResult, week: ReviewWeek, user: Any, *, typed: TypedAction | None = None
) -> Response:
    """Return the way back to the week, or the forms again with why nothing changed."""
    if done.refusal is None:
        # A page of its own after the act: to load it again asks for nothing a second time.
        return RedirectResponse(f"{BASE}/weekly/{week.name}#agreed", status_code=303)
    said = f"{refusal_text(done.refusal, done.action, today=review_today(deps))}. Nothing was changed."
    forms = _forms(deps, week, user, typed=typed, outcome=said, is_refused=True)
    if forms is None:
        raise HTTPException(403, "you may change no pipeline")
    page = render_agreed_page(forms, week=week.name, back=f"{BASE}/weekly/{week.name}")
    return HTMLResponse(page, status_code=422 if done.action is None else 409)


def _changeable(deps: Deps, user: Any) -> set[str]:
    return {name for name in deps.project.pipelines if may("PUT", name, user)}


def _pipeline_of(deps: Deps, pipeline: str, incident: str, user: Any) -> str | None:
    """Return what a new action is about; 404 for an incident of a pipeline that may not be read."""
    is_sound = 0 < len(incident) <= 300 and incident.isprintable()
    found = deps.store.incident(incident) if is_sound else None
    name = found.pipeline if found is not None else pipeline or None
    if name is not None and not may("GET", name, user):
        raise HTTPException(404, "no such pipeline or incident")
    return name


def _require_change(pipeline: str | None, deps: Deps, user: Any) -> None:
    """Refuse who may not change a pipeline; of what is about all, who may change none."""
    if pipeline is not None and not may("PUT", pipeline, user):
        raise HTTPException(403, f"you may read {pipeline[:200]}, not change it")
    if pipeline is None and not _changeable(deps, user):
        raise HTTPException(403, "who agrees on something about all pipelines must be able to change one of them")


def _week(deps: Deps, name: str) -> ReviewWeek:
    """Return a week by its name; 404 for none, and for one that has not begun."""
    present = current_week(deps)
    try:
        week = ReviewWeek.of(name[:20], time_zone=present.time_zone)
    except DataContractError as error:
        raise HTTPException(404, str(error)) from error
    if week > present:
        raise HTTPException(404, f"{week.name} has not begun")
    return week


def _path(week: ReviewWeek) -> str:
    return f"{BASE}/weekly/{week.name}/agreed"


def _day(text: str) -> date | None:
    """Return a day as browsers send it; None for anything else."""
    try:
        return date.fromisoformat(text[:20].strip())
    except ValueError:
        return None


def _person(user: Any) -> str:
    return str(user.get_name())[:200]
