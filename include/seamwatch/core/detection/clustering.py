"""How much bad events come in bursts, learnt from a service's own past; and what share it usually has.

The past is kept as sums over blocks of time, which add up: a day's sums are made once, and the sums of four weeks are
added when an alert is judged. The variance of the blocks' counts, in variances of independent events, is the design
effect (Pearson's chi-square over its degrees of freedom). It is drawn towards a cautious guess until enough bad events
were seen to say, because the first burst of a new service must not page.

Sources: J. A. Nelder and P. McCullagh (1989), "Generalized linear models", section 4.5 (dispersion from Pearson's
statistic); L. Kish (1965), "Survey sampling", section 8.2 (design effect).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GUESS = 8.0
"""Design effect of a service of which nothing is known: that of bursts of four to five bad events on average."""
TICKET_GUESS = 2.0
"""The same where only a ticket is at stake."""
MIXED_GUESS = 4.0
"""The same of bad events that good ones interrupt (`interrupted`): a burst leaves few of them, however long it is."""
MIXED_DOUBT = 0.5
"""Standard errors by which what is learnt of them is raised; like the guess and the weight of their evidence chosen on
training seeds, as the least with which healthy services do not give more pages than without."""
TAIL = 1.5
"""For pages, what the design effect is above 1 counts so many times: the sizes of bursts have a longer tail than a
beta-binomial of the same variance. Chosen on the training seeds of `tests/benchmarks/slo/alerts.py`."""
GUESS_WEIGHT = 4.0
"""As how many blocks with bad events the guess counts."""
DOUBT = 1.0
"""How many standard errors the learnt value is raised by."""
USUAL_DOUBT = 1.0
"""How many standard errors the usual share is raised by."""
BLOCK_LAG = timedelta(hours=12)
"""Blocks are learnt from once they are so old: an outage must not explain itself."""
USUAL_LAG = timedelta(hours=72)
"""The same for the usual share, which a slow burn would raise."""
LOOK_BACK = timedelta(days=28)
"""Older blocks are forgotten."""
TICKS_PER_HOUR = 12.0
"""Events are kept in sums of five minutes."""
RARE_PER_TICK = 0.5
"""Bad events allowed in a tick, up to which they are rare."""
FEW_PER_TICK = 10.0
"""Events of a tick, up to which they are few: of more, a burst that good ones surround is interrupted as a whole."""
EVENTS_PER_BLOCK = 30.0
"""A block is so long that it has about as many events; a burst then seldom crosses its end."""


@dataclass(frozen=True, kw_only=True)
class BlockSums:
    """Sums over blocks of one length; floats, or arrays of one shape for many services. Adds up."""

    blocks: Floats | float = 0.0
    """Blocks with any event."""
    total: Floats | float = 0.0
    bad: Floats | float = 0.0
    total_squared: Floats | float = 0.0
    bad_squared: Floats | float = 0.0
    bad_by_total: Floats | float = 0.0

    def __add__(self, other: BlockSums) -> BlockSums:
        """Return the sums over the blocks of both."""
        return BlockSums(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __sub__(self, other: BlockSums) -> BlockSums:
        """Return the sums without the blocks of the other."""
        return BlockSums(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)})


def sum_blocks(bad: Floats, total: Floats) -> BlockSums:
    """Return the sums over the last axis: one value a block, in any order."""
    return BlockSums(
        blocks=(total > 0).sum(axis=-1).astype(float),
        total=total.sum(axis=-1),
        bad=bad.sum(axis=-1),
        total_squared=(total**2).sum(axis=-1),
        bad_squared=(bad**2).sum(axis=-1),
        bad_by_total=(bad * total).sum(axis=-1),
    )


def interrupted(bad: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return by tick the bad events that good ones of the same tick interrupt, and the most that could be.

    A burst leaves bad events beside good ones at its beginning and end only, however long it is; where a share of all
    answers is wrong, good and bad ones alternate in every tick. So their number tells an outage from a few long bursts,
    which the number of bad events cannot: its variance is that of the bursts' lengths.

    Args:
        bad: Bad events by tick of a few minutes; any shape.
        total: Events by tick, of the same shape.
    """
    pairs = np.floor(total / 2.0)
    return np.minimum(np.minimum(bad, total - bad), pairs), pairs


def stretches(bad: Floats, total: Floats) -> Floats:
    """Return by tick 1.0 where bad events begin: it has some, and the last tick before that had events had none bad.

    Where bad events are rare a burst is one stretch, whatever its length, so their number varies as that of the bursts
    does: far less than the number of bad events. Where most ticks have bad events it says nothing; see `are_rare`.

    Args:
        bad: Bad events by tick of a few minutes, in order of time along the last axis.
        total: Events by tick, of the same shape.
    """
    ticks = np.where(total > 0, np.arange(total.shape[-1]), -1)
    nothing = np.full((*total.shape[:-1], 1), -1)
    before = np.concatenate([nothing, np.maximum.accumulate(ticks, axis=-1)], axis=-1)[..., :-1]
    bad_before = np.where(before >= 0, np.take_along_axis(bad, np.maximum(before, 0), axis=-1), 0.0)
    return np.asarray((bad > 0) & (bad_before == 0), dtype=float)


def are_rare(events_per_hour: float, *, budget_share: float) -> bool:
    """Return whether so few bad events are allowed that `stretches` tells bursts apart."""
    return events_per_hour / TICKS_PER_HOUR * budget_share <= RARE_PER_TICK


def are_few(events_per_hour: float) -> bool:
    """Return whether so few events come in a tick that `interrupted` tells a burst from an outage."""
    return events_per_hour / TICKS_PER_HOUR <= FEW_PER_TICK


def block_hours(events_per_hour: float) -> int:
    """Return the length of a block in hours, a divisor of a day: 1 from 30 events an hour on, 24 for the quietest."""
    wanted = EVENTS_PER_BLOCK / events_per_hour if events_per_hour > 0 else 24.0
    return next((hours for hours in (1, 2, 3, 4, 6, 8, 12) if hours >= wanted), 24)


def design_effect(sums: BlockSums, *, guess: float = GUESS, doubt: float | None = None) -> Floats:
    """Return the variance of a block's count of bad events, in variances of independent ones; at least 1.

    Raised by `doubt` standard errors (None: `DOUBT`), and drawn to `guess` as long as few blocks or bad events were
    seen.
    """
    blocks, bad, total = (np.asarray(value, dtype=float) for value in (sums.blocks, sums.bad, sums.total))
    share = np.divide(bad, total, out=np.zeros_like(bad), where=total > 0)
    squares = sums.bad_squared - 2 * share * sums.bad_by_total + share**2 * sums.total_squared
    expected = total * share * (1 - share)
    # One degree of freedom went into the share.
    scale = np.where(blocks > 1, blocks / np.maximum(blocks - 1, 1), 1.0)
    pearson = np.divide(squares * scale, expected, out=np.ones_like(expected), where=expected > 0)
    seen = np.maximum(pearson, 1.0)
    known = np.minimum(blocks, bad / seen)
    drawn = (known * seen + GUESS_WEIGHT * guess) / (known + GUESS_WEIGHT)
    error = seen * np.sqrt(2 * known) / (known + GUESS_WEIGHT)
    return np.asarray(drawn + (DOUBT if doubt is None else doubt) * error, dtype=float)


def page_effect(sums: BlockSums) -> Floats:
    """Return the design effect that a page is judged with."""
    return np.asarray(1.0 + TAIL * (design_effect(sums) - 1.0), dtype=float)


def mixed_effect(sums: BlockSums) -> Floats:
    """Return the design effect that interrupted bad events are judged with; `sums` are of what `interrupted` returns.

    It is not raised for a tail, since no burst brings many of them.
    """
    return design_effect(sums, guess=MIXED_GUESS, doubt=MIXED_DOUBT)


def ticket_effect(sums: BlockSums) -> Floats:
    """Return the design effect that a ticket is judged with."""
    return design_effect(sums, guess=TICKET_GUESS)


def usual_share(sums: BlockSums, *, budget_share: float) -> Floats:
    """Return the bad share that the service usually has, raised by its standard error; never above its budget.

    Args:
        sums: Of the past.
        budget_share: 1 - goal; also what is returned without a past.
    """
    bad, total = np.asarray(sums.bad, dtype=float), np.asarray(sums.total, dtype=float)
    effect = ticket_effect(sums)
    raised = bad + USUAL_DOUBT * np.sqrt(effect * (bad + effect))
    share = np.divide(raised, total, out=np.full_like(total, budget_share), where=total > 0)
    return np.asarray(np.minimum(share, budget_share), dtype=float)
