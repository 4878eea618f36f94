"""Windows drawn by chance, judged one after the other as the engine judges them: how often a change is called.

`python tests/support/healthy_windows.py` prints the rate of false incidents and the delay of detection that
docs/attribution.md states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from seamwatch.core.attribution.causes import (
    ACCEPTED_RECORDS,
    STRAY_LEAST,
    STRAY_RATE,
    STRAY_RECORDS,
    STRAY_RUN_RECORDS,
)
from seamwatch.core.detection.recent_change import N_PARTS, Parts, weigh_window
from seamwatch.core.detection.window_change import (
    HISTORY_WINDOWS,
    NO_MARK,
    SEAM_SLACK,
    Budget,
    CauseKey,
    Prior,
    WindowCount,
)
from seamwatch.vocabulary import Responsibility

N_CANDIDATES = 9
"""Six stages and three causes beside them, as in the demo."""
CAUSE: CauseKey = (Responsibility.MODEL, "model")
DAY = timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class Judge:
    """One cause of one pipeline, window after window."""

    prior: Prior
    history: list[WindowCount] = field(default_factory=list)

    def look(self, failing: Sequence[int], judged: Sequence[int], budget: Budget) -> bool:
        """Return whether the window is a change as far as it has been judged; counts by span of the window."""
        n_failing = sum(failing)
        if not n_failing:
            return False
        evidence = weigh_window(
            [CAUSE],
            self.history[-HISTORY_WINDOWS:],
            n_records=n_failing,
            n_judged=sum(judged),
            prior=self.prior,
            parts=Parts(length=DAY, judged=judged, failing=failing),
        )
        return evidence.is_change(n_failing, budget, slack=SEAM_SLACK if self.prior == STRAY else 1.0)

    def live(self, hits: Sequence[bool], looks: Sequence[float] = (1.0,)) -> bool:
        """Return whether a window is called a change at any of the looks, each at a share of its records.

        Truths arrive in any order, so that each look sees records of all spans.
        """
        wrong = np.asarray(hits, dtype=bool)
        span = np.arange(len(wrong)) * N_PARTS // len(wrong)
        arrival = np.random.default_rng(len(self.history)).permutation(len(wrong))
        found = False
        for share in looks:
            seen = arrival[: max(1, round(share * len(wrong)))]
            failing, judged = _by_span(span[seen], wrong[seen]), _by_span(span[seen])
            found |= self.look(failing, judged, Budget(n_candidates=N_CANDIDATES, share_judged=share))
        start = START + len(self.history) * DAY
        self.history.append(
            WindowCount(
                start=start,
                end=start + DAY,
                n_judged=len(wrong),
                counts={CAUSE: int(wrong.sum())},
                changes={CAUSE: NO_MARK} if found else {},
                judged_by_part=tuple(_by_span(span)),
                counts_by_part={CAUSE: tuple(_by_span(span, wrong))},
            )
        )
        return found


def _by_span(span: NDArray[np.int64], wrong: NDArray[np.bool_] | None = None) -> list[int]:
    counts = np.bincount(span if wrong is None else span[wrong], minlength=N_PARTS)
    return [int(n) for n in counts]


def model(accuracy: float) -> Prior:
    """Return what is known beforehand of a model with an accepted baseline."""
    return Prior(rate=1 - accuracy, records=ACCEPTED_RECORDS)


STRAY = Prior(rate=STRAY_RATE, records=STRAY_RECORDS, least=STRAY_LEAST, run_records=STRAY_RUN_RECORDS)
LOOKS = (0.1, 0.3, 0.55, 0.7, 0.8, 0.9, 0.97, 1.0)


def false_incidents(
    rng: np.random.Generator,
    *,
    accuracy: float,
    n_windows: int,
    n_records: int,
    n_seams: int = 4,
    looks: Sequence[float] = LOOKS,
    season: float = 0.0,
    spread: float = 0.0,
) -> int:
    """Return how many healthy windows of a pipeline are called an incident, all its causes together.

    Args:
        rng: Draws the windows.
        accuracy: Of the model.
        n_windows: How many are drawn, one after the other.
        n_records: Of each.
        n_seams: Causes beside the model.
        looks: Shares of the records that are judged, one look after the other.
        season: By how much of itself the model's error rate is higher in the worst hour of the day, the end of the last
            quarter, and lower in the best.
        spread: Correlation of two records of one window, by which windows differ beyond chance.
    """
    judges = [(STRAY_RATE, Judge(STRAY)) for _ in range(n_seams)]
    judge = Judge(model(accuracy))
    hour = 1 + season * np.sin(2 * np.pi * (np.arange(n_records) / n_records - 0.625))
    n_found = 0
    for _ in range(n_windows):
        rate = 1 - accuracy
        if spread:
            rate = rng.beta(rate * (1 / spread - 1), (1 - rate) * (1 / spread - 1))
        found = [judge.live((rng.random(n_records) < rate * hour).tolist(), looks)]
        found += [seam.live((rng.random(n_records) < rate).tolist(), looks) for rate, seam in judges]
        n_found += any(found)
    return n_found


def delay(
    rng: np.random.Generator, *, prior: Prior, struck: float, n_records: int, n_before: int = 20, most: int = 60
) -> int | None:
    """Return in which window of a fault it is called a change; None if in none of `most`."""
    judge = Judge(prior)
    for number in range(n_before + most):
        rate = prior.rate + (struck * (1 - prior.rate) if number >= n_before else 0.0)
        if judge.live((rng.random(n_records) < rate).tolist()) and number >= n_before:
            return number - n_before + 1
    return None


def found_in_last_quarter(
    rng: np.random.Generator, *, prior: Prior, struck: float, n_records: int, n_windows: int, is_whole_only: bool
) -> int:
    """Return how many windows with a fault in their last quarter are called a change, without a history.

    Args:
        rng: Draws the windows.
        prior: Of the cause.
        struck: Share of the last quarter's records that the fault strikes.
        n_records: Of a window.
        n_windows: How many are drawn.
        is_whole_only: Whether only the window as a whole and the run are tested, not its last parts.
    """
    budget = Budget(n_candidates=N_CANDIDATES)
    slack = SEAM_SLACK if prior == STRAY else 1.0
    is_late = np.arange(n_records) >= 0.75 * n_records
    span = np.arange(n_records) * N_PARTS // n_records
    n_found = 0
    for _ in range(n_windows):
        wrong = rng.random(n_records) < prior.rate + np.where(is_late, struck * (1 - prior.rate), 0.0)
        parts = Parts(length=DAY, judged=_by_span(span), failing=_by_span(span, wrong))
        n = int(wrong.sum())
        evidence = weigh_window([CAUSE], [], n_records=n, n_judged=n_records, prior=prior, parts=parts)
        test = evidence.is_shown_by_windows if is_whole_only else evidence.is_change
        n_found += test(n, budget, slack=slack)
    return n_found


HEALTHY = (
    ("windows alike", {}),
    ("hours that differ by 30 %", {"season": 0.3}),
    ("hours that differ by 50 %", {"season": 0.5}),
    ("hours that differ by 90 %", {"season": 0.9}),
    ("windows that differ, correlation 0.003", {"spread": 0.003}),
    ("both, 30 % and 0.003", {"season": 0.3, "spread": 0.003}),
)


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(2026)
    for name, more in HEALTHY:
        n = total = 0
        for accuracy in (0.8, 0.9, 0.94, 0.98):
            for n_records in (100, 400, 1500):
                n += false_incidents(
                    rng, accuracy=accuracy, n_windows=250, n_records=n_records, n_seams=2, looks=(0.6, 1.0), **more
                )
                total += 250
        print(f"{name}: {n} of {total} healthy windows", flush=True)
    for name, prior in (("a seam", STRAY), ("a model, right on 94 %", model(0.94)), ("right on 80 %", model(0.8))):
        for n_records in (100, 400, 1500):
            for struck in (0.1, 0.2, 0.3, 0.5):
                shares = [
                    found_in_last_quarter(
                        rng, prior=prior, struck=struck, n_records=n_records, n_windows=400, is_whole_only=whole
                    )
                    / 400
                    for whole in (True, False)
                ]
                print(
                    f"{name}, {n_records} records, {struck:.0%} of the last quarter: found by the whole window in "
                    f"{shares[0]:.0%}, with its last parts in {shares[1]:.0%}",
                    flush=True,
                )
    for name, prior in (("a seam", STRAY), ("a model, right on 94 %", model(0.94))):
        for n_records in (100, 400):
            for struck in (0.02, 0.05, 0.2):
                found = [delay(rng, prior=prior, struck=struck, n_records=n_records) for _ in range(50)]
                known = sorted(60.5 if one is None else one for one in found)
                missed = sum(one is None for one in found)
                print(
                    f"{name}, {n_records} records, fault in {struck:.0%}: median {known[25]}, "
                    f"nine in ten by {known[45]}, {missed} of 50 not within 60",
                    flush=True,
                )


if __name__ == "__main__":
    main()
