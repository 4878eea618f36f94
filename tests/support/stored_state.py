"""What a store knows, as plain values: who is at fault where, states, messages, budgets; no sentence of any report.

A store that an earlier version wrote is described when it is made (`tests/fixtures/make_stored_state.py`). What a later
version reads out of a copy of it must be described by the same values. Where a name in the package changes, this file
follows; the values that were written then do not.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution
from seamwatch.core.slo.status import ObjectiveStatus
from seamwatch.engine.deps import Deps
from seamwatch.engine.slo import gate
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Watch

_LONG_AGO = datetime.fromisoformat("2025-01-01T00:00:00+00:00")


def describe(deps: Deps) -> dict[str, Any]:
    """Return what the store knows of every pipeline of the project."""
    return {name: _pipeline(deps, name) for name in sorted(deps.project.pipelines)}


def attribution_values(found: Attribution) -> dict[str, Any]:
    """Return whose fault the records of a window were: causes and verdicts without their sentences."""
    return {
        "records": [found.n_observed, found.n_failing, found.n_pending, found.n_examined],
        "causes": [
            {
                "responsibility": one.responsibility.value,
                "stage": one.stage,
                "fields": list(one.fields),
                "n_records": one.n_records,
                "share": round(one.share, 9),
                "confidence": round(one.confidence, 9),
                "is_change": one.is_change,
                "onset": _time(one.onset),
                "pattern": one.kind,
            }
            for one in found.causes
        ],
        "verdicts": {
            one.key: [one.responsibility.value, one.stage, ";".join(one.fields), round(one.confidence, 9)]
            for one in found.verdicts
        },
        "isolation": [found.isolation.model, found.isolation.calls, found.isolation.accuracy],
    }


def head_messages(store: Store, pipeline: str) -> dict[str, str | None]:
    """Return the message in the channel that stands for each incident."""
    return {one.id: store.head_message(one.id) for one in store.incidents(pipeline, limit=None)}


def _pipeline(deps: Deps, name: str) -> dict[str, Any]:
    store, spec = deps.store, deps.project.pipeline(name)
    windows = sorted(store.windows(name))
    return {
        "incidents": {one.id: _incident(one) for one in store.incidents(name, limit=None)},
        "events": {
            one.id: [[event.kind, event.window, event.by, _time(event.at)] for event in store.incident_events(one.id)]
            for one in store.incidents(name, limit=None)
        },
        "head_messages": head_messages(store, name),
        "messages": {one.id: _messages(store, one.id) for one in store.incidents(name, limit=None)},
        "windows": {
            window.id: None if (found := store.attribution(name, window)) is None else attribution_values(found)
            for window in windows
        },
        "checks": {
            window.id: {
                one.stage: [
                    one.n_records,
                    one.n_lost,
                    one.n_discrepant,
                    one.is_critical,
                    Counter(check.status.value for check in one.checks),
                ]
                for one in store.stage_results(name, window)
            }
            for window in windows
        },
        "discrepancies": {window.id: len(store.discrepancies(name, window)) for window in windows},
        "baseline": None if (baseline := store.baseline(name)) is None else list(baseline),
        "objectives": _objectives(deps, name),
        "knowledge_bases": {base: _knowledge_base(store, name, base) for base in spec.knowledge_bases},
        "watches": {watch.value: _watch(store, name, watch) for watch in Watch if watch is not Watch.SEAM},
        "jobs": {
            job.value: _time(at) for (owner, job, _), at in sorted(store.heartbeats().ended.items()) if owner == name
        },
    }


def _incident(one: Incident) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "responsibility": one.responsibility.value,
        "stage": one.stage,
        "fields": list(one.fields),
        "watch": None if one.watch is None else one.watch.value,
        "n_records": one.n_records,
        "n_windows": one.n_windows,
        "confidence": round(one.confidence, 9),
        "opened_at": _time(one.opened_at),
        "resolved_at": _time(one.resolved_at),
        "first_window": one.first_window.id,
        "last_window": one.last_window.id,
    }


def _messages(store: Store, incident: str) -> list[list[Any]]:
    return [
        [one.part.value, one.change.value, one.channel, one.state.value, one.message_id]
        for one in store.deliveries(incident)
    ]


def _objectives(deps: Deps, name: str) -> dict[str, Any] | None:
    last = deps.store.last_look(name)
    if last is None or not last.status.objectives:
        return None
    debits = deps.store.debits(name, since=_LONG_AGO)
    decision = gate(deps, deps.project.pipeline(name), now=last.looked_at)
    return {
        "looked_at": _time(last.looked_at),
        "status": {one.objective: _objective(one) for one in last.status.objectives},
        "gate": [decision.state.value, decision.allowed],
        "debits": Counter(f"{one.objective} {one.kind.value}" for one in debits),
        "linked": sum(one.incident is not None for one in debits),
        "rulings": [[one.incident, one.is_void, one.by] for one in deps.store.rulings(name)],
        "overrides": [[one.objective, one.by, _time(one.until)] for one in deps.store.overrides(name)],
        "buckets": {
            one.objective: round(float(deps.store.slo_buckets(name, one.objective, since=_LONG_AGO)["total"].sum()), 6)
            for one in last.status.objectives
        },
    }


def _objective(one: ObjectiveStatus) -> dict[str, Any]:
    left = one.budget.left
    return {
        "events": one.events,
        "judged": one.judged,
        "bad": one.bad,
        "refunded": one.refunded,
        "allowed": round(one.budget.allowed, 6),
        "spent": round(one.budget.spent, 6),
        "left": None if left is None else round(left, 6),
        "alerts": sorted(f"{alert.severity.value} since {_time(alert.since)}" for alert in one.alerts),
    }


def _knowledge_base(store: Store, name: str, base: str) -> dict[str, Any] | None:
    last = store.last_check(name, base)
    if last is None:
        return None
    findings = store.document_findings(name, base)[["document", "reason"]].astype(str)
    return {
        "checked_at": _time(store.freshness_checked_at(name, base)),
        "counts": list(store.knowledge_counts(name, base)),
        "findings": sorted(
            [str(document), str(reason)] for document, reason in findings[["document", "reason"]].values
        ),
    }


def _watch(store: Store, name: str, watch: Watch) -> dict[str, Any] | None:
    report = store.last_watch_report(name, watch)
    if report is None:
        return None
    return {
        "window": report.window.id,
        "n_records": report.n_records,
        "found": [
            [one.responsibility.value, one.stage, list(one.fields), one.n_records, _time(one.onset)]
            for one in report.findings
        ],
        "hours": len(store.aggregates(name, watch, since=_LONG_AGO, series="hour")),
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
