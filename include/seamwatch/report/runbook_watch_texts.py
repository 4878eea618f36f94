"""What steps of runbooks found in the reports of watches, in words: mostly the watches' own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.runbook_volume import VolumeComparison
from seamwatch.core.runbooks import StepFinding
from seamwatch.core.watch.results import Unit, WatchReport
from seamwatch.plurals import agree
from seamwatch.report import numbers
from seamwatch.report.runbook_texts import clear, found, sentences_of, unknown
from seamwatch.report.sentences import listed
from seamwatch.report.text import fill, shortened
from seamwatch.report.watches import TableFacts, watch_facts

_VALUE_CHARS = 60


def _span(report: WatchReport) -> str:
    return numbers.span(report.window)


def input_drift(report: WatchReport, findings: Sequence[Finding], places: Sequence[str]) -> StepFinding:
    """Return what drifted at the places asked for, by the last evaluation of drift.

    Args:
        report: The last one.
        findings: Those of it at the places.
        places: Stages asked for.
    """
    if findings:
        worst, *others = findings
        since = f" (since {numbers.moment(worst.onset)})" if worst.onset else ""
        return found(f"{worst.headline}{since}", (*sentences_of(worst.explanation), *(one.headline for one in others)))
    if report.compared is None:
        return unknown(f"Drift was not judged for {_span(report)}.", report.notes)
    return clear(
        f"Nothing drifted at {listed(places)} in {_span(report)}, compared with {numbers.span(report.compared)}."
    )


def cost_source(report: WatchReport) -> StepFinding:
    """Return which workflow, prompt or model the cost comes from."""
    rows = [_row(table, table.rows[0]) for table in _tables_by(report)]
    if not report.findings and (report.compared is None or not _is_priced(report)):
        return unknown(f"What calls cost, or usually do, is not known for {_span(report)}.", report.notes)
    if not report.findings:
        return clear(f"The cost of {_span(report)} is as usual: no source stands out.", rows)
    worst = report.findings[0]
    sentences = sentences_of(worst.explanation)
    if worst.fields:
        return found(worst.headline, (*sentences, *rows))
    return clear(f"No workflow, prompt or model stands out: {worst.headline}", (*sentences, *rows))


def retry_loops(report: WatchReport, kinds: Sequence[str]) -> StepFinding:
    """Return whether records ask the model again and again; `kinds` are those of loops."""
    if report.n_records == 0:
        return unknown(f"No record was read in {_span(report)}, so nothing is known of retry loops.")
    loops = [one for one in report.findings if one.kind in kinds]
    if loops:
        rows = [
            _row(table, row) for table in watch_facts(report).tables if table.title == "Loops" for row in table.rows[:3]
        ]
        return found(loops[0].headline, (*rows, *(one.headline for one in loops[1:])))
    if any(kind in kinds for kind in report.still):
        return unknown(f"No retry loop in {_span(report)}, but too few records came to call the known one over.")
    if report.compared is None or not _tables_by(report):
        return unknown(f"Whether records are in retry loops is not known for {_span(report)}.", report.notes)
    return clear(
        f"No record asked the model again and again in {_span(report)}.", _main_rows(report, "calls per record")
    )


def input_volume(compared: VolumeComparison) -> StepFinding:
    """Return how many records come in, beside the same hours of the days before."""
    now, usual = numbers.count(round(compared.per_hour, 1)), numbers.count(round(compared.usual, 1))
    lowest, highest = (numbers.count(round(one, 1)) for one in (compared.lowest, compared.highest))
    span = numbers.span(Window(start=compared.start, end=compared.end))
    text = fill(
        "{now:record|records} an hour from {span}, usually {usual} at these hours", now=now, span=span, usual=usual
    )
    days = agree(compared.n_days, "day", f"{compared.n_days} days")
    detail = f"On the {days} before it was {lowest} to {highest} an hour."
    if compared.is_spike:
        ratio = f"{compared.per_hour / compared.usual:.1f} times as many" if compared.usual else "more than ever"
        return found(f"{text}: {ratio}.", (detail,))
    return clear(f"{text}: no spike.", (detail,))


def latency_source(report: WatchReport) -> StepFinding:
    """Return which stage carries a longer latency, since when, and how much of it."""
    if report.findings:
        worst = report.findings[0]
        since = f" (since {numbers.moment(worst.onset)})" if worst.onset else ""
        return found(f"{worst.headline}{since}", (*sentences_of(worst.explanation)[:3], *_main_rows(report)[:3]))
    if report.compared is None:
        return unknown(f"The latency of {_span(report)} has nothing to be compared with yet.", report.notes)
    return clear(f"The pipeline took no longer than usual in {_span(report)}.", _facts(report))


def injected_texts(
    findings: Sequence[Finding], rules: Counter[str] | None, *, n_scanned: int, span: str, unread: str = ""
) -> StepFinding:
    """Return where instructions entered, how many records hold them and by which rules they were seen.

    Args:
        findings: Of the watch, or of attribution.
        rules: How many of the scanned records each rule flags; None: their texts were not scanned again.
        n_scanned: Records of the findings that were.
        span: When they were looked for.
        unread: Why not.
    """
    if not findings:
        return clear(f"No untrusted text of {span} holds instructions to the model.")
    worst = findings[0]
    fields = f", {'field' if len(worst.fields) == 1 else 'fields'} {listed(worst.fields)}" if worst.fields else ""
    where = f"at {worst.stage}{fields}" if worst.stage else "at no input that was scanned"
    since = f", since {numbers.moment(worst.onset)}" if worst.onset else ""
    text = f"Instructions to the model stand in {numbers.plural(worst.n_records, 'record')} {where}{since}."
    details = [worst.headline, *sentences_of(worst.explanation)]
    if rules:
        details.insert(
            0, f"Rules that see them, in {numbers.plural(n_scanned, 'record')} scanned again: {_counted(rules)}."
        )
    elif unread:
        details.insert(0, f"By which rules they are seen is not known: {unread}.")
    return found(text, details)


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} ({numbers.count(n)})" for name, n in names.most_common(6))


def _tables_by(report: WatchReport) -> list[TableFacts]:
    """Return the tables by source and model, the largest row first."""
    tables = watch_facts(report).tables
    return [table for table in tables if table.title.startswith("By ") and table.rows]


def _is_priced(report: WatchReport) -> bool:
    """Return whether any cost is known: calls without a price or tokens cost nothing that could be told."""
    return any(fact.unit is Unit.USD and fact.value for fact in report.facts)


def _row(table: TableFacts, row: Sequence[str]) -> str:
    cells = ", ".join(f"{name} {cell}" for name, cell in zip(table.columns[1:], row[1:], strict=True))
    return f"{table.columns[0]} {shortened(row[0], _VALUE_CHARS)}: {cells}"


def _main_rows(report: WatchReport, *names: str) -> list[str]:
    """Return rows of the table that says what a change is made of; those of some names, or all."""
    main = watch_facts(report).main
    return [] if main is None else [_row(main, row) for row in main.rows if not names or row[0] in names]


def _facts(report: WatchReport) -> list[str]:
    return [f"{label}: {value}{f' ({note})' if note else ''}" for label, value, note in watch_facts(report).facts[:3]]
