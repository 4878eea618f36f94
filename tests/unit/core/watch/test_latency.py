"""Whether latencies grew, and by whom: quiet on healthy services, sure of shifts, forgetful of what is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.detection.hours import HOUR
from seamwatch.core.detection.sketch import Sketch, merged
from seamwatch.core.watch.latency import (
    LEAST_RECORDS,
    Shift,
    find_shift,
    has_enough,
    latest,
    learn,
)
from seamwatch.core.watch.latency_hours import Hour, read_samples, take_samples
from seamwatch.core.watch.latency_source import Carrier, Near, Reason, find_carrier, name_source
from seamwatch.core.watch.stage_times import Misfit, Part, Split
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
END = DAYS * 24


def service(hours: int, *, per_hour: int = 50, seed: int = 1, slow: dict[int, float] | None = None) -> list[Hour]:
    """Return hours of a service; those in `slow` take so many times as long."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(hours):
        seconds = rng.lognormal(0.0, 0.5, rng.poisson(per_hour)) * (slow or {}).get(number, 1.0)
        found.append(Hour(start=START + number * HOUR, total=Sketch.of(seconds), records=len(seconds)))
    return found


def judge(hours: list[Hour], *, least_change: float = 0.5) -> Shift | None:
    """Return what is found at the end of the last hour."""
    now = hours[-1].start + HOUR - timedelta(minutes=1)
    reference = learn(hours, now)
    return find_shift(hours, reference, now, least_change=least_change) if reference else None


def test_nothing_is_said_without_a_past() -> None:
    assert learn([], START) is None
    assert learn(service(10), START + 10 * HOUR) is None
    assert learn(service(40, per_hour=1), START + 40 * HOUR) is None
    few = learn(service(14), START + 13 * HOUR)
    assert few is not None
    assert few.longest == 6


@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_service_stays_quiet(seed: int) -> None:
    hours = service(END + 24, seed=seed)
    assert not any(judge(hours[: END + number], least_change=0.01) for number in range(1, 25))


def test_twice_as_long_is_found_within_an_hour_and_three_hours_of_it_are_taken_together() -> None:
    hours = service(END + 3, slow=dict.fromkeys(range(END, END + 3), 2.0))
    assert judge(hours[:END]) is None
    for number in (1, 3):
        found = judge(hours[: END + number])
        assert found is not None
        assert [one.start for one in found.hours] == [one.start for one in hours[END : END + number]]
        assert 1.5 <= found.p95 / found.p95_before <= 2.5  # P95 of 50 records is no surer
        assert found.n_slow == sum(one.total.count_above(found.p95_before) for one in found.hours)


def test_a_change_below_the_least_is_told_to_nobody_however_sure_it_is() -> None:
    hours = service(END + 12, slow=dict.fromkeys(range(END, END + 12), 1.3))
    assert judge(hours) is None
    assert judge(hours, least_change=0.1) is not None


def test_fewer_records_than_have_a_p95_are_never_slow() -> None:
    hours = service(END)
    few = Hour(start=START + END * HOUR, total=Sketch.of([60.0] * (LEAST_RECORDS - 1)))
    empty = [replace(one, total=Sketch()) for one in hours[-24:]]
    assert judge([*hours[:-24], *empty, few]) is None
    assert judge([*hours[:-24], *empty, replace(few, total=few.total + few.total)]) is not None


def test_a_service_that_always_takes_the_same_is_judged_too() -> None:
    hours = [Hour(start=START + number * HOUR, total=Sketch.of([4.0] * 20)) for number in range(END + 1)]
    assert judge(hours) is None
    longer = replace(hours[-1], total=Sketch.of([4.0] * 5 + [9.0] * 20))
    found = judge([*hours[:-1], longer])
    assert found is not None
    assert (found.p95, found.p95_before, found.n_slow) == (pytest.approx(9.0, rel=0.01), 4.0, 20)


def test_what_is_over_is_not_found_and_what_comes_again_is() -> None:
    slow = dict.fromkeys(range(END, END + 4), 3.0) | {END + 12: 3.0}
    hours = service(END + 13, slow=slow)
    assert judge(hours[: END + 4]) is not None
    assert judge(hours[: END + 6]) is None
    assert judge(hours[: END + 12]) is None
    again = judge(hours)
    assert again is not None
    assert [one.start for one in again.hours] == [START + (END + 12) * HOUR]


def test_hours_that_were_found_are_no_reference_however_long_ago() -> None:
    hours = service(END, slow=dict.fromkeys(range(200, 220), 3.0))
    hours[219] = replace(hours[219], found_since=START + timedelta(hours=200, minutes=20))
    for now in (START + END * HOUR, hours[-1].start + HOUR, START + 13 * 24 * HOUR):
        reference = learn(hours, now)
        assert reference is not None
        assert not {one.start for one in reference.hours} & {START + number * HOUR for number in range(200, 220)}


def test_hours_of_the_day_are_compared_with_their_like_once_they_differ() -> None:
    busy = {number: 2.5 for number in range(END + 24) if 9 <= number % 24 < 15}
    hours = service(END + 24, slow=busy)
    assert not any(judge(hours[: END + number]) for number in range(1, 25))
    reference = learn(hours[:END], START + END * HOUR)
    assert reference is not None
    assert reference.is_daily
    assert reference.slow[12] > 2 * reference.slow[3]
    # By night it takes as long as by day: no longer than P95 of the whole day, and found all the same.
    nights = service(END + 4, slow=busy | dict.fromkeys(range(END + 1, END + 4), 2.5))
    found = judge(nights)
    assert found is not None
    assert {one.start.hour for one in found.before} <= {0, 1, 2, 3, 4, 23}
    even = learn(service(END), START + END * HOUR)
    assert even is not None
    assert not even.is_daily


def test_a_service_with_bursts_needs_more_evidence() -> None:
    rng = np.random.default_rng(4)
    bursts = {number: float(rng.lognormal(0.0, 0.5)) for number in range(END)}
    calm, bursty = (learn(service(END, slow=slow), START + END * HOUR) for slow in ({}, bursts))
    assert calm is not None
    assert bursty is not None
    assert calm.effect[0] < 1.6
    assert bursty.effect[0] > 5.0
    last = service(END + 1, slow={END: 1.8})[-1]
    now = last.start + HOUR - timedelta(seconds=1)
    assert find_shift([last], calm, now, least_change=0.3) is not None
    assert find_shift([last], bursty, now, least_change=0.3) is None


def test_the_last_hours_with_enough_records_are_those_told_of() -> None:
    hours = service(30, per_hour=40)
    now = START + 30 * HOUR - timedelta(minutes=1)
    assert sum(one.total.count for one in latest(hours, now)) >= 100
    assert len(latest(hours, now)) in (3, 4)
    assert has_enough(hours, now)
    assert not has_enough(hours, now + 6 * HOUR)


def test_an_hour_comes_back_from_json() -> None:
    hour = replace(
        service(1)[0],
        parts={"llm|provider": Sketch.of([1.0, 2.0])},
        misfits={"llm": Misfit(before=1.5)},
        models={"gem": 3},
        retries=2,
        found_since=START,
    )
    assert Hour.from_json(hour.start, hour.to_json()) == hour


# What carries a shift.

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "p",
        "database": "db",
        "key": "id",
        "stages": [
            {"name": "orders", "kind": "source", "table": "orders"},
            {"name": "lookup", "kind": "retrieval", "table": "context"},
            {
                "name": "llm",
                "kind": "model",
                "table": "calls",
                "endpoint": "conn",
                "request": "body",
                "latency_ms": "ms",
            },
            {"name": "sink", "kind": "sink", "table": "routing"},
        ],
    }
)
NAMES = ("lookup|own", "llm|own", "llm|provider", "llm|retries", "sink|own")


def sample(n: int = 400, seed: int = 1, **longer: float) -> pd.DataFrame:
    """Return sampled records; each part by its number of seconds longer than usual: `llm_provider=2`."""
    rng = np.random.default_rng(seed)
    usual = dict(zip(NAMES, (0.3, 0.1, 1.0, 0.0, 0.2), strict=True))
    rows = {
        name: mean * rng.lognormal(0.0, 0.4, n) + longer.get(name.replace("|", "_"), 0.0) * rng.lognormal(0.0, 0.2, n)
        for name, mean in usual.items()
    }
    beside = {"ttft": 0.3 + longer.get("ttft", 0.0), "input_tokens": 900.0, "output_tokens": 100.0}
    return pd.DataFrame({**rows, **beside, "weight": 1.0})


def shifted(now: pd.DataFrame, before: pd.DataFrame) -> Shift:
    sketches = [Sketch.of(rows[list(NAMES)].sum(axis=1)) for rows in (now, before)]
    hours = [Hour(start=START + place * HOUR, total=one, models={"gem-1": 9}) for place, one in enumerate(sketches)]
    p95, p95_before = (one.quantile(0.95) or 0.0 for one in sketches)
    return Shift(hours=(hours[0],), before=(hours[1],), p95=p95, p95_before=p95_before, n_slow=100, log_evidence=20.0)


def carried(held: Part | None = None, n: int = 400, **longer: float) -> tuple[Carrier, Shift]:
    now, before = sample(n, 2, **longer), sample(2000, 1)
    shift = shifted(now, before)
    return find_carrier(now, before, shift, held=held, seed=3), shift


@pytest.mark.parametrize("name", NAMES)
def test_the_part_that_grew_carries_the_shift(name: str) -> None:
    carrier, shift = carried(**{name.replace("|", "_"): 3.0})
    assert str(carrier.part) == name
    assert 0.95 <= carrier.confidence <= 0.99
    assert 0.8 <= carrier.share <= 1.3
    lead = carrier.contributions[0]
    assert lead.low <= 3.0 * 1.3
    assert lead.high >= 3.0 * 0.7
    assert sum(one.change for one in carrier.contributions) == pytest.approx(shift.p95 - shift.p95_before)


def test_several_stages_together_carry_nobodys_shift() -> None:
    carrier, shift = carried(lookup_own=2.0, sink_own=2.0, llm_own=2.0)
    assert carrier.part is None
    source = name_source(PIPELINE, carrier, shift, None)
    assert (source.responsibility, source.stage, source.pattern) == (
        Responsibility.UNDETERMINED,
        None,
        "several_stages",
    )


def test_a_source_that_was_told_stays_until_another_is_clearly_ahead() -> None:
    lookup, sink = Part(stage="lookup"), Part(stage="sink")
    free, _ = carried(n=40, lookup_own=1.2, sink_own=1.0)
    kept, _ = carried(held=lookup, n=40, lookup_own=1.2, sink_own=1.0)
    assert free.part is None
    assert kept.part == lookup
    assert carried(held=lookup, sink_own=3.0)[0].part == sink


def near(**now: float) -> Near:
    usual = {"llm|provider": 1.3, "ttft": 0.3, "input_tokens": 900.0, "output_tokens": 100.0}
    return Near(now={**usual, **now}, before=usual)


@pytest.mark.parametrize(
    ("grown", "models", "who", "pattern", "reason"),
    [
        ({"llm|provider": 4.3, "ttft": 3.2}, {"gem-1": 5}, "provider", "provider_slow", Reason.LATER_START),
        ({"llm|provider": 4.3}, {"gem-1": 5}, "provider", "provider_slow", Reason.SLOWER_TOKENS),
        ({"llm|provider": 4.3, "ttft": float("nan")}, {"gem-1": 5}, "provider", "provider_slow", None),
        (
            {"llm|provider": 4.3, "output_tokens": 400.0},
            {"gem-2": 5},
            "model",
            "longer_answers",
            Reason.LONGER_NEW_MODEL,
        ),
        (
            {"llm|provider": 4.3, "output_tokens": 400.0, "input_tokens": 1500.0},
            {"gem-1": 5},
            "integration",
            "longer_answers",
            Reason.LONGER_REQUESTS,
        ),
        ({"llm|provider": 4.3, "output_tokens": 400.0}, {"gem-1": 5}, "undetermined", "longer_answers", Reason.LONGER),
    ],
)
def test_a_slow_answer_is_the_providers_unless_it_got_longer(
    grown: dict[str, float], models: dict[str, int], who: str, pattern: str, reason: Reason | None
) -> None:
    carrier, shift = carried(llm_provider=3.0)
    shift = replace(shift, hours=(replace(shift.hours[0], models=models),))
    source = name_source(PIPELINE, carrier, shift, near(**grown))
    assert (source.responsibility.value, source.stage, source.pattern) == (who, "llm", pattern)
    assert source.reason is reason


def test_whose_time_it_is_follows_from_the_stage() -> None:
    expected = {
        "lookup|own": (Responsibility.KNOWLEDGE_BASE, "stage_slow"),
        "llm|own": (Responsibility.INTEGRATION, "stage_slow"),
        "llm|retries": (Responsibility.PROVIDER, "timeouts"),
        "sink|own": (Responsibility.INTEGRATION, "stage_slow"),
        "orders|own": (Responsibility.SOURCE_DATA, "stage_slow"),
    }
    for name, wanted in expected.items():
        carrier = Carrier(contributions=(), part=Part.read(name), share=0.9, confidence=0.9)
        source = name_source(PIPELINE, carrier, carried(sink_own=3.0)[1], None)
        assert (source.responsibility, source.pattern) == wanted


def test_without_the_calls_length_neither_the_model_nor_the_stage_behind_it_is_blamed() -> None:
    stages = [one.model_copy(update={"latency_ms": None}) for one in PIPELINE.stages]
    blind = PIPELINE.model_copy(update={"stages": tuple(stages)})
    for name, who in (("llm", "undetermined"), ("sink", "undetermined"), ("lookup", "knowledge_base")):
        carrier = Carrier(contributions=(), part=Part(stage=name), share=0.9, confidence=0.9)
        assert name_source(blind, carrier, carried(sink_own=3.0)[1], None).responsibility.value == who


# Samples.


def split_of(seconds: list[float], keys: list[int]) -> tuple[Split, pd.Series, pd.DataFrame]:
    index = pd.Index(keys)
    parts = pd.DataFrame({"sink|own": seconds}, index=index)
    about = pd.DataFrame({"ttft": np.nan, "input_tokens": 5.0, "output_tokens": 7.0}, index=index)
    values = pd.Series(seconds, index=index)
    split = Split(parts=parts, seconds=values, skewed=values < 0, misfits={}, untimed=(), absurd=index[:0])
    return split, pd.Series(pd.Timestamp(START), index=index), about


def test_a_sample_is_uniform_and_stands_for_all_records() -> None:
    rng = np.random.default_rng(2)
    seconds = rng.lognormal(size=600).tolist()
    whole = take_samples(*split_of(seconds, list(range(600))))[START]
    assert len(whole["keys"]) == 100
    places = np.sort([int(key) for key in whole["keys"]])
    assert abs(places.mean() - 300) < 60
    rows = read_samples([(START, whole)], {START: 600}, most=50)
    assert rows["weight"].sum() == pytest.approx(600.0)
    assert rows["ttft"].isna().all()


def test_merged_hours_have_the_quantiles_of_all_their_records() -> None:
    hours = service(48)
    assert merged(one.total for one in hours).count == sum(one.total.count for one in hours)
