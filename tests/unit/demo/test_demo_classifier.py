from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from seamwatch_demo.classifier import TriageModel, load_or_fit, read_facts, read_letters, read_words
from seamwatch_demo.training import HEALTHY, right_priority

PROMPT = """\
Ticket opened: 2026-11-09
Channel: email
Customer tier: business
Product: Harbor Router 3
Plan: Plus
Amount: 512.00 EUR
Ordered on: 2026-10-25
Subject: Charge I do not recognise

There is a charge that I never agreed to.
Note: nobody ordered anything."""


def test_amounts_and_ages_become_the_steps_that_they_reach() -> None:
    tokens = read_facts(PROMPT)
    assert {"amount>=500", "age>=14", "Customer tier=business", "product:router"} <= set(tokens)
    assert "amount>=750" not in tokens
    assert "age>=31" not in tokens


@pytest.mark.parametrize("day", ["", "25/10/2026", "soon"])
def test_a_date_that_is_none_leaves_the_model_without_an_age(day: str) -> None:
    assert not [t for t in read_facts(PROMPT.replace("2026-10-25", day)) if t.startswith("age")]


def test_words_come_from_the_subject_and_the_body_and_not_from_the_facts() -> None:
    words = read_words(PROMPT)
    assert {"recognise", "never agreed", "note"} <= set(words)
    assert "router" not in words
    assert " cha" in read_letters(PROMPT)


def test_the_amount_in_the_prompt_decides_between_billing_and_fraud(models: Mapping[str, TriageModel]) -> None:
    assert models[HEALTHY].answer(PROMPT).queue == "fraud"
    assert models[HEALTHY].answer(PROMPT.replace("512.00", "51.20")).queue == "billing"


def test_an_answer_is_the_same_every_time_and_drawn_only_at_a_temperature(models: Mapping[str, TriageModel]) -> None:
    vague = PROMPT[: PROMPT.index("Subject")] + "Subject: Hello\n\nPlease look into it."
    model = models[HEALTHY]
    assert len({model.answer(vague) for _ in range(5)}) == 1
    drawn = {model.answer(vague, temperature=2.0, seed=seed).queue for seed in range(40)}
    assert len(drawn) > 1
    assert model.answer(vague, temperature=2.0, seed=3) == model.answer(vague, temperature=2.0, seed=3)


def test_models_are_trained_once_and_then_loaded(tmp_path: Path, models: Mapping[str, TriageModel]) -> None:
    calls: list[int] = []

    def make() -> dict[str, TriageModel]:
        calls.append(1)
        return dict(models)

    path = tmp_path / "models" / "m.joblib"
    load_or_fit(path, make)
    again = load_or_fit(path, make)
    assert len(calls) == 1
    assert again[HEALTHY].answer(PROMPT) == models[HEALTHY].answer(PROMPT)
    assert [p.name for p in path.parent.iterdir()] == ["m.joblib"]


@pytest.mark.parametrize(
    ("queue", "tier", "priority"),
    [
        ("fraud", "CONS", "urgent"),
        ("network", "BUS", "urgent"),
        ("refunds", "BUS", "high"),
        ("account_access", "CONS", "high"),
        ("billing", "CONS", "low"),
        ("billing", "PREM", "normal"),
    ],
)
def test_priority(queue: str, tier: str, priority: str) -> None:
    assert right_priority(queue, tier) == priority


def test_confidence_is_a_probability(models: Mapping[str, TriageModel]) -> None:
    answer = models[HEALTHY].answer(PROMPT)
    assert 0.0 < answer.confidence <= 1.0
    assert np.isfinite(answer.confidence)
