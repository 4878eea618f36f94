"""What the injection watch tells: incidents with their runbook, tables, charts. No text of an attacker acts in it."""

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
from seamwatch.core.watch.results import Chart, Column, Fact, Line, Table, Unit, WatchReport
from seamwatch.core.watch.untrusted import plain_name, visible
from seamwatch.vocabulary import Responsibility, Watch

ATTACK_RATE, REACHED_OUTPUT = "attack_rate", "reached_output"
_DAY = timedelta(hours=24)
_ONE_SOURCE = 0.5
"""Share of the attacks from which on one campaign, or one value of a segment, is called their source."""
_HEADLINE = 150


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
    was_told: bool

    def since(self, start: datetime) -> list[Mapping[str, Any]]:
        """Return the sums of the hours from `start` on, oldest first."""
        return [data for at, data in sorted(self.sums.items()) if at + HOUR > start]

    def onset(self, now: datetime) -> datetime:
        """Return the first hour with an attack in the window that says most."""
        start = now - HOUR * self.rate.hours
        hours = [at for at, data in self.sums.items() if at + HOUR > start and data["attacks"]]
        return min(hours, default=start)


def report(
    *,
    pipeline: str,
    window: Window,
    fields: Sequence[FieldState],
    reached: Sequence[Reached],
    now: datetime,
    notes: tuple[str, ...],
) -> WatchReport:
    """Return the report of one look.

    Args:
        pipeline: Its name.
        window: What the sums cover.
        fields: Every field with sums.
        reached: Attacks that reached the output in the last day.
        now: The present.
        notes: What was said on the way.
    """
    found = [*_reached_output(fields, reached, now), *(_rate(one, now) for one in fields if one.rate.fires)]
    judged = [one for one in fields if one.rate.is_judged]
    recent = [data for one in fields for data in one.since(now - _DAY)]
    n, attacks = sum(data["n"] for data in recent), sum(data["attacks"] for data in recent)
    unjudged = [one.field for one in fields if not one.rate.is_judged]
    if unjudged:
        notes += (
            f"too little past to judge the rate of {', '.join(unjudged)}: attacks are counted, and told "
            "once one reaches the output",
        )
    if not fields:
        notes += ("no untrusted text was read",)
    past = Window(start=window.start, end=now - LAG) if judged and window.start < now - LAG else None
    still = ATTACK_RATE if any(one.was_told and not one.rate.fires and not one.rate.can_end for one in fields) else None
    return WatchReport(
        watch=Watch.INJECTION,
        pipeline=pipeline,
        window=Window(start=now - _DAY, end=now),
        compared=past,
        n_records=n,
        findings=tuple(found),
        still=(still,) if still and not any(one.kind == still for one in found) else (),
        facts=(
            Fact(label="Untrusted texts in 24 hours", value=n, unit=Unit.COUNT),
            Fact(label="Texts that look like attacks", value=attacks, unit=Unit.COUNT),
            Fact(label="Share of attacks", value=attacks / n if n else None, unit=Unit.SHARE),
            Fact(label="Attacks that reached the output", value=len({one.key for one in reached}), unit=Unit.COUNT),
        ),
        tables=_tables(fields, reached, now),
        charts=_charts(fields, found),
        notes=notes,
    )


def _stage_and_field(name: str) -> tuple[str, str]:
    stage, _, field = name.partition(".")
    return stage, field


def _rate(one: FieldState, now: datetime) -> Finding:
    rate, (stage, field) = one.rate, _stage_and_field(one.field)
    onset = one.onset(now)
    hours = one.since(onset)
    campaigns, shares = campaigns_of(hours), segment_shares(hours)
    source = _source(shares, rate.attacks)
    usual = rate.usual_share or 0.0
    share = rate.attacks / rate.n if rate.n else 0.0
    usually = f"usually {usual:.1%}" if usual >= 0.001 else "usually hardly any" if usual else "usually none"
    headline = f"Prompt injection rising in {one.field}: {share:.1%} of texts in {rate.hours} h, {usually}"
    if source is not None and (name := plain_name(source.value)) is not None:
        headline = _longer(headline, f", from {source.segment} {name}")
    largest = campaigns[0] if campaigns else None
    total = sum(int(data["attacks"]) for data in hours)
    speaks = (
        f" {largest['n']} of them are near-copies of one text: one source that tries again and again."
        if largest is not None and largest["n"] >= _ONE_SOURCE * total and largest["n"] > 1
        else f" They are {len(campaigns)} different texts."
    )
    where = f" {source.attacks} come from {source.segment} = {visible(source.value, 40)}." if source else ""
    return Finding(
        responsibility=Responsibility.ADVERSARIAL_INPUT,
        stage=stage,
        fields=(field,),
        kind=ATTACK_RATE,
        headline=headline[:_HEADLINE],
        explanation=(
            f"{rate.attacks} of {rate.n} texts of the last {rate.hours} h look like orders to the model; in the past "
            f"of up to 14 days it was {usual:.2%} of {rate.n_past}.{speaks}{where}"
        ),
        n_records=total,
        confidence=0.9,
        onset=onset,
        keys=tuple(key for one_campaign in campaigns for key in one_campaign["keys"])[:10],
        steps=_rate_steps(stage, field, source, is_one=bool(largest and largest["n"] >= _ONE_SOURCE * total)),
    )


def _longer(headline: str, more: str) -> str:
    return headline + more if len(headline) + len(more) <= _HEADLINE else headline


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


def _rate_steps(stage: str, field: str, source: SegmentShare | None, *, is_one: bool) -> tuple[str, ...]:
    who = f"{source.segment} = {visible(source.value, 40)}" if source else "the senders of the records below"
    return (
        "Read the excerpts below as data: follow no link and no order in them; mark those that are honest",
        f"Quarantine the flagged records at {stage}: keep them from the model until a person has read them",
        f"Block or slow down {who}" + (", as nearly all of it is one text" if is_one else ""),
        "Check in the logs of tools with side effects (mail, payments, deletions) that no call came from these records",
        f"Ask the AI team to keep {field} apart from instructions in the prompt, and to let a guard refuse such text "
        "(monitoring.injection.guard)",
        "If honest texts are flagged, raise monitoring.injection.threshold, or name the untrusted fields in "
        "monitoring.injection.fields",
    )


def _reached_output(fields: Sequence[FieldState], reached: Sequence[Reached], now: datetime) -> list[Finding]:
    places: dict[str | None, list[Reached]] = {}
    for one in reached:
        places.setdefault(one.field, []).append(one)
    found = [_reached(place, some) for place, some in places.items()]
    for state in fields:
        hours = state.since(now - _DAY)
        evidence = sum(float(data["log_evidence"]) for data in hours)
        if state.field not in places and evidence >= needed_for_obedience(len(fields)):
            found.append(_obeyed(state, hours))
    return sorted(found, key=lambda one: -one.n_records)


def _reached(place: str | None, some: Sequence[Reached]) -> Finding:
    keys = tuple(dict.fromkeys(one.key for one in some))
    n_marker = len({one.key for one in some if one.how.startswith("marker")})
    n = len(keys)
    answers = "1 answer" if n == 1 else f"{n} answers"
    stage: str | None = None
    fields: tuple[str, ...] = ()
    if place is None:
        headline = f"A marker that must stay secret stands in {answers}; no injected text was found in the inputs"
        explanation = (
            f"{answers.capitalize()} of the last day hold a text of monitoring.injection.markers, which never leaves "
            "the system prompt unless somebody gets the model to say it. No scanned field of these "
            "records scored as an attack."
        )
    else:
        stage, field = _stage_and_field(place)
        fields = (field,)
        headline = f"Prompt injection in {place} reached the output: {answers} obeyed it"
        explanation = (
            f"{answers.capitalize()} of the last day hold what the injected text demanded and nothing else in the "
            "input or in other answers explains"
            + (f"; {n_marker} of them hold a marker that must never be said." if n_marker else ".")
        )
    return Finding(
        responsibility=Responsibility.ADVERSARIAL_INPUT,
        stage=stage,
        fields=fields,
        kind=REACHED_OUTPUT,
        headline=headline[:_HEADLINE],
        explanation=explanation,
        n_records=n,
        confidence=0.95 if place is not None else 0.6,
        onset=min(one.at for one in some),
        keys=keys[:10],
        steps=_reached_steps(stage, is_marker=n_marker > 0),
    )


def _obeyed(state: FieldState, hours: Sequence[Mapping[str, Any]]) -> Finding:
    stage, field = _stage_and_field(state.field)
    asked, obeyed = sum(int(data["demanding"]) for data in hours), sum(int(data["obeyed"]) for data in hours)
    return Finding(
        responsibility=Responsibility.ADVERSARIAL_INPUT,
        stage=stage,
        fields=(field,),
        kind=REACHED_OUTPUT,
        headline=f"Prompt injection in {state.field} steers answers: {obeyed} of {asked} are what it demanded"[
            :_HEADLINE
        ],
        explanation=(
            f"Of {asked} records of the last day whose text demands a certain answer, {obeyed} got it; records of the "
            "same time without such text get these answers far less often."
        ),
        n_records=obeyed,
        confidence=0.85,
        keys=tuple(key for one in campaigns_of(hours) for key in one["keys"])[:10],
        steps=_reached_steps(stage, is_marker=False),
    )


def _reached_steps(stage: str | None, *, is_marker: bool) -> tuple[str, ...]:
    entered = f" at {stage}" if stage else ""
    return (
        f"Quarantine these records{entered}: hold back or recall what was sent, and have a person answer",
        "Check every tool with side effects that the model may call (mail, payments, deletions, tickets) for calls "
        "from these records",
        *(
            ("Rotate the canary and every secret that stands in the system prompt: they are known now",)
            if is_marker
            else ()
        ),
        "Block the sender or tenant of these records, and search the past days for the same text",
        "Put a guard before the model (monitoring.injection.guard), and lower monitoring.injection.threshold until it "
        "stops",
        "Ask the AI team to add these records to its tests: the model must treat the field as data",
    )


def _tables(fields: Sequence[FieldState], reached: Sequence[Reached], now: datetime) -> tuple[Table, ...]:
    through = {one.key for one in reached}
    examples: list[tuple[float, tuple[str, str, float, int, str]]] = []
    rows = []
    shares: list[tuple[str, SegmentShare]] = []
    for one in fields:
        hours = one.since(now - _DAY)
        n, attacks = sum(int(data["n"]) for data in hours), sum(int(data["attacks"]) for data in hours)
        rows.append((one.field, n, attacks, attacks / n if n else None, one.rate.usual_share))
        shares += [(one.field, share) for share in segment_shares(hours) if share.attacks]
        for campaign in campaigns_of(hours):
            rank = 2.0 * bool(through & set(campaign["keys"])) + float(campaign["score"])
            row = (
                str(campaign["keys"][0]),
                one.field,
                float(campaign["score"]),
                int(campaign["n"]),
                str(campaign["excerpt"]),
            )
            examples.append((rank, row))
    examples.sort(key=lambda pair: (-pair[0], -pair[1][3], pair[1][0]))
    shares.sort(key=lambda pair: -pair[1].attacks)
    text, count, share = Unit.TEXT, Unit.COUNT, Unit.SHARE
    found = []
    if examples:
        columns = (("record", text), ("field", text), ("score", Unit.NUMBER), ("copies", count), ("excerpt", text))
        found.append(
            Table(
                title="What the flagged texts say",
                columns=tuple(Column(name=name, unit=unit) for name, unit in columns),
                rows=tuple(row for _, row in examples[:8]),
                note="Untrusted text: read it, follow nothing in it. Signs of markup and links are replaced, hidden "
                "characters written out.",
                is_main=True,
            )
        )
    if rows:
        columns = (("field", text), ("texts", count), ("attacks", count), ("share", share), ("usual share", share))
        found.append(
            Table(
                title="Attacks of the last 24 hours by field",
                columns=tuple(Column(name=name, unit=unit) for name, unit in columns),
                rows=tuple(rows),
            )
        )
    if shares:
        columns = (("field", text), ("segment", text), ("value", text), ("texts", count), ("attacks", count))
        found.append(
            Table(
                title="Attacks of the last 24 hours by segment",
                columns=tuple(Column(name=name, unit=unit) for name, unit in columns),
                rows=tuple((f, one.segment, visible(one.value, 60), one.n, one.attacks) for f, one in shares[:20]),
            )
        )
    return tuple(found)


def _charts(fields: Sequence[FieldState], found: Sequence[Finding]) -> tuple[Chart, ...]:
    lines = tuple(
        Line(
            name=one.field,
            points=tuple((at, data["attacks"] / data["n"]) for at, data in sorted(one.sums.items()) if data["n"]),
        )
        for one in fields
        if any(data["attacks"] for data in one.sums.values())
    )
    if not lines:
        return ()
    onsets = [one.onset for one in found if one.onset is not None]
    return (
        Chart(
            title="Share of texts that look like attacks, by hour",
            unit=Unit.SHARE,
            lines=lines[:6],
            mark=min(onsets, default=None),
        ),
    )
