"""What no rule can reach on the quietest services, where a slow burn is a handful of bad events in its week."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
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


HOURS_APART = 6
"""Alerts that are closer than this are one, as of a ticket."""
SERVICES = 4_000


@pytest.mark.parametrize(
    ("allowed_per_day", "by_half_a_ticket", "by_as_many_as_ours", "ours"),
    [(1.2, 0.88, 0.96, 1.5), (0.48, 0.65, 0.90, 1.9)],
    ids=["99 % at 5 an hour, 99.9 % at 50", "99.9 % at 20 an hour"],
)
def test_fewer_false_tickets_on_independent_errors_cost_slow_burns_also_who_knows_both_rates(
    allowed_per_day: float, by_half_a_ticket: float, by_as_many_as_ours: float, ours: float
) -> None:
    """The rule is CUSUM, which of all with as many false alarms finds a change soonest (G. V. Moustakides, 1986)."""
    healthy, burning = 0.5 * allowed_per_day / 24, 1.5 * allowed_per_day / 24
    rng = np.random.default_rng(7)
    calm = _cusum(rng.poisson(healthy, (SERVICES, 30 * 24)), healthy, burning)
    before, week = rng.poisson(healthy, (SERVICES, 10 * 24)), rng.poisson(burning, (SERVICES, 7 * 24))
    burn = _cusum(np.concatenate([before, week], axis=1), healthy, burning)[:, 10 * 24 :].max(axis=1)
    thresholds = np.arange(1.0, 5.0, 0.05)
    false = np.array([_alerts_a_service(calm >= one) for one in thresholds])

    def found(most_false: float) -> float:
        """Return the share of burns found by the rule with so many false alerts in 30 days."""
        return float((burn >= thresholds[false <= most_false].min()).mean())

    assert found(0.5) == pytest.approx(by_half_a_ticket, abs=0.02)
    assert found(ours) == pytest.approx(by_as_many_as_ours, abs=0.02)


def _cusum(events: NDArray[np.int64], healthy: float, burning: float) -> NDArray[np.float64]:
    """Return after each hour how much likelier the best begin of burning makes its events than none, as a logarithm."""
    steps = events * np.log(burning / healthy) - (burning - healthy)
    total = np.zeros(len(events))
    found = np.empty(events.shape)
    for hour in range(events.shape[1]):
        total = np.maximum(total + steps[:, hour], 0.0)
        found[:, hour] = total
    return found


def _alerts_a_service(fires: NDArray[np.bool_]) -> float:
    row, hour = np.nonzero(fires)
    begins = (np.diff(row, prepend=-1) != 0) | (np.diff(hour, prepend=-1) > HOURS_APART)
    return float(begins.sum()) / len(fires)
