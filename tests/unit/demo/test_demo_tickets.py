from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch_demo.enterprise import CATALOGUE, OLD_CATALOGUE, QUEUE_CODES
from seamwatch_demo.tickets import PRODUCT_FAMILIES, QUEUES, make_tickets, right_queue

DAY = date(2026, 11, 9)


def test_the_same_seed_makes_the_same_tickets() -> None:
    first = make_tickets(DAY, 50, np.random.default_rng(3))
    assert first == make_tickets(DAY, 50, np.random.default_rng(3))
    assert first != make_tickets(DAY, 50, np.random.default_rng(4))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), day=st.dates(date(2020, 1, 1), date(2030, 12, 31)), n=st.integers(0, 40))
def test_tickets_are_in_order_inside_their_day_and_older_than_their_orders_never(seed: int, day: date, n: int) -> None:
    tickets = make_tickets(day, n, np.random.default_rng(seed))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    times = [ticket["updated_at"] for ticket in tickets]
    assert len({ticket["ticket_id"] for ticket in tickets}) == len(tickets) == n
    assert times == sorted(times)
    assert all(start <= time < start + timedelta(days=1) for time in times)
    for ticket in tickets:
        ordered = datetime.strptime(ticket["ordered_on"], "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no zone
        assert ordered <= ticket["created_at"].date()
        assert ticket["created_at"] < ticket["updated_at"]
        assert ticket["body"].strip()
        assert ticket["true_queue"] in QUEUES


def test_a_day_has_a_rhythm_and_every_queue() -> None:
    tickets = make_tickets(DAY, 2000, np.random.default_rng(1))
    by_hour = np.bincount([ticket["updated_at"].hour for ticket in tickets], minlength=24)
    assert by_hour[9:17].sum() > 4 * by_hour[0:8].sum()
    shares = {queue: sum(t["true_queue"] == queue for t in tickets) / len(tickets) for queue in QUEUES}
    assert min(shares.values()) > 0.01
    assert max(shares.values()) < 0.35


FACTS = {"family": "network", "amount_cents": 10_000, "order_age_days": 100, "tier": "CONS"}


@pytest.mark.parametrize(
    ("intent", "facts", "queue"),
    [
        ("dispute", {"amount_cents": 49_999}, "billing"),
        ("dispute", {"amount_cents": 50_000}, "fraud"),
        ("invoice", {"amount_cents": 90_000}, "billing"),
        ("money_back", {"order_age_days": 30}, "refunds"),
        ("money_back", {"order_age_days": 31}, "retention"),
        ("fault", {"family": "network"}, "network"),
        ("fault", {"family": "tv"}, "devices"),
        ("slow", {"family": "mobile"}, "devices"),
        ("login", {"family": "mobile"}, "account_access"),
        ("cancel", {"tier": "BUS"}, "key_accounts"),
        ("cancel", {"tier": "PREM"}, "retention"),
    ],
)
def test_the_right_queue_hangs_on_the_wish_and_on_the_facts(intent: str, facts: dict[str, object], queue: str) -> None:
    assert right_queue(intent, **{**FACTS, **facts}) == queue  # type: ignore[arg-type]


def test_every_article_has_a_name_and_every_queue_a_code() -> None:
    assert set(CATALOGUE) == set(PRODUCT_FAMILIES)
    assert set(QUEUE_CODES) == set(QUEUES)
    assert len(set(QUEUE_CODES.values())) == len(QUEUES)


def test_the_old_catalogue_gives_reused_numbers_a_product_of_another_desk() -> None:
    family_of_name = {CATALOGUE[code]: PRODUCT_FAMILIES[code] == "network" for code in CATALOGUE}
    reused = [code for code, name in OLD_CATALOGUE.items() if name != CATALOGUE[code]]
    assert len(reused) == 6
    assert all(family_of_name[OLD_CATALOGUE[code]] != family_of_name[CATALOGUE[code]] for code in reused)
