"""A Python function as a model endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from seamwatch.core.records.comparison import canonical_json, parse_json
from seamwatch.core.records.responses import read_recorded
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.vocabulary import Protocol


class CallableEndpoint:
    """Calls a function with the request body (a dict where it is JSON) and takes its text or dict as the answer.

    Calls run one after another in the caller's thread: a person's function need not be safe in threads.
    """

    protocol = Protocol.CALLABLE

    def __init__(self, function: Callable[[Any], Any], *, name: str, answer: str | None = None) -> None:
        """Keep the function; `answer` is the dotted path of the answer in a returned dict."""
        self._function = function
        self._name = name
        self._answer = answer

    @property
    def identity(self) -> str:
        """Return what makes the same body another call, or its answer be read otherwise."""
        return f"python:{self._name} {self._answer or ''}"

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call; what the function raises is told in the answer, as status `error`."""
        return [self._call(call) for call in calls]

    def _call(self, call: ModelCall) -> ModelAnswer:
        started = perf_counter()
        try:
            result = self._function(parse_json(call.body))
        except Exception as error:  # a person's code may raise anything; it is told, not hidden
            # Only the kind is told: the text of the exception may hold the prompt.
            return ModelAnswer(status="error", detail=f"{self._name} raised {type(error).__name__}")
        latency_ms = (perf_counter() - started) * 1000
        if not isinstance(result, str | dict | list):
            detail = f"{self._name} returned {type(result).__name__}; expected the answer's text, or a dict"
            return ModelAnswer(status="error", latency_ms=latency_ms, detail=detail)
        parsed = read_recorded(Protocol.JSON, result, self._answer)
        return ModelAnswer(
            status="garbage" if parsed.problem else "ok",
            text=None if isinstance(parsed.text, Unknown) else parsed.text,
            detail=f"{self._name}: what it returned cannot be read: {parsed.problem}" if parsed.problem else None,
            body=result if isinstance(result, str) else canonical_json(result),
            finish_reason=parsed.finish_reason,
            model=parsed.model,
            input_tokens=parsed.input_tokens,
            output_tokens=parsed.output_tokens,
            cost_usd=0.0,
            latency_ms=latency_ms,
        )
