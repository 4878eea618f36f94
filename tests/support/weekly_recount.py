"""The numbers of a weekly review, counted again: by SQL in the store's file alone, with no code of the product.

The names are those of `core.weekly_review.figures`. What stands in `NOT_RECOUNTED` has no plain sum behind it.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

NOT_RECOUNTED = {
    "quality/low": "an interval of statistics; tests/unit check it against worked numbers",
    "quality/high": "the same",
    "cost/forecast_usd": "a projection by the usual hours; benchmarks measure how good it is",
    "cost/forecast_low_usd": "the same",
    "cost/forecast_high_usd": "the same",
    "labels/alpha": "Krippendorff's formula; tests/unit check it against worked numbers",
    "labels/alpha_low": "the same",
    "labels/alpha_high": "the same",
    "labels/judge_sensitivity": "an estimate over labels and predictions together",
    "labels/judge_specificity": "the same",
    "labels/n_judge_labels": "the same",
}
"""Figures of a pipeline that are not counted again, and why."""

_OPENS, _ENDS = "('opened', 'reopened', 'split')", "('resolved', 'merged', 'voided')"
# SQLite rounds to milliseconds, so that the last of a second would be the next one.
_SECONDS = "(strftime('%s', substr({0}, 1, 19)) + CAST('0' || substr({0}, 20) AS REAL))"
_INCIDENTS = f"""
CREATE TEMP TABLE event AS
SELECT e.incident_id AS incident, e.id AS place, e.kind, e.at, e.by,
       json_extract(e.verdict, '$.responsibility') AS whose, json_extract(e.verdict, '$.severity') AS severity
FROM seamwatch_incident_events e JOIN seamwatch_incidents i ON i.id = e.incident_id
WHERE e.at < :end AND i.opened_at < :end
UNION ALL
SELECT i.id, 0, 'opened', i.opened_at, NULL, NULL, NULL
FROM seamwatch_incidents i
WHERE i.opened_at < :end AND NOT EXISTS (
  SELECT 1 FROM seamwatch_incident_events e WHERE e.incident_id = i.id AND e.kind = 'opened' AND e.at < :end);
CREATE INDEX temp.by_incident ON event (incident, place);

CREATE TEMP TABLE past AS
WITH lasts AS (
  SELECT incident,
    MAX(CASE WHEN kind IN {_OPENS} THEN place END) AS last_open,
    MAX(CASE WHEN kind IN {_ENDS} THEN place END) AS last_end,
    MAX(CASE WHEN kind = 'voided' THEN place END) AS last_void,
    MAX(CASE WHEN whose IS NOT NULL THEN place END) AS last_verdict,
    MAX(kind = 'opened' AND at >= :start) AS is_opened,
    MAX(kind = 'reopened' AND at >= :start) AS is_reopened,
    MAX(kind = 'resolved' AND at >= :start) AS is_resolved
  FROM event GROUP BY incident)
SELECT l.incident, i.pipeline, is_opened, is_reopened, is_resolved,
  COALESCE(last_void > last_open, 0) AS is_void,
  COALESCE(last_end < last_open, 1) AS is_open,
  COALESCE(last_void > last_open, 0) = 0
    AND NOT (COALESCE(last_end > last_open, 0) AND ended.kind = 'merged') AS is_counted,
  COALESCE(verdict.whose, json_extract(i.incident, '$.responsibility')) AS whose,
  COALESCE(CASE WHEN verdict.whose IS NULL THEN json_extract(i.incident, '$.severity') ELSE verdict.severity END,
           'unrated') AS severity,
  CASE
    WHEN json_extract(i.incident, '$.watch') = 'budget'
      AND json_extract(i.incident, '$.kind') IN (SELECT name FROM accuracy a WHERE a.pipeline = i.pipeline) THEN 1
    WHEN json_extract(i.incident, '$.has_wrong_answers') IS NOT NULL
      THEN json_extract(i.incident, '$.has_wrong_answers')
    WHEN json_extract(i.incident, '$.watch') IS NULL
      AND json_extract(i.incident, '$.responsibility') <> 'knowledge_base' THEN 1
    ELSE EXISTS (
      SELECT 1 FROM json_each(i.incident, '$.also_seen') seen
      WHERE json_extract(seen.value, '$.watch') IS NULL
        AND json_extract(seen.value, '$.responsibility') <> 'knowledge_base')
  END AS looked_like_ai
FROM lasts l JOIN seamwatch_incidents i ON i.id = l.incident
LEFT JOIN event ended ON ended.incident = l.incident AND ended.place = last_end
LEFT JOIN event verdict ON verdict.incident = l.incident AND verdict.place = last_verdict;

CREATE TEMP TABLE passage AS
WITH
before AS (
  SELECT *,
    MAX(CASE WHEN kind IN {_OPENS} THEN place END) OVER earlier AS open_before,
    MAX(CASE WHEN kind IN {_ENDS} THEN place END) OVER earlier AS end_before
  FROM event
  WINDOW earlier AS (PARTITION BY incident ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
segment AS (
  SELECT *, COALESCE(end_before > open_before, 0) AS is_over,
    MAX(CASE WHEN kind IN {_OPENS} AND (open_before IS NULL OR end_before > open_before) THEN place END)
      OVER (PARTITION BY incident ORDER BY place) AS begun
  FROM before),
steps AS (
  SELECT *, CASE WHEN kind = 'acknowledged' THEN 'acknowledge' ELSE 'mitigate' END AS phase FROM segment
  WHERE NOT is_over AND ((kind = 'acknowledged' AND by IS NOT NULL) OR kind IN ('mitigated', 'action_done'))),
first_steps AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY incident, open_before, phase ORDER BY place) AS nth FROM steps),
opening AS (
  SELECT incident, at, whose FROM event o
  WHERE place = (SELECT MIN(place) FROM event f WHERE f.incident = o.incident AND f.kind = 'opened')),
named AS (
  SELECT incident, at FROM event n
  WHERE place = (SELECT MIN(place) FROM event f WHERE f.incident = n.incident AND f.whose <> 'undetermined'))
SELECT s.incident, s.phase, s.at, o.at AS since, 0 AS is_positive
FROM first_steps s JOIN event o ON o.incident = s.incident AND o.place = s.open_before WHERE nth = 1
UNION ALL
SELECT s.incident, 'resolve', s.at, b.at, 0
FROM segment s JOIN event b ON b.incident = s.incident AND b.place = s.begun
WHERE s.kind = 'resolved' AND NOT s.is_over
UNION ALL
SELECT o.incident, 'detect', o.at,
  replace(replace(json_extract(i.incident, '$.onset'), 'T', ' '), 'Z', ''), 1
FROM opening o JOIN seamwatch_incidents i ON i.id = o.incident
UNION ALL
SELECT o.incident, 'attribute', CASE WHEN o.whose IS NULL THEN o.at ELSE n.at END,
  CASE WHEN o.whose IS NOT NULL THEN o.at END, 0
FROM opening o JOIN seamwatch_incidents i ON i.id = o.incident LEFT JOIN named n ON n.incident = o.incident
WHERE n.at IS NOT NULL
  OR (o.whose IS NULL AND json_extract(i.incident, '$.responsibility') <> 'undetermined');
"""
_TIMES = f"""
WITH spans AS (
  SELECT p.phase, past.pipeline,
    {_SECONDS.format("p.at")} - {_SECONDS.format("p.since")} AS seconds, p.is_positive
  FROM passage p JOIN past USING (incident)
  WHERE past.is_counted AND p.at >= :start AND p.at < :end AND (:pipeline IS NULL OR past.pipeline = :pipeline)),
known AS (
  SELECT phase, CASE WHEN seconds > 0 OR (seconds = 0 AND NOT is_positive) THEN seconds END AS seconds FROM spans),
ranked AS (
  SELECT phase, seconds, COUNT(seconds) OVER (PARTITION BY phase) AS n,
    ROW_NUMBER() OVER (PARTITION BY phase ORDER BY seconds IS NULL, seconds) AS place FROM known)
SELECT phase, MAX(n), AVG(CASE WHEN place IN ((n + 1) / 2, (n + 2) / 2) THEN seconds END), MAX(seconds),
  COUNT(*) - MAX(n)
FROM ranked GROUP BY phase
"""
_COUNTS = """
SELECT
  SUM(is_counted AND is_opened) AS n_opened, SUM(is_counted AND is_reopened) AS n_reopened,
  SUM(is_counted AND is_resolved) AS n_resolved, SUM(is_counted AND is_open) AS n_open_at_end,
  SUM(is_opened AND is_void) AS n_void,
  SUM(is_new AND looked_like_ai) AS n_looked_like_ai,
  SUM(is_new AND looked_like_ai AND whose NOT IN ('model', 'undetermined')) AS n_not_ai,
  SUM(is_new AND looked_like_ai AND whose = 'model') AS n_ai,
  SUM(is_new AND looked_like_ai AND whose = 'undetermined') AS n_ai_unknown
FROM (SELECT *, is_counted AND (is_opened OR is_reopened) AS is_new FROM past
      WHERE :pipeline IS NULL OR pipeline = :pipeline)
"""
_TABLES = {
    "by_responsibility": "whose",
    "by_severity": "severity",
    "not_ai": "CASE WHEN looked_like_ai AND whose NOT IN ('model', 'undetermined') THEN whose END",
}
_RUNBOOKS = """
WITH step AS (
  SELECT s.incident_id, s.run FROM seamwatch_runbook_steps s JOIN seamwatch_incidents i ON i.id = s.incident_id
  WHERE datetime(json_extract(s.step, '$.began_at')) >= datetime(:start)
    AND datetime(json_extract(s.step, '$.began_at')) < datetime(:end)
    AND (:pipeline IS NULL OR i.pipeline = :pipeline)),
action AS (SELECT * FROM seamwatch_actions WHERE :pipeline IS NULL OR pipeline = :pipeline)
SELECT (SELECT COUNT(*) FROM (SELECT DISTINCT incident_id, run FROM step)) AS n_runs,
  (SELECT COUNT(*) FROM step) AS n_steps,
  (SELECT COUNT(*) FROM action WHERE proposed_at >= :start AND proposed_at < :end) AS n_actions,
  (SELECT COUNT(DISTINCT action.id) FROM action JOIN seamwatch_incident_events e USING (incident_id)
   WHERE e.kind = 'action_helped' AND e.at >= :start AND e.at < :end AND e.at >= proposed_at
     AND substr(e.why, 1, instr(e.why || ':', ':') - 1) = json_extract(action.action, '$.name')) AS n_helped
"""
_GATE = """
SELECT COUNT(*) AS n_asked, COALESCE(SUM(NOT is_allowed), 0) AS n_held FROM seamwatch_gate_answers
WHERE at >= :start AND at < :end AND (:pipeline IS NULL OR pipeline = :pipeline)
"""
_EVENTS = """
SELECT COALESCE(SUM(total), 0) AS total, COALESCE(SUM(judged), 0) AS judged, COALESCE(SUM(bad), 0) AS bad,
  COALESCE(SUM(usd), 0) AS usd
FROM seamwatch_slo_buckets
WHERE pipeline = :pipeline AND objective = :objective AND start_at >= :start AND start_at < :end
"""
_REFUNDED = """
WITH ruling AS (
  SELECT incident, is_void, ROW_NUMBER() OVER (PARTITION BY incident ORDER BY at DESC, id DESC) AS nth
  FROM seamwatch_rulings WHERE pipeline = :pipeline)
SELECT COALESCE(SUM(amount), 0) FROM seamwatch_debits d
JOIN ruling r ON r.incident = d.incident AND r.nth = 1 AND r.is_void
WHERE d.pipeline = :pipeline AND d.objective = :objective AND d.at >= :start AND d.at < :end
"""
_WINDOWS = """
SELECT COALESCE(SUM(n_judged + COALESCE(n_pending, 0)), 0) AS total, COALESCE(SUM(n_judged), 0) AS judged,
  COALESCE(SUM(n_failing), 0) AS bad
FROM seamwatch_windows
WHERE pipeline = :pipeline AND start_at >= :start AND start_at < :end AND n_judged IS NOT NULL
"""
_COST = """
SELECT
  SUM((SELECT SUM(json_extract(value, '$[7]') + json_extract(value, '$[8]') + json_extract(value, '$[9]')
     + json_extract(value, '$[10]')) FROM json_each(data, '$.cells'))) AS usd,
  SUM((SELECT SUM(json_extract(value, '$[3]')) FROM json_each(data, '$.cells'))) AS n_calls,
  SUM(json_extract(data, '$.records')) AS n_records,
  SUM((SELECT COALESCE(SUM(value), 0) FROM json_each(data, '$.unpriced'))) AS n_unpriced,
  COUNT(*) AS n_hours
FROM seamwatch_aggregates
WHERE pipeline = :pipeline AND watch = 'cost' AND series = 'hour' AND start_at >= :start AND start_at < :end
"""
_CHECKS = """
SELECT COUNT(*), result, MAX(checked_at) FROM seamwatch_freshness_checks  -- of the last one, as MAX is asked for
WHERE pipeline = :pipeline AND knowledge_base = 'policies' AND checked_at >= :start AND checked_at < :end
"""
_FRESH = """
SELECT json_extract(:result, '$.n_source') AS n_documents,
  1.0 - (json_extract(:result, '$.answers.n_affected') + json_extract(:result, '$.answers.n_unknown'))
    / CAST(NULLIF(json_extract(:result, '$.answers.n_with_ids'), 0) AS REAL) AS share_fresh
"""
_LABELS = """
SELECT COUNT(*) AS n_given, COUNT(DISTINCT labelled_by) AS n_people,
  (SELECT COALESCE(SUM(json_extract(draw, '$.n_drawn')), 0) FROM seamwatch_review_draws
   WHERE pipeline = :pipeline AND datetime(json_extract(draw, '$.drawn_at')) >= datetime(:start)
     AND datetime(json_extract(draw, '$.drawn_at')) < datetime(:end)) AS n_drawn
FROM seamwatch_labels WHERE pipeline = :pipeline AND at >= :start AND at < :end AND withdrawn_at IS NULL
"""
_TOUCHED = """
SELECT DISTINCT pipeline FROM seamwatch_incidents i
WHERE opened_at < :end AND (
  state IN ('open', 'acknowledged', 'muted', 'mitigated')
  OR EXISTS (SELECT 1 FROM seamwatch_incident_events e WHERE e.incident_id = i.id AND e.at >= :since))
"""


class Objective(Protocol):
    """What must be known of an objective to count it again."""

    name: str
    kind: str
    goal: float | None
    over_days: int | None
    bound: float | None
    period: str | None


Figures = dict[str, float | None]


def recount(
    database: Path, objectives: Mapping[str, Sequence[Objective]], *, week: str, zone: str, cost_since: datetime
) -> Figures:
    """Return the numbers of the review of a week that is over.

    Args:
        database: The store's file.
        objectives: By pipeline that has a file.
        week: As `2026-W45`.
        zone: In which it begins.
        cost_since: Months that began before are not known whole.
    """
    monday = date.fromisocalendar(int(week[:4]), int(week[6:]), 1)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        found = _Recount(connection, objectives, monday, ZoneInfo(zone), cost_since).figures()
    connection.close()
    return found


def differences(told: Figures, recounted: Figures) -> list[str]:
    """Return in words each figure that another count gives another number, or that only one of both has."""
    names = sorted({*told, *recounted} - set(not_recounted(told)))
    return [
        f"{name}: {told.get(name, 'absent')}, recounted {recounted.get(name, 'absent')}"
        for name in names
        if name not in told or name not in recounted or not _same(told[name], recounted[name])
    ]


def not_recounted(told: Figures) -> list[str]:
    """Return the names of those figures that are not counted again."""
    return [name for name in told if name.split("/", 1)[1] in NOT_RECOUNTED]


def _same(told: float | None, recounted: float | None) -> bool:
    if told is None or recounted is None:
        return told is recounted
    # Moments as one number have a millionth of a second left of their last digits.
    return math.isclose(told, recounted, rel_tol=1e-9, abs_tol=2e-6)


class _Recount:
    """Counts one week."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        objectives: Mapping[str, Sequence[Objective]],
        monday: date,
        zone: ZoneInfo,
        cost_since: datetime,
    ) -> None:
        self.connection, self.objectives, self.zone, self.cost_since = connection, objectives, zone, cost_since
        self.start, self.end = (_midnight(monday + timedelta(days=n), zone) for n in (0, 7))
        self.since = _midnight(monday - timedelta(weeks=4), zone)
        self.days = [monday + timedelta(days=n) for n in range(7)]
        connection.execute("CREATE TEMP TABLE accuracy (pipeline TEXT, name TEXT)")
        names = [(pipeline, one.name) for pipeline in objectives for one in objectives[pipeline] if _is_accuracy(one)]
        gone = [(name, "accuracy") for name in self._touched() if name not in objectives]
        connection.executemany("INSERT INTO accuracy VALUES (?, ?)", names + gone)
        for statement in _INCIDENTS.split(";\n"):
            if statement.strip():
                connection.execute(statement, self._at())

    def figures(self) -> Figures:
        """Return all of them."""
        found: Figures = {}
        for pipeline in sorted({*self.objectives, *self._touched()}):
            found |= self._of_incidents(pipeline)
            if pipeline in self.objectives:
                found |= self._measured(pipeline)
            else:
                found[f"{pipeline}/n_records"] = None
        found |= self._of_incidents(None)
        return found | self._sums(found)

    def _touched(self) -> list[str]:
        span = {"end": _text(self.end), "since": _text(self.since)}
        return [row[0] for row in self.connection.execute(_TOUCHED, span)]

    def _at(self, start: datetime | None = None, end: datetime | None = None, **more: Any) -> dict[str, Any]:
        return {"start": _text(start or self.start), "end": _text(end or self.end), **more}

    def _row(self, statement: str, place: str, **more: Any) -> Figures:
        row = dict(self.connection.execute(statement, self._at(**more)).fetchone())
        return {f"{place}/{name}": number for name, number in row.items()}

    def _of_incidents(self, pipeline: str | None) -> Figures:
        name = "everything" if pipeline is None else pipeline
        counts = self._row(_COUNTS, f"{name}/incidents", pipeline=pipeline)
        found: Figures = {place: number or 0 for place, number in counts.items()}
        for table, column in _TABLES.items():
            rows = self.connection.execute(
                f"SELECT {column} AS key, COUNT(*) FROM past WHERE is_counted AND (is_opened OR is_reopened) "
                "AND (:pipeline IS NULL OR pipeline = :pipeline) GROUP BY key HAVING key IS NOT NULL",
                {"pipeline": pipeline},
            )
            found |= {f"{name}/incidents/{table}/{key}": n for key, n in rows}
        times = {row[0]: tuple(row[1:]) for row in self.connection.execute(_TIMES, self._at(pipeline=pipeline))}
        for phase in ("detect", "attribute", "acknowledge", "mitigate", "resolve"):
            values = times.get(phase, (0, None, None, 0))
            for figure, value in zip(("n", "median_s", "worst_s", "n_unknown"), values, strict=True):
                found[f"{name}/times/{phase}/{figure}"] = value
        found |= self._row(_RUNBOOKS, f"{name}/runbooks", pipeline=pipeline)
        return found | self._row(_GATE, f"{name}/gate", pipeline=pipeline)

    def _measured(self, pipeline: str) -> Figures:
        found = self._answers(pipeline)
        for objective in self.objectives[pipeline]:
            found |= self._objective(pipeline, objective)
        found |= self._cost(pipeline)
        found |= self._knowledge(pipeline)
        return found | self._row(_LABELS, f"{pipeline}/labels", pipeline=pipeline)

    def _events(self, pipeline: str, objective: str, start: datetime, end: datetime) -> sqlite3.Row:
        at = self._at(start, end, pipeline=pipeline, objective=objective)
        row: sqlite3.Row = self.connection.execute(_EVENTS, at).fetchone()
        return row

    def _refunded(self, pipeline: str, objective: str, start: datetime, end: datetime) -> float:
        at = self._at(start, end, pipeline=pipeline, objective=objective)
        return float(self.connection.execute(_REFUNDED, at).fetchone()[0])

    def _answers(self, pipeline: str) -> Figures:
        names = {one.kind: one.name for one in self.objectives[pipeline]}
        if "accuracy" in names:
            row = self._events(pipeline, names["accuracy"], self.start, self.end)
        else:
            row = self.connection.execute(_WINDOWS, self._at(pipeline=pipeline)).fetchone()
        n_records = row["total"]
        if "availability" in names:
            n_records = self._events(pipeline, names["availability"], self.start, self.end)["total"]
        found: Figures = {f"{pipeline}/n_records": n_records}
        if row["total"]:
            found |= {
                f"{pipeline}/quality/n_answers": row["total"],
                f"{pipeline}/quality/n_judged": row["judged"],
                f"{pipeline}/quality/n_wrong": row["bad"],
                f"{pipeline}/quality/accuracy": 1.0 - row["bad"] / row["judged"] if row["judged"] else None,
            }
        return found

    def _objective(self, pipeline: str, objective: Objective) -> Figures:
        week = self._events(pipeline, objective.name, self.start, self.end)
        place = f"{pipeline}/objectives/{objective.name}"
        if objective.period is not None:
            assert objective.bound is not None
            spent, allowed = week["usd"], objective.bound * (7 if objective.period == "day" else 1)
            left, sli = self._money_left(pipeline, objective), None
        else:
            spent = week["bad"] - self._refunded(pipeline, objective.name, self.start, self.end)
            sli = 1.0 - spent / week["judged"] if week["judged"] else None
            left, allowed = self._budget(pipeline, objective)
        return {
            f"{place}/goal": objective.goal,
            f"{place}/events": week["total"],
            f"{place}/judged": week["judged"],
            f"{place}/bad": spent,
            f"{place}/sli": sli,
            f"{place}/left": left,
            f"{place}/allowed": allowed or None,
            f"{place}/spent": spent / allowed if allowed else None,
        }

    def _budget(self, pipeline: str, objective: Objective) -> tuple[float | None, float]:
        """Return the share that is left of a rolling budget, and all of it: of a whole window at the traffic seen."""
        assert objective.over_days is not None
        assert objective.goal is not None
        over = timedelta(days=objective.over_days)
        whole = self._events(pipeline, objective.name, self.end - over, self.end)
        if not whole["total"]:
            return None, 0.0
        first = self.connection.execute(
            "SELECT MIN(strftime('%Y-%m-%dT%H:00:00+00:00', start_at)) FROM seamwatch_slo_buckets "
            "WHERE pipeline = ? AND objective = ?",
            (pipeline, objective.name),
        ).fetchone()[0]
        covered = min((self.end - datetime.fromisoformat(first)) / over, 1.0)
        allowed = (1.0 - objective.goal) * whole["total"] / covered
        bad = whole["bad"] - self._refunded(pipeline, objective.name, self.end - over, self.end)
        unjudged = whole["total"] / whole["judged"] if objective.kind == "accuracy" and whole["judged"] else 1.0
        return 1.0 - bad * unjudged / allowed, allowed

    def _money_left(self, pipeline: str, objective: Objective) -> float | None:
        """Return the share of a month's bound that is left, of a daily one on the day on which least was."""
        assert objective.bound is not None
        if objective.period == "month":
            spans = [(_midnight(self.days[-1].replace(day=1), self.zone), self.end)]
        else:
            spans = [(_midnight(day, self.zone), _midnight(day + timedelta(days=1), self.zone)) for day in self.days]
        usd = [self._events(pipeline, objective.name, start, end)["usd"] for start, end in spans]
        return 1.0 - max(usd) / objective.bound

    def _cost(self, pipeline: str) -> Figures:
        found = self._row(_COST, f"{pipeline}/cost", pipeline=pipeline)
        if not found[f"{pipeline}/cost/n_hours"]:
            return {}
        month = _midnight(self.days[-1].replace(day=1), self.zone)
        spent = self.connection.execute(_COST, self._at(month, self.end, pipeline=pipeline)).fetchone()["usd"]
        return found | {f"{pipeline}/cost/month_usd": spent if month >= self.cost_since else None}

    def _knowledge(self, pipeline: str) -> Figures:
        place = f"{pipeline}/knowledge/policies"
        n, result, _ = self.connection.execute(_CHECKS, self._at(pipeline=pipeline)).fetchone()
        found: Figures = {f"{place}/n_checks": n, f"{place}/n_documents": None, f"{place}/share_fresh": None}
        if n:
            found |= self._row(_FRESH, place, result=result)
            faults = self.connection.execute("SELECT key, value FROM json_each(?, '$.by_reason')", (result,))
            found |= {f"{place}/faults/{reason}": number for reason, number in faults if number}
        return found

    def _sums(self, found: Figures) -> Figures:
        """Return what is said of all pipelines together, that one figure is the sum of others."""
        records = [value for name, value in found.items() if name.count("/") == 1 and name.endswith("/n_records")]
        known = [value for value in records if value is not None]
        sums: Figures = {"everything/n_records": sum(known) if known else None}
        for figure in ("usd", "n_calls", "n_records", "n_unpriced", "n_hours", "month_usd"):
            values = [value for name, value in found.items() if name.endswith(f"/cost/{figure}")]
            if values:
                sums[f"everything/cost/{figure}"] = None if None in values else sum(v for v in values if v is not None)
        return sums


def _is_accuracy(objective: Objective) -> bool:
    return objective.kind == "accuracy"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
