"""What replays of a window may cost: a sample where it is healthy, all that the budget allows where it is not."""

from __future__ import annotations

from collections.abc import Sequence

from seamwatch.core.attribution.call_plan import kept_for_benchmark
from seamwatch.core.attribution.sampling import Spending
from seamwatch.core.results import Verdict
from seamwatch.engine.benchmark import benchmark_size
from seamwatch.engine.causes import ChangeTest
from seamwatch.engine.isolate import Models
from seamwatch.spec.pipeline import Pipeline


def plan_spending(
    pipeline: Pipeline, models: Models, test: ChangeTest, *, is_asked: bool, has_benchmark: bool
) -> Spending:
    """Return what the window's replays may cost.

    Args:
        pipeline: Its definition.
        models: Count the calls; what the day keeps for changes is opened for them where there is one.
        test: Of the window's causes.
        is_asked: Whether a person asked for this window.
        has_benchmark: Whether the model can be measured alone, which takes a part of the calls.
    """
    run = pipeline.isolation.max_calls_per_run
    if has_benchmark and pipeline.benchmark is not None:
        models.keep_for_benchmark(kept_for_benchmark(pipeline.benchmark.sample, run))
    is_known = is_asked or test.is_failing_rate_change
    if is_known:
        models.open_reserve()

    def is_worth_it(verdicts: Sequence[Verdict]) -> bool:
        causes = test.causes(verdicts)
        if has_benchmark:
            models.keep_for_benchmark(kept_for_benchmark(benchmark_size(pipeline, causes), run))
        if is_known or any(cause.is_change for cause in causes):
            models.open_reserve()
            return True
        return False

    return Spending(
        is_worth_it=is_worth_it,
        calls_left=lambda: models.calls_left(is_asked=is_asked),
        calls_for_sample=models.calls_for_sample(),
    )
