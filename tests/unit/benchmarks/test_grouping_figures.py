"""The benchmark of grouping: how it scores, what it plants, and which cause it takes a finding to be of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from delivery.grouping import Made, Weeks, as_figures, first_of_returns, pairwise_f1
from delivery.simulated_weeks import DAY, HOUR, KINDS, START, WEEK, Cause, make_service, plan_causes, simulate_day
from write_page import Figure, _section_of_parts

SERVICES = [make_service(number, 3) for number in range(10)]


def _made(cause: str, incident: str, *, hour: int = 0, table: str = "requests") -> Made:
    return Made(
        cause=cause,
        planted=None if cause.startswith("chance") else cause,
        incident=incident,
        pipeline="desk",
        detector="seam",
        table=table,
        check="seam request",
        at=START + hour * HOUR,
    )


@pytest.mark.parametrize(
    ("causes", "incidents", "f1"),
    [
        ("aabb", "1122", 1.0),
        ("aabb", "1111", 0.5),
        ("aaaa", "1122", 0.5),
        ("ab", "12", 1.0),
        ("ab", "11", 0.0),
    ],
)
def test_pairs_that_are_together_and_should_not_be_count_and_so_do_those_apart(
    causes: str, incidents: str, f1: float
) -> None:
    found = [_made(cause, incident) for cause, incident in zip(causes, incidents, strict=True)]
    assert pairwise_f1(found, [one.incident for one in found]) == pytest.approx(f1)


def test_messages_by_chance_and_of_incidents_that_came_back_count() -> None:
    weeks = Weeks(found=[_made("a", "1"), _made("chance x", "2")], n_planted=3, n_opened=2, n_reopened=1)
    assert weeks.n_detected == 1
    assert weeks.n_by_chance == 1
    assert weeks.messages_per_cause == 3.0


def test_rivals_begin_another_message_after_a_quiet_time() -> None:
    found = [_made("a", "1", hour=hour) for hour in (0, 1, 30)]
    rivals = Weeks(found=found, n_opened=1).rivals()
    assert rivals["by_table"][1] == 2
    assert rivals["by_task"] == (0.0, 3)


def test_a_fault_that_comes_back_within_two_weeks_of_its_repair_is_the_cause_that_it_was() -> None:
    planned = [
        Cause(
            id=f"w{day} {kind}", kind=KINDS[kind], start=START + day * DAY, end=START + day * DAY + 6 * HOUR, share=0.5
        )
        for day, kind in ((0, "swapped"), (3, "lost_field"), (14, "swapped"), (28, "swapped"), (43, "swapped"))
    ]
    assert first_of_returns(planned) == {
        "w0 swapped": "w0 swapped",
        "w3 lost_field": "w3 lost_field",
        "w14 swapped": "w0 swapped",
        "w28 swapped": "w0 swapped",
        "w43 swapped": "w43 swapped",
    }


def test_each_return_counts_as_found_and_its_findings_as_of_one_cause() -> None:
    found = [replace(_made("a", "1", hour=hour), planted=planted) for hour, planted in ((0, "a"), (200, "a again"))]
    weeks = Weeks(found=found, n_planted=2, n_opened=1, n_reopened=1)
    assert (weeks.n_detected, weeks.messages_per_cause) == (2, 1.0)
    drawn, _ = as_figures(weeks, n_pipelines=1, weeks=2)
    assert drawn["grouping_f1"].value == 1.0
    assert drawn["grouping_f1_if_each_return_were_another_cause"].value == 0.0


def test_a_third_of_twenty_causes_a_week_share_a_table_and_some_time() -> None:
    planned = plan_causes(SERVICES, weeks=6, seed=3)
    n = sum(len(mine) for mine in planned.values())
    together = {
        one.id
        for mine in planned.values()
        for one in mine
        for other in mine
        if one is not other and one.kind.table == other.kind.table and one.start < other.end and other.start < one.end
    }
    assert 20 * 6 <= n <= 20 * 6 + 6
    assert len(together) / n == pytest.approx(1 / 3, abs=0.05)
    ends = [one.end for mine in planned.values() for one in mine]
    assert max(ends) - START <= 7 * WEEK + timedelta(days=5)


def test_a_day_is_the_same_for_the_same_seed_and_notes_what_each_cause_touched() -> None:
    planned = plan_causes(SERVICES, weeks=1, seed=3)
    number, cause = next((n, one) for n, mine in planned.items() for one in mine if one.kind.name == "code_table")
    start = cause.start.replace(hour=0, minute=0, second=0, microsecond=0)
    one, again = (simulate_day(SERVICES[number], start, planned[number], 3) for _ in range(2))
    assert one.touched == again.touched
    struck = [key for key, names in one.touched.items() if cause.id in names]
    products = one.stages["request"].payload["product"].set_axis(one.stages["request"].payload.index.map(str))
    assert struck
    assert set(products.loc[struck]) == {"tv"}


def test_a_part_that_was_not_run_keeps_its_table() -> None:
    figure = vars(Figure(0.5, 0.5, 0.5, "share", {"other": 0.1}))
    document = {
        "commit": "c" * 40,
        "python": "3",
        "cores": 2,
        "figures": {"new": figure},
        "parts": {
            "b": {"command": "PARTS=b make bench-x", "about": "b", "notes": "", "seed": 1, "figures": ["new"]},
            "c": {"command": "SHORT=1 PARTS=c make bench-x", "about": "c", "notes": "", "seed": 1, "figures": ["new"]},
        },
    }
    before = ["", "## x", "", "`make bench-x`: all else.", "", "| figure |", "| --- |", "| `old` |"]
    lines = _section_of_parts("x", document, before)
    assert lines[: len(before)] == before
    assert any(line.startswith("| `new` | 0.5 share") for line in lines)
    assert not any("SHORT=1" in line for line in lines)
    assert _section_of_parts("x", document, lines) == lines
