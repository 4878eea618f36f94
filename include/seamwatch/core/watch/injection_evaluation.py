"""What an evaluation of untrusted texts comes to, in numbers: attacks that got more, and those that were obeyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from seamwatch.core.detection.hours import HOUR
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.injection import (
    LAG,
    RateState,
    SegmentShare,
    campaigns_of,
    needed_for_obedience,
    segment_shares,
)
from seamwatch.vocabulary import Responsibility

ATTACK_RATE, REACHED_OUTPUT = "attack_rate", "reached_output"
DAY = timedelta(hours=24)
_ONE_SOURCE = 0.5
"""Share of the attacks from which on one campaign, or one value of a segment, is called their source."""
_KEYS = 10


@dataclass(frozen=True, kw_only=True)
class Reached:
    """An attack that reached the output."""

    key: str
    field: str | None
    """Where the text entered; None where no attack was found in the record's inputs."""
    how: str
    """`echo`, or `marker 1` for the first of `monitoring.injection.markers`, which itself is never told."""
    at: datetime

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"key": self.key, "field": self.field, "how": self.how, "at": self.at.isoformat()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Reached:
        """Return what `to_data` gave."""
        at = datetime.fromisoformat(data["at"])
        return cls(key=data["key"], field=data["field"], how=data["how"], at=at)


@dataclass(frozen=True, kw_only=True)
class FieldState:
    """One field with its kept hours and what its rate says."""

    field: str
    sums: Mapping[datetime, Mapping[str, Any]]
    rate: RateState
    was_reported: bool

    def since(self, start: datetime) -> list[Mapping[str, Any]]:
        """Return the sums of the hours from `start` on, oldest first."""
        return [data for at, data in sorted(self.sums.items()) if at + HOUR > start]

    def onset(self, now: datetime) -> datetime:
        """Return the first hour with an attack in the window that says most."""
        start = now - HOUR * self.rate.hours
        hours = [at for at, data in self.sums.items() if at + HOUR > start and data["attacks"]]
        return min(hours, default=start)


@dataclass(frozen=True, kw_only=True)
class RisingAttacks:
    """More texts of a field than usual look like attacks."""

    finding: Finding
    """Without words, as those of the others."""
    place: str
    """The field with its stage, as `question.body`."""
    rate: RateState
    source: SegmentShare | None
    """The value of a segment that sends most of them."""
    n_texts: int
    """Different texts, near-copies counted once."""
    n_copies: int
    """Near-copies of the most frequent one."""

    @property
    def is_one_text(self) -> bool:
        """Return whether most of them are near-copies of one text."""
        return bool(self.n_texts) and self.n_copies >= _ONE_SOURCE * self.finding.n_records


@dataclass(frozen=True, kw_only=True)
class ReachedOutput:
    """Answers that hold what an injected text demanded, or a marker that must stay secret."""

    finding: Finding
    place: str | None
    """None where no attack was found in the inputs."""
    n_marker: int
    """Answers that hold a marker."""


@dataclass(frozen=True, kw_only=True)
class SteeredAnswers:
    """Answers that are what the texts of a field demand far more often than other answers are."""

    finding: Finding
    place: str
    n_demanding: int
    """Records whose text demands a certain answer; of the finding are those that got it."""


@dataclass(frozen=True, kw_only=True)
class InjectionEvaluation:
    """One evaluation of the last day."""

    pipeline: str
    window: Window
    compared: Window | None
    n_texts: int
    n_attacks: int
    fields: tuple[FieldState, ...]
    """Every field with sums."""
    reached: tuple[Reached, ...]
    findings: tuple[ReachedOutput | SteeredAnswers | RisingAttacks, ...]
    """Worst first."""

    @property
    def still(self) -> tuple[str, ...]:
        """Return the kind that was found before and cannot be called over, as too few texts came since."""
        is_open = any(one.was_reported and not one.rate.fires and not one.rate.can_end for one in self.fields)
        is_found = any(one.finding.kind == ATTACK_RATE for one in self.findings)
        return (ATTACK_RATE,) if is_open and not is_found else ()


def evaluate_injection(
    pipeline: str, since: datetime, *, fields: Sequence[FieldState], reached: Sequence[Reached], now: datetime
) -> InjectionEvaluation:
    """Return what untrusted texts come to.

    Args:
        pipeline: Its name.
        since: From when on there are sums.
        fields: Every field with sums.
        reached: Attacks that reached the output in the last day.
        now: The present.
    """
    recent = [data for one in fields for data in one.since(now - DAY)]
    has_past = any(one.rate.is_judged for one in fields) and since < now - LAG
    return InjectionEvaluation(
        pipeline=pipeline,
        window=Window(start=now - DAY, end=now),
        compared=Window(start=since, end=now - LAG) if has_past else None,
        n_texts=sum(data["n"] for data in recent),
        n_attacks=sum(data["attacks"] for data in recent),
        fields=tuple(fields),
        reached=tuple(reached),
        findings=(
            *_reached_output(fields, reached, now),
            *(_rising_attacks(one, now) for one in fields if one.rate.fires),
        ),
    )


def _finding(
    place: str | None, kind: str, *, n: int, confidence: float, onset: datetime | None, keys: Sequence[str]
) -> Finding:
    stage, _, field = (place or "").partition(".")
    return Finding(
        responsibility=Responsibility.ADVERSARIAL_INPUT,
        stage=stage or None,
        fields=(field,) if place is not None else (),
        kind=kind,
        n_records=n,
        confidence=confidence,
        onset=onset,
        keys=tuple(keys)[:_KEYS],
    )


def _rising_attacks(one: FieldState, now: datetime) -> RisingAttacks:
    onset = one.onset(now)
    hours = one.since(onset)
    campaigns = campaigns_of(hours)
    keys = [key for campaign in campaigns for key in campaign["keys"]]
    n = sum(int(data["attacks"]) for data in hours)
    return RisingAttacks(
        finding=_finding(one.field, ATTACK_RATE, n=n, confidence=0.9, onset=onset, keys=keys),
        place=one.field,
        rate=one.rate,
        source=_source(segment_shares(hours), one.rate.attacks),
        n_texts=len(campaigns),
        n_copies=int(campaigns[0]["n"]) if campaigns else 0,
    )


def _source(shares: Sequence[SegmentShare], attacks: int) -> SegmentShare | None:
    """Return the value of a segment that sends most of the attacks, and more than its share of texts."""
    total: dict[str, int] = {}
    for one in shares:
        total[one.segment] = total.get(one.segment, 0) + one.n
    for one in shares:
        is_most = one.attacks >= max(_ONE_SOURCE * attacks, 2)
        if is_most and one.attacks / max(attacks, 1) > 1.5 * one.n / max(total[one.segment], 1):
            return one
    return None


def _reached_output(
    fields: Sequence[FieldState], reached: Sequence[Reached], now: datetime
) -> list[ReachedOutput | SteeredAnswers]:
    places: dict[str | None, list[Reached]] = {}
    for one in reached:
        places.setdefault(one.field, []).append(one)
    findings: list[ReachedOutput | SteeredAnswers] = [_reached(place, some) for place, some in places.items()]
    for state in fields:
        hours = state.since(now - DAY)
        evidence = sum(float(data["log_evidence"]) for data in hours)
        if state.field not in places and evidence >= needed_for_obedience(len(fields)):
            findings.append(_steered(state, hours))
    return sorted(findings, key=lambda one: -one.finding.n_records)


def _reached(place: str | None, some: Sequence[Reached]) -> ReachedOutput:
    keys = tuple(dict.fromkeys(one.key for one in some))
    confidence, onset = 0.95 if place is not None else 0.6, min(one.at for one in some)
    return ReachedOutput(
        finding=_finding(place, REACHED_OUTPUT, n=len(keys), confidence=confidence, onset=onset, keys=keys),
        place=place,
        n_marker=len({one.key for one in some if one.how.startswith("marker")}),
    )


def _steered(state: FieldState, hours: Sequence[Mapping[str, Any]]) -> SteeredAnswers:
    keys = [key for campaign in campaigns_of(hours) for key in campaign["keys"]]
    n = sum(int(data["obeyed"]) for data in hours)
    return SteeredAnswers(
        finding=_finding(state.field, REACHED_OUTPUT, n=n, confidence=0.85, onset=None, keys=keys),
        place=state.field,
        n_demanding=sum(int(data["demanding"]) for data in hours),
    )
