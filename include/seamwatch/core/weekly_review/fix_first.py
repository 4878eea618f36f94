"""What to fix first: the things that took most of the error budgets in a week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from math import isfinite

from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.slo.ledger import Debit, Ledger, Ruling
from seamwatch.core.weekly_review.facts import FixFirst, IncidentLine
from seamwatch.core.weekly_review.incident_history import histories
from seamwatch.core.weekly_review.incidents import line_of
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.spec.owners import RELIABILITY, owner_role
from seamwatch.vocabulary import IncidentState


def budget_takers(
    pipeline: str,
    owners: Mapping[str, str],
    debits: Sequence[Debit],
    rulings: Sequence[Ruling],
    allowed: Mapping[str, float | None],
    incidents: Sequence[Incident],
    week: ReviewWeek,
    *,
    events: Sequence[IncidentEvent] = (),
    money: Collection[str] = (),
) -> tuple[FixFirst, ...]:
    """Return what took from a pipeline's error budgets in a week, by objective and incident, what took most first.

    Args:
        pipeline: Its name.
        owners: Of its file.
        debits: Of its objectives; those that happened outside the week are left out.
        rulings: All that were made: what a person refunded is left out.
        allowed: By objective, what its whole budget allows, in events or USD. Where that is None, 0 or missing no
            share can be said, and what was taken from it is left out.
        incidents: Of the pipeline, as they are now.
        week: The week.
        events: Of the incidents, up to the end of the week, in the order in which they were kept: they tell how an
            incident was then.
        money: Objectives whose budget is in USD.

    What a merged incident took counts for the one that has its cause. What belongs to no incident, or to one that is
    no longer kept, stands without one.
    """
    window, by_id = week.window, {one.id: one for one in incidents}
    ledger = Ledger().post([*debits, *rulings])
    refunded = {one.incident for one in ledger.rulings if ledger.is_void(one.incident)}
    amounts: dict[tuple[str, str | None], float] = defaultdict(float)
    for debit in ledger.debits.values():
        if window.start <= debit.at < window.end and debit.incident not in refunded:
            amounts[debit.objective, _counted_as(debit.incident, by_id)] += debit.amount
    lines = _lines(incidents, events, {one for _, one in amounts if one is not None}, week)
    found = []
    for (objective, incident), amount in amounts.items():
        whole = allowed.get(objective)
        if whole is None or not (isfinite(whole) and whole > 0) or amount <= 0 or _is_void(incident, by_id):
            continue
        line = None if incident is None else lines[incident]
        role, mention = _owner(owners, line)
        found.append(
            FixFirst(
                pipeline=pipeline,
                objective=objective,
                incident=line,
                spent=amount / whole,
                amount=amount,
                is_money=objective in money,
                owner_role=role,
                owner=mention,
            )
        )
    return tuple(sorted(found, key=_order))


def fix_first(candidates: Sequence[FixFirst], n: int = 3) -> tuple[FixFirst, ...]:
    """Return the things that took most of a whole error budget, the worst first.

    Args:
        candidates: Of any pipelines, in any order.
        n: So many at most.

    An incident that takes from several budgets stands once, with the one that it took most of. Void and merged
    incidents, and what is no share of a budget, are left out.
    """
    found: list[FixFirst] = []
    seen: set[str] = set()
    for one in sorted((one for one in candidates if isfinite(one.spent) and one.spent > 0), key=_order):
        if one.incident is not None:
            if one.incident.id in seen or one.incident.state in (IncidentState.VOIDED, IncidentState.MERGED):
                continue
            seen.add(one.incident.id)
        found.append(one)
    return tuple(found[:n])


def _order(one: FixFirst) -> tuple[float, str, str, str]:
    return -one.spent, one.pipeline, one.objective, "" if one.incident is None else one.incident.id


def _counted_as(incident: str | None, known: Mapping[str, Incident]) -> str | None:
    """Return the incident for which a debit counts: of a merged one that which has its cause by now."""
    one = None if incident is None else known.get(incident)
    for _ in known:  # no chain of merges is longer
        if one is None or one.state is not IncidentState.MERGED:
            break
        one = known.get(one.merged_into or "")
    return None if one is None else one.id


def _is_void(incident: str | None, known: Mapping[str, Incident]) -> bool:
    return incident is not None and known[incident].state is IncidentState.VOIDED


def _lines(
    incidents: Sequence[Incident], events: Sequence[IncidentEvent], named: Collection[str], week: ReviewWeek
) -> dict[str, IncidentLine]:
    """Return incidents as they were at the end of a week; one that opened later, as it is now."""
    known = histories([one for one in incidents if one.id in named], events)
    return {one.incident.id: line_of(one.at(week.window.end) or one.now()) for one in known}


def _owner(owners: Mapping[str, str], line: IncidentLine | None) -> tuple[str | None, str | None]:
    role = RELIABILITY if line is None else owner_role(owners, line.responsibility)
    return role, owners.get(role)
