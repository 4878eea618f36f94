"""How far people who judge answers agree, and who of them stands out, in words."""

from __future__ import annotations

from collections.abc import Sequence

from seamwatch.core.accuracy.agreement import Agreement
from seamwatch.core.accuracy.reviewers import ReviewerFinding, ReviewerTrait
from seamwatch.report import numbers
from seamwatch.report.text import visible

_TRAITS = {
    ReviewerTrait.SAYS_RIGHT_TO_ALL: "called all {n} answers right, where others call {others} of such answers right",
    ReviewerTrait.SAYS_WRONG_TO_ALL: "called all {n} answers wrong, where others call {others} of such answers right",
    ReviewerTrait.MORE_OFTEN_RIGHT: "calls {share} of answers right, where others call {others} of such answers right",
    ReviewerTrait.MORE_OFTEN_WRONG: "calls {share} of answers right, where others call {others} of such answers right",
    ReviewerTrait.DISAGREES: "differs from others on {share} of the same answers, they from each other on {others}",
}


def agreement_sentence(found: Agreement) -> str:
    """Return how far people agree who judged the same answers."""
    if not found.n_records:
        return "How far people agree is not known: no answer was judged by two of them."
    share = numbers.percent(found.observed)
    said = f"Two people who judged the same answer agree in {share} of {numbers.plural(found.n_records, 'answer')}"
    if found.value is None or found.low is None or found.high is None:
        return f"{said}; beyond chance nothing can be said of it."
    return f"{said}; beyond chance {found.value:.2f} (Krippendorff's alpha, {found.low:.2f} to {found.high:.2f})."


def reviewer_sentences(found: Sequence[ReviewerFinding]) -> tuple[str, ...]:
    """Return who stands out among the people who judge; their labels count all the same."""
    return tuple(
        f"{visible(one.reviewer)} "
        + _TRAITS[one.trait].format(
            n=numbers.count(one.n), share=numbers.percent(one.share), others=numbers.percent(one.others)
        )
        + f" ({numbers.probability(one.p_value)} by chance). Their labels count all the same: look into it."
        for one in found
    )
