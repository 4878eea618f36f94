"""The reliability overview: one row a pipeline, the one that needs a person most first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from seamwatch.core.overview import CostToday, Need, PipelineStatus
from seamwatch.report import numbers
from seamwatch.report.html import environment
from seamwatch.report.links import review_address
from seamwatch.report.mentions import mention_text
from seamwatch.vocabulary import IncidentState

_NEEDS: Mapping[Need, str] = {
    Need.SEVERE_INCIDENT: "Incident to take on",
    Need.NOT_WATCHED: "Not watched",
    Need.APPROVAL: "Waits for approval",
    Need.OPEN_INCIDENT: "Incident to take on",
    Need.BUDGET_SPENT: "Error budget is spent",
    Need.NOT_DELIVERED: "Messages are stuck",
    Need.IN_WORK: "In work",
    Need.UNOWNED: "Needs an owner",
    Need.NOTHING: "Nothing to do",
}
_URGENT = (Need.SEVERE_INCIDENT, Need.NOT_WATCHED, Need.BUDGET_SPENT)
_CALM = (Need.APPROVAL, Need.IN_WORK, Need.UNOWNED, Need.OPEN_INCIDENT, Need.NOT_DELIVERED)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What stands in one place of a row."""

    text: str
    note: str = ""
    tone: str = ""
    """`bad`, `warn`, `good`, or empty."""
    address: str = ""
    """Where it leads; empty: nowhere."""


_UNKNOWN = Cell(text="not known")


@dataclass(frozen=True, kw_only=True)
class OverviewRow:
    """One pipeline in words."""

    pipeline: str
    description: str
    address: str
    need: Cell
    review: Cell | None
    """Answers that wait for people to judge; None: none does."""
    incidents: tuple[Cell, ...]
    """By severity and state, the worst first; empty where none is open."""
    budget: Cell
    owner: Cell
    last_look: Cell
    freshness: Cell
    cost: Cell


def overview_rows(statuses: Iterable[PipelineStatus], *, base: str) -> tuple[OverviewRow, ...]:
    """Return the rows, in the order of the pipelines.

    Args:
        statuses: How the pipelines stand.
        base: Path of the pages, without a slash at its end.
    """
    return tuple(
        OverviewRow(
            pipeline=one.pipeline,
            description=one.description,
            address=_incidents_of(one.pipeline, base),
            need=_need(one),
            review=_review(one, base),
            incidents=_incidents(one, base),
            budget=_budget(one, base) if not one.problem else _UNKNOWN,
            owner=_owner(one) if one.is_defined else _UNKNOWN,
            last_look=_last_look(one),
            freshness=_freshness(one) if not one.problem else _UNKNOWN,
            cost=_cost(one.cost) if not one.problem else _UNKNOWN,
        )
        for one in statuses
    )


def render_overview(rows: tuple[OverviewRow, ...], *, base: str, silence: tuple[str, ...], at: datetime) -> str:
    """Return the page as HTML that needs nothing else.

    Args:
        rows: One a pipeline.
        base: Path of the pages.
        silence: What of Seamwatch itself stands still, for all pipelines at once.
        at: Aware time of writing.
    """
    template = environment().get_template("overview.html.j2")
    return template.render(rows=rows, base=base, silence=silence, at=numbers.moment(at), graph={"width": 0})


def _incidents_of(pipeline: str, base: str, state: IncidentState | None = None) -> str:
    chosen = {"pipeline": pipeline} | ({} if state is None else {"state": state.value})
    return f"{base}/incidents?{urlencode(chosen)}"


def _need(one: PipelineStatus) -> Cell:
    need = one.need
    tone = "bad" if need in _URGENT else "warn" if need in _CALM else "good"
    stopped = sum(job.stands_still for job in one.jobs)
    text, note = _NEEDS[need], ""
    if need in (Need.SEVERE_INCIDENT, Need.OPEN_INCIDENT):
        text = f"{numbers.plural(one.n_unattended, 'incident')} to take on"
    if one.n_approvals:
        note = f"{numbers.plural(one.n_approvals, 'action')} to approve"
    if need is Need.NOT_WATCHED:
        note = f"{one.problem[:1].upper()}{one.problem[1:]}" or f"{numbers.plural(stopped, 'job')} stopped"
    return Cell(text=text, note=note, tone=tone)


def _review(one: PipelineStatus, base: str) -> Cell | None:
    if not one.n_to_judge:
        return None
    return Cell(text=f"{numbers.plural(one.n_to_judge, 'answer')} to judge", address=review_address(base, one.pipeline))


def _incidents(one: PipelineStatus, base: str) -> tuple[Cell, ...]:
    states = list(IncidentState)
    ranks = {place: (states.index(place[0]), -1 if place[1] is None else place[1].rank) for place in one.incidents}
    return tuple(
        Cell(
            text=f"{numbers.count(one.incidents[state, severity])} {state.value}",
            note=severity.value if severity is not None else "",
            tone="bad" if state is IncidentState.OPEN else "warn",
            address=_incidents_of(one.pipeline, base, state),
        )
        for state, severity in sorted(ranks, key=ranks.__getitem__)
        if one.incidents[state, severity]
    )


def _budget(one: PipelineStatus, base: str) -> Cell:
    address = f"{base}/objectives/{quote(one.pipeline, safe='')}" if one.slo is not None else ""
    known = [
        (objective.budget.left, objective)
        for objective in (one.slo.objectives if one.slo is not None else ())
        if objective.budget.left is not None
    ]
    if not known:
        if not one.has_objectives:
            return Cell(text=numbers.NO_DATA, note="no objective", address=address)
        return Cell(text="not known", note="not looked at yet" if one.slo is None else "no event yet", address=address)
    left, worst = min(known, key=lambda pair: pair[0])
    gone_at = worst.budget.gone_at
    when = "spent" if left <= 0 else f"gone {numbers.moment(gone_at)}" if gone_at is not None else "lasts at this pace"
    note = f"{worst.objective}, {when}"
    tone = "bad" if left <= 0 else "warn" if left < 0.25 else "good"
    return Cell(text=numbers.left(left), note=note, tone=tone, address=address)


def _owner(one: PipelineStatus) -> Cell:
    return Cell(text=mention_text(one.owner)) if one.owner is not None else Cell(text="unowned", tone="warn")


def _last_look(one: PipelineStatus) -> Cell:
    stopped = [job for job in one.jobs if job.stands_still]
    if one.looked_at is None:
        return Cell(text="never", tone="bad" if stopped or one.problem else "warn")
    note = f"{numbers.duration(max(one.at - one.looked_at, timedelta(0)))} ago"
    if stopped:
        note = f"stopped: {', '.join(sorted({job.job.value for job in stopped}))}"
    return Cell(text=numbers.moment(one.looked_at), note=note, tone="bad" if stopped else "")


def _freshness(one: PipelineStatus) -> Cell:
    if not one.n_knowledge_bases:
        return Cell(text=numbers.NO_DATA, note="no knowledge base")
    known = [
        (check.answers.share_fresh, check)
        for check in one.checks
        if check.answers is not None and check.answers.share_fresh is not None
    ]
    if not known:
        return Cell(text="not known", note="no answer judged" if one.checks else "not checked yet")
    share, check = min(known, key=lambda pair: pair[0] or 0.0)
    n_unknown = one.n_knowledge_bases - len(known)
    note = f"{check.knowledge_base}, goal {numbers.percent(check.goal)}"
    if n_unknown:
        note += f"; {numbers.count(n_unknown)} not known"
    return Cell(text=f"{numbers.percent(share)} fresh", note=note, tone="bad" if check.is_breached else "good")


def _cost(cost: CostToday | None) -> Cell:
    if cost is None:
        return Cell(text=numbers.NO_DATA, note="not watched")
    unpriced = f"{numbers.plural(round(cost.n_unpriced), 'call')} without a price" if cost.n_unpriced else ""
    if cost.usd is None:
        return Cell(text="not known", note="nothing seen today")
    return Cell(text=numbers.money(cost.usd), note=unpriced, tone="warn" if unpriced else "")
