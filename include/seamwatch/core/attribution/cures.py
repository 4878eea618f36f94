"""Which stages and which of their fields to repair: the smallest set that is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.minimal import delta_debug, smallest_cures
from seamwatch.core.interventions import Ask, run_trial
from seamwatch.vocabulary import DiscrepancyKind, OutcomeState

_REPRESENTATIVES = 3
"""Records of one stratum whose fields are searched; the others of the stratum have the same discrepant fields."""


def group_by_stages(
    evidence: Evidence, keys: Iterable[Any], among: Sequence[str]
) -> dict[tuple[str, ...], pd.Index[Any]]:
    """Return the keys by the stages at which they have discrepancies; stages where a value differs come first."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for key in keys:
        stages = [stage for stage in among if stage in evidence.stages_of(key)]
        groups.setdefault(tuple(sorted(stages, key=lambda s: _is_format_only(evidence, key, s))), []).append(key)
    return {stages: pd.Index(members) for stages, members in groups.items()}


def _is_format_only(evidence: Evidence, key: Any, stage: str) -> bool:
    return all(kind == DiscrepancyKind.FORMAT for at, _, kind in evidence.signatures[key] if at == stage)


def group_by_cure(cured: Mapping[Any, frozenset[str]]) -> dict[frozenset[str], pd.Index[Any]]:
    """Return the keys by the repairs that cured them."""
    groups: dict[frozenset[str], list[Any]] = {}
    for key, chosen in cured.items():
        groups.setdefault(chosen, []).append(key)
    return {chosen: pd.Index(keys) for chosen, keys in groups.items()}


def in_order(chosen: Collection[str], order: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen stages in the order of the graph; the first one is named in a verdict."""
    return tuple(stage for stage in order if stage in chosen)


def find_fields(evidence: Evidence, keys: pd.Index[Any], stages: Collection[str]) -> dict[Any, tuple[str, ...]]:
    """Return the smallest set of fields whose repair is enough, searched for every record since it costs no call."""
    found: dict[Any, tuple[str, ...]] = {}
    for parts, group in _by_fields(evidence, keys, stages).items():

        def cures(subset: pd.Index[Any], fields: frozenset[str], parts: tuple[str, ...] = parts) -> pd.Index[Any]:
            trial = run_trial(evidence.world, subset, _repairs([p for p in parts if p in fields]), None)
            return trial.keys_with(OutcomeState.RIGHT)

        for key, chosen in smallest_cures(group, parts, cures, largest=2).items():
            found[key] = tuple(part.partition(":")[2] for part in parts if part in chosen)
    return found


def find_fields_by_replay(
    evidence: Evidence, keys: pd.Index[Any], stages: Collection[str], ask: Ask | None
) -> dict[Any, tuple[str, ...]]:
    """Return the fields to repair; searched on a few records of each group, since every try is a call."""
    found: dict[Any, tuple[str, ...]] = {}
    for parts, group in _by_fields(evidence, keys, stages).items():
        chosen = parts
        if len(parts) > 1:
            few = group[:_REPRESENTATIVES]
            answers = [_search_fields(evidence, few[[n]], parts, ask) for n in range(len(few))]
            chosen = Counter(answers).most_common(1)[0][0]
        found.update(dict.fromkeys(group, tuple(part.partition(":")[2] for part in chosen)))
    return found


def _search_fields(evidence: Evidence, one: pd.Index[Any], parts: tuple[str, ...], ask: Ask | None) -> tuple[str, ...]:
    def is_enough(chosen: Sequence[str]) -> bool:
        return bool(len(run_trial(evidence.world, one, _repairs(chosen), ask).keys_with(OutcomeState.RIGHT)))

    return tuple(delta_debug(parts, is_enough))


def _by_fields(
    evidence: Evidence, keys: Iterable[Any], stages: Collection[str]
) -> dict[tuple[str, ...], pd.Index[Any]]:
    """Return the keys by their discrepant `stage:field`."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for key in keys:
        parts = tuple(f"{stage}:{name}" for stage in sorted(stages) for name in evidence.fields_of(key, stage))
        groups.setdefault(parts, []).append(key)
    return {parts: pd.Index(members) for parts, members in groups.items()}


def _repairs(parts: Iterable[str]) -> dict[str, frozenset[str]]:
    repairs: dict[str, frozenset[str]] = {}
    for part in parts:
        stage, _, name = part.partition(":")
        repairs[stage] = repairs.get(stage, frozenset()) | {name}
    return repairs
