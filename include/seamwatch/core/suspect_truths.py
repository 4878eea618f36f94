"""Truth labels that the records around them contradict: the label may be wrong, not the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.label_probabilities import LabelProbabilities, forest_probabilities, text_probabilities
from seamwatch.core.records.comparison import loose_text
from seamwatch.vocabulary import DiscrepancyKind

LIKELY_WRONG = 0.6
"""Probability from which a label is doubted rather than the model."""
_SAME_PAIR, _SAME_SHARE = 4, 0.4
"""Doubts of one label and one answer, in number and share of all doubts, that are no slips any more."""
FEWEST_RECORDS = 120
"""Judged records below which nothing can be learnt about labels."""
_LEAST_ACCURACY = 0.8
"""Of the forest, on records that it did not see; a worse one contradicts nobody: its shares of trees are no
probabilities."""
_MOST_LABELS, _MOST_TEXT_LABELS = 40, 250
"""Classes, of a forest and of a classifier of texts."""
_FEWEST_PER_LABEL = 2.5
"""Records of each label, on average; with fewer it is a name or a number, not a class."""
_MISLABELLED = 0.01
"""Share of labels that are wrong, before anything is seen: the low end of what audits of label sets find. With 0.02
more wrong labels are doubted, and healthy windows with many of them are called incidents that nobody is blamed for: 3
of 1,000 in the benchmark of attribution, none of these with 0.01."""
_ANYWHERE = 0.8
"""Share of a model's errors that fall on any class; the rest fall on classes whose texts look alike. Of 0.5, 0.8 and 1
this one found most without doubting right labels, in windows of 300 to 3,000 records of 77 classes."""
_COINCIDENCES = 0.05
"""Share of right records that may differ from a reference that explains wrong ones."""
_UNSEEN = 0.005
"""Probability of a class that no tree saw near the record: not impossible."""
_MOST_RECORDS = 5000
"""Records that the forest learns from; of a larger window some that are spread evenly over it."""


def suspect_truths(
    features: pd.DataFrame,
    labels: pd.Series[Any],
    answers: pd.Series[Any],
    failing: pd.Index[Any],
    *,
    explained: pd.Index[Any] | None = None,
) -> pd.Series[float]:
    """Return the probability that the label is wrong, for failing records whose label is likely so.

    Args:
        features: Payloads of the source by key, for every judged record.
        labels: Truth by key.
        answers: What the pipeline said, by key.
        failing: Keys of the records whose outcome is wrong.
        explained: Those of them in which a seam differs from its reference. They tell nothing about the model's rate of
            errors, and their labels are not doubted.

    Returns:
        Probability by key, from `LIKELY_WRONG` on; empty where labels are no classes, or the records do not tell them.

    A forest learns label from payload; a record is judged by the trees that did not see it. Where it does not learn
    them, and where there are many classes, a classifier of the texts does, by all other records. A record where
    answer and label differ is either mislabelled (and the model right) or a model error (and the label right): Bayes'
    rule with the probabilities of both values, the model's rate of errors and the usual rate of wrong labels. Slips of
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
    if not 2 <= n_classes <= learnt.sum() / _FEWEST_PER_LABEL:
        return nothing
    n_explained = 0 if explained is None else len(explained)
    error_rate = max((len(failing) - n_explained) / max(n - n_explained, 1), _MISLABELLED)
    odds = _odds(features.reindex(named.index), named, given, learnt)
    if odds is None:
        return nothing
    odds *= _MISLABELLED / error_rate
    doubts = odds / (1.0 + odds)
    doubts = doubts[doubts.to_numpy() >= LIKELY_WRONG]
    if explained is not None:
        doubts = doubts[~doubts.index.isin(explained)]
    pairs = pd.Series(list(zip(named.loc[doubts.index], given.loc[doubts.index], strict=True)), index=doubts.index)
    alike = pairs.map(pairs.value_counts())
    # Of two classes there are only two pairs: there no pair can stand out.
    share = max(_SAME_SHARE, 2.0 / (n_classes * (n_classes - 1)))
    scattered: pd.Series[float] = doubts[(alike < max(_SAME_PAIR, share * len(doubts))).to_numpy()]
    return scattered


def explained_by_seams(
    discrepancies: Iterable[pd.DataFrame], right: pd.Index[Any], failing: pd.Index[Any]
) -> pd.Index[Any]:
    """Return the failing records in which a seam differs from its reference by more than form.

    Args:
        discrepancies: By stage, columns `key` and `kind`. A stage that differs in many right records too explains
            nothing.
        right: Keys of the records whose outcome is right.
        failing: Keys of those whose outcome is wrong.
    """
    found = np.zeros(len(failing), dtype=bool)
    for frame in discrepancies:
        keys = frame.loc[(frame["kind"] != DiscrepancyKind.FORMAT).to_numpy(), "key"]
        if not len(right) or right.isin(keys).mean() <= _COINCIDENCES:
            found |= failing.isin(keys)
    return failing[found]


def _odds(features: pd.DataFrame, named: pd.Series[Any], given: pd.Series[Any], learnt: Any) -> pd.Series[float] | None:
    """Return how much more a record speaks for its answer than for its label, where both are classes and differ.

    None where neither learner can tell the classes.
    """
    if named[learnt].nunique() <= _MOST_LABELS:
        forest = forest_probabilities(features, named, learnt)
        if forest.accuracy >= _LEAST_ACCURACY:
            rows, label, answer = _asked(forest, named, given)
            odds = (forest.values[rows, answer] + _UNSEEN) / (forest.values[rows, label] + _UNSEEN)
            return pd.Series(odds, index=named.index[rows])
    if named[learnt].nunique() > _MOST_TEXT_LABELS:
        return None
    texts = text_probabilities(features, named, learnt)
    if texts is None:
        return None
    rows, label, answer = _asked(texts, named, given)
    odds = texts.values[rows, answer] / texts.values[rows, label]
    return pd.Series(odds * _usual_errors(texts, named, label, answer), index=named.index[rows])


def _asked(found: LabelProbabilities, named: pd.Series[Any], given: pd.Series[Any]) -> tuple[Any, Any, Any]:
    """Return the records whose answer is another class than their label, and the numbers of label and answer."""
    place = {name: number for number, name in enumerate(found.classes)}
    is_asked = (given != named).to_numpy() & named.isin(place).to_numpy() & given.isin(place).to_numpy()
    rows = np.flatnonzero(is_asked)
    label, answer = (values.iloc[rows].map(place).to_numpy(dtype=int) for values in (named, given))
    return rows, label, answer


def _usual_errors(found: LabelProbabilities, named: pd.Series[Any], label: Any, answer: Any) -> Any:
    """Return how much likelier a slip makes such pairs of classes than an error of the model.

    Slips fall on any class. Some errors fall where texts of the label look like those of another class. That an answer
    is a usual class and the label a rare one never speaks for the answer: a model that knows little answers so.
    """
    n = len(found.classes)
    place = {name: number for number, name in enumerate(found.classes)}
    numbers = named.map(place).to_numpy(dtype=float)
    is_known = ~np.isnan(numbers)
    looks = np.zeros((n, n))
    np.add.at(looks, numbers[is_known].astype(int), found.values[is_known])
    usual = looks.sum(axis=0)
    np.fill_diagonal(looks, 0.0)
    looks /= np.maximum(looks.sum(axis=1, keepdims=True), 1e-12)
    errors = _ANYWHERE / (n - 1) + (1.0 - _ANYWHERE) * looks[label, answer]
    return np.minimum(1.0, usual[label] / usual[answer]) / ((n - 1) * errors)
