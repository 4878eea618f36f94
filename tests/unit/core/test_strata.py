"""Which failing records are replayed as one kind: what may matter and costs nothing to know parts them."""

from __future__ import annotations

import pandas as pd
import pytest

import desk_world as desk
from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.strata import stratify
from seamwatch.core.interventions import World
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Responsibility

N = 80
TICKETS = [{"text": f"my {desk.TOPICS[n % 3]} since day {n}", "priority": "P1", "channel": "mail"} for n in range(N)]


def world_with_corrections(corrected: list[int]) -> World:
    """Return a window whose tickets say nothing in half of the records, of which some were corrected later."""

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        return {**row, "text": f"nothing {number}"} if stage == "tickets" and number % 2 else row

    world = desk.make_world(TICKETS, change=change)
    frame = pd.DataFrame([TICKETS[n] for n in corrected], index=pd.Index(corrected))
    return World(**{**world.__dict__, "corrections": {"tickets": frame} if corrected else {}})


@pytest.mark.parametrize(("n_corrected", "is_apart"), [(2, False), (3, True), (6, True)])
def test_a_few_records_whose_source_was_corrected_are_a_stratum_of_their_own(n_corrected: int, is_apart: bool) -> None:
    corrected = list(range(1, N, 2))[5 : 5 + n_corrected]
    world = world_with_corrections(corrected)
    other_rare_ones = {"tickets": dict.fromkeys((1, 3, 5), "a_check")}
    evidence = gather(world, desk.failing_of(world), other_rare_ones, n_judged=N)
    strata = [set(keys) for keys in stratify(evidence, evidence.failing).values()]
    assert set().union(*strata) == set(evidence.failing)
    assert (set(corrected) in strata) is is_apart


def test_a_sample_finds_a_few_corrected_records_among_many_of_the_models_errors() -> None:
    corrected = [31, 33, 35]
    world = world_with_corrections(corrected)
    evidence = gather(world, desk.failing_of(world), {}, n_judged=N)
    assert len(evidence.failing) > 20
    found = attribute_records(evidence, desk.asking(desk.answer), Isolation(mode="sampled"))
    assert found.n_sampled < len(evidence.failing)
    of_source = [int(v.key) for v in found.verdicts if v.responsibility is Responsibility.SOURCE_DATA]
    assert of_source == corrected
