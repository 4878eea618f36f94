"""Open, update and resolve incidents when a window is attributed or watches looked; write reports, queue messages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.incident_evaluations import Evaluation, evaluate_attribution, evaluate_seams, evaluate_watch
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, once_an_incident
from seamwatch.core.incident_timeline import IncidentEvent, fold_events
from seamwatch.core.incidents import Context, decide
from seamwatch.core.maintenance import mark_maintenance
from seamwatch.core.results import Verdict, Window
from seamwatch.core.severity import FiringAlert, rate_again, rate_changes
from seamwatch.core.slo.alert_incidents import BudgetEvaluation, evaluate_budgets, firing_alert
from seamwatch.core.staleness import evaluate_check
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.announcements import announce, announce_action, announce_alerts
from seamwatch.engine.deps import Deps
from seamwatch.engine.grades import awaits_judgement
from seamwatch.engine.maintenance import rule_on_maintenance
from seamwatch.engine.watcher_status import silent_jobs
from seamwatch.errors import DataContractError, StoreError
from seamwatch.report import measured, numbers
from seamwatch.report.action_results import last_action
from seamwatch.report.cause_texts import headline
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.freshness_texts import with_headline
from seamwatch.report.html import render_html
from seamwatch.report.incident_json import report_json
from seamwatch.report.links import Links
from seamwatch.report.markdown import render_markdown
from seamwatch.report.measured import Measured
from seamwatch.report.text import json_text
from seamwatch.report.watch.budgets import budget_report
from seamwatch.report.watcher_status import stopped_lines
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.graph import ancestors
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState, Responsibility, Watch

_COMPARED = 30
"""Incidents whose records are read to compare a finding with them."""
_WINDOWS_READ = 72
"""Windows whose verdicts are read to compare what a watch found with them: three days of hourly ones."""
_LOOK_BACK = frozenset((Watch.LATENCY, Watch.COST, Watch.DRIFT, Watch.INJECTION))
"""Watches whose looks go back over several windows."""
_BY_LOOKS = tuple(watch for watch in Watch if watch is not Watch.SEAM)
"""Watches whose looks overlap; seams are looked at with each window's attribution."""


def decide_incidents(deps: Deps, pipeline: Pipeline, window: Window) -> list[IncidentChange]:
    """Return what the window changed, saved, with its messages in the outbox; running it again adds nothing.

    Raises:
        StoreError: If the window was not attributed yet.
    """
    attribution = deps.store.attribution(pipeline.pipeline, window)
    if attribution is None:
        raise _not_attributed(pipeline, window)
    now = deps.clock()
    name = pipeline.pipeline
    with deps.store.deciding(name):
        seams = deps.store.watch_report(name, Watch.SEAM, window)
        attributed = evaluate_attribution(attribution)
        findings = tuple(one if one.headline else replace(one, headline=headline(one)) for one in attributed.findings)
        attributed = replace(attributed, findings=findings)
        evaluations = [attributed, *([] if seams is None else [evaluate_seams(seams)])]
        known = deps.store.incidents(name, limit=None)
        changes = _decide(deps, pipeline, known, evaluations, now)
        if seams is not None:
            kept = [one.last_window for one in _changed_by(changes, known) if one.watch is Watch.SEAM]
            deps.store.forget_watch_reports(name, Watch.SEAM, keep=[*kept, window])
    return changes


def decide_on_freshness(deps: Deps, pipeline: Pipeline, check: FreshnessCheck) -> list[IncidentChange]:
    """Return what a check of a knowledge base changed, saved, with its messages in the outbox."""
    now, name = deps.clock(), pipeline.pipeline
    with deps.store.deciding(name):
        known = deps.store.incidents(name, limit=None)
        attributed = [
            incident.id
            for incident in known
            if incident.responsibility is Responsibility.KNOWLEDGE_BASE
            and incident.watch is None
            and deps.store.is_attributed(name, incident.last_window)
        ]
        evaluation = evaluate_check(check, attributed=attributed)
        findings = tuple(with_headline(finding, check) for finding in evaluation.findings)
        return _decide(deps, pipeline, known, [replace(evaluation, findings=findings)], now)


def decide_on_watches(deps: Deps, pipeline: Pipeline) -> list[IncidentChange]:
    """Return what the last look of every watch, and of the error budgets, changed; saved, its messages in the outbox.

    Running it again adds nothing.
    """
    now, name = deps.clock(), pipeline.pipeline
    changes: list[IncidentChange] = []
    with deps.store.deciding(name):
        known = deps.store.incidents(name, limit=None)
        for watch in _BY_LOOKS:
            report = _last_report(deps, pipeline, watch, known)
            if report is None:
                continue
            found = _decide(deps, pipeline, known, [evaluate_watch(report)], now)
            changes, known = [*changes, *found], _changed_by(found, known)
            kept = [one.last_window for one in known if one.watch is watch]
            deps.store.forget_watch_reports(name, watch, keep=[*kept, report.window])
        budgets = _budgets(deps, pipeline, known)
        changes += _rate_again(deps, pipeline, known, budgets, now)
        planned = {one.id for one in known if one.maintenance is not None}
        explained = () if budgets is None else budgets.explained
        announce_alerts(deps, pipeline, [one for one in explained if one.incident not in planned], now)
    return once_an_incident(changes)


def _changed_by(changes: Sequence[IncidentChange], known: Sequence[Incident]) -> list[Incident]:
    """Return the incidents as the changes left them, in the order in which the store lists them."""
    by_id = {one.id: one for one in known} | {change.incident.id: change.incident for change in changes}
    return sorted(sorted(by_id.values(), key=lambda one: one.id), key=lambda one: one.opened_at, reverse=True)


def _decide(
    deps: Deps, pipeline: Pipeline, known: Sequence[Incident], evaluations: Sequence[Evaluation], now: datetime
) -> list[IncidentChange]:
    """Return what detectors changed with one window, an incident once; saved, with its messages in the outbox.

    Every look and check of an open incident is an update; only another source, or other documents, are news. Of a
    muted or voided incident nothing that detectors see is.
    """
    before = {incident.id: incident for incident in known}
    state, made = dict(before), list[IncidentChange]()
    for evaluation in evaluations:
        context = _context(deps, pipeline, list(state.values()), evaluation)
        made += decide(state.values(), evaluation, now=now, context=context)
        state |= {change.incident.id: change.incident for change in made}
    window, budgets = evaluations[0].window, _budgets(deps, pipeline, list(state.values()))
    found = rate_changes(once_an_incident(made), pipeline.severity, _alert_of(budgets))
    found = mark_maintenance(found, before, pipeline.maintenance)
    deps.store.apply_changes(found, window=window)
    rule_on_maintenance(deps, pipeline.pipeline, found, before, now)
    is_repeatable = any(evaluation.is_repeatable for evaluation in evaluations)
    news = [one for one in found if _is_news(one, before.get(one.incident.id), is_repeatable=is_repeatable)]
    announce(deps, pipeline, [_as_told(deps, one, before.get(one.incident.id)) for one in news], window, now)
    return found


def _rate_again(
    deps: Deps, pipeline: Pipeline, known: Sequence[Incident], budgets: BudgetEvaluation | None, now: datetime
) -> list[IncidentChange]:
    """Return the incidents whose severity is another since budgets burn, or burn no longer, by them; announced."""
    changes = rate_again(known, pipeline.severity, _alert_of(budgets), now=now)
    deps.store.apply_changes(changes)
    is_muted = (IncidentState.MUTED, IncidentState.VOIDED)
    for change in changes:
        if change.incident.state not in is_muted and change.incident.maintenance is None:
            announce_action(deps, change)
    return changes


def _alert_of(budgets: BudgetEvaluation | None) -> FiringAlert:
    return lambda incident: None if budgets is None else firing_alert(budgets, incident)


def _as_told(deps: Deps, change: IncidentChange, before: Incident | None) -> IncidentChange:
    """Return a change as it is announced: what outlasts planned work is news to who was told nothing."""
    if before is None or before.maintenance is None or change.kind is not ChangeKind.UPDATED:
        return change
    is_told = bool(deps.store.deliveries(change.incident.id))
    return replace(change, kind=ChangeKind.REOPENED if is_told else ChangeKind.OPENED)


def _is_news(change: IncidentChange, before: Incident | None, *, is_repeatable: bool) -> bool:
    """Return whether a change that a detector made is to be announced."""
    if change.incident.maintenance is not None:
        return False
    if before is not None and before.maintenance is not None and before.state is IncidentState.OPEN:
        return True
    if before is None or change.kind is ChangeKind.REOPENED:
        return True
    if before.state in (IncidentState.MUTED, IncidentState.VOIDED):
        return change.kind is ChangeKind.RESOLVED and before.state is IncidentState.MUTED
    was, is_ = ([(seen.watch, seen.stage) for seen in one.also_seen] for one in (before, change.incident))
    is_other = before.fields != change.incident.fields or was != is_
    return is_repeatable or change.kind is not ChangeKind.UPDATED or is_other


def _context(deps: Deps, pipeline: Pipeline, known: Sequence[Incident], found: Evaluation) -> Context:
    """Return what tells whether a finding is the cause of an open incident, or one of its effects.

    Records are read for the newest incidents only: what opened long before is told apart by its onset.
    """
    if not any(finding.is_change for finding in found.findings):
        return Context()
    inputs = {stage.name: stage.input for stage in pipeline.stages}
    newest = sorted(known, key=lambda one: (one.is_open, one.updated_at), reverse=True)[:_COMPARED]
    keys: dict[str, Collection[str]] = {one.id: affected_records(deps, one) for one in newest}
    within: dict[str, Window] = {}
    if found.watch in _LOOK_BACK:
        within = _add_records_of_span(deps, [one for one in newest if one.watch is None], found.window, keys)
    return Context(
        keys=keys,
        keys_in=within,
        n_judged_in={span: n for span in set(within.values()) if (n := _judged_in(deps, pipeline, span))},
        upstream={stage: ancestors(inputs, stage) for stage in inputs},
    )


def _add_records_of_span(
    deps: Deps, incidents: Sequence[Incident], span: Window, keys: dict[str, Collection[str]]
) -> dict[str, Window]:
    """Give incidents of attribution their records of the time that a watch looked at; return what time that is.

    A watch may look at a day where attribution looks at hours: records of the last hour alone tell nothing of it.
    """
    if not incidents:
        return {}
    newest = deps.store.windows(incidents[0].pipeline, limit=_WINDOWS_READ)
    windows = [one for one in newest if one.start < span.end and one.end > span.start]
    if not windows:
        return {}
    verdicts = [each for window in windows for each in deps.store.verdicts(incidents[0].pipeline, window)]
    read = Window(start=min(one.start for one in windows), end=max(one.end for one in windows))
    for incident in incidents:
        keys[incident.id] = _named_by(incident, verdicts)
    return {incident.id: read for incident in incidents}


def _judged_in(deps: Deps, pipeline: Pipeline, span: Window) -> int:
    """Return the records of a span of windows whose outcome was known."""
    counts = deps.store.cause_history(pipeline.pipeline, span.end, limit=_WINDOWS_READ)
    counts = counts.drop_duplicates("window_start")
    return int(counts.loc[counts["window_start"] >= span.start, "n_judged"].sum())


def affected_records(deps: Deps, incident: Incident) -> frozenset[str]:
    """Return the records that an incident's last window names, all of them where attribution found it."""
    if incident.watch is None:
        return _named_by(incident, deps.store.verdicts(incident.pipeline, incident.last_window))
    report = deps.store.watch_report(incident.pipeline, incident.watch, incident.last_window)
    found = [one for one in (() if report is None else report.findings) if one.stage == incident.stage]
    named = [one for one in found if not set(one.fields).isdisjoint(incident.fields)]
    return frozenset(key for one in named or found for key in one.keys)


def _named_by(incident: Incident, verdicts: Sequence[Verdict]) -> frozenset[str]:
    """Return the records whose verdict names an incident's cause."""
    place = (incident.responsibility, incident.stage)
    mine = [one for one in verdicts if (one.responsibility, one.stage) == place]
    # Another fault at the place has other fields.
    own = [one for one in mine if not set(one.fields).isdisjoint(incident.fields)]
    return frozenset(one.key for one in own or mine)


def _last_report(deps: Deps, pipeline: Pipeline, watch: Watch, known: Sequence[Incident]) -> WatchReport | None:
    """Return what a watch found last; of the budgets, what burns without an incident that explains it."""
    if watch is not Watch.BUDGET:
        return deps.store.last_watch_report(pipeline.pipeline, watch)
    budgets = _budgets(deps, pipeline, known)
    if budgets is None:
        return None
    report = budget_report(budgets)
    deps.store.save_watch_report(report)
    return report


def _budgets(deps: Deps, pipeline: Pipeline, known: Sequence[Incident]) -> BudgetEvaluation | None:
    last = deps.store.last_look(pipeline.pipeline)
    if last is None or not last.status.objectives:
        return None
    start = min(one.window_start for one in last.status.objectives)
    window = Window(start=start, end=last.looked_at)
    return evaluate_budgets(last.status, known, pipeline=pipeline.pipeline, window=window)


def _not_attributed(pipeline: Pipeline, window: Window) -> StoreError:
    return StoreError(
        f"window {window.id} of {pipeline.pipeline} has no attribution yet; run `seamwatch attribute` first"
    )


def measured_of(deps: Deps, pipeline: Pipeline, incident: Incident) -> Measured:
    """Return what the incident's last window, look or check found and measured; StoreError if it is not stored."""
    name, window = pipeline.pipeline, incident.last_window
    if incident.watch is not None:
        look = deps.store.watch_report(name, incident.watch, window)
        if look is None:
            msg = f"the look of {incident.watch} that incident {incident.id} rests on is not in the store"
            raise StoreError(msg)
        return measured.of_watch(look)
    attribution = deps.store.attribution(name, window)
    if attribution is not None:
        return measured.of_attribution(attribution)
    # An incident of outdated documents may be older than any verdict on it.
    check = next((one for one in deps.store.checks_at(name, window.end) if one.answers_since == window.start), None)
    if check is None:
        raise _not_attributed(pipeline, window)
    return measured.of_check(check)


def report_of(deps: Deps, pipeline: Pipeline, incident: Incident) -> IncidentReport:
    """Return the report on an incident as its latest window, or look, showed it.

    Raises:
        StoreError: If what it rests on is not in the store.
    """
    last = deps.store.last_look(pipeline.pipeline)
    events = deps.store.incident_events(incident.id)
    return incident_report(
        incident,
        measured_of(deps, pipeline, incident),
        pipeline,
        deps.store.stage_results(pipeline.pipeline, incident.last_window),
        links=Links.under(deps.ui_url, pipeline=pipeline.pipeline, incident_id=incident.id),
        now=deps.clock(),
        slo=last.status if last is not None else None,
        silence=stopped_lines(silent_jobs(deps, pipeline)),
        last_action=_last_action(events),
        timeline=fold_events(events),
        steps_run=deps.store.runbook_steps(incident.id),
        actions_run=deps.store.actions_of(incident.id),
        grades=deps.store.told_grades(),
        asks_verdict=awaits_judgement(deps, incident, events),
    )


class LastReport:
    """The report that was made last, kept for as long as the next one that is asked for is on the same change."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._known: tuple[Incident, int, IncidentReport] | None = None

    def of(self, deps: Deps, incident: Incident) -> IncidentReport:
        """Return the report on an incident; errors as `report_of`, and SpecError if its pipeline has no sound file."""
        n_events = deps.store.count_incident_events(incident.id)
        if self._known is None or self._known[:2] != (incident, n_events):
            report = report_of(deps, deps.project.pipeline(incident.pipeline), incident)
            self._known = incident, n_events, report
        return self._known[2]


def _last_action(events: Sequence[IncidentEvent]) -> str:
    """Return what a person did last with an incident, or that it came back since; empty where nobody did anything."""
    told = [event for event in events if event.by or event.kind == ChangeKind.REOPENED.value]
    if not told:
        return ""
    last = told[-1]
    if not last.by:  # what they did was about the time before
        return f"Back again since {numbers.moment(last.at)}"
    return last_action(ChangeKind(last.kind), by=last.by or "", door=last.door, at=last.at)


def render_report(report: IncidentReport, form: str) -> str:
    """Return the report as `html`, `md` or `json`; DataContractError for anything else."""
    renderers: dict[str, Callable[[IncidentReport], str]] = {
        "html": render_html,
        "md": render_markdown,
        "json": lambda known: json_text(SECRETS.redact_document(report_json(known))),
    }
    if form not in renderers:
        msg = f"unknown format {form!r}; known: {', '.join(renderers)}"
        raise DataContractError(msg)
    return renderers[form](report)


def write_reports(deps: Deps, pipeline: Pipeline, window: Window) -> list[Path]:
    """Return the files written: HTML, Markdown and JSON for every incident that the window showed."""
    known = deps.store.incidents(pipeline.pipeline, limit=None)
    return write_reports_of(deps, pipeline, [one for one in known if one.last_window == window and one.watch is None])


def write_reports_of(deps: Deps, pipeline: Pipeline, incidents: Sequence[Incident]) -> list[Path]:
    """Return the files written: HTML, Markdown and JSON for every one of the incidents."""
    written: list[Path] = []
    for incident in incidents:
        report = report_of(deps, pipeline, incident)
        folder = deps.data_dir / "reports" / incident.id
        folder.mkdir(parents=True, exist_ok=True)
        for form in ("html", "md", "json"):
            path = folder / f"report.{form}"
            path.write_text(render_report(report, form), encoding="utf-8")
            written.append(path)
    return written
