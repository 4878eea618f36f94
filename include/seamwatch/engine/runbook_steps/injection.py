"""Where texts with instructions to the model entered, and by which rules they are seen."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.injection.places import SHORTEST_TEXT, Place, field_kind
from seamwatch.core.injection.scan import rules_of
from seamwatch.core.records.json_documents import texts_in
from seamwatch.core.results import Window
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.deps import Deps
from seamwatch.engine.runbook_steps.evidence import own_verdicts, read_evidence, watch_report_of
from seamwatch.engine.window import open_window
from seamwatch.errors import SeamwatchError
from seamwatch.report import numbers
from seamwatch.report import runbook_texts as texts
from seamwatch.report import runbook_watch_texts as watch_texts
from seamwatch.report.text import first_sentence
from seamwatch.spec.monitoring import InjectionWatch
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import FieldKind, Responsibility, Watch

_MOST_SCANNED = 200
"""Records of the incident whose texts are scanned again."""
_RECENT = timedelta(days=1)


def injected_texts(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return stage, field and number of records with instructions, and the rules that see them; no text of theirs."""
    findings: tuple[Finding, ...]
    if incident.watch is None and incident.responsibility is Responsibility.ADVERSARIAL_INPUT:
        cause = read_evidence(deps, pipeline, incident).cause
        findings, window = (cause,) if cause is not None else (), incident.last_window
        keys = frozenset(one.key for one in own_verdicts(deps, incident)[:_MOST_SCANNED])
    else:
        report = watch_report_of(deps, pipeline, incident, Watch.INJECTION)
        if isinstance(report, str):
            return texts.unknown(f"Whether texts hold instructions is not known: {report}.")
        own = tuple(one for one in report.findings if one.stage == incident.stage)
        findings = own or report.findings
        window = Window(start=max(report.window.start, report.window.end - _RECENT), end=report.window.end)
        keys = frozenset(findings[0].keys) if findings else frozenset()
    rules: Counter[str] | None = None
    unread = ""
    if findings and findings[0].stage is not None:
        try:
            rules = _rules(deps, pipeline, findings[0], window, keys)
        except SeamwatchError as error:
            unread = first_sentence(str(error)).rstrip(".")
    return watch_texts.injected_texts(findings, rules, n_scanned=len(keys), span=numbers.span(window), unread=unread)


def _rules(deps: Deps, pipeline: Pipeline, finding: Finding, window: Window, keys: frozenset[str]) -> Counter[str]:
    """Return how many records of the finding each kind of rule flags, of those that are named."""
    assert finding.stage is not None
    settings = pipeline.monitoring.injection or InjectionWatch()
    with open_window(deps, pipeline, window) as rows:
        payload = rows.read(only={finding.stage}).payloads[finding.stage]
    payload = payload[payload.index.map(str).isin(keys)]
    found: dict[str, set[str]] = {}
    for field in finding.fields:
        column, _, path = field.partition(".")
        place = Place(column=field) if field in payload.columns else Place(column=column, path=path or None)
        if place.column not in payload.columns:
            continue
        parts = [
            (str(key), field_kind(pipeline, finding.stage, place.column, path), text)
            for key, value in zip(payload.index, payload[place.column], strict=True)
            for path, text in texts_in(value, shortest=SHORTEST_TEXT)
            if place.holds(path)
        ]
        for kind in FieldKind:
            keys_of = [key for key, own, _ in parts if own is kind]
            flagged = [text for _, own, text in parts if own is kind]
            rules = rules_of(flagged, kind=kind, threshold=settings.threshold)
            for key, rule in ((key, rule) for key, mine in zip(keys_of, rules, strict=True) for rule in mine):
                found.setdefault(rule.replace("_", " "), set()).add(key)
    return Counter({kind: len(records) for kind, records in found.items()})
