"""The cost watch on simulated pipelines: exact parts, the source of a jump, loops, false alarms, projections.

Runnable alone: `python tests/benchmarks/slo/cost.py [SEED]`; SHORT=1 draws less.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(Path(__file__).parents[1]), str(ROOT / "include")]

from write_page import Figure  # noqa: E402

from seamwatch.core.detection.rates import wilson_interval  # noqa: E402
from seamwatch.core.detection.seasons import Timeline  # noqa: E402
from seamwatch.core.watch.cost_hours import HourSums, hour_sums, mean_hour  # noqa: E402
from seamwatch.core.watch.cost_jump import find_jump  # noqa: E402
from seamwatch.core.watch.cost_parts import Factor, parts_of_change, source_of_change  # noqa: E402
from seamwatch.core.watch.cost_prices import Rates, Tariff, price_calls  # noqa: E402
from seamwatch.core.watch.cost_projection import project_cost  # noqa: E402
from seamwatch.core.watch.loops import Loop, UsualRuns, are_more, longest_runs, usual_runs  # noqa: E402

NOTES = """
Parts: pairs of hours of random calls (1 to 4 models, a second price tier, cached tokens) are priced and split;
`cost_parts_sum_error_usd` is the largest difference between the sum of the parts and the change, `alone` that of parts
for which each of records, calls and cost per call is changed alone. `cost_factor_right`: one factor is 1.5 to 5 times
as large, in hours of 50 to 2,000 drawn records, and its part must be the largest. `cost_source_right`: one value of one
of three columns carries the change, in half of the cases while another column has an innocent release; `grew_most` is
the value whose cost grew most.

Loops: a record asks the same again, or grows, while its pipeline goes on at 5 to 2,000 records an hour, and each call
that was written is told by an event of `calls_asset`. Looks follow each other, 3 to 6 seconds apart (what a run of one
task takes on an Airflow that has a slot for it), and read the calls at 0.7 of that; counted are the calls that the
record has made when the look that finds it has ended. `by_the_clock` is the same with looks every 5 minutes alone, as
without `calls_asset`: in that time a call of 3 seconds is made 100 times. `retry_loop` is on pipelines of one call a
record and on agents, with calls of 3 to 20 seconds, `slow_calls` those of 8 and more; `runaway` is a context that grows
beyond what its agent (12 calls on average, 30 at times) usually does, counted from its first call.
`loop_calls_beyond_learnt_length` is how many calls more than the learnt length a loop of either kind had made.

False alarms: 90 healthy days (after 14 of learning) of one call a record, of agents whose context grows, and of retries
after 429s that come in bursts, each at 5, 50, 500 and 2,000 an hour; daily and weekly pattern, hours and days
overdispersed. Each loop or jump that begins is one; the range is over pipelines. Loops are judged at each of 12 looks
an hour, jumps once an hour, as their whole hours change only by late records.

Jumps: hours until records that are 2 or 5 times as dear are found, 25 where they were not. Projection: at a random hour
of healthy days, whether the day's cost ends within the interval of 90 %, and the error beside spent over elapsed time.
"""
START = datetime(2026, 1, 5, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
HOUR = timedelta(hours=1)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MODELS = ("mini", "small", "large", "giant")
_TARIFFS = {
    model: Tariff(
        tiers=(
            (-1, Rates(fresh=base * 1e-6, cached=base * 2.5e-7, output=base * 4e-6)),
            (20_000, Rates(fresh=base * 2e-6, cached=base * 5e-7, output=base * 6e-6)),
        )
    )
    for model, base in zip(MODELS, (0.15, 0.4, 2.0, 10.0), strict=True)
}
TRAFFIC = (5.0, 50.0, 500.0, 2000.0)
LEARNT = 14 * 24
_LOOKS = 12
_RUN_SECONDS = (3.0, 6.0)
"""From one look after new calls to the next: a round of Airflow's scheduler, a process, the look. The five processes
and two assets between a window's end and Slack take 10 s (`to_slack`), 2 s each."""
_MOST_BEYOND = 3
_READ_AFTER = 0.7
"""At which part of that the calls are read; those made until its end count too."""


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return all figures of the cost watch."""
    return {
        **part_figures(60 if short else 400, seed),
        **factor_figures(40 if short else 200, seed),
        **source_figures(60 if short else 300, seed),
        **loop_figures(40 if short else 150, seed),
        **jump_figures(6 if short else 20, seed),
        **false_figures(15 if short else 90, seed, traffics=(50.0,) if short else TRAFFIC),
        **projection_figures(60 if short else 300, seed),
    }


def broken(found: Mapping[str, Figure]) -> list[str]:
    """Return what was promised and is not kept."""
    missed = []
    if found["cost_parts_sum_error_usd"].value >= 0.005:
        missed.append("the parts of a change do not add up to the cent")
    if found["cost_retry_loop_calls_until_found_slow_calls"].high > 50:
        missed.append("a retry loop of calls of 8 seconds or more took more than 50 calls")
    if found["cost_loop_calls_beyond_learnt_length"].high > _MOST_BEYOND:
        missed.append(f"a loop was found more than {_MOST_BEYOND} calls beyond the learnt length")
    return missed


def _figure(values: Sequence[float] | Floats, unit: str, rival: Mapping[str, float] | None = None) -> Figure:
    given = np.asarray(values, dtype=float)
    return Figure(float(np.median(given)), float(given.min()), float(given.max()), unit, rival or {})


def _share(hits: Sequence[bool], rival: Mapping[str, float] | None = None) -> Figure:
    low, high = wilson_interval(sum(hits), len(hits)) or (0.0, 1.0)
    return Figure(sum(hits) / len(hits), low, high, "share", rival or {})


# --- what a change is made of -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How the calls of an hour are drawn."""

    records: float = 500.0
    calls: float = 1.5
    weights: tuple[float, ...] = (0.6, 0.3, 0.1, 0.0)
    tokens_in: float = 2000.0
    tokens_out: float = 300.0
    cached: float = 0.5
    price: float = 1.0


def draw_hour(mix: Mix, rng: np.random.Generator, *, sources: pd.DataFrame | None = None) -> HourSums:
    """Return the sums of an hour of random records and calls, priced by tariff."""
    n = len(sources) if sources is not None else max(int(rng.poisson(mix.records)), 1)
    keys = np.repeat(np.arange(n), 1 + rng.poisson(max(mix.calls - 1.0, 0.0), n))
    size = len(keys)
    model = rng.choice(MODELS, size, p=np.array(mix.weights) / sum(mix.weights))
    tokens_in = np.round(mix.tokens_in * rng.lognormal(-0.125, 0.5, size))
    boost = np.ones(size) if sources is None or "boost" not in sources else sources["boost"].to_numpy()[keys]
    calls = pd.DataFrame(
        {
            "_key": keys,
            "stage": "llm",
            "model": model,
            "at": pd.Timestamp(START),
            "input": np.round(tokens_in * boost),
            "cached": np.round(tokens_in * boost * np.clip(rng.normal(mix.cached, 0.1, size), 0, 1)),
            "output": np.round(mix.tokens_out * rng.lognormal(-0.125, 0.5, size)),
            "usd": np.nan,
            "is_failed": False,
        }
    )
    tariffs = {name: _scaled(one, mix.price) for name, one in _TARIFFS.items()}
    priced, _ = price_calls(calls, lambda name, _: tariffs[name])
    at = pd.Series(pd.Timestamp(START), index=np.arange(n))
    columns = sources.drop(columns="boost", errors="ignore") if sources is not None else pd.DataFrame(index=at.index)
    return hour_sums(at, priced, {}, columns)[0]


def _scaled(tariff: Tariff, price: float) -> Tariff:
    return Tariff(
        tiers=tuple(
            (start, Rates(fresh=one.fresh * price, cached=one.cached * price, output=one.output * price))
            for start, one in tariff.tiers
        )
    )


def _random_mix(rng: np.random.Generator) -> Mix:
    weights = rng.dirichlet(np.ones(4)) * (rng.random(4) < 0.7) + np.array([1e-3, 0, 0, 0])
    return Mix(
        records=float(rng.lognormal(5.5, 1.0)),
        calls=float(1 + rng.exponential(2.0)),
        weights=tuple(weights.tolist()),
        tokens_in=float(rng.lognormal(8.5, 1.0)),
        tokens_out=float(rng.lognormal(6.0, 1.0)),
        cached=float(rng.random()),
        price=float(rng.lognormal(0.0, 0.5)),
    )


def part_figures(n: int, seed: int) -> dict[str, Figure]:
    """Return how far the parts of random changes are from their sum, and how far those of rivals."""
    rng = np.random.default_rng([seed, 1])
    errors, rests, largest = [], [], 0.0
    for _ in range(n):
        before, now = (draw_hour(_random_mix(rng), rng) for _ in range(2))
        change = now.usd - before.usd
        errors.append(abs(sum(parts_of_change(before, now).values()) - change))
        rests.append(abs(sum(_alone(before, now)) - change))
        largest = max(largest, before.usd, now.usd)
    return {
        "cost_parts_sum_error_usd": Figure(max(errors), min(errors), max(errors), "USD", {"alone": max(rests)}),
        "cost_parts_largest_hour": Figure(largest, largest, largest, "USD", {}),
    }


def _alone(before: HourSums, now: HourSums) -> Iterator[float]:
    """Yield what each of records, calls and cost per call changes alone: the usual back-of-the-envelope split."""
    old = (before.records, before.calls / before.records, before.usd / before.calls)
    new = (now.records, now.calls / now.records, now.usd / now.calls)
    for place in range(3):
        mixed = [new[i] if i == place else old[i] for i in range(3)]
        yield float(np.prod(mixed)) - before.usd


def factor_figures(n: int, seed: int) -> dict[str, Figure]:
    """Return how often the one factor that changed has the largest part."""
    rng = np.random.default_rng([seed, 2])
    hits = []
    names = {
        Factor.RECORDS: "records",
        Factor.CALLS: "calls",
        Factor.TOKENS_IN: "tokens_in",
        Factor.TOKENS_OUT: "tokens_out",
        Factor.PRICE: "price",
    }
    for number in range(n):
        factor = [*names, Factor.MIX, Factor.CACHED][number % 7]
        base = Mix(
            records=float(np.exp(rng.uniform(np.log(50), np.log(2000)))),
            tokens_in=float(rng.lognormal(8.0, 0.5)),
            tokens_out=float(rng.lognormal(6.0, 0.5)),
            cached=0.8 if factor is Factor.CACHED else float(rng.uniform(0.1, 0.8)),
        )
        times = float(rng.uniform(1.5, 5.0))
        if factor is Factor.MIX:
            other: dict[str, Any] = {"weights": (0.3, 0.3, 0.1 + 0.1 * times, 0.0)}
        elif factor is Factor.CACHED:
            other = {"cached": 0.8 / times}
        else:
            other = {names[factor]: getattr(base, names[factor]) * times}
        past = mean_hour([draw_hour(base, rng) for _ in range(10)])
        parts = parts_of_change(past, draw_hour(Mix(**{**vars(base), **other}), rng))
        hits.append(max(parts, key=lambda one: parts[one]) is factor)
    return {"cost_factor_right": _share(hits)}


def source_figures(n: int, seed: int) -> dict[str, Figure]:
    """Return how often the value that carries a change is named."""
    rng = np.random.default_rng([seed, 3])
    hits, naive, silent = [], [], []
    columns = ("crm.tenant", "crm.workflow", "llm.prompt_version")
    for number in range(n):
        size = int(np.exp(rng.uniform(np.log(60), np.log(1000))))
        past = mean_hour([draw_hour(Mix(), rng, sources=_drawn(size, rng)) for _ in range(8)])
        column = columns[number % 3]
        is_volume, times = number % 2 == 1, float(rng.uniform(3.0, 8.0))
        now = _drawn(size, rng)
        if column == "llm.prompt_version":
            now[column] = np.where(rng.random(len(now)) < rng.uniform(0.2, 0.9), "v7", "v6")
            value, is_volume = "v7", False
        else:
            value = str(now[column].iloc[0])
            if rng.random() < 0.5:  # an innocent release at the same time
                now["llm.prompt_version"] = np.where(rng.random(len(now)) < 0.7, "v7", "v6")
        is_own = (now[column] == value).to_numpy()
        if is_volume:
            extra = now[is_own].sample(round(size * (times - 1) / 2), replace=True, random_state=number)
            now = pd.concat([now, extra], ignore_index=True)
        else:
            now["boost"] = np.where(is_own, 1 + (times - 1) / max(is_own.mean(), 0.1), 1.0)
        hour = draw_hour(Mix(), rng, sources=now)
        found = source_of_change(past, hour, is_volume=is_volume, columns=columns)
        silent.append(found is None)
        hits.append(found is not None and (found.column, found.value) == (column, value))
        naive.append(_grew_most(past, hour, columns) == (column, value))
    rival = {"grew_most": sum(naive) / len(naive)}
    return {"cost_source_right": _share(hits, rival), "cost_source_undetermined": _share(silent)}


def _drawn(n: int, rng: np.random.Generator) -> pd.DataFrame:
    size = max(int(rng.poisson(n)), 20)
    weights = 1 / np.arange(1, 9)
    return pd.DataFrame(
        {
            "crm.tenant": rng.choice([f"t{i}" for i in range(8)], size, p=weights / weights.sum()),
            "crm.workflow": rng.choice(["mail", "chat", "api"], size),
            "llm.prompt_version": "v6",
        }
    )


def _grew_most(before: HourSums, now: HourSums, columns: Sequence[str]) -> tuple[str, str]:
    grown = {
        (column, value): usd - before.sources[column].get(value, (0.0, 0.0))[1]
        for column in columns
        for value, (_, usd) in now.sources[column].items()
    }
    return max(grown, key=lambda one: grown[one])


# --- healthy pipelines ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Healthy:
    """Hours of a healthy pipeline."""

    records: Ints
    usd: Floats
    runs: dict[Loop, list[Ints]]
    """By kind, the run of each record of each hour, in order of time."""

    def hours(self) -> list[HourSums]:
        """Return the sums of runs by hour."""
        found = []
        for number, n in enumerate(self.records.tolist()):
            runs = {kind.value: _counts(hours[number]) for kind, hours in self.runs.items()}
            found.append(HourSums(start=START + number * HOUR, records=float(n), runs=runs))
        return found


def _counts(lengths: Ints) -> dict[int, float]:
    values, counts = np.unique(lengths, return_counts=True)
    return {int(v): float(c) for v, c in zip(values, counts, strict=True)}


def healthy(kind: str, per_hour: float, days: int, rng: np.random.Generator) -> Healthy:
    """Return a pipeline of a kind: `plain` (one call a record), `agent` (12 calls, a context that grows), `retries`."""
    n = days * 24
    at = np.arange(n)
    daily = 1 + 0.8 * np.sin(2 * np.pi * (at - 8) / 24)
    weekly = np.where((at // 24) % 7 >= 5, 0.4, 1.0)
    day = np.repeat(rng.gamma(100, 1 / 100, days), 24)
    records = rng.poisson(per_hour * daily * weekly * day * rng.gamma(25, 1 / 25, n))
    total = int(records.sum())
    ends = np.cumsum(records)[:-1]
    ones = np.ones(total, dtype=np.int64)
    growth, retry, repeat = ones.copy(), ones.copy(), 1 + (rng.random(total) < 0.002)
    calls = ones.astype(float)
    if kind == "agent":
        growth = 1 + rng.negative_binomial(8, 8 / (8 + 11.0), total)
        calls = growth * (1 + growth) / 2.0
    if kind == "retries":
        burst = np.repeat(np.where(rng.random(n) < 0.02, 0.3, 0.02), records)
        retry = 1 + np.minimum(np.where(rng.random(total) < burst, rng.geometric(0.5, total), 0), 5)
    usd = 0.002 * calls * rng.lognormal(-0.32, 0.8, total)
    by_hour: Floats = np.bincount(np.repeat(at, records), usd, minlength=n).astype(float)
    runs = {Loop.REPEAT: repeat, Loop.GROWTH: growth, Loop.RETRY: retry}
    return Healthy(records=records, usd=by_hour, runs={one: np.split(lengths, ends) for one, lengths in runs.items()})


def false_figures(days: int, seed: int, *, traffics: Sequence[float]) -> dict[str, Figure]:
    """Return false alarms in 90 healthy days, of the pipelines on average and of the worst one."""
    loops, jumps = [], []
    for number, (kind, per_hour) in enumerate((k, t) for k in ("plain", "agent", "retries") for t in traffics):
        service = healthy(kind, per_hour, days + LEARNT // 24, np.random.default_rng([seed, 4, number]))
        loops.append(90.0 / days * _false_loops(service))
        jumps.append(90.0 / days * _false_jumps(service))
        print(f"  healthy {kind} {per_hour:g}/h: {loops[-1]:g} loops, {jumps[-1]:g} jumps", file=sys.stderr)
    return {
        "cost_false_loops_90_days": Figure(float(np.mean(loops)), min(loops), max(loops), "alarms", {}),
        "cost_false_jumps_90_days": Figure(float(np.mean(jumps)), min(jumps), max(jumps), "alarms", {}),
    }


def _false_loops(service: Healthy) -> int:
    hours = service.hours()
    n_found = 0
    for kind in Loop:
        was = False
        for now in range(LEARNT, len(hours)):
            usual = usual_runs(hours[now - LEARNT : now - 1], kind, least=8)
            is_now = usual is not None and _any_look(service.runs[kind][now - 1], service.runs[kind][now], usual)
            n_found += is_now and not was
            was = is_now
    return n_found


def _any_look(before: Ints, present: Ints, usual: UsualRuns) -> bool:
    if max(before.max(initial=1), present.max(initial=1)) >= usual.threshold:
        return True
    if (before >= usual.rare).sum() + (present >= usual.rare).sum() == 0:
        return False
    for look in range(1, _LOOKS + 1):
        seen = np.concatenate([before, present[: len(present) * look // _LOOKS]])
        if len(seen) and are_more(_counts(seen), usual):
            return True
    return False


def _false_jumps(service: Healthy) -> int:
    line = _line(service.records, service.usd)
    n_found, since = 0, None
    for end in range(LEARNT, len(service.usd) + 1):
        jump = find_jump(line.upto(end, LEARNT + 24), least_change=0.5, since=since)
        n_found += jump is not None and since is None
        since = jump.hours + 1 if jump is not None else None
    return n_found


def _line(records: Ints, usd: Floats) -> Timeline:
    starts = [START + number * HOUR for number in range(len(usd))]
    return Timeline.of(starts, usd, records.astype(float), np.ones(len(usd), dtype=bool), ZONE)


# --- loops and jumps --------------------------------------------------------------------------------------------------


def loop_figures(n: int, seed: int) -> dict[str, Figure]:
    """Return the calls that loops have made when they are found."""
    rng = np.random.default_rng([seed, 5])
    retry, runaway, clock, beyond, seconds = [], [], [], [], []
    for number in range(n):
        per_hour = float(np.exp(rng.uniform(np.log(5), np.log(2000))))
        is_agent = number % 2 == 1
        past = healthy("agent" if is_agent else "plain", per_hour, 14, rng).hours()
        take = float(np.clip(rng.lognormal(np.log(8), 0.5), 3, 20))
        seconds.append(take)
        for kind in (Loop.REPEAT, Loop.GROWTH) if is_agent else (Loop.REPEAT,):
            usual = usual_runs(past, kind, least=8)
            assert usual is not None
            n_calls = _calls_until_found(usual, kind, take, _looks_after_calls(rng))
            by_clock = _calls_until_found(usual, kind, take, ((look, look) for look in _looks_by_clock(rng)))
            (retry if kind is Loop.REPEAT else runaway).append((n_calls, by_clock))
            beyond.append(n_calls - usual.threshold)
    calls, slow, runs = np.array(retry), np.array(seconds) >= 8, np.array(runaway)
    clock = {"by_the_clock": float((calls[:, 1] <= 50).mean())}
    return {
        "cost_retry_loop_calls_until_found": _found(calls),
        "cost_retry_loop_calls_until_found_slow_calls": _found(calls[slow]),
        "cost_retry_loop_within_50_calls": _share((calls[:, 0] <= 50).tolist(), clock),
        "cost_runaway_calls_until_found": _found(runs),
        "cost_loop_calls_beyond_learnt_length": _figure(beyond, "calls"),
    }


def _found(calls: Ints) -> Figure:
    """Return the calls until a loop is found by looks after new calls, beside those by the clock."""
    return _figure(calls[:, 0], "calls", {"by_the_clock": float(np.median(calls[:, 1]))})


def _looks_by_clock(rng: np.random.Generator) -> Iterator[float]:
    """Yield the times of looks every five minutes, in seconds since the loop began."""
    return itertools.count(float(rng.uniform(0, 300)), 300.0)


def _looks_after_calls(rng: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Yield when looks read and when they end, one after the other, as on a pipeline whose calls never stop."""
    begin = float(rng.uniform(-_RUN_SECONDS[1], 0))
    while True:
        lasts = float(rng.uniform(*_RUN_SECONDS))
        yield begin + lasts * _READ_AFTER, begin + lasts
        begin += lasts


def _calls_until_found(usual: UsualRuns, kind: Loop, take: float, looks: Iterator[tuple[float, float]]) -> int:
    """Return the calls that a loop has made when the first look that finds it has ended."""
    for read_at, end in looks:
        n = int(max(read_at, 0.0) / take)
        if n >= 2 and _longest_run(n, kind) >= usual.threshold:
            return int(end / take)
    raise AssertionError(kind)


@functools.cache
def _longest_run(n: int, kind: Loop) -> int:
    numbers = np.arange(n)
    requests = numbers if kind is Loop.GROWTH else np.zeros(n, dtype=int)
    attempts = pd.DataFrame({"_key": "loop", "request": requests, "size": 100.0 + numbers, "is_error": False})
    return int(longest_runs(attempts)[kind].iloc[0])


def jump_figures(n: int, seed: int) -> dict[str, Figure]:
    """Return the hours until dearer records are found, at 50 and 500 an hour, and the share found within a day."""
    rng = np.random.default_rng([seed, 6])
    found: dict[str, Figure] = {}
    for times in (2.0, 5.0):
        delays = []
        for number in range(n):
            service = healthy("plain", (50.0, 500.0)[number % 2], 18, rng)
            start = 15 * 24 + int(rng.integers(0, 48))
            usd = service.usd.copy()
            usd[start:] *= times
            line = _line(service.records, usd)
            ends = (end for end in range(start + 1, start + 25) if find_jump(line.upto(end, 360), least_change=0.5))
            delays.append(next(ends, start + 25) - start)
        found[f"cost_jump_of_{times:.0f}_detected_hours"] = _figure(delays, "hours")
    return found


def projection_figures(n: int, seed: int) -> dict[str, Figure]:
    """Return whether days end where they were projected to."""
    rng = np.random.default_rng([seed, 7])
    hits, errors, linear = [], [], []
    for number in range(n):
        if number % 10 == 0:
            service = healthy("plain", 200.0, 40, rng)
        index = pd.date_range(START, periods=len(service.usd), freq="h")
        end = int(rng.integers(21 * 24, 39 * 24))
        end += 6 if end % 24 < 6 else 0
        day = end // 24 * 24
        frame = pd.DataFrame({"usd": service.usd[:end]}, index=index[:end])
        found = project_cost(frame, None, "day", "UTC", index[end].to_pydatetime())
        actual = float(service.usd[day : day + 24].sum())
        assert found.projected is not None
        assert found.low is not None
        assert found.high is not None
        hits.append(found.low <= actual <= found.high)
        errors.append(abs(found.projected / actual - 1))
        linear.append(abs(found.spent * 24 / (end - day) / actual - 1))
    rival = {"spent_over_elapsed": float(np.median(linear))}
    value, worst = float(np.median(errors)), float(np.max(errors))
    return {
        "cost_projection_covered_by_90_percent": _share(hits),
        "cost_projection_error": Figure(value, min(errors), worst, "share", rival),
    }


def main() -> None:
    """Print all figures."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20260301
    started = time.perf_counter()
    found = figures(short=os.environ.get("SHORT") == "1", seed=seed)
    for name, one in found.items():
        print(f"{name}: {one.value:.4g} ({one.low:.4g} to {one.high:.4g}) {one.unit} {dict(one.rival)}")
    print(f"{time.perf_counter() - started:.0f} s", *broken(found), file=sys.stderr)


if __name__ == "__main__":
    main()
