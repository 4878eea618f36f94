"""Windows drawn by chance, judged one after the other as the engine judges them: how often a change is called.

`python tests/support/healthy_windows.py` prints the rate of false incidents and the delay of detection that
docs/attribution.md states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from seamwatch.core.attribution.causes import ACCEPTED_RECORDS, STRAY_RATE, STRAY_RECORDS, STRAY_RUN_RECORDS
from seamwatch.core.change import HISTORY_WINDOWS, SEAM_SLACK, Budget, Prior, Series, weigh

N_CANDIDATES = 9
"""Six stages and three causes beside them, as in the demo."""


@dataclass
class Judge:
    """One cause of one pipeline, window after window."""

    prior: Prior
    budget: Budget = field(default_factory=lambda: Budget(n_candidates=N_CANDIDATES))
    failing: list[int] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    is_healthy: list[bool] = field(default_factory=list)

    def look(self, n_failing: int, n_judged: int, budget: Budget) -> bool:
        """Return whether the window is a change as far as it has been judged."""
        past = slice(-HISTORY_WINDOWS, None)
        series = Series(
            failing=np.array([*self.failing[past], n_failing], dtype=float),
            judged=np.array([*self.judged[past], n_judged], dtype=float),
            is_healthy=np.array([*self.is_healthy[past], True]),
        )
        slack = SEAM_SLACK if self.prior == STRAY else 1.0
        return n_failing > 0 and weigh(series, self.prior).is_change(n_failing, budget, slack=slack)

    def live(self, hits: Sequence[bool], looks: Sequence[float] = (1.0,)) -> bool:
        """Return whether a window is called a change at any of the looks, each at a share of its records."""
        found = False
        for share in looks:
            seen = hits[: max(1, round(share * len(hits)))]
            budget = Budget(n_candidates=N_CANDIDATES, share_judged=share)
            found |= self.look(sum(seen), len(seen), budget)
        self.failing.append(sum(hits))
        self.judged.append(len(hits))
        self.is_healthy.append(not found)
        return found


def model(accuracy: float) -> Prior:
    """Return what is known beforehand of a model with an accepted baseline."""
    return Prior(rate=1 - accuracy, records=ACCEPTED_RECORDS)


STRAY = Prior(rate=STRAY_RATE, records=STRAY_RECORDS, least=STRAY_RATE, run_records=STRAY_RUN_RECORDS)
LOOKS = (0.1, 0.3, 0.55, 0.7, 0.8, 0.9, 0.97, 1.0)


def false_incidents(
    rng: np.random.Generator,
    *,
    accuracy: float,
    n_windows: int,
    n_records: int,
    n_seams: int = 4,
    looks: Sequence[float] = LOOKS,
) -> int:
    """Return how many healthy windows of a pipeline are called an incident, all its causes together."""
    judges = [(1 - accuracy, Judge(model(accuracy))), *((STRAY_RATE, Judge(STRAY)) for _ in range(n_seams))]
    return sum(
        any([judge.live((rng.random(n_records) < rate).tolist(), looks) for rate, judge in judges])
        for _ in range(n_windows)
    )


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


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(2026)
    total = 0
    for accuracy in (0.7, 0.8, 0.9, 0.94, 0.98):
        for n_records in (30, 400):
            n = false_incidents(rng, accuracy=accuracy, n_windows=1000, n_records=n_records)
            total += n
            print(f"accuracy {accuracy:.2f}, {n_records} records: {n} of 1000 healthy windows", flush=True)
    print(f"{total} of 10000 healthy windows in all")
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
