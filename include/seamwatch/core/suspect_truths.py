"""Truth labels that the records around them contradict: the label may be wrong, not the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import loose_text, strict_text

LIKELY_WRONG = 0.6
"""Probability from which a label is doubted rather than the model."""
_SAME_PAIR, _SAME_SHARE = 4, 0.4
"""Doubts of one label and one answer, in number and share of all doubts, that are no slips any more."""
FEWEST_RECORDS = 120
"""Judged records below which nothing can be learnt about labels."""
_LEAST_ACCURACY = 0.8
"""Of the classifier, on records that it did not see; a worse one contradicts nobody."""
_MOST_LABELS, _MOST_CATEGORIES = 40, 40
_FEWEST_PER_LABEL = 2.5
"""Records of each label, on average; with fewer it is a name or a number, not a class."""
_MISLABELLED = 0.01
"""Share of labels that are wrong, before anything is seen: the low end of what audits of label sets find."""
_TREES, _WORDS = 100, 128
_UNSEEN = 0.005
"""Probability of a class that no tree saw near the record: not impossible."""
_MOST_RECORDS = 5000
"""Records that the forest learns from; of a larger window some that are spread evenly over it."""


def suspect_truths(
    features: pd.DataFrame, labels: pd.Series[Any], answers: pd.Series[Any], failing: pd.Index[Any]
) -> pd.Series[float]:
    """Return the probability that the label is wrong, for failing records whose label is likely so.

    Args:
        features: Payloads of the source by key, for every judged record.
        labels: Truth by key.
        answers: What the pipeline said, by key.
        failing: Keys of the records whose outcome is wrong.

    Returns:
        Probability by key, from `LIKELY_WRONG` on; empty where labels are no classes, or the records do not tell them.

    A forest learns label from payload; a record is judged by the trees that did not see it. A record where answer and
    label differ is either mislabelled (and the model right) or a model error (and the label right): Bayes' rule with
    the forest's probabilities of both values, the model's rate of errors and the usual rate of wrong labels. Slips of
    people who label scatter; where doubt falls on one answer in the place of one label again and again, there is rather
    a rule that the payload does not show and the model does not know, and nobody is doubted.

    Source: C. Northcutt, L. Jiang, I. Chuang (2021), "Confident learning: estimating uncertainty in dataset labels",
    JAIR 70, whose out-of-sample probabilities these are; the rate of wrong labels: the same authors with A. Athalye,
    "Pervasive label errors in test sets destabilize machine learning benchmarks" (2021).
    """
    nothing = pd.Series(dtype=float)
    n = len(labels)
    if n < FEWEST_RECORDS or not len(failing):
        return nothing
    is_learnt = np.zeros(n, dtype=bool)
    is_learnt[np.linspace(0, n - 1, min(n, _MOST_RECORDS)).astype(int)] = True
    used = is_learnt | labels.index.isin(failing)
    named = labels[used].map(loose_text)
    given = answers.reindex(named.index).map(loose_text)
    is_known = named.notna().to_numpy()
    learnt, named, given = is_learnt[used][is_known], named[is_known], given[is_known]
    n_classes = named[learnt].nunique()
    if not 2 <= n_classes <= min(_MOST_LABELS, learnt.sum() / _FEWEST_PER_LABEL):
        return nothing
    error_rate = max(len(failing) / n, _MISLABELLED)
    from sklearn.ensemble import RandomForestClassifier

    matrix = _matrix(features.reindex(named.index))
    forest = RandomForestClassifier(_TREES, oob_score=True, random_state=0)
    forest.fit(matrix[learnt], named.to_numpy(dtype=object)[learnt])
    if forest.oob_score_ < _LEAST_ACCURACY:
        return nothing
    unseen = np.empty((len(named), len(forest.classes_)))
    unseen[learnt] = forest.oob_decision_function_
    if not learnt.all():
        unseen[~learnt] = forest.predict_proba(matrix[~learnt])
    place = {name: number for number, name in enumerate(forest.classes_)}
    is_asked = (given != named).to_numpy() & named.isin(place).to_numpy() & given.isin(place).to_numpy()
    rows = np.flatnonzero(is_asked)
    for_answer = unseen[rows, given.iloc[rows].map(place).to_numpy(dtype=int)] + _UNSEEN
    for_label = unseen[rows, named.iloc[rows].map(place).to_numpy(dtype=int)] + _UNSEEN
    odds = (_MISLABELLED * for_answer) / (error_rate * for_label)
    doubts = pd.Series(odds / (1.0 + odds), index=named.index[rows])
    doubts = doubts[doubts.to_numpy() >= LIKELY_WRONG]
    pairs = pd.Series(list(zip(named.loc[doubts.index], given.loc[doubts.index], strict=True)), index=doubts.index)
    alike = pairs.map(pairs.value_counts())
    # Of two classes there are only two pairs: there no pair can stand out.
    share = max(_SAME_SHARE, 2.0 / (n_classes * (n_classes - 1)))
    scattered: pd.Series[float] = doubts[(alike < max(_SAME_PAIR, share * len(doubts))).to_numpy()]
    return scattered


def _matrix(features: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return numbers for a forest: numbers as they are, few-valued columns as categories, other text as its words."""
    columns: list[np.ndarray[Any, np.dtype[np.float64]]] = []
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
