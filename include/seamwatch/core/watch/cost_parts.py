"""What a change of the cost is made of, exactly; and which value of which source holds it.

The cost per hour is a product of what people can act on:

    records x calls per record x sum over models of
        share of calls x sum over price tiers of
            share in the tier x (tokens in x ((1 - cached share) x fresh price + cached share x cached price)
                                 + tokens out x price out + what no token explains)

Each factor is set to what it is now, in every order; its part is the mean of what that changes (Shapley value). The
parts add up to the change, none depends on an order, and a factor that did not change has none.

Sources: A. F. Shorrocks (2013), "Decomposition procedures for distributional analysis: a unified framework based on the
Shapley value", Journal of Economic Inequality 11(1); L. S. Shapley (1953), "A value for n-person games".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import factorial, fsum

import numpy as np

from seamwatch.core.detection.rates import excess_p_value
from seamwatch.core.watch.cost_hours import OTHER, UNKNOWN, Cell, Floats, HourSums


class Factor(StrEnum):
    """What a cost is a product of."""

    RECORDS = "records"
    CALLS = "calls_per_record"
    MIX = "model_mix"
    TOKENS_IN = "tokens_in_per_call"
    CACHED = "cached_share"
    TOKENS_OUT = "tokens_out_per_call"
    PRICE = "price"
    REST = "unexplained_cost"


def parts_of_change(before: HourSums, now: HourSums) -> dict[Factor, float]:
    """Return the part of each factor in `now.usd - before.usd`, in USD per hour; they add up to it.

    Args:
        before: An hour as usual, on average.
        now: An hour of the present, on average.

    What is not known of a period without calls (of a model, say) is taken as in the other: a new model is a change of
    the mix, not of its price.
    """
    cells = sorted({*before.cells, *now.cells})
    if not cells:
        return dict.fromkeys(Factor, 0.0)
    old, new = _factors(before, cells), _factors(now, cells)
    filled = [(np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b)) for a, b in zip(old, new, strict=True)]
    n = len(Factor)
    subsets = np.arange(2**n)
    chosen = [
        np.nan_to_num(np.where(((subsets >> place) & 1)[:, None] == 1, b, a))
        for place, (a, b) in zip(_PLACES, filled, strict=True)
    ]
    cost = _cost(chosen)
    sizes = np.array([bin(one).count("1") for one in subsets])
    weights = np.array([factorial(size) * factorial(n - 1 - size) / factorial(n) if size < n else 0 for size in sizes])
    parts = {}
    for place, factor in enumerate(Factor):
        without = subsets[(subsets >> place) & 1 == 0]
        parts[factor] = float((weights[without] * (cost[without | (1 << place)] - cost[without])).sum())
    # Between two very different hours lie far dearer ones that never were: what rounding of those leaves is put right.
    largest = max(parts, key=lambda one: abs(parts[one]))
    parts[largest] += (now.usd - before.usd) - fsum(parts.values())
    return parts


_NUMBERS = {factor: place for place, factor in enumerate(Factor)}
_PLACES = tuple(
    _NUMBERS[one]
    for one in (
        Factor.RECORDS,
        Factor.CALLS,
        Factor.MIX,
        Factor.TOKENS_IN,  # share in the tier: more tokens in lead to a higher one
        Factor.TOKENS_IN,
        Factor.CACHED,
        Factor.TOKENS_OUT,
        Factor.PRICE,
        Factor.PRICE,
        Factor.PRICE,
        Factor.REST,
    )
)


def _factors(period: HourSums, cells: Sequence[Cell]) -> list[Floats]:
    """Return the factors of each cell, in the order of `_PLACES`; NaN where it has no calls to know them by."""
    none = np.zeros(8)
    values = np.array([period.cells.get(cell, none) for cell in cells], dtype=float)
    calls, fresh, cached, output, usd_fresh, usd_cached, usd_output, usd_rest = values.T
    models = {cell[:2]: 0.0 for cell in cells}
    for cell, n in zip(cells, calls, strict=True):
        models[cell[:2]] += n
    of_model = np.array([models[cell[:2]] for cell in cells])
    total = np.full(len(cells), calls.sum())
    records = np.full(len(cells), float(period.records))
    return [
        records,
        _ratio(total, records),
        _ratio(of_model, total),
        _ratio(calls, of_model),
        _ratio(fresh + cached, calls),
        _ratio(cached, fresh + cached),
        _ratio(output, calls),
        _ratio(usd_fresh, fresh),
        _ratio(usd_cached, cached),
        _ratio(usd_output, output),
        _ratio(usd_rest, calls),
    ]


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0), dtype=float)


def _cost(factors: Sequence[Floats]) -> Floats:
    records, calls, mix, tier, tokens, cached, output, p_fresh, p_cached, p_output, rest = factors
    each = tokens * ((1.0 - cached) * p_fresh + cached * p_cached) + output * p_output + rest
    return np.asarray((records * calls * mix * tier * each).sum(axis=1), dtype=float)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A value of a column that holds a change."""

    column: str
    value: str
    share: float
    """Of all that changed between the values of the column."""
    usual: float
    """Its usual share of the records."""

    @property
    def lead(self) -> float:
        """Return how much more of the change it holds than its size explains."""
        return self.share - self.usual

    @property
    def field(self) -> str:
        """Return it as `prompt_version=v7`."""
        return f"{self.column.rpartition('.')[2]}={self.value}"


LEAST_SHARE = 0.5
"""A source holds at least so much of the change."""
LEAST_LEAD = 0.3
"""And so much more than its usual share of the records."""


_CHANCE = 0.01
_LEAST_USUAL = 0.001
"""Share of the records of a value that was never seen before."""


def _best(found: Sequence[Source]) -> Source | None:
    """Return the value that explains most, of equals the one with least records; None if none stands out."""
    fit = [one for one in found if one.share >= LEAST_SHARE and one.lead >= LEAST_LEAD]
    return max(fit, key=lambda one: (round(one.lead / (1.0 - one.usual), 2), -one.usual), default=None)


def source_of_change(before: HourSums, now: HourSums, *, is_volume: bool, columns: Sequence[str]) -> Source | None:
    """Return the value that holds most of the change with the least traffic; None if none stands out.

    Args:
        before: An hour as usual, on average.
        now: An hour of the change, on average.
        is_volume: Whether there are more records; else records cost more.
        columns: Where it is sought; of equals the first.

    Values are compared by what their records cost beyond the usual record, beside what they usually cost beyond it;
    of a change of volume, by their records. A value that took the place of another leaves as much as it brings: shares
    are of all movements, so that a release at the time of a busy tenant is not blamed for it.
    """
    found = [one for column in columns for one in _candidates(before, now, column, is_volume)]
    return _best(found)


def _candidates(before: HourSums, now: HourSums, column: str, is_volume: bool) -> list[Source]:
    old, new = before.sources.get(column, {}), now.sources.get(column, {})
    values = sorted({*old, *new})
    a, b = (np.array([one.get(value, (0.0, 0.0)) for value in values], dtype=float) for one in (old, new))
    if not values or not a[:, 0].sum():
        return []
    price = a[:, 1].sum() / a[:, 0].sum()
    if is_volume:
        moved = (b[:, 0] - a[:, 0]) * price
    else:
        scale = b[:, 0].sum() / a[:, 0].sum()
        moved = (b[:, 1] - b[:, 0] * price) - scale * (a[:, 1] - a[:, 0] * price)
    gross = np.abs(moved).sum()
    usual = a[:, 0] / a[:, 0].sum()
    return [
        Source(column=column, value=value, share=float(change / gross), usual=float(share))
        for value, change, share in zip(values, moved, usual, strict=True)
        if gross > 0 and change > 0 and value not in (OTHER, UNKNOWN)
    ]


def source_of_records(
    affected: Mapping[str, Mapping[str, int]], before: HourSums, columns: Sequence[str]
) -> Source | None:
    """Return the value that most of some affected records share, and others do not; None if none stands out.

    Args:
        affected: By column, affected records by value.
        before: An hour as usual, on average.
        columns: Where it is sought; of equals the first.

    A value is named only where chance would seldom bring as many records of it: one record has a value of every column.
    """
    found = []
    for column in columns:
        usual = before.sources.get(column, {})
        total = sum(n for n, _ in usual.values())
        n_affected = sum(affected.get(column, {}).values())
        for value, n in affected.get(column, {}).items():
            share = usual.get(value, (0.0, 0.0))[0] / total if total else 1.0
            chance = excess_p_value(n, n_affected, base_rate=min(max(share, _LEAST_USUAL), 1.0))
            if value not in (OTHER, UNKNOWN) and chance <= _CHANCE / len(columns):
                found.append(Source(column=column, value=value, share=n / n_affected, usual=share))
    return _best(found)
