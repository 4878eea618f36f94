"""Headlines of causes, as a person would say them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from seamwatch.core.finding import Finding
from seamwatch.report.text import joined
from seamwatch.report.texts import DAMAGES, HEADLINES, PAYLOAD_DAMAGES, PROVIDER_FAILURES
from seamwatch.report.verdict_texts import describe_documents
from seamwatch.vocabulary import Gap, Responsibility


def with_headlines(causes: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the causes of a window with their headlines."""
    return tuple(replace(cause, headline=headline(cause)) for cause in causes)


def headline(cause: Finding) -> str:
    """Return one line for a cause that attribution found."""
    faults = [(name, cause.kind or "any") for name in cause.kind_fields]
    others = [(name, "any") for name in cause.fields if name not in cause.kind_fields]
    return HEADLINES[_form(cause)].format(
        where=cause.stage or "unknown stage",
        damage=_damage(cause),
        failures=PROVIDER_FAILURES.get(cause.kind or "any", PROVIDER_FAILURES["any"]),
        documents=describe_documents([*faults, *others]),
    )


def _form(cause: Finding) -> str:
    """Return which headline it is: by responsibility and, where it matters, kind, gap, or whether fields are named."""
    match cause.responsibility:
        case Responsibility.MODEL if cause.kind in ("not_reproduced", "changed_since"):
            return f"model_{cause.kind}"
        case Responsibility.MODEL if cause.gap is Gap.UNCHECKED_FIELD:
            return "model_unchecked_field"
        case Responsibility.SOURCE_DATA if cause.fields:
            return "source_data_fields"
        case Responsibility.KNOWLEDGE_BASE if cause.fields:
            return "knowledge_base_documents"
    return cause.responsibility.value


def _damage(cause: Finding) -> str:
    """Return what is damaged: the fields with the leading kind of damage, and those that are wrong beside."""
    if cause.kind in ("lost", "crossed") or not cause.fields:
        return PAYLOAD_DAMAGES.get(cause.kind or "any", PAYLOAD_DAMAGES["any"])
    kind = DAMAGES.get(cause.kind or "", "wrong")
    alike, others = cause.kind_fields, [name for name in cause.fields if name not in cause.kind_fields]
    if kind == "wrong":
        alike, others = (), [*alike, *others]
    subject = _part_of(alike, cause.kind) if cause.is_part_damaged else joined(alike)
    clauses = ((alike, subject, kind), (others, joined(others), "wrong"))
    return joined([f"{what} {'are' if len(names) > 1 else 'is'} {how}" for names, what, how in clauses if names])


def _part_of(fields: Sequence[str], kind: str | None) -> str:
    """Return `a value in content` or, where texts lack or replace one, `a part of content`; plural of several."""
    is_text = kind in ("missing", "replaced", "truncated", "encoding")
    singular, plural = ("a part of", "parts of") if is_text else ("a value in", "values in")
    return f"{plural if len(fields) > 1 else singular} {joined(fields)}"
