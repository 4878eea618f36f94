"""Signed requests of Slack: who sends them is known by Slack's signature, not by a login of Airflow."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from seamwatch.adapters.notify.slack_signature import is_signed
from seamwatch.core.button_presses import FormRequest
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_actions import answer_action, record_action
from seamwatch.engine.slack_agreed import open_agreed_form, take_agreed_form
from seamwatch.engine.slack_forms import open_form
from seamwatch.errors import AdapterError, StoreError
from seamwatch.orchestration.deps import open_deps
from seamwatch.report.agreed_slack_form import AgreeRequest, read_agree_request, read_agreed_form
from seamwatch.report.pressed_buttons import read_form_request
from seamwatch.secret_redaction import SECRETS
from seamwatch.settings import Settings

SLACK_PREFIX = "/seamwatch/slack"
_LOG = logging.getLogger(__name__)
_MOST_BODY_BYTES = 4_000_000
_UNSIGNED = "not signed by a Slack app whose signing_secret a pipeline's Slack connection holds, or too old\n"


def create_slack_app(project_dir: Path | None = None) -> FastAPI:
    """Return the app that the plugin mounts under `/seamwatch/slack`; Slack's requests go to `/actions` below it.

    Args:
        project_dir: The project; default: the environment's.
    """
    app = FastAPI(title="Seamwatch for Slack", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/actions")
    async def take_action(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response("too large\n", status_code=413)
        headers = request.headers
        timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        return await run_in_threadpool(_take, _project_dir(project_dir), body, timestamp, signature)

    return app


def _project_dir(given: Path | None) -> Path:
    return Settings.from_env(project_dir=given).project_dir


async def _body(request: Request) -> bytes | None:
    """Return the body; None where it is larger than any that Slack sends."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY_BYTES:
            return None
    return bytes(body)


def _take(project_dir: Path, body: bytes, timestamp: str, signature: str) -> Response:
    """Return the answer to a request: what was pressed is recorded before it, and carried out after it."""
    try:
        with open_deps(project_dir) as deps:
            connection = _signer(deps, body, timestamp, signature)
            if connection is None:
                return Response(_UNSIGNED, status_code=401, media_type="text/plain")
            payload = _payload(body)
            wanted, sent = read_agree_request(payload), read_agreed_form(payload)
            if sent is not None:  # kept before the answer: what Slack does not hear of, the person sends again
                take_agreed_form(deps, sent, connection=connection)
                return Response(status_code=200)
            if wanted is not None:
                return Response(
                    status_code=200, background=BackgroundTask(_open_agreed, project_dir, wanted, connection)
                )
            request = read_form_request(payload)
            press_id = None if request is not None else record_action(deps, payload, connection=connection)
    except StoreError as error:
        return Response(f"{error}\n", status_code=503, media_type="text/plain")
    # Slack waits for three seconds only.
    then = None
    if request is not None:
        then = BackgroundTask(_open_form, project_dir, request, connection)
    elif press_id is not None:
        then = BackgroundTask(_carry_out, project_dir, press_id)
    return Response(status_code=200, background=then)


def _signer(deps: Deps, body: bytes, timestamp: str, signature: str) -> str | None:
    """Return the Slack connection whose app signed a request; None where none did."""
    slacks = (pipeline.slack for pipeline in deps.project.pipelines.values())
    for conn_id in dict.fromkeys(slack.connection for slack in slacks if slack is not None and slack.actions):
        try:
            secret = deps.connections.get(conn_id).extra.get("signing_secret")
        except AdapterError as error:
            _LOG.warning("a request of Slack cannot be checked against connection %s: %s", conn_id, error)
            continue
        if is_signed(secret, body, timestamp=timestamp, signature=signature, now=deps.clock()):
            return conn_id
    return None


def _payload(body: bytes) -> object:
    """Return what a form says under `payload`; None where it cannot be read."""
    try:
        form = parse_qs(body.decode(), max_num_fields=10)
        return json.loads(form["payload"][0])
    except (ValueError, KeyError, RecursionError):
        return None


def _carry_out(project_dir: Path, press_id: int) -> None:
    """Carry out what was pressed; what fails is tried again by the next delivery."""
    try:
        with open_deps(project_dir) as deps:
            answer_action(deps, press_id)
    except Exception as error:  # the answer has been given already: nobody else would be told
        _LOG.warning("a pressed button is carried out later: %s", SECRETS.redact(str(error)))


def _open_agreed(project_dir: Path, request: AgreeRequest, connection: str) -> None:
    """Show the form of an agreed action; of what fails the person is told."""
    try:
        with open_deps(project_dir) as deps:
            open_agreed_form(deps, request, connection=connection)
    except Exception as error:  # the answer has been given already: nobody else would be told
        _LOG.warning("the form of an agreed action was not opened: %s", SECRETS.redact(str(error)))


def _open_form(project_dir: Path, request: FormRequest, connection: str) -> None:
    """Show a form; of what fails the person is told."""
    try:
        with open_deps(project_dir) as deps:
            open_form(deps, request, connection=connection)
    except Exception as error:  # the answer has been given already: nobody else would be told
        _LOG.warning("the form for %s was not opened: %s", request.incident_id, SECRETS.redact(str(error)))
