"""What stands behind an incident's report: the findings of its last window, look or check, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import DocumentAnswers, FreshnessCheck
from seamwatch.core.results import Attribution, IsolationResult, Signal, Window
from seamwatch.core.staleness import finding_of, window_of
from seamwatch.core.watch.results import WatchReport
from seamwatch.report.freshness_texts import signals, with_headline
from seamwatch.vocabulary import Severity

NOT_CALLED = IsolationResult(stage=None, model=None, calls=0, cost_usd=0.0)
"""The model alone, where nobody called it."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Findings of one window, look or check, and what was measured for them."""

    pipeline: str
    window: Window
    findings: tuple[Finding, ...]
    n_records: int
    """Records, or answers, that were looked at."""
    n_by_stage: Mapping[str, tuple[int | None, int]] = field(default_factory=dict)
    """By stage: records, None where they were not counted, and those of them that failed or were found."""
    signals: tuple[Signal, ...] = ()
    documents: tuple[DocumentAnswers, ...] = ()
    notes: tuple[str, ...] = ()
    attribution: Attribution | None = None
    """Outcomes, verdicts and the model alone; None: no outcome was judged and no model called."""
    watch: WatchReport | None = None
    """Figures, tables and charts of a look; None: no watch looked."""

    @property
    def isolation(self) -> IsolationResult:
        """Return the model alone."""
        return NOT_CALLED if self.attribution is None else self.attribution.isolation

    @property
    def leading(self) -> Finding | None:
        """Return the first finding that is a change; None in a healthy window."""
        return next((finding for finding in self.findings if finding.is_change), None)


def of_attribution(found: Attribution) -> Measured:
    """Return what the attribution of a window found and measured."""
    return Measured(
        pipeline=found.pipeline,
        window=found.window,
        findings=found.causes,
        n_records=found.n_observed,
        n_by_stage={stage.name: (stage.n_records, stage.n_failed) for stage in found.stages},
        signals=found.signals,
        documents=found.documents,
        notes=found.notes,
        attribution=found,
    )


def of_watch(report: WatchReport) -> Measured:
    """Return what a look of a watch found and measured."""
    return Measured(
        pipeline=report.pipeline,
        window=report.window,
        findings=report.findings,
        n_records=report.n_records,
        n_by_stage={one.stage: (None, one.n_records) for one in report.findings if one.stage is not None},
        signals=tuple(
            Signal(
                kind=report.watch.value,
                stage=one.stage,
                severity=Severity.CRITICAL,
                text=one.headline,
                n_records=one.n_records,
            )
            for one in report.findings
        ),
        notes=report.notes,
        watch=report,
    )


def of_check(check: FreshnessCheck) -> Measured:
    """Return what a check of a knowledge base says of the answers, before any outcome is known."""
    finding, answers = finding_of(check), check.answers
    n_by_stage = {}
    if check.stage is not None and answers is not None:
        n_by_stage = {check.stage: (answers.n_answers, answers.n_affected)}
    return Measured(
        pipeline=check.pipeline,
        window=window_of(check),
        findings=() if finding is None else (with_headline(finding, check),),
        n_records=0 if answers is None else answers.n_with_ids,
        n_by_stage=n_by_stage,
        signals=tuple(signals(check)),
        documents=check.documents,
        notes=check.notes,
    )
