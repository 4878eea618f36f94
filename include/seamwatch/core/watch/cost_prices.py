"""What every call of a model cost, for many calls at once: recorded prices first, else tokens by tariff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import pandas as pd

from seamwatch.spec.monitoring import ModelPrice

MOST_TOKENS = 50_000_000
"""More tokens than this in one call cannot be: no model takes as many."""
MOST_USD = 10_000.0
"""More than this for one call cannot be."""
UNPRICED_TIER = -1
"""In place of a price tier: calls without a price or tokens."""
SUM_TIER = -2
"""Calls of which only the sum is known: a recorded cost without tokens, or without a tariff."""
TARIFF_STEP = "30min"
"""Tariffs may change with time (a new price list, cheaper nights), at borders of this length."""
CALL_COLUMNS = ("model", "at", "input", "cached", "output", "usd", "is_failed")
"""Of a call: the model's name or None, aware time, tokens of the request with cached ones, those of them that came from
a cache, tokens of the answer, recorded USD (NaN where unknown), whether the call failed."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """USD per token, and per call; NaN where it is not known."""

    fresh: float
    """Of an input token that did not come from a cache."""
    cached: float
    output: float
    call: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """What a model costs: linear in tokens within each tier."""

    tiers: tuple[tuple[int, Rates], ...]
    """Each counts for calls with more input tokens than its number; ascending, the first from below 0 on."""

    @classmethod
    def flat(cls, rates: Rates) -> Tariff:
        """Return a tariff without tiers."""
        return cls(tiers=((-1, rates),))


TariffOf = Callable[[str, datetime], Tariff | None]
"""Model and time of the call to its tariff; None where no price is known."""


@dataclass(frozen=True, kw_only=True)
class Absurd:
    """What was left out because it cannot be."""

    tokens: int = 0
    """Calls whose tokens are negative or beyond any model."""
    usd: int = 0
    """Calls whose recorded cost is negative or beyond any call."""


def price_calls(calls: pd.DataFrame, tariff_of: TariffOf) -> tuple[pd.DataFrame, Absurd]:
    """Return calls with what they cost, and how many numbers were left out.

    Args:
        calls: Columns `CALL_COLUMNS`.
        tariff_of: Asked once for each model and half hour.

    The columns added: `tier` (0 for the first, or one of those below 0), `fresh` tokens, USD in parts `usd_fresh`,
    `usd_cached`, `usd_output` and `usd_rest` (what no token explains), their sum `usd`, and `state`: `priced`, `free`
    (a failed call without tokens or a recorded cost: nobody bills it) or `unpriced`, which costs 0 here and is counted.

    A recorded cost counts as it is; where tokens and a tariff are known too, it is split in proportion to what the
    tariff says, else it is all rest. A number that cannot be is left out: without tokens or cost the call is unpriced.
    """
    calls = calls.copy()
    tokens = calls[["input", "cached", "output"]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float, copy=True)
    tokens[:, 1] = np.where(np.isnan(tokens[:, 1]), 0.0, tokens[:, 1])
    is_odd = ((tokens < 0) | (tokens > MOST_TOKENS)).any(axis=1)
    recorded = pd.to_numeric(calls["usd"], errors="coerce").to_numpy(dtype=float, copy=True)
    is_odd_cost = (recorded < 0) | (recorded > MOST_USD)
    recorded = np.where(is_odd_cost, np.nan, recorded)
    has_tokens = ~np.isnan(tokens[:, [0, 2]]).any(axis=1) & ~is_odd
    tokens[~has_tokens] = 0.0
    cached = np.minimum(tokens[:, 1], tokens[:, 0])
    fresh, output = tokens[:, 0] - cached, tokens[:, 2]
    rates, tier, is_known = _rates(calls, tokens[:, 0], tariff_of)
    used = np.column_stack([fresh, cached, output, np.ones(len(calls))])
    # What was not used costs nothing, also where its price is not known; what was used then has no price.
    parts = np.where(used > 0, used * rates, 0.0)
    listed = parts.sum(axis=1)
    is_known &= has_tokens & ~is_odd_cost & ~np.isnan(listed)
    is_split = is_known & (listed > 0)
    has_cost = ~np.isnan(recorded)
    scale = np.where(has_cost & is_split, np.divide(recorded, listed, out=np.ones(len(calls)), where=listed > 0), 1.0)
    parts = np.where(is_split[:, None], parts * scale[:, None], 0.0)
    parts[:, 3] += np.where(has_cost & ~is_split, recorded, 0.0)
    is_priced = has_cost | is_known
    is_free = ~is_priced & calls["is_failed"].to_numpy(dtype=bool) & ~has_tokens & ~is_odd & ~is_odd_cost
    calls["tier"] = np.select([~is_priced, is_split | is_known], [UNPRICED_TIER, tier], SUM_TIER)
    calls["fresh"], calls["cached"], calls["output"] = fresh, cached, output
    calls[["usd_fresh", "usd_cached", "usd_output", "usd_rest"]] = parts
    calls["usd"] = parts.sum(axis=1)
    calls["state"] = np.select([is_priced, is_free], ["priced", "free"], "unpriced")
    return calls, Absurd(tokens=int(is_odd.sum()), usd=int(is_odd_cost.sum()))


def _rates(calls: pd.DataFrame, n_input: Any, tariff_of: TariffOf) -> tuple[Any, Any, Any]:
    """Return USD per fresh, cached and output token and per call (0 where unknown), the tier, and whether known."""
    n = len(calls)
    rates, tier, is_known = np.zeros((n, 4)), np.zeros(n, dtype=int), np.zeros(n, dtype=bool)
    times = calls["at"].dt.floor(TARIFF_STEP)
    for pair, places in calls.groupby([calls["model"], times], sort=False).indices.items():
        name, half_hour = cast("tuple[str, pd.Timestamp]", pair)
        tariff = tariff_of(name, half_hour.to_pydatetime())
        if tariff is None:
            continue
        is_known[places] = True
        starts = np.array([start for start, _ in tariff.tiers])
        table = np.array([[one.fresh, one.cached, one.output, one.call] for _, one in tariff.tiers])
        tier[places] = np.maximum(np.searchsorted(starts, n_input[places], side="left") - 1, 0)
        rates[places] = table[tier[places]]
    return rates, tier, is_known


def own_tariff(price: ModelPrice, usd_per_unit: float = 1.0) -> Tariff:
    """Return the tariff of prices per million tokens; cached tokens cost as others where no price is given."""
    unit = usd_per_unit / 1e6
    fresh, output = (float("nan") if p is None else p * unit for p in (price.input_per_mtok, price.output_per_mtok))
    cached = fresh if price.cached_input_per_mtok is None else price.cached_input_per_mtok * unit
    return Tariff.flat(Rates(fresh=fresh, cached=cached, output=output))
