"""What is said of the cost: findings with their runbooks, facts, tables, charts and notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from seamwatch.core.detection.hours import HOUR, floor_hour
from seamwatch.core.detection.sketch import merged
from seamwatch.core.finding import Finding
from seamwatch.core.watch.cost_evaluation import (
    Change,
    CostEvaluation,
    CostFinding,
    LoopingRecords,
    factor_level,
)
from seamwatch.core.watch.cost_hours import HourSums, whole_hours
from seamwatch.core.watch.cost_parts import Factor, Source
from seamwatch.core.watch.cost_prices import SUM_TIER, UNPRICED_TIER
from seamwatch.core.watch.cost_projection import Projection
from seamwatch.core.watch.results import Cell, Chart, Fact, Line, Table, Unit, WatchReport
from seamwatch.plurals import plural
from seamwatch.report.numbers import exact_money, moment
from seamwatch.report.watch.figures import MAIN_ROWS, REST, stacked_lines, table
from seamwatch.report.watch.texts import headline, steps, text
from seamwatch.vocabulary import Watch

_MOST_ROWS = 10
_CHART_HOURS = 72
_SMALL = 0.01
"""Parts below this share of the largest are shown together."""
_LEVELS = {
    Factor.RECORDS: "{:,.3g} an hour",
    Factor.CALLS: "{:.3g}",
    Factor.TOKENS_IN: "{:,.0f} tokens",
    Factor.TOKENS_OUT: "{:,.0f} tokens",
    Factor.CACHED: "{:.0%}",
}
_TIERS = {UNPRICED_TIER: " (no price or tokens)", SUM_TIER: " (only its cost is known)"}


def cost_report(evaluation: CostEvaluation) -> WatchReport:
    """Return an evaluation of the cost in words and figures."""
    change, column, loops = evaluation.change, evaluation.source_column, evaluation.loops
    findings = tuple(_finding(one) for one in evaluation.findings)
    tables = (
        _parts_table(change) if change else None,
        _model_table(change) if change else None,
        _source_table(change, column) if change and column else None,
        _loop_table(loops) if loops else None,
    )
    return WatchReport(
        watch=Watch.COST,
        pipeline=evaluation.pipeline,
        window=evaluation.window,
        compared=evaluation.compared,
        n_records=evaluation.n_records,
        findings=findings,
        still=evaluation.still,
        facts=_facts(evaluation),
        tables=tuple(one for one in tables if one is not None),
        charts=_charts(evaluation, mark=findings[0].onset if findings else None),
        notes=(*evaluation.notes, *_notes(evaluation)),
    )


def _finding(one: CostFinding) -> Finding:
    kind, source = str(one.finding.kind), one.source
    onset = one.finding.onset
    if one.loop is not None:
        size, explanation = _loop_size(one.loop, one.change), _loop_explanation(one.loop, source)
    else:
        assert one.change is not None
        assert one.lead is not None
        size, explanation = _jump_size(one.change, one.lead), _jump_explanation(one.change, one.lead, source)
        onset = one.change.start
    of = f" of {source.field[:60]}" if source else ""
    return replace(
        one.finding,
        headline=headline(f"{text(Watch.COST, 'labels', kind)}{of}: {size}"),
        explanation=explanation,
        steps=steps(
            Watch.COST,
            kind,
            stage=one.finding.stage or "the model stage",
            source=source.field if source else "what is new",
            onset=moment(onset),
        ),
    )


def _loop_size(loop: LoopingRecords, change: Change | None) -> str:
    n = len(loop.keys)
    who = f"record {loop.records[0].key[:40]}" if n == 1 else plural(n, "record")
    did = text(Watch.COST, "loops", loop.kind, times=f"up to {loop.longest}" if n > 1 else loop.longest)
    return f"{who} {did}, {_hourly(change) if change else f'{exact_money(loop.usd)} so far'}"


def _loop_explanation(loop: LoopingRecords, source: Source | None) -> str:
    usual = loop.usual
    did = text(Watch.COST, "loops", loop.kind, times=usual.rare)
    return (
        f"Of {usual.records:,.0f} earlier records hardly any {did}. One record with {usual.threshold} such calls is a "
        f"loop; with {usual.rare} or more, several records together are. "
        f"{_about_source(source, 'affected records')}"
    )


def _jump_size(change: Change, lead: Factor) -> str:
    before, now = (factor_level(hour, lead) for hour in (change.before, change.now))
    if before is None or now is None:
        return _hourly(change)
    form = _LEVELS[lead].format if lead in _LEVELS else exact_money
    return f"{form(now)} instead of {form(before)}, {_hourly(change)}"


def _jump_explanation(change: Change, lead: Factor, source: Source | None) -> str:
    return (
        f"{change.start:%Y-%m-%d %H:%M} to {change.end:%H:%M} UTC beside the same hours of the 14 days before: "
        f"{_factor(lead)} make {change.share(lead):.0%} of all that moved. {_about_source(source, 'the change')}"
    )


def _hourly(change: Change) -> str:
    return f"{exact_money(change.now.usd)} an hour instead of {exact_money(change.before.usd)}"


def _about_source(source: Source | None, what: str) -> str:
    if source is None:
        return "No value of a source stands out."
    return (
        f"{source.share:.0%} of {what} are of {source.column} {source.value}, "
        f"which usually has {source.usual:.0%} of the records."
    )


def _factor(factor: Factor) -> str:
    return text(Watch.COST, "factors", factor)


def _parts_table(change: Change) -> Table:
    """Return what the change is made of; the parts add up to it."""
    largest = max((abs(part) for part in change.parts.values()), default=0.0)
    ranked = sorted(change.parts.items(), key=lambda one: -abs(one[1]))
    shown = [one for one in ranked if abs(one[1]) > _SMALL * largest][: MAIN_ROWS - 2]
    total = change.now.usd - change.before.usd
    rows: list[tuple[Cell, ...]] = [
        (_factor(factor), factor_level(change.before, factor), factor_level(change.now, factor), part)
        for factor, part in shown
    ]
    if len(shown) < len(ranked):
        rows.append((REST, None, None, total - sum(part for _, part in shown)))
    rows.append(("the change", change.before.usd, change.now.usd, total))
    return table(
        "What the change of the cost per hour is made of",
        {"part": Unit.TEXT, "before": Unit.NUMBER, "now": Unit.NUMBER, "USD per hour": Unit.USD, "share": Unit.SHARE},
        [(*row, float(row[3] or 0.0) / total if abs(total) > 1e-12 else None) for row in rows],
        note="Shapley values of the factors that the cost is a product of; they add up to the change.",
        is_main=True,
    )


def _model_table(change: Change) -> Table:
    """Return calls, tokens and cost per hour of each model, now and before."""
    cells = sorted({*change.before.cells, *change.now.cells}, key=lambda one: -_cell_usd(change.now, one))
    several = len({cell[0] for cell in cells}) > 1
    rows = []
    for stage, model, tier in cells[:_MOST_ROWS]:
        new = change.now.cells.get((stage, model, tier))
        calls = 0.0 if new is None else float(new[0])
        each = (None, None) if new is None or not calls else (float(new[1] + new[2]) / calls, float(new[3]) / calls)
        name = f"{stage}: {model}" if several else model
        price = f" (price tier {tier + 1})" if tier > 0 else _TIERS.get(tier, "")
        usd, before = (_cell_usd(hour, (stage, model, tier)) for hour in (change.now, change.before))
        rows.append((name + price, calls, *each, usd, before))
    columns = {
        "model": Unit.TEXT,
        "calls": Unit.NUMBER,
        "tokens in per call": Unit.NUMBER,
        "tokens out per call": Unit.NUMBER,
        "USD per hour": Unit.USD,
        "before": Unit.USD,
    }
    return table("By model, an hour on average", columns, rows)


def _cell_usd(hour: HourSums, cell: tuple[str, str, int]) -> float:
    return float(hour.cells[cell][4:].sum()) if cell in hour.cells else 0.0


def _source_table(change: Change, column: str) -> Table:
    """Return records and cost per hour of each value of a source, now and before."""
    old, new = change.before.sources.get(column, {}), change.now.sources.get(column, {})
    none = (0.0, 0.0)
    values = sorted({*old, *new}, key=lambda one: -new.get(one, none)[1])[:_MOST_ROWS]
    pairs = [(value, new.get(value, none), old.get(value, none)) for value in values]
    columns = {
        column.rpartition(".")[2]: Unit.TEXT,
        "records": Unit.NUMBER,
        "records before": Unit.NUMBER,
        "USD per hour": Unit.USD,
        "before": Unit.USD,
    }
    rows = [(value, is_[0], was[0], is_[1], was[1]) for value, is_, was in pairs]
    return table(f"By {column}, an hour on average", columns, rows)


def _loop_table(loops: Sequence[LoopingRecords]) -> Table:
    """Return the records in loops, the longest first."""
    rows = [
        (one.key, text(Watch.COST, "labels", loop.kind).lower(), one.calls, one.usd, one.request, one.since.isoformat())
        for loop in loops
        for one in loop.records
    ]
    columns = {
        "record": Unit.TEXT,
        "kind": Unit.TEXT,
        "calls": Unit.COUNT,
        "USD": Unit.USD,
        "request": Unit.TEXT,
        "since": Unit.MOMENT,
    }
    return table("Loops", columns, rows[:_MOST_ROWS], note="A request is named by the first digits of its hash.")


def _facts(evaluation: CostEvaluation) -> tuple[Fact, ...]:
    """Return the figures of the summary."""
    facts: list[Fact] = []
    change = evaluation.change
    # A loop is found within the hour: whole hours that ended before it would say that nothing has changed.
    is_told = not evaluation.findings or any(one.change is not None for one in evaluation.findings)
    if change is not None and is_told:
        before = f"before: {exact_money(change.before.usd)}"
        facts.append(Fact(label="Cost per hour", value=change.now.usd, unit=Unit.USD, note=before))
        calls, usual = (factor_level(one, Factor.CALLS) for one in (change.now, change.before))
        note = "" if usual is None else f"before: {usual:.3g}"
        facts.append(Fact(label="Calls per record", value=calls, unit=Unit.NUMBER, note=note))
    for label, one in (("Projected today", evaluation.day), ("Projected this month", evaluation.month)):
        facts.append(Fact(label=label, value=one.projected, unit=Unit.USD, note=_projection_note(one)))
    since = evaluation.window.end - timedelta(hours=24) - HOUR
    recent = [one.per_record for one in evaluation.hours if one.start > since]
    middle, high = merged(recent).quantiles((0.5, 0.95)) if recent else (None, None)
    for label, value in (("Cost per record, P50", middle), ("Cost per record, P95", high)):
        facts.append(Fact(label=label, value=value, unit=Unit.USD, note="last 24 hours"))
    return tuple(facts)


def _projection_note(one: Projection) -> str:
    parts = [f"{exact_money(one.spent)} so far"]
    if one.low is not None and one.high is not None:
        parts.append(f"between {exact_money(one.low)} and {exact_money(one.high)}")
    if one.bound is not None:
        parts.append(f"bound {exact_money(one.bound)}")
    if one.gone_at is not None:
        is_gone = one.bound is not None and one.spent >= one.bound
        parts.append("gone" if is_gone else f"gone {one.gone_at:%m-%d %H:%M} UTC")
    return ", ".join(parts)


def _charts(evaluation: CostEvaluation, *, mark: datetime | None) -> tuple[Chart, ...]:
    """Return the cost per hour by model, and what the day has cost against its bound."""
    hours, now, day = evaluation.hours, evaluation.window.end, evaluation.day
    if not hours:
        return ()
    shown = whole_hours(hours, max(hours[0].start, floor_hour(now) - _CHART_HOURS * HOUR), now)
    by_model = [_by_model(one) for one in shown]
    series = {
        model: [sums.get(model, 0.0) for sums in by_model] for model in {name for one in by_model for name in one}
    }
    ranked = dict(sorted(series.items(), key=lambda one: (-sum(one[1]), one[0])))
    total, points = 0.0, [(day.start, 0.0)]
    for one in whole_hours(hours, floor_hour(day.start), now):
        inside = min(one.start + HOUR, day.end) - max(one.start, day.start)
        total += one.usd * (inside / HOUR)
        points.append((min(one.start + HOUR, now), total))
    return (
        Chart(
            title="Cost per hour by model",
            unit=Unit.USD,
            lines=stacked_lines([one.start for one in shown], ranked),
            is_stacked=True,
            mark=mark,
        ),
        Chart(
            title="Cost of the day so far",
            unit=Unit.USD,
            lines=(Line(name="today", points=tuple(points)),),
            limit=day.bound,
            mark=mark if mark is not None and mark >= day.start else None,
        ),
    )


def _by_model(hour: HourSums) -> dict[str, float]:
    sums: dict[str, float] = {}
    for cell, values in hour.cells.items():
        sums[cell[1]] = sums.get(cell[1], 0.0) + float(values[4:].sum())
    return sums


def _notes(evaluation: CostEvaluation) -> list[str]:
    """Return what a reader must know: calls without a price, and costs that cannot be split."""
    unpriced, unsplit = Counter[str](), Counter[str]()
    for hour in evaluation.hours:
        if hour.start >= evaluation.read_since:
            unpriced.update(hour.unpriced)
            for cell, values in hour.cells.items():
                unsplit.update({cell[1]: values[0]} if cell[2] == SUM_TIER else {})
    notes = [
        text(Watch.COST, "notes", kind, n=f"{n:,.0f}", model=model)
        for kind, counts in (("unpriced", unpriced), ("unsplit", unsplit))
        for model, n in sorted(counts.items())
    ]
    return notes if evaluation.change is not None else [*notes, text(Watch.COST, "notes", "no_past")]
