"""How an endpoint is addressed, by protocol and connection: the URL and the headers. Nothing is sent here."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import httpx

from seamwatch import __version__
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import base_url
from seamwatch.errors import AdapterError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol

_PATHS = {
    Protocol.OPENAI_CHAT: "/v1/chat/completions",
    Protocol.OPENAI_RESPONSES: "/v1/responses",
    Protocol.ANTHROPIC_MESSAGES: "/v1/messages",
    Protocol.OLLAMA: "/api/chat",
    Protocol.MLFLOW: "/invocations",
}
_MODEL_IN_PATH = {
    Protocol.GEMINI: "/v1beta/models/MODEL:generateContent",
    Protocol.BEDROCK: "/model/MODEL/converse or /model/MODEL/invoke",
}
"""Protocols whose path names the model, so that none can be assumed."""
_BEARER = frozenset({Protocol.OPENAI_CHAT, Protocol.OPENAI_RESPONSES, Protocol.BEDROCK})
"""Protocols that know no other credentials, so that a login beside the key means nothing."""
_NAMED_MODEL = re.compile(r"/(?:models?|deployments)/([^/:]+(?::\d+)?)(?:$|[:/])")
"""A Bedrock model's id may end in a colon and a number; behind another colon stands what is asked of the model."""
_ANTHROPIC_VERSION = "2023-06-01"


def endpoint_url(endpoint: Endpoint, info: ConnectionInfo, protocol: Protocol) -> str:
    """Return the address that requests go to.

    The path is the pipeline file's, else the connection's `path` extra, else the protocol's own.

    Raises:
        AdapterError: If the connection holds no web address, or no path names the model where the protocol wants it.
    """
    base = base_url(info)
    path = endpoint.path or str(info.extra.get("path") or "")
    if not path and protocol in _MODEL_IN_PATH:
        msg = (
            f"connection {info.conn_id!r}: an endpoint that speaks {protocol.value} needs the path that names its "
            f"model, as {_MODEL_IN_PATH[protocol]}; write it into the endpoint of the pipeline file"
        )
        raise AdapterError(msg)
    if not path:
        path = _PATHS.get(protocol, "")
        # Many clients take the version as part of the address: https://api.example.com/v1
        path = path.removeprefix("/v1") if base.endswith("/v1") else path
    url = base + (path if path.startswith("/") or not path else f"/{path}")
    try:
        return str(httpx.URL(url))
    except httpx.InvalidURL:
        msg = f"connection {info.conn_id!r}: no URL can be made of its host and the endpoint's path {path!r}"
        raise AdapterError(msg) from None


def model_in_url(url: str) -> str | None:
    """Return the model that an address names, as Gemini's, Bedrock's and Azure's do; None where it names none."""
    found = _NAMED_MODEL.search(urlsplit(url).path)
    return unquote(found[1]) if found else None


def request_headers(info: ConnectionInfo, protocol: Protocol, pipeline: str) -> httpx.Headers:
    """Return the headers of every call: content type, tags, credentials, and the connection's `headers` extra.

    Raises:
        AdapterError: If a header holds characters that cannot be sent; the value is not shown.
    """
    try:
        headers = httpx.Headers(
            {
                "Content-Type": "application/json",
                "User-Agent": f"seamwatch/{__version__}",
                "X-Seamwatch-Pipeline": pipeline,
                **_credentials(info, protocol),
            }
        )
        headers.update(_extra_headers(info))
    except UnicodeEncodeError:
        raise _unsendable(info) from None
    if any(character < 32 for value in dict(headers.raw).values() for character in value):
        raise _unsendable(info)
    return headers


def _unsendable(info: ConnectionInfo) -> AdapterError:
    return AdapterError(
        f"connection {info.conn_id!r}: its password or a header in its extra holds a line break or a character "
        "outside ASCII, which no HTTP header can carry; store it again without"
    )


def _credentials(info: ConnectionInfo, protocol: Protocol) -> Mapping[str, str]:
    # A key that was read from a file often ends in a line break that is not part of it.
    secret = (info.password or "").strip()
    if protocol is Protocol.ANTHROPIC_MESSAGES:
        return {"anthropic-version": _ANTHROPIC_VERSION} | ({"x-api-key": secret} if secret else {})
    if not secret:
        return {}
    if protocol is Protocol.GEMINI:
        return {"x-goog-api-key": secret}
    if info.login and protocol not in _BEARER:
        # Airflow's HTTP connections with a login mean basic authentication.
        return {"Authorization": f"Basic {b64encode(f'{info.login}:{secret}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {secret}"}


def _extra_headers(info: ConnectionInfo) -> dict[str, str]:
    given = info.extra.get("headers") or {}
    try:
        given = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        given = None
    if not isinstance(given, Mapping):
        msg = f'connection {info.conn_id!r}: the extra \'headers\' must be an object, as {{"X-Team": "support"}}'
        raise AdapterError(msg)
    return {str(name): str(value) for name, value in given.items()}
