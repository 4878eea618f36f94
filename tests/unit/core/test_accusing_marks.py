"""A mark accuses only where right records do not carry it as well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.attribution.accusing_marks import (
    MarkWeight,
    RightRecords,
    attributable_share,
    common_marks,
    provider_marks,
    weigh_mark,
)
from seamwatch.core.interventions import World
from seamwatch.core.records.frames import with_answer
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.spec.pipeline import Pipeline

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "desk",
        "database": "db",
        "key": "id",
        "stages": [
            {"name": "tickets", "kind": "source", "table": "tickets"},
            {
                "name": "answer",
                "kind": "model",
                "table": "calls",
                "input": "tickets",
                "request": "request",
                "response": "response",
                "status": "status",
                "endpoint": "desk_model/v1/chat/completions",
            },
        ],
        "outcome": {"truth": "labels", "compare": {"answer": "answer"}},
    }
)
WRONG = 10


@pytest.mark.parametrize(
    ("wrong", "right", "weight"),
    [
        ((25, 25), (0, 175), MarkWeight.ACCUSES),
        ((5, 25), (2, 175), MarkWeight.ACCUSES),
        ((25, 25), (175, 175), MarkWeight.COMMON),
        ((25, 25), (100, 175), MarkWeight.COMMON),
        ((3, 25), (20, 175), MarkWeight.COMMON),
        ((1, 25), (0, 40), MarkWeight.UNPROVEN),
        ((1, 25), (1, 375), MarkWeight.UNPROVEN),
        ((25, 25), (0, 0), MarkWeight.UNPROVEN),
        ((2, 2), (0, 1), MarkWeight.UNPROVEN),
    ],
)
def test_what_a_mark_is_worth(wrong: tuple[int, int], right: tuple[int, int], weight: MarkWeight) -> None:
    assert weigh_mark(*wrong, *right) is weight


def test_marks_that_right_records_carry_too_are_common() -> None:
    assert common_marks(["a"] * 9 + ["b"], 10, ["a"] * 80, 100) == {"a"}
    assert common_marks(["a"], 10, [], 0) == frozenset()


@pytest.mark.parametrize(
    ("wrong", "right", "share"),
    [
        ((30, 31), (180, 269), 0.885),
        ((20, 20), (160, 240), 0.944),
        ((25, 50), (100, 200), None),
        ((40, 50), (120, 200), None),
        ((25, 25), (175, 175), None),
        ((5, 6), (60, 140), None),
        ((5, 5), (0, 0), None),
    ],
    ids=["most carry it", "no other is wrong", "as often", "twice as often", "all carry it", "chance", "none is right"],
)
def test_what_share_of_the_failures_a_mark_explains_that_right_records_carry(
    wrong: tuple[int, int], right: tuple[int, int], share: float | None
) -> None:
    assert attributable_share(*wrong, *right) == (share if share is None else pytest.approx(share, abs=0.001))


def _chat(text: str | None, finish: str = "stop") -> str:
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}]})


def _world(statuses: Sequence[Any], responses: Sequence[str | None]) -> World:
    """Return a window of which the first `WRONG` records are wrong."""
    index = pd.RangeIndex(len(statuses), name="key")
    calls = pd.DataFrame({"status": statuses, "response": responses, "request": "{}"}, index=index, dtype=object)
    recorded = {
        "tickets": pd.DataFrame({"body": "x"}, index=index),
        "answer": with_answer(calls, PIPELINE.stage("answer")),
    }
    assert PIPELINE.outcome is not None
    compare = PIPELINE.outcome.compare
    return World(
        pipeline=PIPELINE,
        recorded=recorded,
        references={},
        reconciled={},
        judge=lambda final: judge_by_truth(final, pd.DataFrame({"answer": "billing"}, index=index), compare),
    )


def _marks(statuses: Sequence[Any], responses: Sequence[str | None], *, n_right: int | None = None) -> tuple[Any, ...]:
    world = _world(statuses, responses)
    index = world.recorded["answer"].index
    right = index[WRONG:] if n_right is None else index[WRONG : WRONG + n_right]
    found = provider_marks(world, index[:WRONG], RightRecords(world=world, keys=right))
    return (
        {key: failure.pattern for key, (_, failure) in found.failures.items()},
        set(found.unproven),
        {key: status for key, (_, status) in found.unread.items()},
    )


N = 100
GOOD = [_chat("billing")] * N


@pytest.mark.parametrize("status", ["DEFAULT", "UNSET", "0", 1, "200 OK", "STATUS_CODE_OK", "error", "503"])
def test_a_status_that_every_record_has_accuses_nobody(status: Any) -> None:
    assert _marks([status] * N, GOOD) == ({}, set(), {})


def test_a_documented_failure_stands_where_right_records_are_without_it() -> None:
    failures, unproven, unread = _marks(["503", *["ok"] * (N - 1)], [None, *GOOD[1:]])
    assert (failures, unproven, unread) == ({0: "error"}, set(), {})


def test_a_documented_failure_stands_without_right_records_and_an_unknown_word_does_not() -> None:
    failures, _, unread = _marks(["timeout", "kaputt", *["ok"] * (N - 2)], GOOD, n_right=0)
    assert (failures, unread) == ({0: "timed_out"}, {})


def test_an_unknown_status_that_right_records_do_not_have_is_kept_and_is_no_failure() -> None:
    statuses = ["kaputt"] * WRONG + ["fein"] * (N - WRONG)
    assert _marks(statuses, GOOD) == ({}, set(), dict.fromkeys(range(WRONG), "kaputt"))


def test_an_answer_without_text_that_right_records_have_as_well_is_no_failure() -> None:
    assert _marks(["ok"] * N, [_chat(None)] * N) == ({}, set(), {})


def test_one_refusal_in_so_many_words_is_not_proven_and_many_are() -> None:
    refusal = _chat("I'm sorry, but I can't help with that.")
    n_right = 4
    failures, unproven, _ = _marks(["ok"] * N, [refusal, *GOOD[1:]], n_right=n_right)
    assert (failures, unproven) == ({}, {0})
    failures, unproven, _ = _marks(["ok"] * N, [*[refusal] * WRONG, *GOOD[WRONG:]])
    assert (failures, unproven) == (dict.fromkeys(range(WRONG), "refused"), set())


def test_an_error_body_is_documented() -> None:
    body = json.dumps({"error": {"code": "overloaded"}})
    failures, _, _ = _marks(["ok"] * N, [body, *GOOD[1:]])
    assert failures == {0: "error"}


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_finish_reason_accuses_as_far_as_right_records_are_without_it(finish: str) -> None:
    cut = _chat("bil", finish)
    assert set(_marks(["ok"] * N, [cut, *GOOD[1:]])[0]) == {0}
    assert _marks(["ok"] * N, [cut] * N) == ({}, set(), {})
