"""What a weekly review says, as data: page, digest and JSON are made of it, and a closed week is kept as it.

`before` holds the same figure of the weeks before, oldest first, `week.HISTORY` of them. None stands for what is not
known, as of a week that the store no longer has: it is never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from seamwatch.core.agreed_actions import AgreedAction, Recurrence
from seamwatch.core.grades import Grade
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import GateState, IncidentSeverity, IncidentState, Responsibility, RunbookKind

Before = tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class ObjectiveWeek:
    """An objective in the week, and its error budget at the end of it."""

    objective: str
    kind: str
    goal: float | None
    """Share of good events; None for a bound in USD."""
    events: float
    judged: float
    bad: float
    """Of the week, refunds left out; USD for a bound in USD."""
    sli: float | None
    """Share of good events of the week; None without any, or for money."""
    before: Before
    """Of `sli`; of what was spent, for a bound in USD."""
    left: float | None
    """Share of the budget that was left at the end of the week; None: not known."""
    left_before: Before
    spent: float | None
    """Share of the whole budget that this week's bad events took."""
    allowed: float | None = None
    """The whole budget, in bad events or USD; None: not known."""
    gate: GateState | None = None
    """Of this budget, at the end of the week by what was left; None: not known."""


@dataclass(frozen=True, kw_only=True)
class QualityWeek:
    """How many of the week's answers were right."""

    n_answers: int
    n_judged: int
    n_wrong: float
    """Among those judged."""
    accuracy: float | None
    low: float | None
    high: float | None
    """95 % interval."""
    is_sampled: bool
    """Whether people's labels of a sample measured it; else every judged answer counts."""
    before: Before


@dataclass(frozen=True, kw_only=True)
class CostPart:
    """One of the dearest things of a week."""

    kind: str
    """`model`, or the column that the cost is split by, as `triage_model.prompt_version`."""
    name: str
    usd: float
    share: float
    """Of the week's cost."""
    usd_before: float | None
    """The week before."""


@dataclass(frozen=True, kw_only=True)
class CostWeek:
    """What the calls of a week cost."""

    usd: float
    n_calls: float
    n_records: float
    n_unpriced: float
    """Calls without a price or tokens, which are in no sum."""
    n_hours: int
    """Hours of the week that were looked at."""
    before: Before
    """USD."""
    month: date
    """First day of the calendar month in which the week ends."""
    month_usd: float | None
    """Spent in it until the end of the week; None: not all of it is known."""
    forecast_usd: float | None
    """What it will have cost at its end, at the present rate; None: too little is known."""
    forecast_low_usd: float | None = None
    forecast_high_usd: float | None = None
    """Of ten months, nine end within; None: the past is too short to say."""
    dearest: tuple[CostPart, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IncidentLine:
    """One incident in a line."""

    id: str
    pipeline: str
    headline: str
    responsibility: Responsibility
    stage: str | None
    state: IncidentState
    severity: IncidentSeverity | None
    opened_at: datetime
    resolved_at: datetime | None
    n_records: int


@dataclass(frozen=True, kw_only=True)
class IncidentsWeek:
    """What happened to incidents in the week."""

    n_opened: int
    n_reopened: int
    n_resolved: int
    n_open_at_end: int
    n_void: int
    """Opened in the week, and called nobody's fault since."""
    by_responsibility: Mapping[Responsibility, int]
    """Of those opened or reopened, void ones left out."""
    by_severity: Mapping[str, int]
    """The same by severity; `unrated` for those that were never rated."""
    n_looked_like_ai: int
    """Of the same: those in which answers of the AI were wrong, so that it was the first suspect."""
    n_not_ai: int
    """Of those: the ones of which something else than the model is named as the cause."""
    not_ai: Mapping[Responsibility, int]
    """Whose they were."""
    n_ai: int
    """Of those that looked like it: the model's own."""
    n_ai_unknown: int
    """Of those that looked like it: undetermined."""
    opened_before: Before
    not_ai_before: Before


class Phase(StrEnum):
    """A part of the way from the beginning of a fault to its end."""

    DETECT = "detect"
    """From the onset to the incident."""
    ATTRIBUTE = "attribute"
    """From the incident to the first time that somebody was named."""
    ACKNOWLEDGE = "acknowledge"
    """From the incident to the first person who took it on."""
    MITIGATE = "mitigate"
    """From the incident to the first fix."""
    RESOLVE = "resolve"
    """From the incident to its end."""


@dataclass(frozen=True, kw_only=True)
class TimeTo:
    """How long a phase took, over the incidents that came through it in the week."""

    phase: Phase
    n: int
    """Incidents of which the time is known; one that came through it twice counts twice."""
    median_s: float | None
    worst_s: float | None
    n_unknown: int
    """Incidents that came through it, and nobody knows how long it took."""
    before: Before
    """Medians."""


@dataclass(frozen=True, kw_only=True)
class SlowIncident:
    """One of the incidents that took longest from onset to end, or are still open."""

    incident: IncidentLine
    took_s: float
    """From its onset, or where that is unknown from its opening, to its end, or the end of the week."""
    is_over: bool
    longest: Phase | None
    """The step that took most of it, or that it waits for: that one is None in `steps`. None: nothing is known."""
    longest_s: float
    steps: Mapping[Phase, float | None]
    """Seconds of each step: detect and attribute, then from there to acknowledge, to mitigate, to resolve; None: it was
    not taken, or nobody knows when."""
    n_escalated: int
    n_reopened: int


@dataclass(frozen=True, kw_only=True)
class RepeatOffender:
    """A place where the same kind of fault came more than once in these weeks."""

    pipeline: str
    responsibility: Responsibility
    stage: str | None
    kind: str | None
    n_times: int
    """Openings and reopenings in the week and the weeks before."""
    n_this_week: int
    incidents: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StepTold:
    """A step or action of a runbook that deserves a look."""

    incident: str
    pipeline: str
    runbook: RunbookKind | None
    name: str
    at: datetime
    by: str | None
    """Who answered, overrode or took it back; None: nobody did."""
    text: str


@dataclass(frozen=True, kw_only=True)
class RunbooksWeek:
    """What runbooks did in the week."""

    n_runs: int
    n_steps: int
    n_actions: int
    """Proposed in the week."""
    n_helped: int
    failed: tuple[StepTold, ...]
    waited: tuple[StepTold, ...]
    """Waiting at the end of the week for somebody's answer, or run out of time."""
    overridden: tuple[StepTold, ...]
    """Rejected, done by hand, or taken back by a person."""


@dataclass(frozen=True, kw_only=True)
class HeldRelease:
    """A time that the gate held a release."""

    pipeline: str
    at: datetime
    reason: str
    release: str | None
    """As the caller named it."""


@dataclass(frozen=True, kw_only=True)
class OverrideTold:
    """A person let releases through although a budget was spent."""

    pipeline: str
    objective: str | None
    by: str
    at: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class GateWeek:
    """What the gate said of releases."""

    n_asked: int
    n_held: int
    held: tuple[HeldRelease, ...]
    overrides: tuple[OverrideTold, ...]
    """Given in the week, or in force in it."""


@dataclass(frozen=True, kw_only=True)
class KnowledgeWeek:
    """A knowledge base, by its last check in the week."""

    knowledge_base: str
    checked_at: datetime | None
    """None: it was not checked in the week."""
    n_checks: int
    n_documents: int | None
    faults: Mapping[str, int]
    """Documents by what is wrong with them."""
    share_fresh: float | None
    """Of the answers that rested on documents of it; None: not known."""
    before: Before
    """Of `share_fresh`."""


@dataclass(frozen=True, kw_only=True)
class LabelsWeek:
    """What people judged."""

    n_given: int
    """In the week, withdrawn ones left out."""
    n_people: int
    n_waiting: int
    """Now."""
    n_drawn: int
    """In the week."""
    alpha: float | None
    """Krippendorff's, over all labels that count; None: too few were judged twice."""
    alpha_low: float | None
    alpha_high: float | None
    judge_sensitivity: float | None
    """Of the answers that people call wrong, the share that evaluators fail; None: nothing tells."""
    judge_specificity: float | None
    """Of those that they call right, the share that evaluators pass."""
    n_judge_labels: int
    before: Before
    """Labels given."""


@dataclass(frozen=True, kw_only=True)
class DriftWeek:
    """A column or text whose values drifted in the week."""

    incident: str
    stage: str | None
    field: str | None
    kind: str | None
    headline: str
    n_records: int


@dataclass(frozen=True, kw_only=True)
class FixFirst:
    """One of the things that took most of an error budget in the week."""

    pipeline: str
    objective: str
    incident: IncidentLine | None
    """None: bad events that belong to no incident."""
    spent: float
    """Share of the objective's whole budget."""
    amount: float
    """Bad events, or USD."""
    is_money: bool
    owner_role: str | None
    """Key of `owners` in the pipeline file."""
    owner: str | None
    """Who is mentioned; None: nobody is named."""


@dataclass(frozen=True, kw_only=True)
class TeamWeek:
    """What is one team's: the incidents that they have to act on, opened in the week or still open at its end."""

    role: str
    """Key of `owners` in the pipeline file: `model`, `integration`, `knowledge_base`, ..."""
    mention: str | None
    pipeline: str
    open: tuple[IncidentLine, ...]
    closed: tuple[IncidentLine, ...]


@dataclass(frozen=True, kw_only=True)
class AgreedWeek:
    """An action that was agreed, as it stands at the end of the week."""

    action: AgreedAction
    is_overdue: bool
    recurrence: Recurrence | None
    """Whether the cause of its incident came back after it was done; None: it is linked to none, or not done."""


@dataclass(frozen=True, kw_only=True)
class PipelineWeek:
    """One pipeline in one week."""

    pipeline: str
    description: str = ""
    owner: str | None = None
    """Of its reliability, as the file mentions them; None: nobody is named."""
    is_defined: bool = True
    """Whether it has a sound file now."""
    problem: str = ""
    """What of it could not be read, in words; empty: nothing."""
    n_records: float | None = None
    """Records that entered it; None: nothing counts them."""
    records_before: Before = ()
    objectives: tuple[ObjectiveWeek, ...] = ()
    quality: QualityWeek | None = None
    cost: CostWeek | None = None
    drift: tuple[DriftWeek, ...] = ()
    incidents: IncidentsWeek
    times: tuple[TimeTo, ...] = ()
    lines: tuple[IncidentLine, ...] = ()
    """Opened, reopened or resolved in the week, or open at its end; the most severe first."""
    runbooks: RunbooksWeek | None = None
    gate: GateWeek | None = None
    knowledge: tuple[KnowledgeWeek, ...] = ()
    labels: LabelsWeek | None = None
    teams: tuple[TeamWeek, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def worst_left(self) -> float | None:
        """Return the least share of a budget that was left; None where none is known."""
        return min((one.left for one in self.objectives if one.left is not None), default=None)


@dataclass(frozen=True, kw_only=True)
class FigureCorrection:
    """A figure of a closed week that would be another one by what is known now."""

    figure: str
    """Its path in the review, as `support_triage/incidents/n_opened`."""
    told: float | None
    now: float | None


@dataclass(frozen=True, kw_only=True)
class WeeklyReview:
    """A week of all pipelines."""

    week: ReviewWeek
    made_at: datetime
    is_closed: bool = False
    """Whether it is as it was told; False: a look at a week that nobody was told of yet."""
    kept_since: date | None = None
    """The store no longer has what is older; None: it has all of these weeks."""
    everything: PipelineWeek
    """All pipelines together: incidents, times, cost, runbooks, gate."""
    pipelines: tuple[PipelineWeek, ...]
    """What needs a look first."""
    slowest: tuple[SlowIncident, ...] = ()
    repeats: tuple[RepeatOffender, ...] = ()
    fix_first: tuple[FixFirst, ...] = ()
    """Three at most, the one that took most first."""
    agreed: tuple[AgreedWeek, ...] = ()
    """Open at the begin of the week, or agreed or done in it."""
    grades: tuple[Grade, ...] = ()
    """Of our own verdicts, over the last year: of all first, then by responsibility."""
    corrections: tuple[FigureCorrection, ...] = ()
    """What came later; only of a closed week."""
    notes: tuple[str, ...] = field(default_factory=tuple)
