"""The model's honest accuracy on fresh days, which the pipeline file's baseline is taken from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from seamwatch.spec.load import load_project
from seamwatch_demo.classifier import TriageModel
from seamwatch_demo.enterprise import Integration, build_prompt
from seamwatch_demo.tickets import make_tickets
from seamwatch_demo.training import DEGRADED, HEALTHY

ROOT = Path(__file__).parents[3]


def measure(model: TriageModel, *, days: int, per_day: int = 200) -> list[float]:
    accuracies = []
    for number in range(days):
        day = date(2026, 1, 3) + timedelta(days=31 * number)
        tickets = make_tickets(day, per_day, np.random.default_rng(1000 + number))
        prompts = [build_prompt(Integration().map_request(ticket))["messages"][1]["content"] for ticket in tickets]
        right = [model.answer(p).queue == t["true_queue"] for p, t in zip(prompts, tickets, strict=True)]
        accuracies.append(float(np.mean(right)))
    return accuracies


@pytest.fixture(scope="module")
def healthy(models: Mapping[str, TriageModel]) -> list[float]:
    return measure(models[HEALTHY], days=10)


def test_the_healthy_model_is_right_about_95_times_in_a_hundred(healthy: list[float]) -> None:
    assert 0.93 <= np.mean(healthy) <= 0.965
    assert min(healthy) >= 0.89
    assert max(healthy) < 1.0


def test_the_accepted_baseline_is_what_is_measured(healthy: list[float]) -> None:
    benchmark = load_project(ROOT).pipelines["support_triage"].benchmark
    assert benchmark is not None
    assert benchmark.baseline_accuracy == pytest.approx(np.mean(healthy), abs=0.015)


def test_the_degraded_model_is_really_worse(models: Mapping[str, TriageModel]) -> None:
    assert 0.75 <= np.mean(measure(models[DEGRADED], days=5)) <= 0.82
