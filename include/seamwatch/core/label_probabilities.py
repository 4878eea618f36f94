"""What the records around one say about its class: probabilities by learners that did not see its own label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.records.comparison import strict_text

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MOST_TEXTS = 2000
"""Records that the classifier of texts learns from, at most: its time grows with the third power."""
_MOST_CATEGORIES = 40
_TREES, _WORDS = 100, 128
_RIDGE = 0.3
"""Weight of the penalty. Of 0.1 to 1, all did nearly alike on pipelines made for it."""
_SCALES = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
"""Scores by which two classes differ when one is e times as likely; the one that fits is taken."""
_SURPRISE = 0.02
"""Share of records that are of any class, whatever their text says."""
_WORD_PATTERN = r"(?u)\b\w+\b"
_SHORTEST_TEXT = 2
"""Words from which on, on average, a column is text and not a name or code."""


@dataclass(frozen=True, kw_only=True)
class LabelProbabilities:
    """Of some records and some classes."""

    classes: tuple[str, ...]
    values: Floats
    """A row a record, a column a class; rows add up to 1."""
    accuracy: float
    """Share of the records learnt from whose label is the likeliest class, unseen."""


def forest_probabilities(features: pd.DataFrame, labels: pd.Series[Any], learnt: Bools) -> LabelProbabilities:
    """Return what trees that did not see a record say of it.

    Args:
        features: Payloads.
        labels: Classes, in the order of the payloads.
        learnt: Which records the forest learns from.
    """
    from sklearn.ensemble import RandomForestClassifier

    matrix = _matrix(features)
    forest = RandomForestClassifier(_TREES, oob_score=True, random_state=0)
    forest.fit(matrix[learnt], labels.to_numpy(dtype=object)[learnt])
    unseen = np.empty((len(labels), len(forest.classes_)))
    unseen[learnt] = forest.oob_decision_function_
    if not learnt.all():
        unseen[~learnt] = forest.predict_proba(matrix[~learnt])
    return LabelProbabilities(
        classes=tuple(str(name) for name in forest.classes_), values=unseen, accuracy=float(forest.oob_score_)
    )


def text_probabilities(features: pd.DataFrame, labels: pd.Series[Any], learnt: Bools) -> LabelProbabilities | None:
    """Return what the texts of all other records say of each record; None where no column holds text.

    Args:
        features: Payloads.
        labels: Classes, in the order of the payloads.
        learnt: Which records may be learnt from; of more than `MOST_TEXTS` those that are spread evenly over them.

    Ridge regression on indicators of the classes, over words, pairs of words and runs of characters. What it would say
    of a record had it not seen it is exact, without a second fit. Scores are made probabilities by one scale, that
    which makes the labels likeliest.

    Source: R. Rifkin, R. Lippert (2007), "Notes on regularized least squares", for the values left out; C. Guo et al.
    (2017), "On calibration of modern neural networks", for the one scale.
    """
    texts = _documents(features)
    if texts is None:
        return None
    rows = np.flatnonzero(learnt)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_TEXTS)).astype(int)]
    classes, place = np.unique(labels.to_numpy(dtype=object)[rows].astype(str), return_inverse=True)
    likeness = _likeness(texts, rows)
    inverse = np.linalg.inv(likeness[rows] + _RIDGE * np.eye(len(rows)))
    given = np.eye(len(classes))[place]
    usual = given.mean(axis=0)
    weights = inverse @ (given - usual)
    scores = usual + likeness @ weights
    scores[rows] = given - weights / np.diag(inverse)[:, None]
    tried = [_probabilities(scores, scale) for scale in _SCALES]
    values = max(tried, key=lambda one: float(np.log(one[rows, place]).sum()))
    accuracy = float((scores[rows].argmax(axis=1) == place).mean())
    return LabelProbabilities(classes=tuple(str(name) for name in classes), values=values, accuracy=accuracy)


def _probabilities(scores: Floats, scale: float) -> Floats:
    powers = np.exp((scores - scores.max(axis=1, keepdims=True)) / scale)
    shares = powers / powers.sum(axis=1, keepdims=True)
    return np.asarray((1.0 - _SURPRISE) * shares + _SURPRISE / scores.shape[1], dtype=float)


def _likeness(texts: list[str], rows: NDArray[np.int64]) -> Floats:
    """Return how alike each text is to those of the rows, 0 to 1: by words and by runs of characters, half each."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = np.zeros((len(texts), len(rows)))
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=_WORD_PATTERN, ngram_range=(1, 2))
    runs = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5))
    for features in (words, runs):
        matrix = features.fit_transform(texts)
        found += (matrix @ matrix[rows].T).toarray() / 2.0
    return found


def _documents(features: pd.DataFrame) -> list[str] | None:
    """Return of each record its texts and categories as one text; None without a column of text."""
    parts: list[pd.Series[Any]] = []
    has_text = False
    for name in features.columns:
        texts = features[name].map(strict_text).fillna("")
        if texts.nunique() <= _MOST_CATEGORIES:
            if texts.nunique() > 1:
                parts.append(f"{name}=".replace(".", "_") + texts.str.replace(r"\W+", "_", regex=True))
        elif pd.to_numeric(features[name], errors="coerce").notna().mean() <= 0.9:
            is_text = texts.str.count(r"\w+").mean() >= _SHORTEST_TEXT and not texts.str.contains("@").mean() > 0.9
            has_text |= bool(is_text)
            parts += [texts] if is_text else []
    if not has_text:
        return None
    return [" ".join(row) for row in zip(*parts, strict=True)]


def _matrix(features: pd.DataFrame) -> Floats:
    """Return numbers for a forest: numbers as they are, few-valued columns as categories, other text as its words."""
    columns: list[Floats] = []
    for name in features.columns:
        values = features[name]
        numbers = pd.to_numeric(values, errors="coerce")
        texts = values.map(strict_text).fillna("")
        if texts.nunique() < 2:
            continue
        if numbers.notna().mean() > 0.9:
            columns.append(numbers.fillna(numbers.median()).to_numpy(dtype=float)[:, None])
        elif texts.nunique() <= _MOST_CATEGORIES:
            columns.append(pd.get_dummies(texts).to_numpy(dtype=float))
        else:
            from sklearn.feature_extraction.text import HashingVectorizer

            words = HashingVectorizer(n_features=_WORDS, alternate_sign=False, norm=None, binary=True)
            columns.append(words.transform(texts.tolist()).toarray())
    return np.hstack(columns) if columns else np.zeros((len(features), 1))
