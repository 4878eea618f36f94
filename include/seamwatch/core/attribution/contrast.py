"""What is different about some records in one field: the value, size or form that goes with failing, tested exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from seamwatch.core.records.comparison import as_number, is_null, strict_text

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
_MOST_VALUES = 40
"""Of one field that are tried each, the most frequent ones."""
_CUTS = np.linspace(0.1, 0.9, 9)
"""Quantiles at which numbers and lengths are cut in two."""
_TREND, _TREND_P, _FEWEST_FOR_TREND = 0.3, 0.001, 12
"""Rank correlation with time, and its p, from which on a size is taken to follow time."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A mark that failing records carry more often than the others."""

    mark: Mask
    """Of each record, in the order given: whether it carries the mark."""
    p_value: float
    """Fisher's exact one-sided p, times the marks tried."""
    n_failing: int
    """Failing records with the mark."""
    n_others: int
    """Others with the mark."""


def strongest_contrast(values: pd.Series[Any], is_failing: Mask, at: Places) -> Contrast | None:
    """Return the mark in one field that goes with failing most clearly; None where there is nothing to compare.

    Args:
        values: Of the field, one a record.
        is_failing: Whether each record failed; the others are known to be right.
        at: Place of each record in the order of time.

    The marks tried are: each of the commonest values, no value, and numbers or lengths beyond a tenth of all. A size
    that rises or falls with time among right records too, as one that is counted up, is not tried: it goes with
    whatever began late.

    Source: R. A. Fisher (1935), "The Design of Experiments", with Bonferroni's correction for the marks tried.
    """
    n_failing, n_others = int(is_failing.sum()), int((~is_failing).sum())
    if not n_failing or not n_others:
        return None
    best: Contrast | None = None
    marks = {mark.tobytes(): mark for mark in _marks(values, ~is_failing, at)}
    for mark in marks.values():
        hit, miss = int((mark & is_failing).sum()), int((mark & ~is_failing).sum())
        p_value = float(stats.hypergeom.sf(hit - 1, n_failing + n_others, n_failing, hit + miss)) if hit else 1.0
        if best is None or p_value < best.p_value:
            best = Contrast(mark=mark, p_value=p_value, n_failing=hit, n_others=miss)
    if best is None:
        return None
    corrected = min(1.0, best.p_value * len(marks))
    return Contrast(mark=best.mark, p_value=corrected, n_failing=best.n_failing, n_others=best.n_others)


def _marks(values: pd.Series[Any], is_right: Mask, at: Places) -> Iterator[Mask]:
    texts = [None if is_null(value) else strict_text(value) for value in values]
    array = np.array(texts, dtype=object)
    counts = Counter(texts)
    for value, count in counts.most_common(_MOST_VALUES):
        if count > 1 or len(counts) <= _MOST_VALUES:
            yield np.array([text == value for text in array])
    numbers = np.array([_number(value) for value in values], dtype=float)
    lengths = np.array([np.nan if text is None else float(len(text)) for text in texts])
    for measure in (numbers, lengths):
        known = measure[np.isfinite(measure)]
        if not len(known) or _follows_time(measure, is_right, at):
            continue
        for cut in np.unique(np.quantile(known, _CUTS)):
            yield measure > cut
            yield measure < cut


def _follows_time(measure: NDArray[np.float64], is_right: Mask, at: Places) -> bool:
    mine = is_right & np.isfinite(measure)
    if mine.sum() < _FEWEST_FOR_TREND or len(np.unique(measure[mine])) < 2:
        return False
    found = stats.spearmanr(measure[mine], at[mine])
    return abs(float(found.statistic)) > _TREND and float(found.pvalue) < _TREND_P


def _number(value: Any) -> float:
    number = None if is_null(value) else as_number(value)
    return np.nan if number is None else float(number)
