"""Pages inside the Airflow UI, behind Airflow's own login: incidents, their reports, Data Docs.

A plugin's FastAPI app answers anonymous callers unless it is told not to, so every route here depends on the user.
An incident is seen by whoever may read its pipeline's DAG, and acted on by whoever may change it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from seamwatch.core.action_life import ActionRun
from seamwatch.core.grades import Grade, correction_for
from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import fold_events
from seamwatch.core.watcher_status import SHARED, WatcherStatus
from seamwatch.engine.actions import undo
from seamwatch.engine.approvals import answer_action, open_airflow_approval
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import render_report, report_of
from seamwatch.engine.overview import known_pipelines, pipeline_statuses
from seamwatch.engine.slo_page import slo_page
from seamwatch.engine.watcher_status import watcher_status
from seamwatch.errors import DataContractError, SeamwatchError, SpecError, StoreError
from seamwatch.orchestration.agreed_forms import add_agreed_forms
from seamwatch.orchestration.page_access import BASE, CSP, ROOT, may, page_deps
from seamwatch.orchestration.paused import paused_dags
from seamwatch.orchestration.request_origin import require_own_origin
from seamwatch.orchestration.review_page import add_review
from seamwatch.orchestration.weekly_page import add_weekly
from seamwatch.report import numbers, sentences
from seamwatch.report.action_forms import LONGEST_REASON_CHARS, MUTE_HOURS, ActionForms, action_forms, outcome_text
from seamwatch.report.action_results import refusal_text
from seamwatch.report.facts import IncidentReport
from seamwatch.report.html import render_bare_html, render_html
from seamwatch.report.overview import overview_rows, render_overview
from seamwatch.report.runbook import action_sentence
from seamwatch.report.watcher_status import problem_lines, stopped_lines
from seamwatch.settings import Settings
from seamwatch.spec.owners import RELIABILITY
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Responsibility

_LOG = logging.getLogger(__name__)
_TYPES = {"html": "text/html", "md": "text/markdown", "json": "application/json"}
_PER_PAGE = 50
_MOST_TARGETS = 200
"""Open incidents that one may be merged into, newest first."""


def _icon(path: str) -> str:
    """Return a picture for the navigation, in one grey that both its light and its dark form can show."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#6b8299" stroke-width="2.2" '
        f'stroke-linecap="round"><path d="{path}"/></svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


_ICON = _icon("M3 12h5l2-6 3 12 2-6h6")
_OVERVIEW_ICON = _icon("M4 6h16M4 12h11M4 18h6")
_REVIEW_ICON = _icon("M4 13l5 5L20 6")
_WEEKLY_ICON = _icon("M4 6h16v14H4zM4 11h16M9 3v4M15 3v4")


def external_views() -> list[dict[str, Any]]:
    """Return where Airflow's UI shows the pages: in its navigation, and as a tab of every DAG."""
    return [
        {
            "name": "Reliability",
            "href": f"{BASE}/",
            "destination": "nav",
            "url_route": "seamwatch-overview",
            "nav_top_level": True,
            "icon": _OVERVIEW_ICON,
        },
        {
            "name": "Incidents",
            "href": f"{BASE}/incidents",
            "destination": "nav",
            "url_route": "seamwatch",
            "nav_top_level": True,
            "icon": _ICON,
        },
        {
            "name": "Review",
            "href": f"{BASE}/review",
            "destination": "nav",
            "url_route": "seamwatch-review",
            "nav_top_level": True,
            "icon": _REVIEW_ICON,
        },
        {
            "name": "Weekly",
            "href": f"{BASE}/weekly",
            "destination": "nav",
            "url_route": "seamwatch-weekly",
            "nav_top_level": True,
            "icon": _WEEKLY_ICON,
        },
        {"name": "Incidents", "href": f"{BASE}/dags/{{DAG_ID}}", "destination": "dag", "url_route": "seamwatch-dag"},
    ]


def create_app(project_dir: Path | None = None) -> FastAPI:
    """Return the app that the plugin mounts under `/seamwatch`.

    Args:
        project_dir: The project; default: the environment's.
    """
    app = FastAPI(
        title="Seamwatch",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(get_user), Depends(require_own_origin)],
    )
    settings = partial(Settings.from_env, project_dir=project_dir)

    @app.middleware("http")
    async def _secure(request: Request, call_next: Any) -> Response:
        # No name of ours holds a NUL, and neither file systems nor PostgreSQL take one.
        is_sound = "\0" not in request.scope["path"] and "%00" not in request.url.query
        response: Response = await call_next(request) if is_sound else Response("no such page", status_code=404)
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        return response

    app.add_exception_handler(401, _ask_to_log_in)
    app.add_exception_handler(StoreError, _say_what_failed)
    _add_overview(app, settings)
    _add_list(app, settings)
    _add_incident(app, settings)
    _add_answers(app, settings)
    _add_objectives(app, settings)
    _add_data_docs(app, settings)
    add_review(app, settings)
    add_agreed_forms(app, settings)
    add_weekly(app, settings)
    return app


def _add_overview(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/", response_class=HTMLResponse)
    def show_overview(user: GetUserDep) -> str:
        with page_deps(settings()) as deps:
            counts = deps.store.count_open_incidents()
            readable = {name for name in known_pipelines(deps, counts) if may("GET", name, user)}
            watcher = _watcher_status(deps, readable)
            statuses = pipeline_statuses(deps, counts, watcher, only=readable)
            shared = stopped_lines(job for job in watcher.jobs if job.pipeline == SHARED)
            return render_overview(overview_rows(statuses, base=BASE), base=BASE, silence=shared, at=deps.clock())


def _add_list(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/incidents", response_class=HTMLResponse)
    def list_incidents(
        user: GetUserDep,
        pipeline: Annotated[str | None, Query(max_length=200)] = None,
        state: Annotated[IncidentState | None, Query()] = None,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    ) -> str:
        with page_deps(settings()) as deps:
            counts = deps.store.count_incidents()
            readable = {name for name in {name for name, _ in counts} if may("GET", name, user)}
            counts = {place: n for place, n in counts.items() if place[0] in readable}
            wanted = {name for name in readable if pipeline in (None, "", name)}
            n_found = sum(n for (name, kept), n in counts.items() if name in wanted and state in (None, kept))
            page = min(page, max(1, -(-n_found // _PER_PAGE)))
            first = (page - 1) * _PER_PAGE
            states = None if state is None else {state}
            shown = deps.store.incidents(wanted, states, limit=_PER_PAGE, offset=first) if n_found else []
            late = deps.store.undelivered([i.id for i in shown], now=deps.clock())
            grades = deps.store.told_grades()
            undelivered = {one.incident_id: one.last_error for one in reversed(late)}
            unowned = {name for name, known in deps.project.pipelines.items() if RELIABILITY not in known.owners}
            silence = _silence(deps, [n for n in deps.project.pipelines if pipeline in (None, "", n)], user)
        changeable = {name for name in {incident.pipeline for incident in shown} if may("PUT", name, user)}
        chosen = {"pipeline": pipeline or "", "state": state or ""}
        return _page(
            "incidents.html.j2",
            rows=[
                {
                    **_row(incident, grades),
                    "undelivered": undelivered.get(incident.id),
                    "can_acknowledge": incident.state is IncidentState.OPEN and incident.pipeline in changeable,
                    "is_unowned": incident.pipeline in unowned,
                }
                for incident in shown
            ],
            silence=silence,
            n_hidden=sum(counts.values()) - n_found,
            base=BASE,
            pipelines=sorted(readable),
            states=list(IncidentState),
            chosen=chosen,
            n_open=sum(n for (_, kept), n in counts.items() if kept.is_open),
            span=f"{numbers.count(first + 1)} to {numbers.count(first + len(shown))} of {numbers.count(n_found)}",
            newer=_page_link(chosen, page - 1) if page > 1 else "",
            older=_page_link(chosen, page + 1) if first + len(shown) < n_found else "",
        )

    @app.get("/dags/{dag_id}", response_class=HTMLResponse)
    def list_of_dag(dag_id: str, user: GetUserDep) -> str:
        return list_incidents(user, pipeline=dag_id.rpartition("__")[0] or dag_id)


def _page_link(chosen: dict[str, str], page: int) -> str:
    return f"{BASE}/incidents?{urlencode({**{k: v for k, v in chosen.items() if v}, 'page': page})}"


def _add_incident(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/incidents/{incident_id}")
    def show_incident(
        incident_id: str,
        user: GetUserDep,
        form: str = "html",
        did: Annotated[IncidentAction | None, Query()] = None,
        debits: Annotated[int | None, Query(ge=0, le=1_000_000_000)] = None,
    ) -> Response:
        if form not in _TYPES:
            raise HTTPException(404, f"no format {form!r}; known: {', '.join(_TYPES)}")
        with page_deps(settings()) as deps:
            incident = _readable(deps, incident_id, user)
            if form == "html":
                outcome = "" if did is None else outcome_text(did, incident, n_debits=debits)
                return HTMLResponse(_incident_page(deps, incident, user, outcome=outcome))
            try:
                text = render_report(report_of(deps, deps.project.pipeline(incident.pipeline), incident), form)
            except SeamwatchError as error:
                raise HTTPException(409, str(error)) from error
        return Response(text, media_type=f"{_TYPES[form]}; charset=utf-8")

    @app.post("/incidents/{incident_id}/acknowledge")
    def acknowledge(incident_id: str, user: GetUserDep) -> Response:
        with page_deps(settings()) as deps:
            incident = _changeable(deps, incident_id, user)
            act_on_incident(deps, incident.id, IncidentAction.ACKNOWLEDGE, by=user.get_name(), door=Door.AIRFLOW)
        return RedirectResponse("../../incidents", status_code=303)

    @app.post("/incidents/{incident_id}/act")
    def act(
        incident_id: str,
        user: GetUserDep,
        action: Annotated[IncidentAction, Form()],
        why: Annotated[str, Form(max_length=LONGEST_REASON_CHARS)] = "",
        hours: Annotated[int | None, Form(ge=min(MUTE_HOURS), le=max(MUTE_HOURS))] = None,
        into: Annotated[str, Form(max_length=200)] = "",
        responsibility: Annotated[Responsibility | None, Form()] = None,
    ) -> Response:
        with page_deps(settings()) as deps:
            incident = _changeable(deps, incident_id, user)
            try:
                done = act_on_incident(
                    deps,
                    incident.id,
                    action,
                    by=user.get_name(),
                    door=Door.AIRFLOW,
                    why=why.strip(),
                    until=None if hours is None else deps.clock() + timedelta(hours=hours),
                    into=into or None,
                    responsibility=responsibility,
                )
            except DataContractError as error:
                page = _incident_page(deps, incident, user, outcome=str(error), is_refused=True)
                return HTMLResponse(page, status_code=422)
            if done.refusal is not None:
                said = refusal_text(done.refusal, done.incident)
                page = _incident_page(deps, done.incident, user, outcome=said, is_refused=True)
                return HTMLResponse(page, status_code=409)
        # A page of its own after the action: to load it again asks for nothing a second time.
        debits = {} if done.n_debits is None else {"debits": done.n_debits}
        return RedirectResponse(f"{_address(incident)}?{urlencode({'did': action.value, **debits})}", status_code=303)


def _add_answers(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.post("/incidents/{incident_id}/answer")
    def answer(
        incident_id: str,
        user: GetUserDep,
        answered: Annotated[str, Form(max_length=400)],
        how: Annotated[Literal["approve", "reject", "undo"], Form()],
    ) -> Response:
        with page_deps(settings()) as deps:
            incident = _changeable(deps, incident_id, user)
            action = next((one for one in deps.store.actions_of(incident.id) if one.id == answered), None)
            if action is None:
                raise HTTPException(404, f"no action {answered!r} of {incident.id}")
            refused = ""
            try:
                after = _answer(deps, action, how, by=user.get_name())
            except SeamwatchError as error:
                after, refused = None, str(error)
            if after is None:
                now = deps.store.action(action.id) or action
                said = refused or f"Nothing changed by your answer. {action_sentence(now)}."
                page = _incident_page(deps, incident, user, outcome=said, is_refused=True)
                return HTMLResponse(page, status_code=409)
        return RedirectResponse(_address(incident), status_code=303)


def _answer(deps: Deps, action: ActionRun, how: str, *, by: str) -> ActionRun | None:
    """Return an action after an answer on its page; None where that changes nothing."""
    if how == "undo":
        return undo(deps, action.id, by=by, door=Door.AIRFLOW)
    pipeline = deps.project.pipeline(action.pipeline)
    return answer_action(
        deps,
        action,
        approves=how == "approve",
        by=by,
        door=Door.AIRFLOW,
        airflow=lambda: open_airflow_approval(deps, pipeline),
    )


def _incident_page(deps: Deps, incident: Incident, user: Any, *, outcome: str = "", is_refused: bool = False) -> str:
    """Return the report of an incident with what this person may do; where it cannot be made, why, and the rest."""
    forms: ActionForms | None = None
    if may("PUT", incident.pipeline, user):
        open_states = {state for state in IncidentState if state.is_open}
        others = deps.store.incidents(incident.pipeline, open_states, limit=_MOST_TARGETS)
        address = _address(incident)
        forms = action_forms(
            incident,
            others,
            path=f"{address}/act",
            answer_path=f"{address}/answer",
            outcome=outcome,
            is_refused=is_refused,
        )
    try:
        return render_html(_framed(report_of(deps, deps.project.pipeline(incident.pipeline), incident)), forms)
    except Exception as error:  # the report's failure; who came to act on the incident still can
        if not isinstance(error, SeamwatchError):
            _LOG.exception("the report of incident %s cannot be made", incident.id)
        reason = str(error) if isinstance(error, SeamwatchError) else f"{type(error).__name__}, see the server's log"
    events = fold_events(deps.store.incident_events(incident.id))
    return render_bare_html(incident, reason, events, incidents_link=f"{BASE}/incidents", forms=forms)


def _address(incident: Incident) -> str:
    return f"{BASE}/incidents/{quote(incident.id, safe='')}"


def _add_objectives(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/objectives/{pipeline}", response_class=HTMLResponse)
    def show_objectives(pipeline: str, user: GetUserDep) -> str:
        if not may("GET", pipeline, user):
            raise HTTPException(404, f"no pipeline {pipeline!r}")
        with page_deps(settings()) as deps:
            try:
                return slo_page(deps, deps.project.pipeline(pipeline))
            except SpecError as error:
                raise HTTPException(404, f"no pipeline {pipeline!r}") from error
            except SeamwatchError as error:
                raise HTTPException(409, str(error)) from error


def _add_data_docs(app: FastAPI, settings: Callable[[], Settings]) -> None:
    @app.get("/data-docs/{path:path}")
    def show_data_docs(path: str, user: GetUserDep) -> Response:
        folder = (settings().data_dir / "data_docs").resolve()
        try:
            file = (folder / path).resolve()
            is_file = file.is_file()
        except (OSError, ValueError) as error:  # a path that no file can have, as one of 5,000 characters
            raise HTTPException(404, "no such page") from error
        # Below the root every folder is a pipeline's; the root's own index names all pipelines, and is not served.
        parts = file.relative_to(folder).parts if file.is_relative_to(folder) else ()
        if len(parts) < 2 or not is_file or not may("GET", parts[0], user):
            raise HTTPException(404, "no such page")
        return FileResponse(file)


async def _ask_to_log_in(request: Request, error: Exception) -> Response:
    """Send a person who followed a link to Airflow's login, and back here; a program gets its 401."""
    headers = request.headers
    is_page = "text/html" in headers.get("accept", "") and headers.get("sec-fetch-dest", "document") == "document"
    if request.method == "GET" and is_page:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{ROOT}/api/v2/auth/login?{urlencode({'next': back})}", status_code=303)
    assert isinstance(error, HTTPException)
    return await http_exception_handler(request, error)


async def _say_what_failed(request: Request, error: Exception) -> Response:
    """Say what is wrong with the store, as plain text, in place of a page without any reason."""
    del request
    return PlainTextResponse(str(error), status_code=503)


def _silence(deps: Deps, pipelines: list[str], user: Any) -> tuple[str, ...]:
    """Return what of Seamwatch itself stands still, of the pipelines that the user may read."""
    status = _watcher_status(deps, [name for name in pipelines if may("GET", name, user)])
    return problem_lines(replace(status, outboxes=()))  # incidents that were not told are said beside each


def _watcher_status(deps: Deps, names: Collection[str]) -> WatcherStatus:
    """Return what runs and what stands still, of some pipelines; where a DAG is paused, that is said."""
    status = watcher_status(deps, only=names)
    if not status.is_well and (paused := paused_dags()):
        status = watcher_status(deps, only=names, paused=paused)
    return status


def _framed(report: IncidentReport) -> IncidentReport:
    """Return the report with a way back that stays in its frame; the link for Slack opens Airflow's UI around it."""
    return replace(report, links=replace(report.links, incidents=f"{BASE}/incidents"))


def _readable(deps: Deps, incident_id: str, user: Any) -> Incident:
    """Return the incident; 404 also where it may not be read, so that nobody learns that it exists."""
    incident = deps.store.incident(incident_id)
    if incident is None or not may("GET", incident.pipeline, user):
        raise HTTPException(404, f"no incident {incident_id!r}")
    return incident


def _changeable(deps: Deps, incident_id: str, user: Any) -> Incident:
    """Return the incident; 404 where it may not be read, 403 where it may not be changed."""
    incident = _readable(deps, incident_id, user)
    if not may("PUT", incident.pipeline, user):
        raise HTTPException(403, f"you may read {incident.pipeline}, not change it")
    return incident


def _row(incident: Incident, grades: Sequence[Grade]) -> dict[str, Any]:
    correction = correction_for(grades, incident.responsibility)
    sure = incident.confidence if correction is None else correction.corrected(incident.confidence)
    return {
        "id": incident.id,
        "state": incident.state.value,
        "severity": incident.severity or "",
        "headline": incident.headline,
        "responsibility": incident.responsibility.value.replace("_", " "),
        "pipeline": incident.pipeline,
        "stage": incident.stage or "",
        "confidence": numbers.percent(sure),
        "confidence_note": "" if correction is None else sentences.correction(incident.confidence, correction),
        "n_records": numbers.count(incident.n_records),
        "opened": numbers.moment(incident.opened_at),
        "window": numbers.span(incident.last_window),
        "n_windows": numbers.count(incident.n_windows),
    }


@cache
def _environment() -> Environment:
    loader = PackageLoader("seamwatch.orchestration", "pages")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _page(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)
