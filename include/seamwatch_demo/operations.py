"""The enterprise at work: tickets in, model called over HTTP with retries, rows of every system out.

The calls are real, their times are not waited for: the model's server says how long each answer takes
(`openai-processing-ms`, as OpenAI's API does) without taking so long, and the clocks of the enterprise go on by that.
"""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from seamwatch_demo.enterprise import Integration, build_prompt
from seamwatch_demo.model_server import PROCESSING_HEADER
from seamwatch_demo.warehouse import Rows

CALL_PATH = "/v1/chat/completions"
USD_PER_MTOK = {"input_per_mtok": 0.15, "output_per_mtok": 0.60}
_AT_ONCE = 16
_PATIENCE_S = 1.5
"""How long an answer is really waited for; the enterprise's clocks go on by `_TIMEOUT_MS` instead."""
_TIMEOUT_MS, _ON_THE_WAY_MS = 30_000.0, 45.0
_RETRY_AFTER = timedelta(seconds=5)
_OK = 200

_Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One attempt, and the answer's text where there was one."""

    row: _Row
    answer: str | None


class _Client:
    """One kept connection to the model's server; for one thread."""

    def __init__(self, url: str, token: str) -> None:
        self._link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_PATIENCE_S)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def close(self) -> None:
        """Let go of the connection."""
        self._link.close()

    def post(self, body: str) -> tuple[int, str, float]:
        """Return status, body and the milliseconds that the answer took; TimeoutError if it did not come."""
        try:
            self._link.request("POST", CALL_PATH, body.encode(), self._headers)
            response = self._link.getresponse()
            text = response.read().decode()
        except TimeoutError:
            self.close()
            raise
        return response.status, text, float(response.headers.get(PROCESSING_HEADER, 0.0)) + _ON_THE_WAY_MS


def process_tickets(tickets: Sequence[Mapping[str, Any]], integration: Integration, *, url: str, token: str) -> Rows:
    """Return what the systems write about these tickets: requests, calls, results and routing, in their order.

    Args:
        tickets: Rows of the CRM.
        integration: The release of the integration code that is in force.
        url: Address of the model server.
        token: Bearer token for it.
    """
    n_clients = min(_AT_ONCE, len(tickets))
    free: SimpleQueue[_Client] = SimpleQueue()
    for _ in range(n_clients):
        free.put(_Client(url, token))

    def process(ticket: Mapping[str, Any]) -> Rows:
        client = free.get()
        try:
            return _process(ticket, integration, client)
        finally:
            free.put(client)

    with ThreadPoolExecutor(n_clients) as pool:
        parts = list(pool.map(process, tickets))
    for _ in range(n_clients):
        free.get().close()
    tables = ("crm_tickets", "ai_requests", "ai_calls", "ai_results", "crm_routing")
    return {table: [row for part in parts for row in part[table]] for table in tables}


def _process(ticket: Mapping[str, Any], integration: Integration, client: _Client) -> Rows:
    key = ticket["ticket_id"]
    pace = random.Random(key)  # noqa: S311 - how long each system takes, the same whenever the day is lived
    mapped_at = ticket["updated_at"] + _seconds(pace, 0.4, 1.6)
    request = integration.map_request(ticket)
    body = json.dumps(build_prompt(request))
    called_at = mapped_at + _seconds(pace, 0.1, 0.5)
    calls: list[_Call] = []
    while len(calls) < integration.most_attempts and not (calls and integration.accepts(calls[-1].answer)):
        number = len(calls) + 1
        about = {
            "call_id": f"{key}-{number}",
            "ticket_id": key,
            "attempt": number,
            "prompt_version": integration.prompt_version,
        }
        calls.append(_call(client, body, about, called_at))
        called_at = calls[-1].row["ended_at"] + _RETRY_AFTER
    result = integration.map_response(calls[-1].answer)
    decided_at = calls[-1].row["ended_at"] + _seconds(pace, 0.05, 0.2)
    routing = {"queue": result["queue"], "priority": result["priority"], "routed_by": "ai-triage"}
    return {
        "crm_tickets": [dict(ticket)],
        "ai_requests": [{"ticket_id": key, "mapped_at": mapped_at, **request}],
        "ai_calls": [call.row for call in calls],
        "ai_results": [{"ticket_id": key, "decided_at": decided_at, **result}],
        "crm_routing": [{"ticket_id": key, "routed_at": decided_at + _seconds(pace, 0.5, 2.5), **routing}],
    }


def _call(client: _Client, body: str, about: _Row, called_at: datetime) -> _Call:
    unknown = dict.fromkeys(("response", "finish_reason", "model", "input_tokens", "output_tokens", "cost_usd"))
    row: _Row = {**about, "called_at": called_at, "request": body, **unknown}
    try:
        status, text, took_ms = client.post(body)
    except TimeoutError:
        ended_at = called_at + timedelta(milliseconds=_TIMEOUT_MS)
        return _Call(row={**row, "status": "timeout", "latency_ms": _TIMEOUT_MS, "ended_at": ended_at}, answer=None)
    ended_at = called_at + timedelta(milliseconds=took_ms)
    row |= {"status": str(status), "response": text, "latency_ms": round(took_ms, 1), "ended_at": ended_at}
    if status != _OK:
        return _Call(row=row, answer=None)
    document = json.loads(text)
    choice, usage = document["choices"][0], document["usage"]
    n_input, n_output = usage["prompt_tokens"], usage["completion_tokens"]
    price = n_input * USD_PER_MTOK["input_per_mtok"] + n_output * USD_PER_MTOK["output_per_mtok"]
    row |= {
        "finish_reason": choice["finish_reason"],
        "model": document["model"],
        "input_tokens": n_input,
        "output_tokens": n_output,
        "cost_usd": price / 1_000_000,
    }
    return _Call(row=row, answer=choice["message"]["content"])


def _seconds(pace: random.Random, least: float, most: float) -> timedelta:
    return timedelta(seconds=pace.uniform(least, most))
