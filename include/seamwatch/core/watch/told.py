"""A look of a watch in the form in which incidents are told."""

from __future__ import annotations

from dataclasses import replace

from seamwatch.core.results import Attribution, IsolationResult, Signal, StagePicture
from seamwatch.core.watch.results import WatchReport
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Severity, StageKind


def as_attribution(report: WatchReport, pipeline: Pipeline) -> Attribution:
    """Return what a look found as causes; no outcome was judged and no model called for it."""
    at_fault = {found.stage: found.n_records for found in report.findings}
    n = sum(found.n_records for found in report.findings) or 1
    shares = [found.n_records / n for found in report.findings]
    causes = tuple(
        replace(found, share=share, share_low=share, share_high=share)
        for found, share in zip(report.findings, shares, strict=True)
    )
    return Attribution(
        pipeline=report.pipeline,
        window=report.window,
        n_observed=report.n_records,
        n_failing=0,
        n_pending=0,
        n_examined=0,
        causes=causes,
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=0.0),
        signals=tuple(
            Signal(
                kind=report.watch.value,
                stage=found.stage,
                severity=Severity.CRITICAL,
                text=found.headline,
                n_records=found.n_records,
            )
            for found in report.findings
        ),
        stages=tuple(
            StagePicture(
                name=stage.name,
                kind=stage.kind.value,
                inputs=stage.input,
                n_records=None,
                n_failed=at_fault.get(stage.name, 0),
                is_reconciled=stage.kind in (StageKind.SOURCE, StageKind.MODEL) or stage.reference is not None,
                is_cause=stage.name in at_fault,
            )
            for stage in pipeline.stages
        ),
        notes=report.notes,
    )
