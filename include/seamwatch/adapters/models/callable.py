"""A Python function as a model endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from seamwatch.core.compare import parse_json
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.responses import read_recorded
from seamwatch.vocabulary import Protocol


class CallableEndpoint:
    """Calls a function with the request body (a dict where it is JSON) and takes its text or dict as the answer."""

    protocol = Protocol.CALLABLE
    concurrency = 1

    def __init__(self, function: Callable[[Any], Any], *, name: str, answer: str | None = None) -> None:
        """Keep the function; `answer` is the dotted path of the answer in a returned dict."""
        self.identity = f"python:{name}"
        self._function = function
        self._name = name
        self._answer = answer

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call; what the function raises is told in the answer."""
        return [self._call(call) for call in calls]

    def _call(self, call: ModelCall) -> ModelAnswer:
        started = perf_counter()
        try:
            result = self._function(parse_json(call.body))
        except Exception as error:  # noqa: BLE001 - a person's code may raise anything; it is told, not hidden
            return ModelAnswer(status="garbage", detail=f"{self._name} raised {type(error).__name__}")
        parsed = read_recorded(Protocol.JSON, result, self._answer)
        return ModelAnswer(
            status="ok" if parsed.text is not None else "garbage",
            text=parsed.text,
            body=result if isinstance(result, str) else json.dumps(result, ensure_ascii=False),
            finish_reason=parsed.finish_reason,
            model=parsed.model,
            cost_usd=0.0,
            latency_ms=(perf_counter() - started) * 1000,
            detail=None if parsed.text is not None else f"{self._name} returned no answer",
        )
