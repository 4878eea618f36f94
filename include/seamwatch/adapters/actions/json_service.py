"""A service that speaks JSON over HTTP, behind an Airflow connection; its failures in words, without secrets."""

from __future__ import annotations

import json
import logging
import math
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import base_url
from seamwatch.adapters.deadline import DeadlinePassed, within
from seamwatch.adapters.models.connect_errors import explain_connect_error
from seamwatch.adapters.models.protocols import request_headers
from seamwatch.errors import AdapterError
from seamwatch.vocabulary import Protocol

CALL_S = 30.0
"""Longest that one call may take, its whole answer read."""
_MOST_BYTES = 20 * 1024 * 1024
_HINTS = {
    401: "check the login and the password of the connection",
    403: "check what the login or key of the connection may do",
    404: "check the host of the connection and the path",
    405: "it does not take this method there",
    409: "somebody changed it meanwhile",
    412: "somebody changed it meanwhile",
    429: "it asks for a pause; try again later",
}


@dataclass(frozen=True, kw_only=True)
class JsonAnswer:
    """What a service answered."""

    status: int
    document: Any
    """None where it is no JSON."""
    etag: str | None = None
    is_exact: bool = True
    """Whether the document can be sent back as it came: no number is rounded, and no name stands twice."""


class JsonService:
    """Calls to one service. Nothing is repeated by itself: who calls knows whether it may be."""

    def __init__(
        self, info: ConnectionInfo, *, pipeline: str, is_bearer: bool = False, deadline_s: float = CALL_S
    ) -> None:
        """Resolve address and headers; nothing is sent yet.

        Args:
            info: Its connection: a login and a password are basic authentication, a password alone a bearer token.
            pipeline: For the tag of the calls.
            is_bearer: The password is a bearer token, whatever the login.
            deadline_s: Of one call.

        Raises:
            AdapterError: If the connection holds no web address, or a header that cannot be sent.
        """
        self.label = f"connection {info.conn_id!r}"
        self._base = base_url(info)
        self.headers = request_headers(info, Protocol.OPENAI_CHAT if is_bearer else Protocol.JSON, pipeline)
        self._deadline_s = deadline_s
        # httpx tells every request at INFO with its address, which may hold a key, to whoever listens to all loggers.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    @property
    def place(self) -> str:
        """Return host, port and path of the service, the same however the connection spells them."""
        url = httpx.URL(self._base)
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        return f"{url.host}:{port}{url.path.rstrip('/')}"

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expected: Collection[int] = (),
    ) -> JsonAnswer:
        """Return the answer of a call that succeeded, or whose status is expected.

        Args:
            method: As `GET`.
            path: Behind the connection's address.
            body: JSON data; None: no body.
            params: Query, which no message shows.
            headers: Besides those of the connection.
            expected: Statuses of 300 and more that the caller understands.

        Raises:
            AdapterError: If no whole answer came, or it is none of these; retryable where a later try may succeed.
        """
        where = f"{self.label}: {method} {urlsplit(path).path}"
        client = httpx.Client(
            headers=self.headers, timeout=self._deadline_s, follow_redirects=False, verify=_certificates()
        )
        try:
            request = client.build_request(
                method, self._url(path), content=_encoded(body), params=params, headers=dict(headers or {})
            )
            status, content, etag = within(self._deadline_s, lambda: _send(client, request), give_up=client.close)
        except (DeadlinePassed, httpx.TimeoutException) as error:
            msg = f"{where} gave no whole answer within {self._deadline_s:g} s"
            raise AdapterError(msg, retryable=True) from error
        except httpx.ConnectError as error:
            said, may_pass = explain_connect_error(error)
            msg = f"{self.label}: {said}"
            raise AdapterError(msg, retryable=may_pass) from error
        except Exception as error:
            # Whatever else a client raises; its own text may hold the address with what is secret in it.
            msg = f"{where} broke off before the end of its answer ({type(error).__name__})"
            raise AdapterError(msg, retryable=True) from error
        finally:
            client.close()
        if status >= 300 and status not in expected:
            raise AdapterError(f"{where} answered {status}{_hint(status)}", retryable=status >= 500 or status == 429)
        if content is None:
            msg = f"{where} answered with more than {_MOST_BYTES // 1024 // 1024} MiB"
            raise AdapterError(msg)
        document, is_exact = _decoded(content)
        return JsonAnswer(status=status, document=document, etag=etag, is_exact=is_exact)

    def _url(self, path: str) -> str:
        return self._base + (path if path.startswith("/") else f"/{path}")


@cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates that are trusted, read once: it takes longer than most calls."""
    return httpx.create_ssl_context()


def _send(client: httpx.Client, request: httpx.Request) -> tuple[int, bytes | None, str | None]:
    response = client.send(request, stream=True)
    try:
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if len(content) > _MOST_BYTES:
                return response.status_code, None, None
        return response.status_code, bytes(content), response.headers.get("etag")
    finally:
        response.close()


def _encoded(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _decoded(content: bytes) -> tuple[Any, bool]:
    """Return a document, None where it is no JSON, and whether it would be sent back as it came."""
    losses: list[str] = []

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or Decimal(repr(value)) != Decimal(text):
            losses.append(text)
        return value

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            losses.append("a name twice")
        return found

    def constant(name: str) -> float:
        losses.append(name)
        return float(name)

    try:
        document = json.loads(content, parse_float=number, parse_constant=constant, object_pairs_hook=members)
    except (ValueError, RecursionError):
        return None, True
    return document, not losses


def _hint(status: int) -> str:
    if status < 400:
        return "; it redirects, which is not followed; put the final address into the connection"
    return f"; {_HINTS[status]}" if status in _HINTS else ""
