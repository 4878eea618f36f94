"""What is said of a seam that changed: the finding with its runbook, facts and tables."""

from __future__ import annotations

from dataclasses import replace

from seamwatch.core.finding import Finding
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.watch.results import Cell, Fact, Table, Unit, WatchReport
from seamwatch.core.watch.seams import KIND, Seam, SeamChange, SeamEvaluation
from seamwatch.plurals import agree
from seamwatch.report import numbers
from seamwatch.report.sentences import listed
from seamwatch.report.text import shortened
from seamwatch.report.watch.figures import MAIN_ROWS, table
from seamwatch.report.watch.texts import headline, steps, text
from seamwatch.vocabulary import Watch

_VALUE_CHARS = 60


def seam_report(evaluation: SeamEvaluation) -> WatchReport:
    """Return an evaluation of the seams in words and figures."""
    changes = evaluation.changes
    return WatchReport(
        watch=Watch.SEAM,
        pipeline=evaluation.pipeline,
        window=evaluation.window,
        compared=None,
        n_records=evaluation.n_records,
        findings=tuple(describe_change(change) for change in changes),
        still=tuple(sorted(evaluation.still)),
        facts=tuple(fact for change in changes for fact in _facts(change)),
        tables=(_examples(changes[0].seam), _seam_table(evaluation)) if changes else (_seam_table(evaluation),),
    )


def describe_change(change: SeamChange) -> Finding:
    """Return the finding with its words."""
    finding, seam = change.finding, change.seam
    place = {
        "stage": seam.stage.name,
        "fields": listed(finding.fields),
        "onset": "an unknown time" if finding.onset is None else numbers.moment(finding.onset),
        "reference": seam.stage.reference or "its reference",
    }
    n, n_records = finding.n_records, len(seam.compared)
    share = f"{numbers.count(n)} of {numbers.plural(n_records, 'record')}"
    kind = "usual" if change.usual is not None else "no_past"
    usual = text(Watch.SEAM, "usual", kind, share=numbers.percent(change.usual or 0.0))
    explanation = text(Watch.SEAM, "explanations", KIND, n=n, n_records=n_records, **place)
    return replace(
        finding,
        headline=headline(text(Watch.SEAM, "headlines", KIND, **place), f": {share} {agree(n, 'differs', 'differ')}"),
        explanation=f"{explanation} {usual} {_harm(change)}",
        steps=steps(Watch.SEAM, KIND, **place),
    )


def _harm(change: SeamChange) -> str:
    """Return what it does so far, as far as outcomes are known."""
    if not change.n_judged:
        return text(Watch.SEAM, "harm", "unknown")
    kind = "some" if change.n_wrong else "none"
    return text(Watch.SEAM, "harm", kind, wrong=change.n_wrong, judged=change.n_judged)


def _facts(change: SeamChange) -> tuple[Fact, ...]:
    usual = "no past yet" if change.usual is None else f"before: {numbers.percent(change.usual)}"
    harm = f"of {change.n_judged} whose outcome is known"
    return (
        Fact(label=f"Differ at {change.seam.stage.name}", value=change.finding.share, unit=Unit.SHARE, note=usual),
        Fact(label="Wrong answers among them", value=change.n_wrong, unit=Unit.COUNT, note=harm),
    )


def _examples(seam: Seam) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (one.key, one.field, _short(one.recorded), _short(one.expected)) for one in seam.examples[:MAIN_ROWS]
    ]
    return table(
        f"Recorded at {seam.stage.name} beside what its reference makes",
        {"record": Unit.TEXT, "field": Unit.TEXT, "recorded": Unit.TEXT, "reference": Unit.TEXT},
        rows,
        is_main=True,
    )


def _short(value: object) -> str:
    written = strict_text(value)
    return "no value" if written is None else shortened(written, _VALUE_CHARS)


def _seam_table(evaluation: SeamEvaluation) -> Table:
    return table(
        "Records that differ from their reference, by stage",
        {"stage": Unit.TEXT, "records": Unit.COUNT, "differ": Unit.COUNT, "share": Unit.SHARE, "fields": Unit.TEXT},
        [
            (
                seam.stage.name,
                len(seam.compared),
                len(seam.differing),
                len(seam.differing) / len(seam.compared) if len(seam.compared) else None,
                listed(tuple(seam.fields)) or numbers.NO_DATA,
            )
            for seam in evaluation.seams
        ],
        note="Differences of format alone are left out.",
    )
