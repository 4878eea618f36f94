"""What one measurement of the model alone tells beside its baseline."""

from __future__ import annotations

import pytest

from seamwatch.core.benchmark import BenchmarkResult, compare_results
from seamwatch.core.benchmark_measure import BenchmarkMeasure
from seamwatch.core.detection.rates import shortfall_p_value
from seamwatch.core.isolation import BenchmarkScore
from seamwatch.vocabulary import BenchmarkStanding


def _measure(n_right: int, n: int, baseline: float | None) -> BenchmarkMeasure:
    score = BenchmarkScore(
        n_right=n_right,
        n_judged=n,
        accuracy=n_right / n if n else None,
        accuracy_low=None,
        accuracy_high=None,
        p_degraded=None if baseline is None else shortfall_p_value(n_right, n, base_rate=baseline),
    )
    return BenchmarkMeasure(score=score, baseline_accuracy=baseline)


@pytest.mark.parametrize(
    ("n_right", "n", "baseline", "standing"),
    [
        (15, 25, 0.98, BenchmarkStanding.DEGRADED),
        (24, 25, 0.98, BenchmarkStanding.AS_BEFORE),
        (2, 2, 0.98, BenchmarkStanding.AS_BEFORE),
        (1, 1, 0.98, None),
        (0, 1, 0.5, None),
        (1, 1, 0.5, None),
        (19, 25, None, None),
        (0, 0, 0.98, None),
    ],
)
def test_standing_by_an_accepted_accuracy(
    n_right: int, n: int, baseline: float | None, standing: BenchmarkStanding | None
) -> None:
    assert _measure(n_right, n, baseline).standing is standing


def test_what_could_not_be_measured_has_no_figure() -> None:
    none = BenchmarkMeasure(score=None, obstacle="no benchmark")
    assert (none.n, none.n_right, none.accuracy, none.p_value, none.standing) == (0, 0, None, None, None)


@pytest.mark.parametrize(("n", "n_worse", "standing"), [(20, 8, BenchmarkStanding.DEGRADED), (4, 0, None)])
def test_pairs_decide_where_the_baseline_holds_the_inputs(
    n: int, n_worse: int, standing: BenchmarkStanding | None
) -> None:
    before = [BenchmarkResult(key=str(number), is_right=True, answer="a") for number in range(n)]
    now = [BenchmarkResult(key=str(number), is_right=number >= n_worse, answer="a") for number in range(n)]
    measure = _measure(n - n_worse, n, 1.0)
    paired = BenchmarkMeasure(score=measure.score, comparison=compare_results(now, before, {}), baseline_accuracy=1.0)
    assert paired.standing is standing
    assert paired.p_value == pytest.approx(0.5**n_worse)
