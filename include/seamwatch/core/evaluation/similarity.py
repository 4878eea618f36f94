"""How much an answer is like a reference answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.evaluation.results import Evaluation, as_frame, failed, passed, unknown
from seamwatch.core.evaluation.texts import NotRead, normal_text, read_text


def evaluate_similarity(answers: pd.Series[Any], references: pd.Series[Any], *, at_least: float) -> pd.DataFrame:
    """Return whether each answer is like its reference.

    Args:
        answers: As recorded, index key.
        references: Reference answers, the same index.
        at_least: Similarity from which an answer passes.

    Returns:
        `state`, `score` (the similarity, 0 to 1), `reason`.

    Cosine of vectors of runs of 2 to 4 characters within words (scikit-learn's `HashingVectorizer`, sublinear counts,
    no weights that would depend on the other answers): what one answer scores hangs on no other.
    """
    pairs = [
        (read_text(answer), read_text(reference, "reference"))
        for answer, reference in zip(
            answers.to_numpy(dtype=object), references.reindex(answers.index).to_numpy(dtype=object), strict=True
        )
    ]
    legible = [
        place
        for place, (answer, reference) in enumerate(pairs)
        if isinstance(answer, str) and isinstance(reference, str) and normal_text(reference)
    ]
    scores = dict(zip(legible, _cosines([pairs[place] for place in legible]), strict=True))  # type: ignore[misc]
    return as_frame(
        [_judge(answer, reference, scores.get(n), at_least) for n, (answer, reference) in enumerate(pairs)],
        answers.index,
    )


def _judge(answer: str | NotRead, reference: str | NotRead, score: float | None, at_least: float) -> Evaluation:
    for one in (answer, reference):
        if isinstance(one, NotRead):
            return unknown(one.reason)
    if score is None:
        return unknown("the reference is empty")
    if score >= at_least:
        return passed(score=score)
    return failed(f"similarity {score:.2f} is below {at_least:g}", score=score)


def _cosines(pairs: list[tuple[str, str]]) -> list[float]:
    """Return the similarity of the two texts of each pair."""
    from sklearn.feature_extraction.text import HashingVectorizer

    if not pairs:
        return []
    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), n_features=2**20, alternate_sign=False, norm=None, lowercase=False
    )
    left, right = (vectorizer.transform([normal_text(pair[side]) for pair in pairs]) for side in (0, 1))
    for matrix in (left, right):
        matrix.data = 1.0 + np.log(matrix.data)
    dots = np.asarray(left.multiply(right).sum(axis=1)).ravel()
    norms = [np.sqrt(np.asarray(one.multiply(one).sum(axis=1)).ravel()) for one in (left, right)]
    lengths = norms[0] * norms[1]
    # Texts without a letter have no runs: alike if they are equal.
    equal = np.array([float(normal_text(a) == normal_text(b)) for a, b in pairs])
    found = np.where(lengths > 0, dots / np.where(lengths > 0, lengths, 1.0), equal)
    return [float(one) for one in np.clip(np.where(equal > 0, 1.0, found), 0.0, 1.0)]
