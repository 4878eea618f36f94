"""What is said of a drift: the kind and the size in the headline, whether it hurts, and what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.drift import Drift, Judgement, State
from seamwatch.core.watch.drift_evaluation import (
    DriftEvaluation,
    Levels,
    SegmentDrift,
    StageDrift,
)
from seamwatch.core.watch.drift_outcomes import Group, OutcomeComparison
from seamwatch.core.watch.drift_scores import Place
from seamwatch.report.watch.drift import drift_report
from seamwatch.vocabulary import Responsibility

DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
STARTS = tuple(MONDAY + number * DAY for number in range(5))
JUDGED = Judgement(state=State(), n_reference=4, is_judged=True)


def outcomes(*, is_worse: bool | None, n_wrong: int = 30) -> OutcomeComparison:
    judged = is_worse is not None
    counts = {Group.LOOK_NEW: (60 * judged, n_wrong * judged), Group.OTHERS: (100 * judged, 5 * judged)}
    return OutcomeComparison(is_worse=is_worse, p_value=None, counts=counts, n_new=60, keys=("7",))


def stage(**given: Any) -> StageDrift:
    place = Place(stage="crm", column="amount", measure="number", part="location")
    lead = Drift(place=place, since=3, effect=1.1, p_value=0.0004, series=np.array([0.0, 0.1, np.nan, 1.0, 1.2]))
    finding = Finding(
        responsibility=Responsibility.SOURCE_DATA,
        stage="crm",
        fields=("amount",),
        kind="shift",
        n_records=60,
        confidence=0.9,
        onset=STARTS[3],
    )
    drifted = StageDrift(
        finding=finding,
        lead=lead,
        drifts=(lead,),
        since=STARTS[3],
        n_periods=2,
        levels=Levels(before=10.0, now=1234.56, is_share=False),
        new_values=(),
        outcomes=outcomes(is_worse=True),
        segments=(),
        auc=None,
        is_clean_before=True,
    )
    return replace(drifted, **given)


def finding_of(drifted: StageDrift) -> Finding:
    evaluation = DriftEvaluation(
        pipeline="p",
        window=Window(start=STARTS[4], end=STARTS[4] + DAY),
        compared=None,
        n_records=100,
        judgement=JUDGED,
        stages=(drifted,),
        columns=(),
        starts=STARTS,
        answer_mix=None,
        state=State(),
    )
    report = drift_report(evaluation)
    assert [len(chart.lines[0].points) for chart in report.charts] == [4]
    return report.findings[0]


def test_a_drift_that_hurts_is_said_with_its_size_and_its_steps() -> None:
    finding = finding_of(stage())
    assert finding.headline == "Shift of crm.amount: 10 to 1,235; 50% of them wrong against 5%"
    assert finding.explanation == (
        "The last 2 periods compared with the 3 before, by how far those differ from each other: median of crm.amount "
        "went from 10 to 1,235 (+1.10 standard deviations, p 0.0004). Nothing at the stages before it drifts. "
        "It hurts: 50.0% of the records that look new are wrong, 5.0% of the others."
    )
    assert finding.steps[0] == "Start at crm.amount; the runbook says in which records and segments"
    assert finding.steps[-1].startswith("Until it is mended")


@pytest.mark.parametrize(
    ("given", "headline"),
    [
        (
            {"outcomes": outcomes(is_worse=False, n_wrong=3)},
            "Shift of crm.amount: 10 to 1,235; it does not hurt so far",
        ),
        ({"outcomes": outcomes(is_worse=None)}, "Shift of crm.amount: 10 to 1,235; outcomes not known yet"),
        (
            {"new_values": ("A", "B", "C"), "levels": Levels(before=0.0, now=0.25, is_share=True)},
            "Shift of crm.amount (A, B, ...): 0.0% to 25.0%; 50% of them wrong against 5%",
        ),
        (
            {"segments": (SegmentDrift(segment="crm.tier", value="gold", n=40, effect=2.0, is_alone=True),)},
            "Shift of crm.amount for tier gold: 10 to 1,235; 50% of them wrong against 5%",
        ),
        (
            {"levels": Levels(before=None, now=None, is_share=False)},
            "Shift of crm.amount: nothing to nothing; 50% of them wrong against 5%",
        ),
    ],
)
def test_headlines_say_where_and_whether_it_hurts(given: dict[str, Any], headline: str) -> None:
    assert finding_of(stage(**given)).headline == headline


def test_a_drift_of_all_columns_together_names_no_size() -> None:
    drifted = stage()
    lead = replace(drifted.lead, place=replace(drifted.lead.place, measure="classifier", column=""))
    finding = finding_of(replace(drifted, lead=lead, drifts=(lead,), levels=None, auc=0.81))
    assert finding.headline == "Records look different together in crm.amount; 50% of them wrong against 5%"
    assert "(AUC 0.81)" in finding.explanation


def test_a_drift_without_harm_may_be_meant() -> None:
    steps = finding_of(stage(outcomes=outcomes(is_worse=None))).steps
    assert "monitoring.drift.ignore as crm.amount, or wait" in steps[-1]


def test_a_long_name_is_cut_and_the_outcome_stays() -> None:
    drifted = stage()
    lead = replace(drifted.lead, place=replace(drifted.lead.place, column="amount" * 40))
    headline = finding_of(replace(drifted, lead=lead, drifts=(lead,))).headline
    assert len(headline) == 150
    assert headline.endswith("…; 50% of them wrong against 5%")
