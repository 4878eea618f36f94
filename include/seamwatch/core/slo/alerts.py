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
  those which good ones interrupt, by which an outage is told from a few long bursts (`clustering.interrupted`). For a
  ticket, where few bad events are allowed, it is stretches of them above all that count (`clustering.stretches`).
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
STRETCH_EVIDENCE = 3.0
"""The same where stretches of bad events are counted: less is enough, for the lengths of bursts do not count there.
Chosen on training seeds, as the least with which the healthy services where the workbook's tickets are noisy do not
get more tickets together, nor the one with most, than by bad events alone. Where errors are independent each is its own
stretch, and the lower bound is all that changes: more false tickets, and more slow burns found; both stand in
docs/objectives.md."""
COUNT_TICKETS = 0.5
"""Tickets in 30 days that the rule by count may write for a service that has what it usually has."""
COUNTED = 100.0
"""Bad events are counted for a ticket where the goal allows fewer than this in the rule's window; above it rates say as
much."""
COUNTED_FOR_PAGES = 30.0
"""The same for a page: above it those that good ones interrupt say more, and a service that comes to use all of its
budget would give false pages by count."""
LARGEST_EFFECT = 30.0
"""Beyond this design effect it is whole hours that are bad, not bursts, and rates are judged alone."""
LOOKS_APART = 3.0
"""As how many independent looks a window counts that is looked at all the time."""
MIXED_WEIGHT = 0.75
"""Weight of the evidence of interrupted bad events in that of a page; see `all_evidence`."""
STRETCH_WEIGHT = 0.9
"""The same of the evidence of stretches in that of a ticket: in an outage of a quiet service all is one stretch."""
MOST_MIXED_SHARE = 0.9
"""The largest usual share of interrupted bad events, whatever the goal: at 1 nothing would be more than usual."""
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
    stretches: float = 0.0
    """Stretches of bad events that began; see `clustering.stretches`."""

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
    most_allowed: float = COUNTED
    """Where the goal allows as many in the window, the rule says nothing."""

    @property
    def hold(self) -> timedelta:
        """Return how long there must have been too few bad events before the alert is over."""
        return self.window / 12

    @property
    def chance(self) -> float:
        """Return the chance of a count in one window below which it is an alert."""
        return self.false_alarms * (self.window / (30 * 24 * HOUR)) / LOOKS_APART


@dataclass(frozen=True, kw_only=True)
class UsualPart:
    """What is known of a part of the bad events: of those that good ones interrupt, or of their stretches."""

    share: float
    """Of all that there could be, as it usually is."""
    effect: float
    """Design effect."""


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What is known of a service's past; see `detection/clustering.py`."""

    page_effect: float
    """Design effect that pages are judged with."""
    ticket_effect: float
    """The same for tickets."""
    share: float
    """Bad share that it usually has, at most its budget."""
    mixed: UsualPart | None = None
    """Of interrupted bad events; None: nothing is known of them."""
    stretches: UsualPart | None = None
    """Of stretches of bad events, by event; None: nothing is known of them, or bad events are too many."""

    def effect(self, severity: AlertSeverity) -> float:
        """Return the design effect for a severity."""
        return self.page_effect if severity is AlertSeverity.PAGE else self.ticket_effect


@dataclass(frozen=True, kw_only=True)
class Past:
    """Sums over the blocks of a service's past, without those of known incidents."""

    recent: BlockSums
    """Of the last `LOOK_BACK` but for the last `BLOCK_LAG`."""
    older: BlockSums
    """The same but for the last `USUAL_LAG`."""


def learn_usual(
    events: Past, *, budget_share: float, mixed: Past | None = None, stretches: Past | None = None
) -> Usual:
    """Return what is known of a past.

    Args:
        events: Bad events of all.
        budget_share: 1 - goal.
        mixed: Of what `clustering.interrupted` returns; None where events are too many (`are_few`).
        stretches: What `clustering.stretches` returns, of all events; None where those are too many (`are_rare`).
    """
    parts: dict[str, UsualPart] = {}
    if mixed is not None:
        share = usual_share(mixed.older, budget_share=most_mixed(budget_share))
        parts["mixed"] = UsualPart(share=float(share), effect=float(mixed_effect(mixed.recent)))
    if stretches is not None:
        share = usual_share(stretches.older, budget_share=budget_share)
        parts["stretches"] = UsualPart(share=float(share), effect=float(ticket_effect(stretches.recent)))
    return Usual(
        page_effect=float(page_effect(events.recent)),
        ticket_effect=float(ticket_effect(events.recent)),
        share=float(usual_share(events.older, budget_share=budget_share)),
        **parts,
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
        CountRule(
            severity=page,
            window=6 * HOUR,
            false_alarms=FALSE_PAGES / 2,
            burn=found[0].burn,
            least=5,
            most_allowed=COUNTED_FOR_PAGES,
        ),
        CountRule(severity=ticket, window=72 * HOUR, false_alarms=COUNT_TICKETS, burn=found[3].burn, least=3),
    )


def _burn(goal: float, over: timedelta, long_h: float, spent: float, reach: float) -> float:
    """Return the burn that spends a share of the budget in the long window, or a part of what can be reached at all."""
    room = highest_burn(goal) - 1.0
    return float(max(1.0, min(spent * (over / HOUR) / long_h, 1.0 + reach * room)))


def highest_burn(goal: float) -> float:
    """Return the burn rate where every event is bad: no rule above it can ever fire."""
    return 1.0 / (1.0 - goal)


def evidence_needed_by(rule: BurnRule, *, every: timedelta, is_by_stretches: bool = False) -> float:
    """Return the e-value from which on the rule may fire, if it is looked at so often.

    A page's is the number of looks in which one false page is allowed, all page rules together.

    Args:
        rule: The rule.
        every: How often it is looked at.
        is_by_stretches: Of a ticket, whether its evidence is that of stretches.
    """
    if rule.severity is AlertSeverity.TICKET:
        return STRETCH_EVIDENCE if is_by_stretches else TICKET_EVIDENCE
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
    is_counted = (events > 0) & (allowed < rule.most_allowed) & (np.asarray(effect) <= LARGEST_EFFECT)
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
    is_by_stretches = rule.severity is AlertSeverity.TICKET and usual.stretches is not None
    needed, evidence = evidence_needed_by(rule, every=every, is_by_stretches=is_by_stretches), 0.0
    # A short window without events says nothing, and so does not object.
    burns = long_burn is not None and long_burn >= rule.burn and (short_burn is None or short_burn >= rule.burn)
    if long.total:
        found = [windows[w] for w in rule.evidence_windows]
        logs = _window_logs(found, usual, rule.severity, budget_share=budget)
        evidence = float(np.exp(min(float(np.logaddexp.reduce(logs)), 700.0)))
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


def _window_logs(windows: Sequence[Count], usual: Usual, severity: AlertSeverity, *, budget_share: float) -> Floats:
    """Return the log of the e-value of each window."""
    counts = np.array([(one.bad, one.total, one.mixed, one.pairs, one.stretches) for one in windows], dtype=float)
    bad, total, mixed, pairs, stretches = counts.T
    share, effect = min(usual.share, budget_share), usual.effect(severity)
    logs = log_evidence(bad, total, healthy_share=share, design_effect=effect)
    is_page = severity is AlertSeverity.PAGE
    part, weight = (usual.mixed, MIXED_WEIGHT) if is_page else (usual.stretches, STRETCH_WEIGHT)
    if part is None:
        return logs
    found, of = (mixed, pairs) if is_page else (stretches, total)
    others = log_evidence(found, of, healthy_share=part.share, design_effect=part.effect)
    return all_evidence(logs, others, weight=weight)


def all_evidence(log: Floats, part_log: Floats, *, weight: float) -> Floats:
    """Return the log of the average e-value of all bad events and of a part of them; it is an e-value again.

    Args:
        log: Log of the e-value of all.
        part_log: Log of that of interrupted ones, or of stretches.
        weight: Of the part, inside (0, 1).

    Source: V. Vovk and R. Wang (2021), "E-values: calibration, combination and applications", Annals of Statistics
    49(3), section 3: averages of e-values, however they depend on each other.
    """
    return np.asarray(
        np.logaddexp(log + np.log(1.0 - weight), part_log + np.log(weight)),
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
