"""Faults before the model: usually right on a clean request, usually wrong on the recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.cures import find_cures, find_fields_by_replay
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.laboratory import Laboratory
from seamwatch.core.attribution.verdicts import repaired_verdict
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Basis


def judge_before_the_model(
    evidence: Evidence, beliefs: Mapping[Any, float], laboratory: Laboratory, *, is_exhaustive: bool
) -> dict[Any, Verdict]:
    """Return the verdicts of records that are right on a clean request and wrong on the recorded one.

    Args:
        evidence: Of the window.
        beliefs: By record, the probability that it is such a one.
        laboratory: Where repairs are tried.
        is_exhaustive: Whether the fields of every record are searched, not those of a few.
    """
    world = evidence.world
    order = [stage.name for stage in world.order if stage.name in world.references]
    found: dict[Any, Verdict] = {}
    for sets, cured in find_cures(evidence, list(beliefs), order, laboratory.usually_right).items():
        chosen = sets[0]
        fields = find_fields_by_replay(evidence, cured, chosen, laboratory, is_exhaustive=is_exhaustive)
        trust = confidence.trust_in_clean_request(evidence, chosen)
        for key in cured:
            belief = beliefs[key] * trust * laboratory.trust_in_model(key)
            found[key] = repaired_verdict(evidence, key, sets, order, fields[key], belief=belief, basis=Basis.REPLAY)
    return found
