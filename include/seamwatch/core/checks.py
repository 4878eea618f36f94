"""Reconciliation as checks, so that a stage's gate, its page and its signals treat all findings alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.coverage import Misplaced
from seamwatch.core.records.frames import StageData
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.core.results import Check, Discrepancy, StageResult
from seamwatch.vocabulary import CheckStatus, DiscrepancyKind, SeamBreak, Severity

REFERENCE_IN_DOUBT = "reference_in_doubt"
"""Kind of the signal that a reference contradicts right records."""
REFERENCE_ERROR = "reference_error"
"""Kind of the signal that a reference raised."""
_KEYS = 1000
"""Failing keys kept with a check; the count is always whole."""
_EXAMPLES = 20
_TEXT = 500
"""Characters of a value kept as an example; whole values stay where they came from."""


def stage_result(
    data: StageData,
    reconciled: Reconciliation | None,
    checks: Sequence[Check],
    *,
    notes: Sequence[str] = (),
    data_docs: str | None = None,
) -> StageResult:
    """Return all that was found at one stage of one window.

    Args:
        data: The stage's records.
        reconciled: Its reconciliation; None for a source.
        checks: What its expectation suite found, and the checks of its seam.
        notes: What a reader must know to trust the numbers.
        data_docs: Where the suite's pages lie.
    """
    result = StageResult(
        stage=data.stage.name,
        n_records=len(data.payload),
        n_duplicate_keys=data.n_duplicate_keys,
        n_null_keys=data.n_null_keys,
        n_late=data.n_late,
        checks=tuple(checks),
        notes=tuple(notes),
        data_docs=data_docs,
    )
    if reconciled is None:
        return result
    differing = _differing(reconciled)
    return replace(
        result,
        n_input=reconciled.n_input,
        n_lost=len(reconciled.lost),
        n_extra=len(reconciled.extra),
        n_crossed=len(reconciled.crossed),
        n_discrepant=int(differing["key"].nunique()),
        n_reference_errors=len(reconciled.reference_errors),
        is_reconciled=reconciled.is_checked,
        fields={str(name): int(n) for name, n in differing.groupby("field")["key"].nunique().items()},
    )


def seam_checks(reconciled: Reconciliation) -> list[Check]:
    """Return one check for each kind of break at a seam; passed ones too, unless there is no reference."""
    checks = [
        _seam_check(reconciled, SeamBreak.LOST, list(reconciled.lost)),
        _seam_check(reconciled, SeamBreak.EXTRA, list(reconciled.extra)),
    ]
    if not reconciled.is_checked:
        return checks
    return [
        *checks,
        _seam_check(reconciled, SeamBreak.CROSSED, list(reconciled.crossed)),
        _seam_check(reconciled, REFERENCE_ERROR, list(reconciled.reference_errors), severity=Severity.WARNING),
        *(_output_check(reconciled, misplaced) for misplaced in reconciled.misplaced),
        *(_field_check(reconciled, name, rows) for name, rows in by_field(reconciled)),
    ]


def by_field(reconciled: Reconciliation) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the discrepancies of each field whose value, not only its format, differs."""
    for name, rows in _differing(reconciled).groupby("field", sort=True):
        yield str(name), rows


def count_format_only(reconciled: Reconciliation) -> int:
    """Return how many records differ from the reference in format only."""
    return int(reconciled.discrepancies["key"].nunique() - _differing(reconciled)["key"].nunique())


def _differing(reconciled: Reconciliation) -> pd.DataFrame:
    return reconciled.discrepancies[reconciled.discrepancies["kind"] != DiscrepancyKind.FORMAT]


def _seam_check(
    reconciled: Reconciliation, what: str, keys: list[Any], *, severity: Severity = Severity.CRITICAL
) -> Check:
    return Check(
        stage=reconciled.stage.name,
        expectation=f"reconcile_{what}",
        severity=severity,
        status=CheckStatus.FAILED if keys else CheckStatus.PASSED,
        n_rows=reconciled.n_input,
        n_failed=len(keys),
        failing_keys=tuple(str(key) for key in keys[:_KEYS]),
    )


def _field_check(reconciled: Reconciliation, name: str, rows: pd.DataFrame) -> Check:
    return Check(
        stage=reconciled.stage.name,
        expectation="reconcile",
        column=name,
        severity=Severity.CRITICAL,
        status=CheckStatus.FAILED,
        n_rows=reconciled.n_input,
        n_failed=len(rows),
        failing_keys=tuple(str(key) for key in rows["key"].head(_KEYS)),
    )


def _output_check(reconciled: Reconciliation, misplaced: Misplaced) -> Check:
    """Return an output that is compared with nothing: an error where it is a field that is compared with nothing."""
    is_meant = misplaced.suggestion in reconciled.unmade
    return Check(
        stage=reconciled.stage.name,
        expectation="reconcile_output",
        column=misplaced.output,
        severity=Severity.CRITICAL if is_meant else Severity.WARNING,
        status=CheckStatus.ERROR if is_meant else CheckStatus.FAILED,
    )


def examples(rows: pd.DataFrame) -> list[Discrepancy]:
    """Return discrepancies as text, long values cut."""
    return [
        Discrepancy(
            key=str(row.key),
            stage=str(row.stage),
            field=str(row.field),
            recorded=_cut(row.recorded),
            expected=_cut(row.expected),
            kind=str(row.kind),
        )
        for row in rows.itertuples(index=False)
    ]


def _cut(value: Any) -> str | None:
    text = strict_text(value)
    return text if text is None or len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."
