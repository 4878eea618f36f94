"""Which verdicts of a week are drawn: by chance, with the probability that is said, the same ones each time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.verdict_sampling import draw_by_chance
from seamwatch.vocabulary import Responsibility

MODEL, PROVIDER = Responsibility.MODEL, Responsibility.PROVIDER
WEEK = {**{f"m{n}": MODEL for n in range(16)}, **{f"p{n}": PROVIDER for n in range(4)}}
NAMED = [one for one in Responsibility if one is not Responsibility.UNDETERMINED]


def test_the_same_draw_made_twice_draws_the_same_and_another_week_draws_others() -> None:
    first = draw_by_chance(WEEK, n=5, salt="p/2026-W45")
    again = draw_by_chance(dict(reversed(WEEK.items())), n=5, salt="p/2026-W45")
    assert first == again
    assert len({tuple(draw_by_chance(WEEK, n=5, salt=f"p/{week}")) for week in range(20)}) > 10


def test_all_are_drawn_where_there_are_no_more_than_wanted() -> None:
    assert draw_by_chance({"a": MODEL, "b": PROVIDER}, n=5, salt="s") == {"a": 1.0, "b": 1.0}
    assert draw_by_chance({}, n=5, salt="s") == {}


def test_each_is_drawn_as_often_as_its_probability_says_and_rare_ones_more_often() -> None:
    n_weeks = 2_000
    times: Counter[str] = Counter()
    said: dict[str, float] = {}
    for week in range(n_weeks):
        drawn = draw_by_chance(WEEK, n=5, salt=f"s/{week}")
        times.update(list(drawn))
        said.update(drawn)
    assert said["p0"] == pytest.approx(2 * said["m0"])
    for name in WEEK:
        error = (said[name] * (1 - said[name]) / n_weeks) ** 0.5
        assert abs(times[name] / n_weeks - said[name]) < 4.5 * error


@given(
    st.dictionaries(st.text(min_size=1), st.sampled_from(NAMED), max_size=30), st.integers(1, 10), st.text(max_size=5)
)
def test_any_week_is_drawn_in_the_wanted_size(week: dict[str, Responsibility], n: int, salt: str) -> None:
    drawn = draw_by_chance(week, n=n, salt=salt)
    assert len(drawn) == min(n, len(week))
    assert set(drawn) <= set(week)
    assert all(0.0 < probability <= 1.0 for probability in drawn.values())
