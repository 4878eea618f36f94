"""Whether something was answered that is unlike anything that the system was made for.

An input is compared with examples: the similarity to its nearest one, by runs of characters within its content words,
weighted by how rare they are among the examples; a run that no example has weighs most. How small a similarity is odd
is learnt from the examples themselves, each held against the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.evaluation.refusal import find_refusal
from seamwatch.core.evaluation.results import Evaluation, all_unknown, as_frame, excerpt, failed, passed, unknown
from seamwatch.core.evaluation.stems import content_words
from seamwatch.core.evaluation.texts import NotRead, read_text, sentences

FEWEST = 10
"""Different examples from which it can be told how alike they are."""
MOST = 2_000
"""Examples that are kept, spread evenly over all: more make no threshold sharper."""
_FOLDS = 10
_SURELY_ALIKE = 0.15
"""An input so like an example shares telling words with it: it is in scope, though the examples are more alike."""
_BATCH = 500

Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a system was made for."""

    examples: tuple[str, ...]
    """What different ones say, and sentences of documents: their content words."""
    usual: tuple[float, ...]
    """Similarity of each to the nearest of those of other folds, ascending."""
    least: float
    """An input whose similarity is below is out of scope."""


def learn_scope(examples: Sequence[str], *, false_alarms: float, documents: Sequence[str] = ()) -> Scope | None:
    """Return the scope that examples show; None where there are fewer than `FEWEST` different ones.

    Args:
        examples: Inputs that the system was made for.
        false_alarms: Share of such inputs that may be called out of scope.
        documents: Texts that it answers from: an input that is like a sentence of them is in scope too.

    The threshold is the quantile of `false_alarms` among the examples' own similarities, at most `_SURELY_ALIKE`. Fewer
    than 1 / `false_alarms` examples cannot show that quantile: then it is about the least of them.
    """
    different = list(dict.fromkeys(text for one in examples if (text := _content(one))))
    if len(different) < FEWEST:
        return None
    different = _spread(different)
    # In alphabetical order, so that what is like each other goes into different folds whatever order it was read in.
    different.sort()
    usual = np.empty(len(different))
    folds = np.arange(len(different)) % _FOLDS
    for fold in range(_FOLDS):
        mine = np.flatnonzero(folds == fold)
        others = [different[place] for place in np.flatnonzero(folds != fold)]
        if len(mine):
            usual[mine] = _nearest([different[place] for place in mine], others)
    usual.sort()
    known = set(different)
    said = list(dict.fromkeys(text for one in documents for part in sentences(one) if (text := _content(part))))
    return Scope(
        examples=(*different, *_spread([one for one in said if one not in known])),
        usual=tuple(usual.tolist()),
        least=min(_SURELY_ALIKE, float(np.quantile(usual, false_alarms))),
    )


def _spread(texts: list[str]) -> list[str]:
    """Return at most `MOST` texts, spread evenly over all."""
    return texts if len(texts) <= MOST else [texts[place] for place in np.linspace(0, len(texts) - 1, MOST).astype(int)]


def evaluate_scope(
    answers: pd.Series[Any], inputs: pd.Series[Any], scope: Scope | None, *, phrases: Sequence[str] = ()
) -> pd.DataFrame:
    """Return for each record whether an input out of scope was answered; one that was refused passes.

    Args:
        answers: As recorded, index key.
        inputs: What was asked, the same index.
        scope: What the system was made for; None where too few examples are known.
        phrases: Texts that are a refusal, beside the usual ones.

    Returns:
        `state`, `score` (share of the examples that are no more like the others than this input is, 1 where it was
        refused), `reason`.
    """
    if scope is None:
        return all_unknown(answers.index, f"fewer than {FEWEST} different inputs are known that it was made for")
    asked = [read_text(one, "input") for one in inputs.reindex(answers.index).to_numpy(dtype=object)]
    legible = [n for n, text in enumerate(asked) if isinstance(text, str) and _content(text)]
    texts = [_content(str(asked[n])) for n in legible]
    alike = dict(zip(legible, _nearest(texts, scope.examples), strict=True))
    return as_frame(
        [
            _judge(answer, asked[n], alike.get(n), scope, phrases)
            for n, answer in enumerate(answers.to_numpy(dtype=object))
        ],
        answers.index,
    )


def _judge(answer: Any, asked: str | NotRead, alike: float | None, scope: Scope, phrases: Sequence[str]) -> Evaluation:
    text = read_text(answer)
    for one in (text, asked):
        if isinstance(one, NotRead):
            return unknown(one.reason)
    if alike is None:
        return unknown("the input says too little")
    rank = float(np.searchsorted(scope.usual, alike, side="right")) / len(scope.usual)
    if alike >= scope.least:
        return passed(score=max(rank, 0.5 / len(scope.usual)))
    if not str(text).strip():
        return unknown("the answer is empty")
    if find_refusal(str(text), phrases=phrases) is not None:
        return passed("out of scope, and refused")
    told = f"similarity {alike:.2f} to the nearest example, usual is {scope.least:.2f} or more"
    return failed(f"out of scope and answered ({told}): {excerpt(str(asked))}", score=rank)


def _content(text: str) -> str:
    return " ".join(content_words(text))


def _nearest(texts: Sequence[str], examples: Sequence[str]) -> Vector:
    """Return by text how like the nearest example it is, 0 to 1; of both the content words."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    if not texts:
        return np.empty(0)
    # Runs that no example has count too, unlike with a vectorizer that knows its examples' runs only.
    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=2**20, alternate_sign=False, norm=None, lowercase=False
    )
    weights = TfidfTransformer(sublinear_tf=True)
    known = weights.fit_transform(vectorizer.transform(examples)).T.tocsr()
    different = list(dict.fromkeys(texts))
    found: dict[str, float] = {}
    for start in range(0, len(different), _BATCH):
        batch = different[start : start + _BATCH]
        products = weights.transform(vectorizer.transform(batch)) @ known
        found |= dict(zip(batch, products.max(axis=1).toarray().ravel().tolist(), strict=True))
    return np.array([found[text] for text in texts])
