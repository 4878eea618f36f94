"""Which documents that are not in the index a retrieval would have served, by words shared with the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seamwatch.core.documents import Served
from seamwatch.core.retrieved_documents import without_front_matter


def missed_documents(
    questions: Mapping[str, str], served: Mapping[str, Sequence[Served]], missing: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return by record the missing documents that fit its question better than the worst of what it was served.

    Args:
        questions: By record, the text that the retrieval was asked with.
        served: By record, what it was served.
        missing: By document, its text.

    Cosine of TF-IDF vectors over paragraphs, learnt on what is missing and what was served. No more than a suspicion:
    that the document would have made the outcome right is tried by a replay.
    """
    asked = [key for key, question in questions.items() if question.strip()]
    if not missing or not asked:
        return {}
    from sklearn.feature_extraction.text import TfidfVectorizer

    passages = [
        (document, part)
        for document, text in missing.items()
        for part in without_front_matter(text).split("\n\n")
        if part.strip()
    ]
    texts = [one.text or "" for key in asked for one in served.get(key, ())]
    if not passages:
        return {}
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    try:
        vectorizer.fit([part for _, part in passages] + texts)
    except ValueError:  # nothing but stop words
        return {}
    wanted = vectorizer.transform([questions[key] for key in asked])
    fits = (wanted @ vectorizer.transform([part for _, part in passages]).T).toarray()
    have = vectorizer.transform(texts) if texts else None
    found: dict[str, tuple[str, ...]] = {}
    at = 0
    owners = np.array([document for document, _ in passages])
    for number, key in enumerate(asked):
        n = len(served.get(key, ()))
        weakest = 0.0
        if n and have is not None:
            weakest = float((wanted[number] @ have[at : at + n].T).toarray().min())
        at += n
        better = fits[number] > max(weakest, 0.05)
        if better.any():
            ranked = owners[better][np.argsort(-fits[number][better])]
            found[key] = tuple(dict.fromkeys(ranked.tolist()))
    return found


def next_passages(questions: Mapping[Any, str], pool: Sequence[Served], *, n: int) -> dict[Any, tuple[Served, ...]]:
    """Return by record the `n` passages of a pool that fit its question best, best first.

    Args:
        questions: By record, the text that the retrieval was asked with.
        pool: Passages with a text, as they were served to anybody.
        n: How many.

    They stand for what a retrieval would have served in the place of what it should not have: cosine of TF-IDF vectors
    over runs of characters, which forgives what people mistype.
    """
    asked = [key for key, question in questions.items() if question.strip()]
    texts = [one.text for one in pool if one.text]
    if not asked or not texts:
        return {}
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    matrix = vectorizer.fit_transform(texts)
    known = [one for one in pool if one.text]
    scores = (vectorizer.transform([questions[key] for key in asked]) @ matrix.T).toarray()
    return {
        key: tuple(known[place] for place in np.argsort(-row, kind="stable")[:n])
        for key, row in zip(asked, scores, strict=True)
    }
