from __future__ import annotations

import threading
from typing import Any

import pytest

from memory_ledger import MemoryBudget, MemoryCache
from seamwatch.adapters.models.callable import CallableEndpoint
from seamwatch.adapters.models.metered import MeteredEndpoint
from seamwatch.core.replays import BudgetLimits, ModelCall


def ask(function: Any, body: str = '{"text": "help"}', answer: str | None = None) -> Any:
    return CallableEndpoint(function, name="model.py:predict", answer=answer).ask([ModelCall(key="1", body=body)])[0]


@pytest.mark.parametrize(
    ("returned", "path", "text"),
    [
        ("billing", None, "billing"),
        ("", None, ""),
        ({"queue": "billing"}, None, '{"queue": "billing"}'),
        ({"out": {"queue": "billing"}}, "out.queue", "billing"),
        (["a", "b"], None, '["a", "b"]'),
    ],
)
def test_text_or_dict_is_the_answer(returned: Any, path: str | None, text: str) -> None:
    answer = ask(lambda request: returned, answer=path)
    assert (answer.status, answer.text, answer.cost_usd) == ("ok", text, 0.0)


def test_function_gets_the_parsed_request_or_the_text() -> None:
    assert ask(lambda request: request["text"]).text == "help"
    assert ask(lambda request: request.upper(), "plain words").text == "PLAIN WORDS"


def test_what_a_function_raises_is_told_without_its_words() -> None:
    def fails(request: Any) -> str:
        raise KeyError(request["text"])

    answer = ask(fails)
    assert (answer.status, answer.detail) == ("error", "model.py:predict raised KeyError")


@pytest.mark.parametrize("returned", [None, 7, object()])
def test_what_is_no_answer_is_told(returned: Any) -> None:
    answer = ask(lambda request: returned)
    assert answer.status == "error"
    assert type(returned).__name__ in answer.detail
    assert "expected" in answer.detail


def metered(function: Any, cache: MemoryCache, calls_per_run: int = 10) -> MeteredEndpoint:
    limits = BudgetLimits(calls_per_run=calls_per_run, calls_per_day=100, usd_per_run=1.0, usd_per_day=1.0)
    return MeteredEndpoint(
        CallableEndpoint(function, name="f"),
        cache=cache,
        budget=MemoryBudget(),
        pipeline="p",
        run="r",
        day="2026-11-23",
        scope="s",
        limits=limits,
    )


def test_metered_function_runs_in_the_callers_thread_once_a_request() -> None:
    threads: list[int] = []

    def predict(request: Any) -> str:
        threads.append(threading.get_ident())
        return "x"

    endpoint = metered(predict, MemoryCache(), calls_per_run=2)
    calls = [ModelCall(key=str(n), body=str(n % 3)) for n in range(6)]
    assert [answer.status for answer in endpoint.ask(calls)] == ["ok", "ok", "budget"] * 2
    assert threads == [threading.get_ident()] * 2
    assert (endpoint.calls, endpoint.cost_usd) == (2, 0.0)


def test_a_function_that_raised_is_asked_again() -> None:
    cache = MemoryCache()
    call = ModelCall(key="1", body="{}")
    assert metered(lambda request: 1 / 0, cache).ask([call])[0].status == "error"
    assert metered(lambda request: "mended", cache).ask([call])[0].text == "mended"
