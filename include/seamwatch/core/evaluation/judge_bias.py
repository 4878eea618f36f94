"""How far a judge goes by the place and the length of an answer rather than by what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atanh, log1p, sqrt, tanh

import numpy as np

from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.evaluation.judge_answer import Verdict
from seamwatch.core.evaluation.judge_verdicts import changed_with_order

Z_95 = 1.959964
FEWEST_FOR_CORRELATION = 10
"""Fewer answers say nothing of a correlation."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of some answers, with its 95 % interval; all None where there are none."""

    n: int
    of: int
    low: float | None
    high: float | None

    @property
    def ratio(self) -> float | None:
        """Return the share, 0 to 1."""
        return self.n / self.of if self.of else None


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A correlation of some answers, with its 95 % interval; None where too few, or all alike, were judged."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class JudgeBias:
    """What was measured of a judge without anybody's labels."""

    order_flips: Share
    """Of pairs asked in both orders with a verdict in each, those where it changed its mind."""
    first_in_flips: Share
    """Of these, those where it named whatever stood first both times; a half where it is only unsteady."""
    length: Correlation
    """Of the verdict (score, or preference for the answer that is judged) with the length of that answer (for a pair:
    how much longer it is than the other). Longer answers may also be better: beside people's labels it tells."""


@dataclass(frozen=True, kw_only=True)
class JudgedPair:
    """The two verdicts on one pair."""

    straight: Verdict
    swapped: Verdict


def measure_bias(*, pairs: Sequence[JudgedPair], lengths: Sequence[float], scores: Sequence[float]) -> JudgeBias:
    """Return a judge's bias by place and length.

    Args:
        pairs: Those that were asked in both orders; ones without two verdicts are left out.
        lengths: By answer with a score, its characters; for a pair the difference of `length_of` both.
        scores: By the same answers, how good the judge finds it, 0 to 1.
    """
    read = [pair for pair in pairs if _decided(pair.straight) and _decided(pair.swapped)]
    flips = [pair for pair in read if changed_with_order(pair.straight, pair.swapped)]
    placed = [pair for pair in flips if pair.straight.word == pair.swapped.word]
    first = [pair for pair in placed if pair.straight.word == "first"]
    return JudgeBias(
        order_flips=_share(len(flips), len(read)),
        first_in_flips=_share(len(first), len(placed)),
        length=_correlation(lengths, scores),
    )


def length_of(text: str) -> float:
    """Return the length of a text on the scale that is compared: twice as long counts the same anywhere."""
    return log1p(len(text))


def _decided(verdict: Verdict) -> bool:
    return verdict.word is not None and verdict.word != "unsure"


def _share(n: int, of: int) -> Share:
    low, high = wilson_interval(n, of) or (None, None)
    return Share(n=n, of=of, low=low, high=high)


def _correlation(x: Sequence[float], y: Sequence[float]) -> Correlation:
    """Return Spearman's correlation with Fisher's interval, widened for ranks (Bonett and Wright 2000)."""
    n = len(x)
    if n < FEWEST_FOR_CORRELATION:
        return Correlation(value=None, low=None, high=None, n=n)
    a, b = _ranks(x), _ranks(y)
    if a.std() == 0.0 or b.std() == 0.0:
        return Correlation(value=None, low=None, high=None, n=n)
    value = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    middle = atanh(float(np.clip(value, -0.999999, 0.999999)))
    half = Z_95 * sqrt((1.0 + value * value / 2.0) / (n - 3))
    return Correlation(value=value, low=tanh(middle - half), high=tanh(middle + half), n=n)


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Return the ranks; equal values share the mean of theirs."""
    _, group, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[group]
