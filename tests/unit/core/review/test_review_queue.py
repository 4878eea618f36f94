"""Which of the answers that wait one person is to judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.review.queue import OpenItem, queue_of

NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)
SOON, PAST = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)
FREE = OpenItem(id="a", record="1", assigned_to=None, assigned_until=None, form_task=None, skipped_by=())


@pytest.mark.parametrize(
    ("item", "judged", "expected"),
    [
        (FREE, (), "theirs"),
        (replace(FREE, assigned_to="ann", assigned_until=SOON), (), "theirs"),
        (replace(FREE, assigned_to="bob", assigned_until=SOON), (), "n_with_others"),
        (replace(FREE, assigned_to="bob", assigned_until=PAST), (), "theirs"),
        (replace(FREE, assigned_to="bob", assigned_until=NOW), (), "theirs"),
        (replace(FREE, assigned_to="task", assigned_until=SOON, form_task="task"), (), "n_with_others"),
        (replace(FREE, assigned_to="task", assigned_until=PAST, form_task="task"), (), "theirs"),
        (replace(FREE, skipped_by=("bob", "ann")), (), "n_skipped"),
        (replace(FREE, skipped_by=("bob",)), (), "theirs"),
        (FREE, ("1",), "n_judged"),
        (replace(FREE, skipped_by=("ann",)), ("1",), "n_judged"),
    ],
)
def test_what_waits_is_theirs_or_it_is_known_why_not(item: OpenItem, judged: tuple[str, ...], expected: str) -> None:
    queue = queue_of([item], person="ann", judged=judged, now=NOW)
    counts = {
        "theirs": len(queue.theirs),
        "n_with_others": queue.n_with_others,
        "n_skipped": queue.n_skipped,
        "n_judged": queue.n_judged,
    }
    assert counts == {name: int(name == expected) for name in counts}


def test_one_that_is_asked_for_comes_first_then_what_they_have_then_the_oldest() -> None:
    waiting = [replace(FREE, id=name, record=name) for name in "abcd"]
    waiting[2] = replace(waiting[2], assigned_to="ann", assigned_until=PAST)
    assert queue_of(waiting, person="ann", judged=(), now=NOW).theirs == ("c", "a", "b", "d")
    assert queue_of(waiting, person="ann", judged=(), now=NOW, first="d").theirs == ("d", "c", "a", "b")
    assert queue_of(waiting, person="ann", judged=("d",), now=NOW, first="d").theirs == ("c", "a", "b")


@given(
    st.lists(
        st.builds(
            OpenItem,
            id=st.text(max_size=3),
            record=st.sampled_from("123"),
            assigned_to=st.sampled_from([None, "ann", "bob"]),
            assigned_until=st.sampled_from([None, SOON, PAST]),
            form_task=st.sampled_from([None, "task"]),
            skipped_by=st.sampled_from([(), ("ann",), ("ann", "bob")]),
        )
    ),
    st.sets(st.sampled_from("123")),
)
def test_each_that_waits_counts_once(waiting: list[OpenItem], judged: set[str]) -> None:
    assert queue_of(waiting, person="ann", judged=judged, now=NOW).n_open == len(waiting)
