"""What a call costs, by genai-prices or by the connection's own prices; an unknown model has no price."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seamwatch.core.compare import parse_json
from seamwatch.core.replays import ModelAnswer

_CHARACTERS_PER_TOKEN = 3
"""Fewer than any common tokeniser has in English, so that the estimate is on the safe side."""
_OUTPUT_TOKENS = 4096
"""Assumed where a request names no limit."""


class Prices:
    """Prices of one endpoint."""

    def __init__(self, overrides: Mapping[str, Mapping[str, float]] | str | None = None) -> None:
        """Take the connection extra `prices`: model to `input_per_mtok`, `output_per_mtok`, `cached_input_per_mtok`."""
        given = json.loads(overrides) if isinstance(overrides, str) else overrides
        self._overrides = dict(given or {})

    def cost_usd(self, answer: ModelAnswer) -> float | None:
        """Return what the call cost; None if the model or its tokens are not known. Cached tokens count once."""
        if answer.cost_usd is not None:
            return answer.cost_usd
        if answer.model is None or answer.input_tokens is None or answer.output_tokens is None:
            return None
        return self._price(answer.model, answer.input_tokens, answer.output_tokens, answer.cached_tokens or 0)

    def worst_case_usd(self, body: str) -> float:
        """Return the most that a request may cost; 0.0 if its model has no known price (the calls still count)."""
        request = parse_json(body)
        if not isinstance(request, Mapping) or not isinstance(request.get("model"), str):
            return 0.0
        limit = request.get("max_completion_tokens") or request.get("max_tokens") or _OUTPUT_TOKENS
        n_output = limit if isinstance(limit, int) else _OUTPUT_TOKENS
        return self._price(request["model"], len(body) // _CHARACTERS_PER_TOKEN + 1, n_output, 0) or 0.0

    def _price(self, model: str, n_input: int, n_output: int, n_cached: int) -> float | None:
        override = self._overrides.get(model)
        if override is not None:
            return _by_override(override, n_input, n_output, n_cached)
        from genai_prices import Usage, calc_price  # noqa: PLC0415 - its price table takes a while to load

        usage: Any = Usage(input_tokens=n_input, cache_read_tokens=n_cached or None, output_tokens=n_output)
        try:
            return float(calc_price(usage, model_ref=model).total_price)
        except LookupError:
            return None


def _by_override(price: Mapping[str, float], n_input: int, n_output: int, n_cached: int) -> float:
    fresh = price.get("input_per_mtok", 0.0)
    return (
        (n_input - n_cached) * fresh
        + n_cached * price.get("cached_input_per_mtok", fresh)
        + n_output * price.get("output_per_mtok", 0.0)
    ) / 1e6
