"""Whether people who judge the same answers agree: Krippendorff's alpha and Cohen's kappa, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seamwatch.core.accuracy.labels import Floats
from seamwatch.core.detection.rates import exact_bounds
from seamwatch.errors import DataContractError

OPINION_COLUMNS = ("record", "reviewer", "value")
"""One row an opinion: key, who, and what was said (any value; null says nothing and is left out)."""
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement beyond chance: 1 is perfect, 0 as if everybody had guessed."""

    value: float | None
    """None where nothing can be said: no record with two opinions, or everybody always said the same one thing."""
    low: float | None
    high: float | None
    n_records: int
    """Records with two opinions or more."""
    n_opinions: int
    """Opinions on these."""
    observed: float | None
    """Share of pairs of opinions on one record that agree."""


def krippendorff_alpha(opinions: pd.DataFrame) -> Agreement:
    """Return Krippendorff's alpha for nominal values of any number of reviewers, some of whom are missing for a record.

    Args:
        opinions: Columns `OPINION_COLUMNS`, at most one opinion of one reviewer on one record.

    Raises:
        DataContractError: If a column is missing or a reviewer judges one record twice.

    Source: K. Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C.
    """
    counts = _counts(opinions)
    return _agreement(counts, _alpha_disagreements)


def cohen_kappa(opinions: pd.DataFrame, *, first: str, second: str) -> Agreement:
    """Return Cohen's kappa of two reviewers, on the records that both judged.

    Raises:
        DataContractError: As of `krippendorff_alpha`.

    Source: J. Cohen (1960), "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20(1).
    """
    table = _opinion_table(opinions)
    if first not in table.columns or second not in table.columns:
        pairs = table.iloc[:0, :0]
    else:
        pairs = table[[first, second]].dropna()
    codes = pd.factorize(pairs.to_numpy().ravel())[0].reshape(-1, 2) if pairs.size else np.zeros((0, 2), dtype=np.int64)
    n_values = int(codes.max()) + 1 if codes.size else 0
    shown = np.stack([np.eye(n_values)[codes[:, place]] for place in (0, 1)], axis=1)
    return _agreement(shown, _kappa_disagreements)


def _opinion_table(opinions: pd.DataFrame) -> pd.DataFrame:
    """Return opinions by record (rows) and reviewer (columns)."""
    if missing := [name for name in OPINION_COLUMNS if name not in opinions]:
        msg = f"opinions need the columns {', '.join(OPINION_COLUMNS)}; missing: {', '.join(missing)}"
        raise DataContractError(msg)
    given = opinions.loc[opinions["value"].notna(), list(OPINION_COLUMNS)]
    if given.duplicated(["record", "reviewer"]).any():
        msg = "a reviewer has two opinions on one record; the last word counts: leave the others out"
        raise DataContractError(msg)
    return given.astype({"value": object}).pivot(index="record", columns="reviewer", values="value")


def _counts(opinions: pd.DataFrame) -> Floats:
    """Return how many reviewers said each value (second axis) of each record with two opinions or more."""
    table = _opinion_table(opinions)
    known = table.stack().dropna() if table.size else pd.Series(dtype=object)
    if known.empty:
        return np.zeros((0, 0))
    counts = pd.crosstab(known.index.get_level_values(0), pd.factorize(known.to_numpy())[0]).to_numpy(dtype=float)
    return np.asarray(counts[counts.sum(axis=1) >= 2], dtype=float)


def _alpha_disagreements(counts: Floats) -> tuple[Floats, Floats]:
    """Return observed and expected disagreement, of all records first and then without each one.

    Sums of coincidences: each record adds its pairs of opinions divided by one less than their number.
    """
    sizes = counts.sum(axis=1)
    disagreeing = (sizes**2 - (counts**2).sum(axis=1)) / (sizes - 1)
    values = np.vstack([counts.sum(axis=0), counts.sum(axis=0) - counts])
    totals = values.sum(axis=1)
    observed = np.concatenate([[disagreeing.sum()], disagreeing.sum() - disagreeing]) / np.maximum(totals, 1)
    expected = (totals**2 - (values**2).sum(axis=1)) / np.maximum(totals * (totals - 1), 1)
    return observed, expected


def _kappa_disagreements(shown: Floats) -> tuple[Floats, Floats]:
    """Return the same for two reviewers, each with a distribution of values of their own."""
    differs = 1 - (shown[:, 0] * shown[:, 1]).sum(axis=1)
    sums = np.concatenate([shown.sum(axis=0)[None], shown.sum(axis=0)[None] - shown])
    n = np.concatenate([[len(shown)], np.full(len(shown), len(shown) - 1)]).astype(float)
    observed = np.concatenate([[differs.sum()], differs.sum() - differs]) / np.maximum(n, 1)
    expected = 1 - (sums[:, 0] * sums[:, 1]).sum(axis=1) / np.maximum(n, 1) ** 2
    return observed, expected


def _agreement(items: Floats, disagreements: Callable[[Floats], tuple[Floats, Floats]]) -> Agreement:
    """Return 1 - observed / expected disagreement, with an interval that also few records without any keep honest.

    The standard error is the jackknife's over records (B. Efron, C. Stein 1981, "The jackknife estimate of variance",
    Ann. Statist. 9(3)). The interval is Clopper and Pearson's of the observed disagreement, for as many records as
    would give that error, divided by the expected one: without a disagreement it still allows as many as luck may have
    hidden.
    """
    n = len(items)
    n_opinions = int(items.sum())
    if n == 0:
        return Agreement(value=None, low=None, high=None, n_records=0, n_opinions=0, observed=None)
    observed, expected = disagreements(items)
    share = float(observed[0])
    if expected[0] <= 0:
        return Agreement(value=None, low=None, high=None, n_records=n, n_opinions=n_opinions, observed=1 - share)
    ratio = np.divide(observed, expected, out=np.zeros(n + 1), where=expected > 0)
    variance = (n - 1) / n * float(((ratio[1:] - ratio[1:].mean()) ** 2).sum()) * float(expected[0]) ** 2
    smoothed = (share * n + 1) / (n + 2)
    size = min(smoothed * (1 - smoothed) / variance, float(n)) if variance > 0 else float(n)
    low, high = exact_bounds(share, size, confidence=CONFIDENCE)
    return Agreement(
        value=1 - share / float(expected[0]),
        low=max(1 - high / float(expected[0]), -1.0),
        high=1 - low / float(expected[0]),
        n_records=n,
        n_opinions=n_opinions,
        observed=1 - share,
    )
