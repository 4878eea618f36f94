"""The figures of accuracy from fifty labels a week, with their bounds."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from write_page import Figure

from review.accuracy import Floats, Measured, efficient_half_width, measure
from review.populations import JUDGES, Population, population
from review.simulated_years import ANSWERS, LABELS
from seamwatch.core.detection.rates import wilson_interval

REPORTED, TUNED = "wine", "breast_cancer"
"""Data that nothing was chosen by, and data that the constants of the estimator were chosen by."""
FALL_WEEK = 20
SEEN_WITHIN = 3
ABOUT = (
    f"years of {ANSWERS:,} answers and about {LABELS} labels a week, drawn half uniformly and half where the judge is "
    "uncertain; a classifier as the model and others as judges, wrong about 5 % to 30 % of the answers, one biased "
    "against one segment"
)
NOTES = """`coverage_*` are years of which **all** 52 weekly intervals hold the accuracy over all answers of the weeks
that they pool; their range is Wilson's 95 %. `half_width_*` are means over years in points of accuracy, the worst
judge's; beside them the same from uniformly drawn labels, from people's labels alone, and how far off the judge alone
is. `ratio` figures divide by the efficient width of a fixed time: 1.96 standard errors with everything about the judge
and the variance known beforehand. With fifty labels such a width is no honest interval yet: of five expected wrong
labels often only two are drawn. Of the data wine were measured after everything was chosen; digits and breast cancer
were looked at while it was. Wanted is a
ratio of at most 1.7 in every week: the first three weeks are wider."""


def floors(*, short: bool) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the figures must reach, and what they must not exceed; of few years little is sure."""
    coverages = ("constant_accuracy", "biased_judge", "uniform_labels", "after_fall")
    least = dict(zip(coverages, (0.94, 0.94, 0.92, 0.92), strict=True))  # of the last two fewer years are simulated
    at_least = {f"coverage_{name}": 0.8 if short else floor for name, floor in least.items()}
    at_most = {
        "half_width_week_4": 12.0,
        "half_width_week_20": 3.2 if short else 3.0,
        "half_width_ratio": 1.95 if short else 1.8,
        "half_width_ratio_from_week_4": 1.85 if short else 1.72,
        "half_width_false_restarts": 0.08 if short else 0.03,
    }
    return {**at_least, "fall_seen": 0.95 if short else 0.98}, at_most


@dataclass(frozen=True, kw_only=True)
class _Scenario:
    data: str
    judge: str
    years: int
    is_biased: bool = False
    is_uniform: bool = False
    fall_week: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Run:
    population: Population
    is_uniform: bool
    measured: Measured

    @property
    def half_width(self) -> Floats:
        return np.nanmean(self.measured.half_width, axis=0)

    @property
    def ratio(self) -> Floats:
        return self.half_width / efficient_half_width(self.population, uniform=self.is_uniform)

    @property
    def median_ratio(self) -> Floats:
        medians = np.nanmedian(self.measured.half_width, axis=0)
        return np.asarray(medians / efficient_half_width(self.population, uniform=self.is_uniform))


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return the figures of the reported data; the full form adds those of the data that constants were chosen by."""
    years = 20 if short else int(os.environ.get("YEARS", "1000"))
    found = _figures(REPORTED, years=years, others=20 if short else years // 5, seed=seed)
    if not short:
        of_tuned = _figures(TUNED, years=years // 10, others=years // 20, seed=seed + 100)
        found |= {f"{name}_{TUNED}": figure for name, figure in of_tuned.items()}
    return found


def _figures(data: str, *, years: int, others: int, seed: int) -> dict[str, Figure]:
    judges = tuple(JUDGES[data])
    scenarios = [
        *(_Scenario(data=data, judge=judge, years=years) for judge in judges),
        _Scenario(data=data, judge="10 %", years=years, is_biased=True),
        *(_Scenario(data=data, judge=judge, years=others, is_uniform=True) for judge in judges),
        *(
            _Scenario(data=data, judge=judge, years=others, is_biased=judge == "10 %", fall_week=FALL_WEEK)
            for judge in judges
        ),
    ]
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(_run, scenarios, range(seed, seed + len(scenarios))))
    n = len(judges)
    constant, biased, uniform, fallen = done[:n], done[n], done[n + 1 : 2 * n + 1], done[2 * n + 1 :]
    runs = [*constant, biased]
    worst = min(constant, key=lambda one: one.measured.years_covered)
    return {
        "coverage_constant_accuracy": _coverage(
            worst, f"of years, the worst of {len(constant)} judges: {worst.population.name}"
        ),
        "coverage_biased_judge": _coverage(biased, "of years, a judge that doubts every answer of one segment"),
        "coverage_uniform_labels": _coverage(
            min(uniform, key=lambda one: one.measured.years_covered),
            "of years, the worst judge, labels drawn uniformly",
        ),
        "coverage_after_fall": _coverage(
            min(fallen, key=lambda one: one.measured.years_covered),
            "of years with a fall by 10 points, the worst judge",
        ),
        "half_width_week_1": _width(runs, uniform, 1),
        "half_width_week_4": _width(runs, uniform, 4),
        "half_width_week_20": _width(runs, uniform, 20),
        "half_width_week_52": _width(runs, uniform, 52),
        "half_width_ratio": _ratio(runs, 0, 52),
        "half_width_ratio_from_week_4": _ratio(runs, 3, 52),
        "half_width_false_restarts": _share(
            sum(int((one.measured.restarts[:, -1] > 0).sum()) for one in runs),
            sum(len(one.measured.restarts) for one in runs),
            "of years with constant accuracy in which a pool ends",
        ),
        "fall_seen": _fall_seen(fallen),
    }


def _run(scenario: _Scenario, seed: int) -> _Run:
    of = population(scenario.data, scenario.judge, is_biased=scenario.is_biased)
    measured = measure(of, years=scenario.years, seed=seed, uniform=scenario.is_uniform, fall_week=scenario.fall_week)
    print(f"  {scenario}", file=sys.stderr)
    return _Run(population=of, is_uniform=scenario.is_uniform, measured=measured)


def _coverage(run: _Run, unit: str) -> Figure:
    return _share(run.measured.years_covered, len(run.measured.is_covered), unit)


def _share(n: int, of: int, unit: str, rival: dict[str, float] | None = None) -> Figure:
    low, high = wilson_interval(n, of) or (0.0, 1.0)
    return Figure(value=n / of, low=low, high=high, unit=f"{unit}, {of:,}", rival=rival or {})


def _width(runs: list[_Run], uniform: list[_Run], week: int) -> Figure:
    """Return the mean half-width of the judge with the widest intervals, with those of the best one."""
    means = [100 * float(one.half_width[week - 1]) for one in runs]
    people = [100 * float(np.nanmean(one.measured.people_half_width[:, week - 1])) for one in runs]
    alone = [100 * float(np.nanmean(np.abs(one.measured.judge_error[:, week - 1]))) for one in runs]
    return Figure(
        value=max(means),
        low=min(means),
        high=max(means),
        unit="points, the worst judge; range over judges",
        rival={
            "uniform_labels": max(100 * float(one.half_width[week - 1]) for one in uniform),
            "people_alone": max(people),
            "judge_alone_off_by_up_to": max(alone),
        },
    )


def _ratio(runs: list[_Run], first: int, end: int) -> Figure:
    """Return the ratio of the median year, beside it that of the mean, which a pool that ended by chance raises."""
    worst = [float(one.median_ratio[first:end].max()) for one in runs]
    return Figure(
        value=max(worst),
        low=min(worst),
        high=max(worst),
        unit="times the efficient width of a fixed time, the median year, worst week and judge; range over judges",
        rival={"mean_of_years": max(float(one.ratio[first:end].max()) for one in runs)},
    )


def _fall_seen(runs: list[_Run]) -> Figure:
    """Return how often a pool begins, within three weeks, at the fall or up to two weeks before it is noticed."""
    last = FALL_WEEK + SEEN_WITHIN - 1
    seen = [one.measured.pool_first[:, last] >= FALL_WEEK for one in runs]
    by_labels = [one.measured.is_by_labels[:, last] & (one.measured.pool_first[:, last] >= FALL_WEEK) for one in runs]
    n, of = sum(int(one.sum()) for one in seen), sum(one.size for one in seen)
    unit = f"of falls by 10 points in one week, within {SEEN_WITHIN} weeks"
    return _share(n, of, unit, {"by_labels": sum(int(one.sum()) for one in by_labels) / of})
