"""Whether records that look new since a drift are wrong more often than others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy import stats

from seamwatch.core.watch.drift import Drift, Period
from seamwatch.core.watch.drift_scores import LEAST_RECORDS, Bools, RowScores, Telling, score_rows

_KEYS = 10
_OUTCOME_PERIODS = 7
"""Most periods whose outcomes are looked at."""
_SURE = 0.01
_ALWAYS_HARD = 0.8
"""Records that look so were always wrong if they were wrong so much of the time now."""


class Group(StrEnum):
    """Records whose outcomes are compared."""

    LOOK_NEW = "look_new"
    """Of the drift's periods, those that look as few did before."""
    OTHERS = "others"
    BEFORE = "before"
    LOOKED_SO_BEFORE = "looked_so_before"


@dataclass(frozen=True, kw_only=True)
class OutcomeComparison:
    """Outcomes of the records that look new, and of the others."""

    is_worse: bool | None
    """Whether records that look new are wrong more often; None where too few outcomes are known."""
    p_value: float | None
    counts: Mapping[Group, tuple[int, int]]
    """How many are judged, how many of them are wrong."""
    n_new: int
    """Records that look new, of all and not of the sample only."""
    keys: tuple[str, ...]

    @property
    def new_and_other(self) -> tuple[float, float] | None:
        """Return the shares of wrong outcomes of records that look new and of others; None where none is judged."""
        rates = {group: wrong / judged for group, (judged, wrong) in self.counts.items() if judged}
        if Group.LOOK_NEW not in rates:
            return None
        return rates[Group.LOOK_NEW], rates.get(Group.OTHERS, rates.get(Group.BEFORE, 0.0))


def drift_rows(drift: Drift, periods: Sequence[Period]) -> RowScores:
    """Return the scores of sampled records in the measure that drifted."""
    return score_rows(drift.place, [one.stages.get(drift.place.stage) for one in periods])


def _looks_new(lead: Drift, rows: RowScores, telling: Telling | None) -> Bools:
    """Return the records that look as few did before the drift."""
    if lead.place.measure == "classifier":
        return np.isin(rows.keys, telling.keys if telling is not None else ())
    if rows.is_share:
        return np.asarray(rows.score == (1.0 if lead.effect > 0 else 0.0))
    past = rows.score[(rows.period < lead.since) & ~np.isnan(rows.score)]
    if not len(past):
        return np.zeros(len(rows.score), dtype=bool)
    if lead.effect > 0:
        return np.asarray(rows.score > np.quantile(past, 0.9))
    return np.asarray(rows.score < np.quantile(past, 0.1))


def compare_outcomes(lead: Drift, periods: Sequence[Period], telling: Telling | None) -> OutcomeComparison:
    """Return whether records that look new are wrong more often than the others, by Fisher's exact test."""
    rows = drift_rows(lead, periods)
    is_new = _looks_new(lead, rows, telling)
    right = pd.concat([one.records["right"] for one in periods]) if periods else pd.Series(dtype=float)
    right = right[~right.index.duplicated(keep="last")]
    outcome = right.reindex(rows.keys).to_numpy(dtype=float)
    is_now = (rows.period >= lead.since) & (rows.period >= len(periods) - _OUTCOME_PERIODS)
    is_past = rows.period < lead.since
    parts = {
        Group.LOOK_NEW: is_now & is_new,
        Group.OTHERS: is_now & ~is_new,
        Group.BEFORE: is_past,
        Group.LOOKED_SO_BEFORE: is_past & is_new,
    }
    counts = {
        group: (int((~np.isnan(outcome[mask])).sum()), int((outcome[mask] == 0.0).sum()))
        for group, mask in parts.items()
    }
    total = sum(
        period.stages[lead.place.stage].n for period in periods[lead.since :] if lead.place.stage in period.stages
    )
    in_sample = max(int((rows.period >= lead.since).sum()), 1)
    n_new = round(total * int((is_new & (rows.period >= lead.since)).sum()) / in_sample)
    is_worse, p_value = _compare(counts)
    return OutcomeComparison(
        is_worse=is_worse,
        p_value=p_value,
        counts=counts,
        n_new=max(n_new, 1),
        keys=tuple(str(key) for key in rows.keys[is_now & is_new & (rows.period == len(periods) - 1)][:_KEYS]),
    )


def _compare(counts: Mapping[Group, tuple[int, int]]) -> tuple[bool | None, float | None]:
    (n, wrong), others, before = counts[Group.LOOK_NEW], counts[Group.OTHERS], counts[Group.BEFORE]
    n_other, wrong_other = others if others[0] >= LEAST_RECORDS else before
    if n < 5 or n_other < LEAST_RECORDS:
        return None, None
    table = [[wrong, n - wrong], [wrong_other, n_other - wrong_other]]
    p_value = float(stats.fisher_exact(table, alternative="greater").pvalue)
    n_like, wrong_like = counts[Group.LOOKED_SO_BEFORE]
    was_hard = n_like >= LEAST_RECORDS and wrong_like / n_like >= _ALWAYS_HARD * wrong / n
    return p_value < _SURE and not was_hard, p_value
