"""What is said of the latency: the finding with its runbook, facts, tables, charts and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from seamwatch.core.detection.sketch import Sketch, merged
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.latency import QUANTILE, whole
from seamwatch.core.watch.latency_evaluation import LatencyEvaluation, Slowdown
from seamwatch.core.watch.latency_hours import Hour
from seamwatch.core.watch.latency_source import WAIT_RECORDS, Carrier, Source
from seamwatch.core.watch.results import Cell, Chart, Fact, Line, Table, Unit, WatchReport
from seamwatch.core.watch.stage_times import Part
from seamwatch.plurals import agree, plural
from seamwatch.report.numbers import moment, rough_seconds, span
from seamwatch.report.watch.figures import MAIN_ROWS, REST, stacked_lines, table
from seamwatch.report.watch.texts import headline, steps, text
from seamwatch.vocabulary import Watch

_QUANTILES = (0.5, 0.95, 0.99)
_LEAST_POINT = 5
"""An hour with fewer records is no point of a chart."""
_WHOLE = "full pipeline"


def latency_report(evaluation: LatencyEvaluation) -> WatchReport:
    """Return an evaluation of the latency in words and figures."""
    now, before, slowdown = evaluation.now, evaluation.before, evaluation.slowdown
    findings = () if slowdown is None or slowdown.is_early else (describe_slowdown(slowdown, evaluation.window),)
    tables = (_quantile_table(now, before),)
    return WatchReport(
        watch=Watch.LATENCY,
        pipeline=evaluation.pipeline,
        window=evaluation.window,
        compared=evaluation.compared,
        n_records=evaluation.n_records,
        findings=findings,
        still=evaluation.still,
        facts=_facts(now, before, slowdown.carrier if slowdown is not None else None),
        tables=tables if slowdown is None else (change_table(slowdown.carrier), *tables),
        charts=latency_charts(
            evaluation.hours, mark=slowdown.finding.onset if slowdown is not None else None, limit=evaluation.limit
        ),
        notes=(*evaluation.notes, *_notes(evaluation)),
    )


def describe_slowdown(slowdown: Slowdown, window: Window) -> Finding:
    """Return the finding with its words."""
    shift, carrier, source = slowdown.shift, slowdown.carrier, slowdown.source
    place = {"stage": source.stage or "the pipeline", "onset": moment(slowdown.finding.onset)}
    p95, p95_before = rough_seconds(shift.p95), rough_seconds(shift.p95_before)
    share = f"; it carries {min(carrier.share, 1.0):.0%} of the change" if source.stage else ""
    reason = text(Watch.LATENCY, "reasons", source.reason, **source.evidence) if source.reason is not None else ""
    explanation = (
        f"P95 of the full pipeline over {span(window)} is {p95}, {p95_before} "
        f"in comparable hours before; {shift.n_slow:,} of "
        f"{plural(sum(hour.total.count for hour in shift.hours), 'record')} "
        f"{agree(shift.n_slow, 'is', 'are')} slower than that, where one in twenty is usual. "
        f"{_carried(carrier, source)} {reason}"
    )
    return replace(
        slowdown.finding,
        headline=headline(
            text(Watch.LATENCY, "headlines", source.pattern, **place), f": P95 {p95}, before {p95_before}{share}"
        ),
        explanation=explanation.strip(),
        steps=steps(Watch.LATENCY, source.pattern, **place),
    )


def _carried(carrier: Carrier, source: Source) -> str:
    if carrier.part is None or source.stage is None:
        return ""
    mine = [one for one in carrier.contributions if one.part.stage == carrier.part.stage]
    before, now = sum(one.before for one in mine), sum(one.now for one in mine)
    return (
        f"Slow records spend {rough_seconds(now)} at {source.stage}, {rough_seconds(before)} before: "
        f"{min(carrier.share, 1.0):.0%} of the change."
    )


def _label(part: Part) -> str:
    return text(Watch.LATENCY, "parts", part.role, stage=part.stage)


def change_table(carrier: Carrier) -> Table:
    """Return what the change of P95 is made of; the parts add up to it."""
    parts = carrier.contributions
    rows: list[tuple[Cell, ...]] = [
        (_label(one.part), one.before, one.now, one.change, one.low, one.high) for one in parts
    ]
    if len(rows) > MAIN_ROWS - 1:
        rest = parts[MAIN_ROWS - 2 :]
        before, now = sum(one.before for one in rest), sum(one.now for one in rest)
        rows = [*rows[: MAIN_ROWS - 2], (REST, before, now, now - before, None, None)]
    total = sum(one.change for one in parts)
    rows.append((_WHOLE, sum(one.before for one in parts), sum(one.now for one in parts), total, None, None))
    names = ("before", "now", "change", "low", "high")
    return table(
        "What the change of P95 is made of",
        {"part": Unit.TEXT, **dict.fromkeys(names, Unit.SECONDS), "of the change": Unit.SHARE},
        [(*row, float(row[3] or 0.0) / total if total > 0 else None) for row in rows],
        note="Mean seconds of each part among records whose total is at P95; the parts add up. Interval of the change: "
        "95 %, by bootstrap.",
        is_main=True,
    )


def _quantile_table(now: Sequence[Hour], before: Sequence[Hour]) -> Table:
    """Return P50, P95 and P99 of the full pipeline and of every part, now and before, with their intervals."""
    rows: list[tuple[Cell, ...]] = []
    for part in (None, *_parts(now)):
        label = _WHOLE if part is None else _label(Part.read(part))
        is_, was = whole(now, part), whole(before, part)
        rows += [(label, f"P{q * 100:g}", *_cells(was, q), *_cells(is_, q)) for q in _QUANTILES]
    names = ("before", "low", "high", "now", "low ", "high ")
    return table(
        "Seconds of the full pipeline and of its parts, by quantile",
        {"part": Unit.TEXT, "quantile": Unit.TEXT, **dict.fromkeys(names, Unit.SECONDS)},
        rows,
        note="Intervals: 95 %, by order statistics; a dash where too few records bound a quantile.",
    )


def _cells(sketch: Sketch, q: float) -> tuple[Cell, Cell, Cell]:
    low, high = sketch.interval(q)
    return sketch.quantile(q), low, high


def _parts(hours: Sequence[Hour]) -> list[str]:
    """Return the parts that took any time, in the pipeline's order."""
    names = dict.fromkeys(name for hour in hours for name in hour.parts)
    return [name for name in names if any(hour.parts[name].total > 0 for hour in hours if name in hour.parts)]


def _facts(now: Sequence[Hour], before: Sequence[Hour], carrier: Carrier | None) -> tuple[Fact, ...]:
    """Return the figures of the summary."""
    facts = []
    for label, hours in (("P95 now", now), ("P95 before", before)):
        sketch = whole(hours)
        note = f"of {plural(sketch.count, 'record')}"
        facts.append(Fact(label=label, value=sketch.quantile(QUANTILE), unit=Unit.SECONDS, note=note))
    if carrier is not None and carrier.part is not None:
        label = f"Of the change, {carrier.part.stage}"
        facts.append(Fact(label=label, value=min(carrier.share, 1.0), unit=Unit.SHARE))
    first, first_before = (merged(hour.ttft for hour in hours) for hours in (now, before))
    if first.count:
        usual = first_before.quantile(QUANTILE)
        note = "" if usual is None else f"{rough_seconds(usual)} before"
        facts.append(Fact(label="P95 to the first token", value=first.quantile(QUANTILE), unit=Unit.SECONDS, note=note))
    records = sum(hour.records for hour in before)
    for label, name in (("Timeouts", "timeouts"), ("Retries", "retries")):
        n, n_before = (sum(getattr(hour, name) for hour in hours) for hours in (now, before))
        note = f"{1000 * n_before / records:.3g} in 1,000 records before" if records else ""
        facts.append(Fact(label=label, value=n, unit=Unit.COUNT, note=note))
    return tuple(facts)


def latency_charts(hours: Sequence[Hour], *, mark: datetime | None, limit: float | None) -> tuple[Chart, ...]:
    """Return quantiles by hour, and the mean seconds of each part by hour, stacked."""
    shown = [hour for hour in hours if hour.total.count >= _LEAST_POINT]
    rows = [(hour.start, hour.total.quantiles(_QUANTILES)) for hour in shown]
    quantiles = tuple(
        Line(name=f"P{q * 100:g}", points=tuple((at, values[place] or 0.0) for at, values in rows))
        for place, q in enumerate(_QUANTILES)
    )
    means = {
        _label(Part.read(name)): [
            hour.parts[name].total / hour.total.count if name in hour.parts else 0.0 for hour in shown
        ]
        for name in _parts(shown)
    }
    stages = stacked_lines([hour.start for hour in shown], means)
    return (
        Chart(title="Full pipeline by quantile", unit=Unit.SECONDS, lines=quantiles, mark=mark, limit=limit),
        Chart(title="Mean seconds by stage", unit=Unit.SECONDS, lines=stages, is_stacked=True, mark=mark),
    )


def _notes(evaluation: LatencyEvaluation) -> list[str]:
    """Return what a reader must know to trust the numbers."""
    n_skewed, n_absurd = (sum(getattr(hour, name) for hour in evaluation.now) for name in ("skewed", "absurd"))
    n = evaluation.n_records
    slowdown = evaluation.slowdown
    values: dict[str, dict[str, object]] = {}
    if n_skewed:
        values["skewed"] = {"n_skewed": n_skewed, "n": n}
    if n_absurd:
        values["absurd"] = {"n": n_absurd}
    if evaluation.untimed:
        values["untimed"] = {"stages": ", ".join(evaluation.untimed)}
    if evaluation.compared is None:
        values["no_past"] = {}
    if slowdown is not None and slowdown.is_early:
        values["early"] = {"n": n, "least": WAIT_RECORDS}
    return [text(Watch.LATENCY, "notes", kind, **names) for kind, names in values.items()]
