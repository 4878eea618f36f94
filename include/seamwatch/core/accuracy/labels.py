"""People's labels and the answers that they are a sample of, as arrays; what does not fit is counted or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.errors import DataContractError
from seamwatch.plurals import plural

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

LABEL_COLUMNS = ("record", "week", "is_right", "inclusion", "prediction", "segment")
"""Columns of the frame of labels, one row a record: key; Monday of its week; whether the answer is right (bool);
probability in (0, 1] that the record was drawn; probability in [0, 1] that the answer is right as a judge sees it (NaN
unknown); segment."""


@dataclass(frozen=True, kw_only=True)
class WeekOfAnswers:
    """All answers of one week and segment, labelled or not."""

    week: date
    """Monday (UTC)."""
    segment: str
    answers: int
    predicted: int
    """Answers of which a judge's prediction is known, at most `answers`."""
    prediction_sum: float
    """Sum of these predictions, between 0 and `predicted`."""


@dataclass(frozen=True, kw_only=True)
class LabelledSample:
    """Labels in the order of their weeks, beside the counts of all answers by week and segment."""

    weeks: tuple[date, ...]
    segments: tuple[str, ...]
    answers: Floats
    """Answers by week and segment (two axes), as are the next two."""
    predicted: Floats
    prediction_sum: Floats
    week: Integers
    """Of each label the number of its week, ascending; the other arrays go with it."""
    segment: Integers
    is_right: Floats
    inclusion: Floats
    prediction: Floats
    unplaced: int
    """Labels of weeks or segments without any known answer: they stand for nothing and are left out."""

    def between(self, first: int, last: int) -> LabelledSample:
        """Return the weeks from number `first` to `last`, both included, numbered from 0."""
        low, high = np.searchsorted(self.week, (first, last + 1))
        return LabelledSample(
            weeks=self.weeks[first : last + 1],
            segments=self.segments,
            answers=self.answers[first : last + 1],
            predicted=self.predicted[first : last + 1],
            prediction_sum=self.prediction_sum[first : last + 1],
            week=self.week[low:high] - first,
            segment=self.segment[low:high],
            is_right=self.is_right[low:high],
            inclusion=self.inclusion[low:high],
            prediction=self.prediction[low:high],
            unplaced=self.unplaced,
        )


def read_sample(labels: pd.DataFrame, weeks: Sequence[WeekOfAnswers]) -> LabelledSample:
    """Return labels and counts as arrays; any order of either gives the same sample.

    Args:
        labels: Columns `LABEL_COLUMNS`, one row a record; may be empty.
        weeks: At most one of each week and segment.

    Raises:
        DataContractError: If a column is missing, a record stands there twice, a value is out of its range or missing,
            or counts contradict each other.
    """
    check_labels(labels)
    names = tuple(sorted({one.week for one in weeks}))
    segments = tuple(sorted({one.segment for one in weeks}))
    week_numbers = {name: number for number, name in enumerate(names)}
    segment_numbers = {name: number for number, name in enumerate(segments)}
    counts = np.zeros((3, len(names), len(segments)))
    seen: set[tuple[date, str]] = set()
    for one in weeks:
        _check_week(one, seen)
        counts[:, week_numbers[one.week], segment_numbers[one.segment]] = one.answers, one.predicted, one.prediction_sum
    week = labels["week"].map(week_numbers).fillna(-1).to_numpy(dtype=np.int64)
    segment = labels["segment"].map(segment_numbers).fillna(-1).to_numpy(dtype=np.int64)
    is_placed = (week >= 0) & (segment >= 0)
    is_placed[is_placed] = counts[0, week[is_placed], segment[is_placed]] > 0
    order = np.flatnonzero(is_placed)[np.argsort(week[is_placed], kind="stable")]
    return LabelledSample(
        weeks=names,
        segments=segments,
        answers=counts[0],
        predicted=counts[1],
        prediction_sum=counts[2],
        week=week[order],
        segment=segment[order],
        is_right=labels["is_right"].to_numpy(dtype=float)[order],
        inclusion=labels["inclusion"].to_numpy(dtype=float)[order],
        prediction=labels["prediction"].to_numpy(dtype=float)[order],
        unplaced=int(len(labels) - is_placed.sum()),
    )


def check_labels(labels: pd.DataFrame) -> None:
    """Refuse labels that break their contract.

    Raises:
        DataContractError: As of `read_sample`.
    """
    if missing := [name for name in LABEL_COLUMNS if name not in labels]:
        msg = f"labels need the columns {', '.join(LABEL_COLUMNS)}; missing: {', '.join(missing)}"
        raise DataContractError(msg)
    if labels["record"].duplicated().any():
        msg = (
            "one label a record counts; "
            f"{plural(int(labels['record'].duplicated().sum()), 'row repeats', 'rows repeat')} a record: choose first"
        )
        raise DataContractError(msg)
    if labels["is_right"].isna().any():
        msg = (
            f"is_right must be known; {plural(int(labels['is_right'].isna().sum()), 'row has', 'rows have')} "
            "none: leave such out"
        )
        raise DataContractError(msg)
    inclusion = labels["inclusion"].to_numpy(dtype=float)
    if not ((inclusion > 0) & (inclusion <= 1)).all():
        msg = "inclusion is a probability above 0 and at most 1; a record that could not be drawn stands for no other"
        raise DataContractError(msg)
    prediction = labels["prediction"].to_numpy(dtype=float)
    if not (np.isnan(prediction) | ((prediction >= 0) & (prediction <= 1))).all():
        msg = "prediction is a probability between 0 and 1, or NaN where it is unknown"
        raise DataContractError(msg)


def _check_week(one: WeekOfAnswers, seen: set[tuple[date, str]]) -> None:
    if not (0 <= one.predicted <= one.answers and 0 <= one.prediction_sum <= one.predicted * (1 + 1e-9)):
        msg = (
            f"week {one.week}, segment {one.segment!r}: needs 0 <= prediction_sum <= predicted <= answers; "
            f"got {one.prediction_sum:g}, {one.predicted}, {one.answers}"
        )
        raise DataContractError(msg)
    if (one.week, one.segment) in seen:
        msg = f"week {one.week}, segment {one.segment!r} stands there twice; add the counts up first"
        raise DataContractError(msg)
    seen.add((one.week, one.segment))
