"""Verdicts in words: why each is what it is, so that CSV, report and Slack say the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import zip_longest

from seamwatch.core.reasons import CallFailure, Damage, DamageForm, Reason, ReasonKind
from seamwatch.core.results import ReferenceDoubt, Verdict
from seamwatch.plurals import plural
from seamwatch.report.text import fill, joined
from seamwatch.report.texts import CALL_FAILURES, DAMAGE_FORMS, DOCUMENT_FAULTS, GAPS, MARKS, REASONS, WINDOW_NOTES

_NO_GAP = {ReasonKind.BEFORE_MODEL_ONE_OF: "not asked", ReasonKind.UNSETTLED: "the evidence does not settle it"}


def explained(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts with their reasons in words, as they are stored and exported."""
    return tuple(replace(verdict, explanation=explain(verdict), reasons=()) for verdict in verdicts)


def explain(verdict: Verdict) -> str:
    """Return what speaks for a verdict, a sentence a reason."""
    return " ".join(map(describe_reason, verdict.reasons))


def describe_reason(reason: Reason) -> str:
    """Return one reason as a sentence; what records hold is filled in as it is and never read as a template."""
    by_stage = list(zip_longest(reason.stages, reason.fields, fillvalue=()))
    n_fields = sum(map(len, reason.fields))
    repaired = joined([f"{stage} ({joined(names)})" if names else str(stage) for stage, names in by_stage])
    return REASONS[reason.kind].format(
        stage=next(iter(reason.stages), ""),
        last_stage="".join(reason.stages[-1:]),
        stages=joined(reason.stages),
        stage_list=", ".join(reason.stages),
        have="have" if len(reason.stages) > 1 else "has",
        repaired=f"{repaired} {'are' if len(reason.stages) > 1 else 'is'}",
        fields=joined(next(iter(reason.fields), ())),
        fields_by_stage=joined([f"{joined(names)} at {stage}" for stage, names in by_stage]),
        them="them" if n_fields > 1 else "it",
        repairs=" or ".join(map(joined, reason.repairs)),
        documents=describe_documents([(name, why.value) for name, why in reason.documents]),
        counts=[f"{n} of {n_all}" for n, n_all in reason.counts],
        chance="" if reason.chance_ratio is None else f"{reason.chance_ratio:.0%}",
        gap=_NO_GAP.get(reason.kind, "") if reason.gap is None else GAPS[reason.gap],
        mark=MARKS.get(reason.detail, ""),
        damage="" if reason.damage is None else describe_damage(reason.damage),
        failure="" if reason.failure is None else describe_failure(reason.failure),
        detail=reason.detail,
    )


def describe_failure(failure: CallFailure) -> str:
    """Return what in a recorded call says that the provider failed, to follow `At <stage>`."""
    return CALL_FAILURES[failure.sign].format(recorded=failure.recorded, pattern=failure.pattern)


def describe_damage(damage: Damage) -> str:
    """Return how recorded values differ from expected ones, as a clause: `recorded is 100 times what is expected`."""
    n = damage.n
    side = "before" if n is not None and n > 0 else "after"
    clause = fill(
        DAMAGE_FORMS[damage.form],
        values=damage.values,
        lines="lines" if n is None else "a line" if n == 1 else f"{n} lines",
        limit="" if n is None else f", {plural(n, 'character')}",
        neighbour=side if n is None or abs(n) == 1 else f"{abs(n)} {side}",
    )
    return f"where they differ, {clause}" if damage.is_part and damage.form != DamageForm.PART_MISSING else clause


def describe_documents(documents: Iterable[tuple[str, str]]) -> str:
    """Return what a stage did with documents that are not as they should be, those with the same fault together."""
    by_fault: dict[str, list[str]] = {}
    for name, fault in documents:
        by_fault.setdefault(DOCUMENT_FAULTS.get(fault, DOCUMENT_FAULTS["any"]), []).append(name)
    return joined([fault.format(documents=joined(names)) for fault, names in by_fault.items()])


def describe_doubt(doubt: ReferenceDoubt) -> str:
    """Return what speaks against a reference, to follow `the reference of <stage> is`."""
    error = f" ({doubt.error})" if doubt.error else ""
    failed = f", {doubt.n_failed} of which it could not make{error}" if doubt.n_failed else ""
    return fill(
        WINDOW_NOTES["reference_in_doubt"],
        n_spoiled=doubt.n_spoiled,
        n_right=doubt.n_right,
        failed=failed,
        n_contradicted=doubt.n_contradicted,
        n_wrong=doubt.n_wrong,
    )
