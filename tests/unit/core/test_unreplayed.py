"""How sure the verdicts are of records that were not replayed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import desk_world as desk
from seamwatch.core.attribution.confidence import MODEL_REPRODUCED
from seamwatch.core.attribution.evidence import Evidence, gather
from seamwatch.core.attribution.unreplayed import judge_by_stratum
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Responsibility

N = 60
TICKETS = [
    {"text": f"my {desk.TOPICS[n % 3]} since day {n}", "priority": ("P1", "P2")[n // 3 % 2], "channel": "mail"}
    for n in range(N)
]


def _evidence(*, differs: bool) -> Evidence:
    """Return the evidence on records that are all answered wrongly, whether or not their requests differ."""

    def say(body: Mapping[str, Any]) -> str:
        return json.dumps({**json.loads(desk.answer(body)), "queue": "other"})

    def change(_: int, stage: str, row: desk.Row) -> desk.Row:
        return {**row, "priority": "P9"} if differs and stage == "request" else row

    world = desk.make_world(TICKETS, change=change, say=say)
    return gather(world, desk.failing_of(world), {})


def _stated(evidence: Evidence, *, n_model: int, n_other: int) -> float:
    """Return how sure the records that were not replayed are the model's, where so many replayed ones were."""
    keys = list(evidence.failing)
    said = [(Responsibility.MODEL, "model")] * n_model + [(Responsibility.UNDETERMINED, None)] * n_other
    known = {
        key: Verdict(key=str(key), responsibility=who, stage=stage, confidence=MODEL_REPRODUCED)
        for key, (who, stage) in zip(keys, said, strict=False)
    }
    (confidence,) = {verdict.confidence for verdict in judge_by_stratum(evidence, keys, known).values()}
    return confidence


@pytest.mark.parametrize(("n_model", "n_other"), [(5, 1), (8, 4)])
def test_where_nothing_differs_a_stratum_is_taken_to_be_the_model_s_beforehand(n_model: int, n_other: int) -> None:
    alike = _stated(_evidence(differs=False), n_model=n_model, n_other=n_other)
    differing = _stated(_evidence(differs=True), n_model=n_model, n_other=n_other)
    assert alike == pytest.approx((n_model + 2.0) / (n_model + n_other + 2.0))
    assert differing < alike
