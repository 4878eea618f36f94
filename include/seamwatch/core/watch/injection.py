"""Decide from hourly sums whether attacks came more often than they did, and whether one reached the output.

The rate is held against the field's own past of up to 14 days by an e-detector (`detection/evidence.py`), which may be
asked every five minutes: on a past that goes on as it was, all fields together alarm about `FALSE_ALARMS` times in 90
days. Attacks come in bursts, since who attacks tries again, and honest texts that look like one may too: both
likelihoods have the design effect that the past shows. Records are counted, and beside them campaigns (near-copies
taken as one), which tells many different attacks among the copies of one text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamwatch.core.detection.clustering import BlockSums, sum_blocks, ticket_effect, usual_share
from seamwatch.core.detection.evidence import log_evidence, needed_evidence
from seamwatch.core.detection.hours import HOUR, last_hour, overlaps
from seamwatch.core.watch.injection_sums import merge_campaigns

Floats = NDArray[np.float64]
LOOK_BACK = timedelta(days=14)
"""What a field's past is."""
LAG = timedelta(hours=24)
"""Hours are past once they are so old: a wave must not explain itself."""
LEAST_PAST = 200
"""Texts of the past below which no rate is judged."""
LEAST_PAST_HOURS = 6
"""Hours with texts, likewise."""
WINDOWS = (1, 2, 3, 6, 12, 24, 48, 72)
"""Hours of the windows that end now and whose evidence is added."""
FALSE_ALARMS = 1.0
"""In 90 days, all fields together."""
LEAST_ATTACKS = 3
"""Fewer are never an incident for their rate."""
LEAST_CHANGE = 2.0
"""Times as often as usual."""
RECENT = 6
"""Hours after whose last attack the rate is called as usual again."""
FEWEST_RECENT = 20
"""Texts in those hours below which nothing can be called over."""
REACHED_FOR = timedelta(hours=24)
"""How long an attack that reached the output is told."""
HIGHEST_USUAL = 0.5
"""Above it a field holds little else than attacks, and no rate says more."""


@dataclass(frozen=True, kw_only=True)
class FieldHours:
    """Counts of one field by hour, oldest first; the last is the present one."""

    n: Floats
    attacks: Floats
    campaigns: Floats
    is_past: NDArray[np.bool_]
    """Hours to learn from: old enough, with texts, and no part of a wave that was told."""


@dataclass(frozen=True, kw_only=True)
class RateState:
    """What the rate of one field says."""

    is_judged: bool
    """False: there is too little past."""
    fires: bool
    can_end: bool
    """Whether enough came since to call a wave over."""
    hours: int
    """Length of the window that says most."""
    n: int
    attacks: int
    usual_share: float | None
    """Share of attacks in the past, as it was; None without a past."""
    n_past: int
    evidence: float
    """Logarithm of the e-value: records or campaigns, whichever says more."""
    needed: float


def field_hours(
    sums: Mapping[datetime, Mapping[str, Any]], *, now: datetime, told: Sequence[tuple[datetime, datetime]]
) -> FieldHours:
    """Return the counts of a field from what is kept of its hours; `told` are spans of waves."""
    first = last_hour(now) - LOOK_BACK
    size = LOOK_BACK // HOUR + 1
    counts = np.zeros((3, size))
    for at, data in sums.items():
        place = round((at - first) / HOUR)
        if 0 <= place < size:
            counts[:, place] = data["n"], data["attacks"], data["campaigns"]
    starts = [first + HOUR * place for place in range(size)]
    # Unlike what is slow or dear, attacks are never how it is now: a wave is left out however long it lasts.
    is_past = np.array([at + HOUR <= now - LAG and not overlaps(at, HOUR, told) for at in starts], dtype=bool)
    return FieldHours(n=counts[0], attacks=counts[1], campaigns=counts[2], is_past=is_past & (counts[0] > 0))


def judge_rate(hours: FieldHours, *, n_fields: int, was_told: bool) -> RateState:
    """Return what the rate of one field says now.

    Args:
        hours: Its counts.
        n_fields: How many fields share the budget of false alarms.
        was_told: Whether a wave was told at the last look: it is over only once it is.
    """
    n_past = int(hours.n[hours.is_past].sum())
    needed = _needed(2 * n_fields)
    recent_n = hours.n[-RECENT:].sum()
    unknown = RateState(
        is_judged=False,
        fires=False,
        can_end=True,
        hours=1,
        n=int(hours.n[-1]),
        attacks=int(hours.attacks[-1]),
        usual_share=None,
        n_past=n_past,
        evidence=0.0,
        needed=needed,
    )
    if n_past < LEAST_PAST or hours.is_past.sum() < LEAST_PAST_HOURS:
        return unknown
    windows = [min(hours_back, len(hours.n)) for hours_back in WINDOWS]
    n = np.array([hours.n[-back:].sum() for back in windows])
    attacks = np.array([hours.attacks[-back:].sum() for back in windows])
    logs = []
    for counts in (hours.attacks, hours.campaigns):
        past = sum_blocks(counts[hours.is_past], hours.n[hours.is_past])
        bad = np.array([counts[-back:].sum() for back in windows])
        logs.append(log_evidence(bad, n, healthy_share=_healthy(past), design_effect=ticket_effect(past)))
    evidence = [float(np.logaddexp.reduce(some)) for some in logs]
    better = logs[int(np.argmax(evidence))]
    best = int(np.argmax(better))
    share = float(hours.attacks[hours.is_past].sum() / n_past)
    is_more = any(
        hours.attacks[-back:].sum() > LEAST_CHANGE * share * hours.n[-back:].sum() for back in WINDOWS if back <= RECENT
    )
    is_sure = max(evidence) >= needed and attacks[best] >= LEAST_ATTACKS
    return RateState(
        is_judged=True,
        fires=bool(is_more and (is_sure or (was_told and max(evidence) > 0.0))),
        can_end=bool(recent_n >= FEWEST_RECENT),
        hours=int(windows[best]),
        n=int(n[best]),
        attacks=int(attacks[best]),
        usual_share=share,
        n_past=n_past,
        evidence=max(evidence),
        needed=needed,
    )


def _healthy(past: BlockSums) -> float:
    return float(np.clip(usual_share(past, budget_share=HIGHEST_USUAL), 1e-9, HIGHEST_USUAL))


def needed_for_obedience(n_fields: int) -> float:
    """Return the logarithm of the e-value from which on answers are said to obey."""
    return _needed(n_fields)


def _needed(n_series: int) -> float:
    return math.log(
        needed_evidence(FALSE_ALARMS, over=timedelta(days=90), every=timedelta(minutes=5), n_series=n_series)
    )


def campaigns_of(sums: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the campaigns of some hours, largest first."""
    found: list[dict[str, Any]] = []
    for data in sums:
        merge_campaigns(found, data["largest"])
    return sorted(found, key=lambda one: (-int(one["n"]), str(one["first_at"])))


@dataclass(frozen=True, kw_only=True)
class SegmentShare:
    """How many attacks of some hours one value of a segment sent."""

    segment: str
    value: str
    n: int
    attacks: int


def segment_shares(sums: Sequence[Mapping[str, Any]]) -> list[SegmentShare]:
    """Return the values of segments, those with most attacks first."""
    counts: dict[tuple[str, str], list[int]] = {}
    for data in sums:
        for segment, values in data["segments"].items():
            for value, (n, attacks) in values.items():
                old = counts.setdefault((segment, value), [0, 0])
                old[0], old[1] = old[0] + n, old[1] + attacks
    found = [SegmentShare(segment=s, value=v, n=n, attacks=k) for (s, v), (n, k) in counts.items()]
    return sorted(found, key=lambda one: (-one.attacks, one.n, one.value))
