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
from pathlib import Path
from typing import Any

import numpy as np
from injection_data import Labelled, is_test, load
from injection_own import own_texts
from scipy import optimize, sparse

from seamwatch.core.injection import scan
from seamwatch.core.injection.classifier import LETTER_BITS, N_WEIGHTS, Floats, Ints, Model, hash_sentences

SEED = 7
OUT = Path(__file__).parents[3] / "include" / "seamwatch" / "core" / "injection" / "weights.npz"
ROUNDS = 3
FOLDS = 4
STRENGTH = 3.0
"""Inverse of the regularisation."""
HONEST_WEIGHT = 2.0
"""How much more a window of an honest text counts: a text is told by its worst window, so each must be right."""
FALSE_SHARE = 0.01
"""Share of honest texts of the training part, scored by models that did not see them, that score 0.5 or more. More than
half of these were made, or chosen by others, to look like attacks."""
RATIOS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
"""How many times the rules' score counts beside the classifier's log odds."""
_BLANK = Model(weights=np.zeros(N_WEIGHTS, dtype=np.float32), bias=0.0, combine=(0.0, 1.0, 0.0), version="")


@dataclass(frozen=True)
class Windows:
    """Windows of some texts as rows of features."""

    features: Any
    """CSR, a row a window."""
    owner: Ints
    """Number of the text."""


def windows_of(texts: Sequence[str]) -> Windows:
    """Return the features of every window, scaled as the model scales them when it scans."""
    sentences = scan._sentences(list(texts))
    windows = scan._windows(sentences, _BLANK)
    n = len(sentences.texts)
    rows, columns = [], []
    for where, letter_owner, letters, word_owner, words in hash_sentences(sentences.texts):
        rows += [letter_owner + where.start, word_owner + where.start]
        columns += [letters, words]
    none = np.zeros(0, dtype=np.int64)
    row, column = np.concatenate([none, *rows]), np.concatenate([none, *columns])
    counts = sparse.csr_matrix((np.ones(len(row), dtype=np.float32), (row, column)), shape=(n, N_WEIGHTS))
    spans = zip(windows.first, windows.width, strict=True)
    reach = np.concatenate([none, *(np.arange(first, first + width) for first, width in spans)])
    joined = sparse.csr_matrix(
        (np.ones(len(reach), dtype=np.float32), reach, np.concatenate([[0], np.cumsum(windows.width)])),
        shape=(len(windows.first), n),
    )
    both = joined @ counts
    halves = []
    for half in (both[:, : 2**LETTER_BITS], both[:, 2**LETTER_BITS :]):
        size = np.sqrt(np.maximum(np.asarray(half.sum(axis=1)).ravel(), 1.0))
        halves.append(sparse.diags(1.0 / size) @ half)
    return Windows(sparse.hstack(halves, format="csr", dtype=np.float32), windows.owner)


def fit(texts: Sequence[Labelled]) -> tuple[Floats, float]:
    """Return weights and bias."""
    from sklearn.linear_model import LogisticRegression

    shown = [_training_text(one) for one in texts]
    windows = windows_of(shown)
    frames = windows_of([frame for one in texts if (frame := _frame(one))])
    is_attack = np.array([one.is_attack for one in texts])[windows.owner]
    size = np.bincount(windows.owner, minlength=len(texts))
    chosen = np.ones(len(is_attack), dtype=bool)
    weight = np.where(is_attack, 1.0 / np.maximum(size, 1)[windows.owner], 1.0)
    model = LogisticRegression(C=STRENGTH, max_iter=400, tol=1e-3)
    for _ in range(ROUNDS):
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
    odds: Sequence[Floats], rules: Sequence[Floats], is_attack: Any, sources: Sequence[str]
) -> tuple[float, float, float]:
    """Return constant, factor of the log odds and factor of the rules' score, by the best window of each text.

    How much rules count beside the classifier is what finds most attacks, on average over sources, while `FALSE_SHARE`
    of the honest texts score a half; the scale is that of a logistic regression.
    """
    named = np.array(sources)

    def values(ratio: float) -> Floats:
        return np.array([float((m + ratio * r).max()) for m, r in zip(odds, rules, strict=True)])

    def found(ratio: float) -> float:
        mine = values(ratio)
        limit = np.quantile(mine[~is_attack], 1.0 - FALSE_SHARE)
        return float(
            np.mean([(mine[is_attack & (named == one)] > limit).mean() for one in np.unique(named[is_attack])])
        )

    ratio = max(RATIOS, key=found)
    mine = values(ratio)
    weight = np.where(is_attack, 0.5 / is_attack.mean(), 0.5 / (~is_attack).mean())

    def loss(given: Any) -> float:
        value = given[0] + given[1] * mine
        return float((weight * np.logaddexp(0.0, np.where(is_attack, -value, value))).sum())

    factor = float(optimize.minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B").x[1])
    # Moved so that honest texts seldom score a half: as if attacks were as rare as that takes.
    constant = -factor * float(np.quantile(mine[~is_attack], 1.0 - FALSE_SHARE))
    print(f"rules count {ratio:g} times; {found(ratio):.1%} of attacks at {FALSE_SHARE:.1%} of honest texts")
    return constant, factor, factor * ratio


def train(texts: Sequence[Labelled]) -> Model:
    """Return the model: weights of all texts, combination by models that did not see the texts that they score."""
    folds = np.array([int(hashlib.sha256(f"fold {one.group}".encode()).hexdigest()[:8], 16) % FOLDS for one in texts])
    odds: dict[int, Floats] = {}
    rules: dict[int, Floats] = {}
    for fold in range(FOLDS):
        model = _model(*fit([one for one, at in zip(texts, folds, strict=True) if at != fold]))
        numbers = np.flatnonzero(folds == fold)
        owner, mine, scores = scan.text_features([texts[number].text for number in numbers], model)
        for place, number in enumerate(numbers):
            odds[number], rules[number] = mine[owner == place], scores[owner == place]
    numbers = sorted(number for number in odds if len(odds[number]))
    is_attack = np.array([texts[number].is_attack for number in numbers])
    sources = [texts[number].source for number in numbers]
    found = combine([odds[n] for n in numbers], [rules[n] for n in numbers], is_attack, sources)
    return _model(*fit(texts), combination=found)


def _model(weights: Floats, bias: float, combination: tuple[float, float, float] = (0.0, 1.0, 0.0)) -> Model:
    small, scale = quantise(weights)
    version = hashlib.sha256(small.tobytes() + repr((bias, combination)).encode()).hexdigest()[:12]
    return Model(weights=small.astype(np.float32) * scale, bias=bias, combine=combination, version=version)


def quantise(weights: Floats) -> tuple[Any, np.float32]:
    """Return the weights as whole numbers from -127 to 127, and what one of them is worth; the few largest are cut."""
    scale = np.float32(np.quantile(np.abs(weights[weights != 0]), 0.9995) / 127.0)
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
        version=np.array(model.version),
    )


def main() -> None:
    """Train on the file that was given."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    model = train(training_texts(Path(sys.argv[1])))
    out = Path(sys.argv[2]) if len(sys.argv) == 3 else OUT
    save(model, out)
    print(f"{out}: {out.stat().st_size:,} bytes, version {model.version}, combination {model.combine}")


if __name__ == "__main__":
    main()
