"""Which records are replayed: a few of every stratum until its cause is decided, and the rest where it is worth it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import pandas as pd

from seamwatch.core.attribution.chance import Kind
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.replay_runner import ReplayRunner
from seamwatch.core.attribution.sequential import fewest_draws, is_decided, spread_order
from seamwatch.core.attribution.strata import Strata
from seamwatch.core.detection.rates import jeffreys_mean
from seamwatch.core.results import Verdict
from seamwatch.spec.pipeline import Isolation

_ROUNDS = 20
"""Rounds in which the records that fit are drawn at most: every round asks anew which stratum is least sure."""
_LEAST_LEAD = 3.0
"""Records beyond a healthy window's by which a cause must lead before it is worth replays to tell it from the next."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What else a window may cost once its sample was replayed."""

    is_worth_it: Callable[[Sequence[Verdict]], bool]
    """Whether these verdicts, or whoever asked, make it worth replaying every failing record."""
    calls_left: Callable[[], int]
    """How many calls more may be made for replays."""
    calls_for_sample: int | None = None
    """How many the sample itself may take; None: it is not bounded by records, only by the budget behind each call."""


SAMPLE_ONLY = Spending(is_worth_it=lambda _: False, calls_left=lambda: 0)


@dataclass
class Sample:
    """What was replayed of each stratum so far: the beginning of its order."""

    strata: Strata
    orders: dict[Hashable, list[Any]] = field(init=False)
    n_drawn: dict[Hashable, int] = field(init=False)
    of: dict[Any, Hashable] = field(init=False)
    """The stratum of each record."""

    def __post_init__(self) -> None:
        """Draw nothing yet."""
        self.orders = {mark: spread_order(members) for mark, members in self.strata.items()}
        self.n_drawn = dict.fromkeys(self.orders, 0)
        self.of = {key: mark for mark, members in self.strata.items() for key in members}

    @property
    def n_left(self) -> int:
        """Return how many records were not drawn yet."""
        return len(self.of) - self.n_replayed

    @property
    def n_replayed(self) -> int:
        """Return how many records were drawn."""
        return sum(self.n_drawn.values())

    def drawn(self, mark: Hashable) -> list[Any]:
        """Return the records of a stratum that were drawn."""
        return self.orders[mark][: self.n_drawn[mark]]

    def draw(self, mark: Hashable, size: int) -> list[Any]:
        """Return the next records of a stratum, `size` at most."""
        first = self.n_drawn[mark]
        found = self.orders[mark][first : first + size]
        self.n_drawn[mark] += len(found)
        return found


def replay_until_decided(
    runner: ReplayRunner, sample: Sample, known: Mapping[Any, Verdict], settings: Isolation, most: int
) -> None:
    """Replay records of every stratum until it is settled what most of them are, and which cause leads the window.

    Args:
        runner: Where they are replayed.
        sample: Of records that need a replay; grows.
        known: Verdicts of the others.
        settings: `confidence`, and `records_per_stratum`, the most that are drawn of one stratum.
        most: Records that are drawn in all; where they are few, the largest strata come first.

    Every stratum is drawn from at once, so that calls run side by side; a round draws no more records than could
    settle its test.
    """
    while True:
        kinds = runner.kinds(sample.of)
        batch: list[Any] = []
        for mark in sorted(sample.orders, key=lambda mark: -len(sample.orders[mark])):
            size = _next_draws([_side(kinds.get(key)) for key in sample.drawn(mark)], settings)
            batch += sample.draw(mark, min(size, most - sample.n_replayed))
        if not batch:
            break
        runner.replay(pd.Index(batch), sample.of)
    _draw_until_leading(runner, sample, known, settings, most)


def _draw_until_leading(
    runner: ReplayRunner, sample: Sample, known: Mapping[Any, Verdict], settings: Isolation, most: int
) -> None:
    """Replay more of the strata that leave in doubt which cause explains most beyond what a healthy window has."""
    evidence = runner.evidence
    fixed: dict[Hashable, float] = defaultdict(float)
    for verdict in known.values():
        for cause, weight in verdict.weights.items():
            fixed[cause] += weight
    fixed["not_before"] -= evidence.n_healthy_errors
    sizes = {mark: len(order) for mark, order in sample.orders.items()}
    while True:
        counts = _counts(runner, sample)
        left = most - sample.n_replayed
        room = {
            mark: min(min(size, settings.records_per_stratum) - sample.n_drawn[mark], left)
            for mark, size in sizes.items()
        }
        doubtful = doubtful_strata(sizes, counts, fixed, confidence=settings.confidence)
        widest = next((mark for mark in doubtful if room[mark] > 0), None)
        if widest is None:
            return
        size = min(room[widest], fewest_draws(confidence=settings.confidence))
        runner.replay(pd.Index(sample.draw(widest, size)), sample.of)


def replay_more(runner: ReplayRunner, sample: Sample, n: int, settings: Isolation) -> None:
    """Replay `n` records more: all that are left where they are no more than that, else those that decide most.

    A replay of a record decides as much as its verdict is likely to be wrong without it: each time records of the
    stratum are drawn whose replayed ones agree least.

    Args:
        runner: Where they are replayed.
        sample: Of records that need a replay; grows.
        n: How many records may be replayed.
        settings: `confidence`, which sets how many are drawn at once.
    """
    if n >= sample.n_left:
        rest = [key for mark in sample.orders for key in sample.draw(mark, sample.n_left)]
        runner.replay(pd.Index(rest), sample.of)
        return
    step = max(fewest_draws(confidence=settings.confidence), n // _ROUNDS)
    while n > 0:
        counts = _counts(runner, sample)
        open_strata = [mark for mark, order in sample.orders.items() if sample.n_drawn[mark] < len(order)]
        least_sure = min(open_strata, key=lambda mark: _agreement(counts[mark]))
        batch = sample.draw(least_sure, min(step, n))
        runner.replay(pd.Index(batch), sample.of)
        n -= len(batch)


def _agreement(counts: Counter[Hashable]) -> float:
    """Return the likely share of the records that are of the leading kind."""
    return jeffreys_mean(max(counts.values(), default=0), counts.total())


def _counts(runner: ReplayRunner, sample: Sample) -> dict[Hashable, Counter[Hashable]]:
    """Return by stratum how many of the replayed records are of each kind."""
    kinds = runner.kinds(sample.of)
    evidence = runner.evidence
    return {
        mark: Counter(_label(evidence, key, _side(kinds.get(key))) for key in sample.drawn(mark))
        for mark in sample.orders
    }


def doubtful_strata(
    sizes: Mapping[Hashable, int],
    counts: Mapping[Hashable, Counter[Hashable]],
    fixed: Mapping[Hashable, float],
    *,
    confidence: float,
) -> list[Hashable]:
    """Return the strata whose samples leave doubt of which cause leads, most doubt first; none if that is sure enough.

    Args:
        sizes: Records by stratum.
        counts: By stratum, how many of its replayed records have each cause.
        fixed: By cause, records that are known without a sample; a healthy window's errors taken off.
        confidence: At which the leading cause must be ahead of the next.

    The lead is a difference of sums over strata, taken as normal: W. G. Cochran (1977), "Sampling Techniques", ch. 5.
    """
    shares = {mark: {cause: n / c.total() for cause, n in c.items()} for mark, c in counts.items() if c.total()}
    totals: dict[Hashable, float] = defaultdict(float, fixed)
    for mark, share in shares.items():
        for cause, part in share.items():
            totals[cause] += sizes[mark] * part
    ranked = sorted(totals, key=lambda cause: -totals[cause])[:2]
    if len(ranked) < 2 or totals[ranked[0]] < _LEAST_LEAD:
        return []
    doubts: dict[Hashable, float] = {}
    for mark in shares:
        n, size = counts[mark].total(), sizes[mark]
        first, second = (jeffreys_mean(counts[mark][cause], n) for cause in ranked)
        spread = first + second - (first - second) ** 2
        doubts[mark] = size**2 * spread / n * (1.0 - n / size)
    lead = totals[ranked[0]] - totals[ranked[1]]
    bound = NormalDist().inv_cdf(confidence) * sum(doubts.values()) ** 0.5
    return [] if lead >= bound else sorted(doubts, key=lambda mark: -doubts[mark])


def _label(evidence: Evidence, key: Any, side: str) -> Hashable:
    return (side, evidence.stages_of(key) & evidence.before_model) if side == "before" else side


def _side(kinds: Mapping[Kind, float] | None) -> str:
    """Return on which side of the seam the record's likeliest kind is; `open` where it could not be judged."""
    if not kinds:
        return "open"
    return "before" if kinds.get(Kind.BEFORE, 0.0) > 0.5 else "not_before"


def _next_draws(sides: Sequence[str], settings: Isolation) -> int:
    """Return how many records more could settle the stratum; 0 where it is settled or enough were drawn."""
    if not sides:
        return min(fewest_draws(confidence=settings.confidence), settings.records_per_stratum)
    n_leading = Counter(sides).most_common(1)[0][1]
    if is_decided(n_leading, len(sides), confidence=settings.confidence):
        return 0
    more = 1
    while not is_decided(n_leading + more, len(sides) + more, confidence=settings.confidence):
        more += 1
    return max(0, min(more, settings.records_per_stratum - len(sides)))
