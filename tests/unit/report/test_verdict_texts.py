"""Why a verdict is what it is, in words: one case a kind of reason, each with all that its sentence needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.reasons import CallFailure, Damage, DamageForm, FailureSign, Reason, ReasonKind
from seamwatch.core.records.call_endings import call_failure
from seamwatch.core.results import Verdict
from seamwatch.report.verdict_texts import describe_failure, describe_reason, explain, explained
from seamwatch.vocabulary import FreshnessReason, Gap, Responsibility

STAGE, STAGES = {"stages": ("crm",)}, {"stages": ("crm", "request", "prompt")}
EMPTY = CallFailure(pattern="empty", sign=FailureSign.EMPTY)
FIELD = {**STAGE, "fields": (("text",),)}
FIELDS = {"stages": ("request", "prompt"), "fields": (("queue", "text"), ())}
COUNTED = {**FIELD, "counts": ((8, 9), (3, 40), (0, 500)), "detail": "encoding"}
DOCUMENTS = {
    **STAGE,
    "documents": (
        ("fees", FreshnessReason.STALE),
        ("rules", FreshnessReason.GHOST),
        ("terms", FreshnessReason.STALE),
    ),
}
UNASKED = {**STAGE, "gap": Gap.BUDGET_SPENT}
NOT_KNOWN = "Undetermined: the budget for model calls is spent, so it is not known whether the outcome is right"
SENTENCES = [
    ("lost", STAGE, "The record reached the input of crm and not crm itself."),
    ("crossed", {**STAGE, "detail": "17"}, "At crm the record carries the payload of record 17."),
    (
        "after_model",
        FIELDS,
        "The recorded model answer gives the right outcome once request (queue and text) and prompt are done as the "
        "reference says.",
    ),
    (
        "before_model",
        FIELD,
        "The model answers rightly once crm (text) is done as the reference says, and wrongly again on the request as "
        "recorded.",
    ),
    (
        "before_model_one_of",
        {**STAGES, "gap": Gap.BUDGET_SPENT},
        "The model answers rightly once crm, request and prompt are done as their references say, and wrongly again on "
        "the request as recorded; which of them it is, is not known: the budget for model calls is spent.",
    ),
    ("before_model_one_of", STAGES, "which of them it is, is not known: not asked."),
    (
        "other_repairs",
        {"repairs": (("crm", "prompt"), ("request",))},
        "Repairing crm and prompt or request instead would do as well.",
    ),
    ("damage", {**FIELD, "damage": Damage(form=DamageForm.EMPTY)}, "Of text, recorded is empty."),
    ("model", STAGE, "crm was called alone with a clean request and was wrong again."),
    (
        "model_before_truth",
        {"stages": ("writer", "draft")},
        "The outcome turns right once draft holds the truth: writer before it was wrong.",
    ),
    (
        "one_of_models",
        STAGES,
        "Clean requests are answered wrongly; no truth between crm, request and prompt tells which of them is wrong.",
    ),
    (
        "not_reproduced",
        STAGE,
        "crm is usually right when asked again with the request as recorded: its answers vary by chance.",
    ),
    ("changed_since", STAGE, "the model behind the endpoint has changed since."),
    ("no_model", {}, "Every stage does as its reference says, and the pipeline has no model"),
    (
        "documents_harmless",
        DOCUMENTS,
        "crm served an old version of fees and terms and served rules, which is gone at the source; with the documents "
        "as they are at the source it is wrong too.",
    ),
    ("provider", {**STAGE, "failure": EMPTY}, "At crm the answer was empty: the model gave no full"),
    ("mark_unproven", {**STAGE, "failure": EMPTY}, "At crm the answer was empty; too few records are"),
    ("unknown_status", {**STAGE, "detail": "O'K"}, 'The call at crm ended with status "O\'K", which right records'),
    ("source_corrected", STAGE, "right with the payload that crm held after its later correction."),
    ("source_suspect", {**STAGE, "detail": "a_check"}, "The payload at crm fails a_check, and no repair further on"),
    (
        "source_broken_everywhere",
        {**STAGE, "detail": "a_check", "counts": ((30, 90), (94, 100))},
        "crm fails a_check, as nearly every one of the window does; clean requests are answered wrongly in 30 of 90 "
        "records, and yet the model alone is at its baseline (94 of 100 right).",
    ),
    (
        "source_damaged",
        COUNTED,
        "text at crm holds broken characters: 8 of 9 such records came out wrong, 3 of 40 others; 0 of 500 "
        "earlier inputs looked so. No repair further on turns the outcome right.",
    ),
    ("unlike_inputs", COUNTED, "0 of 500 earlier inputs looked so. The model was never seen on such inputs"),
    (
        "known_weakness",
        COUNTED,
        "text at crm holds broken characters; of earlier inputs like that 8 of 9 came out wrong.",
    ),
    (
        "model_at_baseline",
        {"counts": ((30, 90), (94, 100))},
        "Clean requests are answered wrongly in 30 of 90 records, and yet the model alone is at its baseline (94 of "
        "100 right)",
    ),
    ("instructions", FIELD, "once what looks like instructions is left out of text at crm."),
    ("outdated_documents", DOCUMENTS, "at the source: crm served an old version of fees and terms and served rules"),
    ("suspect_truth", {"chance_ratio": 0.97}, "The truth label itself looks wrong (97%): the model's answer"),
    ("missing_reference", STAGE, "crm has no reference: add one"),
    ("missing_reference", STAGES, "crm, request and prompt have no reference: add one"),
    ("reference_failed", STAGE, "The reference of crm could not make this record's payload."),
    ("reference_in_doubt", STAGE, "The reference of crm contradicts right records about as much as wrong ones"),
    (
        "not_checked",
        {"stages": ("request", "prompt"), "fields": (("queue", "text"), ("body",))},
        "Not checked: queue and text at request and body at prompt.",
    ),
    ("unchecked_suspect", FIELD, "Not checked: text at crm. No reference makes it, and the fault may lie there: let"),
    ("unchecked_suspect", {**STAGE, "fields": (("a", "b"),)}, "let the reference make them to tell it from the model."),
    ("benchmark_not_made", FIELD, "needs every field to be made by a reference; Not checked: text at crm."),
    ("benchmark_references", STAGES, "the benchmark needs a reference for crm, request, prompt"),
    ("benchmark_sources", STAGES, "the payload of one source; the pipeline also reads crm, request, prompt"),
    ("unsettled", {"gap": Gap.BUDGET_SPENT}, "Undetermined: the budget for model calls is spent."),
    ("unsettled", {}, "Undetermined: the evidence does not settle it."),
    ("unknown_with_correction", UNASKED, f"{NOT_KNOWN} with the payload that crm held after its later correction."),
    ("unknown_without_instructions", UNASKED, f"{NOT_KNOWN} once what looks like instructions is left out."),
    ("unknown_with_documents", UNASKED, f"{NOT_KNOWN} with the documents as they are at the source."),
    ("unknown_with_truth", UNASKED, f"{NOT_KNOWN} once crm holds the truth."),
    ("unknown_on_right_records", UNASKED, f"{NOT_KNOWN} on right records that the reference of crm contradicts as"),
    ("like_replayed", {"counts": ((3, 4),)}, "As 3 of 4 replayed records with the same discrepancies:"),
]


@pytest.mark.parametrize(("kind", "facts", "says"), SENTENCES)
def test_each_kind_of_reason_has_its_sentence(kind: str, facts: dict[str, object], says: str) -> None:
    sentence = describe_reason(Reason(kind=ReasonKind(kind), **facts))  # type: ignore[arg-type]
    assert says in sentence
    assert "{" not in sentence
    assert "  " not in sentence


def test_no_kind_of_reason_is_left_out_above() -> None:
    assert {kind for kind, _, _ in SENTENCES} == set(ReasonKind)


def verdict(*reasons: Reason) -> Verdict:
    return Verdict(key="1", responsibility=Responsibility.MODEL, stage="llm", confidence=0.9, reasons=reasons)


def test_a_verdict_says_its_reasons_one_after_the_other() -> None:
    like = Reason(kind=ReasonKind.LIKE_REPLAYED, counts=((3, 4),))
    model = Reason(kind=ReasonKind.MODEL, stages=("llm",))
    unchecked = Reason(kind=ReasonKind.NOT_CHECKED, stages=("request",), fields=(("product",),))
    (told,) = explained([verdict(like, model, unchecked)])
    assert told.explanation == (
        "As 3 of 4 replayed records with the same discrepancies: llm was called alone with a clean request and was "
        "wrong again. Not checked: product at request."
    )
    assert told.reasons == ()


@given(text=st.text())
def test_what_records_hold_is_no_template(text: str) -> None:
    """A name or value with braces is shown as it is."""
    failure = CallFailure(pattern="error", sign=FailureSign.STATUS, recorded=text)
    reason = Reason(kind=ReasonKind.PROVIDER, stages=(text,), failure=failure)
    assert explain(verdict(reason)) == f"At {text} the call ended with status {text}: the model gave no full answer."


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (call_failure(503, "", None), "the call ended with status 503"),
        (call_failure(None, None, "error:rate_limited"), "the provider answered with an error (rate_limited)"),
        (call_failure(None, None, "error"), "the provider answered with an error"),
        (call_failure(200, "half an", "length"), "the answer was truncated (finish reason length)"),
        (call_failure(200, "", "stop"), "the answer was empty"),
        (call_failure(200, "I cannot assist with this.", None), "the answer was a refusal"),
    ],
)
def test_a_failed_call_is_said_by_its_sign(failure: CallFailure, says: str) -> None:
    assert describe_failure(failure) == says
