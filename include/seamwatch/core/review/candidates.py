"""What is doubtful about each answer, by its evaluations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.accuracy.labels import WeekOfAnswers
from seamwatch.core.review.sampling import CANDIDATE_COLUMNS
from seamwatch.vocabulary import EvaluationState


def candidates(
    records: pd.Index[Any],
    evaluations: Mapping[str, pd.DataFrame],
    *,
    judges: Collection[str],
    segments: pd.Series[Any],
    known_segments: Collection[str],
) -> pd.DataFrame:
    """Return what there is to draw from.

    Args:
        records: Keys as text.
        evaluations: By evaluator: index record; `state`, `score`.
        judges: Evaluators whose scores are the prediction; where there is none of them, those of all are.
        segments: Segment by record.
        known_segments: Those that earlier draws had; none at all: nothing is new.

    Returns:
        Index record; columns `CANDIDATE_COLUMNS`.
    """
    states = {name: frame["state"].reindex(records) for name, frame in evaluations.items()}
    passed = np.zeros(len(records), dtype=int)
    failed = np.zeros(len(records), dtype=int)
    for state in states.values():
        passed += (state == EvaluationState.PASS).to_numpy()
        failed += (state == EvaluationState.FAIL).to_numpy()
    is_new = ~segments.reindex(records).isin(list(known_segments)) if known_segments else False
    frame = pd.DataFrame(
        {
            "prediction": _prediction(records, evaluations, [name for name in evaluations if name in judges]),
            "is_disputed": (passed > 0) & (failed > 0),
            "is_failing": failed > 0,
            "is_new_segment": is_new,
        },
        index=records,
    )
    return frame[list(CANDIDATE_COLUMNS)]


def _prediction(
    records: pd.Index[Any], evaluations: Mapping[str, pd.DataFrame], judges: list[str]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the mean score of the judges, else of all evaluators; NaN where none is known."""
    scores = [
        pd.to_numeric(evaluations[name]["score"].reindex(records)).to_numpy(dtype=float)
        for name in judges or evaluations
    ]
    if not scores or not len(records):
        return np.full(len(records), np.nan)
    stacked = np.vstack(scores)
    n_known = (~np.isnan(stacked)).sum(axis=0)
    total = np.nansum(stacked, axis=0)
    means: np.ndarray[Any, np.dtype[np.float64]] = np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)
    return means


def week_of(at: pd.Timestamp) -> date:
    """Return the Monday of a moment's week, UTC."""
    day = at.tz_convert("UTC").date()
    return day - timedelta(days=day.weekday())


def count_answers(
    times: pd.Series[Any], segments: pd.Series[Any], prediction: pd.Series[Any]
) -> tuple[WeekOfAnswers, ...]:
    """Return how many answers there were by week and segment, and what is predicted of them.

    Args:
        times: Aware time by record.
        segments: Segment by record.
        prediction: Probability that the answer is right by record; NaN where unknown.
    """
    frame = pd.DataFrame({"week": times.map(week_of), "segment": segments, "prediction": prediction})
    return tuple(
        WeekOfAnswers(
            week=rows["week"].iloc[0],
            segment=str(rows["segment"].iloc[0]),
            answers=len(rows),
            predicted=int(rows["prediction"].notna().sum()),
            prediction_sum=float(rows["prediction"].sum()),
        )
        for _, rows in frame.groupby(["week", "segment"], sort=True)
    )
