"""The fields that evaluators name, of the records of a window: one value a record, from what was read already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.texts import read_text
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.json_documents import pick
from seamwatch.core.records.unknown import Unknown
from seamwatch.engine.window import WindowData
from seamwatch.errors import DataContractError
from seamwatch.spec.evaluation import Evaluator
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind, UnknownReason

_SAMPLED, _FEW_WORDS = 200, 2


def answer_field(pipeline: Pipeline, evaluator: Evaluator, columns: list[str]) -> str | None:
    """Return the `stage.field` that an evaluator judges; None where it has to be named.

    Args:
        pipeline: Its definition.
        evaluator: Named `answer` goes first.
        columns: Of the judged stage's payload.
    """
    if evaluator.answer is not None:
        return evaluator.answer
    stage = pipeline.final_stage
    outcome = pipeline.outcome
    compared = list(outcome.judged or outcome.compare) if outcome is not None else []
    for fields in (compared, [ANSWER] if stage.kind is StageKind.MODEL else columns):
        if len(fields) == 1:
            return f"{stage.name}.{fields[0]}"
    return None


class RecordFields:
    """Values of a window's records by `stage.field`."""

    def __init__(self, pipeline: Pipeline, data: WindowData) -> None:
        """Read nothing: all is in the data."""
        self.pipeline = pipeline
        self._data = data
        self.keys = data.stages[pipeline.first_stage.name].payload.index
        self._known: dict[str, pd.Series[Any]] = {}

    def answer(self, evaluator: Evaluator) -> pd.Series[Any]:
        """Return the answers that an evaluator judges.

        Raises:
            DataContractError: If it does not say which of several fields that is.
        """
        columns = [str(one) for one in self.payload(self.pipeline.final_stage.name).columns]
        field = answer_field(self.pipeline, evaluator, columns)
        if field is None:
            msg = f"which field is the answer? Name it with answer: stage.field; known: {', '.join(columns)}"
            raise DataContractError(msg)
        return self.values(field)

    def values(self, field: str) -> pd.Series[Any]:
        """Return the values of a `stage.field`, index the keys of the window; None where a record never got there.

        Raises:
            DataContractError: If there is no such field.
        """
        if field not in self._known:
            stage, _, column = field.partition(".")
            payload = self.payload(stage)
            try:
                found = pick(payload, column)
            except DataContractError as error:
                msg = f"stage {stage}: {error}"
                raise DataContractError(msg) from error
            self._known[field] = self._aligned(stage, found)
        return self._known[field]

    def _aligned(self, stage: str, found: pd.Series[Any]) -> pd.Series[Any]:
        values = found.astype(object).reindex(self.keys)
        mismatch = self._data.mismatches.get(stage)
        if mismatch is None:
            return values
        unknown = Unknown(reason=UnknownReason.NO_MATCHING_KEY, sample=mismatch.example[0])
        is_unmatched = self.keys.isin(list(mismatch.left))
        made = [unknown if is_one else value for is_one, value in zip(is_unmatched, values, strict=True)]
        return pd.Series(made, index=self.keys, dtype=object)

    def payload(self, stage: str) -> pd.DataFrame:
        """Return the payloads of a stage; DataContractError if it was not read."""
        if stage not in self._data.stages:
            msg = f"no stage {stage!r} was read; known: {', '.join(self._data.stages)}"
            raise DataContractError(msg)
        return self._data.stages[stage].payload

    def inputs(self) -> Iterator[pd.Series[Any]]:
        """Yield every field of what records were given: of sources, and of what was retrieved."""
        for stage in self.pipeline.stages:
            if stage.kind in (StageKind.SOURCE, StageKind.RETRIEVAL) and stage.name in self._data.stages:
                for column in self.payload(stage.name).columns:
                    yield self._aligned(stage.name, self.payload(stage.name)[column])

    def questions(self, evaluator: Evaluator) -> pd.Series[Any]:
        """Return what was asked: the field that an evaluator names, else every text of the first stage."""
        if evaluator.question is not None:
            return self.values(evaluator.question)
        return input_texts(self.payload(self.pipeline.first_stage.name)).reindex(self.keys)


def input_texts(payload: pd.DataFrame) -> pd.Series[Any]:
    """Return by record the texts of a payload, one a line; where some columns hold sentences, those alone."""
    texts = [name for name in payload.columns if any(isinstance(value, str) for value in payload[name].head(_SAMPLED))]
    columns = [name for name in texts if _holds_sentences(payload[name])] or texts
    made = [
        "\n".join(text for value in row if isinstance(text := read_text(value), str))
        for row in payload[columns].itertuples(index=False, name=None)
    ]
    return pd.Series(made, index=payload.index, dtype=object)


def _holds_sentences(values: pd.Series[Any]) -> bool:
    """Return whether a column holds what a person wrote: a text of several words on any of its rows."""
    return any(isinstance(value, str) and len(value.split()) > _FEW_WORDS for value in values.head(_SAMPLED))
