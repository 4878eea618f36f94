"""What was found at one stage and at its seam to the stages before it, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from seamwatch.core.checks import REFERENCE_ERROR, by_field, count_format_only, seam_checks
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.coverage import Misplaced
from seamwatch.core.records.frames import StageData, Unread
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.core.results import Check
from seamwatch.report.text import fill
from seamwatch.report.texts import SEAM_CHECKS, STAGE_NOTES
from seamwatch.vocabulary import CheckStatus, StageKind

_SHOWN = 80
"""Characters of a value within a sentence."""


def described_checks(reconciled: Reconciliation) -> list[Check]:
    """Return the checks of a seam with what was expected and observed."""
    firsts = {name: rows.iloc[0] for name, rows in by_field(reconciled)}
    checks = []
    for check in seam_checks(reconciled):
        facts: dict[str, Any] = {"n": check.n_failed, "n_rows": check.n_rows, "relation": reconciled.stage.relation}
        if check.expectation == "reconcile" and check.column is not None:
            first = firsts[check.column]
            facts |= {"reference": _quoted(first["expected"]), "recorded": _quoted(first["recorded"])}
        if check.expectation == f"reconcile_{REFERENCE_ERROR}":
            facts["errors"] = _usual_error(reconciled.reference_errors.values())
        expected, observed = (SEAM_CHECKS[check.expectation][name] for name in ("expected", "observed"))
        checks.append(
            replace(
                check,
                expected=fill(expected, **facts),
                observed="all do" if check.status is CheckStatus.PASSED else fill(observed, **facts),
                error=_error(reconciled, check),
            )
        )
    return checks


def stage_notes(data: StageData, reconciled: Reconciliation | None) -> list[str]:
    """Return what a reader must know to trust the numbers of a stage; `reconciled` is None for a source."""
    counts = {"no_key": data.n_null_keys, "several_rows": data.n_duplicate_keys, "late": data.n_late}
    notes = _counted(counts)
    if reconciled is None:
        return notes
    if not reconciled.is_checked and data.stage.kind is not StageKind.MODEL:
        notes.append(STAGE_NOTES["no_reference"])
    if reconciled.is_checked and reconciled.unmade:
        notes.append(describe_unmade(reconciled.unmade))
    return [*notes, *_counted({"format_only": count_format_only(reconciled)}), *reconciled.notes]


def unkeyed_notes(stages: Mapping[str, StageData]) -> list[str]:
    """Return, stage by stage, how many rows have no key: no outcome can be theirs, and so none counts them."""
    return [f"{name}: {note}" for name, data in stages.items() for note in _counted({"no_key": data.n_null_keys})]


def _counted(counts: dict[str, int]) -> list[str]:
    return [fill(STAGE_NOTES[kind], n=n) for kind, n in counts.items() if n]


def describe_misplaced(misplaced: Misplaced, *, where: str) -> str:
    """Return what is wrong with an output of a reference, and what would be right; `where` is the stage's table."""
    meant = f"; did you mean {misplaced.suggestion!r}?" if misplaced.suggestion is not None else ""
    return STAGE_NOTES["misplaced"].format(output=misplaced.output, where=where) + meant


def describe_unmade(names: Iterable[str]) -> str:
    """Return which fields of a stage were compared with nothing."""
    return STAGE_NOTES["unmade"].format(fields=", ".join(names))


def describe_unread(unread: Unread, show: Callable[[str], str]) -> str:
    """Return how many responses could not be read, how two of them begin, and what would be right.

    Args:
        unread: Of one stage, at least one.
        show: Takes out of a sample what must not be shown.
    """
    samples = " and ".join(repr(show(sample)) for sample in unread.samples)
    return fill(STAGE_NOTES["unread"], n=unread.n, n_responses=unread.n_responses, samples=samples)


def _error(reconciled: Reconciliation, check: Check) -> str | None:
    """Return why a check could not run: an output that has no column and was meant for another field."""
    if check.status is not CheckStatus.ERROR:
        return None
    misplaced = next(misplaced for misplaced in reconciled.misplaced if misplaced.output == check.column)
    return describe_misplaced(misplaced, where=reconciled.stage.relation)


def _usual_error(errors: Iterable[str]) -> str:
    """Return what a reference raised most often, and how many records it failed on otherwise."""
    texts = list(errors)
    kinds = Counter(map(_kind_of_error, texts))
    if not kinds:
        return ""
    kind, n_usual = kinds.most_common(1)[0]
    usual = next(text for text in texts if _kind_of_error(text) == kind)
    return f"{usual}; {len(texts) - n_usual} of them otherwise" if len(kinds) > 1 else usual


def _kind_of_error(text: str) -> str:
    """Return which reference raised which error, without the message, which may name the record's own values."""
    return text.partition(": ")[0]


def _quoted(value: Any) -> str:
    text = strict_text(value)
    if text is None:
        return "nothing"
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")
