"""The enterprise at work: tickets in, model called over HTTP with retries, rows of every system out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any

import httpx

from seamwatch.demo.enterprise import PROMPT_VERSION, Integration, build_prompt, parse_answer
from seamwatch.demo.warehouse import Rows

CALL_PATH = "/v1/chat/completions"
USD_PER_MTOK = {"input_per_mtok": 0.15, "output_per_mtok": 0.60}
_MOST_ATTEMPTS = 3
_AT_ONCE = 16
_TIMEOUT_S = 1.5
_MAPPED_AFTER, _CALLED_AFTER, _RETRY_AFTER = timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=5)
_DECIDED_AFTER, _ROUTED_AFTER = timedelta(seconds=1), timedelta(seconds=2)

_Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One attempt, and the answer's text where there was one."""

    row: _Row
    answer: str | None


def process_tickets(tickets: Sequence[Mapping[str, Any]], integration: Integration, *, url: str, token: str) -> Rows:
    """Return what the systems write about these tickets: requests, calls, results and routing, in their order.

    Args:
        tickets: Rows of the CRM.
        integration: The release of the integration code that is in force.
        url: Address of the model server.
        token: Bearer token for it.
    """
    return asyncio.run(_process_all(tickets, integration, url, token))


async def _process_all(tickets: Sequence[Mapping[str, Any]], integration: Integration, url: str, token: str) -> Rows:
    limit = asyncio.Semaphore(_AT_ONCE)
    pool = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=pool, timeout=_TIMEOUT_S) as client:

        async def process(ticket: Mapping[str, Any]) -> Rows:
            async with limit:
                return await _process(ticket, integration, client)

        parts = await asyncio.gather(*(process(ticket) for ticket in tickets))
    tables = ("crm_tickets", "ai_requests", "ai_calls", "ai_results", "crm_routing")
    return {table: [row for part in parts for row in part[table]] for table in tables}


async def _process(ticket: Mapping[str, Any], integration: Integration, client: httpx.AsyncClient) -> Rows:
    key, at = ticket["ticket_id"], ticket["updated_at"]
    request = integration.map_request(ticket)
    body = json.dumps(build_prompt(request))
    calls: list[_Call] = []
    while len(calls) < _MOST_ATTEMPTS and not (calls and parse_answer(calls[-1].answer)):
        called_at = at + _CALLED_AFTER + len(calls) * _RETRY_AFTER
        number = len(calls) + 1
        about = {"call_id": f"{key}-{number}", "ticket_id": key, "attempt": number, "called_at": called_at}
        calls.append(await _call(client, body, about))
    result = integration.map_response(calls[-1].answer)
    decided_at = calls[-1].row["called_at"] + _DECIDED_AFTER
    routing = {"queue": result["queue"], "priority": result["priority"], "routed_by": "ai-triage"}
    return {
        "crm_tickets": [dict(ticket)],
        "ai_requests": [{"ticket_id": key, "mapped_at": at + _MAPPED_AFTER, **request}],
        "ai_calls": [call.row for call in calls],
        "ai_results": [{"ticket_id": key, "decided_at": decided_at, **result}],
        "crm_routing": [{"ticket_id": key, "routed_at": decided_at + _ROUTED_AFTER, **routing}],
    }


async def _call(client: httpx.AsyncClient, body: str, about: _Row) -> _Call:
    row: _Row = {
        **about,
        "prompt_version": PROMPT_VERSION,
        "request": body,
        **dict.fromkeys(("response", "finish_reason", "model", "input_tokens", "output_tokens", "cost_usd")),
    }
    started = perf_counter()
    try:
        response = await client.post(CALL_PATH, content=body, headers={"Content-Type": "application/json"})
    except httpx.TimeoutException:
        return _Call(row={**row, "status": "timeout", "latency_ms": _since(started)}, answer=None)
    row |= {"status": str(response.status_code), "response": response.text, "latency_ms": _since(started)}
    if response.status_code != httpx.codes.OK:
        return _Call(row=row, answer=None)
    document = response.json()
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


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 2)
