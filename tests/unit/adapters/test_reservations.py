"""What a call may cost, by its request, its protocol and what calls before it came to."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_ledger import MemoryBudget
from seamwatch.adapters.models.output_limits import OutputLimit, output_limit
from seamwatch.adapters.models.pricing import Prices
from seamwatch.adapters.models.reservations import Need, Reservations
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall
from seamwatch.spec.monitoring import ModelPrice
from seamwatch.vocabulary import Protocol

IN_USD, OUT_USD = 2e-6, 8e-6
PRICES = Prices({name: ModelPrice(input_per_mtok=2.0, output_per_mtok=8.0) for name in ("house", "gpt-4o-mini")})
WINDOW = 128_000
"""Of gpt-4o-mini."""


@pytest.mark.parametrize(
    ("protocol", "request_body", "tokens", "n_answers"),
    [
        (Protocol.OPENAI_CHAT, {}, None, 1),
        (Protocol.OPENAI_CHAT, {"max_tokens": 50}, 50, 1),
        (Protocol.OPENAI_CHAT, {"max_tokens": 50, "max_completion_tokens": 70}, 70, 1),
        (Protocol.OPENAI_CHAT, {"max_completion_tokens": 70, "n": 3}, 70, 3),
        (Protocol.OPENAI_CHAT, {"max_tokens": 50.0}, 50, 1),
        (Protocol.OPENAI_CHAT, {"max_output_tokens": 70}, None, 1),
        (Protocol.OPENAI_CHAT, {"options": {"num_predict": 5}}, None, 1),
        (Protocol.OPENAI_CHAT, {"tools": [{"max_tokens": 5}], "messages": {"max_tokens": 5}}, None, 1),
        (Protocol.OPENAI_RESPONSES, {"max_output_tokens": 70}, 70, 1),
        (Protocol.OPENAI_RESPONSES, {"max_tokens": 70}, None, 1),
        (Protocol.ANTHROPIC_MESSAGES, {"max_tokens": 70}, 70, 1),
        (Protocol.GEMINI, {"generationConfig": {"maxOutputTokens": 70, "candidateCount": 2}}, 70, 2),
        (Protocol.GEMINI, {"generation_config": {"max_output_tokens": 70}}, 70, 1),
        (Protocol.GEMINI, {"maxOutputTokens": 70, "generationConfig": None}, None, 1),
        (Protocol.BEDROCK, {"inferenceConfig": {"maxTokens": 70}}, 70, 1),
        (Protocol.BEDROCK, {"textGenerationConfig": {"maxTokenCount": 70}}, 70, 1),
        (Protocol.BEDROCK, {"max_gen_len": 70}, 70, 1),
        (Protocol.OLLAMA, {"options": {"num_predict": 70}}, 70, 1),
        (Protocol.OLLAMA, {"options": {"num_predict": -1}}, None, 1),
        (Protocol.OLLAMA, {"options": {"num_predict": -2}, "max_tokens": 5}, None, 1),
        (Protocol.JSON, {"parameters": {"max_new_tokens": 70, "num_return_sequences": 4}}, 70, 4),
        (Protocol.MLFLOW, {"max_tokens": 70}, 70, 1),
        (Protocol.OPENAI_CHAT, {"max_tokens": "many"}, None, 1),
        (Protocol.OPENAI_CHAT, {"max_tokens": True}, None, 1),
        (Protocol.OPENAI_CHAT, {"max_tokens": 0}, None, 1),
        (Protocol.OPENAI_CHAT, ["max_tokens"], None, 1),
    ],
)
def test_only_what_the_protocol_reads_limits_an_answer(
    protocol: Protocol, request_body: Any, tokens: int | None, n_answers: int
) -> None:
    assert output_limit(request_body, protocol) == OutputLimit(tokens=tokens, n_answers=n_answers)


def call(model: str | None = "house", **fields: Any) -> ModelCall:
    return ModelCall(key="1", body=json.dumps(({"model": model} if model else {}) | fields))


def answer(**more: Any) -> ModelAnswer:
    return ModelAnswer(status="ok", **more)


def limited_usd(one: ModelCall, n_output: int) -> float:
    return (len(one.body) + 1) * IN_USD + n_output * OUT_USD


def test_the_first_call_holds_all_and_what_keeps_to_its_limit_holds_that_from_then_on() -> None:
    reservations = Reservations(PRICES, Protocol.OPENAI_CHAT)
    one = call(max_tokens=50)
    first = reservations.need(one)
    assert (first.usd, first.up_to_usd) == (pytest.approx(limited_usd(one, 50)), inf)
    assert first.unknown_usd == first.usd
    assert not reservations.learn(first, answer(), first.usd)
    later = reservations.need(one)
    assert later.up_to_usd == later.usd == first.usd


def test_where_the_window_is_known_no_more_than_it_is_held() -> None:
    reservations = Reservations(PRICES, Protocol.OPENAI_CHAT)
    whole = WINDOW * (IN_USD + OUT_USD)
    for one in (call("gpt-4o-mini"), call("gpt-4o-mini", max_tokens=50)):
        assert reservations.need(one).up_to_usd == pytest.approx(whole)
    need = reservations.need(call("gpt-4o-mini", max_tokens=10**12, text="x" * 10**6))
    assert need.usd == pytest.approx(whole)


def test_without_a_limit_the_cost_of_a_lost_answer_is_all_that_was_held() -> None:
    need = Reservations(PRICES, Protocol.OPENAI_CHAT).need(call())
    assert (need.up_to_usd, need.unknown_usd, need.is_limited) == (inf, None, False)


def test_the_pipeline_file_limits_where_the_request_does_not() -> None:
    reservations = Reservations(PRICES, Protocol.OPENAI_CHAT, 300)
    for one, n_output in ((call(), 300), (call(max_tokens=700), 700), (call(n=2), 600)):
        assert reservations.need(one).usd == pytest.approx(limited_usd(one, n_output))


def test_an_answer_that_costs_more_than_its_limit_allows_is_the_last_that_is_trusted() -> None:
    reservations = Reservations(PRICES, Protocol.OPENAI_CHAT)
    one = call(max_tokens=50)
    need = reservations.need(one)
    reservations.learn(need, answer(), need.usd)
    assert reservations.learn(need, answer(), need.usd * 1.01)
    assert not reservations.learn(need, answer(), need.usd * 2)
    reservations.learn(need, answer(), need.usd / 2)
    after = reservations.need(one)
    assert (after.up_to_usd, after.unknown_usd) == (inf, None)


@pytest.mark.parametrize("model", ["no-such-model", None])
def test_a_model_without_a_price_is_asked_alone_once(model: str | None) -> None:
    reservations = Reservations(PRICES, Protocol.OPENAI_CHAT)
    first = reservations.need(call(model))
    assert 0 < first.usd < 1e-6
    assert (first.up_to_usd, first.unknown_usd) == (inf, 0.0)
    reservations.learn(first, answer(model="also-unknown"), None)
    assert reservations.need(call(model)) == Need(usd=0.0, up_to_usd=0.0, unknown_usd=0.0, model=model or "")


def test_the_price_of_the_model_that_answered_counts_where_that_of_the_asked_one_is_unknown() -> None:
    reservations = Reservations(PRICES, Protocol.OPENAI_CHAT)
    reservations.learn(reservations.need(call(None)), answer(model="house"), 0.1)
    one = call(None, max_tokens=50)
    assert reservations.need(one).usd == pytest.approx(limited_usd(one, 50))


def test_what_is_free_holds_nothing() -> None:
    free = Prices({"house": ModelPrice(input_per_mtok=0, output_per_mtok=0)})
    need = Reservations(free, Protocol.OPENAI_CHAT).need(call())
    assert (need.usd, need.up_to_usd) == (0.0, 0.0)
    need = Reservations(PRICES, Protocol.CALLABLE).need(call())
    assert (need.usd, need.up_to_usd) == (0.0, 0.0)


USAGE = st.tuples(
    st.sampled_from(["house", "gpt-4o-mini", "no-such-model"]),
    st.one_of(st.none(), st.integers(1, 2000)),  # the limit of the request
    st.integers(0, WINDOW),  # what the answer takes
    st.integers(0, 6),  # after how many further starts it ends
    st.sampled_from(["ok", "ok", "ok", "timeout", "unreachable"]),
)


@given(steps=st.lists(USAGE, max_size=40), cap_usd=st.floats(0.0, 3.0), ignores=st.booleans(), width=st.integers(1, 6))
def test_no_order_of_calls_passes_the_cap_by_more_than_one(
    steps: list[Any], cap_usd: float, ignores: bool, width: int
) -> None:
    """Calls start and end in any order, up to `width` at once; a call that gets no answer is billed in full.

    Either every answer keeps to the limit of its request, or none does (and says so).
    """
    budget, reservations = MemoryBudget(), Reservations(PRICES, Protocol.OPENAI_CHAT)
    limits = BudgetLimits(calls_per_run=10**6, calls_per_day=10**6, usd_per_run=cap_usd, usd_per_day=1e9)
    under_way: list[tuple[int, int, Need, float, str]] = []
    billed: list[float] = []

    def end(reservation: int, need: Need, usd: float, status: str) -> None:
        if status == "unreachable":
            budget.release(reservation)
            return
        billed.append(usd)
        known = usd if status == "ok" and need.model != "no-such-model" else None
        reservations.learn(need, ModelAnswer(status=status), known)
        budget.settle(reservation, usd=need.unknown_usd if known is None else known)

    for model, limit, n_output, lasts, status in steps:
        one = call(model, **({} if limit is None else {"max_tokens": limit}))
        need = reservations.need(one)
        reservation = budget.reserve("p", "r", "d", usd=need.usd, up_to_usd=need.up_to_usd, limits=limits)
        if reservation is not None:
            used = (limit or 1) + 1 + n_output // 2 if ignores else min(limit or n_output, n_output)
            usd = 0.0 if model == "no-such-model" else 20 * IN_USD + used * OUT_USD
            under_way.append((lasts, reservation, need, usd, "ok" if ignores else status))
        under_way = [(one[0] - 1, *one[1:]) for one in under_way]
        while under_way and (len(under_way) >= width or min(under_way)[0] < 0):
            done = min(under_way, key=lambda one: one[0])
            under_way.remove(done)
            end(*done[1:])
    for done in under_way:
        end(*done[1:])
    assert sum(billed) <= cap_usd + max(billed, default=0.0) + 1e-9
