"""What recorded answers to other records' requests tell of a failing record, and how verdicts use it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import desk_world as desk
from seamwatch.core.attribution.evidence import Evidence, gather
from seamwatch.core.attribution.recorded_answers import right_by_recorded_answers
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.strata import stratify
from seamwatch.core.reasons import CallFailure, FailureSign
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.spec.pipeline import Isolation, Stage
from seamwatch.vocabulary import Basis, Responsibility

N = 120
TICKETS = [
    {"text": f"my {desk.TOPICS[n % 3]} since day {n}", "priority": ("P1", "P2")[n // 3 % 2], "channel": "mail"}
    for n in range(N)
]


class Model:
    """A model that misses some tickets, each time, and counts its calls."""

    def __init__(self, missed: Collection[int]) -> None:
        self.missed = {str(TICKETS[n]["text"]) for n in missed}
        self.calls = 0

    def say(self, body: Mapping[str, Any]) -> str:
        said = json.loads(desk.answer(body))
        return json.dumps({**said, "queue": "other"} if body["text"] in self.missed else said)

    def __call__(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        del stage
        self.calls += len(calls)
        return [ModelAnswer(status="ok", text=self.say(json.loads(call.body))) for call in calls]


def crossed(model: Model, *, step: int = 1, struck: Collection[int] = range(N)) -> Evidence:
    """Return the evidence on a window in which the struck records carry the request of a later one."""

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        return desk.to_request(TICKETS[(number + step) % N]) if stage == "request" and number in struck else row

    world = desk.make_world(TICKETS, change=change, say=model.say)
    return gather(world, desk.failing_of(world), {})


def test_a_request_that_was_sent_for_another_record_has_its_answer_already() -> None:
    evidence = crossed(Model({4, 9, 44}))
    found = right_by_recorded_answers(evidence, evidence.failing)
    assert {key for key, is_right in found.items() if not is_right} == {4, 9, 44} & set(evidence.failing)
    assert set(found) == set(evidence.failing)


@settings(max_examples=15, deadline=None)
@given(missed=st.sets(st.integers(0, N - 1), max_size=40), step=st.integers(1, N - 1))
def test_the_recorded_answer_tells_what_the_model_makes_of_each_clean_request(missed: set[int], step: int) -> None:
    evidence = crossed(Model(missed), step=step)
    found = right_by_recorded_answers(evidence, evidence.failing)
    assert found == {key: key not in missed for key in evidence.failing}


def test_a_request_that_was_made_for_no_record_stays_unknown() -> None:
    evidence = crossed(Model(()), struck=range(0, N, 2))
    # Records 1, 3, ... kept their own requests, and 0, 2, ... carry those too: theirs were never sent.
    assert right_by_recorded_answers(evidence, evidence.failing) == {}


def test_a_record_whose_request_is_clean_has_no_other_answer() -> None:
    model = Model({4, 9, 44})
    evidence = crossed(model, struck=())
    assert list(evidence.failing) == [4, 9, 44]
    assert right_by_recorded_answers(evidence, evidence.failing) == {}


def test_the_answer_of_a_call_that_failed_is_not_taken() -> None:
    evidence = crossed(Model(()))
    one = evidence.failing[5]
    sender = (one - 1) % N
    call = CallFailure(pattern="error", sign=FailureSign.STATUS, recorded="503")
    failed = replace(evidence, provider={sender: ("model", call)})
    assert one in right_by_recorded_answers(evidence, evidence.failing)
    assert one not in right_by_recorded_answers(failed, evidence.failing)


def test_records_with_a_known_answer_are_replayed_apart_from_those_without() -> None:
    evidence = crossed(Model({4, 9, 44, 50, 61, 72, 83, 94}))
    known = right_by_recorded_answers(evidence, evidence.failing)
    strata = stratify(replace(evidence, answered_rightly=known), evidence.failing)
    assert all(len({known[key] for key in keys}) == 1 for keys in strata.values())


@pytest.mark.parametrize("every", [5, 8])
def test_the_model_s_own_errors_among_crossed_records_are_found_without_asking_for_each(every: int) -> None:
    model = Model(range(0, N, every))
    evidence = crossed(model)
    attributed = attribute_records(evidence, model, Isolation())
    said = {int(verdict.key): verdict.responsibility for verdict in attributed.verdicts}
    assert said == {
        key: Responsibility.INTEGRATION if key % every else Responsibility.MODEL for key in evidence.failing
    }
    assert model.calls < len(evidence.failing)
    assert any(verdict.basis is Basis.STRATUM for verdict in attributed.verdicts)


def test_where_recorded_answers_sort_the_models_errors_out_its_rate_of_errors_makes_no_verdict_less_sure() -> None:
    model = Model(range(0, N, 5))
    sorted_out = crossed(model)
    unsorted = crossed(model, struck=range(0, N, 2))  # their own requests were never sent: nothing is recorded
    for evidence, is_lower in ((sorted_out, False), (unsorted, True)):
        often = replace(evidence, n_judged=N, n_healthy_errors=0.4 * N)
        rarely = replace(evidence, n_judged=N, n_healthy_errors=0.01 * N)
        assert (_surest_unreplayed(often, model) < _surest_unreplayed(rarely, model)) is is_lower


def _surest_unreplayed(evidence: Evidence, model: Model) -> float:
    verdicts = attribute_records(evidence, model, Isolation()).verdicts
    blamed = [one for one in verdicts if one.responsibility is Responsibility.INTEGRATION]
    return max(one.confidence for one in blamed if one.basis is Basis.STRATUM)
