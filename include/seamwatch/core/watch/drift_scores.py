"""Features of periods to series of scores whose mean has the same sampling error everywhere: 1 / records.

A number is replaced by its normal score among the records of all periods: the mean of these is the test of van der
Waerden (1952) for a shift, the mean of their squares that of Klotz (1962) for another spread; together the first two
components of a smooth test (J. Neyman, 1937) that asks nothing of the number's distribution. Of a category the share of
each frequent value and of values never seen is taken, as 2 arcsin(sqrt(share)) (F. J. Anscombe, 1948), whose
difference is Cohen's h. So all effects are in standard deviations, or what stands for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from seamwatch.core.watch.features import ENDING, Sample

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_RECORDS = 20
"""Fewer records of a period are no period at all."""
_POOL = 2000
"""Values that normal scores are read off."""
_MOSTLY_ONE = 0.9
"""A number of which one value has a greater share is looked at as that share."""
_RAREST = 0.01
_MOST_LEVELS = 8
_CODES = 10
"""Whole numbers with so few values may be codes: the share of each is looked at too."""
_WITH_SPREAD = ("number", "length")
_VERBAL = ("value", "language", ENDING)
_TREES = 40
_CLASSIFIED = 600
"""Records of the last period, and as many of those before."""


@dataclass(frozen=True, order=True)
class Place:
    """What one series measures."""

    stage: str
    column: str
    measure: str
    part: str
    """`location`, `spread`, `share` (of a flag), `level:<value>`; `auc` of a stage's classifier."""

    @property
    def id(self) -> str:
        """Return it as one text."""
        return "|".join((self.stage, self.column, self.measure, self.part))

    @property
    def only_more(self) -> bool:
        """Return whether only a rise means anything: fewer new values than before are no drift."""
        return self.measure in ("new", "new_words", "classifier")


@dataclass(frozen=True, kw_only=True)
class Series:
    """All series of some periods; rows periods, columns places."""

    places: tuple[Place, ...]
    means: Floats
    sizes: Floats
    n_columns: int
    """Columns looked at."""


@dataclass(frozen=True, kw_only=True)
class RowScores:
    """One series by record."""

    period: NDArray[np.int64]
    """Which period each record is of."""
    keys: NDArray[np.object_]
    raw: Floats
    """The number, or whether the record is one of those whose share is looked at."""
    score: Floats
    """What the series is the mean of; NaN where the record has no value."""
    is_share: bool


def score_stage(stage: str, samples: Sequence[Sample | None]) -> Series:
    """Return the series of a stage.

    Args:
        stage: Its name.
        samples: Of each period, oldest first; None where there is none.
    """
    period, columns, present = _stack(samples, [None] * len(samples))
    n_periods = len(samples)
    places: list[Place] = []
    means: list[Floats] = []
    sizes: list[Floats] = []
    for (column, measure), values in columns.items():
        for part, scores, is_share in _parts(measure, values, present.get(column), period):
            known = ~np.isnan(scores)
            n = np.bincount(period[known], minlength=n_periods).astype(float)
            total = np.bincount(period[known], weights=scores[known], minlength=n_periods)
            if is_share:
                mean = 2.0 * np.arcsin(np.sqrt((total + 0.375) / (n + 0.75)))
            else:
                mean = np.divide(total, n, out=np.zeros(n_periods), where=n > 0)
            places.append(Place(stage, column, measure, part))
            means.append(mean)
            sizes.append(np.where(n >= LEAST_RECORDS, n, 0.0))
    empty = np.zeros((n_periods, 0))
    return Series(
        places=tuple(places),
        means=np.column_stack(means) if means else empty,
        sizes=np.column_stack(sizes) if sizes else empty,
        n_columns=len({column for column, _ in columns}),
    )


def score_rows(place: Place, samples: Sequence[Sample | None]) -> RowScores:
    """Return what a series is the mean of, record by record."""
    period, columns, present = _stack(samples, [None] * len(samples), only=place.column)
    keys = np.concatenate([one.rows.index.to_numpy() for one in samples if one is not None] or [np.array([])])
    values = columns.get((place.column, place.measure), np.full(len(period), np.nan))
    for part, scores, is_share in _parts(place.measure, values, present.get(place.column), period):
        if part == place.part:
            is_number = values.dtype != object and not is_share
            raw = values.astype(float) if is_number else scores
            return RowScores(period=period, keys=keys, raw=raw, score=scores, is_share=is_share)
    nothing = np.full(len(period), np.nan)
    return RowScores(period=period, keys=keys, raw=nothing, score=nothing, is_share=True)


def level_counts(stage: str, column: str, measure: str, samples: Sequence[Sample | None]) -> pd.DataFrame:
    """Return records by value (columns) and period (rows), most frequent value first."""
    rows = [
        Counter() if one is None or f"{column}|{measure}" not in one.rows.columns
        else Counter(one.rows[f"{column}|{measure}"].dropna())
        for one in samples
    ]  # fmt: skip
    frame = pd.DataFrame([dict(one) for one in rows]).fillna(0.0)
    return frame[frame.sum().sort_values(ascending=False, kind="stable").index] if len(frame.columns) else frame


def column_kinds(samples: Sequence[Sample | None]) -> Mapping[str, str]:
    """Return what most periods take each column for."""
    votes: dict[str, Counter[str]] = {}
    for one in samples:
        for column, kind in one.kinds.items() if one is not None else ():
            votes.setdefault(column, Counter())[kind] += 1
    return {column: counts.most_common(1)[0][0] for column, counts in votes.items()}


def _stack(
    samples: Sequence[Sample | None], most: Sequence[int | None], only: str | None = None
) -> tuple[Any, dict[Any, Any], dict[str, Any]]:
    """Return the period of each record, by column and measure its values, and from which period on columns exist.

    `most` is of how many records of each period, None for all; `only` names the one column that is wanted.
    """
    frames: list[Mapping[str, Any]] = [{} if one is None else one.arrays for one in samples]
    lengths = [0 if one is None else len(one.rows.iloc[:n]) for one, n in zip(samples, most, strict=True)]
    period = np.repeat(np.arange(len(samples)), lengths)
    kinds = column_kinds(samples)
    wanted = {
        "category": ("null", "value", "new", "number", ENDING),
        "text": ("null", "length", "words", "non_ascii", "digits", "language", "new_words"),
        "number": ("null", "number"),
    }
    columns: dict[tuple[str, str], Any] = {}
    first: dict[str, Any] = {}
    for name in dict.fromkeys(name for frame in frames for name in frame):
        column, _, measure = name.rpartition("|")
        is_wanted = measure in wanted.get(kinds.get(column, "number"), ()) or measure.startswith("meaning_")
        if (only is not None and column != only) or (not is_wanted and measure != ENDING):
            continue
        has = [name in frame for frame in frames]
        is_verbal = measure in _VERBAL
        blank = None if is_verbal else np.nan
        dtype: Any = object if is_verbal else float
        columns[column, measure] = np.concatenate(
            [
                frame[name][:length].astype(dtype) if is_here else np.full(length, blank, dtype=dtype)
                for frame, is_here, length in zip(frames, has, lengths, strict=True)
            ]
        )
        if measure == "null":
            first[column] = int(np.argmax(has))
    return period, columns, first


def _parts(measure: str, values: Any, first: int | None, period: Any) -> list[tuple[str, Floats, bool]]:
    """Return `(part, score by record, whether it is a share)` of one feature."""
    if measure in _VERBAL:
        return _level_parts(values)
    if measure == "null":
        missing = np.where(np.isnan(values), 1.0, values)
        missing[period < (first or 0)] = np.nan  # before it was there it could not be missing
        known = missing[~np.isnan(missing)]
        return [("share", missing, True)] if len(known) and known.max() > 0.0 else []
    if measure == "new":
        return [("share", values, True)]
    return _number_parts(measure, values)


def _level_parts(values: Any) -> list[tuple[str, Floats, bool]]:
    known = pd.notna(values)
    n = int(known.sum())
    counts = Counter(values[known])
    levels = [level for level, count in counts.most_common(_MOST_LEVELS) if count >= _RAREST * n]
    if len(counts) <= 2:  # the share of the second is all that the first's could say
        levels = levels[1:]
    return [(f"level:{level}", np.where(known, (values == level).astype(float), np.nan), True) for level in levels]


def _number_parts(measure: str, values: Floats) -> list[tuple[str, Floats, bool]]:
    known = ~np.isnan(values)
    pool = values[known]
    if len(pool) < LEAST_RECORDS:
        return []
    pool = pool[:: max(1, len(pool) // _POOL)]
    distinct, counts = np.unique(pool, return_counts=True)
    most = int(np.argmax(counts))
    if counts[most] > _MOSTLY_ONE * len(pool):
        return [("share", np.where(known, (values != distinct[most]).astype(float), np.nan), True)]
    # A value between two of the pool is between their ranks.
    ranks = (np.cumsum(counts) - counts / 2.0) / len(pool)
    score = special.ndtri(np.interp(values, distinct, ranks))
    score = (score - np.nanmean(score)) / max(float(np.nanstd(score)), 0.2)
    parts = [("location", score, False)]
    if measure in _WITH_SPREAD and len(distinct) > 2:
        square = score**2
        parts.append(("spread", (square - np.nanmean(square)) / max(float(np.nanstd(square)), 0.2), False))
    if measure == "number" and len(distinct) <= _CODES and bool((distinct % 1 == 0).all()):
        codes = np.full(len(values), None, dtype=object)
        codes[known] = [f"{one:g}" for one in values[known]]
        parts += _level_parts(codes)
    return parts


@dataclass(frozen=True, kw_only=True)
class Telling:
    """How well a classifier tells the last period from those before."""

    auc: float
    size: float
    """Records that the error of its score goes with."""
    columns: tuple[str, ...]
    """Those that it goes by, the most telling first."""
    keys: tuple[str, ...]
    """Records of the last period that look new to it, the surest first."""


def tell_apart(samples: Sequence[Sample | None], *, seed: int = 0) -> Telling | None:
    """Return how well a random forest tells records of the last period from records before; None if there are too few.

    Judged on the records that each tree has not seen. Under no drift the area under the curve is 0.5, with a variance
    of (n0 + n1 + 1) / (12 n0 n1) (Mann and Whitney, 1947).

    Sources: D. Lopez-Paz, M. Oquab (2017), "Revisiting classifier two-sample tests", ICLR; S. Hediger, L. Michel,
    J. Naf (2022), "On the use of random forest for two-sample testing", for the out-of-bag records.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    now = samples[-1]
    past = [one for one in samples[:-1] if one is not None and len(one.rows) >= LEAST_RECORDS]
    if now is None or len(now.rows) < LEAST_RECORDS or len(past) < 3:
        return None
    share = -(-_CLASSIFIED // len(past))
    used = [*past, now]
    period, columns, _ = _stack(used, [*[share] * len(past), _CLASSIFIED])
    # What is new is said in relation to the past: the first days of a past would be told by it.
    names = [name for name, values in columns.items() if name[1] not in ("new", "new_words") and _varies(values)]
    if len({column for column, _ in names}) < 2:  # one column is looked at alone already
        return None
    table = np.column_stack([_as_numbers(columns[name]) for name in names])
    is_now = period == len(past)
    forest = RandomForestClassifier(
        _TREES, min_samples_leaf=5, max_depth=10, oob_score=True, random_state=seed, n_jobs=1
    )
    forest.fit(table, is_now)
    chance = forest.oob_decision_function_[:, 1]
    auc = float(roc_auc_score(is_now, chance))
    weights = pd.Series(forest.feature_importances_, index=[column for column, _ in names]).groupby(level=0).sum()
    order = np.flatnonzero(is_now)[np.argsort(-chance[is_now], kind="stable")]
    keys = now.rows.index[order - np.flatnonzero(is_now)[0]]
    looks_new = chance[order] > is_now.mean()
    n_now, n_past = int(is_now.sum()), int((~is_now).sum())
    return Telling(
        auc=auc,
        size=1.0 / (1.0 / n_now + 1.0 / n_past),
        columns=tuple(weights.sort_values(ascending=False, kind="stable").index[:3]),
        keys=tuple(keys[looks_new]),
    )


def _varies(values: Any) -> bool:
    known = values[pd.notna(values)]
    return bool(len(known)) and bool((known != known[0]).any())


def _as_numbers(values: Any) -> Floats:
    """Return values that trees can split: categories by how frequent they are, the unknown apart from all."""
    if values.dtype == object:
        order = {
            level: float(place) for place, (level, _) in enumerate(Counter(values[pd.notna(values)]).most_common())
        }
        return np.array([order.get(one, -1.0) for one in values])
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), known.min() - 1.0 if len(known) else 0.0, values)


def auc_score(auc: float) -> float:
    """Return the area under the curve as a score with a sampling variance of 1 / size, near standard deviations."""
    return float((auc - 0.5) * np.sqrt(12.0))
