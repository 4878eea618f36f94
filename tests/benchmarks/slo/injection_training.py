"""Train the injection classifier: `python tests/benchmarks/slo/injection_training.py DATA [OUT]`.

DATA is the file of `injection_data.py`; OUT the weights, by default those of the package. What `is_test` keeps apart is
not looked at, neither by the weights nor by the threshold.

An attack is often one sentence in a longer text, and nobody marked which: the windows that speak for it most are taken
for it, and the regression is fitted again (S. Andrews et al. (2002), "Support vector machines for multiple-instance
learning", the mi-SVM scheme, here with a logistic regression).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from injection_data import Labelled, is_test, load
from injection_own import own_texts
from scipy import optimize, sparse

from seamwatch.core.injection import scan
from seamwatch.core.injection.classifier import (
    LETTER_BITS,
    N_REQUEST_WEIGHTS,
    N_WEIGHTS,
    Floats,
    Ints,
    Model,
    hash_sentences,
)
from seamwatch.vocabulary import FieldKind

SEED = 7
OUT = Path(__file__).parents[3] / "include" / "seamwatch" / "core" / "injection" / "weights.npz"
FOLDS = 4
HONEST_WEIGHT = 2.0
"""How much more a window of an honest text counts: a text is told by its worst window, so each must be right."""
RATIOS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
"""How many times the rules' score counts beside the classifier's log odds."""
_SORTS = (0, 2**LETTER_BITS, N_REQUEST_WEIGHTS, N_WEIGHTS)
"""Where the weights of each sort of feature begin, and where they end."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What differs between the models of the kinds of fields."""

    kind: FieldKind
    n_weights: int
    tolerance: float
    strength: float
    """Inverse of the regularisation."""
    false_share: float
    """Share of honest texts, scored by models that did not see them, that may score 0.5 or more."""
    own_texts_decide: bool
    """Whether honest texts of our own are among those: most were made to look like attacks."""
    rounds: int
    """How often it is fitted: more than once where the place of an attack within its text is not known."""
    given_up: float
    """Share of attacks that may be missed to let rules count more, which know what no training text says."""
    kept_whole: float
    """Quantile of the weights up to which they are kept as they are; those beyond are cut to it."""
    first_combination: tuple[float, float, float]
    """Says which sentences the rules are asked of before the combination is known."""


REQUESTS = Recipe(
    kind=FieldKind.REQUEST,
    n_weights=N_REQUEST_WEIGHTS,
    tolerance=1e-3,
    strength=3.0,
    false_share=0.01,
    own_texts_decide=True,
    rounds=3,
    given_up=0.0,
    kept_whole=0.9995,
    first_combination=(0.0, 1.0, 0.0),
)


@dataclass(frozen=True)
class Windows:
    """Windows of some texts as rows of features."""

    features: Any
    """CSR, a row a window."""
    owner: Ints
    """Number of the text."""


def windows_of(texts: Sequence[str], n_weights: int) -> Windows:
    """Return the features of every window, scaled as the model scales them when it scans."""
    sentences = scan._sentences(list(texts))
    windows = scan._windows(sentences)
    n = len(sentences.texts)
    rows, columns = [], []
    for where, sorts in hash_sentences(sentences.texts):
        rows += [features.owner + where.start for features in sorts]
        columns += [features.number for features in sorts]
    none = np.zeros(0, dtype=np.int64)
    row, column = np.concatenate([none, *rows]), np.concatenate([none, *columns])
    counts = sparse.csr_matrix((np.ones(len(row), dtype=np.float32), (row, column)), shape=(n, N_WEIGHTS))
    spans = zip(windows.first, windows.width, strict=True)
    reach = np.concatenate([none, *(np.arange(first, first + width) for first, width in spans)])
    joined = sparse.csr_matrix(
        (np.ones(len(reach), dtype=np.float32), reach, np.concatenate([[0], np.cumsum(windows.width)])),
        shape=(len(windows.first), n),
    )
    counts_of_windows = joined @ counts
    parts = []
    for begin, end in pairwise(end for end in _SORTS if end <= n_weights):
        part = counts_of_windows[:, begin:end]
        size = np.sqrt(np.maximum(np.asarray(part.sum(axis=1)).ravel(), 1.0))
        parts.append(sparse.diags(1.0 / size) @ part)
    return Windows(sparse.hstack(parts, format="csr", dtype=np.float32), windows.owner)


def fit(texts: Sequence[Labelled], recipe: Recipe) -> tuple[Floats, float]:
    """Return weights and bias."""
    from sklearn.linear_model import LogisticRegression

    shown = [_training_text(one) for one in texts]
    windows = windows_of(shown, recipe.n_weights)
    frames = windows_of([frame for one in texts if (frame := _frame(one))], recipe.n_weights)
    is_attack = np.array([one.is_attack for one in texts])[windows.owner]
    size = np.bincount(windows.owner, minlength=len(texts))
    chosen = np.ones(len(is_attack), dtype=bool)
    weight = np.where(is_attack, 1.0 / np.maximum(size, 1)[windows.owner], 1.0)
    model = LogisticRegression(C=recipe.strength, max_iter=400, tol=recipe.tolerance)
    for _ in range(recipe.rounds):
        kept = np.flatnonzero(chosen)
        features = sparse.vstack([windows.features[kept], frames.features], format="csr")
        labels = np.concatenate([is_attack[kept], np.zeros(frames.features.shape[0], dtype=bool)])
        mine = np.concatenate([weight[kept], np.ones(frames.features.shape[0])])
        balance = mine[~labels].sum() / max(mine[labels].sum(), 1e-9)
        mine = np.where(labels, mine * balance, mine * HONEST_WEIGHT)
        model.fit(features, labels, sample_weight=mine * len(mine) / mine.sum())
        odds = model.decision_function(windows.features)
        chosen, weight = _choose(odds, windows.owner, is_attack)
    return model.coef_[0], float(model.intercept_[0])


def _training_text(one: Labelled) -> str:
    return "\n".join(one.parts) if one.parts else one.text


def _frame(one: Labelled) -> str:
    """Return the honest rest around an attack whose place is known."""
    text = one.text if one.parts else ""
    for part in one.parts:
        text = text.replace(part, "\n")
    return text


def _choose(odds: Floats, owner: Ints, is_attack: Any) -> tuple[Any, Floats]:
    """Return which windows are learnt from: all honest ones, and of each attack the best and those nearly as good."""
    best = np.full(int(owner.max()) + 1, -np.inf)
    np.maximum.at(best, owner, odds)
    chosen = ~is_attack | (odds >= best[owner] - 0.5)
    size = np.bincount(owner[chosen], minlength=len(best))
    return chosen, np.where(is_attack, 1.0 / np.maximum(size, 1)[owner], 1.0)


def combine(
    odds: Sequence[Floats], rules: Sequence[Floats], is_attack: Any, sources: Sequence[str], recipe: Recipe
) -> tuple[float, float, float]:
    """Return constant, factor of the log odds and factor of the rules' score, by the best window of each text.

    How much rules count beside the classifier is what finds most attacks, on average over sources, while so many of the
    honest texts score a half as the recipe says; the scale is that of a logistic regression.
    """
    named = np.array(sources)
    decides = ~is_attack & (recipe.own_texts_decide | ~np.char.startswith(named, "own"))

    def values(ratio: float) -> Floats:
        return np.array([float((m + ratio * r).max()) for m, r in zip(odds, rules, strict=True)])

    def found(ratio: float) -> float:
        mine = values(ratio)
        limit = np.quantile(mine[decides], 1.0 - recipe.false_share)
        return float(
            np.mean([(mine[is_attack & (named == one)] > limit).mean() for one in np.unique(named[is_attack])])
        )

    shares = {ratio: found(ratio) for ratio in RATIOS}
    least = max(shares.values()) - recipe.given_up
    ratio = max(one for one, share in shares.items() if share >= least)
    mine = values(ratio)
    weight = np.where(is_attack, 0.5 / is_attack.mean(), 0.5 / (~is_attack).mean())

    def loss(given: Any) -> float:
        value = given[0] + given[1] * mine
        return float((weight * np.logaddexp(0.0, np.where(is_attack, -value, value))).sum())

    factor = float(optimize.minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B").x[1])
    # Moved so that honest texts seldom score a half: as if attacks were as rare as that takes.
    constant = -factor * float(np.quantile(mine[decides], 1.0 - recipe.false_share))
    print(f"rules count {ratio:g} times; {shares[ratio]:.1%} of attacks at {recipe.false_share:.1%} of honest texts")
    return constant, factor, factor * ratio


def train(texts: Sequence[Labelled], recipe: Recipe) -> Model:
    """Return the model: weights of all texts, combination by models that did not see the texts that they score."""
    folds = np.array([int(hashlib.sha256(f"fold {one.group}".encode()).hexdigest()[:8], 16) % FOLDS for one in texts])
    odds: dict[int, Floats] = {}
    rules: dict[int, Floats] = {}
    for fold in range(FOLDS):
        kept = [one for one, at in zip(texts, folds, strict=True) if at != fold]
        model = _model(*fit(kept, recipe), recipe.first_combination, recipe)
        numbers = np.flatnonzero(folds == fold)
        owner, mine, scores = scan.text_features([texts[number].text for number in numbers], model, recipe.kind)
        for place, number in enumerate(numbers):
            odds[number], rules[number] = mine[owner == place], scores[owner == place]
    numbers = sorted(number for number in odds if len(odds[number]))
    is_attack = np.array([texts[number].is_attack for number in numbers])
    sources = [texts[number].source for number in numbers]
    found = combine([odds[n] for n in numbers], [rules[n] for n in numbers], is_attack, sources, recipe)
    return _model(*fit(texts, recipe), found, recipe)


def _model(weights: Floats, bias: float, combination: tuple[float, float, float], recipe: Recipe) -> Model:
    small, scale = quantise(weights, recipe.kept_whole)
    padded = np.pad(small.astype(np.float32) * scale, (0, N_WEIGHTS - len(small)))
    return Model(weights=padded, bias=bias, combine=combination)


def quantise(weights: Floats, kept_whole: float) -> tuple[Any, np.float32]:
    """Return the weights as whole numbers from -127 to 127, and what one of them is worth."""
    scale = np.float32(np.quantile(np.abs(weights[weights != 0]), kept_whole) / 127.0)
    return np.clip(np.rint(weights / scale), -127, 127).astype(np.int8), scale


def training_texts(data: Path, *, without: str | None = None) -> list[Labelled]:
    """Return the public texts to train on, without one source, and our own."""
    public = [one for one in load(data) if not is_test(one) and one.source != without]
    return public + [Labelled(text, is_attack, "own", form) for text, is_attack, form in own_texts(SEED)]


def save(model: Model, path: Path) -> None:
    """Write the weights small."""
    scale = np.float32(np.abs(model.weights).max() / 127.0)
    np.savez_compressed(
        path,
        weights=np.rint(model.weights / scale).astype(np.int8),
        scale=scale,
        bias=np.float64(model.bias),
        combine=np.array(model.combine),
    )


def main() -> None:
    """Train on the file that was given."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    model = train(training_texts(Path(sys.argv[1])), REQUESTS)
    out = Path(sys.argv[2]) if len(sys.argv) == 3 else OUT
    save(model, out)
    print(f"{out}: {out.stat().st_size:,} bytes, combination {model.combine}")


if __name__ == "__main__":
    main()
