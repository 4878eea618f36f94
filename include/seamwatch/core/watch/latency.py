"""Whether the full pipeline takes longer than it did, told so that looks every few minutes cry wolf no oftener.

What is compared is how many records are slower than the P95 of the past: a healthy service has 5 % of them. The
evidence of a raised share is summed over all starts within the last day (an e-detector, see `detection/evidence.py`),
one start an hour, so it reaches c by chance at most once in c hours on average, however often one looks within them.
How much slow records come in bursts, over one hour and over several, is learnt from the past
(`detection/clustering.py`); so is what each hour of the day usually takes, where the past shows that hours differ.

Evidence alone tells nobody: P95 must be longer by the share that the pipeline file names, and the last records must
still be slow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from seamwatch.core.detection.clustering import design_effect, sum_blocks
from seamwatch.core.detection.evidence import log_evidence, needed_evidence
from seamwatch.core.detection.hours import HOUR, floor_hour, usual_hours
from seamwatch.core.detection.sketch import Sketch, merged
from seamwatch.core.results import Window
from seamwatch.core.watch.latency_hours import Hour

Floats = NDArray[np.float64]

QUANTILE = 0.95
LOOK_BACK = timedelta(days=14)
"""The past that is compared with."""
FALSE_ALARMS_PER_30_DAYS = 0.1
"""So often is a healthy service said to be slower, at most."""
NEEDED = math.log(needed_evidence(FALSE_ALARMS_PER_30_DAYS, over=timedelta(days=30), every=HOUR))
"""The logarithm of the evidence that is asked for: hours between two false alarms."""
LEAST_RECORDS = 20
"""Fewer records have no P95."""
LEAST_PAST_RECORDS = 100
LEAST_PAST_HOURS = 6
LEAST_DAYS = 5
"""Before so many days nothing is said of the hours of a day."""
_BACK = math.log(100.0)
"""So much likelier must the last records be those of a healthy service before it is called over."""
_BLOCKS = (1, 2, 4, 8, 24)
"""Hours of the blocks over which bursts are learnt."""
_ALIKE = 0.01
"""A day's hours differ where chance alone would make them differ so much in at most this share of services."""
_GUESS = 2.0
"""Design effect of a service of which nothing is known."""
_DOUBT = 1.0
"""How many standard errors the usual share of slow records is raised by."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the past tells of a healthy service."""

    window: Window
    hours: tuple[Hour, ...]
    """Those that are learnt from: not found themselves, with a finished record."""
    is_daily: bool
    """Whether each hour of the day is compared with its like only."""
    slow: tuple[float, ...]
    """By hour of the day: seconds from which a record is slow, P95 of what is compared with."""
    share: tuple[float, ...]
    """By hour of the day: the usual share of slow records, raised by its standard error."""
    effect: tuple[float, ...]
    """Design effect of the count of slow records in a block, for each length of `_BLOCKS`."""
    size: tuple[float, ...]
    """Records of such a block."""
    longest: int
    """Hours that may be judged at once; the past ends before them."""

    def like(self, hours: Sequence[Hour]) -> tuple[Hour, ...]:
        """Return the past hours that some hours are compared with."""
        if not self.is_daily:
            return self.hours
        wanted = {near for hour in hours for near in _near(hour.start.hour)}
        return tuple(one for one in self.hours if one.start.hour in wanted)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The full pipeline takes longer than it did."""

    hours: tuple[Hour, ...]
    """Those that are judged, oldest first, the present one last."""
    before: tuple[Hour, ...]
    """Those that they are compared with."""
    p95: float
    p95_before: float
    n_slow: int
    """Records slower than the P95 before."""
    log_evidence: float


def learn(hours: Sequence[Hour], now: datetime) -> Reference | None:
    """Return what the past tells; None as long as there is too little of it.

    Args:
        hours: Kept hours of the last `LOOK_BACK`, oldest first.
        now: The present.
    """
    present = floor_hour(now)
    past = [one for one in usual_hours(hours) if one.total.count]
    for longest in (24, 6):
        kept = [one for one in past if one.start <= present - longest * HOUR]
        if len(kept) >= LEAST_PAST_HOURS and sum(one.total.count for one in kept) >= LEAST_PAST_RECORDS:
            return _learn(kept, longest)
    return None


def _learn(kept: list[Hour], longest: int) -> Reference:
    of_day = np.array([one.start.hour for one in kept])
    n = np.array([one.total.count for one in kept], dtype=float)
    p95 = _p95(one.total for one in kept)
    k = np.array([one.total.count_above(p95) for one in kept], dtype=float)
    is_daily = _differ_by_hour(k, n, of_day) and len({one.start.date() for one in kept}) > LEAST_DAYS
    slow, size = [p95] * 24, np.full(24, n.sum())
    if is_daily:
        of_hours = [merged(one.total for one in kept if one.start.hour == hour) for hour in range(24)]
        for hour in range(24):
            near = merged(of_hours[one] for one in _near(hour))
            if near.count >= LEAST_PAST_RECORDS:
                slow[hour], size[hour] = _p95([near]), near.count
        k = np.array([one.total.count_above(slow[one.start.hour]) for one in kept], dtype=float)
    usual = k.sum() / n.sum()
    effects = {hours: _block_effect(kept, k, n, hours) for hours in _BLOCKS}
    # One more slow record than was seen: thresholds were chosen on the same records.
    raised = usual + _DOUBT * np.sqrt(effects[1][0] * usual / size) + 1.0 / size
    return Reference(
        window=Window(start=kept[0].start, end=kept[-1].start + HOUR),
        hours=tuple(kept),
        is_daily=is_daily,
        slow=tuple(slow),
        share=tuple(float(one) for one in np.clip(raised, 1e-4, 0.5)),
        effect=tuple(effect for effect, _ in effects.values()),
        size=tuple(size for _, size in effects.values()),
        longest=longest,
    )


def _differ_by_hour(k: Floats, n: Floats, of_day: NDArray[np.int64]) -> bool:
    """Return whether the share of slow records differs between hours of the day by more than within them.

    An F test of variances: between hours of the day, weighted by records, against between days within them.
    """
    total, slow = (np.bincount(of_day, weights=one, minlength=24) for one in (n, k))
    is_seen = total > 0
    share = np.divide(slow, total, out=np.zeros(24), where=is_seen)
    between = float((total * (share - k.sum() / n.sum()) ** 2).sum())
    within = float((n * (k / n - share[of_day]) ** 2).sum())
    free = (int(is_seen.sum()) - 1, len(n) - int(is_seen.sum()))
    if min(free) < 1 or within <= 0:
        return False
    return bool(stats.f.sf((between / free[0]) / (within / free[1]), *free) < _ALIKE)


def _block_effect(kept: Sequence[Hour], k: Floats, n: Floats, hours: int) -> tuple[float, float]:
    """Return the design effect of blocks of so many hours, and the records of one."""
    number = np.array([int(one.start.timestamp()) // (3600 * hours) for one in kept])
    place = np.unique(number, return_inverse=True)[1]
    bad, total = (np.bincount(place, weights=one).astype(float) for one in (k, n))
    return float(design_effect(sum_blocks(bad, total), guess=_GUESS)), float((total**2).sum() / total.sum())


def find_shift(hours: Sequence[Hour], reference: Reference, now: datetime, *, least_change: float) -> Shift | None:
    """Return how much longer the pipeline takes than before; None where it does not, or does no more."""
    judged = [one for one in reversed(_last(hours, now, reference.longest)) if one.total.count]
    while judged:
        windows = _Windows.of(judged, reference, now)
        found = _longer(judged, windows, reference, least_change)
        if found is None:
            return None
        healthy = windows.healthy_again(len(found.hours))
        if healthy == 0:
            return found
        # It is over since; whether it came again is asked of the hours after it alone.
        judged = judged[:healthy]
    return None


@dataclass(frozen=True, kw_only=True)
class _Windows:
    """Windows that end now: the newest hour, the two newest, and so on."""

    bad: Floats
    total: Floats
    share: Floats
    """The usual share of slow records."""
    effect: Floats
    """Design effect of their count."""

    @classmethod
    def of(cls, newest_first: Sequence[Hour], reference: Reference, now: datetime) -> _Windows:
        """Return the windows over some hours."""
        n = np.array([one.total.count for one in newest_first], dtype=float)
        usual = np.array([reference.share[one.start.hour] for one in newest_first])
        length = np.array([(floor_hour(now) - one.start) / HOUR + 1.0 for one in newest_first])
        total = np.cumsum(n)
        effect, size = (np.interp(length, _BLOCKS, one) for one in (reference.effect, reference.size))
        return cls(
            bad=np.cumsum([float(_slow(one, reference)) for one in newest_first]),
            total=total,
            share=np.cumsum(n * usual) / total,
            # More records than usual share what is common to them; fewer may all lie in one burst.
            effect=1.0 + (effect - 1.0) * np.maximum(total / size, 1.0),
        )

    def evidence(self) -> Floats:
        """Return the logarithm of the evidence of each window that the share is raised."""
        return log_evidence(self.bad, self.total, healthy_share=self.share, design_effect=self.effect)

    def healthy_again(self, hours: int) -> int:
        """Return how many of the newest hours are healthy again, after so many that were judged slow; 0 if none.

        Those that are likeliest under the usual share rather than under that of the slow hours, if they are likelier
        by `_BACK`.
        """
        shifted = min(self.bad[hours - 1] / self.total[hours - 1], 1.0 - 1e-3)
        bad, total, usual = (one[: hours - 1] for one in (self.bad, self.total, self.share))
        ratio = bad * np.log(usual / shifted) + (total - bad) * np.log((1.0 - usual) / (1.0 - shifted))
        ratio = np.where(total >= LEAST_RECORDS, ratio / self.effect[: hours - 1], -np.inf)
        return int(ratio.argmax()) + 1 if len(ratio) and ratio.max() >= _BACK else 0


def _longer(newest_first: Sequence[Hour], windows: _Windows, reference: Reference, least_change: float) -> Shift | None:
    """Return the window with the most evidence in which P95 is longer by so much; None where there is none."""
    evidence = windows.evidence()
    if float(special.logsumexp(evidence)) < NEEDED:
        return None
    for place in np.argsort(-evidence, kind="stable"):
        if evidence[place] < NEEDED / 2 or windows.total[place] < LEAST_RECORDS:
            continue
        chosen = tuple(reversed(newest_first[: int(place) + 1]))
        before = reference.like(chosen)
        p95, p95_before = (_p95(one.total for one in some) for some in (chosen, before))
        if p95 >= (1.0 + least_change) * p95_before:
            return Shift(
                hours=chosen,
                before=before,
                p95=p95,
                p95_before=p95_before,
                n_slow=int(windows.bad[place]),
                log_evidence=float(evidence[place]),
            )
    return None


def latest(hours: Sequence[Hour], now: datetime, *, records: int = 100) -> tuple[Hour, ...]:
    """Return the last hours that hold so many finished records, or all of the last day where they do not."""
    found: list[Hour] = []
    for hour in reversed(_last(hours, now, 24)):
        found.insert(0, hour)
        if sum(one.total.count for one in found) >= records:
            break
    return tuple(found)


def has_enough(hours: Sequence[Hour], now: datetime) -> bool:
    """Return whether the last hours hold enough records to call what was found over."""
    return sum(one.total.count for one in _last(hours, now, 6)) >= LEAST_RECORDS


def _last(hours: Sequence[Hour], now: datetime, n: int) -> list[Hour]:
    first = floor_hour(now) - (n - 1) * HOUR
    return [one for one in hours if first <= one.start <= now]


def _slow(hour: Hour, reference: Reference) -> int:
    return hour.total.count_above(reference.slow[hour.start.hour])


def _near(hour: int) -> tuple[int, int, int]:
    return ((hour - 1) % 24, hour, (hour + 1) % 24)


def _p95(sketches: Any) -> float:
    return merged(sketches).quantile(QUANTILE) or 0.0


def whole(hours: Sequence[Hour], part: str | None = None) -> Sketch:
    """Return the sketch over some hours, of the whole or of a part."""
    return merged(one.total if part is None else one.parts.get(part, Sketch()) for one in hours)


def count_models(hours: Sequence[Hour]) -> Mapping[str, int]:
    """Return the answers by the name of the model."""
    found: dict[str, int] = {}
    for hour in hours:
        for name, n in hour.models.items():
            found[name] = found.get(name, 0) + n
    return found
