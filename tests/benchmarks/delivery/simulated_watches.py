"""The watches of a simulated pipeline: the product's own rules, with their past in memory.

As the engine runs them, but that a day's records are counted by hour at once, and that what is usual is learnt again
once a day; both only save time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from delivery.simulated_weeks import DAY, Day, Service
from seamwatch.core.incident_life import Incident
from seamwatch.core.injection.scan import scan_texts
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.results import Window
from seamwatch.core.slo.alert_incidents import evaluate_budgets, known_stretches
from seamwatch.core.slo.events import RECORD_COLUMNS, count_events
from seamwatch.core.slo.policy import GateDecision
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus, objective_status
from seamwatch.core.watch import injection as rates
from seamwatch.core.watch.cost import Present, evaluate_cost
from seamwatch.core.watch.cost_hours import HourSums, hour_sums
from seamwatch.core.watch.cost_jump import find_jump, timeline
from seamwatch.core.watch.drift import LONGEST, Period, State, judge
from seamwatch.core.watch.drift_evaluation import evaluate_drift
from seamwatch.core.watch.drift_samples import close_period, hourly_samples
from seamwatch.core.watch.injection_evaluation import FieldState, evaluate_injection
from seamwatch.core.watch.injection_sums import Flagged
from seamwatch.core.watch.injection_sums import hour_sums as attack_sums
from seamwatch.core.watch.latency import LOOK_BACK, Reference, find_shift, learn
from seamwatch.core.watch.latency_evaluation import evaluate_as_usual, evaluate_shift
from seamwatch.core.watch.latency_hours import Hour, about_records, count_hours, read_samples, take_samples
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.stage_times import Split, split_seconds
from seamwatch.engine.watch.cost_calls import priced_calls, read_sources, runs_of, tariffs
from seamwatch.report.watch.drift import drift_report
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.vocabulary import OutcomeState, Watch

BUDGETS_EVERY = 8
"""Hours between two looks at error budgets."""
_MONTH = timedelta(days=28)
_COST_KEPT = timedelta(days=16)
_DRIFT = DriftWatch(sample=300)
_NO_REFUNDS = pd.DataFrame({"start_at": pd.to_datetime([], utc=True), "amount": pd.Series(dtype=float)})


def day_records(day: Day, service: Service) -> pd.DataFrame:
    """Return a day's records as objectives and watches take them."""
    final = day.stages[service.pipeline.final_stage.name]
    keys = day.at.index
    states = judge_by_truth(final.payload, day.truth, service.pipeline.outcome.compare)["state"].reindex(keys)
    records = pd.DataFrame(index=keys, columns=list(RECORD_COLUMNS), dtype=object)
    records["at"] = day.at
    records["seconds"] = (pd.to_datetime(final.times.reindex(keys), utc=True) - day.at).dt.total_seconds()
    records["is_done"], records["is_timeout"], records["usd"] = keys.isin(final.payload.index), False, np.nan
    records["is_right"] = states.map({OutcomeState.RIGHT: True, OutcomeState.WRONG: False}).astype(object)
    return records


@dataclass
class LatencyLooks:
    """Whether the full pipeline takes longer than it did."""

    service: Service
    hours: dict[datetime, Hour] = field(default_factory=dict)
    samples: dict[datetime, dict[str, Any]] = field(default_factory=dict)
    reference: Reference | None = None
    last: WatchReport | None = None
    _new: dict[datetime, Hour] = field(default_factory=dict)
    _split: Split | None = None
    _at: Any = None

    def read(self, day: Day, records: pd.DataFrame, start: datetime) -> None:
        """Count a day's records by hour, and learn from the days before."""
        self.hours = {at: one for at, one in self.hours.items() if at >= start - LOOK_BACK - DAY}
        self.samples = {at: one for at, one in self.samples.items() if at in self.hours}
        self.reference = learn([one for at, one in self.hours.items() if at >= start - LOOK_BACK], start)
        pipeline = self.service.pipeline
        self._split = split_seconds(pipeline, day.stages, records["seconds"])
        self._at = pd.to_datetime(records["at"], utc=True)
        about, _ = about_records(pipeline, day.stages, records.index, ttft=None)
        self._new = {one.start: one for one in count_hours(self._split, self._at, about)}
        self.samples |= take_samples(self._split, self._at, about)

    def look(self, window: Window) -> WatchReport:
        """Return what the hours up to the end of one show."""
        pipeline, now = self.service.pipeline, window.end
        self.hours[window.start] = self._new.get(window.start, Hour(start=window.start))
        hours = list(self.hours.values())
        shift = find_shift(hours, self.reference, now, least_change=0.5) if self.reference else None
        if shift is None:
            found = evaluate_as_usual(pipeline, hours, self.reference, self.last, untimed=(), notes=(), now=now)
        else:
            rows = [self._read(shift.hours, 2400), self._read(shift.before, 5000)]
            inside = ((self._at >= window.start) & (self._at < window.end)).to_numpy()
            split = replace(
                self._split,
                parts=self._split.parts[inside],
                seconds=self._split.seconds[inside],
                skewed=self._split.skewed[inside],
            )
            found = evaluate_shift(
                pipeline, hours, shift, self.last, samples=(rows[0], rows[1]), split=split, at=self._at[inside],
                notes=(), now=now,
            )  # fmt: skip
            begun, known = shift.hours[0].start, self.hours[window.start].found_since
            self.hours[window.start] = replace(self.hours[window.start], found_since=min(known or begun, begun))
        slow = found.slowdown
        self.last = _report(
            Watch.LATENCY,
            self.service,
            found.window,
            findings=() if slow is None or slow.is_early else (slow.finding,),
            still=found.still,
        )
        return self.last

    def _read(self, hours: Sequence[Hour], most: int) -> pd.DataFrame:
        counts = {hour.start: hour.total.count for hour in hours}
        return read_samples([(at, self.samples[at]) for at in counts if at in self.samples], counts, most=most)


@dataclass
class CostLooks:
    """Whether calls cost more than they did."""

    service: Service
    hours: dict[datetime, HourSums] = field(default_factory=dict)
    last: WatchReport | None = None
    _new: dict[datetime, HourSums] = field(default_factory=dict)
    _calls: Any = None
    _sources: Any = None

    def read(self, day: Day, records: pd.DataFrame, start: datetime) -> None:
        """Sum up a day's calls by hour."""
        pipeline = self.service.pipeline
        self.hours = {at: one for at, one in self.hours.items() if at >= start - _COST_KEPT}
        calls, _, _ = priced_calls(pipeline, day.stages, tariffs(pipeline.monitoring.cost))
        at = pd.to_datetime(records["at"], utc=True)
        self._sources, _ = read_sources(pipeline, pipeline.monitoring.cost, day.stages, at.index)
        runs = {kind.value: lengths for kind, lengths in runs_of(calls).items()}
        self._new = {one.start: one for one in hour_sums(at, calls, runs, self._sources)}
        self._calls = calls

    def look(self, window: Window, keys: pd.Index[Any]) -> WatchReport:
        """Return what the hours up to the end of one show."""
        pipeline = self.service.pipeline
        self.hours[window.start] = self._new.get(window.start, HourSums(start=window.start))
        if not self._may_have_changed(window):
            self.last = _report(Watch.COST, self.service, window, findings=())
            return self.last
        calls = self._calls[self._calls["_key"].isin(keys).to_numpy()]
        present = Present(
            start=window.start,
            now=window.end,
            hours=list(self.hours.values()),
            calls=calls,
            runs=runs_of(calls),
            n_records=len(keys),
            sources=self._sources.loc[keys],
            notes=(),
        )
        found = evaluate_cost(pipeline, pipeline.monitoring.cost, present, self.last)
        findings = tuple(one.finding for one in found.findings)
        onsets = [one.onset for one in findings if one.onset is not None]
        if onsets:
            hour = self.hours[window.start]
            self.hours[window.start] = replace(hour, found_since=min([hour.found_since or onsets[0], *onsets]))
        self.last = _report(Watch.COST, self.service, found.window, findings=findings, still=found.still)
        return self.last

    def _may_have_changed(self, window: Window) -> bool:
        """Return whether anything is open, in a loop, or dearer than before; else the evaluation finds nothing."""
        if self.last is not None and self.last.open_kinds:
            return True
        runs = self.hours[window.start].runs.values()
        if any(length > 1 for lengths in runs for length in lengths):
            return True
        line = timeline(list(self.hours.values()), window.end, ZoneInfo("UTC"))
        return find_jump(line, least_change=0.5, since=None) is not None


@dataclass
class AttackLooks:
    """Whether more texts than usual look like instructions to the model; what answers obeyed is not looked at."""

    service: Service
    sums: dict[str, dict[datetime, dict[str, Any]]] = field(default_factory=dict)
    reported: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    open: frozenset[str] = frozenset()
    last: WatchReport | None = None
    _new: Mapping[str, Mapping[datetime, dict[str, Any]]] = field(default_factory=dict)

    def read(self, day: Day) -> None:
        """Score a day's texts."""
        texts = day.stages["tickets"].payload["text"]
        found = scan_texts(texts.tolist())
        frame = pd.DataFrame(
            {
                "key": texts.index,
                "at": day.at.to_numpy(),
                "field": "tickets.text",
                "score": [one.score for one in found],
            }
        )
        frame["at"] = pd.to_datetime(frame["at"], utc=True)
        flagged = [
            Flagged(
                key=str(key),
                at=day.at[key].to_pydatetime(),
                field="tickets.text",
                score=one.score,
                spans=one.spans,
                text=text,
            )
            for key, text, one in zip(texts.index, texts, found, strict=True)
            if one.score >= 0.5
        ]
        self._new = attack_sums(frame, flagged, segments={}, threshold=0.5)

    def look(self, window: Window) -> WatchReport:
        """Return what the hours up to the end of one show."""
        now, fields = window.end, []
        for name, hours in self._new.items():
            mine = self.sums.setdefault(name, {})
            mine |= {window.start: hours[window.start]} if window.start in hours else {}
            for at in [at for at in mine if at < now - rates.LOOK_BACK]:
                del mine[at]
            told = self.reported.setdefault(name, [])
            was_told = bool(told) and name in self.open
            rate = rates.judge_rate(rates.field_hours(mine, now=now, told=told), n_fields=1, was_told=was_told)
            fields.append(FieldState(field=name, sums=mine, rate=rate, was_reported=was_told))
        found = evaluate_injection(
            self.service.pipeline.pipeline, now - rates.LOOK_BACK, fields=fields, reached=(), now=now
        )
        for one in fields:
            if one.rate.fires:
                start, spans = one.onset(now), self.reported[one.field]
                if spans and spans[-1][1] >= start:
                    start = min(start, spans.pop()[0])
                spans.append((start, now))
        self.open = frozenset(
            one.field for one in fields if one.rate.fires or (one.was_reported and not one.rate.can_end)
        )
        self.last = _report(
            Watch.INJECTION,
            self.service,
            found.window,
            findings=tuple(one.finding for one in found.findings),
            still=found.still,
        )
        return self.last


@dataclass
class DriftLooks:
    """Whether the records of a day look as those of the days before."""

    service: Service
    periods: list[Period] = field(default_factory=list)
    state: State = field(default_factory=State)
    last: WatchReport | None = None

    def look(self, day: Day, records: pd.DataFrame, start: datetime) -> WatchReport:
        """Return what a day that is over came to."""
        pipeline = self.service.pipeline
        # The sample of a day is that of its hours together.
        hours, _ = hourly_samples(pipeline, _DRIFT, day.stages, records.assign(at=pd.Timestamp(start)))
        names = [stage.name for stage in pipeline.stages]
        kept = self.periods[-(_DRIFT.reference // DAY + LONGEST - 1) :]
        now = close_period(start, list(hours.values()), kept, stages=names, k=_DRIFT.sample)
        judged = judge(pipeline, _DRIFT, [*kept, now], self.state)
        found = evaluate_drift(pipeline, judged, [*kept, now], every=DAY)
        self.state = found.state
        aucs = {stage: one.auc for stage, one in judged.tellings.items()}
        now = replace(now, stages={name: replace(one, auc=aucs.get(name)) for name, one in now.stages.items()})
        self.periods = [*kept, now]
        self.last = drift_report(found, notes=[])
        return self.last


@dataclass
class BudgetLooks:
    """Whether error budgets burn."""

    service: Service
    buckets: dict[str, pd.DataFrame] = field(default_factory=dict)
    status: SloStatus | None = None

    def read(self, records: pd.DataFrame, start: datetime) -> None:
        """Count a day's events; a look sees those before it."""
        pipeline = self.service.pipeline
        for objective in pipeline.slos:
            new = count_events(objective, records, now=start + DAY, settle=pipeline.settle).buckets
            kept = self.buckets.get(objective.id)
            kept = new if kept is None else pd.concat([kept, new], ignore_index=True)
            self.buckets[objective.id] = kept[(kept["start_at"] >= start - _MONTH).to_numpy()]

    def look(self, now: datetime, known: Sequence[Incident]) -> None:
        """Judge the budgets as they are by now."""
        pipeline = self.service.pipeline
        alerts = {one.objective: one.alerts for one in self.status.objectives} if self.status else {}
        found: list[ObjectiveStatus] = []
        for objective in pipeline.slos:
            kept = self.buckets[objective.id]
            found.append(
                objective_status(
                    objective,
                    kept[(kept["start_at"] < now).to_numpy()],
                    _NO_REFUNDS,
                    alerts.get(objective.id, ()),
                    now=now,
                    every=timedelta(minutes=5),
                    incidents=known_stretches(objective.kind, known),
                )
            )
        gate = cast("GateDecision", None)
        self.status = SloStatus(pipeline=pipeline.pipeline, at=now, objectives=tuple(found), gate=gate)

    def burning(self, known: Sequence[Incident]) -> WatchReport | None:
        """Return which budgets burn without an incident that explains it; None before the first look."""
        if self.status is None:
            return None
        window = Window(start=min(one.window_start for one in self.status.objectives), end=self.status.at)
        found = evaluate_budgets(self.status, known, pipeline=self.status.pipeline, window=window)
        return _report(Watch.BUDGET, self.service, window, findings=tuple(one.finding for one in found.burning))


def _report(
    watch: Watch, service: Service, window: Window, *, findings: tuple[Any, ...], still: Sequence[str] = ()
) -> WatchReport:
    """Return a report without words: nothing here reads them."""
    return WatchReport(
        watch=watch,
        pipeline=service.pipeline.pipeline,
        window=window,
        compared=None,
        n_records=0,
        findings=findings,
        still=tuple(still),
    )
