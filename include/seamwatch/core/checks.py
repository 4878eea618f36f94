"""Reconciliation told as checks, so that a stage's gate, its page and its signals treat all findings alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.coverage import Misplaced, describe, describe_unmade
from seamwatch.core.records.frames import StageData, Unread
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.core.results import Check, Discrepancy, StageResult
from seamwatch.vocabulary import CheckStatus, DiscrepancyKind, SeamBreak, Severity, StageKind

REFERENCE_IN_DOUBT = "reference_in_doubt"
"""Kind of the signal that a reference contradicts right records."""
REFERENCE_ERROR = "reference_error"
"""Kind of the signal that a reference raised."""
_KEYS = 1000
"""Failing keys kept with a check; the count is always whole."""
_TEXT = 500
"""Characters of a value kept as an example; whole values stay where they came from."""


def stage_result(
    data: StageData,
    found: Reconciliation | None,
    checks: Sequence[Check],
    *,
    notes: Sequence[str] = (),
    data_docs: str | None = None,
) -> StageResult:
    """Return all that was found at one stage of one window.

    Args:
        data: The stage's records.
        found: Its reconciliation; None for a source.
        checks: What the expectation suite found.
        notes: What a reader must know to trust the numbers.
        data_docs: Where the suite's pages lie.
    """
    name = data.stage.name
    all_notes = [*notes, *_data_notes(data)]
    if found is None:
        return StageResult(
            stage=name,
            n_records=len(data.payload),
            n_duplicate_keys=data.n_duplicate_keys,
            n_null_keys=data.n_null_keys,
            n_late=data.n_late,
            checks=tuple(checks),
            notes=tuple(all_notes),
            data_docs=data_docs,
        )
    differing = found.discrepancies[found.discrepancies["kind"] != DiscrepancyKind.FORMAT]
    if not found.is_checked and data.stage.kind is not StageKind.MODEL:
        all_notes.append("no reference: this stage is watched, not checked")
    if found.is_checked and found.unmade:
        all_notes.append(describe_unmade(found.unmade))
    n_format = found.discrepancies["key"].nunique() - differing["key"].nunique()
    if n_format:
        all_notes.append(f"{n_format} records differ from the reference in format only (case, blanks, notation)")
    all_notes += found.notes
    return StageResult(
        stage=name,
        n_records=len(data.payload),
        n_input=found.n_input,
        n_lost=len(found.lost),
        n_extra=len(found.extra),
        n_crossed=len(found.crossed),
        n_discrepant=int(differing["key"].nunique()),
        n_duplicate_keys=data.n_duplicate_keys,
        n_null_keys=data.n_null_keys,
        n_late=data.n_late,
        n_reference_errors=len(found.reference_errors),
        is_reconciled=found.is_checked,
        checks=(*checks, *reconciliation_checks(found)),
        fields={str(name): int(n) for name, n in differing.groupby("field")["key"].nunique().items()},
        notes=tuple(all_notes),
        data_docs=data_docs,
    )


def reconciliation_checks(found: Reconciliation) -> list[Check]:
    """Return one check for each kind of break at a seam; passed ones are told too, unless there is no reference."""
    stage, n = found.stage.name, found.n_input
    made = [
        _seam(stage, SeamBreak.LOST, n, list(found.lost), "every record of the input arrives", "records are lost"),
        _seam(
            stage, SeamBreak.EXTRA, n, list(found.extra), "every record comes from a source", "records have no source"
        ),
    ]
    if not found.is_checked:
        return made
    made.append(
        _seam(
            stage,
            SeamBreak.CROSSED,
            n,
            list(found.crossed),
            "every record carries its own payload",
            "records carry the payload of another",
        )
    )
    made.append(_reference_errors(found))
    made += [_output(found, one) for one in found.misplaced]
    made += [_field(stage, str(name), rows, n) for name, rows in _by_field(found.discrepancies)]
    return made


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


def _by_field(discrepancies: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    differing = discrepancies[discrepancies["kind"] != DiscrepancyKind.FORMAT]
    return list(differing.groupby("field", sort=True))


def _field(stage: str, name: str, rows: pd.DataFrame, n_rows: int) -> Check:
    first = rows.iloc[0]
    return Check(
        stage=stage,
        expectation="reconcile",
        column=name,
        severity=Severity.CRITICAL,
        status=CheckStatus.FAILED,
        expected=f"as the reference makes it, e.g. {_quoted(first['expected'])}",
        observed=f"{len(rows)} of {n_rows} records differ, e.g. {_quoted(first['recorded'])}",
        n_rows=n_rows,
        n_failed=len(rows),
        failing_keys=tuple(str(key) for key in rows["key"].head(_KEYS)),
    )


def _seam(
    stage: str,
    what: str,
    n_rows: int,
    keys: list[Any],
    expected: str,
    wrong: str,
    *,
    severity: Severity = Severity.CRITICAL,
) -> Check:
    return Check(
        stage=stage,
        expectation=f"reconcile_{what}",
        severity=severity,
        status=CheckStatus.FAILED if keys else CheckStatus.PASSED,
        expected=expected,
        observed=f"{len(keys)} {wrong}" if keys else "all do",
        n_rows=n_rows,
        n_failed=len(keys),
        failing_keys=tuple(str(key) for key in keys[:_KEYS]),
    )


def _reference_errors(found: Reconciliation) -> Check:
    """Return the check that the reference could make every record; what it raised most stands in what was observed."""
    kinds = Counter(_kind_of_error(text) for text in found.reference_errors.values())
    kind, n_usual = kinds.most_common(1)[0] if kinds else ("", 0)
    usual = next((text for text in found.reference_errors.values() if _kind_of_error(text) == kind), "")
    others = f"; {len(found.reference_errors) - n_usual} of them otherwise" if len(kinds) > 1 else ""
    return _seam(
        found.stage.name,
        REFERENCE_ERROR,
        found.n_input,
        list(found.reference_errors),
        "the reference can make every record",
        f"of {found.n_input} records fail: {usual}{others}",
        severity=Severity.WARNING,
    )


def _kind_of_error(text: str) -> str:
    """Return which reference raised which error, without the message, which may name the record's own values."""
    return text.partition(": ")[0]


def _output(found: Reconciliation, one: Misplaced) -> Check:
    """Return an output that is compared with nothing: an error where it is a field that is compared with nothing."""
    is_meant = one.suggestion in found.unmade
    return Check(
        stage=found.stage.name,
        expectation="reconcile_output",
        column=one.output,
        severity=Severity.CRITICAL if is_meant else Severity.WARNING,
        status=CheckStatus.ERROR if is_meant else CheckStatus.FAILED,
        expected=f"a column of {found.stage.relation}",
        observed="no such column; the output is compared with nothing",
        error=describe(one, where=found.stage.relation) if is_meant else None,
    )


def _data_notes(data: StageData) -> list[str]:
    notes = []
    if data.n_null_keys:
        notes.append(f"{data.n_null_keys} rows have no key and belong to no record")
    if data.n_duplicate_keys:
        notes.append(f"{data.n_duplicate_keys} records have several rows; the last successful one counts")
    if data.n_late:
        notes.append(f"{data.n_late} records arrived later than the pipeline's settle time")
    return notes


def unread_note(unread: Unread, show: Callable[[str], str]) -> str:
    """Say how many responses could not be read, how two of them begin, and what would be right.

    Args:
        unread: Of one stage, at least one.
        show: Takes out of a sample what must not be shown.
    """
    samples = " and ".join(repr(show(sample)) for sample in unread.samples)
    return (
        f"{unread.n} of {unread.n_responses} responses are not a body of a known protocol: what they answer is unknown "
        f"and decides nothing; they begin with {samples}. Record the body as it came (JSON, or its events), or the "
        "answer's text in every row"
    )


def _cut(value: Any) -> str | None:
    text = strict_text(value)
    return text if text is None or len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."


def _quoted(value: Any) -> str:
    text = strict_text(value)
    if text is None:
        return "nothing"
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
