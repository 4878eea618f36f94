"""What a day or month will cost: profile, present rate, bounds, days on which clocks change, half-hour zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.watch.cost_projection import project_cost

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


def hours(end: datetime, *, days: int = 14, factor: float = 1.0, noise: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Return hours of 1 USD at night and 3 from 8 to 20 o'clock; the last six times a factor."""
    index = pd.date_range(end - timedelta(days=days), end, freq="h", inclusive="left")
    usd = np.where((index.hour >= 8) & (index.hour < 20), 3.0, 1.0)
    usd = usd * np.exp(np.random.default_rng(seed).normal(0.0, noise, len(usd)))
    usd[-6:] *= factor
    return pd.DataFrame({"usd": usd}, index=index)


def test_the_rest_of_a_day_follows_the_usual_profile() -> None:
    found = project_cost(hours(NOW), 60.0, "day", "UTC", NOW)
    assert found.spent == pytest.approx(8 * 1 + 4 * 3)
    assert found.projected == pytest.approx(12 * 1 + 12 * 3)
    assert found.gone_at is None
    low = project_cost(hours(NOW), 41.0, "day", "UTC", NOW)
    assert low.gone_at == NOW + timedelta(hours=7)
    spent = project_cost(hours(NOW), 20.0, "day", "UTC", NOW)
    assert spent.gone_at == NOW


def test_a_rate_that_is_clearly_another_one_is_carried_on() -> None:
    found = project_cost(hours(NOW, factor=4.0, noise=0.1), None, "day", "UTC", NOW)
    assert found.projected is not None
    assert found.projected - found.spent == pytest.approx((8 * 3 + 4 * 1) * 3.9, rel=0.2)
    assert found.low is not None
    assert found.high is not None
    assert found.spent < found.low < found.projected < found.high


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-20", 24)])
def test_days_on_which_clocks_change_have_23_or_25_hours(day: str, length: int) -> None:
    now = datetime.fromisoformat(f"{day}T10:00:00+00:00")
    index = pd.date_range(now - timedelta(days=20), now, freq="h", inclusive="left")
    found = project_cost(pd.DataFrame({"usd": 2.0}, index=index), None, "day", "Europe/Berlin", now)
    assert (found.end - found.start) == timedelta(hours=length)
    assert found.projected == pytest.approx(2.0 * length)


def test_an_hour_that_two_days_share_counts_to_both() -> None:
    now = datetime(2026, 3, 20, 20, 0, tzinfo=UTC)  # half past one in Kolkata
    index = pd.date_range(now - timedelta(days=10), now, freq="h", inclusive="left")
    found = project_cost(pd.DataFrame({"usd": 2.0}, index=index), None, "day", "Asia/Kolkata", now)
    assert found.spent == pytest.approx(3.0)
    assert found.projected == pytest.approx(48.0)


def test_the_present_hour_is_not_counted_twice() -> None:
    now = NOW + timedelta(minutes=30)
    frame = hours(NOW + timedelta(hours=1))
    frame.iloc[-1] = 1.5  # half of the hour's usual 3
    found = project_cost(frame, None, "day", "UTC", now)
    assert found.spent == pytest.approx(8 + 12 + 1.5)
    assert found.projected == pytest.approx(48.0)


def test_a_month_and_a_past_that_is_short_or_empty() -> None:
    found = project_cost(hours(NOW, days=30), 5000.0, "month", "UTC", NOW)
    assert found.projected == pytest.approx(31 * 48.0, rel=0.01)
    index = pd.date_range(NOW - timedelta(hours=3), NOW, freq="h", inclusive="left")
    short = project_cost(pd.DataFrame({"usd": 2.0}, index=index), 20.0, "day", "UTC", NOW)
    assert short.projected == pytest.approx(6 + 24)
    assert (short.low, short.high) == (None, None)
    assert short.gone_at == NOW + timedelta(hours=7)
    empty = project_cost(pd.DataFrame({"usd": []}, index=pd.DatetimeIndex([], tz="UTC")), 20.0, "day", "UTC", NOW)
    assert (empty.spent, empty.projected, empty.gone_at) == (0.0, None, None)
