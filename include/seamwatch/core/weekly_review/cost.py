"""What the calls of a week cost, with the weeks before, the month's forecast and the dearest things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from seamwatch.core.watch.cost_hours import OTHER, HourSums
from seamwatch.core.watch.cost_projection import Projection, project_cost
from seamwatch.core.weekly_review.facts import CostPart, CostWeek
from seamwatch.core.weekly_review.week import ReviewWeek

MODEL = "model"
_MOST_PARTS = 5
_INSTANT = timedelta(microseconds=1)


def cost_week(
    hours: Sequence[HourSums], weeks: Sequence[ReviewWeek], *, now: datetime, kept_since: datetime | None
) -> CostWeek | None:
    """Return what a week cost; None where no hour of it was looked at.

    Args:
        hours: Of all the weeks, any order.
        weeks: Oldest first; the last one is the week.
        now: A week that is not over ends now.
        kept_since: What is older is gone, so nothing is known of it; None: nothing is.
    """
    windows = [week.window for week in weeks]
    by_week = [[hour for hour in hours if window.start <= hour.start < window.end] for window in windows]
    mine, last = by_week[-1], weeks[-1]
    if not mine:
        return None
    is_known = [kept_since is None or week.window.start >= kept_since for week in weeks]
    usd = [
        sum(hour.usd for hour in some) if some and known else None
        for some, known in zip(by_week, is_known, strict=True)
    ]
    end = min(last.window.end, now) - _INSTANT
    month = _month(hours, last, end)
    is_month_known = kept_since is None or month.start >= kept_since
    return CostWeek(
        usd=sum(hour.usd for hour in mine),
        n_calls=sum(hour.calls for hour in mine),
        n_records=sum(hour.records for hour in mine),
        n_unpriced=sum(sum(hour.unpriced.values()) for hour in mine),
        n_hours=len(mine),
        before=tuple(usd[:-1]),
        month=month.start.astimezone(ZoneInfo(last.time_zone)).date(),
        month_usd=month.spent if is_month_known else None,
        forecast_usd=month.projected if is_month_known else None,
        forecast_low_usd=month.low if is_month_known else None,
        forecast_high_usd=month.high if is_month_known else None,
        dearest=_dearest(_parts(mine), _parts(by_week[-2]) if len(weeks) > 1 and usd[-2] is not None else None),
    )


def sum_costs(costs: Sequence[CostWeek]) -> CostWeek | None:
    """Return what several pipelines cost together; None where no cost of any is known.

    What is known of some of them only is known of none of them together.
    """
    if not costs:
        return None

    def total(values: Sequence[float | None]) -> float | None:
        known = [one for one in values if one is not None]
        return sum(known) if len(known) == len(values) else None

    parts = [part for one in costs for part in one.dearest if part.kind == MODEL]
    usd = sum(one.usd for one in costs)
    now: Counter[str] = Counter()
    before: dict[str, list[float | None]] = {}
    for part in parts:
        now[part.name] += part.usd  # type: ignore[assignment]
        before.setdefault(part.name, []).append(part.usd_before)
    return CostWeek(
        usd=usd,
        n_calls=sum(one.n_calls for one in costs),
        n_records=sum(one.n_records for one in costs),
        n_unpriced=sum(one.n_unpriced for one in costs),
        n_hours=sum(one.n_hours for one in costs),
        before=tuple(total([one.before[n] for one in costs]) for n in range(min(len(one.before) for one in costs))),
        month=costs[0].month,
        month_usd=total([one.month_usd for one in costs]),
        forecast_usd=total([one.forecast_usd for one in costs]),
        dearest=tuple(
            CostPart(kind=MODEL, name=name, usd=amount, share=amount / usd, usd_before=total(before[name]))
            for name, amount in now.most_common(_MOST_PARTS)
            if usd > 0
        ),
    )


def _month(hours: Sequence[HourSums], week: ReviewWeek, end: datetime) -> Projection:
    frame = pd.DataFrame(
        {"usd": [hour.usd for hour in hours], "is_usual": [hour.found_since is None for hour in hours]},
        index=pd.DatetimeIndex([hour.start for hour in hours]).tz_convert("UTC"),
    ).sort_index()
    return project_cost(frame, None, "month", week.time_zone, end)


def _parts(hours: Sequence[HourSums]) -> Mapping[tuple[str, str], float]:
    """Return what models, and values of the columns that the cost is split by, cost."""
    found: Counter[tuple[str, str]] = Counter()
    for hour in hours:
        for (_, model, _), values in hour.cells.items():
            found[MODEL, model] += float(values[4:].sum())  # type: ignore[assignment]
        for column, by_value in hour.sources.items():
            for value, (_, usd) in by_value.items():
                found[column, value] += usd  # type: ignore[assignment]
    return found


def _dearest(
    parts: Mapping[tuple[str, str], float], before: Mapping[tuple[str, str], float] | None
) -> tuple[CostPart, ...]:
    """Return the dearest models and values; what is many values in one names nothing."""
    whole = sum(usd for (kind, _), usd in parts.items() if kind == MODEL)
    named = [(place, usd) for place, usd in parts.items() if place[1] != OTHER and usd > 0 and whole > 0]
    return tuple(
        CostPart(
            kind=kind,
            name=name,
            usd=usd,
            share=usd / whole,
            usd_before=None if before is None else before.get((kind, name), 0.0),
        )
        for (kind, name), usd in sorted(named, key=lambda one: (-one[1], one[0]))[:_MOST_PARTS]
    )
