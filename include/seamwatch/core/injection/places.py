"""Which texts of a pipeline others wrote, and so may give orders to its model; for attribution and the watch alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind

SHORTEST_TEXT = 12
"""Shorter values are codes and names, and no order."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A column that holds untrusted text, or a part of the JSON in it."""

    column: str
    path: str | None = None
    """Dotted path within JSON, without the numbers of list items; None: every text in the column."""

    def holds(self, path: str) -> bool:
        """Return whether a text at a path within the column belongs to the place."""
        if self.path is None:
            return True
        steps = ".".join(step for step in path.split(".") if step and not step.isdigit())
        return steps == self.path or steps.startswith(f"{self.path}.")


def source_places(pipeline: Pipeline, columns: Mapping[str, Collection[str]]) -> dict[str, list[Place]]:
    """Return every column of the sources and retrievals that were read, by stage."""
    return {
        stage.name: [Place(column=name) for name in columns[stage.name]]
        for stage in pipeline.stages
        if stage.kind in (StageKind.SOURCE, StageKind.RETRIEVAL) and stage.name in columns
    }


def named_places(
    fields: Collection[str], columns: Mapping[str, Collection[str]], notes: list[str]
) -> Iterator[tuple[str, Place]]:
    """Yield each `stage.field` as a place; what is not there is said in the notes.

    Args:
        fields: As a pipeline file names them.
        columns: By stage that was read.
        notes: Sentences are added to it.
    """
    for name in fields:
        stage, _, field = name.partition(".")
        column, _, path = field.partition(".")
        if stage not in columns:
            notes.append(f"{name} is not scanned: the pipeline has no stage {stage!r}")
        elif field in columns[stage]:
            yield stage, Place(column=field)
        elif column in columns[stage]:
            yield stage, Place(column=column, path=path or None)
        else:
            notes.append(f"{name} is not scanned: {stage} has no column {column!r}")
