"""The order of stages, from `{stage: its inputs}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def find_cycle(inputs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one cycle as a path that ends where it began; empty if the graph is acyclic."""
    try:
        TopologicalSorter(inputs).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def topological_order(inputs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the stages so that each comes after its inputs; KeyError never, CycleError on a cycle."""
    return list(TopologicalSorter(inputs).static_order())


def ancestors(inputs: Mapping[str, Iterable[str]], stage: str) -> frozenset[str]:
    """Return every stage that `stage` is made from, directly or not, itself excluded."""
    found: set[str] = set()
    todo = list(inputs[stage])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(inputs[name])
    return frozenset(found)


def descendants(inputs: Mapping[str, Iterable[str]], stage: str) -> frozenset[str]:
    """Return every stage made from `stage`, directly or not, itself excluded."""
    return frozenset(name for name in inputs if stage in ancestors(inputs, name))
