"""Whether intervals of agreement hold the truth, and whether a reviewer who says the same of everything is found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from write_page import Figure

from review.populations import population
from seamwatch.core.accuracy.agreement import Agreement, cohen_kappa, krippendorff_alpha
from seamwatch.core.accuracy.reviewers import ReviewerTrait, find_unlike_reviewers
from seamwatch.core.detection.rates import wilson_interval

Bools = NDArray[np.bool_]
MISTAKES = (0.02, 0.05, 0.12)
"""Shares of answers that a reviewer misjudges."""
OVERLAPS = (40, 150)
TEAM, LABELS, OVERLAP = 4, 150, 15
ABOUT = (
    "people who misjudge 2 % to 12 % of real answers: two or three on 40 and 150 answers; teams of four with 150 "
    "labels each, 15 of them on answers that another one of them has judged too"
)
NOTES = """The truth of an agreement is that of 400,000 answers. `agreement_yes_sayer_found` are teams of which one says
right to everything, found as that one; `agreement_false_finding` are teams without such a member of which somebody is
said to stand out (bound: 1 %)."""


def floors(*, short: bool) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the figures must reach, and what they must not exceed."""
    least = 0.85 if short else 0.94
    at_least = {"coverage_agreement_alpha": least, "coverage_agreement_kappa": least}
    return {**at_least, "agreement_yes_sayer_found": 0.9}, {"agreement_false_finding": 0.06 if short else 0.015}


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return coverage, and what is found of teams."""
    rng = np.random.default_rng(seed)
    is_right = population("digits", "10 %").is_right
    times = 60 if short else 1_000
    alphas, kappas = [], []
    for mistakes in MISTAKES:
        truth = _large_agreement(is_right, mistakes, rng)
        for overlap in OVERLAPS:
            opinions = [_opinions(is_right, rng, mistakes=mistakes, n=overlap) for _ in range(times)]
            alphas.append(_covered([krippendorff_alpha(one) for one in opinions], truth))
            pairs = [cohen_kappa(one, first="r0", second="r1") for one in opinions]
            kappas.append(_covered(pairs, truth))
    teams = 100 if short else 1_000
    honest = [bool(find_unlike_reviewers(_team(is_right, rng, says_yes=False))) for _ in range(teams)]
    found = [_is_yes_sayer_found(_team(is_right, rng, says_yes=True)) for _ in range(teams)]
    return {
        "coverage_agreement_alpha": _share(min(alphas, key=np.mean), "of intervals of Krippendorff's alpha, at worst"),
        "coverage_agreement_kappa": _share(min(kappas, key=np.mean), "of intervals of Cohen's kappa, at worst"),
        "agreement_yes_sayer_found": _share(found, "of teams with one who says right to everything"),
        "agreement_false_finding": _share(honest, "of teams that judge alike"),
    }


def _judged(is_right: Bools, mistakes: float, shape: tuple[int, int], rng: np.random.Generator) -> Bools:
    """Return what reviewers (first axis) say of answers drawn from the population (second axis)."""
    truth = rng.choice(is_right, shape[1])
    return np.where(rng.random(shape) < mistakes, ~truth, truth)


def _opinions(is_right: Bools, rng: np.random.Generator, *, mistakes: float, n: int) -> pd.DataFrame:
    """Return opinions of three reviewers, of whom the third has judged every second answer."""
    said = _judged(is_right, mistakes, (3, n), rng)
    frame = pd.DataFrame(
        {
            "record": np.tile(np.arange(n), 3),
            "reviewer": np.repeat(["r0", "r1", "r2"], n),
            "value": said.ravel(),
        }
    )
    return frame[(frame["reviewer"] != "r2") | (frame["record"] % 2 == 0)]


def _large_agreement(is_right: Bools, mistakes: float, rng: np.random.Generator) -> float:
    """Return the agreement of any two reviewers; chance's part of kappa and alpha is then the same."""
    said = _judged(is_right, mistakes, (2, 400_000), rng)
    share = float(said.mean())
    return 1 - float((said[0] != said[1]).mean()) / (2 * share * (1 - share))


def _covered(found: list[Agreement], truth: float) -> list[bool]:
    return [one.low <= truth <= one.high for one in found if one.low is not None and one.high is not None]


def _team(is_right: Bools, rng: np.random.Generator, *, says_yes: bool) -> pd.DataFrame:
    """Return a team's opinions; each member also judges some answers of the next one."""
    truth = rng.choice(is_right, (TEAM, LABELS))
    parts = []
    for member in range(TEAM):
        own = [(member, number) for number in range(LABELS - OVERLAP)]
        shared = [((member + 1) % TEAM, number) for number in range(OVERLAP)]
        said = np.array([truth[place] for place in (*own, *shared)])
        said = np.where(rng.random(LABELS) < 0.03, ~said, said)
        if says_yes and member == 0:
            said[:] = True
        records = [f"{owner}/{number}" for owner, number in (*own, *shared)]
        parts.append(pd.DataFrame({"record": records, "reviewer": f"r{member}", "is_right": said}))
    return pd.concat(parts, ignore_index=True)


def _is_yes_sayer_found(opinions: pd.DataFrame) -> bool:
    found = find_unlike_reviewers(opinions)
    return any(one.reviewer == "r0" and one.trait is ReviewerTrait.SAYS_RIGHT_TO_ALL for one in found)


def _share(holds: list[bool], unit: str) -> Figure:
    low, high = wilson_interval(sum(holds), len(holds)) or (0.0, 1.0)
    return Figure(value=sum(holds) / len(holds), low=low, high=high, unit=f"{unit}, {len(holds):,}", rival={})
