"""The stages of a report: what was found at each, and where it stands in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Check, StageResult
from seamwatch.report import advice, numbers
from seamwatch.report.links import Links
from seamwatch.report.measured import Measured
from seamwatch.report.sentences import listed
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import CheckStatus, Responsibility, StageKind

_SHOWN_KEYS = 5


class StageMark(StrEnum):
    """How a stage stands."""

    CAUSE = "cause"
    FINDING = "finding"
    CLEAR = "clear"
    UNCHECKED = "unchecked"


MARK_TEXTS = {
    StageMark.CAUSE: "broken here",
    StageMark.FINDING: "findings",
    StageMark.CLEAR: "as it should be",
    StageMark.UNCHECKED: "watched, not checked",
}


@dataclass(frozen=True, kw_only=True)
class CheckFacts:
    """One check that ended."""

    expectation: str
    column: str
    severity: str
    status: CheckStatus
    expected: str
    observed: str
    failing: str
    """`17 of 400`, or a dash for a check of the whole table."""
    keys: str
    """A few failing keys."""


@dataclass(frozen=True, kw_only=True)
class StageFacts:
    """One stage."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    mark: StageMark
    mark_text: str
    broken_inputs: tuple[str, ...]
    """Inputs from which the seam to this stage is broken."""
    records: str
    finding: str
    """The most important finding, short enough for the graph."""
    findings: tuple[str, ...]
    checks: tuple[CheckFacts, ...]
    reference: str | None
    data_docs: str | None


def stage_facts(
    incident: Incident,
    measured: Measured,
    pipeline: Pipeline,
    results: Sequence[StageResult],
    links: Links,
) -> tuple[StageFacts, ...]:
    """Return every stage of the pipeline in its order; one without a result is said to be unchecked."""
    by_name = {result.stage: result for result in results}
    found = []
    for stage in pipeline.stages:
        result = by_name.get(stage.name)
        n_counted, n_failed = measured.n_by_stage.get(stage.name, (None, 0))
        findings = stage_findings(result) if result else ()
        is_cause = stage.name == incident.stage
        was_asked = stage.kind is StageKind.MODEL and measured.isolation.calls > 0
        mark = _mark(is_cause, bool(findings) or n_failed > 0, _is_checked(result) or was_asked)
        n_records = result.n_records if result else n_counted
        is_seam = is_cause and incident.responsibility is Responsibility.INTEGRATION
        found.append(
            StageFacts(
                name=stage.name,
                kind=stage.kind.value,
                inputs=stage.input,
                mark=mark,
                mark_text=MARK_TEXTS[mark],
                broken_inputs=stage.input if is_seam else (),
                records=numbers.NO_DATA if n_records is None else numbers.plural(n_records, "record"),
                finding=_short_finding(result, n_failed, "failing" if incident.watch is None else "records"),
                findings=findings,
                checks=_checks(result),
                reference=advice.reference_place(stage) or _no_reference(stage),
                data_docs=links.data_docs_of(result.data_docs) if result else None,
            )
        )
    return tuple(found)


def _is_checked(result: StageResult | None) -> bool:
    return result is not None and (result.is_reconciled or bool(result.checks))


def _mark(is_cause: bool, has_finding: bool, is_checked: bool) -> StageMark:
    if is_cause:
        return StageMark.CAUSE
    if has_finding:
        return StageMark.FINDING
    return StageMark.CLEAR if is_checked else StageMark.UNCHECKED


def _no_reference(stage: Stage) -> str | None:
    needs_one = stage.kind in (StageKind.MAPPING, StageKind.PROMPT, StageKind.SINK)
    return "none: watched, not checked" if needs_one else None


def stage_findings(result: StageResult) -> tuple[str, ...]:
    """Return what was found at a stage, in counts, the most severe first; empty where it is as it should be."""
    failed = [check for check in result.checks if check.status is not CheckStatus.PASSED]
    fields = sorted(result.fields.items(), key=lambda item: (-item[1], item[0]))
    where = f" in {listed([f'{name} ({numbers.count(n)})' for name, n in fields])}" if fields else ""
    counted = (
        (result.n_lost, f"{numbers.count(result.n_lost)} lost"),
        (result.n_crossed, f"{numbers.count(result.n_crossed)} crossed"),
        (result.n_discrepant, f"{numbers.count(result.n_discrepant)} differ{where}"),
        (result.n_extra, f"{numbers.count(result.n_extra)} extra"),
        (len(failed), f"{numbers.plural(len(failed), 'check')} failed"),
        (result.n_duplicate_keys, numbers.plural(result.n_duplicate_keys, "duplicate key")),
        (result.n_null_keys, numbers.plural(result.n_null_keys, "null key")),
    )
    return tuple(text for n, text in counted if n)


def _short_finding(result: StageResult | None, n_failed: int, what: str) -> str:
    """Return the most important finding without its fields."""
    findings = stage_findings(replace(result, fields={})) if result else ()
    return findings[0] if findings else f"{numbers.count(n_failed)} {what}" if n_failed else ""


def _checks(result: StageResult | None) -> tuple[CheckFacts, ...]:
    if result is None:
        return ()
    rank = {CheckStatus.ERROR: 0, CheckStatus.FAILED: 1, CheckStatus.PASSED: 2}
    return tuple(_check(check) for check in sorted(result.checks, key=lambda check: rank[check.status]))


def _check(check: Check) -> CheckFacts:
    keys = ", ".join(check.failing_keys[:_SHOWN_KEYS])
    n_more = (check.n_failed or len(check.failing_keys)) - min(len(check.failing_keys), _SHOWN_KEYS)
    failing = numbers.NO_DATA
    if check.n_failed is not None:
        of = f" of {numbers.count(check.n_rows)}" if check.n_rows is not None else ""
        failing = f"{numbers.count(check.n_failed)}{of}"
    return CheckFacts(
        expectation=check.expectation.removeprefix("expect_").replace("_", " "),
        column=check.column or "",
        severity=check.severity.value,
        status=check.status,
        expected=check.expected,
        observed=check.error or check.observed,
        failing=failing,
        keys=f"{keys} and {numbers.count(n_more)} more" if keys and n_more > 0 else keys,
    )
