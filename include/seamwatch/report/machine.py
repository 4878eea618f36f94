"""The attribution for programs: the JSON and CSV of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import DocumentAnswers, FreshnessCheck
from seamwatch.core.results import Attribution, FieldAccuracy, Verdict
from seamwatch.report import numbers
from seamwatch.report.measured import Measured, of_attribution
from seamwatch.report.text import csv_cell, csv_quoted, visible

if TYPE_CHECKING:
    from seamwatch.core.slo.policy import GateDecision
    from seamwatch.core.slo.status import ObjectiveStatus, SloStatus
    from seamwatch.core.watch.results import WatchReport

_CSV_HEADER = ("key", "responsibility", "stage", "fields", "confidence", "explanation")


def attribution_json(attribution: Attribution) -> dict[str, Any]:
    """Return the attribution as JSON-ready values; in a healthy window its `attribution` has the same keys, empty."""
    return measured_json(of_attribution(attribution))


def measured_json(measured: Measured) -> dict[str, Any]:
    """Return findings and what was measured as JSON-ready values, in one form for all detectors.

    What nobody measured, as the outcomes of a window at which a watch looked, is null.
    """
    leading, isolation, attribution = measured.leading, measured.isolation, measured.attribution
    seams = attribution.seam_changes if attribution else ()
    return {
        "pipeline": measured.pipeline,
        "window": {"start": numbers.iso(measured.window.start), "end": numbers.iso(measured.window.end)},
        "records": {
            "observed": measured.n_records,
            "failing": attribution.n_failing if attribution else None,
            "pending": attribution.n_pending if attribution else None,
            "examined": attribution.n_examined if attribution else None,
            "unreadable": attribution.n_unreadable if attribution else None,
        },
        "incident": leading is not None or bool(seams),
        "attribution": _cause(leading) if leading else _no_cause(measured, seams),
        "causes": [_cause(cause) for cause in measured.findings],
        "seam_changes": [_cause(seam) for seam in seams],
        "isolation": {
            "model": isolation.model,
            "calls": isolation.calls,
            "cost_usd": isolation.cost_usd,
            "accuracy": isolation.accuracy,
            "accuracy_low": isolation.accuracy_low,
            "accuracy_high": isolation.accuracy_high,
            "baseline_accuracy": isolation.baseline_accuracy,
            "reproduced": isolation.reproduced,
            "finding": isolation.standing,
            "paired": {
                "inputs": isolation.n_paired,
                "worse": isolation.n_worse,
                "better": isolation.n_better,
                "p_value": isolation.p_paired,
                "changed_answers": isolation.n_changed_answers,
                "asked_twice": isolation.n_repeated,
                "unstable": isolation.n_unstable,
                "model_before": isolation.model_before,
                "model_changed": isolation.model_changed,
                "segments": [
                    {
                        "segment": one.segment,
                        "value": one.value,
                        "inputs": one.n,
                        "right": one.n_right,
                        "right_before": one.n_right_before,
                        "worse": one.n_worse,
                        "better": one.n_better,
                        "p_value": one.p_worse,
                    }
                    for one in isolation.segments
                ],
            },
        },
        "documents": [document_json(one) for one in measured.documents],
        "fields": [_field_accuracy(one) for one in attribution.fields] if attribution else [],
        "signals": [
            {
                "kind": signal.kind,
                "stage": signal.stage,
                "severity": signal.severity.value,
                "text": signal.text,
                "records": signal.n_records,
            }
            for signal in measured.signals
        ],
        "notes": list(dict.fromkeys((*measured.notes, *isolation.notes))),
    }


def freshness_json(check: FreshnessCheck) -> dict[str, Any]:
    """Return a check of a knowledge base as JSON-ready values."""
    answers = check.answers
    return {
        "knowledge_base": check.knowledge_base,
        "checked_at": numbers.iso(check.checked_at),
        "full": check.is_full,
        "documents": {"source": check.n_source, "indexed": check.n_indexed, "by_reason": dict(check.by_reason)},
        "looked_at": check.n_changed,
        "answers": None
        if answers is None
        else {
            "since": numbers.iso(check.answers_since),
            "total": answers.n_answers,
            "with_ids": answers.n_with_ids,
            "affected": answers.n_affected,
            "unknown": answers.n_unknown,
            "by_reason": dict(answers.by_reason),
            "share_fresh": answers.share_fresh,
        },
        "goal": check.goal,
        "breached": check.is_breached,
        "lag": {
            "documents": check.lag.n,
            "p50_s": check.lag.p50_s,
            "p95_s": check.lag.p95_s,
            "p99_s": check.lag.p99_s,
            "oldest_unindexed_s": check.lag.oldest_unindexed_s,
        },
        "findings": [document_json(one) for one in check.documents],
        "notes": list(check.notes),
    }


def slo_json(status: SloStatus, watches: Iterable[WatchReport] = ()) -> dict[str, Any]:
    """Return a look at a pipeline's objectives, and what its watches found last, as JSON-ready values."""
    return {
        "pipeline": status.pipeline,
        "at": numbers.iso(status.at),
        "objectives": [_objective(one) for one in status.objectives],
        "gate": gate_json(status.gate),
        "watches": [watch_json(report) for report in watches],
        "notes": list(status.notes),
    }


def watch_json(report: WatchReport) -> dict[str, Any]:
    """Return a look of a watch as JSON-ready values; numbers are as they are, shares 0 to 1."""
    return {
        "watch": report.watch.value,
        "window": {"start": numbers.iso(report.window.start), "end": numbers.iso(report.window.end)},
        "records": report.n_records,
        "found": [
            {
                "responsibility": one.responsibility.value,
                "stage": one.stage,
                "fields": list(one.fields),
                "pattern": one.kind,
                "confidence": one.confidence,
                "headline": one.headline,
                "explanation": one.explanation,
                "records": one.n_records,
                "onset": numbers.iso(one.onset),
                "keys": list(one.keys),
                "steps": list(one.steps),
            }
            for one in report.findings
        ],
        "facts": {fact.label: fact.value for fact in report.facts},
        "tables": [
            {
                "title": table.title,
                "columns": [one.name for one in table.columns],
                "rows": [list(r) for r in table.rows],
            }
            for table in report.tables
        ],
        "notes": list(report.notes),
    }


def _objective(one: ObjectiveStatus) -> dict[str, Any]:
    budget = one.budget
    return {
        "objective": one.objective,
        "kind": one.kind,
        "goal": one.goal,
        "window": {"start": numbers.iso(one.window_start), "end": numbers.iso(one.window_end)},
        "events": one.events,
        "judged": one.judged,
        "bad": one.bad,
        "refunded": one.refunded,
        "sli": one.sli,
        "budget": {
            "allowed": budget.allowed,
            "spent": budget.spent,
            "spent_low": budget.spent_low,
            "spent_high": budget.spent_high,
            "left": budget.left,
            "covered": budget.covered,
            "burn": budget.burn,
            "gone_at": numbers.iso(budget.gone_at),
            "projected": budget.projected,
        },
        "alerts": [
            {"severity": alert.severity.value, "since": numbers.iso(alert.since)}
            for alert in one.alerts
            if alert.since is not None
        ],
    }


def gate_json(decision: GateDecision) -> dict[str, Any]:
    """Return whether releases may go on as JSON-ready values."""
    return {
        "state": decision.state.value,
        "allowed": decision.allowed,
        "reason": decision.reason,
        "looked_at": None if decision.looked_at is None else numbers.iso(decision.looked_at),
        "stale": decision.is_stale,
        "objectives": [
            {
                "objective": one.objective,
                "state": one.state.value,
                "left": one.left,
                "override": None
                if one.override is None
                else {"reason": one.override.reason, "by": one.override.by, "until": numbers.iso(one.override.until)},
            }
            for one in decision.objectives
        ],
    }


def document_json(one: DocumentAnswers) -> dict[str, Any]:
    """Return a document with something wrong as JSON-ready values."""
    return {
        "document": one.document,
        "reason": one.reason.value,
        "answers": one.n_answers,
        "detail": one.detail,
        "changed_at": numbers.iso(one.changed_at),
        "indexed_at": numbers.iso(one.indexed_at),
        "since": numbers.iso(one.since),
        "last_served_at": numbers.iso(one.last_served_at),
    }


def _field_accuracy(one: FieldAccuracy) -> dict[str, Any]:
    return {
        "field": one.field,
        "how": one.how,
        "judged": one.n_judged,
        "right": one.n_right,
        "accuracy": one.n_right / one.n_judged if one.n_judged else None,
        "unreadable": one.n_unreadable,
        "reason": one.reason,
        "form_only": one.n_form,
        "form": one.form,
    }


def _cause(cause: Finding) -> dict[str, Any]:
    rate = cause.rate
    return {
        "responsibility": cause.responsibility.value,
        "stage": cause.stage,
        "fields": list(cause.fields),
        "share": cause.share,
        "share_low": cause.share_low,
        "share_high": cause.share_high,
        "confidence": cause.confidence,
        "headline": cause.headline,
        "onset": numbers.iso(cause.onset),
        "onset_low": numbers.iso(cause.onset_low),
        "onset_high": numbers.iso(cause.onset_high),
        "changed": [
            {
                "stage": one.stage,
                "field": one.field,
                "before": one.before,
                "after": one.after,
                "at": numbers.iso(one.at),
                "p_value": one.p_value,
            }
            for one in cause.changed
        ],
        "p_value": rate.p_value if rate else None,
        "e_value": rate.e_value if rate else None,
        "windows": rate.n_windows if rate else None,
    }


def _no_cause(measured: Measured, seams: Sequence[Finding]) -> dict[str, Any]:
    attribution = measured.attribution
    n_judged = attribution.n_observed - attribution.n_pending if attribution else 0
    if attribution is None:
        seen = f"nothing was found in {numbers.plural(measured.n_records, 'record')}"
    elif not attribution.n_observed:
        seen = "the window holds no record, so nothing could be judged"
    elif not n_judged:
        seen = f"none of {numbers.plural(attribution.n_observed, 'record')} could be judged yet"
    else:
        usual = "" if seams else ", as in a healthy window"
        seen = f"{numbers.count(attribution.n_failing)} of {numbers.plural(n_judged, 'judged record')} failing{usual}"
    headline = f"No incident by outcomes: {seen}, and yet: {seams[0].headline}." if seams else f"No incident: {seen}."
    return {
        "responsibility": None,
        "stage": None,
        "fields": [],
        "share": None,
        "share_low": None,
        "share_high": None,
        "confidence": None,
        "headline": headline,
        "onset": None,
        "onset_low": None,
        "onset_high": None,
        "changed": [],
        "p_value": None,
        "e_value": None,
        "windows": None,
    }


def verdicts_csv(verdicts: Iterable[Verdict]) -> str:
    """Return one row per failing record, with a header; an unknown stage is an empty cell.

    No cell is a formula for a spreadsheet; keys are exact but for an apostrophe where they would be one (`csv_cell`).
    """
    rows = [
        (
            csv_cell(v.key),
            v.responsibility.value,
            v.stage or "",
            csv_cell(";".join(v.fields)),
            str(v.confidence),
            csv_cell(visible(v.explanation)),
        )
        for v in verdicts
    ]
    return "".join(f"{','.join(map(csv_quoted, row))}\n" for row in (_CSV_HEADER, *rows))
