"""How numbers and times are written, once. No data is an en dash or `unknown`, never 0."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from seamwatch import plurals
from seamwatch.core.results import Window
from seamwatch.core.watch.results import Unit

NO_DATA = "–"  # noqa: RUF001 - the en dash is what a reader shall see
plural = plurals.plural


_NO_USD = 1e-12
"""Less is what is left of a sum that should be nothing."""


def percent(ratio: float | None) -> str:
    """Return a ratio as percent with at most one decimal; only exact values read 0% and 100%."""
    if ratio is None:
        return NO_DATA
    if 0.0 < ratio < 0.001:
        return "<0.1%"
    if 0.999 < ratio < 1.0:
        return ">99.9%"
    return f"{round(ratio * 100, 1) or 0.0:g}%"


def left(ratio: float | None) -> str:
    """Return how much of a budget is left, or by how much of it it is overspent."""
    return budget_share(ratio) if ratio is not None and ratio < 0 else f"{percent(ratio)} left"


def budget_share(ratio: float | None) -> str:
    """Return the same for a column that is called so: `12%`, `4% overspent`; no table says that -4% is left."""
    return f"{percent(-ratio)} overspent" if ratio is not None and ratio < 0 else percent(ratio)


def interval(low: float | None, high: float | None) -> str:
    """Return two ratios as `91.2% to 97%`, or a dash where either is unknown."""
    if low is None or high is None:
        return NO_DATA
    return f"{percent(low)} to {percent(high)}"


def probability(p: float) -> str:
    """Return a p-value with one significant figure, as `p = 0.03` or `p < 0.0001`."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.1g}"


def count(n: float | None) -> str:
    """Return a count with thousands separated; an expected count keeps one decimal below ten."""
    if n is None:
        return NO_DATA
    if n != int(n) and abs(n) < 10:
        return f"{n:.1f}"
    return f"{round(n):,}"


def money(usd: float | None) -> str:
    """Return US dollars; `unknown` where no price is known."""
    if usd is None:
        return "unknown"
    if 0 < usd < 0.01:
        return "<$0.01"
    return f"${usd:,.0f}" if usd >= 100 else f"${usd:,.2f}"


def exact_money(usd: float) -> str:
    """Return US dollars with as many digits as tell small prices apart, never as a power, as `$0.00042`, `-$3.10`."""
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if size < _NO_USD:
        return money(0.0)
    if size >= 0.1:
        return f"{sign}{money(size)}"
    digits = 1 - math.floor(math.log10(size))
    return f"{sign}${f'{size:.{digits}f}'.rstrip('0')}"


def seconds(value: float) -> str:
    """Return seconds with at most three figures, to the millisecond, as `0.42 s` and `3 min 20 s`."""
    if abs(value) >= 120:
        return duration(timedelta(seconds=value)) if value > 0 else f"-{duration(timedelta(seconds=-value))}"
    rounded = round(value, 3) or 0.0
    return f"{rounded:.3g} s"


def rough_seconds(value: float) -> str:
    """Return seconds as they stand in a sentence, with at most three figures, as `0.42 s` and `3.3 min`."""
    return f"{value / 60.0:.1f} min" if value >= 120 else f"{value:.3g} s"


def duration(span: timedelta) -> str:
    """Return a span in its two largest units, as `2 h 5 min`."""
    seconds = round(span.total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        n, seconds = divmod(seconds, size)
        if n and len(parts) < 2:
            parts.append(f"{n} {name}")
        elif parts:
            break
    return " ".join(parts) or "0 s"


def moment(at: datetime | None) -> str:
    """Return an aware time in UTC to the minute."""
    return NO_DATA if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(window: Window) -> str:
    """Return a window as `2026-11-23 13:00 to 14:00 UTC`, the date said twice only where it differs."""
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    form = "%H:%M" if start.date() == end.date() else "%Y-%m-%d %H:%M"
    return f"{start:%Y-%m-%d %H:%M} to {end.strftime(form)} UTC"


def iso(at: datetime | None) -> str | None:
    """Return an aware time as ISO 8601 in UTC with `Z`, for programs and commands."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def measure(value: float | None, unit: Unit) -> str:
    """Return a number in its unit."""
    if value is None:
        return NO_DATA
    match unit:
        case Unit.COUNT:
            return count(value)
        case Unit.SHARE:
            return percent(value)
        case Unit.SECONDS:
            return seconds(value)
        case Unit.USD:
            return exact_money(value)
        case Unit.P_VALUE:
            return probability(value)
        case _:
            return f"{value:,.3g}"
