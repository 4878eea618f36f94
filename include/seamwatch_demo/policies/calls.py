"""Calls of the assistant's model over HTTP, several at once, and what the caller writes down of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import httpx

from seamwatch_demo.operations import CALL_PATH, USD_PER_MTOK

_AT_ONCE = 8


async def call_all(requests: Mapping[str, str], url: str, token: str) -> dict[str, dict[str, Any]]:
    """Return by key what was recorded of each call, its answer included."""
    limit = asyncio.Semaphore(_AT_ONCE)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client:

        async def call(body: str) -> dict[str, Any]:
            async with limit:
                started = perf_counter()
                response = await client.post(CALL_PATH, content=body)
            document = response.raise_for_status().json()
            usage = document["usage"]
            price = (
                usage["prompt_tokens"] * USD_PER_MTOK["input_per_mtok"]
                + usage["completion_tokens"] * USD_PER_MTOK["output_per_mtok"]
            )
            return {
                "request": body,
                "response": response.text,
                "status": str(response.status_code),
                "finish_reason": document["choices"][0]["finish_reason"],
                "model": document["model"],
                "latency_ms": round((perf_counter() - started) * 1000, 2),
                "input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "cost_usd": price / 1_000_000,
                "answer": document["choices"][0]["message"]["content"],
            }

        answers = await asyncio.gather(*(call(body) for body in requests.values()))
    return dict(zip(requests, answers, strict=True))
