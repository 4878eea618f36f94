"""An objective in a week: its indicator, what it spent, and what was left at the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from seamwatch.core.slo.quality import WrongShare
from seamwatch.core.weekly_review.facts import ObjectiveWeek
from seamwatch.core.weekly_review.objectives import objective_week
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.spec.objectives import BudgetPolicy, Objective
from seamwatch.vocabulary import GateState

WEEKS = ReviewWeek.of("2026-W45").with_history()
START, END = WEEKS[0].window.start, WEEKS[-1].window.end
LATER = END + timedelta(hours=7)
ADAPTER: TypeAdapter[Objective] = TypeAdapter(Objective)
AVAILABLE = ADAPTER.validate_python({"kind": "availability", "goal": 0.9, "over": "28d"})
PER_MONTH = ADAPTER.validate_python({"kind": "cost", "per_month_usd": 310.0})
PER_DAY = ADAPTER.validate_python({"kind": "cost", "per_day_usd": 10.0})


def _sums(rows: list[tuple[datetime, float, float, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["start_at", "total", "bad", "usd"])
    frame["start_at"] = pd.to_datetime(frame["start_at"], utc=True)
    return frame.assign(judged=frame["total"]).astype({"total": float, "judged": float, "bad": float, "usd": float})


def _steady(bad_a_day: dict[int, float], *, total: float = 100.0, usd: float = 1.0) -> pd.DataFrame:
    """Return sums of noon of each day since five weeks and 28 days before the end."""
    first = START - timedelta(days=28)
    days = (END - first).days
    return _sums([(first + timedelta(days=n, hours=12), total, bad_a_day.get(n - days, 0.0), usd) for n in range(days)])


def _refunds(rows: list[tuple[datetime, float]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "start_at": pd.to_datetime([at for at, _ in rows], utc=True),
            "amount": pd.Series([amount for _, amount in rows], dtype=float),
        }
    )


def _week(
    objective: Objective,
    sums: pd.DataFrame,
    *,
    refunds: pd.DataFrame | None = None,
    now: datetime = LATER,
    kept_since: datetime | None = None,
    wrong: tuple[WrongShare, ...] = (),
) -> ObjectiveWeek:
    return objective_week(
        objective,
        sums,
        _refunds([]) if refunds is None else refunds,
        WEEKS,
        policy=BudgetPolicy(),
        now=now,
        kept_since=kept_since,
        wrong=wrong,
    )


def test_a_week_has_its_own_events_and_the_budget_of_its_window() -> None:
    # 28 days of 100 events at a goal of 90 %: 280 may be bad.
    found = _week(AVAILABLE, _steady({-1: 70.0, -10: 70.0}))
    assert (found.events, found.judged, found.bad) == (700.0, 700.0, 70.0)
    assert found.sli == pytest.approx(0.9)
    assert found.before == (1.0, 1.0, 1.0, pytest.approx(0.9))
    assert found.left == pytest.approx(0.5)
    assert found.left_before == (1.0, 1.0, 1.0, pytest.approx(0.75))
    assert found.spent == pytest.approx(0.25)
    assert found.allowed == pytest.approx(280.0)
    assert found.gate is GateState.OK


def test_a_spent_budget_is_frozen_by_what_was_left() -> None:
    found = _week(AVAILABLE, _steady({-2: 100.0, -3: 100.0, -4: 100.0}))
    assert found.left == pytest.approx(-20 / 280)
    assert found.gate is GateState.FROZEN


def test_a_refund_is_no_bad_event() -> None:
    sums = _steady({-1: 70.0})
    found = _week(AVAILABLE, sums, refunds=_refunds([(END - timedelta(hours=12), 70.0)]))
    assert (found.bad, found.sli, found.left) == (0.0, 1.0, pytest.approx(1.0))


def test_a_week_without_traffic_is_not_known_and_never_perfect() -> None:
    sums = _steady({})
    found = _week(AVAILABLE, sums[(sums["start_at"] < WEEKS[-1].window.start).to_numpy()])
    assert (found.events, found.bad, found.sli) == (0.0, 0.0, None)
    assert found.left == pytest.approx(1.0)
    nothing = _week(AVAILABLE, sums.iloc[:0])
    assert (nothing.sli, nothing.left, nothing.spent, nothing.gate) == (None, None, None, None)
    assert nothing.before == nothing.left_before == (None,) * 4


def test_weeks_that_are_forgotten_are_not_known() -> None:
    found = _week(AVAILABLE, _steady({}), kept_since=WEEKS[2].window.start + timedelta(hours=1))
    assert found.before == (None, None, None, 1.0)
    assert found.left_before[:3] == (None, None, None)


def test_a_month_of_money_is_judged_by_the_month_that_the_week_ends_in() -> None:
    sums = _steady({}, usd=20.0)
    found = _week(PER_MONTH, sums)
    # Eight days of November had passed when the week ended.
    assert (found.goal, found.sli, found.bad) == (None, None, 140.0)
    assert found.left == pytest.approx(1.0 - 8 * 20.0 / 310.0)
    assert found.spent == pytest.approx(140.0 / 310.0)
    assert found.before == (140.0,) * 4


def test_a_budget_of_a_day_is_told_by_its_worst_day() -> None:
    sums = _steady({}, usd=4.0)
    dear = sums["start_at"] == pd.Timestamp(END - timedelta(days=3, hours=12))
    sums.loc[dear, "usd"] = 15.0
    found = _week(PER_DAY, sums)
    assert found.left == pytest.approx(-0.5)
    assert found.spent == pytest.approx((6 * 4.0 + 15.0) / 70.0)


def test_a_week_that_is_not_over_ends_now() -> None:
    now = WEEKS[-1].window.start + timedelta(days=2)
    sums = _steady({})
    found = _week(AVAILABLE, sums[(sums["start_at"] < now).to_numpy()], now=now)
    assert found.events == 200.0


def test_labels_measure_what_is_not_judged() -> None:
    objective = ADAPTER.validate_python({"kind": "accuracy", "goal": 0.8, "over": "28d"})
    sums = _steady({}).assign(judged=0.0)
    half = WrongShare(start=START, end=END, value=0.1, low=0.05, high=0.2)
    found = _week(objective, sums, wrong=(half,))
    assert found.sli == pytest.approx(0.9)
    assert found.bad == pytest.approx(70.0)
    assert found.left == pytest.approx(0.5)


@given(bad=st.dictionaries(st.integers(-63, -1), st.floats(0, 100), max_size=20))
def test_what_was_spent_in_the_last_four_weeks_is_what_is_gone(bad: dict[int, float]) -> None:
    found = _week(AVAILABLE, _steady(bad))
    assert found.left is not None
    assert found.left == pytest.approx(1.0 - sum(n for day, n in bad.items() if day >= -28) / 280.0, abs=1e-9)
    assert found.bad == pytest.approx(sum(n for day, n in bad.items() if day >= -7))
    assert all(one is None or 0.0 <= one <= 1.0 for one in (found.sli, *found.before))
    assert datetime(2026, 11, 9, tzinfo=UTC) == END


def test_of_a_daily_bound_the_worst_day_is_told_also_where_clocks_change() -> None:
    berlin = ADAPTER.validate_python({"kind": "cost", "per_day_usd": 10.0, "time_zone": "Europe/Berlin"})
    weeks = ReviewWeek.of("2026-W43", time_zone="Europe/Berlin").with_history()
    saturday = datetime(2026, 10, 24, 10, tzinfo=UTC)  # clocks go back the night after
    found = objective_week(
        berlin,
        _sums([(saturday + timedelta(days=n), 10.0, 0.0, 8.0 if n == 0 else 1.0) for n in range(-6, 2)]),
        _refunds([]),
        weeks,
        policy=BudgetPolicy(),
        now=weeks[-1].window.end,
        kept_since=None,
    )
    assert found.left == pytest.approx(0.2)
    assert found.bad == pytest.approx(14.0)
