"""What a look at the cost says: findings with their runbooks, facts, tables and charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.core.detection.hours import HOUR, floor_hour, usual_hours
from seamwatch.core.detection.sketch import merged
from seamwatch.core.detection.windows import calendar_window
from seamwatch.core.finding import Finding
from seamwatch.core.watch.cost_hours import HourSums, whole_hours
from seamwatch.core.watch.cost_parts import Factor, Source
from seamwatch.core.watch.cost_prices import SUM_TIER, UNPRICED_TIER
from seamwatch.core.watch.cost_projection import Projection, project_cost
from seamwatch.core.watch.loops import Loop, UsualRuns
from seamwatch.core.watch.results import Cell, Chart, Column, Fact, Line, Table, Unit
from seamwatch.spec.objectives import CostObjective
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility

_LONGEST_HEADLINE = 150
_MAIN_ROWS = 8
_MOST_ROWS = 10
_STACKED = 5
_CHART_HOURS = 72
_SMALL = 0.01
"""Parts below this share of the largest are told together."""
_REST = "all others"

_WORDS = {
    "retry_loop": "Retry loop",
    "growing_context": "Growing context",
    "retries_after_errors": "Retries after errors of the provider",
    "more_calls": "More calls per record",
    "longer_requests": "Longer requests",
    "less_cached": "Fewer cached tokens",
    "longer_answers": "Longer answers",
    "model_mix": "Dearer mix of models",
    "price": "Higher price per token",
    "dearer_calls": "Dearer calls",
    "volume": "More records",
}
HOURS = {
    "retry_loop": (
        "Take back or switch off {source}: its records send the same request again though it was answered",
        "Bound the calls of one record at the client of {stage}, and stop the records in the table of loops",
        "Find what rejects the answer and asks again: a parser, a validation, a tool that fails",
    ),
    "growing_context": (
        "Take back or switch off {source}: its records append to the context call by call",
        "Bound steps and tokens of one record at {stage}, and stop the records in the table of loops",
        "Read the last request of a record: what is appended, and why does it not end?",
    ),
    "retries_after_errors": (
        "Look at the provider's status page, and at the statuses of failed calls at {stage}: 429, 5xx or timeouts",
        "See that retries wait longer each time and end; lower the concurrency on 429",
        "Switch {stage} to a fallback model or deployment while calls fail",
    ),
    "more_calls": (
        "Compare how {source} calls {stage} before and after {onset}: new steps, tools or retries",
        "Follow one of the records below call by call",
        "Bound the calls of one record at the client",
    ),
    "longer_requests": (
        "Compare requests of {source} at {stage} before and after {onset}: longer template, more documents, history",
        "Read one of the records below: what stands in it that did not before?",
        "Take the change back, or bound documents and history",
    ),
    "less_cached": (
        "See whether requests of {source} at {stage} still begin with the same text: an id in front ends caching",
        "Compare the first lines of a request before and after {onset}",
        "Move what changes behind what stays the same",
    ),
    "longer_answers": (
        "Compare answers of {source} at {stage} before and after {onset}: reasoning, repetition or another format",
        "Bound the answer's length in the request",
        "Take back a change of model or prompt version",
    ),
    "model_mix": (
        "See which calls moved to a dearer model, in the table of models: routing, fallback, settings of {source}",
        "Take the change back, or agree on the new budget",
    ),
    "price": (
        "Compare the provider's price list and the invoice with the prices before {onset}",
        "See whether tier, region or deployment of {stage} was changed",
        "Agree on the new budget, or move to another model",
    ),
    "dearer_calls": (
        "Record tokens at {stage} (input_tokens, output_tokens), or set monitoring.cost.prices: then the part is named",
        "Compare calls of {source} before and after {onset}",
    ),
    "volume": (
        "Ask who sends more: {source}, since {onset}; is it meant to?",
        "If not: stop or bound it at {stage}; look for records that are sent twice",
        "If it is: agree on the new budget",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """Hours of the present beside such hours as they usually are, an hour on average."""

    start: datetime
    end: datetime
    before: HourSums
    now: HourSums
    parts: Mapping[Factor, float]
    """USD per hour; they add up to the change."""
    n_records: float
    p_value: float | None
    """That chance alone makes as much of a window; None where there is no jump, 1.0 where it only lasts."""


@dataclass(frozen=True, kw_only=True)
class LoopRecord:
    """A record in a loop."""

    key: str
    stage: str
    calls: int
    """Of the run."""
    usd: float
    """Of all its calls."""
    request: str
    """First digits of a hash of the request."""
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Struck:
    """Records in a loop of one kind."""

    kind: Loop
    records: tuple[LoopRecord, ...]
    """The longest first; not all where there are many."""
    keys: tuple[Any, ...]
    usd: float
    longest: int
    usual: UsualRuns


def tell_loop(
    struck: Struck,
    responsibility: Responsibility,
    stage: str,
    source: Source | None,
    change: Change | None,
    *,
    onset: datetime,
) -> Finding:
    """Return a loop as a finding, with the jump that it makes where there is one."""
    pattern, n = struck.kind.value, len(struck.keys)
    who = f"record {struck.records[0].key[:40]}" if n == 1 else f"{n:,} records"
    did = {
        Loop.REPEAT: "sent the same request {} times",
        Loop.GROWTH: "made {} calls, each longer than the last",
        Loop.RETRY: "asked {} times while calls failed",
    }[struck.kind].format(f"up to {struck.longest}" if n > 1 else struck.longest)
    cost = _hourly(change) if change else f"{usd_text(struck.usd)} so far"
    usual = (
        f"Of {struck.usual.records:,.0f} records before, hardly any had {struck.usual.rare} such calls; "
        f"{struck.usual.threshold} are a loop, and so are many from {struck.usual.rare} on. "
    )
    return Finding(
        responsibility=responsibility,
        stage=stage,
        fields=(source.field,) if source else (),
        kind=pattern,
        headline=_headline(_WORDS[pattern], source, f"{who} {did}, {cost}"),
        explanation=usual + _about_source(source, "affected records"),
        n_records=n,
        confidence=0.95 if source else 0.85,
        onset=onset,
        keys=tuple(one.key for one in struck.records[:5]),
        steps=_steps(pattern, stage, source, onset),
    )


def tell_jump(
    change: Change,
    lead: Factor,
    responsibility: Responsibility,
    pattern: str,
    stage: str | None,
    source: Source | None,
    *,
    keys: tuple[str, ...],
) -> Finding:
    """Return a jump of the cost per hour as a finding."""
    moved = sum(abs(part) for part in change.parts.values())
    share = max(change.parts[lead], 0.0) / moved if moved else 0.0
    before, now = _levels(change, lead)
    levels = f" {now} instead of {before}," if before else ""
    explanation = (
        f"{change.start:%Y-%m-%d %H:%M} to {change.end:%H:%M} UTC beside the same hours of the 14 days before: "
        f"{lead.value} make {share:.0%} of all that moved. "
    )
    return Finding(
        responsibility=responsibility,
        stage=stage,
        fields=(source.field,) if source else (),
        kind=pattern,
        headline=_headline(_WORDS[pattern], source, f"{levels} {_hourly(change)}".strip()),
        explanation=explanation + _about_source(source, "the change"),
        n_records=round(change.n_records),
        confidence=round(min(0.5 + 0.5 * share, 0.97), 2),
        onset=change.start,
        keys=keys,
        steps=_steps(pattern, stage or "the model stage", source, change.start),
    )


def _headline(word: str, source: Source | None, rest: str) -> str:
    of = f" of {source.field[:60]}" if source else ""
    text = f"{word}{of}: {rest}"
    return text if len(text) <= _LONGEST_HEADLINE else text[: _LONGEST_HEADLINE - 1].rstrip(", ") + "…"


def _hourly(change: Change) -> str:
    return f"{usd_text(change.now.usd)} an hour instead of {usd_text(change.before.usd)}"


def _about_source(source: Source | None, what: str) -> str:
    if source is None:
        return "No value of a source stands out."
    return (
        f"{source.share:.0%} of {what} are of {source.column} {source.value}, "
        f"which usually has {source.usual:.0%} of the records."
    )


def _steps(pattern: str, stage: str, source: Source | None, onset: datetime) -> tuple[str, ...]:
    words = {
        "stage": stage,
        "source": source.field if source else "what is new",
        "onset": f"{onset:%Y-%m-%d %H:%M} UTC",
    }
    return tuple(step.format(**words) for step in HOURS[pattern])


def usd_text(usd: float) -> str:
    """Return US dollars with as many digits as tell small prices apart, never as a power."""
    if usd >= 100:
        return f"${usd:,.0f}"
    if usd >= 0.1 or usd <= 0:
        return f"${usd:,.2f}"
    digits = 1 - math.floor(math.log10(usd))
    return f"${f'{usd:.{digits}f}'.rstrip('0')}"


def _levels(change: Change, lead: Factor) -> tuple[str, str]:
    """Return what the leading factor was and is, as words; empty where one number does not tell it."""
    before, now = (_level(hour, lead) for hour in (change.before, change.now))
    if before is None or now is None:
        return "", ""
    form = {
        Factor.RECORDS: "{:,.3g} an hour",
        Factor.CALLS: "{:.3g}",
        Factor.TOKENS_IN: "{:,.0f} tokens",
        Factor.TOKENS_OUT: "{:,.0f} tokens",
        Factor.CACHED: "{:.0%}",
    }.get(lead)
    if form is None:
        return usd_text(before), usd_text(now)
    return form.format(before), form.format(now)


def _level(hour: HourSums, factor: Factor) -> float | None:
    """Return a factor of an hour as one number; None where it has none."""
    sums = sum(hour.cells.values(), start=pd.Series([0.0] * 8).to_numpy())
    calls, fresh, cached, output, _, _, _, rest = (float(one) for one in sums)
    pairs = {
        Factor.RECORDS: (hour.records, 1.0),
        Factor.CALLS: (calls, hour.records),
        Factor.TOKENS_IN: (fresh + cached, calls),
        Factor.CACHED: (cached, fresh + cached),
        Factor.TOKENS_OUT: (output, calls),
        Factor.REST: (rest, calls),
    }
    if factor not in pairs:
        return None
    above, below = pairs[factor]
    return above / below if below > 0 else None


_UNITS = {Factor.CACHED: Unit.SHARE, Factor.REST: Unit.USD}


def parts_table(change: Change) -> Table:
    """Return what the change is made of; the parts add up to it."""
    largest = max((abs(part) for part in change.parts.values()), default=0.0)
    ranked = sorted(change.parts.items(), key=lambda one: -abs(one[1]))
    told = [one for one in ranked if abs(one[1]) > _SMALL * largest][: _MAIN_ROWS - 2]
    total = change.now.usd - change.before.usd
    rows: list[tuple[Cell, ...]] = [
        (factor.value, _level(change.before, factor), _level(change.now, factor), part, _share(part, total))
        for factor, part in told
    ]
    rest = total - sum(part for _, part in told)
    if len(told) < len(ranked):
        rows.append((_REST, None, None, rest, _share(rest, total)))
    rows.append(("the change", change.before.usd, change.now.usd, total, _share(total, total)))
    return Table(
        title="What the change of the cost per hour is made of",
        columns=(
            Column(name="part"),
            Column(name="before", unit=Unit.NUMBER),
            Column(name="now", unit=Unit.NUMBER),
            Column(name="USD per hour", unit=Unit.USD),
            Column(name="share", unit=Unit.SHARE),
        ),
        rows=tuple(rows),
        note="Shapley values of the factors that the cost is a product of; they add up to the change.",
        is_main=True,
    )


def _share(part: float, total: float) -> float | None:
    return part / total if abs(total) > 1e-12 else None


def model_table(change: Change) -> Table:
    """Return calls, tokens and cost per hour of each model, now and before."""
    cells = sorted({*change.before.cells, *change.now.cells}, key=lambda one: -_cell_usd(change.now, one))
    several = len({cell[0] for cell in cells}) > 1
    rows = []
    for cell in cells[:_MOST_ROWS]:
        new = change.now.cells.get(cell)
        calls = 0.0 if new is None else float(new[0])
        each = (None, None) if new is None or not calls else (float(new[1] + new[2]) / calls, float(new[3]) / calls)
        usd, before = _cell_usd(change.now, cell), _cell_usd(change.before, cell)
        name = f"{cell[0]}: {cell[1]}" if several else cell[1]
        rows.append((name + _tier_text(cell[2]), calls, *each, usd, before))
    return Table(
        title="By model, an hour on average",
        columns=(
            Column(name="model"),
            Column(name="calls", unit=Unit.NUMBER),
            Column(name="tokens in per call", unit=Unit.NUMBER),
            Column(name="tokens out per call", unit=Unit.NUMBER),
            Column(name="USD per hour", unit=Unit.USD),
            Column(name="before", unit=Unit.USD),
        ),
        rows=tuple(rows),
    )


def _tier_text(tier: int) -> str:
    if tier > 0:
        return f" (price tier {tier + 1})"
    return {UNPRICED_TIER: " (no price or tokens)", SUM_TIER: " (only its cost is known)"}.get(tier, "")


def _cell_usd(hour: HourSums, cell: tuple[str, str, int]) -> float:
    return float(hour.cells[cell][4:].sum()) if cell in hour.cells else 0.0


def source_table(change: Change, column: str) -> Table:
    """Return records and cost per hour of each value of a source, now and before."""
    old, new = change.before.sources.get(column, {}), change.now.sources.get(column, {})
    values = sorted({*old, *new}, key=lambda one: -new.get(one, (0.0, 0.0))[1])[:_MOST_ROWS]
    none = (0.0, 0.0)
    return Table(
        title=f"By {column}, an hour on average",
        columns=(
            Column(name=column.rpartition(".")[2]),
            Column(name="records", unit=Unit.NUMBER),
            Column(name="records before", unit=Unit.NUMBER),
            Column(name="USD per hour", unit=Unit.USD),
            Column(name="before", unit=Unit.USD),
        ),
        rows=tuple(
            (value, new.get(value, none)[0], old.get(value, none)[0], new.get(value, none)[1], old.get(value, none)[1])
            for value in values
        ),
    )


def loop_table(struck: Sequence[Struck]) -> Table:
    """Return the records in loops, the longest first."""
    rows = [
        (one.key, _WORDS[kind.kind.value].lower(), one.calls, one.usd, one.request, one.since.isoformat())
        for kind in struck
        for one in kind.records
    ]
    return Table(
        title="Loops",
        columns=(
            Column(name="record"),
            Column(name="kind"),
            Column(name="calls", unit=Unit.COUNT),
            Column(name="USD", unit=Unit.USD),
            Column(name="request"),
            Column(name="since", unit=Unit.MOMENT),
        ),
        rows=tuple(rows[:_MOST_ROWS]),
        note="The request is told by the first digits of its hash.",
    )


def projections(pipeline: Pipeline, hours: Sequence[HourSums], now: datetime) -> list[tuple[str, Projection]]:
    """Return the present day and month, with the bound of the first objective that has one; else of UTC."""
    usual = {one.start for one in usual_hours(hours)}
    index = pd.DatetimeIndex([one.start for one in hours], tz="UTC")
    frame = pd.DataFrame(
        {"usd": [one.usd for one in hours], "is_usual": [one.start in usual for one in hours]}, index=index
    )
    found = []
    for period in ("day", "month"):
        bound, zone = bound_of(pipeline, period)
        found.append((period, project_cost(frame, bound, "day" if period == "day" else "month", zone, now)))
    return found


def bound_of(pipeline: Pipeline, period: str) -> tuple[float | None, str]:
    """Return the bound of a day or month and its time zone; None and UTC without an objective."""
    zone = "UTC"
    for one in pipeline.slos:
        if isinstance(one, CostObjective) and one.period is not None:
            if one.period == period:
                return one.per_day_usd or one.per_month_usd, one.time_zone
            zone = one.time_zone
    return None, zone


def facts(pipeline: Pipeline, hours: Sequence[HourSums], change: Change | None, now: datetime) -> tuple[Fact, ...]:
    """Return the figures of the summary."""
    found: list[Fact] = []
    if change is not None:
        before = f"before: {usd_text(change.before.usd)}"
        found.append(Fact(label="Cost per hour", value=change.now.usd, unit=Unit.USD, note=before))
        calls, usual = (_level(one, Factor.CALLS) for one in (change.now, change.before))
        note = "" if usual is None else f"before: {usual:.3g}"
        found.append(Fact(label="Calls per record", value=calls, unit=Unit.NUMBER, note=note))
    for period, one in projections(pipeline, hours, now):
        label = "Projected today" if period == "day" else "Projected this month"
        found.append(Fact(label=label, value=one.projected, unit=Unit.USD, note=_projection_note(one)))
    recent = [one.per_record for one in hours if one.start > now - timedelta(hours=24) - HOUR]
    middle, high = merged(recent).quantiles((0.5, 0.95)) if recent else (None, None)
    found.append(Fact(label="Cost per record, P50", value=middle, unit=Unit.USD, note="last 24 hours"))
    found.append(Fact(label="Cost per record, P95", value=high, unit=Unit.USD, note="last 24 hours"))
    return tuple(found)


def _projection_note(one: Projection) -> str:
    said = [f"{usd_text(one.spent)} so far"]
    if one.low is not None and one.high is not None:
        said.append(f"between {usd_text(one.low)} and {usd_text(one.high)}")
    if one.bound is not None:
        said.append(f"bound {usd_text(one.bound)}")
    if one.gone_at is not None:
        said.append(
            "gone" if one.bound is not None and one.spent >= one.bound else f"gone {one.gone_at:%m-%d %H:%M} UTC"
        )
    return ", ".join(said)


def charts(pipeline: Pipeline, hours: Sequence[HourSums], now: datetime, *, mark: datetime | None) -> tuple[Chart, ...]:
    """Return the cost per hour by model, and what the day has cost against its bound."""
    if not hours:
        return ()
    start = max(hours[0].start, floor_hour(now) - _CHART_HOURS * HOUR)
    shown = whole_hours(hours, start, now)
    by_model = [_by_model(one) for one in shown]
    totals: dict[str, float] = {}
    for sums in by_model:
        for model, usd in sums.items():
            totals[model] = totals.get(model, 0.0) + usd
    ranked = sorted(totals, key=lambda one: (-totals[one], one))
    lines = [
        Line(
            name=model,
            points=tuple((one.start, sums.get(model, 0.0)) for one, sums in zip(shown, by_model, strict=True)),
        )
        for model in ranked[:_STACKED]
    ]
    if len(ranked) > _STACKED:
        rest = [sum(sums.get(model, 0.0) for model in ranked[_STACKED:]) for sums in by_model]
        lines.append(Line(name=_REST, points=tuple((one.start, usd) for one, usd in zip(shown, rest, strict=True))))
    bound, zone = bound_of(pipeline, "day")
    day = calendar_window("day", zone, now)
    total, points = 0.0, [(day.start, 0.0)]
    for one in whole_hours(hours, floor_hour(day.start), now):
        inside = min(one.start + HOUR, day.end) - max(one.start, day.start)
        total += one.usd * (inside / HOUR)
        points.append((min(one.start + HOUR, now), total))
    return (
        Chart(title="Cost per hour by model", unit=Unit.USD, lines=tuple(lines), is_stacked=True, mark=mark),
        Chart(
            title="Cost of the day so far",
            unit=Unit.USD,
            lines=(Line(name="today", points=tuple(points)),),
            limit=bound,
            mark=mark if mark is not None and mark >= day.start else None,
        ),
    )


def _by_model(hour: HourSums) -> dict[str, float]:
    found: dict[str, float] = {}
    for cell, values in hour.cells.items():
        found[cell[1]] = found.get(cell[1], 0.0) + float(values[4:].sum())
    return found


def notes_of(hours: Sequence[HourSums], since: datetime, *, has_past: bool) -> tuple[str, ...]:
    """Return what a reader must know: calls without a price, and costs that cannot be split."""
    recent = [one for one in hours if one.start >= since]
    found = []
    unpriced: dict[str, float] = {}
    sums: dict[str, float] = {}
    for hour in recent:
        for model, n in hour.unpriced.items():
            unpriced[model] = unpriced.get(model, 0.0) + n
        for cell, values in hour.cells.items():
            if cell[2] == SUM_TIER:
                sums[cell[1]] = sums.get(cell[1], 0.0) + float(values[0])
    for model, n in sorted(unpriced.items()):
        found.append(
            f"{n:,.0f} calls of model {model} have no known price or no tokens and are left out; "
            "monitoring.cost.prices takes own prices"
        )
    for model, n in sorted(sums.items()):
        found.append(
            f"{n:,.0f} calls of model {model} have a cost without tokens or prices: only the cost per call is told"
        )
    if not has_past:
        found.append("there is too little of a past to compare the cost with")
    return tuple(found)
