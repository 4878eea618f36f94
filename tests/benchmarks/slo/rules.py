"""Alert rules over many simulated months at once: ours by the functions of the product, and what others run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from slo.simulate import TICKS_PER_HOUR, Floats

from seamwatch.core.detection.clustering import (
    BLOCK_LAG,
    LOOK_BACK,
    USUAL_LAG,
    BlockSums,
    are_few,
    are_rare,
    block_hours,
    interrupted,
    mixed_effect,
    page_effect,
    stretches,
    ticket_effect,
    usual_share,
)
from seamwatch.core.detection.evidence import log_evidence
from seamwatch.core.slo.alerts import (
    MIXED_WEIGHT,
    STRETCH_WEIGHT,
    BurnRule,
    CountRule,
    all_evidence,
    default_rules,
    evidence_needed_by,
    most_mixed,
    too_many,
)
from seamwatch.vocabulary import AlertSeverity

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
TICK = timedelta(minutes=5)
HOUR = timedelta(hours=1)
WORKBOOK_PAGES = ((1.0, 1 / 12, 14.4), (6.0, 0.5, 6.0))
WORKBOOK_TICKETS = ((24.0, 2.0, 3.0), (72.0, 6.0, 1.0))
SLO_GENERATOR_PAGES = ((1.0, None, 9.0), (12.0, None, 3.0))
"""The alerting steps of the default policy of its samples/config.yaml: one window each."""


class Windows:
    """Sums over windows that end at each tick; the months' beginning counts as empty before."""

    def __init__(self, bad: Floats, total: Floats) -> None:
        self.shape = bad.shape
        zero = np.zeros((len(bad), 1))
        self.bad, self.total = bad, total
        self._bad = np.concatenate([zero, bad.cumsum(axis=1)], axis=1)
        self._total = np.concatenate([zero, total.cumsum(axis=1)], axis=1)

    def sums(self, length: timedelta) -> tuple[Floats, Floats]:
        width = round(length / TICK)
        return self._over(self._bad, width), self._over(self._total, width)

    def at(self, length: timedelta, where: tuple[NDArray[np.int64], NDArray[np.int64]]) -> tuple[Floats, Floats]:
        row, tick = where
        first = np.maximum(tick + 1 - round(length / TICK), 0)
        return (
            self._bad[row, tick + 1] - self._bad[row, first],
            self._total[row, tick + 1] - self._total[row, first],
        )

    @staticmethod
    def _over(sums: Floats, width: int) -> Floats:
        found = sums[:, 1:].copy()
        found[:, width:] -= sums[:, 1:-width]
        return found


def workbook(windows: Windows, budget: float, rows: tuple[tuple[float, float | None, float], ...]) -> Bools:
    """Return where any of the rules (long, short, burn) fires; a window without events fires nothing."""
    fires = np.zeros(windows.shape, dtype=bool)
    for long, short, burn in rows:
        found = _burns(windows, timedelta(hours=long), budget * burn, is_empty=False)
        if short is not None:
            found &= _burns(windows, timedelta(hours=short), budget * burn, is_empty=False)
        fires |= found
    return fires


def _burns(windows: Windows, length: timedelta, share: float, *, is_empty: bool) -> Bools:
    bad, total = windows.sums(length)
    return np.asarray(np.where(total > 0, bad >= share * total * (1 - 1e-12), is_empty), dtype=bool)


@dataclass(frozen=True)
class Learnt:
    """What is known of each month's past, by hour; arrays of shape (months, hours)."""

    page_effect: Floats
    ticket_effect: Floats
    share: Floats
    mixed: tuple[Floats, Floats] | None
    """Share and design effect of interrupted bad events; None where events are too many."""
    stretches: tuple[Floats, Floats] | None
    """The same of stretches; None where bad events are too many."""

    def effect(self, severity: AlertSeverity) -> Floats:
        return self.page_effect if severity is AlertSeverity.PAGE else self.ticket_effect


def learn(bad: Floats, total: Floats, goal: float, per_hour: float) -> Learnt:
    """Return what the product would know at each hour: from whole blocks that are old enough, by its own functions."""
    recent, older = _known(bad, total, per_hour)
    mixed_recent, mixed_older = _known(*interrupted(bad, total), per_hour)
    begun_recent, begun_older = _known(stretches(bad, total), total, per_hour)
    mixed_share = usual_share(mixed_older, budget_share=most_mixed(1 - goal))
    is_rare = are_rare(per_hour, budget_share=1 - goal)
    return Learnt(
        page_effect=page_effect(recent),
        ticket_effect=ticket_effect(recent),
        share=usual_share(older, budget_share=1 - goal),
        mixed=(mixed_share, mixed_effect(mixed_recent)) if are_few(per_hour) else None,
        stretches=(usual_share(begun_older, budget_share=1 - goal), ticket_effect(begun_recent)) if is_rare else None,
    )


def _known(bad: Floats, total: Floats, per_hour: float) -> tuple[BlockSums, BlockSums]:
    """Return sums over the blocks that tell of bursts, and of the older ones that tell what is usual, at each hour."""
    width = block_hours(per_hour)
    blocks = [values.reshape(len(values), -1, width * TICKS_PER_HOUR).sum(axis=2) for values in (bad, total)]
    each = {"blocks": blocks[1] > 0, "total": blocks[1], "bad": blocks[0]}
    each |= {"total_squared": blocks[1] ** 2, "bad_squared": blocks[0] ** 2, "bad_by_total": blocks[0] * blocks[1]}
    n, hours = len(bad), bad.shape[1] // TICKS_PER_HOUR
    zero = np.zeros((n, 1))
    sums = {name: np.concatenate([zero, values.cumsum(axis=1)], axis=1) for name, values in each.items()}
    first = np.maximum(np.arange(hours) - LOOK_BACK // HOUR, 0) // width

    def known(lag: timedelta) -> BlockSums:
        last = np.maximum(np.arange(hours) - lag // HOUR, 0) // width
        return BlockSums(
            **{name: values[:, last] - values[:, np.minimum(first, last)] for name, values in sums.items()}
        )

    return known(BLOCK_LAG), known(USUAL_LAG)


def ours(windows: Windows, goal: float, over: timedelta, learnt: Learnt, severity: AlertSeverity) -> Bools:
    """Return where any of our rules of a severity fires."""
    fires = np.zeros(windows.shape, dtype=bool)
    is_page = severity is AlertSeverity.PAGE
    parts = (
        interrupted(windows.bad, windows.total) if is_page else (stretches(windows.bad, windows.total), windows.total)
    )
    part = Windows(*parts)
    for rule in default_rules(goal, over=over):
        if rule.severity is not severity:
            continue
        if isinstance(rule, CountRule):
            bad, total = windows.sums(rule.window)
            fires |= _too_many(rule, bad, total, goal, learnt)
            continue
        fires |= _fires(rule, windows, part, goal, learnt)
    return fires


def _too_many(rule: CountRule, bad: Floats, total: Floats, goal: float, learnt: Learnt) -> Bools:
    where = np.nonzero((bad >= rule.least) & (total * (1 - goal) < rule.most_allowed))
    at = where[0], where[1] // TICKS_PER_HOUR
    needed = too_many(
        rule,
        total[where],
        budget_share=1 - goal,
        usual_share=learnt.share[at],
        effect=learnt.effect(rule.severity)[at],
    )
    fires = np.zeros(bad.shape, dtype=bool)
    fires[where] = bad[where] >= needed
    return fires


def _fires(rule: BurnRule, windows: Windows, part: Windows, goal: float, learnt: Learnt) -> Bools:
    budget = 1 - goal
    asked = budget * rule.burn
    burns = _burns(windows, rule.long, asked, is_empty=False) & _burns(windows, rule.short, asked, is_empty=True)
    where = np.nonzero(burns)
    is_by_stretches = rule.severity is AlertSeverity.TICKET and learnt.stretches is not None
    logs = [_window_log(rule, length, where, windows, part, learnt) for length in rule.evidence_windows]
    needed = evidence_needed_by(rule, every=TICK, is_by_stretches=is_by_stretches)
    strong = np.logaddexp.reduce(logs, axis=0) >= np.log(needed)
    fires = np.zeros(windows.shape, dtype=bool)
    fires[where[0][strong], where[1][strong]] = True
    return fires


def _window_log(
    rule: BurnRule, length: timedelta, where: tuple[Ints, Ints], windows: Windows, part: Windows, learnt: Learnt
) -> Floats:
    """Return the log of the e-value of windows of a length, by tick; `part` as `ours` makes it for the severity."""
    at = where[0], where[1] // TICKS_PER_HOUR
    bad, total = windows.at(length, where)
    log = log_evidence(bad, total, healthy_share=learnt.share[at], design_effect=learnt.effect(rule.severity)[at])
    is_page = rule.severity is AlertSeverity.PAGE
    usual, weight = (learnt.mixed, MIXED_WEIGHT) if is_page else (learnt.stretches, STRETCH_WEIGHT)
    if usual is None:
        return log
    found, of = part.at(length, where)
    share, effect = usual
    others = log_evidence(found, of, healthy_share=share[at], design_effect=effect[at])
    return all_evidence(log, others, weight=weight)


def episodes(fires: Bools, hold_ticks: int = 6) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return month and tick at which each alert begins; one that pauses for less than `hold_ticks` goes on."""
    row, tick = np.nonzero(fires)
    if not len(row):
        return row, tick
    begins = np.ones(len(row), dtype=bool)
    begins[1:] = (row[1:] != row[:-1]) | (tick[1:] - tick[:-1] > hold_ticks)
    return row[begins], tick[begins]
