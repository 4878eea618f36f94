"""What a model costs per token, for many calls at once: own prices first, else the public ones of genai-prices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from seamwatch.core.watch.cost_prices import Rates, Tariff, own_tariff
from seamwatch.spec.monitoring import ModelPrice

_PROBE = 1000


class Tariffs:
    """Model and time of a call to its tariff; asked once, it is remembered."""

    def __init__(self, own: Mapping[str, ModelPrice], *, usd_per_unit: float = 1.0) -> None:
        """Take own prices by model, per million tokens, in a currency of which one unit is so many USD."""
        self._own = {model: own_tariff(price, usd_per_unit) for model, price in own.items()}
        self._known: dict[tuple[str, datetime], Tariff | None] = {}

    def __call__(self, model: str, at: datetime) -> Tariff | None:
        """Return the tariff of a model at a time (aware); None where no price is known."""
        if model in self._own:
            return self._own[model]
        if (model, at) not in self._known:
            self._known[model, at] = _public(model, at)
        return self._known[model, at]


def _public(model: str, at: datetime) -> Tariff | None:
    """Return the public tariff, read off prices of a few calls in each of its tiers."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - its price table takes a while to load

    def usd(fresh: int, cached: int, output: int) -> tuple[float, Any]:
        usage: Any = Usage(input_tokens=fresh + cached, cache_read_tokens=cached or None, output_tokens=output)
        found = calc_price(usage, model_ref=model, genai_request_timestamp=at)
        return float(found.total_price), found.model_price

    try:
        _, prices = usd(0, 0, 0)
    except LookupError:
        return None
    starts = {tier.start for price in vars(prices).values() for tier in getattr(price, "tiers", ())}
    tiers = []
    for start in sorted({-1, *starts}):
        least = start + 1
        base = usd(least, 0, 0)[0]
        fresh = (usd(least + _PROBE, 0, 0)[0] - base) / _PROBE
        cached = (usd(least, _PROBE, 0)[0] - base) / _PROBE
        output = (usd(least, 0, _PROBE)[0] - base) / _PROBE
        tiers.append((start, Rates(fresh=fresh, cached=cached, output=output, call=round(base - least * fresh, 12))))
    return Tariff(tiers=tuple(tiers))
