"""What people see of a record: the texts of its stages, redacted and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import at_path, is_null, strict_text
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.redaction import Redactor
from seamwatch.core.retrieved_entries import read_entries
from seamwatch.core.review.items import Role, ShownText
from seamwatch.engine.window import WindowData
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind

LONGEST_CHARS = 6_000
"""Of one text; the rest is counted and said."""
_MOST_FIELDS = 12
"""Of the first stage, where no fields are named."""
UNREADABLE = "(cannot be read)"


class ShownTexts:
    """Makes the texts of single records of a window."""

    def __init__(self, pipeline: Pipeline, data: WindowData, *, judged: Sequence[str]) -> None:
        """Find the fields, and learn what must not be shown.

        Args:
            pipeline: Its definition.
            data: Its stages.
            judged: The final fields that people judge.
        """
        self._pipeline, self._data = pipeline, data
        self._fields = _fields(pipeline, data, judged)
        self._served = {f"{one.name}.{one.documents}" for one in pipeline.stages if one.documents is not None}
        self._redactor = Redactor()
        for field in pipeline.bundle.redact:
            values = _column(data, field)
            if values is not None:
                texts = [strict_text(value) for value in values if not (is_null(value) or isinstance(value, Unknown))]
                self._redactor.learn(field, texts)

    def of(self, key: Any) -> tuple[ShownText, ...]:
        """Return what people see of a record; a field that it does not have is left out."""
        found = []
        for field, role in self._fields:
            values = _column(self._data, field)
            if values is None or key not in values.index or is_null(values.loc[key]):
                continue
            value = values.loc[key]
            read = served_text if field in self._served else strict_text
            text = UNREADABLE if isinstance(value, Unknown) else self._redactor.text(read(value) or "")
            if text.strip():
                cut = max(len(text) - LONGEST_CHARS, 0)
                found.append(ShownText(title=field, text=text[:LONGEST_CHARS], role=role, n_cut=cut))
        return tuple(found)


def _fields(pipeline: Pipeline, data: WindowData, judged: Sequence[str]) -> list[tuple[str, Role]]:
    """Return the fields to show with what they are to a person, the answer last."""
    final = pipeline.final_stage
    answers: list[tuple[str, Role]] = [(f"{final.name}.{name}", "answer") for name in judged]
    if pipeline.review is not None and pipeline.review.show:
        known = {name for name, _ in answers}
        return [(f, _role(pipeline, f)) for f in pipeline.review.show if f not in known] + answers
    first = pipeline.first_stage
    columns = list(data.stages[first.name].payload.columns)[:_MOST_FIELDS]
    found: list[tuple[str, Role]] = [(f"{first.name}.{name}", "question") for name in columns]
    for stage in pipeline.stages:
        texts = stage.contents or stage.documents
        if stage.kind is StageKind.RETRIEVAL and texts is not None:
            found.append((f"{stage.name}.{texts}", "context"))
        if stage.kind is StageKind.MODEL and ANSWER in data.stages[stage.name].payload.columns and stage != final:
            found.append((f"{stage.name}.{ANSWER}", "step"))
    return found + answers


def served_text(documents: Any) -> str | None:
    """Return what a retrieval served as people read it: each document's name, and its text below."""
    entries = read_entries(documents)
    if not any(one.text for one in entries):
        return strict_text(documents)
    return "\n\n".join("\n".join([f"[{', '.join(one.names[:1])}]", one.text or "(no text)"]) for one in entries)


def _role(pipeline: Pipeline, field: str) -> Role:
    stage = pipeline.stage(field.partition(".")[0])
    if stage.kind is StageKind.RETRIEVAL:
        return "context"
    if stage == pipeline.final_stage:
        return "answer"
    return "question" if stage.kind is StageKind.SOURCE else "step"


def _column(data: WindowData, field: str) -> pd.Series[Any] | None:
    """Return the values of a `stage.field`, or `stage.column.path`, by key; None where there is no such column."""
    name, _, rest = field.partition(".")
    payload = data.stages[name].payload if name in data.stages else pd.DataFrame()
    if rest in payload.columns:
        return payload[rest]
    column, _, path = rest.partition(".")
    return payload[column].map(lambda value: at_path(value, path)) if path and column in payload.columns else None
