"""A pipeline that is looked at every hour: what every detector of the product finds in it.

Attribution replays the failing records of a day at once, and counts its verdicts by hour; seams are judged by hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from delivery.simulated_watches import (
    BUDGETS_EVERY,
    AttackLooks,
    BudgetLooks,
    CostLooks,
    DriftLooks,
    LatencyLooks,
    day_records,
)
from delivery.simulated_weeks import DAY, HOUR, Cause, Day, Service, answer
from seamwatch.core.attribution.accusing_marks import RightRecords
from seamwatch.core.attribution.causes import ACCEPTED_RECORDS, BaseRates
from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.neutral_inputs import with_neutral_inputs
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.sampling import Spending
from seamwatch.core.detection.recent_change import Parts, count_parts, part_of
from seamwatch.core.detection.window_change import RUN_LENGTHS, Budget, WindowCount
from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.interventions import World
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.records.reconciliation import Reconciliation, reconcile
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.results import Attribution, IsolationResult, Verdict, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.seams import Seam, SeamEvaluation, count_seam, evaluate_seams, measure_seams, seam_budget
from seamwatch.engine.causes import BESIDE_STAGES, ChangeTest
from seamwatch.report.watch.seams import seam_report
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import OutcomeState, Watch

_PAST = 240
"""Hours that a rate is compared with: fewer than the product keeps, to save time."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one hour showed, before anything is decided."""

    now: datetime
    attribution: Attribution
    seams: WatchReport
    watches: Mapping[Watch, WatchReport]


@dataclass(kw_only=True)
class _DayData:
    """What is the same for all hours of a day."""

    day: Day
    causes: Sequence[Cause]
    records: pd.DataFrame
    recorded: Mapping[str, pd.DataFrame]
    reconciled: Mapping[str, Reconciliation]
    outcomes: pd.DataFrame
    verdicts: dict[str, Verdict] = field(default_factory=dict)


@dataclass
class Watcher:
    """One pipeline with all that its detectors keep."""

    service: Service
    history: list[WindowCount] = field(default_factory=list)
    seam_history: dict[str, list[WindowCount]] = field(default_factory=dict)
    _before: _DayData | None = None

    def __post_init__(self) -> None:
        self.latency = LatencyLooks(self.service)
        self.cost = CostLooks(self.service)
        self.attacks = AttackLooks(self.service)
        self.drift = DriftLooks(self.service)
        self.budgets = BudgetLooks(self.service)

    def look(self, day: Day, start: datetime, causes: Sequence[Cause], known: Any) -> Iterator[Looked]:
        """Yield what each hour of a day shows; `known()` gives the incidents of the pipeline as they are by then."""
        data = self._read(day, start, causes)
        for number in range(24):
            window = Window(start=start + number * HOUR, end=start + (number + 1) * HOUR)
            keys = day.at.index[((day.at >= window.start) & (day.at < window.end)).to_numpy()]
            if number == 1 and self._before is not None and self.service.pipeline.monitoring.drift is not None:
                # A day is judged once it is over and its last records have settled.
                self.drift.look(self._before.day, self._before.records, start - DAY)
            attribution = self._attribute(data, window, keys)
            seams = self._look_at_seams(data, window, keys, known())
            if number % BUDGETS_EVERY == 0:
                self.budgets.look(window.end, known())
            watches = {
                Watch.LATENCY: self.latency.look(window),
                Watch.COST: self.cost.look(window, keys),
                Watch.DRIFT: self.drift.last,
                Watch.INJECTION: self.attacks.look(window),
            }
            known_reports = {watch: report for watch, report in watches.items() if report is not None}
            yield Looked(now=window.end, attribution=attribution, seams=seams, watches=known_reports)
        self._before = data

    def _read(self, day: Day, start: datetime, causes: Sequence[Cause]) -> _DayData:
        pipeline = self.service.pipeline
        recorded = {name: one.payload for name, one in day.stages.items()}
        reconciled = {
            stage.name: reconcile(
                stage,
                recorded[stage.name],
                {name: recorded[name] for name in stage.input},
                self.service.references.get(stage.name),
            )
            for stage in pipeline.stages
            if stage.input
        }
        data = _DayData(
            day=day,
            causes=causes,
            records=day_records(day, self.service),
            recorded=recorded,
            reconciled=reconciled,
            outcomes=judge_by_truth(recorded[pipeline.final_stage.name], day.truth, pipeline.outcome.compare),
        )
        data.verdicts = {one.key: one for one in self._verdicts(data)}
        self.latency.read(day, data.records, start)
        self.cost.read(day, data.records, start)
        self.attacks.read(day)
        self.budgets.read(data.records, start)
        return data

    def _verdicts(self, data: _DayData) -> tuple[Verdict, ...]:
        """Return whose fault each failing record of a day was."""
        pipeline, outcomes = self.service.pipeline, data.outcomes
        failing = outcomes.index[(outcomes["state"] == OutcomeState.WRONG).to_numpy()]
        if not len(failing):
            return ()
        truth, compare = data.day.truth, pipeline.outcome.compare
        world = World(
            pipeline=pipeline,
            recorded=data.recorded,
            references=self.service.references,
            reconciled=data.reconciled,
            judge=lambda final: judge_by_truth(final, truth, compare),
            text_responses=frozenset({"model"}),
        )
        world = with_neutral_inputs(world, failing)
        right = outcomes.index[(outcomes["state"] == OutcomeState.RIGHT).to_numpy()]
        evidence = gather(
            world,
            failing,
            {},
            right=RightRecords(world=world, keys=right),
            n_judged=len(outcomes),
            accuracy=pipeline.benchmark.baseline_accuracy,
        )
        spending = Spending(is_worth_it=lambda _: True, calls_left=lambda: 4000)
        return attribute_records(evidence, self._ask(data), pipeline.isolation, spending).verdicts

    def _ask(self, data: _DayData) -> Any:
        """Return a way to ask the model, as bad as it was when it answered the record that it is asked for."""
        worse = data.day.asked_worse

        def ask(_: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
            said = []
            for call in calls:
                content = json.loads(call.body)["messages"][0]["content"]
                said.append(answer(content, error=self.service.error, is_degraded=call.key in worse))
            return [ModelAnswer(status="ok", text=one) for one in said]

        return ask

    def _attribute(self, data: _DayData, window: Window, keys: pd.Index[Any]) -> Attribution:
        pipeline = self.service.pipeline
        names = [str(key) for key in keys]
        verdicts = tuple(data.verdicts[name] for name in names if name in data.verdicts)
        test = self._change_test(data, window, keys, {one.key for one in verdicts})
        found = test.causes(verdicts)
        self.history = [*self.history, _counted(window, found, test)][-_PAST:]
        return Attribution(
            pipeline=pipeline.pipeline,
            window=window,
            n_observed=len(keys),
            n_failing=len(verdicts),
            n_pending=0,
            n_examined=len(verdicts),
            causes=found,
            isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
            verdicts=verdicts,
            lingering=test.lingering(found),
        )

    def _change_test(self, data: _DayData, window: Window, keys: pd.Index[Any], failing: set[str]) -> ChangeTest:
        pipeline = self.service.pipeline
        times = data.day.at.loc[keys]
        times = times.set_axis(times.index.map(str))
        spans = part_of(times, window.start, window.end)
        is_failing = pd.Series([float(key in failing) for key in times.index], index=times.index)
        return ChangeTest(
            base=BaseRates(
                accuracy=pipeline.benchmark.baseline_accuracy,
                accuracy_records=ACCEPTED_RECORDS,
                history=tuple(self.history),
            ),
            budget=Budget(n_candidates=len(pipeline.stages) + BESIDE_STAGES, share_judged=1.0),
            n_judged=len(keys),
            n_failing=len(failing),
            parts=Parts(length=window.length, judged=count_parts(spans), failing=count_parts(spans, is_failing)),
            times=times,
            window=window,
        )

    def _look_at_seams(
        self, data: _DayData, window: Window, keys: pd.Index[Any], known: Sequence[Incident]
    ) -> WatchReport:
        pipeline, times = self.service.pipeline, data.day.at.loc[keys]
        seams = [
            seam
            for stage in pipeline.stages
            if stage.name in data.reconciled and data.reconciled[stage.name].is_checked
            for seam in self._measure(data, stage, keys)
        ]
        # One in which nothing differs, now or lately, is no change.
        active = [one for one in seams if len(one.differing) or self._differed(one.stage.name)]
        states = data.outcomes["state"].reindex(keys)
        found: SeamEvaluation = evaluate_seams(
            pipeline,
            window,
            active,
            times,
            self.seam_history,
            seam_budget(pipeline, seams, beside=BESIDE_STAGES),
            judged=keys,
            wrong=keys[(states == OutcomeState.WRONG).to_numpy()],
        )
        changed = {one.seam.stage.name for one in found.changes} | {
            str(one.stage) for one in known if one.watch is Watch.SEAM and one.is_open
        }
        for seam in seams:
            name = seam.stage.name
            count = (
                count_seam(seam, times, window, is_change=name in changed) if seam in active else _even(seam, window)
            )
            self.seam_history[name] = [*self.seam_history.get(name, []), count][-_PAST:]
        return seam_report(found)

    def _measure(self, data: _DayData, stage: Stage, keys: pd.Index[Any]) -> Sequence[Seam]:
        found = data.reconciled[stage.name]
        if len(found.discrepancies) and found.discrepancies["key"].isin(keys).any():
            recorded = data.recorded[stage.name]
            mine = recorded.loc[recorded.index.isin(keys)]
            return measure_seams(self.service.pipeline, {stage.name: mine}, {stage.name: _of_hour(found, keys)})
        compared = found.expected.index[found.expected.index.isin(keys)]
        return [Seam(stage=stage, compared=compared, differing=compared[:0], fields={}, examples=())]

    def _differed(self, stage: str) -> bool:
        return any(sum(one.counts.values()) for one in self.seam_history.get(stage, [])[-max(RUN_LENGTHS) :])


def _even(seam: Seam, window: Window) -> WindowCount:
    """Return the count of a seam in which nothing differs."""
    return WindowCount(start=window.start, end=window.end, n_judged=len(seam.compared), counts={seam.cause: 0})


def _of_hour(found: Reconciliation, keys: pd.Index[Any]) -> Reconciliation:
    """Return a day's reconciliation for the records of an hour, as far as seams are measured by it."""
    return replace(
        found,
        expected=found.expected.loc[found.expected.index.isin(keys)],
        discrepancies=found.discrepancies[found.discrepancies["key"].isin(keys).to_numpy()],
    )


def _counted(window: Window, causes: Sequence[Finding], test: ChangeTest) -> WindowCount:
    """Return what later windows are to know of this one."""
    return WindowCount(
        start=window.start,
        end=window.end,
        n_judged=test.n_judged,
        counts={(one.responsibility, one.stage): one.n_records for one in causes},
        changes={(one.responsibility, one.stage): (frozenset(one.fields), one.kind) for one in causes if one.is_change},
        judged_by_part=tuple(round(n) for n in test.parts.judged),
        counts_by_part={
            (one.responsibility, one.stage): one.rate.n_by_part if one.rate is not None else () for one in causes
        },
    )
