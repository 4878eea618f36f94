"""What limits the figures of a window, and what was measured in it that is not as it should be, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seamwatch.core.attribution.causes import ASSUMED_ACCURACY
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.checks import REFERENCE_IN_DOUBT
from seamwatch.core.interventions import World
from seamwatch.core.records.notes import UTC_NOTE, remedy
from seamwatch.core.results import Attribution, Check, FieldAccuracy, ReferenceDoubt, Signal, StageResult
from seamwatch.report.seam_texts import describe_misplaced, describe_unmade, described_checks
from seamwatch.report.text import fill
from seamwatch.report.texts import COMPARED_FORMS, WINDOW_NOTES
from seamwatch.report.verdict_texts import describe_doubt
from seamwatch.vocabulary import CheckStatus, Severity, UnknownReason


def with_notes_and_signals(
    attribution: Attribution,
    evidence: Evidence,
    stage_results: Sequence[StageResult],
    *,
    n_overdue: int,
    has_baseline: bool,
) -> Attribution:
    """Return the attribution of a window with what a reader must know to trust it, before the notes that it has.

    Args:
        attribution: As `core/summary.py` put it together.
        evidence: What was known of the failing records.
        stage_results: What validation found, for stages that it has seen.
        n_overdue: Records whose truth should have arrived by now.
        has_baseline: Whether the model's healthy accuracy is known.
    """
    return replace(
        attribution,
        signals=(
            *(_doubt_signal(doubt) for doubt in attribution.references_in_doubt),
            *_signals(attribution, evidence.world, stage_results),
        ),
        notes=(
            *_arrival_notes(attribution, n_overdue),
            *_coverage_notes(evidence, has_baseline=has_baseline),
            *_outcome_notes(attribution.fields),
            *attribution.notes,
        ),
    )


def _arrival_notes(attribution: Attribution, n_overdue: int) -> list[str]:
    """Return what is said of records whose truth has not arrived."""
    n, n_records = attribution.n_pending - attribution.n_unreadable, attribution.n_observed
    notes = []
    if not n_records or n:
        kind = "no_records" if not n_records else "all_waiting" if n == n_records else "waiting"
        notes.append(fill(WINDOW_NOTES[kind], n=n, n_records=n_records))
    return [*notes, fill(WINDOW_NOTES["overdue"], n=n_overdue)] if n_overdue else notes


def _coverage_notes(evidence: Evidence, *, has_baseline: bool) -> list[str]:
    """Return what is said of references, of fields that none makes, and of a missing baseline."""
    notes = []
    if evidence.unreferenced:
        notes.append(WINDOW_NOTES["unreferenced"].format(stages=", ".join(evidence.unreferenced)))
    for name, reconciled in evidence.world.reconciled.items():
        if reconciled.unmade and name not in evidence.unreferenced:
            notes.append(f"{name}: {describe_unmade(reconciled.unmade)}")
        where = reconciled.stage.relation
        notes += [f"{name}: {describe_misplaced(misplaced, where=where)}" for misplaced in reconciled.misplaced]
        notes += [f"{name}: {note}" for note in reconciled.notes]
    if not has_baseline and evidence.models:
        pipeline = evidence.world.pipeline
        kind = "no_baseline" if pipeline.benchmark is not None else "no_benchmark"
        accuracy = f"{ASSUMED_ACCURACY:.0%}"
        notes.append(WINDOW_NOTES[kind].format(accuracy=accuracy, pipeline=pipeline.pipeline))
    return notes


def _outcome_notes(fields: Sequence[FieldAccuracy]) -> list[str]:
    """Return what keeps labels from judging: values that cannot be read, and fields that differ by form alone."""
    notes = []
    for field in fields:
        if field.n_unreadable:
            text = fill(
                WINDOW_NOTES["unreadable"],
                n=field.n_unreadable,
                n_records=field.n_judged + field.n_unreadable,
                examples=_pairs(field.unreadable),
                remedy=remedy(field.reason or UnknownReason.NOT_A_NUMBER),
            )
            notes.append(f"outcome {field.field}: {text}")
        if field.form is not None:
            text = fill(
                WINDOW_NOTES["form_only"],
                n=field.n_form,
                n_records=field.n_judged,
                what=COMPARED_FORMS[field.form],
                examples=_pairs(field.forms),
                form=field.form,
            )
            notes.append(f"outcome {field.field}: {text}")
        if field.mixes_zones:
            notes.append(f"outcome {field.field}: {UTC_NOTE}")
    return notes


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{value!r} against {label!r}" for value, label in pairs)


def _doubt_signal(doubt: ReferenceDoubt) -> Signal:
    return Signal(
        kind=REFERENCE_IN_DOUBT,
        stage=doubt.stage,
        severity=Severity.CRITICAL,
        text=describe_doubt(doubt),
        n_records=doubt.n_contradicted,
    )


def _signals(attribution: Attribution, world: World, results: Sequence[StageResult]) -> list[Signal]:
    seen = {result.stage for result in results}
    unseen = {name: reconciled for name, reconciled in world.reconciled.items() if name not in seen}
    checks = [check for result in results for check in result.checks]
    checks += [check for reconciled in unseen.values() for check in described_checks(reconciled)]
    signals = [_check_signal(check) for check in checks if check.status != CheckStatus.PASSED]
    signals += [
        Signal(kind="unchecked_field", stage=name, severity=Severity.INFO, text=describe_unmade(reconciled.unmade))
        for name, reconciled in world.reconciled.items()
        if reconciled.unmade
    ]
    if any(cause.is_change for cause in attribution.causes):
        n, n_judged = attribution.n_failing, attribution.n_observed - attribution.n_pending
        text = fill(WINDOW_NOTES["failing_rate"], n=n, n_judged=n_judged)
        signals.append(Signal(kind="failing_rate", severity=Severity.CRITICAL, text=text, n_records=n))
    return signals


def _check_signal(check: Check) -> Signal:
    kind = "discrepancy" if check.expectation == "reconcile" else check.expectation.removeprefix("reconcile_")
    is_error = check.status is CheckStatus.ERROR
    text = WINDOW_NOTES["check"].format(expected=check.expected, observed=check.error or check.observed)
    return Signal(
        kind="validation_error" if is_error else "expectation" if kind.startswith("expect_") else kind,
        stage=check.stage,
        severity=Severity.CRITICAL if is_error else check.severity,
        text=f"{check.column}: {text}" if check.column else text,
        n_records=check.n_failed,
    )
