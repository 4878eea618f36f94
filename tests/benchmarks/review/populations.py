"""Answers of a real classifier on public data, and what other real classifiers, as judges, say of each.

All predictions are out of fold: neither the model nor a judge has seen the row. A judge gives the probability that the
model's answer is right: its own probability of the class that the model chose. Judges differ by what they may see (some
of the features) and by how many rows they learned from, so that they are wrong about 5 % to 30 % of the answers; the
biased one doubts the answers of one segment.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEGMENTS = ("small", "middle", "large")
DOUBT = 2.0
"""What the biased judge takes off the log odds of every answer of the last segment."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Rows that weeks of answers are drawn from, with replacement."""

    name: str
    is_right: NDArray[np.bool_]
    prediction: Floats
    """The judge's probability that the answer is right."""
    segment: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.is_right.mean())

    @property
    def judge_error(self) -> float:
        """Share of answers of which the judge says the wrong thing."""
        return float(np.mean((self.prediction >= 0.5) != self.is_right))


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """One classifier, what it may see and of how many rows it learns."""

    kind: str
    features: tuple[int, ...]
    rows: float = 1.0

    def make(self) -> Any:
        """Return it unfitted."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import GaussianNB
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if self.kind == "bayes":
            return GaussianNB()
        if self.kind == "neighbours":
            return make_pipeline(StandardScaler(), KNeighborsClassifier(15))
        return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=500))


def _range(*of: int) -> tuple[int, ...]:
    return tuple(range(*of))


MODELS = {
    "digits": Classifier(kind="logistic", features=_range(0, 36)),
    "breast_cancer": Classifier(kind="bayes", features=_range(0, 4)),
    "wine": Classifier(kind="logistic", features=_range(0, 6)),
}
JUDGES = {
    "digits": {
        "5 %": Classifier(kind="logistic", features=_range(64), rows=0.2),
        "10 %": Classifier(kind="logistic", features=_range(64), rows=0.1),
        "20 %": Classifier(kind="neighbours", features=_range(36, 64), rows=0.3),
        "30 %": Classifier(kind="logistic", features=_range(36, 64), rows=0.1),
    },
    "breast_cancer": {
        "5 %": Classifier(kind="logistic", features=_range(20, 30), rows=0.2),
        "10 %": Classifier(kind="logistic", features=(1, 4, 5, 6)),
        "20 %": Classifier(kind="neighbours", features=(1, 4, 8)),
        "30 %": Classifier(kind="logistic", features=(4, 9, 11)),
    },
    "wine": {
        "5 %": Classifier(kind="logistic", features=_range(9, 13)),
        "10 %": Classifier(kind="logistic", features=_range(6, 12), rows=0.3),
        "20 %": Classifier(kind="neighbours", features=(2, 4, 7, 9)),
        "30 %": Classifier(kind="neighbours", features=(2, 4, 9)),
    },
}


@lru_cache(maxsize=32)
def population(data: str, judge: str, *, is_biased: bool = False) -> Population:
    """Return the answers of one data set as one judge sees them."""
    from sklearn import datasets

    inputs, classes = getattr(datasets, f"load_{data}")(return_X_y=True)
    chosen = _out_of_fold(MODELS[data], inputs, classes, seed=0).argmax(axis=1)
    known = _out_of_fold(JUDGES[data][judge], inputs, classes, seed=1)
    size = inputs[:, -1] if data == "wine" else inputs.mean(axis=1)
    found = Population(
        name=f"{data}, judge {judge}",
        is_right=chosen == classes,
        prediction=known[np.arange(len(classes)), chosen],
        segment=np.digitize(size, np.quantile(size, (1 / 3, 2 / 3))).astype(np.int64),
    )
    return _with_bias(found) if is_biased else found


def _with_bias(one: Population) -> Population:
    clipped = np.clip(one.prediction, 1e-6, 1 - 1e-6)
    doubted = 1 / (1 + np.exp(-(np.log(clipped / (1 - clipped)) - DOUBT)))
    prediction = np.where(one.segment == len(SEGMENTS) - 1, doubted, one.prediction)
    return replace(one, name=f"{one.name}, biased", prediction=prediction)


def _out_of_fold(what: Classifier, inputs: Floats, classes: NDArray[np.int64], *, seed: int) -> Floats:
    """Return the probability of each class for each row, by a classifier that did not see the row."""
    from sklearn.model_selection import StratifiedKFold

    found = np.zeros((len(classes), int(classes.max()) + 1))
    rng = np.random.default_rng(seed)
    inputs = inputs[:, what.features]
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(inputs, classes):
        few = np.sort(rng.permutation(train)[: max(int(what.rows * len(train)), 30)])
        classifier = what.make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            classifier.fit(inputs[few], classes[few])
            probabilities = classifier.predict_proba(inputs[test])
        found[np.ix_(test, classifier.classes_)] = probabilities
    return found
