"""What a call costs, by genai-prices or by the connection's own prices; an unknown model has no price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from seamwatch.core.records.comparison import parse_json
from seamwatch.core.replays import ModelAnswer
from seamwatch.errors import AdapterError
from seamwatch.spec.monitoring import ModelPrice

_OWN_PRICES = TypeAdapter(dict[str, ModelPrice])


class Prices:
    """Prices of one endpoint."""

    def __init__(self, overrides: Mapping[str, ModelPrice] | None = None, *, model: str | None = None) -> None:
        """Take own prices by model, in USD, and the model that the address names, for requests that name none."""
        self._overrides = overrides or {}
        self._model = model

    @classmethod
    def from_extra(cls, given: Any, *, conn_id: str, model: str | None = None) -> Prices:
        """Return the prices that a connection's extra `prices` names.

        Raises:
            AdapterError: If they are not in the shape `{"model": {"input_per_mtok": 0.15, ...}}`.
        """
        try:
            return cls(_OWN_PRICES.validate_python(parse_json(given) or {}, strict=True), model=model)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors()[:3])
            msg = (
                f"connection {conn_id!r}: the extra 'prices' must be an object of models, each with numbers from 0 up "
                f"among {', '.join(ModelPrice.model_fields)}; {wrong}"
            )
            raise AdapterError(msg) from None  # a connection's extra may hold secrets, and the error holds the extra

    def cost_usd(self, answer: ModelAnswer, body: str = "") -> float | None:
        """Return what the call cost; None if the model or its tokens are not known. Cached tokens count once.

        Args:
            answer: With the model and the tokens that the response named.
            body: The request, whose model counts where the response names none or one without a price.
        """
        if answer.cost_usd is not None:
            return answer.cost_usd
        if answer.input_tokens is None or answer.output_tokens is None:
            return None
        for model in (answer.model, self.asked_model(parse_json(body))):
            if model is not None:
                cost = self._price(
                    model,
                    answer.input_tokens,
                    answer.output_tokens,
                    answer.cached_tokens or 0,
                    answer.cache_written_tokens or 0,
                )
                if cost is not None:
                    return cost
        return None

    def asked_model(self, request: Any) -> str | None:
        """Return the model that a parsed request asks for: the one that it names, else the one in the address."""
        named = request.get("model") if isinstance(request, Mapping) else None
        return named if isinstance(named, str) and named else self._model

    def is_known(self, model: str) -> bool:
        """Return whether a call of the model has a price."""
        return self._price(model, 1, 1, 0) is not None

    def price_usd(self, model: str, n_input: int, n_output: int) -> float:
        """Return the most that so many tokens cost: none from a cache, all written to one where that is dearer.

        0.0 where no price is known.
        """
        return max(self._price(model, n_input, n_output, 0, n_written) or 0.0 for n_written in (0, n_input))

    def context_window(self, model: str) -> int | None:
        """Return the most tokens of request and answer together that the model takes; None where it is not known."""
        from genai_prices import data_snapshot  # noqa: PLC0415 - its price table takes a while to load

        try:
            _, found = data_snapshot.get_snapshot().find_provider_model(model, None, None, None)
        except LookupError:
            return None
        return found.context_window or None

    def _price(self, model: str, n_input: int, n_output: int, n_cached: int, n_written: int = 0) -> float | None:
        n_cached = min(n_cached, n_input)
        n_written = min(n_written, n_input - n_cached)
        override = self._overrides.get(model)
        if override is not None:
            return _by_override(override, n_input, n_output, n_cached)
        from genai_prices import Usage, calc_price  # noqa: PLC0415 - its price table takes a while to load

        usage: Any = Usage(
            input_tokens=n_input,
            cache_read_tokens=n_cached or None,
            cache_write_tokens=n_written or None,
            output_tokens=n_output,
        )
        try:
            return float(calc_price(usage, model_ref=model).total_price)
        except LookupError:
            return None


def _by_override(price: ModelPrice, n_input: int, n_output: int, n_cached: int) -> float | None:
    """Return what the tokens cost; None where the price of a kind that was used is not known."""
    fresh, cached = price.input_per_mtok, price.cached_input_per_mtok
    parts = (
        (n_input - n_cached, fresh),
        (n_cached, fresh if cached is None else cached),
        (n_output, price.output_per_mtok),
    )
    used = [(n, usd) for n, usd in parts if n > 0]
    known = [n * usd for n, usd in used if usd is not None]
    return sum(known) / 1e6 if len(known) == len(used) else None
