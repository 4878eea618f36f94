"""Drift: false alarms over healthy months, shifts found and when, beside Evidently's default rules recomputed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from seamwatch.core.watch.drift import LONGEST, Judgement, Period, State, judge
from seamwatch.core.watch.features import Sample, close, stage_features
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.spec.pipeline import Pipeline, Stage

DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
SETTINGS = DriftWatch()
KEPT = SETTINGS.reference // DAY
_COLUMNS = 50
_TEXTS = 4000
_SHIFTS = (0.2, 0.5, 1.0)
_SEARCHED = 14
"""Days after its start in which a shift has to be found."""
ONE_STAGE = Pipeline.model_validate(
    {"pipeline": "bench", "database": "db", "key": "id", "stages": [{"name": "input", "kind": "source", "table": "t"}]}
)
CHAIN = Pipeline.model_validate(
    {
        "pipeline": "bench",
        "database": "db",
        "key": "id",
        "stages": [
            {"name": "crm", "kind": "source", "table": "a"},
            {"name": "request", "kind": "mapping", "table": "b"},
            {"name": "search", "kind": "retrieval", "table": "c"},
            {"name": "prompt", "kind": "prompt", "table": "d", "request": "body", "input": ["request", "search"]},
            {"name": "writer", "kind": "model", "table": "e", "endpoint": "m", "request": "q", "response": "r"},
            {"name": "result", "kind": "sink", "table": "f"},
        ],
    }
)


@dataclass(frozen=True)
class World:
    """A healthy service of many columns, each made of one hidden number per record that is normal on a usual day."""

    per_day: int
    is_varying: bool
    """Whether days differ beyond chance: all columns by 0.05 sd to 0.1 sd, a third by weekday (0.3 sd) too."""
    day_sd: Any
    weekday: Any
    seed: int

    @classmethod
    def make(cls, per_day: int, *, is_varying: bool, seed: int) -> World:
        rng = np.random.default_rng([seed, per_day, int(is_varying)])
        day_sd = rng.uniform(0.05, 0.1, _COLUMNS) * is_varying
        weekday = rng.normal(0.0, 0.3, (7, _COLUMNS)) * (np.arange(_COLUMNS) % 3 == 0) * is_varying
        return cls(per_day, is_varying, day_sd, weekday, seed)

    def hidden(self, day: int, shift: tuple[int, float] | None = None) -> Any:
        """Return the hidden numbers of the sample of one day; rows records."""
        rng = np.random.default_rng([self.seed, self.per_day, int(self.is_varying), day])
        n = min(SETTINGS.sample, int(rng.poisson(self.per_day)))
        common = rng.normal(size=(n, 1))
        made = 0.5 * common + np.sqrt(0.75) * rng.normal(size=(n, _COLUMNS))
        made += rng.normal(size=_COLUMNS) * self.day_sd + self.weekday[day % 7]
        if shift is not None:
            made[:, shift[0]] += shift[1]
        return made


def day_sample(hidden: Any, n: int, day: int, past: Sequence[Sample]) -> Sample:
    """Return the features of a day: 20 numbers, 20 categories, 10 texts."""
    made: dict[str, Any] = {}
    for number in range(_COLUMNS):
        z = hidden[:, number]
        if number < 20:
            form = number % 4
            values = (z, np.exp(z), np.floor(np.exp(1.0 + 0.5 * z)), np.where(z > 0.5, z, 0.0))[form]
            made[f"n{number}|number"] = values
            made[f"n{number}|null"] = (np.abs(z) < 0.01 * form).astype(float)
        elif number < 40:
            levels = 2 + number % 9
            cuts = special.ndtri(np.linspace(0, 1, levels + 1)[1:-1] ** 1.5)
            made[f"c{number}|value"] = np.array([f"v{one}" for one in np.searchsorted(cuts, z)], dtype=object)
            made[f"c{number}|length"] = np.full(len(z), 2.0)
            made[f"c{number}|words"] = np.full(len(z), 1.0)
            made[f"c{number}|null"] = np.zeros(len(z))
        else:
            pool = _texts()
            rows = pool.iloc[np.minimum((special.ndtr(z) * len(pool)).astype(int), len(pool) - 1)]
            for column in pool.columns:
                made[column.replace("text", f"t{number}", 1)] = rows[column].to_numpy()
    keys = pd.Index([f"{day}-{one}" for one in range(len(hidden))], dtype=object)
    return close(Sample(n=n, rows=pd.DataFrame(made, index=keys)), past)


@lru_cache(maxsize=1)
def _texts() -> pd.DataFrame:
    """Return the features of texts, shortest first, by the product's own extraction."""
    rng = np.random.default_rng(7)
    words = np.array([f"w{''.join(chr(97 + one % 26) for one in rng.integers(0, 26, 5))}" for _ in range(3000)])
    weights = 1.0 / np.arange(1, 3001)
    weights /= weights.sum()
    texts = [" ".join(rng.choice(words, size=max(2, int(rng.lognormal(2.3, 0.5))), p=weights)) for _ in range(_TEXTS)]
    stage = Stage.model_validate({"name": "s", "kind": "source", "table": "t"})
    rows, _ = stage_features(pd.DataFrame({"text": sorted(texts, key=len)}), stage)
    return rows


@dataclass(frozen=True)
class Day:
    """What each rule says of one day."""

    judgement: Judgement
    is_open: bool
    evidently: dict[str, Any]
    """By rule, the columns that drift."""


def watch(
    world: World, days: int, *, first: int, shift: tuple[int, float, int] | None = None, rivals: bool = True
) -> Iterator[Day]:
    """Yield the days from `first` on; the shift is of a column, so many sd, from a day on."""
    periods: list[Period] = []
    state = State()
    hiddens: list[Any] = []
    for day in range(days):
        struck = shift[:2] if shift is not None and day >= shift[2] else None
        hidden = world.hidden(day, struck)
        hiddens = [*hiddens[-KEPT:], hidden]
        periods = periods[-(KEPT + LONGEST - 1) :]
        sample = day_sample(hidden, world.per_day, day, [one.stages["input"] for one in periods])
        records = pd.DataFrame({"right": pd.Series(dtype=float)})
        periods.append(Period(start=MONDAY + day * DAY, stages={"input": sample}, records=records))
        if day < first:
            continue
        judged = judge(ONE_STAGE, SETTINGS, periods, state)
        aucs = {name: one.auc for name, one in judged.tellings.items()}
        periods[-1] = replace(periods[-1], stages={"input": replace(sample, auc=aucs.get("input"))})
        state = replace(judged.state, patterns=dict.fromkeys(judged.roots, "drift"))
        yield Day(judged, bool(judged.roots), _evidently(periods) if rivals else {})


def _evidently(periods: Sequence[Period]) -> dict[str, Any]:
    """Return the columns that drift by Evidently's defaults, with the 28 days before as reference.

    As documented: up to 1,000 rows of reference Kolmogorov-Smirnov for numbers, chi-squared for categories, p < 0.05;
    above that the normed Wasserstein distance and the Jensen-Shannon distance, 0.1. Texts are taken by their length.
    `tests` cuts the reference to 1,000 rows, so that the first rule holds; `distances` takes it whole.
    """
    past = pd.concat([one.stages["input"].rows for one in periods[-KEPT - 1 : -1]])
    now = periods[-1].stages["input"].rows
    cut = past.iloc[:: max(1, -(-len(past) // 1000))]
    found: dict[str, set[str]] = {"tests": set(), "distances": set()}
    for name in now.columns:
        column, _, measure = name.rpartition("|")
        if measure in ("number", "length") and name in past.columns:
            a, b, c = past[name].dropna().to_numpy(), now[name].dropna().to_numpy(), cut[name].dropna().to_numpy()
            if not len(b) or np.ptp(a) == 0:
                continue
            if stats.ks_2samp(c, b).pvalue < 0.05:
                found["tests"].add(column)
            if stats.wasserstein_distance(a, b) / max(float(np.std(a)), 0.001) >= 0.1:
                found["distances"].add(column)
        elif measure == "value":
            a, b, c = (one[name].value_counts(normalize=False) for one in (past, now, cut))
            both = pd.DataFrame({"a": a, "b": b, "c": c}).fillna(0.0)
            expected = both["c"] / both["c"].sum() * both["b"].sum()
            seen = expected > 0
            p_value = stats.chi2.sf(
                (((both["b"] - expected) ** 2)[seen] / expected[seen]).sum(), max(seen.sum() - 1, 1)
            )
            if p_value < 0.05:
                found["tests"].add(column)
            if _jensen_shannon(both["a"].to_numpy(), both["b"].to_numpy()) >= 0.1:
                found["distances"].add(column)
    return found


def _jensen_shannon(a: Any, b: Any) -> float:
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    return float(np.sqrt((special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()) / 2))


_RULES: dict[str, Callable[[Day], bool]] = {
    "evidently_tests_any_column": lambda day: bool(day.evidently["tests"]),
    "evidently_tests_dataset": lambda day: len(day.evidently["tests"]) >= _COLUMNS / 2,
    "evidently_distances_any_column": lambda day: bool(day.evidently["distances"]),
    "evidently_distances_dataset": lambda day: len(day.evidently["distances"]) >= _COLUMNS / 2,
}


def _healthy(job: tuple[int, bool, int, bool]) -> dict[str, int]:
    """Return the false alarms of one service in 90 days after the first three; days in a row are one alarm."""
    per_day, is_varying, seed, rivals = job
    world = World.make(per_day, is_varying=is_varying, seed=seed)
    days = list(watch(world, 93, first=3, rivals=rivals))
    fires = {"ours": [day.is_open for day in days]}
    if rivals:
        fires |= {name: [rule(day) for day in days] for name, rule in _RULES.items()}
    return {
        name: sum(now and not before for before, now in itertools.pairwise([False, *mine]))
        for name, mine in fires.items()
    }


if __name__ == "__main__":
    import time

    t = time.time()
    print(_healthy((200, False, 1, False)), time.time() - t)
