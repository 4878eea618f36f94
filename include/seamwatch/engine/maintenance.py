"""Refund what an incident within planned work took from error budgets; take it back where it lasts beyond the work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.slo.ledger import Ledger, Ruling
from seamwatch.engine.debits import link_debits
from seamwatch.engine.deps import Deps

_BY = "maintenance"


def rule_on_maintenance(
    deps: Deps, pipeline: str, changes: Iterable[IncidentChange], before: Mapping[str, Incident], now: datetime
) -> None:
    """Save a ruling for each incident that opened within planned work, or lasts beyond it.

    One that comes back within the work is marked and told to nobody, but not refunded: a ruling is on all of an
    incident's debits, and those from before the work count.
    """
    for change in changes:
        incident, was = change.incident, before.get(change.incident.id)
        if was is None and incident.maintenance is not None and change.kind is ChangeKind.OPENED:
            _rule(deps, pipeline, incident.id, is_void=True, reason=incident.maintenance, now=now)
        elif was is not None and was.maintenance is not None and incident.maintenance is None:
            ledger = Ledger().post(deps.store.rulings(pipeline))
            last = next((one for one in reversed(ledger.rulings) if one.incident == incident.id), None)
            # What a person ruled since stays.
            if last is not None and last.is_void and last.by == _BY:
                reason = f"it lasts beyond the work: {was.maintenance}"
                _rule(deps, pipeline, incident.id, is_void=False, reason=reason, now=now)


def _rule(deps: Deps, pipeline: str, incident_id: str, *, is_void: bool, reason: str, now: datetime) -> None:
    deps.store.rule(pipeline, Ruling(incident=incident_id, is_void=is_void, reason=reason, by=_BY, at=now))
    link_debits(deps, pipeline, incident_id)
