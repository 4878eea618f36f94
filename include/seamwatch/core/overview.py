"""How every pipeline stands at one time, the one that needs a person most first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.slo.status import SloStatus
from seamwatch.core.watcher_status import JobStatus, Outbox
from seamwatch.vocabulary import IncidentSeverity, IncidentState

IncidentCounts = Mapping[tuple[IncidentState, IncidentSeverity | None], int]
"""Open incidents by state and severity; None: never rated."""
_SEVERE = (None, IncidentSeverity.SEV1, IncidentSeverity.SEV2)
"""What nobody has rated may be as bad as the worst."""


class Need(StrEnum):
    """Why a person should look at a pipeline, the most urgent first."""

    SEVERE_INCIDENT = "severe_incident"
    """One of severity 1 or 2, or without one, that nobody has taken on."""
    NOT_WATCHED = "not_watched"
    """Its file has a mistake or is gone, a job stands still, or what is kept of it cannot be read."""
    APPROVAL = "approval"
    """An action of a runbook waits for somebody's answer."""
    OPEN_INCIDENT = "open_incident"
    """A less severe one that nobody has taken on."""
    BUDGET_SPENT = "budget_spent"
    NOT_DELIVERED = "not_delivered"
    """A message is stuck."""
    IN_WORK = "in_work"
    """All its incidents are acknowledged, muted, or being watched after a fix."""
    UNOWNED = "unowned"
    NOTHING = "nothing"

    @property
    def rank(self) -> int:
        """Return 0 for the most urgent."""
        return list(type(self)).index(self)


@dataclass(frozen=True, kw_only=True)
class CostToday:
    """What the calls of a pipeline cost since midnight in UTC."""

    usd: float | None
    """None: no hour of today was looked at."""
    n_unpriced: float = 0.0
    """Calls without a price or tokens, which are in no sum."""


@dataclass(frozen=True, kw_only=True)
class PipelineStatus:
    """One pipeline at one time."""

    pipeline: str
    description: str = ""
    owner: str | None = None
    """Of its reliability; None: nobody is named."""
    problem: str = ""
    """Why it is not watched, or not known; empty where its file is sound and its store can be read."""
    is_defined: bool = True
    """Whether it has a sound file: of any other one nobody knows what it promises, and whose it is."""
    incidents: IncidentCounts = field(default_factory=dict)
    n_approvals: int = 0
    """Actions that wait for somebody's answer."""
    n_to_judge: int = 0
    """Answers that wait for people to judge."""
    slo: SloStatus | None = None
    """The last look; None: there was none."""
    has_objectives: bool = False
    jobs: tuple[JobStatus, ...] = ()
    outbox: Outbox | None = None
    """Messages that did not arrive; None: all did."""
    checks: tuple[FreshnessCheck, ...] = ()
    """The last one of every knowledge base that was ever checked."""
    n_knowledge_bases: int = 0
    cost: CostToday | None = None
    """None: the cost is not watched."""
    at: datetime

    @property
    def n_unattended(self) -> int:
        """Return the incidents that nobody has taken on."""
        return sum(n for (state, _), n in self.incidents.items() if state is IncidentState.OPEN)

    @property
    def worst_budget_left(self) -> float | None:
        """Return the least share of an error budget that is left; None where none is known."""
        known = [one.budget.left for one in self.slo.objectives if one.budget.left is not None] if self.slo else []
        return min(known, default=None)

    @property
    def looked_at(self) -> datetime | None:
        """Return when the last job on it ended well."""
        return max((job.last_at for job in self.jobs if job.last_at is not None), default=None)

    @property
    def need(self) -> Need:
        """Return the most urgent reason to look at it."""
        left = self.worst_budget_left
        reasons = {
            Need.SEVERE_INCIDENT: any(self.incidents.get((IncidentState.OPEN, one)) for one in _SEVERE),
            Need.NOT_WATCHED: bool(self.problem) or any(job.stands_still for job in self.jobs),
            Need.APPROVAL: self.n_approvals > 0,
            Need.OPEN_INCIDENT: self.n_unattended > 0,
            Need.BUDGET_SPENT: left is not None and left <= 0,
            Need.NOT_DELIVERED: self.outbox is not None and self.outbox.is_stuck(self.at),
            Need.IN_WORK: any(self.incidents.values()),
            Need.UNOWNED: self.is_defined and self.owner is None,
        }
        return next((need for need, is_so in reasons.items() if is_so), Need.NOTHING)


def by_need(statuses: Iterable[PipelineStatus]) -> tuple[PipelineStatus, ...]:
    """Return the pipelines, what needs a person most first; of equals more incidents, less budget, the name."""
    return tuple(sorted(statuses, key=_urgency))


def _urgency(one: PipelineStatus) -> tuple[int, int, int, float, str]:
    ranks = [
        -1 if severity is None else severity.rank
        for (state, severity), n in one.incidents.items()
        if n and state is IncidentState.OPEN
    ]
    left = one.worst_budget_left
    return (
        one.need.rank,
        min(ranks, default=len(IncidentSeverity)),
        -one.n_unattended,
        left if left is not None else 1.0,
        one.pipeline,
    )
