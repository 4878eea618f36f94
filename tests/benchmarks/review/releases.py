"""Simulated pairs of releases: planted differences found by segment, and false alarms where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from write_page import Figure

from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.release_comparison import Comparison, compare_answers
from seamwatch.vocabulary import OutcomeState

SEGMENTS = 6
INPUTS = 600
"""Inputs of both releases together; the same number lies in each segment."""
ABOUT = (
    f"pairs of releases on {INPUTS} inputs in {SEGMENTS} segments, one in five wrong, single inputs easy or hard; some "
    "inputs asked many times, mostly of one release; answers of chance"
)
NOTES = """A release is *called* worse or better where all pairs together or one segment differ below p = 0.025 each.
`releases_false_alarm_*` are pairs of equal releases that are called so, `releases_found_*` those with a planted
difference of so many points in one segment that are called worse in just that segment. Beside the false alarms, what a
test of two rates over all answers says, which knows of no inputs: where one release is asked harder ones it is nearly
always wrong. `releases_interval_covered` are 95 % intervals that hold the planted difference over all inputs."""
_START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class _World:
    """How releases are drawn."""

    points: float = 0.0
    """By how many points the second one is worse in the first segment."""
    repeats: int = 1
    """How often the first release is asked a tenth of the inputs."""
    harder: bool = False
    """Whether the second release is asked further inputs, which are hard."""
    pending: float = 0.1
    """Share of answers that nobody has judged."""


def floors(*, short: bool) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the figures must reach, and what they must not exceed; of few rounds little is sure."""
    at_least = {"releases_found_30_points": 0.6 if short else 0.8, "releases_interval_covered": 0.85 if short else 0.94}
    worlds = ("alike", "repeated", "harder_inputs")
    return at_least, {f"releases_false_alarm_{name}": 0.15 if short else 0.05 for name in worlds}


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return the share of planted differences that is found, and of equal releases that are called different."""
    rng = np.random.default_rng(seed)
    rounds = 40 if short else 1_000
    worlds = {
        "alike": _World(),
        "repeated": _World(repeats=20),
        "harder_inputs": _World(harder=True),
    }
    found = {f"releases_false_alarm_{name}": _false_alarms(world, rounds, rng) for name, world in worlds.items()}
    for points in (15, 20, 30):
        found[f"releases_found_{points}_points"] = _found(_World(points=points / 100), rounds // 2, rng)
    found["releases_interval_covered"] = _covered(_World(points=0.2, repeats=20), rounds // 2, rng)
    return found


def _draw(world: _World, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return answers by key, in the form that is compared, and the segment of each."""
    chance = np.where(rng.random(INPUTS) < 0.5, 0.95, 0.65)
    segment = np.arange(INPUTS) % SEGMENTS
    worse = np.clip(chance - world.points * (segment == 0), 0.0, 1.0)
    times = np.where(rng.random(INPUTS) < 0.1, world.repeats, 1)
    inputs = [np.repeat(np.arange(INPUTS), times), np.arange(INPUTS)]
    shares = [chance[inputs[0]], worse]
    if world.harder:
        inputs[1] = np.concatenate([inputs[1], INPUTS + np.arange(INPUTS)])
        shares[1] = np.concatenate([shares[1], np.full(INPUTS, 0.6)])
    is_right = np.concatenate([rng.random(len(share)) < share for share in shares])
    is_pending = rng.random(len(is_right)) < world.pending
    states = np.where(is_pending, OutcomeState.PENDING, np.where(is_right, OutcomeState.RIGHT, OutcomeState.WRONG))
    hours = rng.permutation(len(is_right))
    numbers = np.concatenate(inputs)
    answers = pd.DataFrame(
        {
            "release": np.repeat(["a", "b"], [len(side) for side in inputs]),
            "input": numbers,
            "time": pd.to_datetime([_START + timedelta(minutes=int(at)) for at in hours], utc=True),
            "state": pd.Series(states, dtype=object),
        }
    )
    return answers, {key: f"segment {number % SEGMENTS}" for key, number in enumerate(numbers)}


def _compared(world: _World, rng: np.random.Generator) -> tuple[Comparison, bool]:
    """Return the comparison, and whether the test that disregards inputs calls the releases different."""
    answers, segment = _draw(world, rng)
    known = {"input.segment": segment}
    compared = compare_answers(answers, "a", "b", segments=known, strata=known, more=None)
    first, second = compared.first, compared.second
    n_first, n_second = first.n_right + first.n_wrong, second.n_right + second.n_wrong
    pooled = (first.n_right + second.n_right) / (n_first + n_second)
    spread = (pooled * (1 - pooled) * (1 / n_first + 1 / n_second)) ** 0.5
    apart = abs(first.n_right / n_first - second.n_right / n_second)
    return compared, bool(spread > 0 and apart > 1.959964 * spread)


def _false_alarms(world: _World, rounds: int, rng: np.random.Generator) -> Figure:
    called, naive = 0, 0
    for _ in range(rounds):
        compared, by_rate = _compared(world, rng)
        called += compared.paired.differs or any(one.rates.differs for one in compared.segments)
        naive += by_rate
    return _share(
        called, rounds, "of equal releases called different", rival={"two rates over all answers": naive / rounds}
    )


def _found(world: _World, rounds: int, rng: np.random.Generator) -> Figure:
    n_found = 0
    for _ in range(rounds):
        compared, _ = _compared(world, rng)
        worse = {one.value for one in compared.segments if one.rates.differs and one.rates.n_worse > one.rates.n_better}
        n_found += worse == {"segment 0"}
    return _share(n_found, rounds, f"of differences in one of {SEGMENTS} segments found there and nowhere else")


def _covered(world: _World, rounds: int, rng: np.random.Generator) -> Figure:
    planted = -world.points / SEGMENTS
    n_covered = 0
    for _ in range(rounds):
        paired = _compared(world, rng)[0].paired
        n_covered += paired.low is not None and paired.high is not None and paired.low <= planted <= paired.high
    return _share(n_covered, rounds, "of 95 % intervals hold the difference over all inputs")


def _share(n: int, total: int, unit: str, *, rival: Mapping[str, float] | None = None) -> Figure:
    low, high = wilson_interval(n, total) or (0.0, 1.0)
    return Figure(value=n / total, low=low, high=high, unit=unit, rival=rival or {})
