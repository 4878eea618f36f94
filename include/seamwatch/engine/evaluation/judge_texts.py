"""The texts of a window's records that a judge is shown."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seamwatch.core.evaluation.judge_selection import shown_text
from seamwatch.engine.evaluation.fields import RecordFields
from seamwatch.spec.judge import JudgeModel


def judged_texts(fields: RecordFields, spec: JudgeModel) -> pd.DataFrame:
    """Return by record the columns that `ask_judge` reads, as they were recorded.

    Raises:
        DataContractError: If a field that the judge names does not exist, or the answer is not named where it must be.
    """
    columns: dict[str, pd.Series[Any]] = {"answer": fields.answer(spec)}
    if spec.question is not None:
        columns["question"] = fields.values(spec.question)
    if spec.context:
        columns["context"] = _joined([fields.values(field) for field in spec.context])
    if spec.reference is not None:
        columns["reference"] = fields.values(spec.reference)
    if spec.pairwise is not None:
        columns["against"] = fields.values(spec.pairwise.against)
    return pd.DataFrame(columns, index=fields.keys, dtype=object)


def _joined(parts: list[pd.Series[Any]]) -> pd.Series[Any]:
    """Return the texts of several fields as one; None where one of them is missing, so that nothing is left out."""
    if len(parts) == 1:
        return parts[0]
    rows = [[shown_text(value) for value in row] for row in zip(*parts, strict=True)]
    joined = [None if None in row else "\n\n".join(text for text in row if text is not None) for row in rows]
    return pd.Series(joined, index=parts[0].index, dtype=object)
