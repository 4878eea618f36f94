"""Drift: false alarms over healthy months, shifts found and when, beside Evidently's default rules recomputed."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

sys.path.insert(0, str(Path(__file__).parents[1]))
from write_page import Figure

from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.watch.drift import LONGEST, Judgement, Period, State, judge
from seamwatch.core.watch.drift_evaluation import evaluate_drift
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


def day_sample(hidden: Any, n: int, day: int) -> Sample:
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
    return Sample(n=n, rows=pd.DataFrame(made, index=keys))


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


def history(world: World, days: int) -> list[Period]:
    """Return the first days of a service, not looked at."""
    periods: list[Period] = []
    for day in range(days):
        _add_day(world, periods, day)
    return periods


def watch(
    world: World, periods: list[Period], days: int, *, shift: tuple[int, float] | None = None, rivals: bool = True
) -> Iterator[Day]:
    """Yield so many days after a history; the shift is of a column, so many sd, from the first of them on.

    Once the shifted column was found, only the rivals go on.
    """
    judged, state, struck = Judgement(state=State()), State(), "" if shift is None else column_name(shift[0])
    for day in range(len(periods), len(periods) + days):
        is_over = any(one.place.column == struck for one in judged.drifts)
        _add_day(world, periods, day, shift, is_closed=not is_over)
        if not is_over:
            judged = judge(ONE_STAGE, SETTINGS, periods[-(KEPT + LONGEST) :], state)
            aucs = {name: one.auc for name, one in judged.tellings.items()}
            sample = periods[-1].stages["input"]
            periods[-1] = replace(periods[-1], stages={"input": replace(sample, auc=aucs.get("input"))})
            state = replace(judged.state, patterns=dict.fromkeys(judged.roots, "drift"))
        yield Day(judged, bool(judged.roots), _evidently(periods) if rivals else {})


def _add_day(
    world: World, periods: list[Period], day: int, shift: tuple[int, float] | None = None, *, is_closed: bool = True
) -> None:
    past = [one.stages["input"] for one in periods[-(KEPT + LONGEST - 1) :]]
    sample = day_sample(world.hidden(day, shift), world.per_day, day)
    records = pd.DataFrame({"right": pd.Series(dtype=float)})
    stages = {"input": close(sample, past) if is_closed else sample}
    periods.append(Period(start=MONDAY + day * DAY, stages=stages, records=records))


def column_name(number: int) -> str:
    """Return the name of a column: 20 numbers, 20 categories, 10 texts."""
    return f"{'n' if number < 20 else 'c' if number < 40 else 't'}{number}"


def _evidently(periods: Sequence[Period]) -> dict[str, Any]:
    """Return the columns that drift by Evidently's defaults, with the 28 days before as reference.

    As documented: up to 1,000 rows of reference Kolmogorov-Smirnov for numbers, chi-squared for categories, p < 0.05;
    above that the normed Wasserstein distance and the Jensen-Shannon distance, 0.1. Texts are taken by their length.
    `tests` cuts the reference to 1,000 rows, so that the first rule holds; `distances` takes it whole.
    """
    past, now = [one.stages["input"].arrays for one in periods[-KEPT - 1 : -1]], periods[-1].stages["input"].arrays
    found: dict[str, set[str]] = {"tests": set(), "distances": set()}
    for name, mine in now.items():
        column, _, measure = name.rpartition("|")
        if measure not in ("number", "length", "value") or name not in past[0]:
            continue
        whole = np.concatenate([one[name] for one in past if name in one])
        cut = whole[:: max(1, -(-len(whole) // 1000))]
        rule = _categories_drift if measure == "value" else _numbers_drift
        for verdict, drifts in zip(("tests", "distances"), rule(whole, cut, mine), strict=True):
            if drifts:
                found[verdict].add(column)
    return found


def _numbers_drift(whole: Any, cut: Any, now: Any) -> tuple[bool, bool]:
    whole, cut, now = (one[~np.isnan(one)] for one in (whole, cut, now))
    distance = stats.wasserstein_distance(whole, now) / max(float(np.std(whole)), 0.001)
    return bool(stats.ks_2samp(cut, now, method="asymp").pvalue < 0.05), bool(distance >= 0.1)


def _categories_drift(whole: Any, cut: Any, now: Any) -> tuple[bool, bool]:
    tallies = [Counter(one) for one in (whole, cut, now)]
    levels = sorted({*tallies[0], *tallies[2]})
    counts = [np.array([one[level] for level in levels], dtype=float) for one in tallies]
    expected = counts[1] / counts[1].sum() * counts[2].sum()
    seen = expected > 0
    statistic = (((counts[2] - expected) ** 2)[seen] / expected[seen]).sum()
    p_value = stats.chi2.sf(statistic, max(int(seen.sum()) - 1, 1))
    return bool(p_value < 0.05), _jensen_shannon(counts[0], counts[2]) >= 0.1


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


def _healthy(job: tuple[int, bool, int, bool]) -> dict[str, tuple[int, int]]:
    """Return the false alarms of one service in 90 days after the first three, and the days on which there is one.

    Days in a row are one alarm.
    """
    per_day, is_varying, seed, rivals = job
    world = World.make(per_day, is_varying=is_varying, seed=seed)
    days = list(watch(world, history(world, 3), 90, rivals=rivals))
    fires = {"ours": [day.is_open for day in days]}
    if rivals:
        fires |= {name: [rule(day) for day in days] for name, rule in _RULES.items()}
    return {
        name: (sum(now and not before for before, now in itertools.pairwise([False, *mine])), sum(mine))
        for name, mine in fires.items()
    }


_COLUMN_RULES = tuple(f"evidently_{rule}_{what}" for rule in ("tests", "distances") for what in ("column", "dataset"))


def _shifted(job: tuple[int, bool, int, int]) -> list[tuple[float, dict[str, float]]]:
    """Return by size the day on which each rule finds a lasting shift of one column; infinite: not within 14 days.

    One history serves all sizes, and so many columns of each.
    """
    per_day, is_varying, n_columns, seed = job
    rng = np.random.default_rng([seed, per_day, int(is_varying)])
    world = World.make(per_day, is_varying=is_varying, seed=int(rng.integers(1 << 30)))
    past = history(world, KEPT + int(rng.integers(7)))
    return [
        (size, _search(world, list(past), (int(rng.integers(_COLUMNS)), float(rng.choice([-1.0, 1.0])) * size)))
        for size in _SHIFTS
        for _ in range(n_columns)
    ]


def _search(world: World, past: list[Period], shift: tuple[int, float]) -> dict[str, float]:
    name = column_name(shift[0])
    found = dict.fromkeys(("ours", *_COLUMN_RULES), np.inf)
    for number, day in enumerate(watch(world, past, _SEARCHED, shift=shift), 1):
        fires = {"ours": any(one.place.column == name for one in day.judgement.drifts)}
        for rule in ("tests", "distances"):
            # The struck column alone counts here: any other that fires is a false alarm.
            fires[f"evidently_{rule}_column"] = name in day.evidently[rule]
            fires[f"evidently_{rule}_dataset"] = len(day.evidently[rule]) >= _COLUMNS / 2
        found = {rule: min(at, number) if fires[rule] else at for rule, at in found.items()}
    return found


_FAULTS = {"crm": "amount", "request": "sum", "search": "score", "writer": "answer", "result": "queue"}
"""Stage and column that is struck."""


def _placed(job: tuple[str, bool, int]) -> tuple[bool, bool, bool | None]:
    """Return whether a fault at a stage of a chain was found, its place told right, and whether it hurts."""
    stage, does_hurt, seed = job
    rng = np.random.default_rng([seed, sorted(_FAULTS).index(stage), int(does_hurt)])
    periods: list[Period] = []
    state = State()
    start = 21
    for day in range(start + 7):
        periods.append(_chain_day(rng, day, stage if day >= start else "", does_hurt, periods))
        if day < start:
            continue
        judged = judge(CHAIN, SETTINGS, periods, state)
        evaluation = evaluate_drift(CHAIN, judged, periods, every=DAY)
        state = evaluation.state
        if evaluation.stages:
            first = evaluation.stages[0]
            is_right = first.finding.stage == stage and len(evaluation.stages) == 1
            return True, is_right, bool(first.outcomes.is_worse) == does_hurt
    return False, False, None


def _chain_day(rng: np.random.Generator, day: int, fault: str, does_hurt: bool, past: Sequence[Period]) -> Period:
    n = 400
    z = rng.normal(size=(n, 5)) + rng.normal(size=5) * 0.05
    is_struck = np.zeros(n, dtype=bool)
    if fault:
        is_struck = rng.random(n) < 0.4
    hit = {name: is_struck & (fault == name) for name in _FAULTS}
    amount = np.exp(z[:, 0] + 2.5 * hit["crm"])
    total = np.where(hit["request"], amount * 100.0, amount)
    score = 0.8 + 0.05 * z[:, 1] - 0.2 * hit["search"]
    label = np.array(["a", "b", "c"], dtype=object)[
        np.digitize(z[:, 2] + 0.2 * np.log(np.maximum(total, 1e-9)), [0.2, 1.2])
    ]
    answer = np.where(hit["writer"], "d", label)
    queue = np.where(hit["result"], "none", answer)
    frames: dict[str, dict[str, Any]] = {
        "crm": {"amount|number": amount, "age|number": z[:, 3], "kind|value": _names(z[:, 4])},
        "request": {"sum|number": total, "age|number": z[:, 3], "kind|value": _names(z[:, 4])},
        "search": {"score|number": score},
        "prompt": {"body.size|number": np.round(100 + 10 * z[:, 3] + 20 * np.log(total))},
        "writer": {"answer|value": answer.astype(object)},
        "result": {"queue|value": queue.astype(object)},
    }
    keys = pd.Index([f"{day}-{one}" for one in range(n)], dtype=object)
    stages = {}
    for name, made in frames.items():
        more: dict[str, Any] = {}
        for column in made:
            base, _, measure = column.rpartition("|")
            more[f"{base}|null"] = np.zeros(n)
            if measure == "value":
                more |= {f"{base}|length": np.ones(n), f"{base}|words": np.ones(n)}
        rows = pd.DataFrame(made | more, index=keys)
        stages[name] = close(Sample(n=n, rows=rows), [one.stages[name] for one in past])
    wrong = rng.random(n) < np.where(is_struck & does_hurt, 0.4, 0.06)
    records = pd.DataFrame({"right": 1.0 - wrong}, index=keys)
    return Period(start=MONDAY + day * DAY, stages=stages, records=records)


def _names(z: Any) -> Any:
    return np.array([f"k{one}" for one in np.digitize(z, [-0.5, 0.5, 1.5])], dtype=object)


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return the figures; short takes fewer services, days and shifts."""
    traffic = (200,) if short else (200, 2000)
    cells = list(itertools.product(traffic, (True,) if short else (False, True)))
    n_healthy = {200: 1 if short else 2, 2000: 1}
    n_services = {200: 1 if short else 4, 2000: 2}
    n_columns = 1 if short else 2
    n_places = 1 if short else 2
    healthy = [(*cell, seed + one, one == 0) for cell in cells for one in range(n_healthy[cell[0]])]
    shifted = [(*cell, n_columns, seed + 100 + one) for cell in cells for one in range(n_services[cell[0]])]
    placed = [(stage, hurts, seed + 200 + one) for stage in _FAULTS for hurts in ((True,) if short else (False, True))
              for one in range(n_places)]  # fmt: skip
    with ProcessPoolExecutor(2) as pool:
        alarms = list(pool.map(_healthy, healthy))
        delays = list(pool.map(_shifted, shifted))
        places = list(pool.map(_placed, placed))
    found: dict[str, Figure] = {}
    for cell in cells:
        name = f"{'varying' if cell[1] else 'alike'}_days_{cell[0]}_a_day"
        found |= _alarm_figure(name, [one for job, one in zip(healthy, alarms, strict=True) if job[:2] == cell])
        searches = [one for job, some in zip(shifted, delays, strict=True) if job[:2] == cell for one in some]
        for size in _SHIFTS:
            mine = [one for its, one in searches if its == size]
            found |= _shift_figures(f"{size:g}_sd_{name}".replace(".", "_"), mine)
    found["drift_found_in_a_chain"] = _share([one[0] for one in places])
    found["drift_place_right"] = _share([one[1] for one in places if one[0]])
    found["drift_hurt_right"] = _share([bool(one[2]) for one in places if one[0]])
    return found


def _alarm_figure(name: str, counts: Sequence[dict[str, tuple[int, int]]]) -> dict[str, Figure]:
    alarms, days = zip(*(one["ours"] for one in counts), strict=True)
    n, k = len(alarms), sum(alarms)
    low = float(stats.chi2.ppf(0.025, 2 * k)) / 2 if k else 0.0
    high = float(stats.chi2.ppf(0.975, 2 * k + 2)) / 2
    rivals = [{rule: float(counts[0][rule][place]) for rule in _RULES} for place in (0, 1)]
    return {
        f"drift_false_alarms_{name}": Figure(k / n, low / n, high / n, "in 90 days", rivals[0]),
        f"drift_days_of_false_alarm_{name}": Figure(
            sum(days) / n, float(min(days)), float(max(days)), "of 90 days", rivals[1]
        ),
    }


def _shift_figures(name: str, delays: Sequence[dict[str, float]]) -> dict[str, Figure]:
    rules = [rule for rule in delays[0] if rule != "ours"]
    ours = np.array([one["ours"] for one in delays])
    shares = {rule: float(np.mean([np.isfinite(one[rule]) for one in delays])) for rule in rules}
    days = {rule: float(np.median([min(one[rule], _SEARCHED + 1) for one in delays])) for rule in rules}
    low, value, high = np.quantile(np.minimum(ours, _SEARCHED + 1), (0.1, 0.5, 0.9))
    return {
        f"drift_detected_{name}": replace(_share(list(np.isfinite(ours))), rival=shares),
        f"drift_days_until_found_{name}": Figure(
            value=float(value), low=float(low), high=float(high), unit="days", rival=days
        ),
    }


def _share(hits: Sequence[bool]) -> Figure:
    low, high = wilson_interval(sum(hits), len(hits)) or (0.0, 1.0)
    return Figure(value=sum(hits) / max(len(hits), 1), low=low, high=high, unit="share", rival={})


NOTES = """\
Drift: a service of 50 columns (20 numbers, 20 categories, 10 texts) with 200 or 2,000 records a day is looked at daily.
Days are alike, or vary: each column by 0.05 to 0.1 standard deviations from day to day, a third of them by weekday too
(0.3). False alarms: incidents opened in 90 healthy days, the first with three days of reference; the interval is
that of a Poisson count. The rivals' counts are of one service; days in a row are one alarm, so a rule that never is
silent has one: the days of false alarm say that.

A lasting shift of so many standard deviations strikes one column, drawn at random, after 28 to 34 days: the share found
within 14 days, and the days until then (not found: 15; range: the middle 80 %). Rivals are Evidently's documented
defaults, recomputed: `tests` (reference of up to 1,000 rows: Kolmogorov-Smirnov or chi-squared, p < 0.05), `distances`
(more rows: normed Wasserstein, Jensen-Shannon, 0.1), both against the 28 days before; `column` asks whether the struck
column is named, `any_column` whether any is, `dataset` whether half of all columns are, which is the default alarm.

Place and hurt: faults at the source, mapping, retrieval, model or sink of a chain of six stages strike 40 % of the
records, and make 40 % of those wrong instead of 6 %, or leave them as right as they were."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=20260301)
    given = parser.parse_args()
    for name, one in figures(short=given.short, seed=given.seed).items():
        rivals = {rule: round(value, 3) for rule, value in one.rival.items()}
        print(f"{name}: {one.value:.4g} ({one.low:.4g} to {one.high:.4g}) {one.unit} {rivals}", flush=True)


if __name__ == "__main__":
    main()
