"""One measurement of the model alone on its benchmark, and what it tells beside its baseline."""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.core.benchmark import SIGNIFICANT, Comparison
from seamwatch.core.detection.rates import shortfall_p_value, worse_p_value
from seamwatch.core.isolation import BenchmarkScore
from seamwatch.vocabulary import BenchmarkStanding


@dataclass(frozen=True, kw_only=True)
class BenchmarkMeasure:
    """The model alone, asked anew."""

    score: BenchmarkScore | None
    """None: it could not be measured, and `obstacle` says why."""
    comparison: Comparison | None = None
    """With the baseline input by input; None: the baseline holds no inputs."""
    baseline_accuracy: float | None = None
    obstacle: str = ""
    """Why nothing was measured, as a sentence without its full stop."""
    notes: tuple[str, ...] = ()
    """What limits the measurement, as calls that were not answered."""

    @property
    def n(self) -> int:
        """Return how many inputs were answered and judged."""
        return 0 if self.score is None else self.score.n_judged

    @property
    def n_right(self) -> int:
        """Return how many of them were right."""
        return 0 if self.score is None else self.score.n_right

    @property
    def accuracy(self) -> float | None:
        """Return the share of them that was right; None where none was judged."""
        return None if self.score is None else self.score.accuracy

    @property
    def p_value(self) -> float | None:
        """Return the exact one-sided p of being as good as the baseline: paired where it holds the inputs."""
        if self.comparison is not None:
            return min([self.comparison.p_paired, *(one.p_worse for one in self.comparison.segments)])
        return None if self.score is None else self.score.p_degraded

    @property
    def standing(self) -> BenchmarkStanding | None:
        """Return how it stands; None without a baseline, or where so few inputs could not show that it got worse."""
        if self.accuracy is None or self.p_value is None:
            return None
        if self.comparison is not None:
            found = self.comparison.standing
        else:
            found = BenchmarkStanding.DEGRADED if self.p_value < SIGNIFICANT else BenchmarkStanding.AS_BEFORE
        return None if found is BenchmarkStanding.AS_BEFORE and self.least_p >= SIGNIFICANT else found

    @property
    def least_p(self) -> float:
        """Return the p that it would have had, were every answer wrong: not small, and nothing can be told."""
        if self.comparison is not None:
            return worse_p_value(self.comparison.n_paired, 0)
        if self.baseline_accuracy is None:
            return 1.0
        return shortfall_p_value(0, self.n, base_rate=self.baseline_accuracy) or 1.0
