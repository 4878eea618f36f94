"""What a weekly review says of each thing, in named cases: also where nothing is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from seamwatch.core.agreed_actions import AgreedState, Recurrence
from seamwatch.core.weekly_review.attention import needs_look
from seamwatch.core.weekly_review.changes import Change, Changed
from seamwatch.core.weekly_review.facts import AgreedWeek, FigureCorrection, IncidentsWeek, Phase, PipelineWeek
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review import change_texts, charts, sentences, tables
from seamwatch.report.weekly_review.sections import Line
from seamwatch.secret_redaction import SECRETS
from seamwatch.vocabulary import GateState, Responsibility
from weekly_reviews import (
    AGREED,
    EMPTY,
    FIFTY,
    GRADES,
    HUGE,
    MONDAY,
    NOBODY_JUDGED,
    TIMES,
    USUAL,
    grade,
    incidents,
    quiet,
)

LINKS = WeeklyLinks(base="/seamwatch")
INTEGRATION, MODEL = Responsibility.INTEGRATION, Responsibility.MODEL


def text_of(line: Line) -> str:
    return "".join(run.text for run in line)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (incidents(), "No incident looked like an AI failure."),
        (incidents(2), "No incident looked like an AI failure: answers of the AI were wrong in none."),
        (
            incidents(1, n_looked_like_ai=1, n_not_ai=1, not_ai={INTEGRATION: 1}),
            "The one incident that first looked like an AI failure was not: integration caused 1.",
        ),
        (
            incidents(3, n_looked_like_ai=3, n_not_ai=1, not_ai={INTEGRATION: 1}, n_ai=1, n_ai_unknown=1),
            "1 of the 3 incidents that first looked like an AI failure was not: integration caused 1. The model itself "
            "was the cause of 1. The cause of 1 is not known yet.",
        ),
        (
            incidents(4, n_looked_like_ai=4, n_not_ai=4, not_ai={Responsibility.SOURCE_DATA: 1, INTEGRATION: 3}),
            "None of the 4 incidents that first looked like an AI failure was one: integration caused 3 and source "
            "data 1.",
        ),
        (
            incidents(2, n_looked_like_ai=2, n_ai=2),
            "2 incidents looked like an AI failure; none turned out to be anything else. The model itself was the "
            "cause of 2.",
        ),
    ],
)
def test_how_many_looked_like_an_ai_failure_and_were_not(counts: IncidentsWeek, said: str) -> None:
    assert sentences.suspicion(counts) == said


@pytest.mark.parametrize(
    ("longest", "is_taken", "said"),
    [
        (Phase.DETECT, True, "It went unnoticed for 9 h, escalated once."),
        (Phase.ATTRIBUTE, True, "It took 9 h until somebody was named, escalated once."),
        (Phase.ACKNOWLEDGE, True, "Nobody acknowledged it for 9 h, escalated once."),
        (Phase.ACKNOWLEDGE, False, "Nobody has acknowledged it for 9 h, escalated once."),
        (Phase.MITIGATE, False, "It has waited 9 h for a fix, escalated once."),
        (Phase.RESOLVE, True, "Resolving it took 9 h more, escalated once."),
        (None, True, "How long its steps took is not known, escalated once."),
    ],
)
def test_which_step_took_most_of_a_slow_incident(longest: Phase | None, is_taken: bool, said: str) -> None:
    slow = USUAL.slowest[1]
    steps = {**slow.steps, **({longest: 9 * 3600.0 if is_taken else None} if longest else {})}
    assert text_of(sentences.slow(replace(slow, longest=longest, longest_s=9 * 3600.0, steps=steps), LINKS)).endswith(
        said
    )


@pytest.mark.parametrize(
    ("n", "said"), [(0, ""), (1, ", came back once"), (2, ", came back twice"), (7, ", came back 7 times")]
)
def test_how_often_a_slow_incident_came_back(n: int, said: str) -> None:
    slow = replace(USUAL.slowest[0], n_reopened=n)
    assert text_of(sentences.slow(slow, LINKS)).endswith(f"It has waited 4 d 2 h for a fix{said}.")


@pytest.mark.parametrize(
    ("state", "recurrence", "is_overdue", "said"),
    [
        (AgreedState.OPEN, None, False, "open"),
        (AgreedState.OPEN, None, True, "overdue"),
        (AgreedState.DROPPED, None, False, "dropped 18 Nov by Ben"),
        (AgreedState.DONE, None, False, "done 18 Nov by Ben"),
        (AgreedState.DONE, Recurrence.CAME_BACK, False, "done 18 Nov by Ben; the cause came back since"),
        (AgreedState.DONE, Recurrence.STAYED_AWAY, False, "done 18 Nov by Ben; the cause stayed away since"),
        (
            AgreedState.DONE,
            Recurrence.UNKNOWN,
            False,
            "done 18 Nov by Ben; whether the cause stayed away is not known: nothing was judged since",
        ),
    ],
)
def test_what_became_of_an_agreed_action(
    state: AgreedState, recurrence: Recurrence | None, is_overdue: bool, said: str
) -> None:
    ended = {} if state is AgreedState.OPEN else {"ended_at": MONDAY + timedelta(days=2), "ended_by": "Ben"}
    action = replace(AGREED[0].action, state=state, **ended)
    assert sentences.agreed_state(AgreedWeek(action=action, is_overdue=is_overdue, recurrence=recurrence)) == said


@pytest.mark.parametrize(
    ("figure", "told", "now", "said"),
    [
        (
            "support_triage/incidents/n_opened",
            12.0,
            13.0,
            "support_triage, incidents opened: reported 12, by what is known now 13",
        ),
        (
            "support_triage/objectives/answers_right/sli",
            0.948,
            0.951,
            "support_triage, answers_right, share of good events: reported 94.8%, by what is known now 95.1%",
        ),
        ("everything/cost/usd", 508.8, None, "all pipelines, cost: reported $509, by what is known now not known"),
        (
            "a/times/detect/median_s",
            None,
            7_200.0,
            "a, detect, median time: reported not known, by what is known now 2 h",
        ),
        (
            "everything/incidents/by_responsibility/source_data",
            None,
            2.0,
            "all pipelines, incidents, source data: reported not known, by what is known now 2",
        ),
        ("", 1.0, 2.0, ": reported 1, by what is known now 2"),
    ],
)
def test_a_correction_names_the_figure_as_told_and_now(
    figure: str, told: float | None, now: float | None, said: str
) -> None:
    assert text_of(sentences.correction(FigureCorrection(figure=figure, told=told, now=now))) == said


def test_our_grade_is_never_hidden() -> None:
    nobody = "Our own verdicts: how many are right is not known yet: nobody judged any"
    assert sentences.grade_line(()) == f"{nobody}."
    assert sentences.grade_line((grade(None, **NOBODY_JUDGED),)) == f"{nobody} of 118 verdicts."
    assert sentences.grade_line(GRADES) == (
        "Our own verdicts: 93.1% are right (95% interval 84.6% to 97.4%; 118 given in a year). We were too sure of "
        "model; the confidence that is shown is lowered."
    )
    table = tables.grades_table(GRADES)
    assert table is not None
    unknown = table.rows[-1]
    assert [unknown[n].text for n in (0, 2, 3)] == ["adversarial input", "not known yet", "–"]  # noqa: RUF001


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("2026-W47", "Week 47, 16 to 22 November 2026"),
        ("2026-W49", "Week 49, 30 November to 6 December 2026"),
        ("2026-W53", "Week 53, 28 December 2026 to 3 January 2027"),
    ],
)
def test_a_week_is_named_by_its_days(name: str, title: str) -> None:
    assert sentences.week_title(ReviewWeek.of(name)) == title


def test_texts_of_others_are_one_short_line_without_secrets() -> None:
    SECRETS.learn("p4ssw0rd-of-the-warehouse")
    assert len(sentences.clip(HUGE)) <= 160
    assert sentences.clip("two\n lines\t\u202e") == "two lines"
    assert "p4ssw0rd" not in sentences.clip("x" * 140 + " p4ssw0rd-of-the-warehouse")


def test_missing_weeks_stand_for_what_is_not_known() -> None:
    assert sentences.weeks_before((), str) == "not known"
    assert sentences.weeks_before((None, None, 3.0), lambda n: f"{n:.0f}") == "not known, not known, not known, 3"


@pytest.mark.parametrize(
    ("one", "is_shown"),
    [
        (quiet(1), False),
        (replace(quiet(1), incidents=incidents(1)), True),
        (replace(quiet(1), incidents=incidents(n_open_at_end=1)), True),
        (replace(quiet(1), objectives=(replace(quiet(1).objectives[0], left=0.2),)), True),
        (replace(quiet(1), objectives=(replace(quiet(1).objectives[0], gate=GateState.FROZEN),)), True),
        (replace(quiet(1), is_defined=False), True),
        (replace(quiet(1), n_records=0.0), True),
        (replace(quiet(1), n_records=0.0, records_before=(0.0, None)), False),
        (replace(quiet(1), n_records=None), False),
    ],
)
def test_which_pipelines_need_a_look(one: PipelineWeek, is_shown: bool) -> None:
    assert needs_look(one) is is_shown


def test_charts_leave_a_gap_where_a_week_is_not_known() -> None:
    budgets = charts.budgets_chart(USUAL)
    assert budgets is not None
    assert [len(line.points) for line in budgets.lines] == [4, 4, 4, 4]
    assert all(line.d.count("M") == 2 for line in budgets.lines)
    cost = charts.cost_chart(USUAL)
    assert cost is not None
    assert [bar.height is None for bar in cost.bars] == [False, False, True, False, False, False]


def test_a_budget_overspent_many_times_stays_within_its_chart() -> None:
    worst = replace(USUAL.pipelines[0].objectives[0], left=-80.0)
    chart = charts.budgets_chart(replace(USUAL, pipelines=(replace(USUAL.pipelines[0], objectives=(worst,)),)))
    assert chart is not None
    assert all(chart.top <= y <= chart.base for line in chart.lines for _, y in line.points)


def test_of_many_budgets_those_with_least_left_are_drawn() -> None:
    chart = charts.budgets_chart(FIFTY)
    assert chart is not None
    assert chart.lines[0].name == "support_triage: answers_right"
    assert (len(chart.lines), chart.n_hidden) == (6, 46)


def test_nothing_known_is_no_chart() -> None:
    assert charts.budgets_chart(EMPTY) is None
    assert charts.cost_chart(EMPTY) is None
    assert charts.times_chart(()) is None
    assert charts.times_chart([replace(one, median_s=None) for one in TIMES]) is None
    assert charts.responsibilities_chart(incidents()) is None


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_times_of_any_size_stay_within_their_chart(scale: float) -> None:
    chart = charts.times_chart(
        [replace(one, median_s=one.median_s * scale, worst_s=one.worst_s * scale) for one in TIMES]
    )  # type: ignore[operator]
    assert chart is not None
    assert all(chart.left <= x <= chart.right for row in chart.rows for x in (row.x, row.worst_x, *row.before) if x)


@pytest.mark.parametrize("kind", Changed)
def test_every_change_is_said_also_without_figures(kind: Changed) -> None:
    subject, form = "answers_right", change_texts.change
    known = text_of(form(Change(kind=kind, pipeline="desk", before=0.41, now=-0.08, subject=subject), LINKS))
    assert known.startswith("desk: ")
    assert "not known" not in known
    unknown = Change(kind=kind, pipeline=None, subject=HUGE, incident="desk-1")
    (whose, said) = form(unknown, LINKS)
    assert (whose.text, said.url) == ("All pipelines: ", "/seamwatch/incidents/desk-1")
    assert len(said.text) < 250


def test_a_spent_budget_is_said_with_last_week() -> None:
    spent = Change(kind=Changed.BUDGET_SPENT, pipeline="desk", before=0.41, now=-0.08, subject="answers_right")
    said = "desk: the error budget of answers_right is spent: 8% overspent, 41% left last week"
    assert text_of(change_texts.change(spent, LINKS)) == said
