"""Whether the intervals of a judge's sensitivity and specificity hold the truth, for real classifiers as judges."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from write_page import Figure

from review.populations import JUDGES, Population, population
from review.simulated_years import draw_labels, inclusion
from seamwatch.core.accuracy.judge_error import JudgeError, Rate, judge_errors
from seamwatch.core.detection.rates import wilson_interval

DATA = ("breast_cancer", "digits")
WEEKS = (4, 20)
RATES = ("sensitivity", "specificity")
ABOUT = (
    "judges of 5 % to 30 % error, one of them biased against one segment, checked against 4 and 20 weeks of fifty "
    "labels that are drawn more often where the judge is uncertain"
)
NOTES = """Sensitivity is the share of wrong answers that the judge calls wrong, specificity the share of right ones
that it calls right. Each figure is the worst judge's and number of weeks; intervals are meant for 95 %, and exact ones
cover more where few answers are wrong. `not_known` are segments without a single answer of the kind."""


def floors(*, short: bool) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the figures must reach, and what they must not exceed."""
    least = 0.85 if short else 0.94
    return {f"coverage_judge_{name}{part}": least for name in RATES for part in ("", "_by_segment")}, {}


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return coverage over all judges, and how wide the intervals are."""
    times = 60 if short else 1_000
    rng = np.random.default_rng(seed)
    judges = [population(data, judge) for data in DATA for judge in JUDGES[data]]
    judges += [population(data, "10 %", is_biased=True) for data in DATA]
    whole: dict[str, list[list[bool]]] = {name: [] for name in RATES}
    segments: dict[str, list[list[bool]]] = {name: [] for name in RATES}
    widths: dict[str, list[float]] = {name: [] for name in RATES}
    for of in judges[:: 3 if short else 1]:
        for weeks in WEEKS:
            _measure(of, weeks, times, rng, whole, segments, widths)
    found = {}
    for name in RATES:
        found[f"coverage_judge_{name}"] = _worst(whole[name], "of intervals, the worst judge")
        found[f"coverage_judge_{name}_by_segment"] = _worst(segments[name], "of intervals, the worst judge and segment")
        widest = 100 * max(widths[name])
        found[f"judge_{name}_half_width_week_{WEEKS[-1]}"] = Figure(
            value=widest, low=100 * min(widths[name]), high=widest, unit="points, the widest of all judges", rival={}
        )
    return found


def _measure(
    of: Population,
    weeks: int,
    times: int,
    rng: np.random.Generator,
    whole: dict[str, list[list[bool]]],
    segments: dict[str, list[list[bool]]],
    widths: dict[str, list[float]],
) -> None:
    """Add what one judge's intervals cover."""
    drawn = inclusion(of, uniform=False)
    estimates = [judge_errors(draw_labels(of, drawn, rng, weeks=weeks)) for _ in range(times)]
    for name in RATES:
        known = [rate for one in estimates if (rate := _rate(one.whole, name)) is not None]
        whole[name].append([rate.low <= _truth(of, name) <= rate.high for rate in known])
        if weeks == WEEKS[-1]:
            widths[name].append(float(np.mean([(rate.high - rate.low) / 2 for rate in known])))
        for place, segment in enumerate(("small", "middle", "large")):
            parts = [dict(one.segments).get(segment) for one in estimates]
            rates = [rate for part in parts if part is not None and (rate := _rate(part, name)) is not None]
            truth = _truth(of, name, place)
            if len(rates) >= times / 2:
                segments[name].append([rate.low <= truth <= rate.high for rate in rates])


def _rate(error: JudgeError, name: str) -> Rate | None:
    return error.sensitivity if name == "sensitivity" else error.specificity


def _truth(of: Population, name: str, segment: int | None = None) -> float:
    chosen = of.is_right if name == "specificity" else ~of.is_right
    if segment is not None:
        chosen = chosen & (of.segment == segment)
    return float(((of.prediction[chosen] >= 0.5) == (name == "specificity")).mean())


def _worst(covered: list[list[bool]], unit: str) -> Figure:
    worst = min(covered, key=np.mean)
    low, high = wilson_interval(sum(worst), len(worst)) or (0.0, 1.0)
    mean = float(np.mean([np.mean(one) for one in covered]))
    return Figure(value=float(np.mean(worst)), low=low, high=high, unit=f"{unit}, {len(worst):,}", rival={"mean": mean})
