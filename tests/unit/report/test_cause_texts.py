"""Headlines of causes."""

from __future__ import annotations

import pytest

from seamwatch.core.finding import Finding
from seamwatch.report.cause_texts import headline
from seamwatch.vocabulary import Gap, Responsibility


def cause(responsibility: Responsibility, stage: str | None, **more: object) -> Finding:
    facts = {"responsibility": responsibility, "stage": stage, "n_records": 1, "confidence": 0.9, **more}
    return Finding(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "kind", "alike", "is_part", "says"),
    [
        (("amount",), "stale", ("amount",), False, "amount is an earlier record's."),
        ((), "stale", (), False, "records carry an old payload."),
        ((), "lost", (), False, "records are lost."),
        (("id",), "crossed", (), False, "records carry another record's payload."),
        ((), None, (), False, "payloads are wrong."),
        (("text",), "truncated", ("text",), False, "text is cut short."),
        (("text", "note"), "truncated", ("text", "note"), False, "text and note are cut short."),
        (("text", "queue"), "truncated", ("text",), False, "text is cut short and queue is wrong."),
        (("a", "b", "c"), "unit", ("b",), False, "b is in another unit and a and c are wrong."),
        (("a", "b", "c"), "swapped", ("a", "b"), False, "a and b are swapped and c is wrong."),
        (("body",), "missing_lines", ("body",), False, "body is missing lines."),
        (("body",), "missing", ("body",), True, "a part of body is missing."),
        (("body", "head"), "unit", ("body", "head"), True, "values in body and head are in another unit."),
        (("text", "queue"), None, (), False, "text and queue are wrong."),
    ],
)
def test_a_headline_says_a_kind_of_damage_of_those_fields_only_that_have_it(
    fields: tuple[str, ...], kind: str | None, alike: tuple[str, ...], is_part: bool, says: str
) -> None:
    found = cause(
        Responsibility.INTEGRATION, "request", fields=fields, kind=kind, kind_fields=alike, is_part_damaged=is_part
    )
    assert headline(found) == f"Integration failure at request: {says} The model is not at fault."


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (cause(Responsibility.MODEL, "llm"), "The model at llm is wrong on clean requests."),
        (cause(Responsibility.MODEL, None), "The model at unknown stage is wrong on clean requests."),
        (
            cause(Responsibility.MODEL, "llm", kind="not_reproduced", gap=Gap.UNCHECKED_FIELD),
            "llm is not deterministic: wrong when recorded, usually right when asked again.",
        ),
        (
            cause(Responsibility.MODEL, "llm", kind="changed_since"),
            "llm answered wrongly and no longer does: the model has changed since.",
        ),
        (
            cause(Responsibility.MODEL, "llm", gap=Gap.UNCHECKED_FIELD),
            "The model at llm is wrong, or a field of its request that no reference makes.",
        ),
        (cause(Responsibility.PROVIDER, "llm", kind="refused"), "Provider failure at llm: refusals."),
        (cause(Responsibility.PROVIDER, "llm", kind="error"), "Provider failure at llm: failed calls."),
        (cause(Responsibility.SOURCE_DATA, "crm"), "Wrong source data at crm."),
        (
            cause(Responsibility.SOURCE_DATA, "crm", fields=("text",), kind="encoding", kind_fields=("text",)),
            "Wrong source data at crm: text is broken in its characters.",
        ),
        (cause(Responsibility.KNOWLEDGE_BASE, "search"), "Outdated or missing documents at search."),
        (
            cause(Responsibility.KNOWLEDGE_BASE, "search", fields=("a", "b"), kind="ghost", kind_fields=("b",)),
            "Knowledge base: search served b, which is gone at the source and served a, which is not up to date. "
            "The model is not at fault.",
        ),
        (cause(Responsibility.ADVERSARIAL_INPUT, "crm"), "Adversarial input at crm."),
        (
            cause(Responsibility.UNDETERMINED, None, gap=Gap.BUDGET_SPENT),
            "Undetermined: the evidence does not settle the cause.",
        ),
    ],
)
def test_a_headline_by_responsibility(found: Finding, says: str) -> None:
    assert headline(found) == says
