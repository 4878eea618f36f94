"""The latency watch and its sketches on simulated services: errors, false incidents, delay, and stages named right."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from write_page import Figure

from seamwatch.core.detection.hours import HOUR
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.detection.sketch import Sketch, merged
from seamwatch.core.records.frames import StageData
from seamwatch.core.watch.latency import LEAST_RECORDS, Shift, find_shift, learn
from seamwatch.core.watch.latency_hours import Hour, about_records, count_hours, read_samples, take_samples
from seamwatch.core.watch.latency_source import WAIT_RECORDS, Source, find_carrier, means_near, name_source
from seamwatch.core.watch.stage_times import split_seconds
from seamwatch.spec.pipeline import Pipeline

Floats = NDArray[np.float64]

NOTES = """\
`quantile_error_*`: largest relative error of P50, P95 and P99 of 10 million simulated latencies (a lognormal mixture of
cached, usual and slow answers) and costs (few tokens, many tokens, none), added in parts of 10,000 as looks do, beside
the bound that the method promises. `quantile_seconds`: all of them into one sketch and three quantiles, beside
`numpy.percentile` of the same array and beside the same counting one value at a time in Python (a tenth of a million
values, scaled).

`latency_false_incidents_90_days`: mean of incidents that start in 90 days of healthy services after two weeks of past,
a look every quarter of an hour, at the default `least_change` of 0.5; the range is of the services. Services differ in
traffic, in whether days have a rhythm (traffic and latency), and in bursts (a common factor that wanders from hour to
hour, and hiccups of 5 to 20 minutes that double latencies three times a week). Beside it the rule of most dashboards:
P95 of the last full hour, of at least 20 records, is 1.5 times that of the last two weeks. `..._any_change` asks for no
effect: what evidence alone would tell.

`latency_detected_minutes_*`: minutes from the start of a shift of all latencies to the first look that finds it, the
median and the 10 % and 90 % quantile; `latency_detected_*`: share found within six hours. At 5 an hour, where six
hours are 30 records, both are of 24 hours.
`latency_carrier_right`: share of shifts put into one place (a mapping, a retrieval, the provider, failed calls, the
answer's length) that are found and whose stage and responsibility are named right an hour and a half after the start.
"""

START = datetime(2026, 1, 5, tzinfo=UTC)
TICKS = 12
"""Looks an hour."""
SPARSE = 4
"""Looks an hour over months."""
PAST_DAYS = 14
KINDS = ("even", "daily", "bursty")
TRAFFIC = (5.0, 50.0, 500.0)
LEAST_CHANGE = 0.5


def latencies(n: int, rng: np.random.Generator) -> Floats:
    """Return seconds of cached, usual and slow answers, in any order."""
    which = rng.choice(3, size=n, p=(0.2, 0.7, 0.1))
    middle, spread = np.array([0.08, 1.6, 9.0]), np.array([0.3, 0.5, 0.8])
    return middle[which] * np.exp(spread[which] * rng.standard_normal(n))


def costs(n: int, rng: np.random.Generator) -> Floats:
    """Return dollars of queries: most cheap, some with much context, some free."""
    which = rng.choice(3, size=n, p=(0.05, 0.8, 0.15))
    middle, spread = np.array([0.0, 0.0008, 0.02]), np.array([0.0, 0.7, 1.0])
    return middle[which] * np.exp(spread[which] * rng.standard_normal(n))


def quantile_figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return errors at 10 million values, and seconds of the pass."""
    n, found = 10_000_000, {}
    for name, draw in (("latency", latencies), ("cost", costs)):
        values = draw(n, np.random.default_rng([seed, 1, len(name)]))
        parts = merged(Sketch.of(values[at : at + 10_000]) for at in range(0, n, 10_000))
        exact = np.quantile(values, (0.5, 0.95, 0.99))
        errors = [
            abs((one or 0.0) / was - 1.0) for one, was in zip(parts.quantiles((0.5, 0.95, 0.99)), exact, strict=True)
        ]
        found[f"quantile_error_{name}"] = Figure(
            value=max(errors), low=min(errors), high=max(errors), unit="of exact", rival={"bound": 0.01}
        )
    passes = [_seconds(lambda: Sketch.of(values).quantiles((0.5, 0.95, 0.99))) for _ in range(3)]
    exact_s = [_seconds(lambda: np.percentile(values, (50, 95, 99))) for _ in range(1 if short else 3)]
    some = values[:100_000].tolist()
    one_by_one = _seconds(lambda: _plain_buckets(some)) * n / len(some)
    found["quantile_seconds"] = Figure(
        value=statistics.median(passes),
        low=min(passes),
        high=max(passes),
        unit="s",
        rival={"numpy_percentile": statistics.median(exact_s), "one_value_at_a_time": one_by_one},
    )
    return found


def _plain_buckets(values: Sequence[float]) -> dict[int, int]:
    import math

    found: dict[int, int] = {}
    for value in values:
        bucket = math.ceil(math.log(value) * 50.0) if value >= 1e-9 else -(10**9)
        found[bucket] = found.get(bucket, 0) + 1
    return found


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Service:
    """A healthy service; `factor` lengthens every latency from `fault` (hours since the start) on."""

    per_hour: float
    kind: str
    factor: float = 1.0
    fault: float = float("inf")


def records(service: Service, hours: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return arrival (hours since the start, ascending) and seconds of the records of some hours."""
    hour = np.arange(hours)
    rhythm = np.sin(2 * np.pi * (hour % 24 - 9) / 24) if service.kind != "even" else np.zeros(hours)
    weekend = np.where((hour // 24) % 7 >= 5, 0.6, 1.0) if service.kind != "even" else np.ones(hours)
    counts = rng.poisson(service.per_hour * (1 + 0.6 * rhythm) * weekend)
    at = np.sort(np.repeat(hour, counts) + rng.random(counts.sum()))
    seconds = 1.5 * np.exp(0.5 * rng.standard_normal(len(at)) + 0.25 * rhythm[at.astype(int)])
    if service.kind == "bursty":
        noise, wander = rng.standard_normal(hours) * 0.08, np.zeros(hours)
        for number in range(1, hours):
            wander[number] = 0.7 * wander[number - 1] + noise[number]
        seconds *= np.exp(wander)[at.astype(int)]
        begins = rng.random(max(hours * 3 // 168, 1)) * hours
        for begin, length in zip(begins, rng.uniform(5, 20, len(begins)) / 60.0, strict=True):
            seconds[(at >= begin) & (at < begin + length)] *= 2.0
    seconds[at >= service.fault] *= service.factor
    return at, seconds


@dataclass
class Watched:
    """A service that is looked at every five minutes."""

    at: Floats
    seconds: Floats
    hours: list[Hour]

    @classmethod
    def of(cls, at: Floats, seconds: Floats, hours: int) -> Watched:
        places = np.searchsorted(at, np.arange(hours + 1))
        kept = [
            Hour(start=START + number * HOUR, total=Sketch.of(seconds[places[number] : places[number + 1]]))
            for number in range(hours)
        ]
        return cls(at, seconds, kept)

    def looks(
        self, first: int, last: int, *, least_change: float = LEAST_CHANGE, ticks: int = TICKS
    ) -> Iterator[tuple[float, bool]]:
        """Yield hours since the start and whether it is found slow, at every look; what is found is left out later."""
        marks: dict[int, datetime] = {}
        for number in range(first, last):
            begin = max(number - PAST_DAYS * 24, 0)
            past = [_mark(one, marks.get(place)) for place, one in enumerate(self.hours[begin:number], begin)]
            reference = learn(past, START + number * HOUR)
            for tick in range(1, ticks + 1):
                since = number + tick / ticks
                now = START + since * HOUR - timedelta(seconds=1)
                low, high = np.searchsorted(self.at, (number, since))
                present = Hour(start=START + number * HOUR, total=Sketch.of(self.seconds[low:high]))
                shift = reference and find_shift([*past, present], reference, now, least_change=least_change)
                if shift:
                    marks[number] = min(marks.get(number, shift.hours[0].start), shift.hours[0].start)
                yield since, shift is not None


def _mark(hour: Hour, since: datetime | None) -> Hour:
    return hour if since is None else Hour(start=hour.start, total=hour.total, found_since=since)


def healthy_figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return incidents of healthy services in 90 days."""
    cells = [(per_hour, kind, 15 if short else 90, seed) for per_hour in TRAFFIC for kind in KINDS]
    with ProcessPoolExecutor(max_workers=2) as pool:
        counts = list(pool.map(_healthy, cells))
    ours, any_change, dashboard = zip(*counts, strict=True)
    return {
        "latency_false_incidents_90_days": _counted(ours, {"dashboard_rule": float(np.mean(dashboard))}),
        "latency_false_incidents_90_days_any_change": _counted(any_change, {}),
    }


def _healthy(cell: tuple[float, str, int, int]) -> tuple[float, float, float]:
    """Return incidents in 90 days of one service: ours, by evidence alone (in a third of the days), a dashboard's."""
    per_hour, kind, days, seed = cell
    first, hours = PAST_DAYS * 24, (PAST_DAYS + days) * 24
    rng = np.random.default_rng([seed, 2, KINDS.index(kind), int(per_hour)])
    watched = Watched.of(*records(Service(per_hour, kind), hours, rng), hours)
    ours = [is_found for _, is_found in watched.looks(first, hours, ticks=SPARSE)]
    third = [
        is_found for _, is_found in watched.looks(first, first + (hours - first) // 3, least_change=0.02, ticks=SPARSE)
    ]
    dashboard = _starts(_dashboard(watched.hours), hold=1)
    return (
        _starts(ours, hold=SPARSE) * 90 / days,
        _starts(third, hold=SPARSE) * 270 / days,
        dashboard * 90 / days,
    )


def _counted(counts: Sequence[float], rival: dict[str, float]) -> Figure:
    return Figure(value=float(np.mean(counts)), low=min(counts), high=max(counts), unit="in 90 days", rival=rival)


def _starts(fires: Sequence[bool], *, hold: int) -> int:
    """Return how many incidents begin: firing after at least `hold` looks without."""
    n, quiet = 0, hold
    for is_found in fires:
        n += is_found and quiet >= hold
        quiet = 0 if is_found else quiet + 1
    return n


def _dashboard(hours: Sequence[Hour]) -> list[bool]:
    fires = []
    for number in range(PAST_DAYS * 24, len(hours)):
        usual = merged(one.total for one in hours[number - PAST_DAYS * 24 : number]).quantile(0.95) or 0.0
        last = hours[number].total
        fires.append(last.count >= LEAST_RECORDS and (last.quantile(0.95) or 0.0) >= 1.5 * usual)
    return fires


def detection_figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return minutes until shifts of all latencies are found."""
    figures, rounds = {}, 3 if short else 10
    cases = [(50.0, 2.0), (500.0, 2.0)] if short else [(5.0, 2.0), (50.0, 2.0), (50.0, 3.0), (500.0, 2.0)]
    for per_hour, factor in cases:
        minutes, longest = [], 60.0 * (24 if per_hour < LEAST_RECORDS else 6)
        for number in range(rounds * len(KINDS)):
            rng = np.random.default_rng([seed, 3, int(per_hour), int(factor), number])
            fault = PAST_DAYS * 24 + rng.random() * 24
            first = int(fault)
            service = Service(per_hour, KINDS[number % len(KINDS)], factor, fault)
            last = first + (25 if per_hour < LEAST_RECORDS else 7)
            watched = Watched.of(*records(service, last, rng), last)
            found = (since for since, is_found in watched.looks(first, last) if is_found and since > fault)
            minutes.append(min((next(found, np.inf) - fault) * 60.0, longest))
        name = f"{per_hour:g}_an_hour_{factor:g}x"
        low, middle, high = np.quantile(minutes, (0.1, 0.5, 0.9))
        figures[f"latency_detected_minutes_{name}"] = Figure(
            value=float(middle), low=float(low), high=float(high), unit="min", rival={}
        )
        figures[f"latency_detected_{name}"] = _share([one < longest for one in minutes])
    return figures


def _share(hits: Sequence[bool]) -> Figure:
    low, high = wilson_interval(sum(hits), len(hits)) or (0.0, 1.0)
    return Figure(value=sum(hits) / len(hits), low=low, high=high, unit=f"of {len(hits)}", rival={})


PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "help",
        "database": "dw",
        "key": "id",
        "stages": [
            {"name": "question", "kind": "source", "table": "questions"},
            {"name": "request", "kind": "mapping", "table": "requests", "input": "question"},
            {"name": "lookup", "kind": "retrieval", "table": "lookups", "input": "question"},
            {"name": "prompt", "kind": "prompt", "table": "calls", "input": ["request", "lookup"]},
            {
                "name": "llm",
                "kind": "model",
                "table": "calls",
                "endpoint": "conn",
                "request": "body",
                "response": "answer",
                "status": "status",
                "latency_ms": "ms",
                "input_tokens": "tokens_in",
                "output_tokens": "tokens_out",
            },
            {"name": "result", "kind": "mapping", "table": "results"},
            {"name": "reply", "kind": "sink", "table": "replies"},
        ],
    }
)
PLACES = {
    "request": ("integration", "request"),
    "lookup": ("knowledge_base", "lookup"),
    "queue": ("integration", "llm"),
    "provider": ("provider", "llm"),
    "retries": ("provider", "llm"),
    "longer": ("undetermined", "llm"),
    "result": ("integration", "result"),
}
"""Where a shift is put, and who has to act; long answers without a new model or longer requests are nobody's."""


def carrier_figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return the share of shifts in one place whose stage and responsibility are named right."""
    cases = [(place, turn, seed) for place in PLACES for turn in range(2 if short else 6)]
    with ProcessPoolExecutor(max_workers=2) as pool:
        named = list(pool.map(_named, cases))
    right: dict[str, list[bool]] = {place: [] for place in PLACES}
    for (place, _, _), who in zip(cases, named, strict=True):
        right[place].append(bool(who) and who[-1] == PLACES[place])
    at_once = [bool(who) and who[0] == PLACES[place] for (place, _, _), who in zip(cases, named, strict=True)]
    figures = {
        "latency_carrier_right": _share([one for hits in right.values() for one in hits]),
        "latency_carrier_right_at_once": _share(at_once),
    }
    return figures | {f"latency_carrier_right_{place}": _share(hits) for place, hits in right.items()}


def _named(case: tuple[str, int, int]) -> list[tuple[str, str | None]]:
    """Return who is named at every look that tells a shift of about twice P95, in 90 minutes from its start on.

    In every other turn rows of calls have the time of their start.
    """
    place, turn, seed = case
    rng, is_start = np.random.default_rng([seed, 4, list(PLACES).index(place), turn]), bool(turn % 2)
    fault, last = 4 * 24.0 + 10.25, 4 * 24.0 + 11.75
    at = np.sort(rng.random(rng.poisson(50 * last)) * last)
    stages, seconds, begun = _stage_times(at, at >= fault, place, is_start, rng)
    split = split_seconds(PIPELINE, stages, seconds)
    about, _ = about_records(PIPELINE, stages, seconds.index, ttft=None)
    past = count_hours(split, begun, about)[: int(fault)]
    samples = take_samples(split, begun, about)
    named = []
    for tick in range(1, 19):
        since = fault + tick / TICKS
        new = (at >= int(fault)) & (at < since)
        part = replace(split, parts=split.parts[new], seconds=split.seconds[new], skewed=split.skewed[new])
        hours = [*past, *count_hours(part, begun[new], about[new])]
        now = START + since * HOUR
        reference = learn(hours, now)
        shift = find_shift(hours, reference, now, least_change=LEAST_CHANGE) if reference else None
        if shift is not None:
            source = _source(shift, {**samples, **take_samples(part, begun[new], about[new])})
            n = sum(hour.total.count for hour in shift.hours)
            if named or source.stage is not None or n >= WAIT_RECORDS:
                named.append((source.responsibility.value, source.stage))
    return named


def _source(shift: Shift, samples: dict[datetime, Any]) -> Source:
    rows = []
    for some in (shift.hours, shift.before):
        counts = {one.start: one.total.count for one in some}
        kept = [(one.start, samples[one.start]) for one in some if one.start in samples]
        rows.append(read_samples(kept, counts, most=5000))
    carrier = find_carrier(rows[0], rows[1], shift, held=None, seed=1)
    near = means_near(rows[0], rows[1], carrier.part) if carrier.part else None
    return name_source(PIPELINE, carrier, shift, near)


def _stage_times(
    at: Floats, is_hit: NDArray[np.bool_], place: str, is_start: bool, rng: np.random.Generator
) -> tuple[dict[str, StageData], pd.Series[Any], pd.Series[Any]]:
    """Return the stages of a pipeline whose shift lies in one place, the records' seconds, and when they began."""
    n = len(at)
    usual = {name: rng.lognormal(0.0, 0.45, n) for name in ("request", "lookup", "queue", "call", "result", "reply")}
    own = {name: size * usual[name] for name, size in (("request", 0.2), ("lookup", 0.4), ("queue", 0.15))}
    own |= {"result": 0.2 * usual["result"], "reply": 0.1 * usual["reply"]}
    tokens = 150 * rng.lognormal(0.0, 0.4, n) * np.where(is_hit & (place == "longer"), 3.0, 1.0)
    call = (0.3 + 0.008 * tokens) * usual["call"] * np.where(is_hit & (place == "provider"), 2.8, 1.0)
    if place in own:
        own[place] = own[place] + is_hit * 3.5 * rng.lognormal(0.0, 0.4, n)
    lost = np.where(is_hit & (place == "retries") & (rng.random(n) < 0.6), 5.0 + rng.random(n), 0.0)
    ready = np.maximum(own["request"], own["lookup"])
    began = ready + own["queue"]
    answered = began + lost + call
    times = {"question": np.zeros(n), "request": own["request"], "lookup": own["lookup"]}
    times["llm"] = times["prompt"] = began + lost if is_start else answered
    times["result"] = answered + own["result"]
    times["reply"] = times["result"] + own["reply"]
    keys = pd.RangeIndex(n, name="id")
    begun = pd.Series(pd.Timestamp(START) + pd.to_timedelta(at * 3600, unit="s"), index=keys)
    moments = {name: begun + pd.to_timedelta(one, unit="s") for name, one in times.items()}
    again = np.flatnonzero(lost > 0)
    columns = {"ms": call * 1000, "status": "ok", "tokens_in": 900.0, "tokens_out": tokens}
    first = began[again] + (0.0 if is_start else 4.0)
    attempts = [
        {"_time": begun.iloc[again] + pd.to_timedelta(first, unit="s"), "ms": 4000.0, "status": "timeout"},
        {"_time": moments["llm"].iloc[again], "ms": call[again] * 1000, "status": "ok"},
    ]
    versions = pd.concat([pd.DataFrame({"_key": again, **one}) for one in attempts]).sort_values("_time")
    stages = {
        stage.name: StageData(
            stage=stage,
            payload=pd.DataFrame(columns if stage.name == "llm" else {}, index=keys),
            times=moments[stage.name],
            versions=versions if stage.name == "llm" and len(again) else pd.DataFrame(),
        )
        for stage in PIPELINE.stages
    }
    return stages, pd.Series(times["reply"], index=keys), begun


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return all figures."""
    return {
        **quantile_figures(short=short, seed=seed),
        **carrier_figures(short=short, seed=seed),
        **detection_figures(short=short, seed=seed),
        **healthy_figures(short=short, seed=seed),
    }


def main() -> None:
    """Print all figures; `--short` for the form of a minute, `--seed N` for other draws."""
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 20260301
    began = time.perf_counter()
    for name, one in figures(short="--short" in sys.argv, seed=seed).items():
        beside = ", ".join(f"{rival} {value:.3g}" for rival, value in one.rival.items())
        print(f"{name}: {one.value:.3g} {one.unit} ({one.low:.3g} to {one.high:.3g}) {beside}")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
