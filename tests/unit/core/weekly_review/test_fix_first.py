"""What took most of the error budgets in a week."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from past_incidents import WEEK, at, event, incident
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.slo.ledger import Debit, Ruling
from seamwatch.core.weekly_review.facts import FixFirst
from seamwatch.core.weekly_review.fix_first import budget_takers, fix_first
from seamwatch.vocabulary import DebitKind, IncidentState, Responsibility

S, R = IncidentState, Responsibility
OWNERS = {"reliability": "@U1", "integration": "@U2"}


def debit(
    record: str,
    of: str | None,
    *,
    when: datetime | None = None,
    told: datetime | None = None,
    objective: str = "accuracy",
    amount: float = 1.0,
) -> Debit:
    when = at(1) if when is None else when
    return Debit(
        objective=objective,
        kind=DebitKind.WRONG_ANSWER,
        record=record,
        at=when,
        told_at=told or when,
        amount=amount,
        incident=of,
    )


def ruling(of: str, *, is_void: bool = True, day: float = 2) -> Ruling:
    return Ruling(incident=of, is_void=is_void, reason="a planned test", by="ann", at=at(day))


def takers(
    debits: list[Debit],
    *,
    rulings: tuple[Ruling, ...] = (),
    allowed: dict[str, float | None] | None = None,
    known: tuple[Incident, ...] = (incident("a"),),
) -> list[tuple[str, str | None, float]]:
    found = budget_takers("desk", OWNERS, debits, rulings, allowed or {"accuracy": 10.0}, known, WEEK)
    return [(one.objective, None if one.incident is None else one.incident.id, one.spent) for one in found]


@pytest.mark.parametrize(
    ("debits", "spent"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([debit("x", "a"), debit("y", "a")], [("accuracy", "a", 0.2)], id="of an incident"),
        pytest.param([debit("x", None)], [("accuracy", None, 0.1)], id="of none"),
        pytest.param([debit("x", "gone")], [("accuracy", None, 0.1)], id="of one that is no longer kept"),
        pytest.param([debit("x", "a"), debit("x", "a")], [("accuracy", "a", 0.1)], id="told twice"),
        pytest.param([debit("x", "a", when=at(0))], [("accuracy", "a", 0.1)], id="at the first moment"),
        pytest.param([debit("x", "a", when=at(7))], [], id="in the next week"),
        pytest.param([debit("x", "a", when=at(-0.1))], [], id="in the week before"),
        pytest.param([debit("x", "a", amount=0.0)], [], id="of no amount"),
        pytest.param([debit("x", "a", objective="latency")], [], id="of an objective without a budget"),
        pytest.param(
            [debit("x", "a"), debit("x", None, told=at(3))], [("accuracy", None, 0.1)], id="of none, as told later"
        ),
    ],
)
def test_what_was_taken(debits: list[Debit], spent: list[tuple[str, str | None, float]]) -> None:
    assert takers(debits) == [(objective, of, pytest.approx(share)) for objective, of, share in spent]


@pytest.mark.parametrize("whole", [None, 0.0, -1.0, nan, inf])
def test_without_a_budget_nothing_can_be_compared(whole: float | None) -> None:
    debits = [debit("x", "a"), debit("y", "a", objective="latency")]
    assert takers(debits, allowed={"accuracy": whole, "latency": 4.0}) == [("latency", "a", 0.25)]


@pytest.mark.parametrize(
    ("rulings", "n"),
    [
        pytest.param((), 1, id="nobody ruled"),
        pytest.param((ruling("a"),), 0, id="refunded"),
        pytest.param((ruling("a"), ruling("a", is_void=False, day=3)), 1, id="taken back"),
        pytest.param((ruling("b"),), 1, id="of another"),
    ],
)
def test_what_was_refunded_was_not_taken(rulings: tuple[Ruling, ...], n: int) -> None:
    assert len(takers([debit("x", "a")], rulings=rulings)) == n


@pytest.mark.parametrize(
    ("known", "spent"),
    [
        pytest.param((incident("a", state=S.VOIDED),), [], id="void"),
        pytest.param(
            (incident("a", state=S.MERGED, merged_into="b"), incident("b")), [("accuracy", "b", 0.1)], id="merged"
        ),
        pytest.param(
            (
                incident("a", state=S.MERGED, merged_into="b"),
                incident("b", state=S.MERGED, merged_into="c"),
                incident("c"),
            ),
            [("accuracy", "c", 0.1)],
            id="merged twice",
        ),
        pytest.param(
            (incident("a", state=S.MERGED, merged_into="gone"),),
            [("accuracy", None, 0.1)],
            id="merged into what is gone",
        ),
    ],
)
def test_which_incident_it_counts_for(known: tuple[Incident, ...], spent: list[tuple[str, str | None, float]]) -> None:
    assert takers([debit("x", "a")], known=known) == spent


def test_who_has_to_fix_it() -> None:
    known = [incident("a"), incident("b", opened=at(9)), incident("c")]
    events = [
        event(ChangeKind.OPENED, at(1), of="a", whose=R.INTEGRATION),
        event(ChangeKind.OPENED, at(9), of="b", whose=R.MODEL),
        event(ChangeKind.OPENED, at(1), of="c", whose=R.MODEL),
    ]
    debits = [debit("x", "a", amount=4), debit("y", "b", amount=3), debit("z", "c", amount=2), debit("w", None)]
    found = budget_takers("desk", OWNERS, debits, (), {"accuracy": 10.0}, known, WEEK, events=events)
    assert [(one.owner_role, one.owner, one.amount, one.is_money) for one in found] == [
        ("integration", "@U2", 4, False),
        ("reliability", "@U1", 3, False),
        ("reliability", "@U1", 2, False),
        ("reliability", "@U1", 1, False),
    ]
    (unowned,) = budget_takers(
        "desk", {}, debits[:1], (), {"accuracy": 2.0}, known, WEEK, events=events, money={"accuracy"}
    )
    assert (unowned.owner_role, unowned.owner, unowned.is_money) == ("integration", None, True)


def candidate(spent: float, of: str | None = None, *, objective: str = "accuracy", state: S = S.OPEN) -> FixFirst:
    (one,) = budget_takers("desk", OWNERS, [debit("x", "a")], (), {"accuracy": 1.0}, [incident("a")], WEEK)
    assert one.incident is not None
    line = None if of is None else replace(one.incident, id=of, state=state)
    return replace(one, spent=spent, incident=line, objective=objective)


@pytest.mark.parametrize(
    ("candidates", "first"),
    [
        pytest.param([], [], id="none"),
        pytest.param([candidate(0.1, "a"), candidate(0.5, "b")], [("b", 0.5), ("a", 0.1)], id="the worst first"),
        pytest.param(
            [candidate(0.1, "a"), candidate(0.5, "a", objective="latency"), candidate(0.3, "b")],
            [("a", 0.5), ("b", 0.3)],
            id="one incident, two budgets",
        ),
        pytest.param(
            [candidate(0.1), candidate(0.5, objective="latency")], [(None, 0.5), (None, 0.1)], id="of no incident"
        ),
        pytest.param(
            [candidate(n / 10, str(n)) for n in range(1, 6)], [("5", 0.5), ("4", 0.4), ("3", 0.3)], id="three"
        ),
        pytest.param([candidate(0.5, "a", state=S.VOIDED), candidate(0.1, "b")], [("b", 0.1)], id="void"),
        pytest.param([candidate(nan, "a"), candidate(0.0, "b"), candidate(inf, "c")], [], id="no share"),
    ],
)
def test_three_things_to_fix_first(candidates: list[FixFirst], first: list[tuple[str | None, float]]) -> None:
    found = [(None if one.incident is None else one.incident.id, one.spent) for one in fix_first(candidates)]
    assert found == first


_DEBITS = st.lists(
    st.builds(
        debit,
        st.sampled_from("uvwxyz"),
        st.none() | st.sampled_from(["a", "b", "gone"]),
        when=st.floats(-1, 8).map(at),
        objective=st.sampled_from(["accuracy", "latency"]),
        amount=st.floats(0, 5),
    ),
    max_size=20,
)


@given(_DEBITS, st.randoms(use_true_random=False))
def test_all_that_was_taken_is_told_once_in_whatever_order(debits: list[Debit], chance) -> None:
    known, allowed = [incident("a"), incident("b")], {"accuracy": 10.0, "latency": 10.0}
    found = budget_takers("desk", OWNERS, debits, (), allowed, known, WEEK)
    shuffled = list(debits)
    chance.shuffle(shuffled)
    again = budget_takers("desk", OWNERS, shuffled, (), allowed, known, WEEK)
    assert [(one.objective, one.incident) for one in found] == [(one.objective, one.incident) for one in again]
    assert sum(one.spent for one in found) == pytest.approx(sum(one.amount for one in found) / 10.0)
    assert [one.spent for one in found] == sorted((one.spent for one in found), reverse=True)
    first = fix_first(found)
    assert len(first) <= 3
    assert max((one.spent for one in first), default=0) == max((one.spent for one in found), default=0)
