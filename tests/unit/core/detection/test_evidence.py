"""How much evidence an alarm needs, and what evidence there is."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from seamwatch.core.detection.evidence import log_evidence, needed_evidence

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("false_alarms", "over", "every", "n_series", "needed"),
    [
        (1.0, 90 * DAY, HOUR, 1, 2160.0),  # one false alarm in so many looks
        (0.1, 30 * DAY, HOUR, 1, 7200.0),
        (1.0, 90 * DAY, timedelta(minutes=5), 4, 103_680.0),
    ],
)
def test_so_many_looks_and_series_share_the_false_alarms(
    false_alarms: float, over: timedelta, every: timedelta, n_series: int, needed: float
) -> None:
    assert needed_evidence(false_alarms, over=over, every=every, n_series=n_series) == pytest.approx(needed)


def test_healthy_windows_reach_the_evidence_no_oftener_than_they_may() -> None:
    rng = np.random.default_rng(11)
    bad = rng.binomial(200, 0.05, 200_000).astype(float)
    e_values = np.exp(log_evidence(bad, 200.0, healthy_share=0.05, design_effect=1.0))
    assert float(e_values.mean()) <= 1.02  # an e-value, but for chance
    needed = needed_evidence(1.0, over=1000 * HOUR, every=HOUR)
    assert float(np.mean(e_values >= needed)) <= 1.0 / needed
    raised = rng.binomial(200, 0.25, 2_000).astype(float)
    assert float(np.mean(np.exp(log_evidence(raised, 200.0, healthy_share=0.05, design_effect=1.0)) >= needed)) > 0.99


def test_bursts_weigh_less_than_as_many_independent_events_and_nothing_weighs_nothing() -> None:
    alone, in_bursts = (float(log_evidence(30.0, 200.0, healthy_share=0.05, design_effect=d)) for d in (1.0, 8.0))
    assert alone > in_bursts > 0.0
    assert float(log_evidence(0.0, 0.0, healthy_share=0.05, design_effect=1.0)) == 0.0
