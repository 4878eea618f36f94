"""Which pipeline needs a person first, and that what is not known is never read as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.overview import CostToday, IncidentCounts, Need, PipelineStatus, by_need
from seamwatch.core.results import Window
from seamwatch.core.slo.budget import Budget
from seamwatch.core.slo.policy import decide_gate
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus
from seamwatch.core.watcher_status import JobStatus, Outbox
from seamwatch.report.overview import overview_rows
from seamwatch.spec.objectives import BudgetPolicy
from seamwatch.vocabulary import IncidentSeverity, IncidentState, JobState, RecurringJob

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = Window(start=NOW - timedelta(days=1), end=NOW)
OPEN, TAKEN, MUTED = IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.MUTED
SEV1, SEV3 = IncidentSeverity.SEV1, IncidentSeverity.SEV3


def slo(*left: float | None) -> SloStatus:
    objectives = tuple(
        ObjectiveStatus(
            objective=f"objective_{number}",
            kind="accuracy",
            goal=0.9,
            window_start=DAY.start,
            window_end=DAY.end,
            events=10,
            judged=10,
            bad=1,
            refunded=0,
            budget=Budget(
                allowed=0.0 if share is None else 100.0,
                spent=0.0 if share is None else 100.0 * (1 - share),
                spent_low=0.0,
                spent_high=0.0,
                covered=1.0,
                burn=None,
                gone_at=None,
            ),
        )
        for number, share in enumerate(left)
    )
    gate = decide_gate(BudgetPolicy(), {}, (), NOW)
    return SloStatus(pipeline="p", at=NOW, objectives=objectives, gate=gate)


def job(state: JobState, minutes: int | None = 5) -> JobStatus:
    last_at = None if minutes is None else NOW - timedelta(minutes=minutes)
    return JobStatus(job=RecurringJob.SLO, pipeline="p", state=state, last_at=last_at, due_at=None)


def status(name: str = "p", incidents: IncidentCounts | None = None, **more: object) -> PipelineStatus:
    values = {"owner": "@U012AB", "at": NOW, **more}
    return PipelineStatus(pipeline=name, incidents=incidents or {}, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "need"),
    [
        (status(), Need.NOTHING),
        (status(owner=None), Need.UNOWNED),
        (status(incidents={(OPEN, SEV1): 1}), Need.SEVERE_INCIDENT),
        # What nobody has rated may be the worst.
        (status(incidents={(OPEN, None): 1}), Need.SEVERE_INCIDENT),
        (status(incidents={(OPEN, SEV3): 1}), Need.OPEN_INCIDENT),
        (status(incidents={(OPEN, SEV3): 0}), Need.NOTHING),
        (status(incidents={(OPEN, SEV3): 1}, n_approvals=1), Need.APPROVAL),
        (status(incidents={(OPEN, SEV1): 1}, n_approvals=1), Need.SEVERE_INCIDENT),
        (status(incidents={(TAKEN, SEV1): 2, (MUTED, None): 1}), Need.IN_WORK),
        (status(incidents={(OPEN, SEV3): 1}, jobs=(job(JobState.SILENT),)), Need.NOT_WATCHED),
        (status(jobs=(job(JobState.PAUSED),)), Need.NOT_WATCHED),
        (status(jobs=(job(JobState.UNKNOWN), job(JobState.OK))), Need.NOTHING),
        (status(problem="its file has a mistake", is_defined=False, owner=None), Need.NOT_WATCHED),
        (status(slo=slo(0.5, -0.1)), Need.BUDGET_SPENT),
        (status(slo=slo(0.0)), Need.BUDGET_SPENT),
        (status(slo=slo(0.01)), Need.NOTHING),
        (status(slo=slo(None)), Need.NOTHING),
        (status(outbox=Outbox(pipeline="p", n_waiting=0, oldest_at=None, n_given_up=1)), Need.NOT_DELIVERED),
        (status(outbox=Outbox(pipeline="p", n_waiting=1, oldest_at=NOW, n_given_up=0)), Need.NOTHING),
    ],
)
def test_the_most_urgent_reason_is_the_need(one: PipelineStatus, need: Need) -> None:
    assert one.need is need


def test_the_one_that_needs_a_person_most_stands_first() -> None:
    rows = [
        status("well"),
        status("low", slo=slo(0.1)),
        status("spent", slo=slo(-0.5)),
        status("blind", jobs=(job(JobState.SILENT),)),
        status("two", incidents={(OPEN, SEV1): 2}),
        status("one", incidents={(OPEN, SEV1): 1}),
        status("unrated", incidents={(OPEN, None): 1}),
        status("taken", incidents={(TAKEN, SEV1): 9}),
        status("small", incidents={(OPEN, SEV3): 5}),
    ]
    order = ["unrated", "two", "one", "blind", "small", "spent", "taken", "low", "well"]
    assert [one.pipeline for one in by_need(rows)] == order
    assert [one.pipeline for one in by_need(reversed(rows))] == order


counts = st.dictionaries(
    st.tuples(
        st.sampled_from([state for state in IncidentState if state.is_open]),
        st.sampled_from([None, *IncidentSeverity]),
    ),
    st.integers(0, 10_000),
)


@given(st.lists(counts, max_size=6))
def test_every_pipeline_has_its_row_and_every_incident_stands_in_it(found: list[IncidentCounts]) -> None:
    ordered = by_need(status(f"p{number}", incidents) for number, incidents in enumerate(found))
    assert sorted(one.pipeline for one in ordered) == sorted(f"p{number}" for number in range(len(found)))
    for one, row in zip(ordered, overview_rows(ordered, base="/seamwatch"), strict=True):
        shown = sum(int(cell.text.split()[0].replace(",", "")) for cell in row.incidents)
        assert shown == sum(one.incidents.values())
        assert (one.need.rank < Need.IN_WORK.rank) >= (one.n_unattended > 0)


@pytest.mark.parametrize(
    ("one", "name", "text", "tone"),
    [
        (status(owner=None), "owner", "unowned", "warn"),
        (status(owner=None, is_defined=False, problem="its file has a mistake"), "owner", "not known", ""),
        (status(is_defined=False, problem="its file has a mistake"), "cost", "not known", ""),
        (status(), "last_look", "never", "warn"),
        (status(jobs=(job(JobState.OK),)), "last_look", "2026-05-04 11:55 UTC", ""),
        (status(jobs=(job(JobState.OK, -3),)), "last_look", "2026-05-04 12:03 UTC", ""),
        (status(jobs=(job(JobState.SILENT, 600),)), "last_look", "2026-05-04 02:00 UTC", "bad"),
        (status(has_objectives=True), "budget", "not known", ""),
        (status(has_objectives=True, slo=slo(None)), "budget", "not known", ""),
        (status(slo=slo(0.7, 0.2)), "budget", "20% left", "warn"),
        (status(slo=slo(-0.3)), "budget", "30% overspent", "bad"),
        (status(), "freshness", "–", ""),  # noqa: RUF001
        (status(n_knowledge_bases=2), "freshness", "not known", ""),
        (status(), "cost", "–", ""),  # noqa: RUF001
        (status(cost=CostToday(usd=None)), "cost", "not known", ""),
        (status(cost=CostToday(usd=0.0)), "cost", "$0.00", ""),
        (status(cost=CostToday(usd=3.2, n_unpriced=4)), "cost", "$3.20", "warn"),
    ],
)
def test_what_is_not_known_is_said_and_never_a_number(one: PipelineStatus, name: str, text: str, tone: str) -> None:
    (row,) = overview_rows([one], base="/seamwatch")
    cell = getattr(row, name)
    assert (cell.text, cell.tone) == (text, tone)


def test_actions_that_wait_for_approval_are_counted_beside_any_need() -> None:
    (waits,) = overview_rows([status(n_approvals=2)], base="")
    (severe,) = overview_rows([status(incidents={(OPEN, SEV1): 1}, n_approvals=1)], base="")

    assert (waits.need.text, waits.need.note, waits.need.tone) == ("Waits for approval", "2 actions to approve", "warn")
    assert (severe.need.text, severe.need.note) == ("1 incident to take on", "1 action to approve")
