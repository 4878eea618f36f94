"""Which stages and which of their fields to repair: the smallest sets that are enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal_repairs import (
    Search,
    Sets,
    delta_debug,
    first_enough,
    search_together,
    smallest_repairs,
)
from seamwatch.core.attribution.replay_runner import ReplayRunner
from seamwatch.core.interventions import EVERYTHING, Repairs, run_trial
from seamwatch.vocabulary import DiscrepancyKind, OutcomeState

_REPRESENTATIVES = 2
"""Records whose fields are searched for all that have the same discrepant fields, where every try is a call."""
_Parts = tuple[str, ...]
"""Fields as `stage:field`."""
StageFields = Mapping[str, tuple[str, ...]]
"""Fields to repair by stage."""


def find_sufficient_repairs(
    evidence: Evidence,
    keys: Iterable[Any],
    order: Sequence[str],
    turns_right: Callable[[pd.Index[Any], Repairs], pd.Index[Any]],
) -> dict[Sets, pd.Index[Any]]:
    """Return the records by the smallest sets of stages whose repair turns them right.

    Args:
        evidence: Of the window.
        keys: Records that the repair of all stages in `order` turns right.
        order: Stages that may be repaired, in the order of the graph.
        turns_right: The experiment.
    """

    def with_stages(subset: pd.Index[Any], stages: frozenset[str]) -> pd.Index[Any]:
        return turns_right(subset, dict.fromkeys(stages, EVERYTHING))

    by_sets: dict[Sets, list[Any]] = {}
    for stages, group in _by_discrepant_stages(evidence, keys, order).items():
        for key, sets in smallest_repairs(group, stages, with_stages).items():
            by_sets.setdefault(sets, []).append(key)
    return {sets: pd.Index(members) for sets, members in by_sets.items()}


def _by_discrepant_stages(evidence: Evidence, keys: Iterable[Any], among: Sequence[str]) -> dict[_Parts, pd.Index[Any]]:
    """Return the keys by the stages at which they have discrepancies; stages where a value differs come first."""
    groups: dict[_Parts, list[Any]] = {}
    for key in keys:
        stages = [stage for stage in among if stage in evidence.stages_of(key)]
        groups.setdefault(tuple(sorted(stages, key=lambda s: _is_format_only(evidence, key, s))), []).append(key)
    return {stages: pd.Index(members) for stages, members in groups.items()}


def _is_format_only(evidence: Evidence, key: Any, stage: str) -> bool:
    return all(kind == DiscrepancyKind.FORMAT for at, _, kind in evidence.signatures[key] if at == stage)


def find_fields(evidence: Evidence, keys: pd.Index[Any], stages: Collection[str]) -> dict[Any, StageFields]:
    """Return the smallest set of fields whose repair is enough, searched for every record since it costs no call."""
    found: dict[Any, StageFields] = {}
    for parts, group in _by_fields(evidence, keys, stages).items():

        def turns_right(subset: pd.Index[Any], fields: frozenset[str], parts: _Parts = parts) -> pd.Index[Any]:
            trial = run_trial(evidence.world, subset, _repairs([p for p in parts if p in fields]), None)
            return trial.keys_with(OutcomeState.RIGHT)

        for key, sets in smallest_repairs(group, parts, turns_right, largest=2).items():
            found[key] = _fields_by_stage(part for part in parts if part in sets[0])
    return found


def find_fields_by_replay(
    evidence: Evidence,
    keys: pd.Index[Any],
    stages: Collection[str],
    runner: ReplayRunner,
    *,
    is_exhaustive: bool,
) -> dict[Any, StageFields]:
    """Return the fields to repair; what was enough for one record is tried first on the next, one call each."""
    found: dict[Any, StageFields] = {}
    known: Counter[_Parts] = Counter()
    searches: dict[Any, Search[_Parts, _Parts]] = {}

    def turns_right(subset: Sequence[Any], fields: _Parts) -> pd.Index[Any]:
        return runner.usually_right(pd.Index(subset), _repairs(fields))

    for parts, group in sorted(_by_fields(evidence, keys, stages).items(), key=lambda item: -len(item[1])):
        if len(parts) == 1:
            found.update(dict.fromkeys(group, _fields_by_stage(parts)))
            known[parts] += 1
            continue
        answers: list[_Parts] = []
        for key in group[:_REPRESENTATIVES]:
            shorter = sorted((some for some in known if set(some) < set(parts)), key=lambda p: (len(p), -known[p]))
            enough = search_together({key: _search(parts, shorter)}, turns_right)[key]
            found[key] = _fields_by_stage(enough)
            known[enough] += 1
            answers.append(enough)
        if is_exhaustive:
            usual = [some for some, _ in known.most_common() if set(some) <= set(parts)]
            searches.update({key: _search(parts, usual) for key in group[_REPRESENTATIVES:]})
        else:
            leading = Counter(answers).most_common(1)[0][0]
            found.update(dict.fromkeys(group[_REPRESENTATIVES:], _fields_by_stage(leading)))
    for key, enough in search_together(searches, turns_right).items():
        found[key] = _fields_by_stage(enough)
    return found


def _search(parts: _Parts, tried_first: Sequence[_Parts]) -> Search[_Parts, _Parts]:
    """Find the fields that are enough: the first of those tried first, or else a part of which none can be left out."""
    enough = yield from first_enough(tried_first)
    return tuple(enough or (yield from delta_debug(parts)))


def _by_fields(evidence: Evidence, keys: Iterable[Any], stages: Collection[str]) -> dict[_Parts, pd.Index[Any]]:
    """Return the keys by their discrepant `stage:field`."""
    groups: dict[_Parts, list[Any]] = {}
    for key in keys:
        parts = tuple(f"{stage}:{name}" for stage in sorted(stages) for name in evidence.fields_of(key, stage))
        groups.setdefault(parts, []).append(key)
    return {parts: pd.Index(members) for parts, members in groups.items()}


def _fields_by_stage(parts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in parts:
        stage, _, name = part.partition(":")
        found[stage] = (*found.get(stage, ()), name)
    return found


def _repairs(parts: Iterable[str]) -> dict[str, frozenset[str]]:
    return {stage: frozenset(names) for stage, names in _fields_by_stage(parts).items()}
