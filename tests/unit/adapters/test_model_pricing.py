from __future__ import annotations

from typing import Any

import pytest

from seamwatch.adapters.models.pricing import Prices
from seamwatch.adapters.models.protocols import model_in_url
from seamwatch.core.replays import ModelAnswer
from seamwatch.errors import AdapterError
from seamwatch.spec.monitoring import ModelPrice

OWN = Prices({"house": ModelPrice(input_per_mtok=2.0, output_per_mtok=8.0, cached_input_per_mtok=0.5)})


def answer(
    model: str | None = "house", n_input: int | None = 1000, n_output: int | None = 100, **more: Any
) -> ModelAnswer:
    return ModelAnswer(status="ok", model=model, input_tokens=n_input, output_tokens=n_output, **more)


def test_own_prices_count_cached_tokens_once() -> None:
    assert OWN.cost_usd(answer()) == pytest.approx((1000 * 2.0 + 100 * 8.0) / 1e6)
    assert OWN.cost_usd(answer(cached_tokens=400)) == pytest.approx((600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6)


def test_own_price_without_a_cached_one_takes_the_full_one() -> None:
    prices = Prices({"house": ModelPrice(input_per_mtok=2.0, output_per_mtok=8.0)})
    assert prices.cost_usd(answer(cached_tokens=400)) == prices.cost_usd(answer())


def test_more_cached_than_input_tokens_is_no_negative_price() -> None:
    assert OWN.cost_usd(answer(cached_tokens=5000)) == pytest.approx((1000 * 0.5 + 100 * 8.0) / 1e6)
    assert (Prices().cost_usd(answer("gpt-4o-mini", cached_tokens=5000)) or 0) > 0


def test_known_models_have_a_price_and_cached_tokens_are_cheaper() -> None:
    full = Prices().cost_usd(answer("gpt-4o-mini"))
    cached = Prices().cost_usd(answer("gpt-4o-mini", cached_tokens=1000))
    assert full is not None
    assert cached is not None
    assert 0 < cached < full


def test_tokens_written_to_a_cache_cost_what_the_provider_asks_for_them() -> None:
    name = "claude-sonnet-4-5"
    full = Prices().cost_usd(answer(name, n_output=0))
    written = Prices().cost_usd(answer(name, n_output=0, cache_written_tokens=1000))
    assert full is not None
    assert written == pytest.approx(1.25 * full)
    assert Prices().price_usd(name, 1000, 0) == pytest.approx(written)
    assert OWN.cost_usd(answer(cache_written_tokens=400)) == OWN.cost_usd(answer())


@pytest.mark.parametrize(
    "unknown", [answer("no-such-model"), answer(None), answer(n_input=None), answer(n_output=None)]
)
def test_what_is_unknown_has_no_price(unknown: ModelAnswer) -> None:
    assert OWN.cost_usd(unknown) is None


def test_the_model_that_was_asked_for_counts_where_the_answer_names_none() -> None:
    body = '{"model": "house"}'
    for name in (None, "house-2026-01-01"):
        assert OWN.cost_usd(answer(name), body) == OWN.cost_usd(answer())


def test_a_cost_that_is_known_already_stands() -> None:
    assert OWN.cost_usd(answer(cost_usd=0.25)) == 0.25


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("https://g/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash"),
        ("https://b/model/anthropic.claude-3-haiku-20240307-v1:0/converse", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("https://b/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("https://a/openai/deployments/gpt-4o-mini/chat/completions?api-version=1", "gpt-4o-mini"),
        ("https://a/v1/chat/completions", None),
        ("https://a/v1/models", None),
    ],
)
def test_the_address_names_the_model_where_the_request_names_none(url: str, model: str | None) -> None:
    assert model_in_url(url) == model
    named = Prices(model=model)
    assert named.asked_model({"contents": []}) == model
    assert named.asked_model({"model": "house"}) == "house"


@pytest.mark.parametrize(
    "given",
    [
        {"house": {"input_per_mtok": 2, "output_per_mtok": 0}},
        '{"house": {"input_per_mtok": 2, "output_per_mtok": 0}}',
    ],
)
def test_extra_may_be_an_object_or_its_json(given: Any) -> None:
    assert Prices.from_extra(given, conn_id="m").cost_usd(answer()) == pytest.approx(0.002)


def test_a_call_that_used_what_has_no_price_has_no_price() -> None:
    prices = Prices.from_extra({"house": {"input_per_mtok": 2}}, conn_id="m")
    assert prices.cost_usd(answer()) is None
    assert prices.cost_usd(answer(n_output=0)) == pytest.approx(0.002)


@pytest.mark.parametrize("given", [None, {}, ""])
def test_extra_may_be_missing(given: Any) -> None:
    assert Prices.from_extra(given, conn_id="m").cost_usd(answer()) is None


@pytest.mark.parametrize(
    "given",
    [
        "cheap",
        [1],
        {"house": 2},
        {"house": {"input": 2}},
        {"house": {"input_per_mtok": 2, "output": 8}},
        {"house": {"cached_input_per_mtok": 1}},
        {"house": {}},
        {"house": {"input_per_mtok": "2"}},
        {"house": {"input_per_mtok": -1}},
        {"house": {"input_per_mtok": float("nan")}},
        {"house": {"input_per_mtok": True}},
    ],
)
def test_wrong_prices_are_told(given: Any) -> None:
    with pytest.raises(AdapterError, match=r"connection 'm'.*'prices'.*input_per_mtok"):
        Prices.from_extra(given, conn_id="m")
