"""How far a model answers by chance, and what replays then say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.attribution.chance import Draws, Kind, Law, estimate_law, likelihoods, posterior

COUNTS = st.builds(Draws, st.integers(0, 9), st.integers(0, 9))


def test_requests_that_were_asked_once_say_nothing_of_chance() -> None:
    assert estimate_law([Draws(1, 0), Draws(0, 1)] * 500) == estimate_law([])


def test_answers_that_always_come_again_show_a_model_without_chance() -> None:
    law = estimate_law([Draws(3, 0), Draws(0, 3)] * 100)
    assert max(law.slip, law.luck) < 0.003


@pytest.mark.parametrize(("slip", "luck"), [(0.05, 0.02), (0.2, 0.05), (0.3, 0.1)])
def test_the_rates_of_a_model_that_answers_by_chance_are_found(slip: float, luck: float) -> None:
    rng = random.Random(7)
    draws = []
    for number in range(600):
        n_right = sum(rng.random() < (luck if number % 3 == 0 else 1 - slip) for _ in range(4))
        draws.append(Draws(n_right, 4 - n_right))
    law = estimate_law(draws)
    assert law.slip == pytest.approx(slip, abs=0.04)
    assert law.luck == pytest.approx(luck, abs=0.04)


@given(st.lists(COUNTS, max_size=20))
def test_the_usual_outcome_stays_the_likelier_one(draws: list[Draws]) -> None:
    law = estimate_law(draws)
    assert 0 < law.slip < 0.5
    assert 0 < law.luck < 0.5
    assert law.log_odds(1, 0) > 0 > law.log_odds(0, 1)


@given(COUNTS, COUNTS, st.dictionaries(st.sampled_from(Kind), st.floats(0.01, 10)))
def test_a_posterior_adds_up_to_one(clean: Draws, recorded: Draws, prior: dict[Kind, float]) -> None:
    prior = {**dict.fromkeys(Kind, 1.0), **prior}
    found = posterior(likelihoods(clean, recorded, Law(slip=0.1, luck=0.05)), prior)
    assert sum(found.values()) == pytest.approx(1.0)


def test_a_record_is_taken_for_what_its_like_are_until_its_own_draws_say_otherwise() -> None:
    law = Law(slip=0.2, luck=0.05)
    like = {Kind.BEFORE: 40.0, Kind.STILL_WRONG: 1.0, Kind.CHANCE: 1.0}
    once = posterior(likelihoods(Draws(0, 1), Draws(), law), like)
    often = posterior(likelihoods(Draws(0, 5), Draws(), law), like)
    assert once[Kind.BEFORE] > 0.5 > often[Kind.BEFORE]
