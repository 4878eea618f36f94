"""The sentences of verdicts and causes, so that CSV, report and Slack say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seamwatch.vocabulary import FreshnessReason, Gap, Responsibility

GAPS = {
    Gap.MISSING_REFERENCE: "a stage on the way has no reference",
    Gap.REFERENCE_FAILED: "the reference could not make this record's payload",
    Gap.REFERENCE_IN_DOUBT: "a reference contradicts right records about as much as wrong ones",
    Gap.MARK_UNPROVEN: "what may be a failure of the provider cannot be told from chance",
    Gap.UNKNOWN_STATUS: "the recorded status has no known meaning",
    Gap.TRUTH_PENDING: "the truth of the repaired record is not known",
    Gap.TRUTH_SUSPECT: "the truth label itself looks wrong",
    Gap.ENDPOINT_UNREACHABLE: "the model could not be reached in isolation",
    Gap.BUDGET_SPENT: "the budget for model calls is spent",
    Gap.REQUEST_NOT_RECORDED: "the request was not recorded and cannot be rebuilt",
    Gap.NOT_REPRODUCED: "the failure did not come again",
    Gap.STAGES_NOT_SEPARABLE: "no truth between the models tells them apart",
    Gap.UNCHECKED_FIELD: "a field that the outcome rests on is made by no reference",
    Gap.INPUTS_UNLIKE_ANY_BEFORE: "the inputs are unlike any before",
    Gap.MODEL_AT_BASELINE: "the model alone is at its baseline",
}
"""What is missing where one record cannot be attributed."""

_DAMAGE = {
    "unit": "in another unit",
    "sign": "of the opposite sign",
    "rounded": "rounded",
    "date": "a wrong date",
    "encoding": "broken in its characters",
    "truncated": "cut short",
    "default": "replaced by a default",
    "code_table": "wrong by its code table",
    "missing": "missing",
    "missing_lines": "missing lines",
    "extra_lines": "holding extra lines",
    "replaced": "replaced by another text",
    "shifted": "another record's",
    "stale": "an earlier record's",
    "other_kind": "of another kind",
    "other_field": "another field's",
}
_ODD = {
    "encoding": "holds broken characters",
    "missing": "is empty",
    "default": "holds a placeholder or one value over and over",
    "other_kind": "holds another kind of value",
    "other_field": "holds what another field should",
    "truncated": "is cut short",
    "new_value": "holds a new value",
    "length": "is shorter or longer than ever",
    "range": "is smaller or larger than ever",
    "language": "is in another language",
    "words": "is made of new words",
}
"""What is odd about a source's field, by the kind of its mark."""
_PROVIDER_KINDS = {
    "truncated": "truncated answers",
    "refused": "refusals",
    "empty": "empty answers",
    "timed_out": "calls that timed out",
    "rate_limited": "calls beyond the rate limit",
}


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def lost(stage: str) -> str:
    """Say that a record did not arrive."""
    return f"The record reached the input of {stage} and not {stage} itself."


def crossed(stage: str, other: object) -> str:
    """Say that a record carries another one's payload."""
    return f"At {stage} the record carries the payload of record {other}."


def behind(fields: Mapping[str, Sequence[str]]) -> str:
    """Say that the model was right and later stages, with these fields of each, were not."""
    return f"The recorded model answer gives the right outcome once {_repaired(fields)}."


def before(fields: Mapping[str, Sequence[str]]) -> str:
    """Say that the model was given a wrong request by these stages, with these fields of each."""
    return f"The model answers rightly once {_repaired(fields)}, and wrongly again on the request as recorded."


def _repaired(fields: Mapping[str, Sequence[str]]) -> str:
    stages = [f"{stage} ({_listed(names)})" if names else stage for stage, names in fields.items()]
    return f"{_listed(stages)} {'are' if len(stages) > 1 else 'is'} done as the reference says"


def before_one_of(stages: Sequence[str], gap: Gap | None) -> str:
    """Say that the model was given a wrong request, and that it is not known by which stage."""
    return (
        f"The model answers rightly once {_listed(stages)} are done as their references say, and wrongly again on the "
        f"request as recorded; which of them it is, is not known: {GAPS[gap] if gap is not None else 'not asked'}."
    )


def either(others: Sequence[Sequence[str]]) -> str:
    """Say which other repairs would have done as well; nothing where there are none."""
    return f" Repairing {' or '.join(_listed(one) for one in others)} instead would do as well." if others else ""


def model(stage: str) -> str:
    """Say that the model is wrong by itself."""
    return f"{stage} was called alone with a clean request and was wrong again."


def not_reproduced(stage: str) -> str:
    """Say that the failure did not come again."""
    return f"{stage} is usually right when asked again with the request as recorded: its answers vary by chance."


def changed_since(stage: str) -> str:
    """Say that the model is not the one that failed."""
    return (
        f"{stage} is right when asked again with the request as recorded, more often than its own chance answers "
        "explain: the model behind the endpoint has changed since."
    )


def convicted(model_stage: str, truth_stage: str) -> str:
    """Say which of several models it was."""
    return f"The outcome turns right once {truth_stage} holds the truth: {model_stage} before it was wrong."


def last_model(models: Sequence[str]) -> str:
    """Say that several models cannot be told apart."""
    return f"Clean requests are answered wrongly; no truth between {_listed(models)} tells which of them is wrong."


def suspect_truth(probability: float) -> str:
    """Say that the label is doubted."""
    return (
        f"The truth label itself looks wrong ({probability:.0%}): the model's answer is what records with a payload "
        "like this one are labelled."
    )


def no_model() -> str:
    """Say that nothing is left to blame."""
    return "Every stage does as its reference says, and the pipeline has no model: the truth or a reference is wrong."


def provider(stage: str, what: str) -> str:
    """Say that the provider failed."""
    return f"At {stage} {what}: the model gave no full answer."


def corrected(stage: str) -> str:
    """Say that the source was wrong when it was read."""
    return f"The outcome turns right with the payload that {stage} held after its later correction."


def misled(stage: str, fields: Sequence[str]) -> str:
    """Say that text in the input gave orders to the model, and it obeyed."""
    return f"The outcome turns right once what looks like instructions is left out of {_listed(fields)} at {stage}."


_DOCUMENT_FAULTS = {
    FreshnessReason.STALE: "served an old version of {}",
    FreshnessReason.MISSING: "could not find {}, which was not in the index",
    FreshnessReason.GHOST: "served {}, which is gone at the source",
    FreshnessReason.DUPLICATE: "served {} in more than one version",
}


def _document_faults(documents: Mapping[str, FreshnessReason]) -> str:
    by_reason: dict[FreshnessReason, list[str]] = {}
    for document, reason in documents.items():
        by_reason.setdefault(reason, []).append(document)
    return _listed([_DOCUMENT_FAULTS[reason].format(_listed(names)) for reason, names in by_reason.items()])


def outdated(stage: str, documents: Mapping[str, FreshnessReason]) -> str:
    """Say that the answer was wrong because the documents were."""
    return (
        f"The outcome turns right with the documents as they are at the source: {stage} {_document_faults(documents)}."
    )


def outdated_answers(n: int, n_answers: int, knowledge_base: str, documents: Sequence[str]) -> str:
    """Say how many answers rested on documents that are not as they should be."""
    return (
        f"{n} of {n_answers} answers rested on documents of {knowledge_base} that are not up to date: "
        f"{_listed(documents)}."
    )


def exonerated(stage: str, documents: Mapping[str, FreshnessReason]) -> str:
    """Say that documents were not as they should be, and that it was not that."""
    return f" {stage} {_document_faults(documents)}; with the documents as they are at the source it is wrong too."


def bad_source(stage: str, expectation: str) -> str:
    """Say that the source is suspect."""
    return f"The payload at {stage} fails {expectation}, and no repair further on turns the outcome right."


_Counts = tuple[int, int]
"""How many of how many."""


def _odd_input(stage: str, field: str, kind: str, with_it: _Counts, without: _Counts, before: _Counts) -> str:
    return (
        f"{field} at {stage} {_ODD[kind]}: {with_it[0]} of {with_it[1]} such records are wrong, {without[0]} of "
        f"{without[1]} others; {before[0]} of {before[1]} earlier inputs look so."
    )


def damaged_source(stage: str, field: str, with_it: _Counts, without: _Counts, before: _Counts, *, kind: str) -> str:
    """Say that a source's field is damaged, and that records fail with it.

    Args:
        stage: The source.
        field: Its field.
        with_it: Wrong ones of the records that have the damage.
        without: Wrong ones of the others.
        before: Inputs of before that have it, of all that are known.
        kind: Of the damage.
    """
    return f"{_odd_input(stage, field, kind, with_it, without, before)} No repair further on turns the outcome right."


def unlike_inputs(stage: str, field: str, with_it: _Counts, without: _Counts, before: _Counts, *, kind: str) -> str:
    """Say that the inputs which the model fails on are unlike those of before; arguments as `damaged_source`."""
    odd = _odd_input(stage, field, kind, with_it, without, before)
    return f"{odd} The model was never seen on such inputs: nothing tells whether they are wrong, or new to it."


def known_weakness(stage: str, field: str, kind: str, before: _Counts) -> str:
    """Say how often the model failed before on inputs with the same mark."""
    return f"{field} at {stage} {_ODD[kind]}; of earlier inputs like that {before[0]} of {before[1]} were wrong."


def model_at_baseline(window: _Counts, alone: _Counts) -> str:
    """Say that the model is as good as ever by itself and fails here all the same: how many wrong here, right alone."""
    return (
        f"Clean requests are answered wrongly in {window[0]} of {window[1]} records, and yet the model alone is at its "
        f"baseline ({alone[0]} of {alone[1]} right): its inputs or labels must be other than before."
    )


def missing_reference(stages: Sequence[str]) -> str:
    """Say which reference would settle it."""
    plural = "have" if len(stages) > 1 else "has"
    return f"{_listed(stages)} {plural} no reference: add one to tell the model and the mapping apart."


def _fields_by_stage(fields: Mapping[str, Sequence[str]]) -> str:
    return _listed([f"{_listed(names)} at {stage}" for stage, names in fields.items()])


def not_checked(fields: Mapping[str, Sequence[str]]) -> str:
    """Say which fields were compared with nothing, by stage."""
    return f"Not checked: {_fields_by_stage(fields)}."


def unchecked_suspect(fields: Mapping[str, Sequence[str]]) -> str:
    """Say that the fault may lie in fields that were compared with nothing, by stage."""
    n = sum(len(names) for names in fields.values())
    return (
        f"Not checked: {_fields_by_stage(fields)}. No reference makes {'them' if n > 1 else 'it'}, and the fault may "
        f"lie there: let the reference make {'them' if n > 1 else 'it'} to tell it from the model."
    )


def reference_failed(stage: str) -> str:
    """Say that a reference raised."""
    return f"The reference of {stage} could not make this record's payload."


def reference_in_doubt(stage: str) -> str:
    """Say that a reference contradicts right records as well."""
    return f"The reference of {stage} contradicts right records about as much as wrong ones: it is in doubt itself."


def mark_unproven(stage: str, what: str) -> str:
    """Say that what may be a failure of the provider cannot be told from chance."""
    return f"At {stage} {what}; too few records are like that to tell whether right ones are not."


def unknown_status(stage: str, status: str) -> str:
    """Say that a status nobody can read goes with wrong records."""
    return (
        f"The call at {stage} ended with status {status!r}, which right records do not have and whose meaning is not "
        "known; asked again, the model answers rightly."
    )


def not_known(which: Gap, what: str) -> str:
    """Say which experiment has no answer, and why."""
    return f"Undetermined: {GAPS[which]}, so it is not known whether the outcome is right {what}."


def with_correction(stage: str) -> str:
    """Name the experiment with a corrected source."""
    return f"with the payload that {stage} held after its later correction"


def without_instructions() -> str:
    """Name the experiment without what looks like instructions."""
    return "once what looks like instructions is left out"


def with_documents() -> str:
    """Name the experiment with current documents."""
    return "with the documents as they are at the source"


def with_truth(stage: str) -> str:
    """Name the experiment with the label of a stage between models."""
    return f"once {stage} holds the truth"


def on_right_records(stage: str) -> str:
    """Name the experiment that tries a reference on right records."""
    return f"on right records that the reference of {stage} contradicts as well"


def gap(which: Gap | None) -> str:
    """Say what evidence is missing."""
    text = GAPS[which] if which is not None else "the evidence does not settle it"
    return f"Undetermined: {text}."


def stratum(n_leading: int, n_seen: int, explanation: str) -> str:
    """Say that the record was judged by its like."""
    return f"As {n_leading} of {n_seen} replayed records with the same discrepancies: {explanation}"


def _model_headline(where: str, pattern: str | None, gap: Gap | None) -> str:
    if pattern == "not_reproduced":
        return f"{where} answers by chance: wrong when recorded, usually right when asked again."
    if pattern == "changed_since":
        return f"{where} answered wrongly and no longer does: the model has changed since."
    if gap is Gap.UNCHECKED_FIELD:
        return f"The model at {where} is wrong, or a field of its request that no reference makes."
    return f"The model at {where} is wrong on clean requests."


def headline(
    responsibility: Responsibility,
    stage: str | None,
    fields: Sequence[str],
    pattern: str | None,
    *,
    pattern_fields: Sequence[str] | None = None,
    is_part: bool = False,
    gap: Gap | None = None,
) -> str:
    """Return one line for a cause, as a person would say it.

    Args:
        responsibility: Whose fault it is.
        stage: Where; None where that is not known.
        fields: Fields, or documents, that most of its records name.
        pattern: The kind of damage.
        pattern_fields: Those of the fields that have it; None: all.
        is_part: Whether a value within a text has it, not the whole text.
        gap: What evidence is missing of most of its records.
    """
    where = stage or "unknown stage"
    alike = [name for name in fields if pattern_fields is None or name in pattern_fields]
    others = [name for name in fields if name not in alike]
    match responsibility:
        case Responsibility.INTEGRATION:
            what = _damage(pattern, alike, others, is_part=is_part)
            return f"Integration failure at {where}: {what}. The model is not at fault."
        case Responsibility.MODEL:
            return _model_headline(where, pattern, gap)
        case Responsibility.PROVIDER:
            return f"Provider failure at {where}: {_PROVIDER_KINDS.get(pattern or '', 'failed calls')}."
        case Responsibility.SOURCE_DATA:
            what = f": {_damage(pattern, alike, others, is_part=is_part)}" if fields else ""
            return f"Wrong source data at {where}{what}."
        case Responsibility.KNOWLEDGE_BASE:
            if not fields:
                return f"Outdated or missing documents at {where}."
            faults = {reason.value: text for reason, text in _DOCUMENT_FAULTS.items()}
            unclear = "served {}, which is not up to date"
            parts = ((faults.get(pattern or "", unclear), alike), (unclear, others))
            told = _listed([fault.format(_listed(names)) for fault, names in parts if names])
            return f"Knowledge base: {where} {told}. The model is not at fault."
        case Responsibility.ADVERSARIAL_INPUT:
            return f"Adversarial input at {where}."
        case _:
            return "Undetermined: the evidence does not settle the cause."


def _damage(pattern: str | None, alike: Sequence[str], others: Sequence[str], *, is_part: bool) -> str:
    """Return what is damaged at a stage: the fields with the leading kind of damage, and those that are wrong beside.

    Args:
        pattern: The kind of damage.
        alike: Fields that have it.
        others: Further fields that are wrong.
        is_part: Whether it is the damage of a value within a text.
    """
    if pattern == "lost":
        return "records are lost"
    if pattern == "crossed":
        return "records carry another record's payload"
    if not alike and not others:
        return "records carry an old payload" if pattern == "stale" else "payloads are wrong"
    kind = "swapped" if pattern == "swapped" else _DAMAGE.get(pattern or "", "wrong")
    if kind == "wrong":
        alike, others = (), [*alike, *others]
    subject = _part_of(alike, pattern) if is_part else _listed(alike)
    damaged = [f"{subject} {'are' if len(alike) > 1 else 'is'} {kind}"] if alike else []
    wrong = [f"{_listed(others)} {'are' if len(others) > 1 else 'is'} wrong"] if others else []
    return _listed([*damaged, *wrong])


def _part_of(fields: Sequence[str], pattern: str | None) -> str:
    """Return `a value in content` or, where texts lack or replace one, `a part of content`; plural of several."""
    is_text = pattern in ("missing", "replaced", "truncated", "encoding")
    one, several = ("a part of", "parts of") if is_text else ("a value in", "values in")
    return f"{several if len(fields) > 1 else one} {_listed(fields)}"
