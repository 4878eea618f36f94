"""Untrusted inputs without what looks like orders to the model, for the trial whether the outcome turns right.

The scanner is the watch's (`core/injection`). Looking like an order convicts nobody: a customer may well write "please
ignore my previous email". What counts is whether the outcome turns right once the span is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import pandas as pd

from seamwatch.core.injection.places import SHORTEST_TEXT, Place, field_kind, named_places, source_places
from seamwatch.core.injection.scan import SUSPICIOUS, Span, scan_texts, without_spans
from seamwatch.core.interventions import World
from seamwatch.core.records.json_documents import texts_in
from seamwatch.core.records.reconciliation import set_field
from seamwatch.spec.monitoring import InjectionWatch
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import FieldKind, StageKind

_Spans = dict[tuple[FieldKind, str], tuple[Span, ...]]
"""By kind of field and text."""
LONGEST_TEXT = 200_000
"""Characters that are read of one text: the watch reads every record and less of each, here there are failing ones."""


@dataclass(frozen=True, kw_only=True)
class _Suspect:
    """A text in a payload."""

    row: int
    name: str
    """Column, or path into its JSON."""
    kind: FieldKind
    text: str


def with_neutral_inputs(world: World, keys: pd.Index[Any]) -> World:
    """Return the world with the untrusted payloads of records, as they are without spans that look like orders.

    Scanned is what the watch scans, from the lower of both thresholds on, so that what the watch flags is tried here.
    Of several spans in one text, `surest_neutral` leaves out those alone that look most like an order.

    Args:
        world: The window.
        keys: Records that are searched.
    """
    settings = world.pipeline.monitoring.injection or InjectionWatch()
    threshold = min(SUSPICIOUS, settings.threshold)
    neutral: dict[str, pd.DataFrame] = {}
    surest: dict[str, pd.DataFrame] = {}
    for stage, places in _places(world, settings).items():
        recorded = world.recorded[stage]
        rows = recorded.loc[recorded.index.isin(keys)]
        suspects = _suspects(world.pipeline, stage, rows, places)
        spans = _spans(suspects, threshold)
        if spans:
            neutral[stage] = _without(rows, suspects, spans)
            surest[stage] = _without(rows, suspects, {text: _surest(some) for text, some in spans.items()})
    return replace(world, neutral=neutral, surest_neutral=surest)


def _places(world: World, settings: InjectionWatch) -> dict[str, list[Place]]:
    """Return the places of sources and retrievals, and those that the pipeline file names beside them."""
    columns = {
        stage.name: [str(name) for name in world.recorded[stage.name].columns]
        for stage in world.order
        if stage.kind is not StageKind.MODEL
    }
    found = source_places(world.pipeline, columns)
    for stage, place in named_places(settings.fields, columns, []):
        if Place(column=place.column) not in found.get(stage, []):
            found.setdefault(stage, []).append(place)
    return found


def _suspects(pipeline: Pipeline, stage: str, rows: pd.DataFrame, places: list[Place]) -> list[_Suspect]:
    kinds = cache(partial(field_kind, pipeline, stage))
    return [
        _Suspect(
            row=row,
            name=f"{place.column}.{path}" if path else place.column,
            kind=kinds(place.column, path),
            text=text,
        )
        for place in places
        for row, value in enumerate(rows[place.column])
        for path, text in texts_in(value, shortest=SHORTEST_TEXT)
        if place.holds(path)
    ]


def _spans(suspects: list[_Suspect], threshold: float) -> _Spans:
    found: _Spans = {}
    for kind in FieldKind:
        wanted = list(dict.fromkeys(one.text for one in suspects if one.kind is kind))
        scans = scan_texts(wanted, kind=kind, threshold=threshold, longest=LONGEST_TEXT)
        found |= {(kind, text): scan.spans for text, scan in zip(wanted, scans, strict=True) if scan.spans}
    return found


def _surest(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    highest = max(round(span.score, 3) for span in spans)
    return tuple(span for span in spans if round(span.score, 3) == highest)


def _without(rows: pd.DataFrame, suspects: list[_Suspect], spans: _Spans) -> pd.DataFrame:
    """Return the rows that hold one of the spans, without them."""
    made: dict[int, dict[str, Any]] = {}
    for one in suspects:
        if (one.kind, one.text) in spans:
            payload = made.get(one.row) or {str(name): value for name, value in rows.iloc[one.row].items()}
            made[one.row] = set_field(payload, one.name, without_spans(one.text, spans[one.kind, one.text]))
    places = sorted(made)
    return pd.DataFrame([made[row] for row in places], index=rows.index[places], columns=rows.columns, dtype=object)
