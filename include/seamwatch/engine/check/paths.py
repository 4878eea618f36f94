"""Trial: paths into JSON, bodies and documents that give nothing on any row."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from seamwatch.core.records.call_endings import is_success
from seamwatch.core.records.comparison import as_number, is_null, leaves, parse_json
from seamwatch.core.records.field_maps import source_fields
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.json_documents import column_of, pick
from seamwatch.core.records.references import FieldMapReference
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.retrieved_documents import served_documents
from seamwatch.engine.answer_notes import replay_notes, unread_notes
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import Sample
from seamwatch.errors import DataContractError, Problem, ProblemLevel
from seamwatch.plurals import plural
from seamwatch.spec.endpoint import Endpoint
from seamwatch.spec.knowledge import DocumentIds
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import Protocol, StageKind

_MEASURES = ("latency_ms", "input_tokens", "output_tokens", "cost_usd")
_LISTED = 8


def check_paths(sample: Sample) -> Iterator[Problem]:
    """Yield the paths, bodies, statuses and numbers of the pipeline that cannot be read on any row of the sample."""
    for stage, data in sample.stages():
        if len(data.payload):
            yield from _fields(sample, stage, data.payload)
            yield from _map_paths(sample, stage)
            yield from _bodies(sample, stage, data.payload)
            yield from _replays(sample, stage, data.payload)
            yield from _statuses(sample, stage, data.payload)
            yield from _documents(sample, stage, data.payload)


def gives_nothing(values: pd.Series[Any]) -> bool:
    """Return whether every value is null or could not be read."""
    return all(isinstance(value, Unknown) or is_null(value) for value in values)


def _fields(sample: Sample, stage: Stage, payload: pd.DataFrame) -> Iterator[Problem]:
    columns = sample.reader.columns(stage)
    for number, name in enumerate(stage.fields):
        if name not in columns and name in payload and gives_nothing(payload[name]):
            whole = sample.reader.rows(
                stage.model_copy(update={"fields": ()}), key=_key(sample, stage), keys=list(payload.index)
            )
            path = f"stages.{stage.name}.fields.{number}"
            yield from _empty(sample, path, name, whole, lambda place, text: in_pipeline(sample.pipeline, place, text))


def _key(sample: Sample, stage: Stage) -> str:
    return sample.pipeline.stage_key(stage)


def _map_paths(sample: Sample, stage: Stage) -> Iterator[Problem]:
    """Yield the paths that a field map reads out of its inputs and that are empty on every record."""
    reference, inputs = sample.references.get(stage.name), sample.inputs(stage)
    if not isinstance(reference, FieldMapReference) or inputs is None:
        return
    for name in sorted(source_fields(reference.spec)):
        stage_name, _, rest = name.partition(".")
        holders = {stage_name: rest} if stage_name in inputs and rest else dict.fromkeys(inputs, name)
        for holder, path in holders.items():
            frame = inputs[holder]
            if column_of(path, frame.columns) in (None, path) or not len(frame):
                continue
            try:
                is_empty = gives_nothing(pick(frame, path))
            except DataContractError:
                continue  # reported by the reference itself
            if is_empty:
                reads = next((f for f, one in reference.spec.fields.items() if one.from_ == name), "")
                yield from _empty(
                    sample, reads, path, frame, lambda field, text: sample.at_reference(stage, text, field=field)
                )


def _empty(
    sample: Sample, place: str, path: str, frame: pd.DataFrame, problem: Callable[[str, str], Problem]
) -> Iterator[Problem]:
    """Yield the problem of a path that gives nothing, with the paths that the column has."""
    column = column_of(path, frame.columns)
    known = frame[column].dropna() if column is not None else pd.Series(dtype=object)
    if not len(known):
        return  # nothing is recorded there yet
    document = parse_json(known.iloc[0])
    if not isinstance(document, dict | list):
        text = f"{path!r} gives nothing on {plural(len(known), 'record')}: {column} holds no JSON object there"
        yield problem(place, text)
        return
    there = [f"{column}.{leaf}" for leaf, _ in leaves(document) if leaf]
    near = difflib.get_close_matches(path, there, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(there[:_LISTED]) + (", ..." if len(there) > _LISTED else "")
    yield problem(place, f"{path!r} gives nothing on {plural(len(known), 'record')}{hint} Known: {listed}")


def _bodies(sample: Sample, stage: Stage, payload: pd.DataFrame) -> Iterator[Problem]:
    """Yield a request that is no JSON, an answer that cannot be read, and measures that are no numbers."""
    path = f"stages.{stage.name}"
    if stage.request is not None and stage.request in payload:
        requests = payload[stage.request].dropna()
        if len(requests) and not any(isinstance(parse_json(value), dict | list) for value in requests):
            text = (
                f"{stage.request} holds no JSON object on any of {plural(len(requests), 'record')}: a request "
                "is compared "
                "and asked again as the body that was sent"
            )
            yield in_pipeline(sample.pipeline, f"{path}.request", text)
    if stage.kind is not StageKind.MODEL or stage.response is None or stage.endpoint is None:
        return
    yield from _answers(sample, stage, stage.endpoint, payload)
    for name in _MEASURES:
        column = getattr(stage, name)
        values = payload[column].dropna() if column in payload else pd.Series(dtype=object)
        if len(values) and all(as_number(value) is None for value in values):
            shown = sample.shown(stage, column, values.iloc[0])
            text = f"{column} holds no number on any of {plural(len(values), 'record')}, e.g. {shown}"
            yield in_pipeline(sample.pipeline, f"{path}.{name}", text)


def _answers(sample: Sample, stage: Stage, endpoint: Endpoint, payload: pd.DataFrame) -> Iterator[Problem]:
    """Yield how many recorded responses hold no answer that can be read."""
    responses = payload[stage.response].dropna()
    is_all = bool(len(responses)) and gives_nothing(payload.loc[responses.index, ANSWER])
    level = ProblemLevel.ERROR if is_all else ProblemLevel.WARNING
    place = f"stages.{stage.name}.{'endpoint' if endpoint.answer else 'response'}"
    notes = unread_notes(sample.pipeline, sample.data.stages[stage.name], sample.data.stages)
    for note in notes:
        yield in_pipeline(sample.pipeline, place, note, level)
    if is_all and not notes:
        where = f" at the path {endpoint.answer!r}" if endpoint.answer else ""
        text = (
            f"no answer{where} in any of {plural(len(responses), 'response')} as {endpoint.protocol}; name "
            "the right column or"
        )
        yield in_pipeline(sample.pipeline, place, f"{text} path, or another protocol: {', '.join(Protocol)}", level)


def _replays(sample: Sample, stage: Stage, payload: pd.DataFrame) -> Iterator[Problem]:
    """Yield requests that the endpoint does not take."""
    for note in replay_notes(stage, payload):
        yield in_pipeline(sample.pipeline, f"stages.{stage.name}.endpoint", note, ProblemLevel.WARNING)


def _statuses(sample: Sample, stage: Stage, payload: pd.DataFrame) -> Iterator[Problem]:
    """Yield the words of a status that say neither success nor failure."""
    if stage.status is None or stage.status not in payload:
        return
    statuses = payload[stage.status].dropna().astype(str)
    unknown = statuses[[isinstance(is_success(value), Unknown) for value in statuses]]
    if len(unknown):
        words = ", ".join(repr(word[:40]) for word in unknown.drop_duplicates().head(3))
        text = (
            f"the status of {len(unknown):,} of {plural(len(statuses), 'call')} says neither success nor failure: "
            f"{words}; such a "
            "call counts as neither; record an HTTP status, ok or error"
        )
        level = ProblemLevel.ERROR if len(unknown) == len(statuses) else ProblemLevel.WARNING
        yield in_pipeline(sample.pipeline, f"stages.{stage.name}.status", text, level)


def _documents(sample: Sample, stage: Stage, payload: pd.DataFrame) -> Iterator[Problem]:
    """Yield a column of served documents in which no id can be read."""
    if stage.documents is None or stage.documents not in payload:
        return
    base = sample.pipeline.knowledge_bases.get(stage.knowledge_base or "")
    rules = base.ids if base is not None else DocumentIds()
    contents = payload[stage.contents] if stage.contents in payload else [None] * len(payload)
    recorded = payload[stage.documents]
    served = [served_documents(one, texts, rules) for one, texts in zip(recorded, contents, strict=True)]
    if recorded.notna().any() and not any(served):
        text = (
            f"no document id could be read on any of {plural(int(recorded.notna().sum()), 'record')}: a JSON "
            "list of ids, or"
        )
        text += " of objects with 'id', is expected"
        yield in_pipeline(sample.pipeline, f"stages.{stage.name}.documents", text)
