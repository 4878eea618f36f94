"""Judging periods: where a drift began, what explains what, what hurts, what is said; and that state comes back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.finding import Finding
from seamwatch.core.watch.drift import Judgement, Open, Period, State, judge
from seamwatch.core.watch.drift_evaluation import DriftEvaluation, evaluate_drift
from seamwatch.core.watch.drift_outcomes import OutcomeComparison
from seamwatch.core.watch.drift_scores import score_stage, tell_apart
from seamwatch.core.watch.features import Sample, close
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility

DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
SETTINGS = DriftWatch()
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "p",
        "database": "db",
        "key": "id",
        "segments": ["crm.tier"],
        "stages": [
            {"name": "crm", "kind": "source", "table": "a"},
            {"name": "request", "kind": "mapping", "table": "b"},
            {"name": "erp", "kind": "source", "table": "c", "input": []},
            {"name": "result", "kind": "sink", "table": "d", "input": ["request", "erp"]},
        ],
    }
)


def day(number: int, past: Sequence[Period], *, n: int = 200, wrong: float = 0.05, **shift: float) -> Period:
    """Return a day on which `shift` of the hidden numbers are added: crm, request, erp, joint."""
    rng = np.random.default_rng([3, number])
    z = rng.normal(size=(n, 4))
    crm = z[:, 0] + shift.get("crm", 0.0)
    # Jointly: two columns that had nothing to do with each other now go together, each as it was alone.
    other = crm if shift.get("joint") else z[:, 1]
    numbers = {
        "crm": {"amount": crm, "age": other},
        "request": {"sum": crm + 3.0 + shift.get("request", 0.0), "age": other + shift.get("request_age", 0.0)},
        "erp": {"stock": z[:, 2] + shift.get("erp", 0.0)},
        "result": {"total": crm + 0.2 * z[:, 2] + shift.get("request", 0.0)},
    }
    keys = pd.Index([f"{number}-{one}" for one in range(n)], dtype=object)
    stages = {}
    for name, columns in numbers.items():
        made: dict[str, Any] = {}
        for column, values in columns.items():
            made |= {f"{column}|number": values, f"{column}|null": np.zeros(n)}
        stages[name] = close(Sample(n=2 * n, rows=pd.DataFrame(made, index=keys)), [one.stages[name] for one in past])
    is_wrong = rng.random(n) < np.where(crm > 1.3, wrong, 0.05)
    tiers = np.where(z[:, 3] > 0, "gold", "basic").astype(object)
    records = pd.DataFrame({"right": 1.0 - is_wrong, "crm.tier": tiers}, index=keys)
    return Period(start=MONDAY + number * DAY, stages=stages, records=records)


def history(days: int = 21) -> list[Period]:
    periods: list[Period] = []
    for number in range(days):
        periods.append(day(number, periods))
    return periods


def evaluate(periods: list[Period], state: State | None = None) -> tuple[Judgement, DriftEvaluation, State]:
    judged = judge(PIPELINE, SETTINGS, periods, state or State())
    evaluation = evaluate_drift(PIPELINE, judged, periods, every=DAY)
    return judged, evaluation, State.from_data(json.loads(json.dumps(evaluation.state.to_data())))


def findings(evaluation: DriftEvaluation) -> list[Finding]:
    return [one.finding for one in evaluation.stages]


HISTORY = history()


def struck(n_days: int = 1, **given: float) -> list[Period]:
    periods = list(HISTORY)
    for _ in range(n_days):
        periods.append(day(len(periods), periods, **given))
    return periods


def test_what_drifts_behind_a_drift_is_its_consequence() -> None:
    judged, evaluation, _ = evaluate(struck(crm=1.0))
    assert {one.place.stage for one in judged.drifts} == {"crm", "request", "result"}
    (found,) = findings(evaluation)
    assert (found.responsibility, found.stage, found.fields[0]) == (Responsibility.SOURCE_DATA, "crm", "amount")
    assert found.onset == MONDAY + 21 * DAY


def test_what_drifts_at_a_mapping_alone_is_the_mapping() -> None:
    _, evaluation, _ = evaluate(struck(request=1.0))
    (found,) = findings(evaluation)
    assert (found.responsibility, found.stage, found.confidence) == (Responsibility.INTEGRATION, "request", 0.9)
    assert evaluation.stages[0].is_clean_before


def test_two_sources_that_drift_are_two_incidents() -> None:
    _, evaluation, _ = evaluate(struck(crm=1.0, erp=1.0))
    assert {one.stage for one in findings(evaluation)} == {"crm", "erp"}


def test_a_mapping_that_breaks_while_its_source_drifts_is_told_too() -> None:
    periods, state = struck(crm=1.0), State()
    _, _, state = evaluate(periods, state)
    for _ in range(6):
        periods.append(day(len(periods), periods, crm=1.0))
        _, evaluation, state = evaluate(periods, state)
    assert [one.stage for one in findings(evaluation)] == ["crm"]
    for _ in range(2):
        periods.append(day(len(periods), periods, crm=1.0, request_age=1.0))
        _, evaluation, state = evaluate(periods, state)
    assert {(one.stage, one.fields[0]) for one in findings(evaluation)} == {("crm", "amount"), ("request", "age")}


def test_joint_drift_is_seen_by_the_classifier_alone() -> None:
    periods = struck(joint=1.0)
    telling = tell_apart([one.stages["crm"] for one in periods])
    assert telling is not None
    assert telling.auc > 0.65
    healthy = tell_apart([one.stages["crm"] for one in HISTORY])
    assert healthy is not None
    assert abs(healthy.auc - 0.5) < 0.1
    # Once healthy days have told how well a classifier does on them, it is an incident.
    known = []
    for period in periods[:-1]:
        stages = {
            name: Sample(n=one.n, rows=one.rows, kinds=one.kinds, auc=0.5 + 0.01 * (period.start.day % 3 - 1))
            for name, one in period.stages.items()
        }
        known.append(Period(start=period.start, stages=stages, records=period.records))
    judged, evaluation, _ = evaluate([*known, periods[-1]])
    assert {one.place.measure for one in judged.roots["crm"]} == {"classifier"}
    assert findings(evaluation)[0].kind == "input_drift"
    assert set(findings(evaluation)[0].fields) == {"amount", "age"}


def test_drift_hurts_where_records_that_look_new_are_wrong_more_often() -> None:
    def outcomes(periods: list[Period]) -> OutcomeComparison:
        return evaluate(periods)[1].stages[0].outcomes

    worse = outcomes(struck(3, crm=1.0, wrong=0.5))
    assert worse.is_worse
    new, other = worse.new_and_other or (0.0, 0.0)
    assert new > 3 * other > 0
    periods = struck(3, crm=1.0)
    assert outcomes(periods).is_worse is False
    blank = [Period(start=one.start, stages=one.stages, records=one.records.assign(right=np.nan)) for one in periods]
    unknown = outcomes(blank)
    assert (unknown.is_worse, unknown.new_and_other) == (None, None)


def test_a_drift_that_goes_is_over_and_its_days_are_no_reference() -> None:
    periods = struck(2, crm=1.0)
    _, evaluation, state = evaluate(periods)
    assert findings(evaluation)
    assert set(findings(evaluation)[0].keys) <= set(periods[-1].records.index)
    for _ in range(4):
        periods.append(day(len(periods), periods))
        _, evaluation, state = evaluate(periods, state)
    assert not findings(evaluation)
    assert not state.open
    assert all(span == (MONDAY + 21 * DAY, span[1]) for spans in state.left_out.values() for span in spans)
    again = [*periods, day(len(periods), periods, crm=1.0)]
    assert evaluate(again, state)[1].stages


def test_a_change_that_stays_is_the_reference_after_half_of_it() -> None:
    periods, state, found = list(HISTORY), State(), []
    for _ in range(17):
        periods.append(day(len(periods), periods, crm=1.0))
        _, evaluation, state = evaluate(periods, state)
        found.append(bool(findings(evaluation)))
    assert found == [True] * 13 + [False] * 4
    assert state.normal_since


def test_few_records_and_few_days_are_not_judged() -> None:
    tiny = [*HISTORY, day(21, HISTORY, n=9, crm=9.0)]
    judged, evaluation, _ = evaluate(tiny, State(open={"crm|amount|number|location": Open(since=MONDAY, sign=1)},
                                       patterns={"crm": "shift"}))  # fmt: skip
    assert (judged.is_judged, findings(evaluation), evaluation.still) == (False, [], ("shift",))
    assert evaluate(HISTORY[:3])[1].compared is None


def test_a_column_that_vanishes_is_missing_and_one_that_comes_is_no_drift() -> None:
    periods = struck()
    last = periods[-1]
    rows = last.stages["crm"].rows
    gone = rows.assign(**{"age|number": np.nan, "age|null": 1.0, "extra|number": 1.0, "extra|null": 0.0})
    stages = {**last.stages, "crm": close(Sample(n=200, rows=gone), [one.stages["crm"] for one in HISTORY])}
    _, evaluation, _ = evaluate([*HISTORY, Period(start=last.start, stages=stages, records=last.records)])
    (found,) = findings(evaluation)
    assert (found.kind, found.fields) == ("missing_values", ("age",))


def test_order_of_rows_does_not_matter() -> None:
    samples = [one.stages["crm"] for one in HISTORY[:5]]
    turned = [Sample(n=one.n, rows=one.rows.iloc[::-1], kinds=one.kinds) for one in samples]
    one, other = score_stage("crm", samples), score_stage("crm", turned)
    assert one.places == other.places
    assert np.allclose(one.means, other.means, atol=0.02)  # the pool of normal scores is every second record
