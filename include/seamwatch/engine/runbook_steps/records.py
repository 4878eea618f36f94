"""Which records an incident affects, and what is missing to attribute them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import pandas as pd

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.frames import key_text
from seamwatch.core.runbook_segments import compare_segments
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.attribute import judge_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.runbook_steps.evidence import own_verdicts, read_evidence
from seamwatch.engine.window import open_window
from seamwatch.errors import SeamwatchError
from seamwatch.report import numbers
from seamwatch.report import runbook_texts as texts
from seamwatch.report.text import first_sentence
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import DiscrepancyKind, OutcomeState, Watch

_VALUE_CHARS = 80
_LOOKED_AT = {None: "answer", Watch.INJECTION: "untrusted text"}
"""What detectors count, where that is no record."""


def affected_records(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return how many records of the incident's last window have its cause, since when, and in which segments."""
    evidence = read_evidence(deps, pipeline, incident)
    cause, measured = evidence.cause, evidence.measured
    if cause is None:
        return texts.clear(f"No record of {numbers.span(incident.last_window)} has this cause any longer.")
    attribution = measured.attribution
    if attribution is not None:
        n_all, what = attribution.n_observed - attribution.n_pending, "judged record"
    else:
        n_all, what = measured.n_records, _LOOKED_AT.get(incident.watch, "record")
    keys = [one.key for one in own_verdicts(deps, incident)] if incident.watch is None else cause.keys
    lines = _by_segment(deps, pipeline, incident, cause)
    return texts.affected_records(cause, keys, n_all=n_all, what=what, segments=lines)


def _by_segment(deps: Deps, pipeline: Pipeline, incident: Incident, cause: Finding) -> tuple[str, ...]:
    """Return what segments tell of the affected records, a line each; what could not be read is said."""
    if not pipeline.segments:
        return (f"By segment nothing is known: `segments` in {pipeline.pipeline}.yaml names no field.",)
    affected = _affected_keys(deps, incident, cause)
    if not affected:
        return ("By segment nothing is known: not every affected record is named.",)
    try:
        affected_values, other_values, unread = _read_segments(deps, pipeline, incident, affected)
    except SeamwatchError as error:
        return (f"By segment nothing is known: {first_sentence(str(error))}",)
    lines = texts.segment_lines(compare_segments(affected_values, other_values))
    return (*lines, f"Not read, as there is no such column: {', '.join(unread)}.") if unread else lines


def _affected_keys(deps: Deps, incident: Incident, cause: Finding) -> frozenset[str]:
    """Return the keys of all affected records; none where only some of them are kept."""
    if incident.watch is None:
        keys = frozenset(one.key for one in own_verdicts(deps, incident))
    elif incident.watch is Watch.SEAM:
        kept = deps.store.discrepancies(incident.pipeline, incident.last_window, incident.stage)
        keys = frozenset(kept.loc[(kept["kind"] != DiscrepancyKind.FORMAT).to_numpy(), "key"])
    else:
        keys = frozenset(cause.keys)
    return keys if len(keys) >= cause.n_records or cause.is_estimated else frozenset()


Counts = dict[str, Counter[str]]


def _read_segments(
    deps: Deps, pipeline: Pipeline, incident: Incident, affected: Collection[str]
) -> tuple[Counts, Counts, list[str]]:
    """Return affected and other records by segment and value, and the segments that are no column.

    The others are judged records where outcomes found the incident: a label may have come for one segment only. A
    value that is not known belongs to no segment.
    """
    by_outcome = incident.watch is None
    stages = {segment.partition(".")[0] for segment in pipeline.segments}
    with open_window(deps, pipeline, incident.last_window) as rows:
        if by_outcome:
            judged = judge_window(deps, rows)
            payloads = judged.data.payloads
            pending = key_text(judged.keys_with(OutcomeState.PENDING).to_series())
        else:
            payloads, pending = rows.read(only=stages).payloads, pd.Series(dtype=object)
    counts: tuple[Counts, Counts] = ({}, {})
    unread: list[str] = []
    left_out = frozenset(pending)
    for segment in pipeline.segments:
        stage, _, field = segment.partition(".")
        payload = payloads.get(stage)
        if payload is None or field not in payload.columns:
            unread.append(segment)
            continue
        values = [_short(value) for value in payload[field].to_numpy(dtype=object)]
        counts[0][segment], counts[1][segment] = Counter(), Counter()
        for key, value in zip(payload.index.map(str), values, strict=True):
            if value is not None and (key in affected or key not in left_out):
                counts[key not in affected][segment][value] += 1
    return *counts, unread


def _short(value: Any) -> str | None:
    text = strict_text(value)
    return None if text is None else text[:_VALUE_CHARS]


def missing_evidence(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return which evidence is missing to attribute the incident's records, and what would settle each."""
    cause = read_evidence(deps, pipeline, incident).cause
    if cause is None:
        return texts.clear(
            f"No record of {numbers.span(incident.last_window)} is left without a verdict by this cause."
        )
    return texts.missing_evidence(own_verdicts(deps, incident), cause.gap)
