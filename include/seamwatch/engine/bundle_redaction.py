"""Take out of a bundle's evidence what the pipeline file names under `bundle.redact`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import at_path
from seamwatch.core.redaction import Redactor
from seamwatch.engine.bundle_file import Evidence
from seamwatch.engine.typed_json import decode, encode
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Pipeline

_ANSWERED = ("text", "body", "detail")
"""Parts of an answer that may hold what was asked; the others are the provider's own words."""


def redacted(pipeline: Pipeline, evidence: Evidence, fields: Sequence[str]) -> Evidence:
    """Return the evidence with the values of fields replaced by tokens, wherever they occur in it.

    Args:
        pipeline: Its definition.
        evidence: What came from outside.
        fields: `stage.field`, or `stage.column.path` for a text inside of JSON.

    Raises:
        DataContractError: If a field is a key, is not in what was read, or holds something else than text.
    """
    redactor = Redactor()
    frames = {name: (str(read["relation"]), decode(read["frame"])) for name, read in evidence.tables.items()}
    for wanted in fields:
        for values in _values(pipeline, frames, wanted):
            redactor.learn(wanted, values)
    return replace(
        evidence,
        tables={
            name: {
                "relation": relation,
                "frame": encode(redactor.frame(frame, key=_key_of(pipeline, relation, frame))),
            }
            for name, (relation, frame) in frames.items()
        },
        answers={stage: [_answer(redactor, one) for one in known] for stage, known in evidence.answers.items()},
        checks=redactor.document(evidence.checks),
        spent=redactor.document(evidence.spent),
        store=redactor.document(evidence.store),
        knowledge=redactor.document(evidence.knowledge),
    )


def _values(pipeline: Pipeline, frames: Mapping[str, tuple[str, pd.DataFrame]], wanted: str) -> Iterator[list[Any]]:
    """Yield the values of a field in every frame that holds its stage, the benchmark's inputs among them."""
    stage_name, _, name = wanted.partition(".")
    stage = pipeline.stage(stage_name)
    relations = {stage.table or stage.query}
    if pipeline.benchmark is not None and stage == pipeline.first_stage:
        relations.add(pipeline.benchmark.table or pipeline.benchmark.query)
    known: dict[str, None] = {}
    has_column = has_rows = has_value = False
    for relation, frame in frames.values():
        if relation not in relations:
            continue
        column = name if name in frame.columns else name.partition(".")[0]
        known |= dict.fromkeys(map(str, frame.columns))
        if column not in frame.columns:
            continue
        if column == _key_of(pipeline, relation, frame):
            msg = f"bundle.redact: {wanted} is the key, which names the records in the verdicts; take it out"
            raise DataContractError(msg)
        path = name.removeprefix(column).removeprefix(".")
        values = [at_path(value, path) for value in frame[column]] if path else frame[column].tolist()
        has_column, has_rows = True, has_rows or bool(values)
        has_value = has_value or not path or any(value is not None for value in values)
        yield values
    if not has_column or (has_rows and not has_value):
        msg = f"bundle.redact: {wanted} is in nothing that was read; known: {', '.join(known)}; correct it"
        raise DataContractError(msg)


def _answer(redactor: Redactor, one: Mapping[str, Any]) -> dict[str, Any]:
    answer = {name: redactor.document(part) if name in _ANSWERED else part for name, part in one["answer"].items()}
    return {**one, "body": redactor.text(one["body"]), "answer": answer}


def _key_of(pipeline: Pipeline, relation: str, frame: pd.DataFrame) -> str:
    """Return the column that names the records of what was read."""
    named = [s.key for s in pipeline.stages if relation in (s.table, s.query)]
    for other in (pipeline.outcome.truth if pipeline.outcome else None, pipeline.benchmark):
        if other is not None and relation in (other.table, other.query):
            named.append(other.key)
    known = [key for key in (*named, pipeline.key) if key is not None and key in frame.columns]
    return known[0] if known else str(frame.columns[0])
