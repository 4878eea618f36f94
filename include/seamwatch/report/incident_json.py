"""An incident's report as JSON for programs: what was measured, and its life."""

from __future__ import annotations

from typing import Any

from seamwatch.core.incident_timeline import TimelineEntry
from seamwatch.report import numbers
from seamwatch.report.facts import IncidentReport
from seamwatch.report.runbook import RunbookFacts


def _corrected(report: IncidentReport) -> dict[str, float | None]:
    """Return the confidence as it was stated and as it is shown, where these differ."""
    if report.confidence_corrected is None:
        return {}
    return {"confidence": report.confidence, "confidence_corrected": report.confidence_corrected}


def report_json(report: IncidentReport) -> dict[str, Any]:
    """Return the report for programs: the attribution, and under `report` what people are told."""
    return {
        **report.data,
        "report": {
            "incident_id": report.incident_id,
            "state": report.state.value,
            "severity": report.severity,
            "severity_text": report.severity_text,
            "also_seen": list(report.also_seen),
            "headline": report.headline,
            "verdict": report.verdict,
            **_corrected(report),
            "confidence_basis": list(report.confidence_basis),
            "owner": {"role": report.owner.role, "mention": report.owner.mention},
            "is_owned": report.reliability is not None,
            "next_steps": list(report.next_steps),
            "role_steps": list(report.role_steps),
            "caveats": list(report.caveats),
            "command": report.command,
            "budgets": [one.sentence for one in report.budgets],
            "watch": None if report.watch is None else report.watch.name,
            **({"silence": list(report.silence)} if report.silence else {}),
            "timeline": [_happened(one.entry) for one in report.timeline],
            **({} if report.runbook is None else {"runbook": _runbook(report.runbook)}),
            "links": {
                "report": report.links.report,
                "incidents": report.links.incidents,
                "dag": report.links.dag,
                "data_docs": report.links.data_docs,
            },
        },
    }


def _runbook(runbook: RunbookFacts) -> dict[str, Any]:
    return {
        "title": runbook.title,
        "steps": [
            {"title": one.title, "state": one.state.value, "text": one.text, "details": list(one.details)}
            for one in runbook.steps
        ],
        "actions": [
            {
                "id": one.id,
                "state": one.state.value,
                "does": one.does,
                "sentence": one.sentence,
                "back": one.way_back,
                "answered_by": one.answered,
            }
            for one in runbook.actions
        ],
    }


def _happened(one: TimelineEntry) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "at": numbers.iso(one.at),
        "last_at": numbers.iso(one.last_at),
        "by": one.by,
        "door": None if one.door is None else one.door.value,
        "why": one.why,
        "windows": one.n_windows,
        "from": None if one.span is None else numbers.iso(one.span.start),
        "to": None if one.span is None else numbers.iso(one.span.end),
    }
