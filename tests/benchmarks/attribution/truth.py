"""What really caused each failing record: the record is run again without each fault, under the law and not the draw.

Probability of necessity, at least one half (J. Tian and J. Pearl, 2000, "Probabilities of causation: bounds and
identification"): a set of faults is a cause if without it the risk of a wrong outcome is at most half of what it was.
Faults behind the models leave their answers as they are, so there the recorded answers are kept, and no chance is left.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from attribution.flow import Stream
from attribution.model import Fault

Blame = tuple[str, str | None]
"""Responsibility and stage."""
TRUTH: Blame = ("truth", None)
"""The label itself is wrong."""
UNDETERMINED: Blame = ("undetermined", None)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """The cause of one failing record, and what may be said of it."""

    primary: Blame
    """By the counterfactual."""
    accepted: frozenset[Blame]
    """Verdicts that count as right."""
    fields: frozenset[str] = frozenset()
    """Damaged fields where one fault alone is the cause; empty where fields are not the point."""
    faults: frozenset[str] = frozenset()
    """Names of the faults in the smallest sets."""


def cause_of(stream: Stream, number: int) -> Cause:
    """Return the cause of a record whose recorded outcome is wrong."""
    struck = stream.trips[number].struck
    sets = smallest_sets(stream, number, struck)
    preempting = {blame_of(fault) for fault in struck if _may_be_said_anyway(fault)}
    if sets:
        named = sorted({fault.kind.name for chosen in sets for fault in chosen})
        accepted = {blame_of(fault) for chosen in sets for fault in chosen}
        alone = sets[0][0] if len(sets) == 1 and len(sets[0]) == 1 else None
        return Cause(
            primary=blame_of(sets[0][0]),
            accepted=frozenset(accepted | preempting),
            fields=frozenset(alone.kind.fields)
            if alone and alone.kind.responsibility == "integration"
            else frozenset(),
            faults=frozenset(named),
        )
    guilty = guilty_models(stream, number)
    return Cause(primary=guilty[0], accepted=frozenset([*guilty, *preempting]))


def smallest_sets(stream: Stream, number: int, faults: Sequence[Fault]) -> list[tuple[Fault, ...]]:
    """Return the smallest sets of faults whose removal at least halves the record's risk; none if no set does."""
    full = stream.risk(number, faults)
    names = [stage.name for stage in stream.shape.stages]
    last_model = max(names.index(stage.name) for stage in stream.shape.models)

    def is_cure(chosen: tuple[Fault, ...]) -> bool:
        rest = [fault for fault in faults if fault not in chosen]
        if all(names.index(fault.kind.stage) > last_model for fault in chosen):
            return not stream.is_wrong_with_recorded_answers(number, rest)
        return _is_necessary(full, stream.risk(number, rest))

    for size in range(1, len(faults) + 1):
        found = [chosen for chosen in combinations(faults, size) if is_cure(chosen)]
        if found:
            return found
    return []


def guilty_models(stream: Stream, number: int) -> list[Blame]:
    """Return the models whose perfection, in a pipeline without faults, makes the record right; the fewest."""
    names = [stage.name for stage in stream.shape.models]
    full = stream.risk(number, ())
    for size in range(1, len(names) + 1):
        found = [c for c in combinations(names, size) if _is_necessary(full, stream.risk(number, (), c))]
        if found:
            return [("model", name) for chosen in found for name in chosen]
    return [("model", name) for name in names]


def _may_be_said_anyway(fault: Fault) -> bool:
    """Return whether the fault is a right answer even where the model would have been wrong as well.

    Where nothing was answered, the model's quality never came into play; where the source never said the right value,
    nobody can know what the model would have made of it.
    """
    return fault.kind.is_preempting or (fault.kind.responsibility == "source_data" and not fault.kind.is_corrected)


def _is_necessary(with_it: float, without_it: float) -> bool:
    return with_it > 0 and with_it - without_it >= with_it / 2 - 1e-12


def blame_of(fault: Fault) -> Blame:
    """Return responsibility and stage of a fault."""
    return fault.kind.responsibility, fault.kind.stage


def says(verdict: Blame, accepted: Collection[Blame]) -> bool:
    """Return whether a verdict is among those accepted; text that gives orders may be named at any stage it passes."""
    if verdict[0] == "adversarial_input":
        return any(blame[0] == "adversarial_input" for blame in accepted)
    if verdict[0] == "undetermined":
        return any(blame[0] == "undetermined" for blame in accepted)
    return verdict in accepted
