from datetime import UTC, datetime, timedelta, timezone

import pytest

from seamwatch.core.results import Window
from seamwatch.report import numbers


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0.0, "0%"),
        (1.0, "100%"),
        (0.00001, "<0.1%"),
        (0.99999, ">99.9%"),
        (0.94, "94%"),
        (0.935, "93.5%"),
        (0.0049, "0.5%"),
    ],
)
def test_percent_reads_0_and_100_only_when_exact(ratio, text):
    assert numbers.percent(ratio) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.42, "42% left"),
        (0.0, "0% left"),
        (-0.0004, "<0.1% overspent"),
        (-1.076, "107.6% overspent"),
    ],
)
def test_an_overspent_budget_has_nothing_left(ratio, text):
    assert numbers.left(ratio) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "unknown"), (0.0, "$0.00"), (0.0004, "<$0.01"), (0.416, "$0.42"), (1234.5, "$1,234")],
)
def test_money_of_unknown_price_is_not_zero(usd, text):
    assert numbers.money(usd) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=61), "1 min 1 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(days=3, minutes=4), "3 d"),
    ],
)
def test_duration_has_two_units_at_most(span, text):
    assert numbers.duration(span) == text


def test_counts_and_intervals():
    assert (numbers.count(None), numbers.count(12345), numbers.count(0.43), numbers.count(81.4)) == (
        "–",  # noqa: RUF001
        "12,345",
        "0.4",
        "81",
    )
    assert numbers.interval(0.1, None) == numbers.NO_DATA
    assert numbers.interval(0.888, 1.0) == "88.8% to 100%"
    assert (numbers.plural(1, "record"), numbers.plural(2, "record")) == ("1 record", "2 records")
    assert (numbers.probability(0.0), numbers.probability(0.034)) == ("p < 0.0001", "p = 0.03")


def test_times_are_told_in_utc():
    berlin = timezone(timedelta(hours=1))
    start = datetime(2026, 11, 23, 23, 30, tzinfo=berlin)
    assert numbers.moment(start) == "2026-11-23 22:30 UTC"
    assert numbers.iso(start) == "2026-11-23T22:30:00Z"
    same_day = Window(start=start, end=start + timedelta(hours=1))
    assert numbers.span(same_day) == "2026-11-23 22:30 to 23:30 UTC"
    next_day = Window(start=start, end=datetime(2026, 11, 24, 1, tzinfo=UTC))
    assert numbers.span(next_day) == "2026-11-23 22:30 to 2026-11-24 01:00 UTC"


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0, "$0.00"),
        (-1.6e-19, "$0.00"),
        (0.00042, "$0.00042"),
        (0.0000012, "$0.0000012"),
        (0.0000999, "$0.0001"),
        (0.01, "$0.01"),
        (-3.1, "-$3.10"),
        (1234.5, "$1,234"),
    ],
)
def test_small_prices_are_told_apart(usd: float, text: str) -> None:
    assert numbers.exact_money(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 s"), (-3.6e-08, "0 s"), (0.2791, "0.279 s"), (8.92, "8.92 s"), (200, "3 min 20 s")]
)
def test_seconds_are_told_to_the_millisecond(seconds: float, text: str) -> None:
    assert numbers.seconds(seconds) == text


def test_a_negative_nothing_is_nothing() -> None:
    assert numbers.percent(-1e-9) == "0%"
