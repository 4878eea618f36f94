"""Loops within a record: what is one, what a pipeline usually does, and retries that are the provider's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import geom, nbinom

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watch.loop_records import KEYS_REPORTED, new_loops
from seamwatch.core.watch.loops import FALSE_PER_MONTH, Loop, are_more, longest_runs, usual_runs
from seamwatch.core.watch.results import WatchReport
from seamwatch.spec.monitoring import CostWatch
from seamwatch.vocabulary import Responsibility, Watch

START = datetime(2026, 3, 2, tzinfo=UTC)


def attempts(*calls: tuple[str, int, float, bool]) -> pd.DataFrame:
    return pd.DataFrame(list(calls), columns=["_key", "request", "size", "is_error"])


def test_the_same_request_again_is_a_loop_unless_the_provider_failed_before() -> None:
    asked = [("a", 1, 10.0, False)] * 5 + [("b", 2, 10.0, True)] * 4 + [("b", 2, 10.0, False)] + [("c", 3, 9.0, False)]
    runs = longest_runs(attempts(*asked))
    assert runs[Loop.REPEAT].to_dict() == {"a": 5, "b": 1, "c": 1}
    assert runs[Loop.RETRY].to_dict() == {"a": 1, "b": 5, "c": 1}
    assert runs[Loop.GROWTH].to_dict() == {"a": 1, "b": 1, "c": 1}


def test_a_context_that_grows_is_counted_by_its_longest_run_whatever_comes_between() -> None:
    sizes = [5.0, 7.0, 9.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0]
    grown = [("a", number, size, False) for number, size in enumerate(sizes)]
    # A retry of one step and calls of another record do not end the run.
    grown.insert(6, grown[5])
    grown.insert(2, ("b", 99, 1.0, False))
    runs = longest_runs(attempts(*grown))
    assert runs[Loop.GROWTH].to_dict() == {"a": 5, "b": 1}
    unknown = longest_runs(attempts(*((key, n, float("nan"), False) for key, n, *_ in grown)))
    assert unknown[Loop.GROWTH].max() == 1


def hours(lengths: np.ndarray, *, per_hour: int = 100, kind: Loop = Loop.GROWTH) -> list[HourSums]:
    found = []
    for number in range(len(lengths) // per_hour):
        part = lengths[number * per_hour : (number + 1) * per_hour]
        values, counts = np.unique(part, return_counts=True)
        runs = {kind.value: {int(v): float(c) for v, c in zip(values, counts, strict=True)}}
        found.append(HourSums(start=START + number * timedelta(hours=1), records=float(per_hour), runs=runs))
    return found


def test_what_is_usual_decides_what_is_a_loop() -> None:
    rng = np.random.default_rng(1)
    single = usual_runs(hours(np.ones(24_000, dtype=int)), Loop.GROWTH, least=8)
    assert single is not None
    assert (single.rare, single.threshold) == (4, 8)
    agent = usual_runs(hours(1 + rng.poisson(11, 24_000)), Loop.GROWTH, least=8)
    assert agent is not None
    assert 20 <= agent.rare <= 24
    assert 28 <= agent.threshold <= 45
    assert usual_runs(hours(np.ones(50, dtype=int), per_hour=50), Loop.GROWTH, least=8) is None
    assert usual_runs(hours(np.ones(500, dtype=int)), Loop.REPEAT, least=8) is None


def test_many_runs_that_are_each_too_short_are_found_by_their_number() -> None:
    past = hours(1 + np.random.default_rng(2).poisson(11, 24_000))
    usual = usual_runs(past, Loop.GROWTH, least=8)
    assert usual is not None
    healthy = dict.fromkeys(range(5, 16), 18.0)
    assert not are_more(healthy, usual)
    assert not are_more({**healthy, usual.rare: 6.0}, usual)
    assert are_more({**healthy, usual.rare: 60.0}, usual)
    # An hour as bad as this was there before.
    bad = hours(np.where(np.arange(100) < 20, usual.rare, 12), per_hour=100)
    known = usual_runs([*past, *bad], Loop.GROWTH, least=8)
    assert known is not None
    assert not are_more({**healthy, usual.rare: 40.0}, known)


def test_the_learnt_length_is_seldom_reached_in_a_month_whatever_the_tail() -> None:
    month, expected = 30 * 24 * 100, {"light": [], "geometric": [], "few": []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for name, draw, n, tail in (
            ("light", lambda n, rng=rng: 1 + rng.negative_binomial(8, 0.42, n), 30_000, nbinom(8, 0.42, loc=1)),
            ("geometric", lambda n, rng=rng: rng.geometric(0.3, n), 30_000, geom(0.3)),
            ("few", lambda n, rng=rng: rng.geometric(0.3, n), 400, geom(0.3)),
        ):
            usual = usual_runs(hours(draw(n)), Loop.GROWTH, least=8)
            assert usual is not None
            expected[name].append(month * tail.sf(usual.threshold - 1))
    assert all(np.mean(found) <= FALSE_PER_MONTH * (1.1 if name != "few" else 3) for name, found in expected.items())


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    kinds=st.lists(st.sampled_from(list(Loop)), min_size=1, max_size=3, unique=True),
)
def test_what_a_report_tells_is_no_news_and_all_else_that_is_a_loop_is(lengths: list[int], kinds: list[Loop]) -> None:
    past = hours(np.ones(24_000, dtype=int), kind=Loop.GROWTH)
    past = [replace(one, runs={kind.value: one.runs[Loop.GROWTH.value] for kind in Loop}) for one in past]
    start = past[-1].start + timedelta(hours=1)
    runs = {kind: pd.Series(lengths, index=[f"r{n}" for n in range(len(lengths))]) for kind in kinds}
    span = {"start": start, "now": start + timedelta(minutes=9)}
    found = new_loops(CostWatch(), past, runs, None, **span)
    long = [f"r{n}" for n, length in enumerate(lengths) if length >= 8]
    assert [(kind, key) for kind, key, _ in found] == [(kind, key) for kind in Loop if kind in kinds for key in long]
    told = report([(kind, key) for kind, key, _ in found if kind is kinds[0]], **span)
    left = new_loops(CostWatch(), past, runs, told, **span)
    assert left == [one for one in found if one[0] is not kinds[0]]
    assert new_loops(CostWatch(), [], runs, None, **span) == []


def report(found: list[tuple[Loop, str]], *, start: datetime, now: datetime) -> WatchReport:
    keys = tuple(key for _, key in found)[:KEYS_REPORTED]
    findings = () if not found else (finding(found[0][0], keys),)
    window = Window(start=start, end=now)
    return WatchReport(watch=Watch.COST, pipeline="p", window=window, compared=None, n_records=9, findings=findings)


def finding(kind: Loop, keys: tuple[str, ...]) -> Finding:
    return Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="llm",
        fields=(),
        kind=kind.value,
        n_records=len(keys),
        confidence=0.9,
        onset=START,
        keys=keys,
    )
