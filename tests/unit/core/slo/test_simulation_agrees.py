"""The benchmark looks at many months at once; look by look, the product says the same."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[4] / "tests" / "benchmarks"))

from slo.rules import Windows, episodes, learn, ours
from slo.simulate import Fault, Service, months

from seamwatch.core.detection.clustering import (
    BLOCK_LAG,
    USUAL_LAG,
    are_few,
    are_rare,
    block_hours,
    interrupted,
    stretches,
    sum_blocks,
)
from seamwatch.core.slo.alerts import Count, Past, default_rules, learn_usual, read_rule, window_lengths
from seamwatch.vocabulary import AlertSeverity

TICK, HOUR, OVER = timedelta(minutes=5), timedelta(hours=1), timedelta(days=30)


@pytest.mark.parametrize(("goal", "per_hour", "errors"), [(0.8, 50.0, "bursts"), (0.99, 5.0, "independent")])
def test_look_by_look(goal, per_hour, errors) -> None:
    service = Service(goal, per_hour, errors, 0.5)
    start = 9 * 288
    bad, total = months(service, 1, np.random.default_rng(4), Fault(np.array([start]), 72, 0.6), ticks=10 * 288)
    learnt = learn(bad, total, goal, per_hour)
    fires = {who: ours(Windows(bad, total), goal, OVER, learnt, who)[0] for who in AlertSeverity}
    assert any(found.any() for found in fires.values())

    rules, width = default_rules(goal, over=OVER), block_hours(per_hour) * 12
    begun = stretches(bad, total)
    series = [values[0] for values in (bad, total, *interrupted(bad, total), begun)]
    blocks = [values.reshape(-1, width).sum(axis=1) for values in series]
    for tick in range(start - 6, start + 84, 3):
        known = [int(max(tick // 12 - lag // HOUR, 0)) * 12 // width for lag in (BLOCK_LAG, USUAL_LAG)]
        events, mixed, in_stretches = (
            Past(**{name: sum_blocks(part[:n], of[:n]) for name, n in zip(("recent", "older"), known, strict=True)})
            for part, of in ((blocks[0], blocks[1]), (blocks[2], blocks[3]), (blocks[4], blocks[1]))
        )
        is_rare = are_rare(per_hour, budget_share=1 - goal)
        usual = learn_usual(
            events,
            budget_share=1 - goal,
            mixed=mixed if are_few(per_hour) else None,
            stretches=in_stretches if is_rare else None,
        )
        windows = {one: _count(series, tick, one) for one in window_lengths(rules)}
        readings = [read_rule(rule, windows, usual, goal=goal, every=TICK) for rule in rules]
        for who in AlertSeverity:
            said = any(r.fires for r in readings if r.rule.severity is who)
            assert said == fires[who][tick], (who, tick)


def _count(series, tick, length) -> Count:
    """Return the events of a window that ends with a tick."""
    window = slice(max(tick + 1 - round(length / TICK), 0), tick + 1)
    sums = [float(values[window].sum()) for values in series]
    return Count(**dict(zip(("bad", "total", "mixed", "pairs", "stretches"), sums, strict=True)))


def test_an_alert_that_pauses_for_a_moment_is_one() -> None:
    fires = np.zeros((2, 40), dtype=bool)
    fires[0, [3, 4, 9, 30]] = True
    fires[1, 0] = True
    rows, ticks = episodes(fires, hold_ticks=6)
    assert (rows.tolist(), ticks.tolist()) == ([0, 0, 1], [3, 30, 0])
