"""How often a healthy seam is called an incident: windows drawn so that the rare ones are not rare.

`python tests/support/stray_windows.py` prints the rates that docs/attribution.md states. Windows with many failing
records are drawn `TILT` times as often and weighed by how much likelier that made them (H. Kahn and A. W. Marshall,
1953, "Methods of reducing sample size in Monte Carlo computations"); chance alone would need a million windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from healthy_windows import CAUSE, DAY, N_CANDIDATES, START, STRAY
from seamwatch.core.attribution.causes import STRAY_RATE
from seamwatch.core.detection.recent_change import N_PARTS, Parts, weigh_window
from seamwatch.core.detection.window_change import MIN_RECORDS, SEAM_SLACK, Budget, WindowCount

TILT = 4.0
LOOKS = (0.55, 0.7, 0.8, 0.9, 0.97, 1.0)
N_SEAMS = N_CANDIDATES - 1
"""Causes beside the model."""


def false_incident_rate(
    rng: np.random.Generator,
    *,
    n_records: int,
    n_before: int = 0,
    n_drawn: int = 1000,
    n_histories: int = 25,
    looks: Sequence[float] = LOOKS,
    season: float = 0.0,
) -> float:
    """Return the share of healthy windows in which one seam, which loses `STRAY_RATE`, is called a change at any look.

    The run of windows is left out: its bound (`Budget.e_run`) is a theorem.

    Args:
        rng: Draws the windows.
        n_records: Of each.
        n_before: Healthy windows before.
        n_drawn: Windows drawn, over all histories.
        n_histories: Histories drawn, where there are windows before.
        looks: Shares of the records that are judged, one look after the other.
        season: By how much of itself the rate is higher in the worst hour of the day, and lower in the best.
    """
    hour = 1 + season * np.sin(2 * np.pi * (np.arange(n_records) / n_records - 0.625))
    span = np.arange(n_records) * N_PARTS // n_records
    total = 0.0
    groups = n_histories if n_before else 1
    for _ in range(groups):
        history = [_window(rng, k - n_before, span, STRAY_RATE * hour) for k in range(n_before)]
        counts = rng.binomial(n_records, STRAY_RATE * TILT, n_drawn // groups)
        for count in counts[counts >= MIN_RECORDS]:
            places = rng.choice(n_records, count, replace=False, p=hour / hour.sum())
            if _is_called(rng.random(count), span[places], span, history, looks):
                total += _weight(int(count), n_records)
    return total / (groups * (n_drawn // groups))


def _weight(count: int, n_records: int) -> float:
    law = stats.binom.logpmf(count, n_records, [STRAY_RATE, STRAY_RATE * TILT])
    return float(np.exp(law[0] - law[1]))


def _is_called(
    arrival: NDArray[np.float64],
    places: NDArray[np.int64],
    span: NDArray[np.int64],
    history: Sequence[WindowCount],
    looks: Sequence[float],
) -> bool:
    judged = np.bincount(span, minlength=N_PARTS)
    for share in looks:
        failing = np.bincount(places[arrival <= share], minlength=N_PARTS)
        n_failing = int(failing.sum())
        if n_failing < MIN_RECORDS:
            continue
        evidence = weigh_window(
            [CAUSE],
            history,
            n_records=n_failing,
            n_judged=round(len(span) * share),
            prior=STRAY,
            parts=Parts(length=DAY, judged=np.round(judged * share).tolist(), failing=failing.tolist()),
        )
        budget = Budget(n_candidates=N_CANDIDATES, share_judged=share)
        alone = evidence.p_value < SEAM_SLACK * budget.p_alone
        if alone or evidence.is_shown_by_last_part(budget, SEAM_SLACK):
            return True
    return False


def _window(rng: np.random.Generator, number: int, span: NDArray[np.int64], rate: NDArray[np.float64]) -> WindowCount:
    wrong = np.bincount(span[rng.random(len(span)) < rate], minlength=N_PARTS)
    return WindowCount(
        start=START + number * DAY,
        end=START + (number + 1) * DAY,
        n_judged=len(span),
        counts={CAUSE: int(wrong.sum())},
        judged_by_part=tuple(np.bincount(span, minlength=N_PARTS).tolist()),
        counts_by_part={CAUSE: tuple(wrong.tolist())},
    )


def main() -> None:
    """Print the rates of one seam, and of all of a pipeline's."""
    rng = np.random.default_rng(2027)
    for n_before, season in ((0, 0.0), (0, 0.5), (0, 0.9), (10, 0.0), (40, 0.0)):
        for n_records in (100, 300, 600, 1500):
            looks = (0.7, 1.0) if n_before else LOOKS
            n_drawn = 2000 if n_before else max(240_000 // n_records, 500)
            one = false_incident_rate(
                rng,
                n_records=n_records,
                n_before=n_before,
                season=season,
                n_drawn=n_drawn,
                n_histories=100,
                looks=looks,
            )
            print(
                f"{n_records} records, {n_before} windows before, hours differ by {season:.0%}: one seam {one:.1e}, "
                f"{N_SEAMS} seams {N_SEAMS * one:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
