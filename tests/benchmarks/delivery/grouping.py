"""Whether one cause is one incident, and one message: findings of weeks, grouped by us and as others group them.

What is true is known of each record: which planted causes changed something of it. A finding's cause is the one that
touched most of the records that it names; of a finding that names none, as that calls take longer, the one that added
most since its onset. One that no planted cause made is a cause by itself for as long as its detector says the same.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from write_page import Figure

from delivery.simulated_looks import Looked, Watcher
from delivery.simulated_weeks import DAY, LEARNING, START, Cause, Day, Service, make_service, plan_causes, simulate_day
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.finding import Finding
from seamwatch.core.incident_evaluations import Evaluation, evaluate_attribution, evaluate_seams, evaluate_watch
from seamwatch.core.incident_fingerprints import fingerprint
from seamwatch.core.incident_life import ChangeKind, Incident, once_an_incident
from seamwatch.core.incidents import Context, decide
from seamwatch.core.results import Window
from seamwatch.spec.graph import ancestors
from seamwatch.vocabulary import Watch

N_PIPELINES = 10
WEEKS = 10
SHORT_PIPELINES, SHORT_WEEKS = 4, 1
AT_LEAST = {"grouping_f1": 0.9, "grouping_f1_if_each_return_were_another_cause": 0.8}
AT_MOST = {"messages_per_cause": 1.6}
NOTES = """\
Grouping: ten pipelines of five shapes (a source, one or two mappings, a retrieval in some, a prompt, a model, a
result, a sink; 45 to 65 records an hour by the time of day), each with a model that is wrong on 2 to 5 % of its
requests. After eight healthy days, 20 causes a week over all pipelines, of 14 kinds, 6 to 48 hours long, a third of
them in pairs that share a table and some of their time. Every hour the product's rules look: attribution with
replays, seams, latency, cost, injected instructions, error budgets (every eight hours) and, in two pipelines, drift
(once a day); `core.incidents.decide` does the rest. To save time a day's failing records are attributed at once and
counted by hour, and what is usual is learnt once a day. A report that is read again is no other finding. What a
finding is of in truth: the cause whose records of the window are best those that it names, with at least a quarter of
them; where it names none, the one that added most seconds or USD, or touched most records, since its onset; else it is
by chance, a cause of its own for each check. A fault that comes back at its place within 14 days of its repair is the
cause that it was: so the product promises, and nothing in the records tells the two apart. `grouping_f1`: over pairs of
findings, whether those of one cause, and no others, are one incident; `..._if_each_return_were_another_cause` beside
it. `messages_per_cause`: incidents told as new or as back, those by chance among them, for each fault that any detector
found, each return counted; `..._where_a_fault_came_back`: messages that are posted, as a reopening edits its head in
place, for each cause. Beside: findings of one table, or of one check, with no gap above 12 hours, and Airflow's
notifier, which tells each run of a task. What changes no answer is found by drift alone, in two of the pipelines.
Records are replayed at a model as bad as the one that answered them. Wanted are an F1 of 0.98 and 1.05 messages for
each cause."""
QUIET = timedelta(hours=12)
"""Findings of one group of a rival that lie further apart are two messages."""
_NAMED = 0.25
"""Share of the records that a finding names that its cause must at least have touched."""
_LOOKED_BACK = timedelta(hours=12)
"""What a burning budget looks back on before it is told."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One finding, as a detector made it in one look."""

    cause: str
    """What it is of in truth; a fault that came back within the time in which incidents reopen is the cause it was."""
    planted: str | None
    """The fault as it was planted, each time anew; None: it came by chance."""
    incident: str
    """Where it came to."""
    pipeline: str
    detector: str
    table: str | None
    check: str
    at: datetime


@dataclass
class Weeks:
    """What became of some pipelines."""

    found: list[Made] = field(default_factory=list)
    n_planted: int = 0
    n_opened: int = 0
    n_reopened: int = 0

    def __add__(self, other: Weeks) -> Weeks:
        return Weeks(
            found=self.found + other.found,
            n_planted=self.n_planted + other.n_planted,
            n_opened=self.n_opened + other.n_opened,
            n_reopened=self.n_reopened + other.n_reopened,
        )

    @property
    def n_detected(self) -> int:
        """Return how many planted faults any detector found, each return of one counted."""
        return len({one.planted for one in self.found} - {None})

    @property
    def n_by_chance(self) -> int:
        """Return how many incidents no planted fault has a part in."""
        planted = {one.incident for one in self.found if one.planted is not None}
        return len({one.incident for one in self.found} - planted)

    @property
    def messages_per_cause(self) -> float:
        """Return head messages, those of incidents that came back among them, for each cause that was found."""
        return (self.n_opened + self.n_reopened) / max(self.n_detected, 1)

    def rivals(self) -> dict[str, tuple[float, float]]:
        """Return pairwise F1 and messages per cause by each other way to group."""
        by_table = _with_gaps(self.found, lambda one: (one.pipeline, one.table))
        by_check = _with_gaps(self.found, lambda one: (one.pipeline, one.check))
        by_task = [(one.pipeline, one.detector, one.at) for one in self.found]
        n = max(self.n_detected, 1)
        ways = {"by_table": by_table, "by_check": by_check, "by_task": by_task}
        return {name: (pairwise_f1(self.found, groups), len(set(groups)) / n) for name, groups in ways.items()}


def figures(*, short: bool, weeks: int, seed: int) -> tuple[dict[str, Figure], str]:
    """Return the figures, and what was simulated; the short form is one week of some pipelines."""
    n, weeks = (SHORT_PIPELINES, SHORT_WEEKS) if short else (N_PIPELINES, weeks)
    return as_figures(measure(n_pipelines=n, weeks=weeks, seed=seed), n_pipelines=n, weeks=weeks)


def as_figures(drawn: Weeks, *, n_pipelines: int, weeks: int) -> tuple[dict[str, Figure], str]:
    """Return the figures of what became of some weeks, and what was simulated."""
    f1, rivals = pairwise_f1(drawn.found, [one.incident for one in drawn.found]), drawn.rivals()
    found_low, found_high = wilson_interval(drawn.n_detected, drawn.n_planted) or (0.0, 1.0)
    told = drawn.messages_per_cause
    span = f"{weeks} week{'s' if weeks > 1 else ''} of {n_pipelines} pipelines"
    about = (
        f"{len(drawn.found):,} findings of {drawn.n_planted} causes in {span}; "
        f"{drawn.n_opened} incidents told as new, {drawn.n_by_chance} of them by chance, {drawn.n_reopened} as back"
    )
    anew = [one if one.planted is None else replace(one, cause=one.planted) for one in drawn.found]
    f1_anew = pairwise_f1(anew, [one.incident for one in anew])
    heads = drawn.n_opened / max(len({one.cause for one in drawn.found if one.planted is not None}), 1)
    share = drawn.n_detected / max(drawn.n_planted, 1)
    return {
        "grouping_f1": Figure(f1, f1, f1, "over pairs", {name: one for name, (one, _) in rivals.items()}),
        "grouping_f1_if_each_return_were_another_cause": Figure(f1_anew, f1_anew, f1_anew, "over pairs", {}),
        "messages_per_cause": Figure(told, told, told, "messages", {name: n for name, (_, n) in rivals.items()}),
        "messages_per_cause_where_a_fault_came_back": Figure(heads, heads, heads, "messages", {}),
        "grouping_causes_found": Figure(share, found_low, found_high, f"of {drawn.n_planted} causes", {}),
    }, about


def pairwise_f1(found: Sequence[Made], groups: Sequence[Any]) -> float:
    """Return the harmonic mean of precision and recall over pairs of findings: grouped together, of one cause."""
    together = Counter(zip([one.cause for one in found], groups, strict=True))
    both, grouped, true = (
        sum(n * (n - 1) // 2 for n in counts.values())
        for counts in (together, Counter(groups), Counter(one.cause for one in found))
    )
    return 2 * both / (grouped + true) if grouped + true else 1.0


def first_of_returns(causes: Sequence[Cause]) -> dict[str, str]:
    """Return by id of a fault the id of the one that it is a return of, or its own.

    A fault of one kind that begins within the time in which an incident reopens after the one before was repaired is
    one cause with it: so the product promises, and nothing in the records tells the two apart.
    """
    first: dict[str, str] = {}
    last: dict[str, Cause] = {}
    for cause in sorted(causes, key=lambda one: one.start):
        before = last.get(cause.kind.name)
        is_return = before is not None and cause.start - before.end <= Context().reopen_within
        first[cause.id] = first[before.id] if before is not None and is_return else cause.id
        last[cause.kind.name] = cause
    return first


def _with_gaps(found: Sequence[Made], key: Callable[[Made], Any]) -> list[Any]:
    """Return the group of each finding by a key, a new one after a quiet time."""
    last: dict[Any, tuple[datetime, int]] = {}
    groups: list[Any] = [None] * len(found)
    for place in sorted(range(len(found)), key=lambda place: found[place].at):
        one = found[place]
        at, number = last.get(key(one), (one.at, 0))
        number += one.at - at > QUIET
        last[key(one)] = (one.at, number)
        groups[place] = (key(one), number)
    return groups


def measure(*, n_pipelines: int, weeks: int, seed: int, jobs: int = 2) -> Weeks:
    """Return what became of the findings of some weeks.

    Args:
        n_pipelines: Of the ten, the first so many.
        weeks: After the days in which detectors learn.
        seed: Of tables and causes.
        jobs: Processes.
    """
    cells = [(number, weeks, seed) for number in range(n_pipelines)]
    total = Weeks()
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for one in pool.map(_run, cells):
            total += one
    return total


def _run(cell: tuple[int, int, int]) -> Weeks:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    number, weeks, seed = cell
    services = [make_service(one, seed) for one in range(N_PIPELINES)]
    causes = plan_causes(services, weeks=weeks, seed=seed)[number]
    return Simulation(services[number], causes, seed).run(LEARNING // DAY + 7 * weeks)


class Simulation:
    """One pipeline, its detectors and its incidents."""

    def __init__(self, service: Service, causes: Sequence[Cause], seed: int) -> None:
        self.service, self.causes, self.seed = service, causes, seed
        self.incidents: dict[str, Incident] = {}
        self.weeks = Weeks(n_planted=len(causes))
        inputs = {stage.name: stage.input for stage in service.pipeline.stages}
        self.upstream = {stage: ancestors(inputs, stage) for stage in inputs}
        self.truth = Truth(service, causes, self.upstream)
        self._first = first_of_returns(causes)
        self._keys: dict[str, Collection[str]] = {}
        self._named: dict[str, list[tuple[Window, Collection[str]]]] = defaultdict(list)
        self._read: deque[Window] = deque(maxlen=72)
        self._judged: dict[Window, int] = {}
        self._seen: set[tuple[Any, ...]] = set()

    def run(self, n_days: int) -> Weeks:
        """Return what became of the findings of all days."""
        watcher = Watcher(self.service)
        for number in range(n_days):
            start = START + number * DAY
            day = simulate_day(self.service, start, self.causes, self.seed)
            self.truth.add(day)
            for looked in watcher.look(day, start, self.causes, lambda: list(self.incidents.values())):
                self._decide_all(watcher, looked)
        return self.weeks

    def _decide_all(self, watcher: Watcher, looked: Looked) -> None:
        """Let every detector decide, in the order of the engine."""
        self._decide([evaluate_attribution(looked.attribution), evaluate_seams(looked.seams)], looked.now)
        for watch in (Watch.LATENCY, Watch.COST, Watch.DRIFT, Watch.INJECTION):
            if watch in looked.watches:
                self._decide([evaluate_watch(looked.watches[watch])], looked.now)
        burning = watcher.budgets.burning(list(self.incidents.values()))
        if burning is not None:
            self._decide([evaluate_watch(burning)], looked.now)

    def _decide(self, evaluations: Sequence[Evaluation], now: datetime) -> None:
        made = []
        for evaluation in evaluations:
            changes = decide(self.incidents.values(), evaluation, now=now, context=self._context(evaluation))
            made += changes
            for change in changes:
                self.incidents[change.incident.id] = change.incident
            self._remember_keys(evaluation)
            self._note(evaluation, now)
        for change in once_an_incident(made):
            self.weeks.n_opened += change.kind is ChangeKind.OPENED
            self.weeks.n_reopened += change.kind is ChangeKind.REOPENED

    def _context(self, evaluation: Evaluation) -> Context:
        """Return the records of each incident as the engine reads them: attribution's of the time looked at."""
        keys, within = dict(self._keys), {}
        span, read = evaluation.window, list[Window]()
        if evaluation.watch in (Watch.LATENCY, Watch.COST, Watch.DRIFT, Watch.INJECTION):
            read = [one for one in self._read if one.start < span.end and one.end > span.start]
            for incident in self.incidents.values() if read else ():
                if incident.watch is None:
                    mine = (named for window, named in self._named[incident.id] if window in read)
                    keys[incident.id] = frozenset[str]().union(*mine)
                    within[incident.id] = Window(start=read[0].start, end=read[-1].end)
        n_judged = {one: sum(self._judged[each] for each in read) for one in set(within.values())}
        return Context(keys=keys, keys_in=within, n_judged_in=n_judged, upstream=self.upstream)

    def _remember_keys(self, evaluation: Evaluation) -> None:
        """Keep the records that the last window of each incident names, as the engine reads them of its store."""
        if evaluation.watch is None:
            self._read.append(evaluation.window)
            self._judged[evaluation.window] = evaluation.n_judged or 0
        for incident in self.incidents.values():
            if incident.watch is not evaluation.watch or incident.last_window != evaluation.window:
                continue
            mine = [
                (finding, keys)
                for finding, keys in _with_keys(evaluation)
                if finding.stage == incident.stage
                and (evaluation.watch is not None or finding.responsibility is incident.responsibility)
            ]
            own = [one for one in mine if not set(one[0].fields).isdisjoint(incident.fields)]
            self._keys[incident.id] = frozenset(key for _, keys in own or mine for key in keys)
            self._named[incident.id].append((evaluation.window, self._keys[incident.id]))

    def _note(self, evaluation: Evaluation, now: datetime) -> None:
        for finding, keys in _with_keys(evaluation):
            place = (evaluation.watch, evaluation.window, finding.stage, finding.kind, finding.fields)
            # A report that is read again is no other finding.
            if not finding.is_change or place in self._seen:
                continue
            self._seen.add(place)
            cause = self.truth.cause_of(finding, evaluation, keys)
            detector = evaluation.watch.value if evaluation.watch else "attribution"
            table = self.service.pipeline.stage(finding.stage).table if finding.stage else None
            name, by_chance = self.service.pipeline.pipeline, f"chance {detector} {finding.stage} {finding.kind}"
            self.weeks.found.append(
                Made(
                    cause=f"{name} {by_chance if cause is None else self._first[cause]}",
                    planted=None if cause is None else f"{name} {cause}",
                    incident=self._incident_of(finding, evaluation),
                    pipeline=name,
                    detector=detector,
                    table=table,
                    check=f"{detector} {finding.stage} {finding.kind} {finding.fields[:1]}",
                    at=now,
                )
            )

    def _incident_of(self, finding: Finding, evaluation: Evaluation) -> str:
        """Return the incident that a finding came to: its own, or the one that has it as evidence."""
        fields = finding.kind_fields or finding.fields
        cause = fingerprint(
            evaluation.pipeline, finding.responsibility, finding.stage, fields, finding.kind, evaluation.watch
        )
        own = [
            one
            for one in self.incidents.values()
            if one.watch is evaluation.watch
            and (one.fingerprint.partition(".")[0] == cause or _may_be_of(one, finding))
        ]
        latency = (Watch.LATENCY, finding.responsibility, finding.stage)

        def is_seen(one: Incident, *, window: Window | None = None) -> bool:
            return any(
                (
                    seen.fingerprint == cause
                    or (evaluation.watch, seen.responsibility, seen.stage)
                    == latency
                    == (seen.watch, seen.responsibility, seen.stage)
                )
                and window in (None, seen.window)
                for seen in one.also_seen
            )

        hosts = [one for one in self.incidents.values() if is_seen(one)]

        def rank(one: Incident) -> Any:
            shows = one.last_window == evaluation.window and one in own
            return shows or is_seen(one, window=evaluation.window), one.is_open, one.opened_at

        return max([*own, *hosts], key=rank).id


def _may_be_of(incident: Incident, finding: Finding) -> bool:
    """Return whether a finding may have come to an incident of its detector whose kind is another one."""
    if incident.watch is Watch.SEAM:
        return incident.stage == finding.stage and not set(incident.fields).isdisjoint(finding.fields)
    is_there = (incident.responsibility, incident.stage) == (finding.responsibility, finding.stage)
    if incident.watch is None:
        fields = finding.kind_fields or finding.fields
        return is_there and bool(fields) and incident.fields[:1] == fields[:1]
    if incident.watch is Watch.COST:
        return is_there and incident.kind == finding.kind and not (incident.fields and finding.fields)
    return is_there and incident.watch is Watch.LATENCY


def _with_keys(evaluation: Evaluation) -> Iterator[tuple[Finding, Collection[str]]]:
    for number, finding in enumerate(evaluation.findings):
        yield finding, (evaluation.keys[number] if evaluation.keys else ()) or finding.keys


class Truth:
    """Which planted cause a finding is of."""

    def __init__(self, service: Service, causes: Sequence[Cause], upstream: Any) -> None:
        self.service, self.upstream = service, upstream
        self.causes = {one.id: one for one in causes}
        self.touched: dict[str, list[str]] = {}
        self._amounts: dict[str, list[tuple[pd.Timestamp, float]]] = defaultdict(list)
        self._times: dict[str, list[pd.Timestamp]] = defaultdict(list)

    def add(self, day: Day) -> None:
        """Take in which causes touched the records of a day."""
        at = {str(key): moment for key, moment in day.at.items()}
        self.touched |= day.touched
        for key, names in day.touched.items():
            for name in names:
                self._times[name].append(at[key])
        for name, amounts in day.added.items():
            self._amounts[name] += [(at[key], amount) for key, amount in amounts.items()]

    def cause_of(self, finding: Finding, evaluation: Evaluation, keys: Collection[str]) -> str | None:
        """Return the id of the cause; None where no planted one made it."""
        watch, end = evaluation.watch, evaluation.window.end
        start = min(finding.onset or evaluation.window.start, evaluation.window.start)
        if watch in (Watch.LATENCY, Watch.COST):
            return self._most_added("seconds" if watch is Watch.LATENCY else "usd", start, end)
        if watch is Watch.BUDGET:
            start = (finding.onset or end) - _LOOKED_BACK
            if finding.kind is not None and finding.kind.startswith("latency"):
                return self._most_added("seconds", start, end)
            return self._most_touching("outcome", start, end)
        if watch is Watch.INJECTION:
            return self._most_touching("attack", start, end)
        if watch is Watch.DRIFT:
            places = {finding.stage, *self.upstream.get(finding.stage or "", ())}
            return self._most_touching("payload", finding.onset or start, end, places=places)
        if watch is Watch.SEAM:
            start = evaluation.window.start
            return self._most_touching("payload", start, end, places={finding.stage}, fields=finding.fields)
        return self._best_agreeing(keys, evaluation.window)

    def _best_agreeing(self, keys: Collection[str], window: Window) -> str | None:
        """Return the cause whose records of a window are best those that a finding names: the share of both in either.

        Of two causes at one time the wider one touches most records of every finding, those of the other among them.
        """
        named = Counter(
            name for key in keys for name in self.touched.get(key, ()) if "outcome" in self.causes[name].kind.effects
        )
        n_touched = {
            name: sum(window.start <= at < window.end for at in self._times[name])
            for name, n in named.items()
            if n >= _NAMED * len(keys)
        }
        return max(n_touched, key=lambda name: named[name] / (len(keys) + n_touched[name] - named[name]), default=None)

    def _most_added(self, effect: str, start: datetime, end: datetime) -> str | None:
        sums = {
            name: sum(amount for at, amount in amounts if start <= at < end)
            for name, amounts in self._amounts.items()
            if effect in self.causes[name].kind.effects
        }
        return _largest(sums)

    def _most_touching(
        self,
        effect: str,
        start: datetime,
        end: datetime,
        *,
        places: Collection[str | None] | None = None,
        fields: Collection[str] | None = None,
    ) -> str | None:
        sums = {}
        for name, times in self._times.items():
            kind = self.causes[name].kind
            if effect not in kind.effects or (places is not None and self._stage(kind.stage) not in places):
                continue
            if fields is not None and kind.stage != "prompt" and not set(fields) & set(kind.fields):
                continue
            sums[name] = float(sum(start <= at < end for at in times))
        return _largest(sums)

    def _stage(self, stage: str) -> str:
        return {"last": self.service.last, "source": "tickets"}.get(stage, stage)


def _largest(sums: dict[str, float]) -> str | None:
    name = max(sums, key=lambda one: sums[one], default=None)
    return name if name is not None and sums[name] > 0 else None
