"""Months of pipelines in a real store, made at random by a seed: what a weekly review has to count.

Rows are written as the store writes them, but in bulk by the driver alone: whole years take seconds.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from file_notifier import FileNotifier
from incident_lives import life
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.detection.sketch import Sketch
from seamwatch.core.freshness_results import AnswerSli, FreshnessCheck
from seamwatch.core.review.spans import ReviewDraw
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.spec.load import load_project
from seamwatch.store.codec import to_json
from seamwatch.store.repo import Store
from seamwatch.vocabulary import FreshnessReason

ZONE = "Europe/Berlin"
SETTINGS = f"store: {{keep: 1200d}}\nweekly_review: {{time_zone: {ZONE}, verdicts: 0}}\n"
COST_KEPT = timedelta(days=70)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FILE = """\
pipeline: NAME
description: Answers questions.
database: dw
key: id
owners: {reliability: "@U0RELIABLE", model: "@U0MODEL", integration: "@U0PLATFORM"}
stages:
  - {name: questions, kind: source, table: questions, time: asked_at}
  - {name: lookup, kind: retrieval, table: context, time: served_at, knowledge_base: policies, documents: documents}
  - {name: prompt, kind: prompt, table: calls, time: called_at, input: [questions, lookup], request: request}
  - {name: llm, kind: model, table: calls, time: called_at, request: request, response: response, status: status,
     endpoint: llm/v1/chat/completions}
  - {name: reply, kind: sink, table: replies, time: sent_at}
outcome: {truth: answers, compare: {answer: answer}}
knowledge_bases:
  policies:
    source: {kind: git, connection: policy_repo, include: "*.md"}
    index: {kind: sql, table: chunks, document: document, content_hash: content_hash, indexed_at: indexed_at}
monitoring: {latency: false, drift: false, injection: false}
review: {per_week: 20}
slos:
"""


@dataclass(frozen=True, kw_only=True)
class PlannedObjective:
    """An objective, for its line in the file and for whoever counts it again."""

    name: str
    kind: str
    goal: float | None = None
    over_days: int | None = None
    bound: float | None = None
    """USD of a day or month."""
    period: str | None = None

    @property
    def line(self) -> str:
        if self.kind == "cost":
            return f"  - {{kind: cost, name: {self.name}, per_{self.period}_usd: {self.bound}, time_zone: {ZONE}}}\n"
        bound = ", p95: 5s" if self.kind == "latency" else f", goal: {self.goal}"
        return f"  - {{kind: {self.kind}, name: {self.name}, over: {self.over_days}d{bound}}}\n"


ANSWERS_RIGHT = PlannedObjective(name="accuracy", kind="accuracy", goal=0.93, over_days=28)
RIGHT_AT_ALL = replace(ANSWERS_RIGHT, name="right_answers", goal=0.95, over_days=7)
ARRIVES = PlannedObjective(name="arrives", kind="availability", goal=0.98, over_days=28)
FAST = PlannedObjective(name="fast", kind="latency", goal=0.95, over_days=14)
MONTHLY = PlannedObjective(name="a_month", kind="cost", bound=900.0, period="month")
DAILY = PlannedObjective(name="a_day", kind="cost", bound=25.0, period="day")
KINDS = (
    (ANSWERS_RIGHT, ARRIVES, FAST, MONTHLY),
    (RIGHT_AT_ALL, ARRIVES, FAST, DAILY),
    (ANSWERS_RIGHT, FAST, MONTHLY),
    (FAST, MONTHLY),
)
"""Of one pipeline after the other; the last ones count no answers, so that their windows do."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What was made."""

    root: Path
    now: datetime
    objectives: dict[str, tuple[PlannedObjective, ...]]
    """By pipeline that has a file."""

    @property
    def database(self) -> Path:
        return self.root / "store.db"

    def deps(self) -> Deps:
        """Return dependencies on the project and its store, which the caller closes."""
        return Deps(
            project=load_project(self.root),
            connections=EnvironmentConnections({}),
            store=Store.open(f"sqlite:///{self.database}"),
            data_dir=self.root / "data",
            ui_url="http://127.0.0.1:8080",
            clock=lambda: self.now,
            notifier=lambda _: FileNotifier(self.root / "messages.jsonl"),
        )


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much there is."""

    n_pipelines: int
    n_weeks: int
    every: timedelta = timedelta(minutes=15)
    """Of the sums of objectives."""
    answers_an_hour: float = 20.0
    incidents_a_week: float = 2.5
    n_removed: int = 0
    """Pipelines that have no file any more."""


def write_history(
    root: Path, scale: Scale, *, now: datetime, seed: int, without_traffic: ReviewWeek | None = None
) -> History:
    """Write project files and a store with the weeks before a moment, and return what they are.

    Args:
        root: Of the project; empty.
        scale: How much.
        now: The end of the history.
        seed: The same one makes the same rows.
        without_traffic: A week in which no record comes.
    """
    names = [f"desk_{number:02d}" for number in range(scale.n_pipelines)]
    objectives = {name: KINDS[number % len(KINDS)] for number, name in enumerate(names)}
    _write_files(root, objectives)
    Store.open(f"sqlite:///{root / 'store.db'}", migrate_first=True).close()
    quiet = None if without_traffic is None else without_traffic.window
    since = now - scale.n_weeks * 7 * DAY
    removed = [f"gone_{number}" for number in range(scale.n_removed)]
    connection = sqlite3.connect(root / "store.db", isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for number, name in enumerate([*names, *removed]):
        rng, chance = np.random.default_rng((seed, number)), random.Random(f"{seed}/{name}")
        writer = _Writer(connection, name, since, now, rng, chance)
        incidents = writer.incidents(scale)
        writer.gate()
        if name in objectives:
            grid = pd.date_range(_floor(since, scale.every), now, freq=scale.every, inclusive="left")
            if quiet is not None:
                grid = grid[(grid < quiet.start) | (grid >= quiet.end)]
            for objective in objectives[name]:
                writer.objective(objective, grid, scale, incidents)
            writer.cost_hours(quiet and (quiet.start, quiet.end))
            writer.windows(quiet and (quiet.start, quiet.end))
            writer.checks()
            writer.labels()
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()
    return History(root=root, now=now, objectives=objectives)


def _write_files(root: Path, objectives: dict[str, tuple[PlannedObjective, ...]]) -> None:
    for folder in ("include/pipelines", "include/mappings", "expectations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "include/settings.yaml").write_text(SETTINGS)
    for name, some in objectives.items():
        text = FILE.replace("NAME", name) + "".join(one.line for one in some)
        (root / f"include/pipelines/{name}.yaml").write_text(text)


class _Writer:
    """Writes the rows of one pipeline."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        since: datetime,
        now: datetime,
        rng: np.random.Generator,
        chance: random.Random,
    ) -> None:
        self.connection, self.name, self.since, self.now, self.rng, self.chance = (
            connection,
            name,
            since,
            now,
            rng,
            chance,
        )

    def insert(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        places = ", ".join("?" * len(columns.split(",")))
        self.connection.executemany(f"INSERT INTO seamwatch_{table} ({columns}) VALUES ({places})", rows)

    def moment(self) -> datetime:
        """Return a moment of the history, to the second."""
        return self.since + timedelta(seconds=self.chance.randrange(int((self.now - self.since).total_seconds())))

    def objective(
        self, objective: PlannedObjective, grid: pd.DatetimeIndex, scale: Scale, incidents: Sequence[tuple[str, Any]]
    ) -> None:
        """Write the sums of an objective, and a debit for each bad event."""
        n = len(grid)
        total = self.rng.poisson(scale.answers_an_hour * (scale.every / HOUR) * _by_hour(grid), n)
        judged = self.rng.binomial(total, 0.8) if objective.kind == "accuracy" else total
        bad = self.rng.binomial(judged, 0.0 if objective.kind == "cost" else 0.03)
        usd = total * self.rng.gamma(4.0, 0.01, n)
        kept = np.flatnonzero(total)
        starts = grid.strftime("%Y-%m-%d %H:%M:%S.000000").to_numpy()
        columns = (part[kept].astype(float).tolist() for part in (total, judged, bad, usd))
        place = (self.name, objective.name)
        self.insert(
            "slo_buckets",
            "pipeline, objective, start_at, total, judged, bad, usd",
            ((*place, *row) for row in zip(starts[kept].tolist(), *columns, strict=True)),
        )
        kind = {"accuracy": "wrong_answer", "latency": "slow_answer"}.get(objective.kind, "unavailable")
        where = np.repeat(np.flatnonzero(bad), bad[bad > 0])
        seconds = self.rng.integers(0, int(scale.every.total_seconds()), len(where)).tolist()
        begins = grid[where].to_pydatetime()
        self.insert(
            "debits",
            "pipeline, objective, kind, record, at, told_at, amount, incident",
            (
                (*place, kind, f"q-{n}", text(at), text(at), 1.0, self._incident_at(at, incidents))
                for n, (begin, second) in enumerate(zip(begins, seconds, strict=True))
                for at in (begin + timedelta(seconds=second),)
            ),
        )

    def _incident_at(self, at: datetime, incidents: Sequence[tuple[str, Any]]) -> str | None:
        """Return an incident that may have done it, for one in three."""
        if not incidents or self.chance.random() > 1 / 3:
            return None
        place = int((at - self.since) / (self.now - self.since) * len(incidents))
        return incidents[min(place, len(incidents) - 1)][0]

    def incidents(self, scale: Scale) -> list[tuple[str, Any]]:
        """Write incidents with what happened to them, their runbooks and the rulings on them; returns their ids."""
        made = []
        for _ in range(self.rng.poisson(scale.incidents_a_week * scale.n_weeks)):
            made.append(self.moment())
        lives = [
            life(self.name, number, opened_at, self.chance, self.now) for number, opened_at in enumerate(sorted(made))
        ]
        self.insert(
            "incidents",
            "id, pipeline, fingerprint, state, opened_at, incident",
            (
                (one.id, self.name, one.fingerprint, one.state.value, text(one.opened_at), _json(one))
                for one in (each.incident for each in lives)
            ),
        )
        self.insert(
            "incident_events",
            'incident_id, kind, "window", by, at, door, why, verdict',
            (
                (
                    event.incident_id,
                    event.kind,
                    event.window,
                    event.by,
                    text(event.at),
                    None if event.door is None else event.door.value,
                    event.why,
                    None if event.verdict is None else _json(event.verdict),
                )
                for each in lives
                for event in each.events
            ),
        )
        self.insert(
            "runbook_steps",
            "incident_id, run, name, step",
            ((one.incident_id, one.run, one.name, _json(one)) for each in lives for one in each.steps),
        )
        self.insert(
            "actions",
            "id, incident_id, pipeline, target, state, proposed_at, action",
            (
                (one.id, one.incident_id, self.name, None, one.state.value, text(one.proposed_at), _json(one))
                for each in lives
                for one in each.actions
            ),
        )
        self.insert(
            "rulings",
            "pipeline, incident, is_void, reason, by, at",
            (
                (self.name, each.incident.id, is_void, "not ours", "@ann", text(at))
                for each in lives
                for is_void, at in each.rulings
            ),
        )
        return [(one.incident.id, one.incident.opened_at) for one in lives]

    def gate(self) -> None:
        """Write what releases were told, and overrides."""
        n_weeks = (self.now - self.since) // (7 * DAY)
        self.insert(
            "gate_answers",
            'pipeline, at, is_allowed, state, reason, "release"',
            (
                (self.name, text(self.moment()), allowed, "ok" if allowed else "frozen", "budget", None)
                for _ in range(3 * n_weeks)
                for allowed in (self.chance.random() < 0.8,)
            ),
        )
        self.insert(
            "overrides",
            'pipeline, objective, reason, by, at, "until"',
            (
                (self.name, None, "urgent", "@ann", text(at), text(at + 6 * HOUR))
                for _ in range(n_weeks // 4)
                for at in (self.moment(),)
            ),
        )

    def cost_hours(self, quiet: tuple[datetime, datetime] | None) -> None:
        """Write what the calls of each hour cost, as long as that is kept."""
        sketches = [Sketch.of(self.rng.gamma(4.0, 0.01, 20)) for _ in range(10)]
        since = max(self.since, self.now - COST_KEPT)
        hours = pd.date_range(_floor(since, HOUR) + HOUR, self.now, freq="h", inclusive="left").to_pydatetime()
        self.insert(
            "aggregates",
            "pipeline, watch, series, start_at, data",
            (
                (self.name, "cost", "hour", text(hour), json.dumps(self._hour(hour, self.chance.choice(sketches))))
                for hour in hours
                if quiet is None or not quiet[0] <= hour < quiet[1]
            ),
        )

    def _hour(self, hour: datetime, per_record: Sketch) -> dict[str, Any]:
        n = float(self.rng.poisson(20))
        amounts = [self.rng.gamma(4.0, 0.3, 8).round(6) * n for _ in range(2)]
        return HourSums(
            start=hour,
            records=n,
            cells={("llm", model, 0): values for model, values in zip(("large", "small"), amounts, strict=True)},
            unpriced={"small": 1.0} if self.chance.random() < 0.1 else {},
            per_record=per_record,
            sources={"questions.area": {"north": (n, float(amounts[0][4:].sum()))}},
        ).to_data()

    def windows(self, quiet: tuple[datetime, datetime] | None) -> None:
        """Write a window a day, some not judged."""
        days = [one for one in _days(self.since, self.now) if quiet is None or not quiet[0] <= one < quiet[1]]
        self.insert(
            "windows",
            'pipeline, "window", start_at, end_at, begun_at, n_judged, n_failing, n_pending',
            (
                (self.name, f"{day:%Y%m%dT%H%M%SZ}", text(day), text(day + DAY), text(day + DAY), *self._judged())
                for day in days
            ),
        )

    def _judged(self) -> tuple[int | None, int | None, int | None]:
        if self.chance.random() < 0.1:
            return None, None, None
        judged = self.chance.randrange(300, 500)
        return judged, self.chance.randrange(30), self.chance.randrange(40)

    def checks(self) -> None:
        """Write two checks of the knowledge base a day; now and then none for weeks."""
        rows = []
        for day in _days(self.since, self.now):
            if day.isocalendar().week % 9 == 4:
                continue
            for hour in (6, 18):
                if (at := day + timedelta(hours=hour)) < self.now:
                    rows.append((self.name, "policies", text(at), True, _json(self._check(at))))
        self.insert("freshness_checks", "pipeline, knowledge_base, checked_at, is_full, result", rows)

    def _check(self, at: datetime) -> FreshnessCheck:
        with_ids = self.chance.randrange(100)
        return FreshnessCheck(
            pipeline=self.name,
            knowledge_base="policies",
            stage="lookup",
            checked_at=at,
            is_full=True,
            n_source=self.chance.randrange(20, 30),
            n_indexed=25,
            n_changed=3,
            by_reason={FreshnessReason.STALE: self.chance.randrange(3), FreshnessReason.GHOST: 0},
            answers=AnswerSli(n_answers=100, n_with_ids=with_ids, n_affected=with_ids // 9, n_unknown=with_ids // 20),
        )

    def labels(self) -> None:
        """Write what people judged, and draws that it came of."""
        rows = []
        for number in range(10 * ((self.now - self.since) // (7 * DAY))):
            at, by = self.moment(), self.chance.choice(["ann", "bob", "cem"])
            taken_back = text(at + HOUR) if self.chance.random() < 0.1 else None
            kind = self.chance.choice(["right", "wrong", "cannot_tell"])
            record = (self.name, f"r-{number}", text(at - DAY))
            rows.append((*record, kind, "0" * 64, "", by, "slack", text(at), taken_back))
        self.insert(
            "labels", "pipeline, record, record_at, kind, answer, note, labelled_by, door, at, withdrawn_at", rows
        )
        draws = [
            ReviewDraw(
                pipeline=self.name,
                start=day - 7 * DAY,
                end=day,
                drawn_at=day + HOUR,
                n_drawn=self.chance.randrange(15, 20),
                predictor="",
                answers=(),
            )
            for day in list(_days(self.since, self.now))[7::7]
        ]
        self.insert(
            "review_draws",
            "pipeline, start_at, end_at, draw",
            ((self.name, text(one.start), text(one.end), _json(one)) for one in draws),
        )


def text(at: datetime) -> str:
    """Return a moment as the store keeps it in SQLite."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _json(value: Any) -> str:
    return json.dumps(to_json(value))


def _days(since: datetime, now: datetime) -> Iterator[datetime]:
    day = _floor(since, DAY) + DAY
    while day < now:
        yield day
        day += DAY


def _floor(at: datetime, span: timedelta) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % span


def _by_hour(grid: pd.DatetimeIndex) -> np.ndarray[Any, Any]:
    """Return how much more than usual comes at these hours."""
    return 1.0 + 0.8 * np.sin((grid.hour.to_numpy() - 6) / 12 * np.pi)
