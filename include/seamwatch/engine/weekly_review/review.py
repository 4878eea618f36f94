"""The weekly review: every pipeline in a week, and all of them together, by what is in the store."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain

from seamwatch.core.action_life import ActionRun
from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import StepRun
from seamwatch.core.weekly_review.cost import sum_costs
from seamwatch.core.weekly_review.facts import FixFirst, GateWeek, PipelineWeek, WeeklyReview
from seamwatch.core.weekly_review.figures import corrections
from seamwatch.core.weekly_review.fix_first import budget_takers, fix_first
from seamwatch.core.weekly_review.gate import gate_week
from seamwatch.core.weekly_review.incidents import drift_of, incident_lines, incidents_week
from seamwatch.core.weekly_review.repeats import repeat_offenders
from seamwatch.core.weekly_review.runbooks import runbooks_week
from seamwatch.core.weekly_review.teams import teams_of
from seamwatch.core.weekly_review.times import slowest, times_to
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.agreed_actions import agreed_of_week
from seamwatch.engine.deps import Deps
from seamwatch.engine.grades import current_grades
from seamwatch.engine.weekly_review import pipeline_parts as parts
from seamwatch.engine.weekly_review.reading import Weeks, kept, read_weeks
from seamwatch.errors import SeamwatchError, StoreError
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.objectives import CostObjective
from seamwatch.spec.owners import RELIABILITY
from seamwatch.spec.pipeline import Pipeline

_LOG = logging.getLogger(__name__)
EVERYTHING = "all pipelines"


def weekly_review(deps: Deps, week: ReviewWeek, *, only: Collection[str] | None = None) -> WeeklyReview:
    """Return the review of a week: as it was told, with what is known better by now, where it was closed.

    Args:
        deps: What it needs.
        week: May be the one that is not over.
        only: Names of pipelines: what is said of all together is said of these; None: all.

    Raises:
        StoreError: If the store cannot be read.
    """
    now = make_review(deps, week, only=only)
    told = deps.store.weekly_review(week.name)
    if told is None:
        return now
    seen = {one.pipeline for one in told.pipelines}
    if only is not None and not seen <= set(only):
        told = _part_of(told, now, only)
    return replace(told, corrections=corrections(told, now))


def _part_of(told: WeeklyReview, now: WeeklyReview, only: Collection[str]) -> WeeklyReview:
    """Return what was told of some pipelines; what is of all together is of these, as it is known now."""
    return replace(
        told,
        everything=now.everything,
        pipelines=tuple(one for one in told.pipelines if one.pipeline in only),
        slowest=now.slowest,
        repeats=tuple(one for one in told.repeats if one.pipeline in only),
        fix_first=now.fix_first,
        agreed=tuple(one for one in told.agreed if one.action.pipeline is None or one.action.pipeline in only),
    )


def make_review(
    deps: Deps, week: ReviewWeek, *, only: Collection[str] | None = None, is_closed: bool = False
) -> WeeklyReview:
    """Return the review of a week by what is known now.

    What cannot be read of one pipeline is said of it, and hides no other.

    Args:
        deps: What it needs.
        week: Which.
        only: Names of pipelines; None: all.
        is_closed: Whether it is told as it is from now on.

    Raises:
        StoreError: If the store cannot be read at all.
    """
    weeks = read_weeks(deps, week, only=only)
    names = {*deps.project.pipelines, *weeks.incidents}
    wanted = sorted(names if only is None else names & set(only))
    found = [_Pipeline(deps, name, weeks) for name in wanted]
    made = [one.week() for one in found]
    takers = [taker for one in found for taker in one.takers]
    incidents = list(chain.from_iterable(weeks.incidents.get(name, ()) for name in wanted))
    events = list(chain.from_iterable(weeks.events.get(name, ()) for name in wanted))
    limits = [kept(deps, deps.project.pipelines.get(name)) for name in wanted]
    oldest = max((one.sums for one in limits if one.sums is not None), default=None)
    return WeeklyReview(
        week=week,
        made_at=weeks.now,
        is_closed=is_closed,
        kept_since=oldest.date() if oldest is not None and oldest > weeks.since else None,
        everything=PipelineWeek(
            pipeline=EVERYTHING,
            n_records=_sum_known([one.n_records for one in made]),
            records_before=_sums_known([one.records_before for one in made]),
            cost=sum_costs([one.cost for one in made if one.cost is not None]),
            incidents=incidents_week(incidents, events, weeks.all, accuracy=_accuracy_objectives(deps)),
            times=times_to(incidents, events, weeks.all),
            runbooks=runbooks_week(
                [step for one in found for step in one.steps],
                [action for one in found for action in one.actions],
                events,
                week,
            ),
            gate=_all_gates([one.gate for one in made if one.gate is not None]),
        ),
        pipelines=_by_need(made, takers),
        slowest=slowest(incidents, events, week),
        repeats=repeat_offenders(incidents, events, weeks.all),
        fix_first=fix_first(takers),
        agreed=tuple(
            one
            for one in agreed_of_week(deps, week, incidents, events)
            if one.action.pipeline is None or only is None or one.action.pipeline in only
        ),
        grades=current_grades(deps, until=weeks.until, time_zone=week.time_zone),
    )


class _Pipeline:
    """One pipeline's week, with what the review of all needs of it."""

    def __init__(self, deps: Deps, name: str, weeks: Weeks) -> None:
        self.deps, self.name, self.weeks = deps, name, weeks
        self.pipeline = deps.project.pipelines.get(name)
        self.incidents = weeks.incidents.get(name, ())
        self.events = weeks.events.get(name, ())
        self.takers: tuple[FixFirst, ...] = ()
        self.steps: list[StepRun] = []
        self.actions: list[ActionRun] = []

    def week(self) -> PipelineWeek:
        """Return what is known of the pipeline, with a word on what cannot be read."""
        bare = PipelineWeek(
            pipeline=self.name,
            is_defined=self.pipeline is not None,
            problem="" if self.pipeline is not None else self._why_undefined(),
            incidents=incidents_week(
                self.incidents, self.events, self.weeks.all, accuracy=_accuracy_objectives(self.deps)
            ),
            times=times_to(self.incidents, self.events, self.weeks.all),
            lines=incident_lines(self.incidents, self.events, self.weeks.week),
            drift=drift_of(self.incidents, self.events, self.weeks.week),
        )
        try:
            return self._measured(self._with_runbooks(bare))
        except Exception as error:  # of this pipeline alone: the others are told all the same
            if isinstance(error, StoreError):
                raise
            if not isinstance(error, SeamwatchError):
                _LOG.exception("the week of %s cannot be read whole", self.name)
            said = str(error) if isinstance(error, SeamwatchError) else type(error).__name__
            return replace(bare, problem=f"not all of it can be read: {SECRETS.redact(said)}")

    def _why_undefined(self) -> str:
        is_broken = any(file.endswith(f"/pipelines/{self.name}.yaml") for file in self.deps.project.broken)
        return "its file has a mistake" if is_broken else "it has no file any more: it was renamed or removed"

    def _with_runbooks(self, bare: PipelineWeek) -> PipelineWeek:
        week, store = self.weeks.week, self.deps.store
        happened = {one.incident_id for one in self.events if one.at >= week.window.start}
        touched = [one for one in self.incidents if one.id in happened or _is_of_week(one, week)]
        self.steps = [step for one in touched for step in store.runbook_steps(one.id)]
        self.actions = [action for one in touched for action in store.actions_of(one.id)]
        answers = store.gate_answers(self.name, since=week.window.start, until=self.weeks.until)
        return replace(
            bare,
            runbooks=runbooks_week(self.steps, self.actions, self.events, week),
            gate=gate_week(self.name, answers, store.overrides(self.name), week),
        )

    def _measured(self, bare: PipelineWeek) -> PipelineWeek:
        pipeline, weeks, deps = self.pipeline, self.weeks, self.deps
        if pipeline is None:
            return bare
        sums = parts.read_sums(deps, pipeline, weeks)
        measured = parts.measured_of(deps, pipeline)
        answers = parts.answers_by_week(deps, pipeline, weeks, sums)
        records = parts.records_by_week(pipeline, answers, weeks, sums)
        objectives, allowed = parts.objectives_of(deps, pipeline, weeks, sums)
        self.takers = budget_takers(
            self.name,
            pipeline.owners,
            sums.debits,
            sums.rulings,
            allowed,
            self.incidents,
            weeks.week,
            events=self.events,
            money=[one.id for one in pipeline.slos if isinstance(one, CostObjective) and one.period is not None],
        )
        return replace(
            bare,
            description=pipeline.description,
            owner=pipeline.owners.get(RELIABILITY),
            n_records=records[-1],
            records_before=records[:-1],
            objectives=objectives,
            quality=parts.quality_of(pipeline, answers, weeks, measured),
            cost=parts.cost_of(deps, pipeline, weeks),
            knowledge=parts.knowledge_of(deps, pipeline, weeks),
            labels=parts.labels_of(deps, pipeline, weeks, measured),
            teams=teams_of(self.name, pipeline.owners, self.incidents, self.events, weeks.week),
            notes=_notes(pipeline, records[-1]),
        )


def _accuracy_objectives(deps: Deps) -> dict[str, list[str]]:
    """Return by pipeline the names of its accuracy objectives: an alert on one shows wrong answers."""
    return {
        name: [one.id for one in pipeline.slos if one.kind == "accuracy"]
        for name, pipeline in deps.project.pipelines.items()
    }


def _notes(pipeline: Pipeline, n_records: float | None) -> tuple[str, ...]:
    notes = []
    if n_records == 0:
        notes.append("no records came in this week, so nothing is said of how good they were")
    if not pipeline.slos:
        notes.append("it has no objectives, so nothing says how good it must be")
    return tuple(notes)


def _is_of_week(incident: Incident, week: ReviewWeek) -> bool:
    """Return whether something may have happened to an incident in the week."""
    return incident.opened_at < week.window.end and (incident.is_open or incident.updated_at >= week.window.start)


def _sum_known(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) if known else None


def _sums_known(rows: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    length = max((len(row) for row in rows), default=0)
    return tuple(_sum_known([row[n] for row in rows if len(row) == length]) for n in range(length))


def _all_gates(gates: Sequence[GateWeek]) -> GateWeek:
    return GateWeek(
        n_asked=sum(one.n_asked for one in gates),
        n_held=sum(one.n_held for one in gates),
        held=tuple(sorted((held for one in gates for held in one.held), key=lambda held: held.at)),
        overrides=tuple(sorted((given for one in gates for given in one.overrides), key=lambda given: given.at)),
    )


def _by_need(weeks: Sequence[PipelineWeek], takers: Sequence[FixFirst]) -> tuple[PipelineWeek, ...]:
    """Return the pipelines, first the one that took most of a budget, then by incidents and by what is left."""
    spent: dict[str, float] = {}
    for one in takers:
        spent[one.pipeline] = max(spent.get(one.pipeline, 0.0), one.spent)

    def need(week: PipelineWeek) -> tuple[float, int, float, str]:
        left = week.worst_left
        return (
            -spent.get(week.pipeline, 0.0),
            -(week.incidents.n_open_at_end + week.incidents.n_opened),
            1.0 if left is None else left,
            week.pipeline,
        )

    return tuple(sorted(weeks, key=need))
