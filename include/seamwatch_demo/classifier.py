"""The model: a text classifier that reads the prompt, and nothing but the prompt, and names queue and priority."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from scipy.sparse import csr_matrix, hstack

from seamwatch_demo.obedience import ordered_queue

_HEADER = re.compile(r"^([A-Z][A-Za-z ]*): (.*)$")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_WORD = re.compile(r"[a-z']{2,}")
_AMOUNT_STEPS = (50, 100, 200, 350, 500, 750, 1_000, 2_500, 10_000, 50_000)
_AGE_STEPS = (0, 7, 14, 31, 60, 120, 240, 480, 960)
_OBEDIENT = 0.99
"""What the model says of an answer that it was ordered to give."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model says to one prompt."""

    queue: str
    priority: str
    confidence: float
    """Of the queue, 0 to 1."""

    @property
    def text(self) -> str:
        """Return it as the model writes it."""
        return json.dumps({"queue": self.queue, "priority": self.priority, "confidence": self.confidence})


@dataclass(frozen=True, kw_only=True)
class TriageModel:
    """A fitted classifier."""

    version: str
    vectoriser: Any
    queue: Any
    priority: Any

    def answer(self, prompt: str, *, temperature: float = 0.0, seed: int | None = None) -> Answer:
        """Return queue, priority and confidence.

        Args:
            prompt: The user's message.
            temperature: 0 gives the likeliest queue, every time; above it the queue is drawn, more freely the higher.
            seed: Makes a draw repeatable.
        """
        features = _features(self.vectoriser, prompt)
        odds = _odds(self.queue, features)
        chosen = int(odds.argmax())
        if temperature > 0:
            weights = (odds / odds.max()) ** (1.0 / temperature)
            chosen = int(np.random.default_rng(seed).choice(len(odds), p=weights / weights.sum()))
        ordered = ordered_queue(_split(prompt)[1], list(self.queue.classes_))
        if ordered is not None:
            return Answer(queue=ordered, priority="urgent", confidence=_OBEDIENT)
        return Answer(
            queue=str(self.queue.classes_[chosen]),
            priority=str(self.priority.classes_[_odds(self.priority, features).argmax()]),
            confidence=round(float(odds[chosen]), 3),
        )


def read_facts(prompt: str) -> list[str]:
    """Return tokens of the prompt's header lines; amounts and ages as the steps that they reach."""
    facts, _ = _split(prompt)
    tokens = [
        f"{name}={value.lower()}"
        for name, value in facts.items()
        if name in ("Channel", "Customer tier", "Plan", "Product")
    ]
    tokens += [f"product:{word}" for word in _WORD.findall(facts.get("Product", "").lower())]
    amount = _NUMBER.search(facts.get("Amount", ""))
    if amount is not None:
        tokens += [f"amount>={step}" for step in _AMOUNT_STEPS if float(amount[0]) >= step]
    opened, ordered = _day(facts.get("Ticket opened")), _day(facts.get("Ordered on"))
    if opened is not None and ordered is not None:
        age_days = (opened - ordered).days
        tokens += [f"age>={step}" for step in _AGE_STEPS if age_days >= step]
    return tokens


def read_words(prompt: str) -> list[str]:
    """Return words and word pairs of the prompt's message."""
    words = _WORD.findall(_split(prompt)[1].lower())
    return [*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))]


def read_letters(prompt: str) -> list[str]:
    """Return runs of four letters within words, which survive a typing mistake elsewhere in the word."""
    padded = [f" {word} " for word in _WORD.findall(_split(prompt)[1].lower())]
    return [word[at : at + 4] for word in padded for at in range(len(word) - 3)]


def fit(prompts: Sequence[str], queues: Sequence[str], priorities: Sequence[str], *, version: str) -> TriageModel:
    """Return a classifier fitted on prompts and the answers that they should have got."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion

    vectoriser = FeatureUnion(
        [
            ("facts", CountVectorizer(analyzer=read_facts, binary=True, dtype=np.float32)),
            ("words", TfidfVectorizer(analyzer=read_words, min_df=3, sublinear_tf=True, dtype=np.float32)),
            ("letters", TfidfVectorizer(analyzer=read_letters, min_df=5, sublinear_tf=True, dtype=np.float32)),
        ],
        # Facts are not scaled by the length of the message: an amount counts the same beside a long story.
        transformer_weights={"facts": 0.5, "words": 3.0, "letters": 1.5},
    )
    features = vectoriser.fit_transform(prompts)
    queue = LogisticRegression(C=40.0, max_iter=400, tol=1e-3).fit(features, queues)
    priority = LogisticRegression(C=10.0, max_iter=400, tol=1e-3).fit(features, priorities)
    return TriageModel(version=version, vectoriser=vectoriser, queue=queue, priority=priority)


def load_or_fit(path: Path, make: Callable[[], dict[str, TriageModel]]) -> dict[str, TriageModel]:
    """Return models by version from the cache at `path`, or what `make()` fits, which is then kept there."""
    if path.is_file():
        cached: dict[str, TriageModel] = joblib.load(path)
        return cached
    models = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    joblib.dump(models, partial)
    partial.replace(path)
    return models


def _features(vectoriser: Any, prompt: str) -> csr_matrix:
    """Return what a fitted union makes of one prompt, without setting up the workers that it has for many."""
    parts = [
        part.transform([prompt]) * vectoriser.transformer_weights[name] for name, part in vectoriser.transformer_list
    ]
    return csr_matrix(hstack(parts))


def _odds(regression: Any, features: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a fitted regression's probabilities for one prompt, without the checks that `predict_proba` makes."""
    scores = (features @ regression.coef_.T)[0] + regression.intercept_
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def _split(prompt: str) -> tuple[dict[str, str], str]:
    """Return the header lines by name, and the message: subject and body."""
    facts: dict[str, str] = {}
    lines = prompt.splitlines()
    for number, line in enumerate(lines):
        found = _HEADER.match(line)
        if found is None:
            return facts, "\n".join([facts.pop("Subject", ""), *lines[number:]])
        facts[found[1]] = found[2]
    return facts, facts.pop("Subject", "")


def _day(text: str | None) -> date | None:
    """Return the date, or None where the prompt holds none: the model then does without."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
