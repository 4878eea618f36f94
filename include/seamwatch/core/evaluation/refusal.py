"""Whether an answer declines to answer.

What counts is that the one who answers says of itself that it does not answer: first person, inability or
unwillingness, and an act of answering. That a payment was refused, that a customer cannot come, or that a policy allows
no refund is an answer. So is a text that declines one part and goes on to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.phrases import first_match
from seamwatch.core.evaluation.results import Evaluation, evaluate_each, excerpt, failed, passed, unknown
from seamwatch.core.evaluation.texts import NotRead, holds_any, normal_text, read_text, sentences, without_quotations

_NEAR_START = 3
"""Sentences among which an answer that declines says so."""
_MOST_AFTER = 45
"""Words of other sentences after which an answer has answered something, though it declined a part."""


def evaluate_refusal(answers: pd.Series[Any], *, phrases: Sequence[str] = ()) -> pd.DataFrame:
    """Return for each answer whether it declines; that is a fail.

    Args:
        answers: As recorded, index key.
        phrases: Texts that are a refusal too.

    Returns:
        `state`, `score` (1 or 0), `reason` (the sentence that declines).
    """

    def evaluate(_: Any, answer: Any) -> Evaluation | NotRead:
        text = read_text(answer)
        if isinstance(text, NotRead):
            return text
        if not text.strip():
            return unknown("the answer is empty")
        said = find_refusal(text, phrases=phrases)
        return passed() if said is None else failed(f"declines: {excerpt(said)}")

    return evaluate_each(answers, evaluate)


def find_refusal(answer: str, *, phrases: Sequence[str] = ()) -> str | None:
    """Return the sentence by which an answer declines; None where it answers."""
    if holds_any(answer, phrases):
        return next((one for one in sentences(answer) if holds_any(one, phrases)), answer)
    said = sentences(without_quotations(answer))
    for place, sentence in enumerate(said[:_NEAR_START]):
        if is_refusal_sentence(sentence):
            others = [one for number, one in enumerate(said) if number != place and not _is_aside(one)]
            return sentence if sum(len(one.split()) for one in others) <= _MOST_AFTER else None
    return None


def is_refusal_sentence(sentence: str) -> bool:
    """Return whether a sentence says that the one who answers does not."""
    normal = normal_text(without_quotations(sentence))
    found = first_match("refusal", normal)
    # "I cannot help you until I know your order number" asks for it.
    return found is not None and (first_match("condition", normal[found.start() :]) is None or "answer" in found[0])


def _is_aside(sentence: str) -> bool:
    """Return whether a sentence is what goes with a refusal: an apology, another address, an offer."""
    return is_refusal_sentence(sentence) or first_match("aside", normal_text(sentence)) is not None
