"""The budget, the cache and the count of model calls, over real HTTP and under concurrency."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memory_ledger import MemoryBudget, MemoryCache
from model_server import ModelServer, Reply, chat_body
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.models.http import HttpModelEndpoint
from seamwatch.adapters.models.metered import MeteredEndpoint
from seamwatch.adapters.models.pricing import Prices
from seamwatch.adapters.models.retries import Patience
from seamwatch.core.replays import BudgetLimits, ModelCall
from seamwatch.errors import StoreError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.spec.monitoring import ModelPrice
from seamwatch.store.repo import Store

pytestmark = pytest.mark.integration

PRICES = Prices({"gpt-4o-mini": ModelPrice(input_per_mtok=1.0, output_per_mtok=10.0, cached_input_per_mtok=0.5)})
COST_USD = (60 * 1.0 + 40 * 0.5 + 20 * 10.0) / 1e6
"""Of `chat_body`: 100 tokens in, 40 of them cached, 20 out."""


async def no_wait(seconds: float) -> None:
    return None


def metered(
    url: str,
    *,
    cache: Any = None,
    budget: Any = None,
    calls_per_run: int = 1000,
    usd_per_run: float = 100.0,
    concurrency: int = 4,
    timeout_s: float = 20,
    prices: Prices = PRICES,
    max_output_tokens: int | None = None,
) -> MeteredEndpoint:
    spec = Endpoint(
        connection="m", path="/v1/chat/completions", concurrency=concurrency, timeout=timedelta(seconds=timeout_s)
    )
    info = ConnectionInfo(conn_id="m", conn_type="http", host=url)
    return MeteredEndpoint(
        HttpModelEndpoint(spec, info, patience=Patience(sleep=no_wait)),
        cache=cache if cache is not None else MemoryCache(),
        budget=budget if budget is not None else MemoryBudget(),
        pipeline="triage",
        run="run-1",
        day="2026-11-23",
        scope="triage/window",
        limits=BudgetLimits(
            calls_per_run=calls_per_run, calls_per_day=10_000, usd_per_run=usd_per_run, usd_per_day=1000.0
        ),
        prices=prices,
        max_output_tokens=max_output_tokens,
    )


def calls(n: int, *, max_tokens: int = 100) -> list[ModelCall]:
    request = {"model": "gpt-4o-mini", "max_tokens": max_tokens}
    return [ModelCall(key=str(i), body=json.dumps(request | {"user": str(i)})) for i in range(n)]


def test_each_call_is_priced_counted_and_settled(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    budget = MemoryBudget()
    endpoint = metered(model_server.url, budget=budget)
    answers = endpoint.ask(calls(10))
    assert [answer.cost_usd for answer in answers] == [pytest.approx(COST_USD)] * 10
    assert endpoint.calls == len(model_server.requests) == budget.n_settled == 10
    assert endpoint.cost_usd == pytest.approx(10 * COST_USD)
    assert sum(budget.held.values()) == pytest.approx(10 * COST_USD)


def test_budget_of_calls_stops_in_the_midst_of_a_batch(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    endpoint = metered(model_server.url, calls_per_run=7)
    answers = endpoint.ask(calls(30))
    assert sorted(answer.status for answer in answers) == ["budget"] * 23 + ["ok"] * 7
    assert len(model_server.requests) == endpoint.calls == 7
    assert endpoint.ask(calls(31)[30:])[0].status == "budget"


def test_budget_of_money_is_used_up_to_its_end_and_never_passed(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    budget = MemoryBudget()
    body = calls(1, max_tokens=1000)[0].body
    worst_usd = PRICES.price_usd("gpt-4o-mini", len(body) + 1, 1000)
    assert worst_usd > 20 * COST_USD
    # Room for one reservation at a time: the others wait for what it leaves over, until that is too little.
    limit_usd = worst_usd + 10.5 * COST_USD
    endpoint = metered(model_server.url, budget=budget, usd_per_run=limit_usd)
    answers = endpoint.ask([ModelCall(key=str(i), body=body, attempt=i) for i in range(30)])
    assert sum(answer.is_ok for answer in answers) == 11
    assert endpoint.cost_usd == pytest.approx(11 * COST_USD)
    assert budget.most_held_usd <= limit_usd


def test_two_endpoints_that_share_a_budget_do_not_oversell_it(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    budget = MemoryBudget()
    with ThreadPoolExecutor(3) as pool:
        runs = [metered(model_server.url, budget=budget, calls_per_run=20) for _ in range(3)]
        answers = [answer for batch in pool.map(lambda run: run.ask(calls(15)), runs) for answer in batch]
    assert sum(answer.is_ok for answer in answers) == 20
    assert len(model_server.requests) == sum(run.calls for run in runs) == 20


def test_the_store_keeps_budget_and_answers_of_runs_that_meet(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.plays(Reply(chat_body()))
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}", migrate_first=True)
    runs = [metered(model_server.url, cache=store, budget=store, calls_per_run=20) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        batches = pool.map(lambda run, n: run.ask(calls(15, max_tokens=n)), runs, (100, 101))
        answers = [answer for batch in batches for answer in batch]
    assert sum(answer.is_ok for answer in answers) == 20
    assert len(model_server.requests) == sum(run.calls for run in runs) == 20
    again = metered(model_server.url, cache=store, budget=store, calls_per_run=20)
    kept = again.ask(calls(15, max_tokens=100)) + again.ask(calls(15, max_tokens=101))
    assert sum(answer.is_cached for answer in kept) == 20
    assert again.calls == 0
    store.close()


def test_retries_need_reservations_too(model_server: ModelServer) -> None:
    model_server.plays(Reply(status=503))
    endpoint = metered(model_server.url, calls_per_run=6, concurrency=1)
    answers = endpoint.ask(calls(3))
    assert [answer.status for answer in answers] == ["http_error", "http_error", "budget"]
    assert len(model_server.requests) == endpoint.calls == 6
    assert endpoint.cost_usd == 0.0


def test_a_call_that_never_left_is_given_back() -> None:
    server = ModelServer()
    url = server.url
    server.close()
    budget = MemoryBudget()
    endpoint = metered(url, budget=budget)
    [answer] = endpoint.ask(calls(1))
    assert answer.status == "unreachable"
    assert endpoint.calls == 0
    assert budget.held == {}
    assert budget.n_released == 4


def test_a_call_of_unknown_cost_keeps_its_reservation(model_server: ModelServer) -> None:
    model_server.plays(Reply(hang_after=0))
    budget = MemoryBudget()
    endpoint = metered(model_server.url, budget=budget, timeout_s=0.1, calls_per_run=1)
    [one] = calls(1)
    assert endpoint.ask([one])[0].status == "timeout"
    assert list(budget.held.values()) == [PRICES.price_usd("gpt-4o-mini", len(one.body) + 1, 100)]
    assert endpoint.calls == 1
    assert endpoint.cost_usd is None


def test_unknown_model_has_no_price_but_counts(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body(model="house-model-7")))
    endpoint = metered(model_server.url)
    [answer] = endpoint.ask([ModelCall(key="1", body='{"model": "house-model-7"}')])
    assert (answer.status, answer.cost_usd) == ("ok", None)
    assert (endpoint.calls, endpoint.cost_usd) == (1, None)


def test_answers_are_cached_by_request_and_attempt(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body("a")), Reply(chat_body("b")))
    cache = MemoryCache()
    [call] = calls(1)
    again = ModelCall(key="other record", body=call.body)
    sample = ModelCall(key=call.key, body=call.body, attempt=1)
    first = metered(model_server.url, cache=cache)
    assert [answer.text for answer in first.ask([call, again])] == ["a", "a"]
    assert [answer.is_cached for answer in first.ask([call, again])] == [True, True]
    assert first.ask([sample])[0].text == "b"
    later = metered(model_server.url, cache=cache)
    assert [(answer.text, answer.is_cached) for answer in later.ask([call, sample])] == [("a", True), ("b", True)]
    assert (later.calls, later.cost_usd) == (0, 0.0)
    assert len(model_server.requests) == 2


def test_twins_within_a_batch_are_asked_once_and_paid_once(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    endpoint = metered(model_server.url)
    answers = endpoint.ask(calls(3) * 4)
    assert len(model_server.requests) == endpoint.calls == 3
    assert sum(answer.cost_usd or 0.0 for answer in answers if not answer.is_cached) == pytest.approx(3 * COST_USD)


@pytest.mark.parametrize(
    ("reply", "n_requests"),
    [
        (Reply(status=400), 1),
        (Reply(status=422), 1),
        (Reply(b"<html>"), 1),
        (Reply(status=401), 2),
        (Reply(status=404), 2),
        (Reply(status=429), 8),
        (Reply(status=500), 8),
        (Reply(chat_body(), cut_after=30), 8),
    ],
)
def test_only_lasting_failures_are_cached(model_server: ModelServer, reply: Reply, n_requests: int) -> None:
    model_server.plays(reply)
    endpoint = metered(model_server.url)
    first = endpoint.ask(calls(1))[0]
    second = endpoint.ask(calls(1))[0]
    assert first.status == second.status != "ok"
    assert len(model_server.requests) == n_requests


def test_metering_leaves_calls_in_parallel(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body(), meet=threading.Barrier(5)))
    answers = metered(model_server.url, concurrency=5).ask(calls(10))
    assert all(answer.is_ok for answer in answers)


class RefusingBudget(MemoryBudget):
    def reserve(self, *args: Any, **named: Any) -> int | None:
        if self._n >= 2:
            raise StoreError("the store is locked")
        return super().reserve(*args, **named)


def test_a_store_that_refuses_stops_the_batch_and_no_call_goes_unreserved(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    budget = RefusingBudget()
    with pytest.raises(StoreError, match="the store is locked"):
        metered(model_server.url, budget=budget).ask(calls(20))
    assert len(model_server.requests) <= 2
    assert len(budget.held) == 2


# Money that is never passed by more than one call, whatever answers cost.


def used(n_output: int, *, model: str = "gpt-4o-mini", status: int = 200) -> Reply:
    counts = {"prompt_tokens": 50, "completion_tokens": n_output}
    return Reply(chat_body(model=model) | {"usage": counts}, status=status)


def price(n_output: int, n_input: int = 50) -> float:
    return n_input * 1.0 / 1e6 + n_output * 10.0 / 1e6


def unlimited(n: int, model: str | None = "own-model") -> list[ModelCall]:
    request = {"messages": []} | ({"model": model} if model else {})
    return [ModelCall(key=str(i), body=json.dumps(request | {"user": str(i)})) for i in range(n)]


OWN = Prices({"own-model": ModelPrice(input_per_mtok=1.0, output_per_mtok=10.0)})
"""Of a model whose context window nobody knows."""


@pytest.mark.parametrize(
    ("prices", "requests"),
    [
        (OWN, unlimited(30)),
        (PRICES, unlimited(30, "gpt-4o-mini")),
        (OWN, unlimited(30, None)),
        (OWN, [ModelCall(key=one.key, body=one.body[:-1] + ', "max_tokens": 10}') for one in unlimited(30)]),
        (OWN, [ModelCall(key=one.key, body=one.body[:-1] + ', "max_tokens": -1}') for one in unlimited(30)]),
        (OWN, [ModelCall(key=one.key, body=one.body[:-1] + ', "max_output_tokens": 5}') for one in unlimited(30)]),
    ],
    ids=["no limit", "window known", "model named by the answer only", "limit ignored", "limit of -1", "misplaced"],
)
def test_long_answers_pass_the_cap_by_one_call_at_most(
    model_server: ModelServer, prices: Prices, requests: list[ModelCall]
) -> None:
    rng = random.Random(7)
    sizes = [rng.randrange(10_000, 60_000) for _ in range(30)]
    given = iter(sizes)
    name = "gpt-4o-mini" if prices is PRICES else "own-model"
    model_server.plays(lambda seen: used(next(given), model=name))
    budget = MemoryBudget()
    endpoint = metered(model_server.url, prices=prices, budget=budget, usd_per_run=1.5, concurrency=8)
    answers = endpoint.ask(requests)
    spent = sum(price(n) for n in sizes[: len(model_server.requests)])
    dearest = max(price(n) for n in sizes[: len(model_server.requests)])
    assert endpoint.cost_usd == pytest.approx(spent)
    assert sum(budget.held.values()) == pytest.approx(spent)
    assert 1.5 < spent <= 1.5 + dearest
    assert sum(answer.is_ok for answer in answers) == len(model_server.requests) < 30


def test_calls_whose_largest_answer_is_known_and_affordable_run_side_by_side(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body(), meet=threading.Barrier(4)))
    answers = metered(model_server.url, usd_per_run=10.0, concurrency=4).ask(unlimited(8, "gpt-4o-mini"))
    assert all(answer.is_ok for answer in answers)


def test_a_limit_of_the_pipeline_file_counts_where_the_request_sets_none(model_server: ModelServer) -> None:
    model_server.plays(used(20, model="own-model"), Reply(chat_body(model="own-model"), meet=threading.Barrier(4)))
    endpoint = metered(model_server.url, prices=OWN, usd_per_run=0.1, concurrency=4, max_output_tokens=1000)
    assert all(answer.is_ok for answer in endpoint.ask(unlimited(9)))
    assert model_server.most_at_once == 4
    assert endpoint.notes == []


def test_an_answer_above_its_limit_is_said_and_calls_go_one_at_a_time_from_then_on(model_server: ModelServer) -> None:
    model_server.plays(used(5000, model="own-model"))
    endpoint = metered(model_server.url, prices=OWN, concurrency=4, max_output_tokens=1000)
    assert all(answer.is_ok for answer in endpoint.ask(unlimited(9)))
    assert model_server.most_at_once == 1
    [note] = endpoint.notes
    assert "more than the limit of its request allows" in note


@pytest.mark.parametrize(
    ("reply", "cost_usd"),
    [
        (used(3000, model="own-model", status=500), price(3000)),
        (Reply(status=500), 0.0),
        (Reply(status=429), 0.0),
        (Reply(status=504), price(1000, 1 + len(unlimited(1)[0].body))),
        (Reply(chat_body(model="own-model"), hang_after=5), price(1000, 1 + len(unlimited(1)[0].body))),
    ],
    ids=["usage in the error", "failed", "refused", "somebody stopped waiting", "broken off"],
)
def test_failed_calls_that_may_have_been_billed_are_counted(
    model_server: ModelServer, reply: Reply, cost_usd: float
) -> None:
    model_server.plays(reply)
    budget = MemoryBudget()
    endpoint = metered(
        model_server.url, prices=OWN, budget=budget, max_output_tokens=1000, calls_per_run=3, timeout_s=0.2
    )
    assert endpoint.ask(unlimited(1))[0].status != "ok"
    assert len(model_server.requests) == endpoint.calls == 3
    assert sum(budget.held.values()) == pytest.approx(3 * cost_usd)


def test_what_an_answer_without_limit_and_usage_cost_is_unknown_and_holds_the_rest(model_server: ModelServer) -> None:
    model_server.plays(Reply({name: value for name, value in chat_body(model="own-model").items() if name != "usage"}))
    budget = MemoryBudget()
    endpoint = metered(model_server.url, prices=OWN, budget=budget, usd_per_run=1.0)
    assert sorted(answer.status for answer in endpoint.ask(unlimited(5))) == ["budget"] * 4 + ["ok"]
    assert sum(budget.held.values()) == pytest.approx(1.0)
    assert "max_output_tokens" in endpoint.notes[0]


def test_the_store_holds_all_that_is_left_until_the_call_is_settled(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.plays(used(60_000, model="own-model"))
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}", migrate_first=True)
    batches = [unlimited(20)[:10], unlimited(20)[10:]]
    runs = [
        metered(model_server.url, cache=store, budget=store, prices=OWN, usd_per_run=1.0, concurrency=4)
        for _ in batches
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda run, batch: run.ask(batch), runs, batches))
    n_calls, usd = store.spent("triage", run="run-1")
    assert n_calls == len(model_server.requests) == 2
    assert usd == pytest.approx(2 * price(60_000))
    store.close()
