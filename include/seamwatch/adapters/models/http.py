"""A model endpoint over HTTP: the recorded body goes out as it was, tagged, retried with patience, read by protocol."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any

import httpx
import tenacity

from seamwatch import __version__
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import base_url
from seamwatch.adapters.models.stream import assemble_stream
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.responses import choose_protocol, read_response
from seamwatch.spec.pipeline import Endpoint
from seamwatch.vocabulary import Protocol

_PATHS = {
    Protocol.OPENAI_CHAT: "/v1/chat/completions",
    Protocol.ANTHROPIC_MESSAGES: "/v1/messages",
    Protocol.MLFLOW: "/invocations",
}
_MAX_BODY = 10 * 1024 * 1024
_MAX_WAIT_S = 60.0
"""Longest pause that a Retry-After may ask for."""
_ATTEMPTS = 4
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class _Retry(Exception):
    """A failure that may pass, with the answer to give if it does not."""

    def __init__(self, answer: ModelAnswer, retry_after_s: float | None = None) -> None:
        self.answer = answer
        self.retry_after_s = retry_after_s
        super().__init__(answer.status)


class HttpModelEndpoint:
    """One endpoint behind one Airflow connection."""

    def __init__(
        self,
        endpoint: Endpoint,
        info: ConnectionInfo,
        *,
        pipeline: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Resolve address, protocol and headers; nothing is sent yet. AdapterError if the connection has no host."""
        self.protocol = choose_protocol(endpoint, info.extra)
        path = endpoint.path or str(info.extra.get("path") or _PATHS.get(self.protocol, ""))
        self.url = f"{base_url(info)}{path}"
        self.concurrency = endpoint.concurrency
        self._endpoint = endpoint
        self._conn_id = info.conn_id
        self._headers = _headers(info, self.protocol, pipeline)
        self._sleep = sleep

    @property
    def identity(self) -> str:
        """Return what makes the same body another request: the address."""
        return self.url

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call, in order; at most `concurrency` are under way at once."""
        return _run(self._ask_all(calls, lambda call, send: send(call)))

    def ask_with(
        self,
        calls: Sequence[ModelCall],
        around: Callable[[ModelCall, Callable[[ModelCall], Awaitable[ModelAnswer]]], Awaitable[ModelAnswer]],
    ) -> list[ModelAnswer]:
        """Return answers as `ask` does, each call wrapped by `around`, which may refuse it or settle its cost."""
        return _run(self._ask_all(calls, around))

    async def _ask_all(self, calls: Sequence[ModelCall], around: Any) -> list[ModelAnswer]:
        limit = asyncio.Semaphore(self.concurrency)
        timeout = httpx.Timeout(self._endpoint.timeout.total_seconds())
        pool = httpx.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency)
        async with httpx.AsyncClient(headers=self._headers, timeout=timeout, limits=pool) as client:

            async def one(call: ModelCall) -> ModelAnswer:
                async with limit:
                    answer: ModelAnswer = await around(call, lambda c: self._send(client, c))
                    return answer

            return list(await asyncio.gather(*(one(call) for call in calls)))

    async def _send(self, client: httpx.AsyncClient, call: ModelCall) -> ModelAnswer:
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_Retry),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(self._send_once, client, call)
        except _Retry as failure:
            return failure.answer

    async def _send_once(self, client: httpx.AsyncClient, call: ModelCall) -> ModelAnswer:
        started = perf_counter()
        headers = {
            "X-Seamwatch-Replay": call.purpose,
            "X-Seamwatch-Record": hashlib.sha256(call.key.encode()).hexdigest()[:16],
        }
        timeout_s = self._endpoint.timeout.total_seconds()
        try:
            async with asyncio.timeout(timeout_s):
                async with client.stream("POST", self.url, content=call.body.encode(), headers=headers) as response:
                    body = await _read_limited(response)
        except (httpx.TimeoutException, TimeoutError) as error:
            detail = f"no answer within {timeout_s:g} s"
            raise _Retry(ModelAnswer(status="timeout", detail=f"{self._conn_id}: {detail}")) from error
        except httpx.TransportError as error:
            detail = f"{self._conn_id}: cannot be reached or broke off ({type(error).__name__})"
            raise _Retry(ModelAnswer(status="unreachable", detail=detail)) from error
        except httpx.InvalidURL as error:
            detail = f"{self._conn_id}: its address is no URL"
            del error
            return ModelAnswer(status="unreachable", detail=detail)
        latency_ms = (perf_counter() - started) * 1000
        if body is None:
            detail = f"{self._conn_id}: the response is larger than {_MAX_BODY // 1024 // 1024} MiB"
            return ModelAnswer(status="garbage", http_status=response.status_code, detail=detail)
        if response.status_code >= 300:
            raise_later = self._http_error(response.status_code, latency_ms)
            if response.status_code in _RETRIED:
                raise _Retry(raise_later, _retry_after(response))
            return raise_later
        return self._parse(response, body, latency_ms)

    def _parse(self, response: httpx.Response, body: str, latency_ms: float) -> ModelAnswer:
        if "text/event-stream" in response.headers.get("content-type", ""):
            body = assemble_stream(self.protocol, body)
        parsed = read_response(self.protocol, body, self._endpoint.answer)
        is_ok = parsed.problem is None
        return ModelAnswer(
            status="ok" if is_ok else "garbage",
            text=parsed.text,
            body=body,
            http_status=response.status_code,
            finish_reason=parsed.finish_reason,
            model=parsed.model,
            input_tokens=parsed.input_tokens,
            output_tokens=parsed.output_tokens,
            cached_tokens=parsed.cached_tokens,
            latency_ms=latency_ms,
            detail=None if is_ok else f"{self._conn_id}: the response is broken: {parsed.problem}",
        )

    def _http_error(self, status: int, latency_ms: float) -> ModelAnswer:
        hints = {
            401: "check the connection's password",
            403: "the connection's key may not use this endpoint",
            404: "check the path of the endpoint",
            400: "the endpoint refuses the request as it was recorded",
            429: "the rate limit holds also after waiting",
        }
        hint = f"; {hints[status]}" if status in hints else ""
        detail = f"{self._conn_id}: HTTP {status}{hint}"
        return ModelAnswer(status="http_error", http_status=status, latency_ms=latency_ms, detail=detail)


async def _read_limited(response: httpx.Response) -> str | None:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts).decode("utf-8", errors="replace")


def _headers(info: ConnectionInfo, protocol: Protocol, pipeline: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"seamwatch/{__version__}",
        "X-Seamwatch-Pipeline": pipeline.encode("ascii", "replace").decode(),
    }
    if info.password and protocol is Protocol.ANTHROPIC_MESSAGES:
        headers |= {"x-api-key": info.password, "anthropic-version": "2023-06-01"}
    elif info.password:
        headers["Authorization"] = f"Bearer {info.password}"
    extra = info.extra.get("headers") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return headers | {str(name): str(value) for name, value in extra.items()}


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return min(float(value), _MAX_WAIT_S) if value.replace(".", "", 1).isdigit() else None


_backoff = tenacity.wait_exponential_jitter(initial=0.5, max=20.0, jitter=0.5)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, _Retry) else None
    return asked if asked is not None else _backoff(state)


def _run(work: Coroutine[Any, Any, list[ModelAnswer]]) -> list[ModelAnswer]:
    """Run to the end, also where the caller stands inside a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    box: list[list[ModelAnswer] | BaseException] = []

    def in_thread() -> None:
        try:
            box.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            box.append(error)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]
