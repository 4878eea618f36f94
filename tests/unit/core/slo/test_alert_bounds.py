"""What no rule can reach: a slow burn of the quietest services with bursts is two or three of them in its week."""

from __future__ import annotations

import pytest
from scipy.stats import poisson

BURST = 5.0


@pytest.mark.parametrize(("goal", "per_hour"), [(0.99, 5.0), (0.999, 50.0)])
def test_who_knows_the_length_of_bursts_and_both_rates_misses_a_quarter_or_alerts_on_every_burst(
    goal: float, per_hour: float
) -> None:
    week = 7 * 24 * per_hour * (1 - goal) / BURST
    healthy, burning = 0.5 * week, 1.5 * week  # bursts in a week: half of the budget, and 1.5 times all of it
    # The likelihood ratio of two Poisson rates rises with the count: the best rule alerts from some count on.
    from_one, from_two = (float(poisson.sf(least - 1, burning)) for least in (1, 2))
    assert from_one == pytest.approx(0.92, abs=0.01)
    assert from_two == pytest.approx(0.72, abs=0.01)
    # From one on it alerts on each burst of a healthy month.
    assert healthy * 30 / 7 == pytest.approx(3.6, abs=0.01)
