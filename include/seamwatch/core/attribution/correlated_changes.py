"""What else changed when a cause began: columns of the tables whose value switched near its onset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from seamwatch.core.detection.onset import onset_index
from seamwatch.core.finding import NO_VALUE, Finding, Switch
from seamwatch.core.records.comparison import strict_text

SIGNIFICANT = 0.01
"""Fisher's p, times the values tried, below which a switch is named."""
MOST_VALUES = 20
"""A column with more values is content, not a version."""
_MOST_BEFORE = 0.02
"""Share of the records before a switch that may have the new value: a canary, a clock that is off."""
_LEAST_AFTER = 0.05
"""Share of the records after a switch that must have the new value."""
_RULING = 0.5
"""Share of the records before a switch that one value must have: a version rules, content does not."""
_SLACK = 0.02
"""How far outside the onset's interval a switch may lie, as a share of the records; never less than three."""
_GLANCE = 1000
"""Records looked at first: a column of content is left there."""
_MOST_NAMED = 5

Bools = NDArray[np.bool_]
Columns = Mapping[tuple[str, str], "pd.Series[Any]"]
"""Stage and field to values by key (as text)."""


@dataclass(frozen=True, kw_only=True)
class _Value:
    place: tuple[str, str]
    before: str
    after: str
    has_it: Bools
    first: int


def find_switches(
    columns: Columns, cause: Finding, affected: frozenset[str], times: pd.Series[Any]
) -> tuple[Switch, ...]:
    """Return the columns whose value switched near the onset and goes with the affected records, the best first.

    Args:
        columns: What the tables hold beside what a reference makes and what the cause damaged.
        cause: With its onset and interval.
        affected: Keys of the records that it explains.
        times: Aware time by key (as text), for all judged records looked at.

    A value switched where it is rare before its likeliest change point and not after it. Whether it goes with the
    affected records is Fisher's exact test (R. A. Fisher, 1935), one-sided, Bonferroni over all values that could have
    been named.
    """
    if cause.onset is None:
        return ()
    times = times.dropna().sort_values(kind="stable")
    is_affected = times.index.isin(affected)
    known = [value for place, column in columns.items() for value in _values(place, column.reindex(times.index))]
    low, high = _places(cause, times)
    found: list[Switch] = []
    for value in known:
        if not low <= value.first <= high:
            continue
        p_value = min(1.0, _fisher(is_affected, value.has_it) * len(known))
        if p_value < SIGNIFICANT:
            stage, field = value.place
            at: datetime = pd.Timestamp(times.iloc[value.first]).floor("us").to_pydatetime()
            found.append(
                Switch(stage=stage, field=field, before=value.before, after=value.after, at=at, p_value=p_value)
            )
    found.sort(key=lambda switch: (switch.p_value, switch.at, switch.stage, switch.field))
    return tuple(found[:_MOST_NAMED])


def _values(place: tuple[str, str], column: pd.Series[Any]) -> Iterator[_Value]:
    """Yield the values of a column that come up at some moment; none for content or a constant."""
    glance = column.iloc[:: max(1, len(column) // _GLANCE)]
    if glance.map(strict_text).nunique() > MOST_VALUES:
        return
    cells = column.to_numpy(dtype=object)
    # Columns of JSON may hold a list or an object in one record only; a tuple's hash is that of its parts.
    if any(issubclass(kind, tuple) or not issubclass(kind, Hashable) for kind in set(map(type, cells))):
        return
    codes, found = pd.factorize(cells, use_na_sentinel=False)
    known = np.array([strict_text(value) or NO_VALUE for value in found], dtype=object)
    texts = pd.Series(known[codes])
    if not 2 <= texts.nunique() <= min(MOST_VALUES, len(texts) // 2):
        return
    for after in texts.unique():
        if after == NO_VALUE:  # A value that is no longer there follows from a failure.
            continue
        has_it = (texts == after).to_numpy(dtype=bool)
        first = onset_index(has_it.tolist())
        if not first or has_it[:first].mean() > _MOST_BEFORE or has_it[first:].mean() < _LEAST_AFTER:
            continue
        before, n_before = Counter(texts.iloc[:first]).most_common(1)[0]
        if n_before < _RULING * first:
            continue
        yield _Value(place=place, before=before, after=after, has_it=has_it, first=first)


def _places(cause: Finding, times: pd.Series[Any]) -> tuple[float, float]:
    """Return between which records a switch may lie."""
    slack = max(3.0, _SLACK * len(times))
    low = 0 if cause.onset_low is None else int((times < cause.onset_low).sum())
    high = int((times <= (cause.onset_high or cause.onset)).sum())
    return low - slack, high + slack


def _fisher(is_affected: Bools, has_it: Bools) -> float:
    table = [
        [int((is_affected & has_it).sum()), int((is_affected & ~has_it).sum())],
        [int((~is_affected & has_it).sum()), int((~is_affected & ~has_it).sum())],
    ]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)
