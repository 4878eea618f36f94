"""What a look at latency says: the finding with its runbook, facts, tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from seamwatch.core.detection.sketch import Sketch, merged
from seamwatch.core.finding import Finding
from seamwatch.core.watch.latency import QUANTILE, Shift, whole
from seamwatch.core.watch.latency_hours import Hour
from seamwatch.core.watch.latency_source import Carrier, Source
from seamwatch.core.watch.results import Cell, Chart, Column, Fact, Line, Table, Unit
from seamwatch.core.watch.stage_times import Part

QUANTILES = (0.5, 0.95, 0.99)
_MAIN_ROWS = 8
_STACKED = 5
"""Parts of a chart that are drawn on their own."""
_LEAST_POINT = 5
"""An hour with fewer records is no point of a chart."""
_LONGEST_HEADLINE = 150

_HEADLINES = {
    "provider_slow": "Slow provider at {stage}",
    "timeouts": "Failed calls and their retries at {stage}",
    "repeated_calls": "Answered calls made again at {stage}",
    "longer_answers": "Longer answers of {stage}",
    "stage_slow": "Slow stage {stage}",
    "several_stages": "Slow pipeline, no single stage",
}
_STEPS = {
    "provider_slow": (
        "Look at the provider's status page and at the rate limits of the account behind {stage}",
        "Compare time to first token and seconds per token, for another region or deployment if there is one",
        "If it lasts: switch {stage} to the fallback model or deployment, or lower its concurrency",
        "If timeouts follow, raise the client's timeout only after callers can bear it",
    ),
    "timeouts": (
        "Look at the statuses of failed calls at {stage}: timeouts, 429 or 5xx",
        "429: lower concurrency or ask for a higher limit; 5xx and timeouts: tell the provider, with the records below",
        "See that retries wait longer each time and end; switch to the fallback while calls fail",
    ),
    "repeated_calls": (
        "Find what sends requests to {stage} again although they were answered, in what was released since {onset}",
        "Take that release back, or bound the calls of one record; look at the cost watch for what it spends",
    ),
    "longer_answers": (
        "Compare prompt and model version at {stage} before and after {onset}",
        "Read some of the slow answers below: what do they say that they did not say before",
        "Bound the answer's length in the request, or take the change back",
    ),
    "stage_slow": (
        "Look at what was deployed or grew at {stage} since {onset}: code, data volume, locks, queue length",
        "Take one of the slow records below and follow it through {stage}",
        "Take the last change back, or give {stage} more workers if records wait for it",
    ),
    "several_stages": (
        "Look at what the stages share: database, network, workers, a deployment at about {onset}",
        "Read the table of parts below: which grew, and by how much",
        "Take one of the slow records below and follow it from stage to stage",
    ),
}


def tell(
    shift: Shift, carrier: Carrier, source: Source, *, onset: datetime, keys: tuple[str, ...], window_text: str
) -> Finding:
    """Return the finding."""
    stage = source.stage or "the pipeline"
    place = {"stage": stage, "onset": f"{onset:%Y-%m-%d %H:%M} UTC"}
    head = _HEADLINES[source.pattern].format(**place)
    size = f"P95 {_seconds(shift.p95)}, before {_seconds(shift.p95_before)}"
    held = f"; it carries {min(carrier.share, 1.0):.0%} of the change" if source.stage else ""
    n = sum(hour.total.count for hour in shift.hours)
    explanation = (
        f"P95 of the full pipeline over {window_text} is {_seconds(shift.p95)}, {_seconds(shift.p95_before)} in "
        f"comparable hours before; {shift.n_slow:,} of {n:,} records are slower than that, where one in twenty is "
        f"usual. {_carried(carrier, source)} {source.detail}"
    )
    return Finding(
        responsibility=source.responsibility,
        stage=source.stage,
        kind=source.pattern,
        headline=_shortened(head, f": {size}{held}"),
        explanation=explanation.strip(),
        n_records=shift.n_slow,
        confidence=carrier.confidence,
        onset=onset,
        keys=keys,
        steps=tuple(step.format(**place) for step in _STEPS[source.pattern]),
    )


def _carried(carrier: Carrier, source: Source) -> str:
    if carrier.part is None or source.stage is None:
        return ""
    mine = [one for one in carrier.contributions if one.part.stage == carrier.part.stage]
    before, now = sum(one.before for one in mine), sum(one.now for one in mine)
    return (
        f"Slow records spend {_seconds(now)} at {source.stage}, {_seconds(before)} before: "
        f"{min(carrier.share, 1.0):.0%} of the change."
    )


def _shortened(head: str, tail: str) -> str:
    room = _LONGEST_HEADLINE - len(tail)
    return (head if len(head) <= room else f"{head[: room - 3]}...") + tail


def _seconds(value: float) -> str:
    return f"{value / 60.0:.1f} min" if value >= 120 else f"{value:.3g} s"


def change_table(carrier: Carrier) -> Table:
    """Return what the change of P95 is made of; the parts add up to it."""
    rows: list[tuple[Cell, ...]] = [
        (one.part.label, one.before, one.now, one.change, one.low, one.high) for one in carrier.contributions
    ]
    total = sum(one.change for one in carrier.contributions)
    if len(rows) > _MAIN_ROWS - 1:
        rest = carrier.contributions[_MAIN_ROWS - 2 :]
        before, now = sum(one.before for one in rest), sum(one.now for one in rest)
        rows = [*rows[: _MAIN_ROWS - 2], ("all others", before, now, now - before, None, None)]
    whole_row = tuple(sum(getattr(one, name) for one in carrier.contributions) for name in ("before", "now", "change"))
    cells: list[tuple[Cell, ...]] = [
        (*row, float(row[3] or 0.0) / total if total > 0 else None)
        for row in [*rows, ("full pipeline", *whole_row, None, None)]
    ]
    names = ("before", "now", "change", "low", "high")
    return Table(
        title="What the change of P95 is made of",
        columns=(
            Column(name="part"),
            *(Column(name=name, unit=Unit.SECONDS) for name in names),
            Column(name="of the change", unit=Unit.SHARE),
        ),
        rows=tuple(cells),
        note="Mean seconds of each part among records whose total is at P95; the parts add up. Interval of the change: "
        "95 %, by bootstrap.",
        is_main=True,
    )


def quantile_table(now: Sequence[Hour], before: Sequence[Hour]) -> Table:
    """Return P50, P95 and P99 of the full pipeline and of every part, now and before, with their intervals."""
    rows: list[tuple[Cell, ...]] = []
    for part in (None, *_parts(now)):
        label = "full pipeline" if part is None else Part.read(part).label
        is_, was = whole(now, part), whole(before, part)
        rows += [(label, f"P{q * 100:g}", *_cells(was, q), *_cells(is_, q)) for q in QUANTILES]
    names = ("before", "low", "high", "now", "low ", "high ")
    return Table(
        title="Seconds of the full pipeline and of its parts, by quantile",
        columns=(
            Column(name="part"),
            Column(name="quantile"),
            *(Column(name=name, unit=Unit.SECONDS) for name in names),
        ),
        rows=tuple(rows),
        note="Intervals: 95 %, by order statistics; a dash where too few records bound a quantile.",
    )


def _cells(sketch: Sketch, q: float) -> tuple[Cell, Cell, Cell]:
    low, high = sketch.interval(q)
    return sketch.quantile(q), low, high


def _parts(hours: Sequence[Hour]) -> list[str]:
    """Return the parts that took any time, in the pipeline's order."""
    names = dict.fromkeys(name for hour in hours for name in hour.parts)
    return [name for name in names if any(hour.parts[name].total > 0 for hour in hours if name in hour.parts)]


def facts(now: Sequence[Hour], before: Sequence[Hour], carrier: Carrier | None) -> tuple[Fact, ...]:
    """Return the figures of the summary."""
    is_, was = whole(now), whole(before)
    found = [
        Fact(label="P95 now", value=is_.quantile(QUANTILE), unit=Unit.SECONDS, note=f"of {is_.count:,} records"),
        Fact(label="P95 before", value=was.quantile(QUANTILE), unit=Unit.SECONDS, note=f"of {was.count:,} records"),
    ]
    if carrier is not None and carrier.part is not None:
        label = f"Of the change, {carrier.part.stage}"
        found.append(Fact(label=label, value=min(carrier.share, 1.0), unit=Unit.SHARE))
    first = {name: merged(hour.ttft for hour in hours) for name, hours in (("now", now), ("before", before))}
    if first["now"].count:
        was_first = first["before"].quantile(QUANTILE)
        note = "" if was_first is None else f"{_seconds(was_first)} before"
        value = first["now"].quantile(QUANTILE)
        found.append(Fact(label="P95 to the first token", value=value, unit=Unit.SECONDS, note=note))
    for label, name in (("Timeouts", "timeouts"), ("Retries", "retries")):
        n, usual = (sum(getattr(hour, name) for hour in hours) for hours in (now, before))
        records = sum(hour.records for hour in before)
        note = f"{1000 * usual / records:.3g} in 1,000 records before" if records else ""
        found.append(Fact(label=label, value=n, unit=Unit.COUNT, note=note))
    return tuple(found)


def charts(hours: Sequence[Hour], *, mark: datetime | None, limit: float | None) -> tuple[Chart, ...]:
    """Return quantiles by hour, and the mean seconds of each part by hour, stacked."""
    shown = [hour for hour in hours if hour.total.count >= _LEAST_POINT]
    rows = [(hour.start, hour.total.quantiles(QUANTILES)) for hour in shown]
    lines = tuple(
        Line(name=f"P{q * 100:g}", points=tuple((at, values[place] or 0.0) for at, values in rows))
        for place, q in enumerate(QUANTILES)
    )
    sums = {name: whole(shown, name).total for name in _parts(shown)}
    largest = sorted(sums, key=lambda name: -sums[name])[:_STACKED]
    drawn = [name for name in sums if name in largest]
    parts = [Line(name=Part.read(name).label, points=_means(shown, [name])) for name in drawn]
    if len(sums) > len(drawn):
        parts.append(Line(name="all others", points=_means(shown, [name for name in sums if name not in largest])))
    return (
        Chart(title="Full pipeline by quantile", unit=Unit.SECONDS, lines=lines, mark=mark, limit=limit),
        Chart(title="Mean seconds by stage", unit=Unit.SECONDS, lines=tuple(parts), is_stacked=True, mark=mark),
    )


def _means(hours: Sequence[Hour], names: Sequence[str]) -> tuple[tuple[datetime, float], ...]:
    return tuple(
        (hour.start, sum(hour.parts[name].total for name in names if name in hour.parts) / hour.total.count)
        for hour in hours
    )


def notes_of(now: Sequence[Hour], untimed: Sequence[str]) -> tuple[str, ...]:
    """Return what a reader must know to trust the numbers."""
    found = []
    skewed, absurd = (sum(getattr(hour, name) for hour in now) for name in ("skewed", "absurd"))
    n = sum(hour.total.count for hour in now)
    if skewed:
        found.append(
            f"{skewed:,} of {n:,} records have a time before that of an input, or after the last stage's: a clock is "
            "off; such times are brought between their neighbours', so the parts still add up"
        )
    if absurd:
        found.append(f"{absurd:,} records are left out: their latency is negative or beyond 30 days")
    if untimed:
        found.append(
            f"{', '.join(untimed)}: no time of its own, or that of a later stage's row; what it takes is in the stage "
            "after it"
        )
    return tuple(found)
