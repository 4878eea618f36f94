"""Quantiles of many nonnegative numbers in one pass and little room, so that hours add up to days.

A value is counted in a bucket whose bounds have the same ratio everywhere, so any quantile is known to one per cent of
itself, and two sketches are merged by adding their buckets. Order statistics then bound what the quantile may be,
whatever the distribution.

Sources: C. Masson, J. E. Rim, H. K. Lee (2019), "DDSketch: A fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 12(12), sections 2.1 and 2.2; H. A. David, H. N. Nagaraja (2003), "Order Statistics",
3rd edition, section 7.1, for the interval by binomial ranks. Departures: buckets are never collapsed, as all values of
floating-point numbers above `SMALLEST` need some 37,000 of them and real ones a few hundred; least and largest value
are kept, and bound the estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Counts = NDArray[np.int64]

ACCURACY = 0.01
"""Largest relative error of a quantile."""
SMALLEST = 1e-9
"""Values below it are counted as zero: a nanosecond, a billionth of a dollar."""
# A hair below the promise, so that rounding of logarithms stays inside it.
_GAMMA = (1.0 + 0.999 * ACCURACY) / (1.0 - 0.999 * ACCURACY)
_PER_LOG = 1.0 / math.log(_GAMMA)
_CHUNK = 1 << 18
"""Values that are counted at once, so that what is computed between stays in the processor's cache."""


def _no_counts() -> Counts:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sketch:
    """Counts of nonnegative numbers by size. `Sketch()` is empty; `+` merges; nothing is changed in place."""

    first: int = 0
    """Number of the first bucket: bucket i holds what is above gamma^(i-1) and at most gamma^i."""
    bins: Counts = field(default_factory=_no_counts)
    """Values in each bucket from `first` on; none empty at either end."""
    zeros: int = 0
    """Values below `SMALLEST`."""
    left_out: int = 0
    """Values that are no nonnegative finite number, other than NaN, which is no value."""
    total: float = 0.0
    """Sum of all values counted."""
    least: float = math.inf
    largest: float = -math.inf

    @classmethod
    def of(cls, values: ArrayLike) -> Sketch:
        """Return the sketch of some numbers; NaN is no value, negative and infinite ones are left out and counted."""
        given = np.asarray(values, dtype=float).ravel()
        return merged(cls._of_chunk(given[at : at + _CHUNK]) for at in range(0, len(given), _CHUNK))

    @classmethod
    def _of_chunk(cls, values: NDArray[np.float64]) -> Sketch:
        is_fit = (values >= 0.0) & (values < np.inf)
        left_out = 0
        if not is_fit.all():
            left_out = int((~is_fit & ~np.isnan(values)).sum())
            values = values[is_fit]
        if not len(values):
            return cls(left_out=left_out)
        least, largest, total = float(values.min()), float(values.max()), float(values.sum())
        zeros = 0
        if least < SMALLEST:
            is_zero = values < SMALLEST
            zeros, values = int(is_zero.sum()), values[~is_zero]
        if not len(values):
            return cls(zeros=zeros, left_out=left_out, total=total, least=least, largest=largest)
        numbers = np.log(values)
        numbers *= _PER_LOG
        np.ceil(numbers, out=numbers)
        first = int(numbers.min())
        numbers -= first
        bins = np.bincount(numbers.astype(np.int64))
        return cls(first=first, bins=bins, zeros=zeros, left_out=left_out, total=total, least=least, largest=largest)

    def __add__(self, other: Sketch) -> Sketch:
        """Return the sketch of the values of both."""
        return merged((self, other))

    def __eq__(self, other: object) -> bool:
        """Return whether both count the same; the sums may differ by rounding."""
        if not isinstance(other, Sketch):
            return NotImplemented
        mine, theirs = (
            (one.first if len(one.bins) else 0, one.zeros, one.left_out, one.least, one.largest)
            for one in (self, other)
        )
        is_close = math.isclose(self.total, other.total, rel_tol=1e-9, abs_tol=1e-12)
        return mine == theirs and is_close and np.array_equal(self.bins, other.bins)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def count(self) -> int:
        """Return how many values are counted."""
        return self.zeros + int(self.bins.sum())

    @property
    def mean(self) -> float | None:
        """Return the mean, exact; None of nothing."""
        return self.total / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """Return the smallest value that at least the share `q` of all values do not exceed; None of nothing."""
        return self.quantiles((q,))[0]

    def quantiles(self, qs: Iterable[float]) -> tuple[float | None, ...]:
        """Return several quantiles, each within `ACCURACY` of the exact one."""
        n = self.count
        # Without the hair, 0.95 * 20 is 19.000000000000004 and would ask for the 20th of 20.
        return tuple(self._at(max(math.ceil(q * n - 1e-9), 1), 0.5) if n else None for q in qs)

    def interval(self, q: float, *, confidence: float = 0.95) -> tuple[float | None, float | None]:
        """Return bounds of the quantile of what the values were drawn from, independently, whatever its distribution.

        The number of values below the true quantile is binomial, so two ranks enclose it; the buckets' outer bounds are
        taken. None for a side that so few values cannot bound.
        """
        n, rest = self.count, (1.0 - confidence) / 2.0
        if n == 0:
            return None, None
        low, high = int(stats.binom.ppf(rest, n, q)), int(stats.binom.ppf(1.0 - rest, n, q)) + 1
        return (self._at(low, 0.0) if low >= 1 else None, self._at(high, 1.0) if high <= n else None)

    def count_above(self, value: float) -> int:
        """Return how many values are larger than a value by more than a bucket's width."""
        if value < SMALLEST:
            return self.count - self.zeros
        bucket = math.ceil(math.log(value) * _PER_LOG)
        return int(self.bins[max(bucket - self.first + 1, 0) :].sum())

    def _at(self, rank: int, place: float) -> float:
        """Return the value of a rank from 1 on, at the lower bound of its bucket (0), its middle (0.5) or upper (1)."""
        if rank <= self.zeros:
            return 0.0
        number = self.first + int(np.searchsorted(np.cumsum(self.bins), rank - self.zeros))
        # The middle is as far from both bounds, in shares of them.
        upper = _GAMMA**number
        value = {0.0: upper / _GAMMA, 0.5: 2.0 * upper / (_GAMMA + 1.0), 1.0: upper}[place]
        return min(max(value, self.least), self.largest)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data: of the buckets only those that are not empty, each as its step and its count."""
        where = np.flatnonzero(self.bins)
        steps = np.diff(where, prepend=0)
        sparse = np.column_stack([steps, self.bins[where]]).ravel().tolist()
        if sparse:
            sparse[0] = self.first
        found: dict[str, Any] = {"bins": sparse} if sparse else {}
        found |= {name: count for name, count in (("zeros", self.zeros), ("out", self.left_out)) if count}
        if self.count:
            found |= {"sum": float(f"{self.total:.10g}"), "min": self.least, "max": self.largest}
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sketch:
        """Return the sketch behind plain JSON data of `to_json`."""
        sparse = np.asarray(data.get("bins", ()), dtype=np.int64).reshape(-1, 2)
        bins, first = _no_counts(), 0
        if len(sparse):
            numbers = np.cumsum(sparse[:, 0])
            first = int(numbers[0])
            bins = np.zeros(int(numbers[-1]) - first + 1, dtype=np.int64)
            bins[numbers - first] = sparse[:, 1]
        return cls(
            first=first,
            bins=bins,
            zeros=int(data.get("zeros", 0)),
            left_out=int(data.get("out", 0)),
            total=float(data.get("sum", 0.0)),
            least=float(data.get("min", math.inf)),
            largest=float(data.get("max", -math.inf)),
        )


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """Return the sketch of the values of all."""
    parts = list(sketches)
    if len(parts) == 1:
        return parts[0]
    filled = [one for one in parts if len(one.bins)]
    first = min((one.first for one in filled), default=0)
    bins = np.zeros(max((one.first + len(one.bins) for one in filled), default=first) - first, dtype=np.int64)
    for one in filled:
        bins[one.first - first : one.first - first + len(one.bins)] += one.bins
    return Sketch(
        first=first,
        bins=bins,
        zeros=sum(one.zeros for one in parts),
        left_out=sum(one.left_out for one in parts),
        total=math.fsum(one.total for one in parts),
        least=min((one.least for one in parts), default=math.inf),
        largest=max((one.largest for one in parts), default=-math.inf),
    )
