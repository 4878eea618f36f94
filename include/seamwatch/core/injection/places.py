"""Which texts of a pipeline others wrote, and so may give orders to its model; for attribution and the watch alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from seamwatch.spec.monitoring import InjectionWatch
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import FieldKind, StageKind

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
        steps = _without_numbers(path)
        return steps == self.path or steps.startswith(f"{self.path}.")


def _without_numbers(path: str) -> str:
    return ".".join(step for step in path.split(".") if step and not step.isdigit())


def field_kind(pipeline: Pipeline, stage: str, column: str, path: str) -> FieldKind:
    """Return what a text is there for: as the pipeline file says, or else by its stage's kind.

    Of several `data_fields` and `request_fields` that hold the text the longest decides. What a retrieval found is
    data; what a source holds is asked by somebody, as in a ticket.

    Args:
        pipeline: With `monitoring.injection`.
        stage: Name of the stage.
        column: Of its payload.
        path: Dotted, within the column's JSON; empty: all of it.
    """
    settings = pipeline.monitoring.injection or InjectionWatch()
    name = f"{stage}.{column}.{_without_numbers(path)}."
    named = [
        (len(field), kind)
        for kind, fields in ((FieldKind.DATA, settings.data_fields), (FieldKind.REQUEST, settings.request_fields))
        for field in fields
        if name.startswith(f"{field}.")
    ]
    if named:
        return max(named)[1]
    is_found = any(one.name == stage and one.kind is StageKind.RETRIEVAL for one in pipeline.stages)
    return FieldKind.DATA if is_found else FieldKind.REQUEST


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
