"""Alerts by burn rate, at goals and traffic where the usual rules cannot fire, or fire on healthy services.

A rule fires where three things hold: over its long window the budget burns at least `burn` times as fast as it may,
over its short one too (so that it ends soon after the burning does), and the evidence (`detection/evidence.py`) is
strong.

- *Thresholds follow from the goal.* The workbook's rule (2 % of the budget in an hour, 5 % in 6 hours, 10 % in a day)
  asks for a burn of 14.4 over a window of 30 days; but no more than 1 / (1 - goal) can burn, 5 at a goal of 80 %. A
  rule therefore never asks for more than a part of what is between 1 and that: a page for a quarter of it in an hour.
- *Evidence* is held against what the service usually has, or against its goal where that is lower: what burns is found
  by its change, long before it could be told from the budget alone, and the burn says whether it matters. A page needs
  as much as there are looks in which one false page is allowed, 0.1 in 30 days; this holds at any traffic (e-detector).
  A ticket needs less. Of a page two e-values are averaged, which is one again: that of the bad events, and that of
  those which good ones interrupt, by which an outage is told from a few long bursts (`clustering.interrupted`).
- *Counts* take over where so few bad events are allowed that rates say little, on quiet services above all: how many
  of them in 6 hours (a page) or 72 (a ticket) would bursts of the usual kind hardly ever bring (`counts.py`)?

Source: B. Beyer et al. (2018), "The Site Reliability Workbook", chapter 5, "Alerting on SLOs", rules 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from seamwatch.core.detection.clustering import BlockSums, mixed_effect, page_effect, ticket_effect, usual_share
from seamwatch.core.detection.counts import needed_count
from seamwatch.core.detection.evidence import log_evidence, needed_evidence
from seamwatch.core.detection.hours import HOUR
from seamwatch.vocabulary import AlertSeverity

Floats = NDArray[np.float64]

EVIDENCE_WINDOWS = tuple(timedelta(hours=h) for h in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 72))
"""Lengths of the windows whose evidence is added; of a rule, those up to its long window."""
FALSE_PAGES = 0.1
"""Pages in 30 days that a service which just keeps its goal may give (DESIGN.md section 7)."""
TICKET_EVIDENCE = 8.0
"""e-value from which on a ticket is written. Chosen on the training seeds of `tests/benchmarks/slo/alerts.py`: slow
burns are found as soon as by the workbook's tickets, with a fraction of their false ones."""
COUNT_TICKETS = 0.5
"""Tickets in 30 days that the rule by count may write for a service that has what it usually has."""
COUNTED = 100.0
"""Bad events are counted where the goal allows fewer than this in the rule's window; above it rates say as much."""
LARGEST_EFFECT = 30.0
"""Beyond this design effect it is whole hours that are bad, not bursts, and rates are judged alone."""
LOOKS_APART = 3.0
"""As how many independent looks a window counts that is looked at all the time."""
MIXED_WEIGHT = 0.5
"""Weight of the evidence of interrupted bad events in that of a page; see `all_evidence`."""
MOST_MIXED_SHARE = 0.9
RESOLVED_BELOW = 0.5
"""An alert is over once its short window burns less than this part of the rule's threshold, for `hold`."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """Bad events and all events of a window."""

    bad: float
    total: float
    mixed: float = 0.0
    """Bad events that good ones interrupt, and the most that there could be; see `clustering.interrupted`."""
    pairs: float = 0.0

    def burn(self, budget_share: float) -> float | None:
        """Return how many times faster than allowed the budget burns; None without events."""
        return self.bad / self.total / budget_share if self.total else None


@dataclass(frozen=True, kw_only=True)
class BurnRule:
    """Fires where the budget burns fast over two windows."""

    severity: AlertSeverity
    long: timedelta
    short: timedelta
    burn: float
    """Times as fast as allowed; below 1 / (1 - goal), or the rule could never fire."""

    @property
    def hold(self) -> timedelta:
        """Return how long the burning must have ended before the alert is over: the short window, at least 30 min."""
        return max(self.short, HOUR / 2)

    @property
    def evidence_windows(self) -> tuple[timedelta, ...]:
        """Return the windows whose evidence is added: short ones tell of pages only."""
        least = HOUR / 4 if self.severity is AlertSeverity.PAGE else 6 * HOUR
        found = tuple(w for w in EVIDENCE_WINDOWS if least <= w <= self.long)
        return found or (self.long,)


@dataclass(frozen=True, kw_only=True)
class CountRule:
    """Fires where there are more bad events than a service usually has by chance, and than it may have."""

    severity: AlertSeverity
    window: timedelta
    false_alarms: float
    """How many in 30 days are allowed on a service that has what it usually has."""
    burn: float
    """Slower burning is never an alert."""
    least: int
    """Fewer bad events than this are never an alert."""

    @property
    def hold(self) -> timedelta:
        """Return how long there must have been too few bad events before the alert is over."""
        return self.window / 12

    @property
    def chance(self) -> float:
        """Return the chance of a count in one window below which it is an alert."""
        return self.false_alarms * (self.window / (30 * 24 * HOUR)) / LOOKS_APART


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What is known of a service's past; see `detection/clustering.py`."""

    page_effect: float
    """Design effect that pages are judged with."""
    ticket_effect: float
    """The same for tickets."""
    share: float
    """Bad share that it usually has, at most its budget."""
    mixed_share: float | None = None
    """Share of the interrupted bad events that there could be; None: nothing is known of them."""
    mixed_effect: float = 1.0
    """Design effect that they are judged with."""

    def effect(self, severity: AlertSeverity) -> float:
        """Return the design effect for a severity."""
        return self.page_effect if severity is AlertSeverity.PAGE else self.ticket_effect


def learn_usual(
    recent: BlockSums,
    older: BlockSums,
    *,
    budget_share: float,
    mixed_recent: BlockSums | None = None,
    mixed_older: BlockSums | None = None,
) -> Usual:
    """Return what is known of a past.

    Args:
        recent: Blocks of the last `LOOK_BACK` but for the last `BLOCK_LAG`, without those of known incidents.
        older: The same but for the last `USUAL_LAG`.
        budget_share: 1 - goal.
        mixed_recent: As `recent`, of what `clustering.interrupted` returns.
        mixed_older: As `older`, of the same.
    """
    mixed: dict[str, float] = {}
    if mixed_recent is not None and mixed_older is not None:
        share = usual_share(mixed_older, budget_share=most_mixed(budget_share))
        mixed = {"mixed_share": float(share), "mixed_effect": float(mixed_effect(mixed_recent))}
    return Usual(
        page_effect=float(page_effect(recent)),
        ticket_effect=float(ticket_effect(recent)),
        share=float(usual_share(older, budget_share=budget_share)),
        **mixed,
    )


def most_mixed(budget_share: float) -> float:
    """Return the largest share of interrupted bad events that independent ones may have within the budget.

    Of three events one may be an interrupted bad one, and with a bad share p that is so with 3 p (1 - p); of two it is
    2 p (1 - p), of many 2 p.
    """
    return min(3.0 * budget_share, MOST_MIXED_SHARE)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one rule says at one time."""

    rule: BurnRule | CountRule
    fires: bool
    long: Count
    short: Count | None
    long_burn: float | None
    short_burn: float | None
    evidence: float
    """e-value; for a rule by count, the bad events."""
    needed: float
    """What the evidence must reach."""

    @property
    def is_burning(self) -> bool:
        """Return whether an alert of this rule is not over yet."""
        if self.fires or isinstance(self.rule, CountRule):
            return self.fires
        latest = self.long_burn if self.short_burn is None else self.short_burn
        return latest is not None and latest >= RESOLVED_BELOW * self.rule.burn


@dataclass(frozen=True, kw_only=True)
class AlertState:
    """An alert's life at one severity; begins as not firing."""

    severity: AlertSeverity
    since: datetime | None = None
    """When it fired; None: it does not."""
    reading: Reading | None = None
    """What it fired for."""
    quiet_since: datetime | None = None
    """Since when nothing burns any more, while it still fires."""


def default_rules(goal: float, *, over: timedelta) -> tuple[BurnRule | CountRule, ...]:
    """Return the rules of an objective that names none.

    Args:
        goal: Share of good events, inside (0, 1).
        over: The objective's window; a rule's share of the budget is a share of this window's.
    """
    page, ticket = AlertSeverity.PAGE, AlertSeverity.TICKET
    rows = (
        (page, 1.0, 1 / 12, 0.02, 0.25),
        (page, 6.0, 0.5, 0.05, 0.12),
        (ticket, 24.0, 2.0, 0.10, 0.05),
        (ticket, 72.0, 6.0, 0.10, 0.0),
    )
    burns = (
        BurnRule(severity=who, long=long * HOUR, short=short * HOUR, burn=_burn(goal, over, long, spent, reach))
        for who, long, short, spent, reach in rows
    )
    found = tuple(burns)
    return (
        *found,
        CountRule(severity=page, window=6 * HOUR, false_alarms=FALSE_PAGES / 2, burn=found[0].burn, least=5),
        CountRule(severity=ticket, window=72 * HOUR, false_alarms=COUNT_TICKETS, burn=found[3].burn, least=3),
    )


def _burn(goal: float, over: timedelta, long_h: float, spent: float, reach: float) -> float:
    """Return the burn that spends a share of the budget in the long window, or a part of what can be reached at all."""
    room = highest_burn(goal) - 1.0
    return float(max(1.0, min(spent * (over / HOUR) / long_h, 1.0 + reach * room)))


def highest_burn(goal: float) -> float:
    """Return the burn rate where every event is bad: no rule above it can ever fire."""
    return 1.0 / (1.0 - goal)


def evidence_needed_by(rule: BurnRule, *, every: timedelta) -> float:
    """Return the e-value from which on the rule may fire, if it is looked at so often.

    A page's is the number of looks in which one false page is allowed, all page rules together.
    """
    if rule.severity is AlertSeverity.TICKET:
        return TICKET_EVIDENCE
    return needed_evidence(FALSE_PAGES, over=30 * 24 * HOUR, every=every)


def too_many(
    rule: CountRule, total: Floats | float, *, budget_share: float, usual_share: Floats | float, effect: Floats | float
) -> Floats:
    """Return how many bad events are too many; infinite where rates say more, or nothing came.

    Args:
        rule: The rule.
        total: Events of its window.
        budget_share: 1 - goal.
        usual_share: Bad share that the service usually has, at most its budget.
        effect: Design effect.
    """
    events = np.asarray(total, dtype=float)
    allowed = events * budget_share
    is_counted = (events > 0) & (allowed < COUNTED) & (np.asarray(effect) <= LARGEST_EFFECT)
    mean = np.where(is_counted, events * usual_share, 0.0)
    least = np.maximum(needed_count(mean, effect, rule.chance), np.maximum(np.ceil(rule.burn * allowed), rule.least))
    return np.asarray(np.where(is_counted, least, np.inf), dtype=float)


def read_rule(
    rule: BurnRule | CountRule, windows: Mapping[timedelta, Count], usual: Usual, *, goal: float, every: timedelta
) -> Reading:
    """Return what a rule says of the windows that end now.

    Args:
        rule: The rule.
        windows: By length; see `window_lengths`.
        usual: What is known of the past.
        goal: Share of good events.
        every: How often rules are looked at.
    """
    budget = 1.0 - goal
    if isinstance(rule, CountRule):
        long = windows[rule.window]
        needed = float(
            too_many(
                rule,
                long.total,
                budget_share=budget,
                usual_share=usual.share,
                effect=usual.effect(rule.severity),
            )
        )
        fires = long.bad >= needed
        burn = long.burn(budget)
        return Reading(
            rule=rule,
            fires=fires,
            long=long,
            short=None,
            long_burn=burn,
            short_burn=None,
            evidence=long.bad,
            needed=needed,
        )
    long, short = windows[rule.long], windows[rule.short]
    long_burn, short_burn = long.burn(budget), short.burn(budget)
    needed, evidence = evidence_needed_by(rule, every=every), 0.0
    # A short window without events says nothing, and so does not object.
    burns = long_burn is not None and long_burn >= rule.burn and (short_burn is None or short_burn >= rule.burn)
    if long.total:
        found = [windows[w] for w in rule.evidence_windows]
        log = log_evidence(
            np.array([one.bad for one in found]),
            np.array([one.total for one in found]),
            healthy_share=min(usual.share, budget),
            design_effect=usual.effect(rule.severity),
        )
        if rule.severity is AlertSeverity.PAGE and usual.mixed_share is not None:
            mixed = log_evidence(
                np.array([one.mixed for one in found]),
                np.array([one.pairs for one in found]),
                healthy_share=usual.mixed_share,
                design_effect=usual.mixed_effect,
            )
            log = all_evidence(log, mixed)
        evidence = float(np.exp(min(float(np.logaddexp.reduce(log)), 700.0)))
    return Reading(
        rule=rule,
        fires=burns and evidence >= needed,
        long=long,
        short=short,
        long_burn=long_burn,
        short_burn=short_burn,
        evidence=evidence,
        needed=needed,
    )


def all_evidence(log: Floats, mixed_log: Floats) -> Floats:
    """Return the log of the average e-value of all bad events and of the interrupted ones; it is an e-value again.

    Source: V. Vovk and R. Wang (2021), "E-values: calibration, combination and applications", Annals of Statistics
    49(3), section 3: averages of e-values, however they depend on each other.
    """
    return np.asarray(
        np.logaddexp(log + np.log(1.0 - MIXED_WEIGHT), mixed_log + np.log(MIXED_WEIGHT)),
        dtype=float,
    )


def window_lengths(rules: Sequence[BurnRule | CountRule]) -> tuple[timedelta, ...]:
    """Return the lengths of all windows that the rules ask for, ascending."""
    found: set[timedelta] = set()
    for rule in rules:
        if isinstance(rule, CountRule):
            found.add(rule.window)
        else:
            found |= {rule.long, rule.short, *rule.evidence_windows}
    return tuple(sorted(found))


def advance(state: AlertState, readings: Sequence[Reading], now: datetime) -> AlertState:
    """Return the alert's state after a look; compare `since` with the one before to see what changed.

    It begins when any rule of its severity fires, and ends when nothing has burnt for the `hold` of the rule that it
    fired for: a gap in the burning ends nothing.
    """
    mine = [r for r in readings if r.rule.severity is state.severity]
    if state.since is None or state.reading is None:
        first = max((r for r in mine if r.fires), key=lambda r: r.evidence / r.needed, default=None)
        return state if first is None else replace(state, since=now, reading=first, quiet_since=None)
    if any(r.fires or (r.is_burning and r.rule == state.reading.rule) for r in mine):
        return replace(state, quiet_since=None)
    quiet_since = state.quiet_since or now
    if now - quiet_since >= state.reading.rule.hold:
        return AlertState(severity=state.severity)
    return replace(state, quiet_since=quiet_since)
