"""Whether the intervals of our own grades hold the true share of right verdicts, over simulated years of incidents."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from write_page import Figure

from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.grade_estimates import grades
from seamwatch.core.grades import Grade, JudgedVerdict
from seamwatch.core.verdict_sampling import draw_by_chance
from seamwatch.vocabulary import Responsibility

WEEKS = 52
DRAWN = 5
"""Verdicts of a week that people are asked to judge: the default of `weekly_review.verdicts`."""
ANSWERED = 0.8
A_WEEK = (4.0, 8.0, 15.0)
"""Verdicts of a usual week, by year in turn."""
SHARES: Mapping[Responsibility, float] = {
    Responsibility.INTEGRATION: 0.36,
    Responsibility.MODEL: 0.24,
    Responsibility.KNOWLEDGE_BASE: 0.16,
    Responsibility.SOURCE_DATA: 0.12,
    Responsibility.PROVIDER: 0.08,
    Responsibility.ADVERSARIAL_INPUT: 0.04,
}
WORST, BEST = 0.6, 0.99
"""Between these lies the share of right verdicts of each responsibility; another one each year."""
ABOUT = (
    f"years of incidents whose verdicts are right in {WORST:.0%} to {BEST:.0%} of cases by responsibility, 4, 8 or 15 "
    f"a week; {DRAWN} a week are drawn, and {ANSWERED:.0%} of those answered"
)
NOTES = """A year is covered where the interval holds the share of right ones among all verdicts of that year.
Precision, how often people call wrong verdicts wrong unasked (10 % to 70 % of them, some days after they were told) and
how often a fix tells (up to 40 %) are other ones each year. Weeks are as uneven as incidents are, and in every second
year verdicts of busy weeks are wrong twice as often. People are right in what they say; of right verdicts they confirm
5 % unasked. Who was drawn and does not answer may still call the verdict wrong unasked, which the estimate takes for an
answer. The rival is the share among the verdicts that people spoke of unasked, with a Wilson interval. By
responsibility the worst one counts; `half_width` is in points, of all verdicts and of one responsibility."""


def floors(*, short: bool) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the figures must reach, and what they must not exceed."""
    least = 0.88 if short else 0.94
    return {name: least for name in ("grade_coverage", "grade_coverage_by_responsibility")}, {"grade_half_width": 12.0}


@dataclass(frozen=True)
class _Year:
    """One simulated year: what is known of its verdicts, and how many of each were right."""

    verdicts: list[JudgedVerdict]
    is_right: dict[str, bool]
    unasked: list[bool]
    """Of the verdicts that people spoke of without having been asked, whether they were right."""

    def truth(self, responsibility: Responsibility | None) -> float:
        mine = [one for one in self.verdicts if responsibility in (None, one.responsibility)]
        return float(np.mean([self.is_right[one.incident] for one in mine]))


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return how often intervals hold the truth, and how wide they are."""
    n_years = int(os.environ.get("YEARS") or (60 if short else 1_000))
    rng = np.random.default_rng(seed)
    covered: dict[Responsibility | None, list[bool]] = {name: [] for name in (None, *SHARES)}
    widths: dict[Responsibility | None, list[float]] = {name: [] for name in (None, *SHARES)}
    errors: list[float] = []
    rival_covered: list[bool] = []
    for number in range(n_years):
        year = _simulate(number, rng)
        for grade in grades(year.verdicts):
            truth = year.truth(grade.responsibility)
            covered[grade.responsibility].append(grade.low - 1e-9 <= truth <= grade.high + 1e-9)
            widths[grade.responsibility].append(50 * (grade.high - grade.low))
        errors.append(100 * abs(_precision(grades(year.verdicts)[0]) - year.truth(None)))
        bounds = wilson_interval(sum(year.unasked), len(year.unasked)) or (0.0, 1.0)
        rival_covered.append(bounds[0] <= year.truth(None) <= bounds[1])
    worst = min(SHARES, key=lambda name: np.mean(covered[name]))
    parts = [width for name in SHARES for width in widths[name]]
    return {
        "grade_coverage": _share(
            covered[None], f"of {n_years:,} years", {"unasked words alone": float(np.mean(rival_covered))}
        ),
        "grade_coverage_by_responsibility": _share(
            covered[worst],
            f"of {len(covered[worst]):,} years, {worst.value}",
            {"mean of all": float(np.mean([one for name in SHARES for one in covered[name]]))},
        ),
        "grade_half_width": _spread(widths[None], "points, of all verdicts of a year"),
        "grade_half_width_by_responsibility": _spread(parts, "points, of one responsibility"),
        "grade_error": _spread(errors, "points between the share told and the true one"),
    }


def _simulate(number: int, rng: np.random.Generator) -> _Year:
    """Return a year; every second one is worse in its busy weeks."""
    precision = {name: rng.uniform(WORST, BEST) for name in SHARES}
    spoken, told_by_fix = rng.uniform(0.1, 0.7), rng.uniform(0.0, 0.4)
    usual = A_WEEK[number % len(A_WEEK)]
    names = list(SHARES)
    verdicts: list[JudgedVerdict] = []
    is_right: dict[str, bool] = {}
    unasked: list[bool] = []
    for week in range(WEEKS):
        n = rng.poisson(rng.gamma(2.0, usual / 2.0))
        is_worse = bool(number % 2) and n > usual
        ids = [f"{number}/{week}/{at}" for at in range(n)]
        places = rng.choice(len(names), n, p=list(SHARES.values()))
        whose = {name: names[place] for name, place in zip(ids, places, strict=True)}
        opened, delay = rng.uniform(0.0, 7.0, n), rng.exponential(5.0, n)
        chance = np.array([1 - (1 - precision[whose[name]]) * (2 if is_worse else 1) for name in ids])
        right = dict(zip(ids, (rng.random(n) < chance).tolist(), strict=True))
        speaks = rng.random(n) < np.where([right[name] for name in ids], 0.05, spoken)
        early = {name for at, name in enumerate(ids) if speaks[at] and opened[at] + delay[at] < 7.0}
        late = {name for at, name in enumerate(ids) if speaks[at]} - early
        fixed = {name for name, is_told in zip(ids, rng.random(n) < told_by_fix, strict=True) if is_told}
        drawn = draw_by_chance(
            {name: one for name, one in whose.items() if name not in early}, n=DRAWN, salt=f"{number}/{week}"
        )
        answered = {name for name in drawn if rng.random() < ANSWERED}
        is_right |= right
        unasked += [right[name] for name in early | (late - set(drawn))]
        verdicts += [
            JudgedVerdict(
                incident=name,
                responsibility=whose[name],
                stated=0.97,
                by_people=right[name] if name in early | late | answered else None,
                by_fix=right[name] if name in fixed else None,
                had_chance=name not in early,
                probability=drawn.get(name),
            )
            for name in ids
        ]
    return _Year(verdicts, is_right, unasked)


def _precision(grade: Grade) -> float:
    return np.nan if grade.precision is None else grade.precision


def _share(held: list[bool], unit: str, rival: Mapping[str, float]) -> Figure:
    low, high = wilson_interval(sum(held), len(held)) or (0.0, 1.0)
    return Figure(value=float(np.mean(held)), low=low, high=high, unit=unit, rival=rival)


def _spread(values: list[float], unit: str) -> Figure:
    low, median, high = np.nanquantile(values, [0.05, 0.5, 0.95])
    return Figure(value=float(median), low=float(low), high=float(high), unit=unit, rival={})
