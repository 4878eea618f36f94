"""A model endpoint over HTTP: the recorded body goes out as it was, tagged, retried with patience, read by protocol."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from time import perf_counter

import httpx

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.models.connect_errors import explain_connect_error
from seamwatch.adapters.models.exchange import Attempt, Gate, open_gate, run_async
from seamwatch.adapters.models.protocols import endpoint_url, request_headers
from seamwatch.adapters.models.retries import Patience, is_passing_status, retry_after_s
from seamwatch.core.records.comparison import parse_json
from seamwatch.core.records.response_usage import read_counts
from seamwatch.core.records.responses import assemble_text, choose_protocol, read_response
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.plurals import plural
from seamwatch.spec.endpoint import Endpoint

MAX_BODY_BYTES = 10 * 1024 * 1024
"""No answer of a model is larger; a body that is has come from something else."""
_STREAM_TYPES = ("text/event-stream", "application/x-ndjson")
_MIN_SILENT_CALLS = 5
_HINTS = {
    400: "the endpoint refuses the request as it was recorded",
    401: "check the password of the connection",
    403: "check what the key of the connection may use",
    404: "check the host of the connection and the endpoint's path in the pipeline file",
    413: "the request is larger than the endpoint takes",
    422: "the endpoint refuses the request as it was recorded",
    429: "the rate limit holds also after waiting",
}


class HttpModelEndpoint:
    """One endpoint behind one Airflow connection.

    When so many calls in a row got no answer that the endpoint must be down, the rest are not sent: a hanging
    endpoint would else hold up a window for hours.
    """

    def __init__(
        self, endpoint: Endpoint, info: ConnectionInfo, *, pipeline: str = "", patience: Patience | None = None
    ) -> None:
        """Resolve address, protocol and headers; nothing is sent yet.

        Raises:
            AdapterError: If the connection holds no web address or a header that cannot be sent.
        """
        self.protocol = choose_protocol(endpoint, info.extra)
        self.concurrency = endpoint.concurrency
        self._endpoint = endpoint
        self._conn_id = info.conn_id
        self._url = endpoint_url(endpoint, info, self.protocol)
        self._headers = request_headers(info, self.protocol, pipeline)
        self._timeout_s = endpoint.timeout.total_seconds()
        self._patience = patience or Patience()
        # httpx tells every request at INFO with its address, which may hold a key, to whoever listens to all loggers.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._silent_calls = 0
        """Calls in a row that got no answer."""

    @property
    def identity(self) -> str:
        """Return what makes the same body another call, or its answer be read otherwise."""
        return f"{self._url} {self.protocol} {self._endpoint.answer or ''}"

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call, in order; at most `concurrency` are under way at once."""
        return self.ask_with(calls, open_gate)

    def ask_with(self, calls: Sequence[ModelCall], gate: Gate) -> list[ModelAnswer]:
        """Return answers as `ask` does, with the gate around every attempt."""
        return run_async(self._ask_all(calls, gate)) if calls else []

    @property
    def url(self) -> str:
        """Return the address that requests go to."""
        return self._url

    @cached_property
    def _tls(self) -> ssl.SSLContext | bool:
        # Reading the certificate authorities takes a tenth of a second: not where there is no certificate to verify.
        return httpx.create_ssl_context() if self._url.startswith("https:") else False

    async def _ask_all(self, calls: Sequence[ModelCall], gate: Gate) -> list[ModelAnswer]:
        # Calls in a second row are reserved, or booked, while those in the first are on the wire.
        ready, wire = asyncio.Semaphore(2 * self.concurrency), asyncio.Semaphore(self.concurrency)
        pool = httpx.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency)
        async with httpx.AsyncClient(
            headers=self._headers, timeout=self._timeout_s, limits=pool, verify=self._tls, follow_redirects=False
        ) as client:

            async def ask_one(call: ModelCall) -> ModelAnswer:
                async with ready:
                    return await self._ask_one(client, wire, call, gate)

            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(ask_one(call)) for call in calls]
            except BaseExceptionGroup as failures:
                # The gate's own failure (a store that refuses) ends the batch, and is the caller's to handle.
                raise failures.exceptions[0] from None
            return [task.result() for task in tasks]

    async def _ask_one(
        self, client: httpx.AsyncClient, wire: asyncio.Semaphore, call: ModelCall, gate: Gate
    ) -> ModelAnswer:
        last: Attempt | None = None

        async def send(call: ModelCall) -> Attempt:
            async with wire:
                dead = self._give_up()
                return Attempt(answer=dead, has_left=False) if dead else await self._send(client, call)

        async def attempt() -> Attempt:
            nonlocal last
            now = await gate(call, send)
            # A retry that the gate refuses leaves what the attempt before it came to.
            last = last if last is not None and now.answer.status == "budget" else now
            return last if last is now else Attempt(answer=last.answer, has_left=last.has_left)

        done: Attempt = await self._patience.retrying(self._timeout_s)(attempt)
        is_silent = done.may_pass and done.answer.status in ("timeout", "unreachable")
        if is_silent or done.has_left:  # neither: the call was not made, since the endpoint was given up
            self._silent_calls = self._silent_calls + 1 if is_silent else 0
        return done.answer

    def _give_up(self) -> ModelAnswer | None:
        if self._silent_calls < max(_MIN_SILENT_CALLS, self.concurrency):
            return None
        detail = f"{self._conn_id}: not asked, since {plural(self._silent_calls, 'call')} before got no answer"
        return ModelAnswer(status="unreachable", detail=detail)

    async def _send(self, client: httpx.AsyncClient, call: ModelCall) -> Attempt:
        headers = {
            "X-Seamwatch-Replay": call.purpose,
            # A key may be a person's name; the tag only has to tell records apart.
            "X-Seamwatch-Record": hashlib.sha256(call.key.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        }
        content = call.body.encode("utf-8", "surrogatepass")
        started = perf_counter()
        status: int | None = None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                client.stream("POST", self._url, content=content, headers=headers) as response,
            ):
                status = response.status_code
                body = await _read_limited(response)
        except (httpx.TimeoutException, TimeoutError) as error:
            has_left = not isinstance(error, httpx.ConnectTimeout)
            return self._failure("timeout", f"no whole answer within {self._timeout_s:g} s", status, has_left=has_left)
        except httpx.ConnectError as error:
            said, may_pass = explain_connect_error(error)
            return self._failure("unreachable", said, has_left=False, may_pass=may_pass)
        except httpx.DecodingError:
            return self._failure("garbage", "the response is not compressed as it says", status, may_pass=False)
        except httpx.TransportError as error:
            word = "unreachable" if status is None else "garbage"
            return self._failure(word, f"broke off before the end of its answer ({type(error).__name__})", status)
        latency_ms = (perf_counter() - started) * 1000
        if status >= 300:
            return self._http_error(response, body or "", latency_ms)
        if body is None:
            detail = f"the response is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB"
            return self._failure("garbage", detail, status, may_pass=False)
        return self._answer(response, body, latency_ms)

    def _failure(
        self, status: str, detail: str, http_status: int | None = None, *, has_left: bool = True, may_pass: bool = True
    ) -> Attempt:
        answer = ModelAnswer(status=status, http_status=http_status, detail=f"{self._conn_id}: {detail}")
        return Attempt(answer=answer, has_left=has_left, may_pass=may_pass)

    def _http_error(self, response: httpx.Response, body: str, latency_ms: float) -> Attempt:
        status = response.status_code
        counts = read_counts(parse_json(body))  # a call that failed may be billed nevertheless
        hint = _HINTS.get(status, "")
        if status < 400:
            hint = "it redirects, which is not followed; put the final address into the connection"
        answer = ModelAnswer(
            status="http_error",
            http_status=status,
            input_tokens=counts.input_tokens,
            output_tokens=counts.output_tokens,
            cached_tokens=counts.cached_tokens,
            cache_written_tokens=counts.cache_written_tokens,
            latency_ms=latency_ms,
            detail=f"{self._conn_id}: HTTP {status}" + (f"; {hint}" if hint else ""),
        )
        wait_s = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
        return Attempt(answer=answer, may_pass=is_passing_status(status), retry_after_s=wait_s)

    def _answer(self, response: httpx.Response, body: str, latency_ms: float) -> Attempt:
        content_type = response.headers.get("content-type", "").lower()
        # Some servers name a stream otherwise; no JSON begins like one.
        is_stream = content_type.startswith(_STREAM_TYPES) or body.startswith(("data:", "event:"))
        whole = assemble_text(body) if is_stream else None
        # The whole body is kept: it is what the same call would have given without streaming.
        body = body if whole is None else json.dumps(whole)
        parsed = read_response(self.protocol, body, self._endpoint.answer)
        problem = "the stream is broken or ends too early" if is_stream and whole is None else parsed.problem
        if problem and body.lstrip()[:9].lower().startswith(("<html", "<!doctype")):
            problem = "an HTML page, as a login or a proxy gives: look at the address and the key of the connection"
        answer = ModelAnswer(
            status="garbage" if problem else "ok",
            text=None if isinstance(parsed.text, Unknown) else parsed.text,
            body=body,
            http_status=response.status_code,
            finish_reason=parsed.finish_reason,
            model=parsed.model,
            input_tokens=parsed.input_tokens,
            output_tokens=parsed.output_tokens,
            cached_tokens=parsed.cached_tokens,
            cache_written_tokens=parsed.cache_written_tokens,
            latency_ms=latency_ms,
            detail=f"{self._conn_id}: the response cannot be read: {problem}" if problem else None,
        )
        return Attempt(answer=answer)


async def _read_limited(response: httpx.Response) -> str | None:
    """Return the body as text; None if it is too large, without reading it to the end."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts).decode("utf-8-sig", errors="replace")
