"""The model: it reads a question and excerpts in the prompt, and nothing but the prompt, and picks the value asked for.

An extractive reader: every value in every sentence of the excerpts is a candidate. What speaks for one is how near its
sentence is to the question (TF-IDF of letters), how near it is to the sentences that answered like questions in the
past, whether its value is of the kind that they had, and where it stands; a logistic regression weighs these. No value
is learnt: the sentences of the past are remembered without theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

READER = "policy-reader-2026-09"
"""Version that completions name."""
_PROMPT = re.compile(r"\AQuestion: (?P<question>.*?)\nArea: .*?\nExcerpts:\n(?P<excerpts>.*)\Z", re.DOTALL)
_EXCERPT = re.compile(r"(?m)^\[(?P<document>[^\],]+)(?:, part [^\]]*)?\]$")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z])|\n+")
_VALUE = re.compile(
    r"(?P<money>EUR \d+(?:\.\d+)?)"
    r"|(?P<share>\d+ %)"
    r"|(?P<address>[\w.-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<hour>\d{2}:\d{2})"
    r"|(?P<date>\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"(?: \d{4})?)"
    r"|(?P<weekday>(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
    r"|(?P<place>(?:room|building|form) [A-Z0-9-]+)"
    r"|(?P<amount>\d+ (?:working )?(?P<unit>[A-Za-z]+))"
)
_MOST_LETTERS, _RIDGE = 8000, 0.3
_LEAST_CHANCE = 0.02
"""Below this nothing in the excerpts is taken for an answer."""

_Features = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A value in a sentence of an excerpt."""

    value: str
    kind: str
    """Of value; for a number with a noun, the noun in the singular."""
    sentence: str
    document: str
    place: int
    """Of the excerpt, from 0."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A question of the past, and what answered it."""

    request: Mapping[str, Any]
    document: str
    sentence: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What questions of the past say about a new one, before any excerpt is read."""

    letters: Any
    """Turns texts into vectors of unit length by runs of letters, which survive a typing mistake."""
    weights: NDArray[np.float32]
    """Vector of a question times this: how much it is like the questions that each known sentence answered."""
    sentences: csr_matrix
    """A vector for each known sentence, without its values."""
    kinds: tuple[str, ...]
    """Of the value in each known sentence."""

    def features(self, question: str, found: Sequence[Candidate]) -> _Features:
        """Return a row for each candidate: nearness and meaning of its sentence, fit of its kind, and place."""
        sentences = [_without_values(one.sentence) for one in found]
        texts = dict.fromkeys([question, *sentences])
        vectors = csr_matrix(self.letters.transform([text.lower() for text in texts]))
        rows = {text: number for number, text in enumerate(texts)}
        asked = vectors[rows[question]]
        likeness = asked @ self.weights
        expected = csr_matrix(likeness) @ self.sentences
        near, meant = (vectors @ asked.T).toarray().ravel(), (vectors @ expected.T).toarray().ravel()
        by_meaning = np.array([meant[rows[text]] for text in sentences])
        fits = {kind: 0.0 for kind in self.kinds}
        for kind, weight in zip(self.kinds, likeness.ravel(), strict=True):
            fits[kind] += float(weight)
        return np.column_stack(
            [
                [near[rows[text]] for text in sentences],
                by_meaning,
                by_meaning - by_meaning.max(),
                [fits.get(one.kind, 0.0) for one in found],
                [one.place for one in found],
            ]
        )


@dataclass(frozen=True, kw_only=True)
class ReaderAnswer:
    """What the reader says."""

    text: str
    """JSON with `answer`, `document` and `confidence`."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A fitted reader."""

    version: str
    memory: Memory
    weights: _Features
    """Of the features; their sum and `offset` are the logarithm of the odds that a candidate is the answer."""
    offset: float

    def answer(self, prompt: str, *, temperature: float = 0.0, seed: int | None = None) -> ReaderAnswer:
        """Return answer, document and confidence; the first two null where nothing fits.

        Args:
            prompt: The user's message.
            temperature: 0 gives the likeliest candidate, every time; above it one is drawn, more freely the higher.
            seed: Makes a draw repeatable.
        """
        question, found = read_prompt(prompt)
        if not found:
            return _said(None, None, 0.0)
        chances = 1.0 / (1.0 + np.exp(-(self.memory.features(question, found) @ self.weights + self.offset)))
        chosen = int(chances.argmax())
        if temperature > 0:
            weights = (chances / chances.max()) ** (1.0 / temperature)
            chosen = int(np.random.default_rng(seed).choice(len(chances), p=weights / weights.sum()))
        best, chance = found[chosen], float(chances[chosen])
        return _said(best.value, best.document, chance) if chance >= _LEAST_CHANCE else _said(None, None, chance)


def fit_memory(lines: Sequence[str], log: Sequence[Answered]) -> Memory:
    """Return what lines of policies and questions of the past teach, by ridge regression from question to sentence."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    questions = [one.request["question"].lower() for one in log]
    letters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), max_features=_MOST_LETTERS, sublinear_tf=True, dtype=np.float32
    ).fit([*(line.lower() for line in lines), *questions])
    kinds = {_without_values(one.sentence): kind_of(one.value) for one in log}
    place = {sentence: number for number, sentence in enumerate(kinds)}
    answered = np.zeros((len(log), len(place)), dtype=np.float32)
    answered[np.arange(len(log)), [place[_without_values(one.sentence)] for one in log]] = 1.0
    asked = csr_matrix(letters.transform(questions))
    nearness = (asked @ asked.T).toarray() + _RIDGE * np.eye(len(log), dtype=np.float32)
    return Memory(
        letters=letters,
        weights=asked.T @ np.linalg.solve(nearness, answered),
        sentences=csr_matrix(letters.transform([sentence.lower() for sentence in kinds])),
        kinds=tuple(kinds.values()),
    )


def fit_reader(memory: Memory, asked: Sequence[tuple[str, str, str]], *, version: str) -> Reader:
    """Return a reader that weighs the features as prompts show it, each with its right document and value."""
    from sklearn.linear_model import LogisticRegression

    rows, labels = [], []
    for prompt, document, value in asked:
        question, found = read_prompt(prompt)
        if found:
            rows.append(memory.features(question, found))
            labels += [one.document == document and one.value == value for one in found]
    fitted = LogisticRegression(C=10.0, max_iter=500).fit(np.vstack(rows), labels)
    return Reader(version=version, memory=memory, weights=fitted.coef_[0], offset=float(fitted.intercept_[0]))


def read_prompt(prompt: str) -> tuple[str, list[Candidate]]:
    """Return the question, and every value that stands in the excerpts; neither where the prompt is another's."""
    parts = _PROMPT.match(prompt)
    if parts is None:
        return prompt, []
    marks = list(_EXCERPT.finditer(parts["excerpts"]))
    ends = [*(mark.start() for mark in marks[1:]), len(parts["excerpts"])]
    found = []
    for place, (mark, end) in enumerate(zip(marks, ends, strict=False)):
        excerpt = parts["excerpts"][mark.end() : end].strip()
        for sentence in _SENTENCE_END.split(excerpt):
            found += [
                Candidate(
                    value=value[0],
                    kind=_kind(value),
                    sentence=sentence,
                    document=mark["document"],
                    place=place,
                )
                for value in _VALUE.finditer(sentence)
            ]
    return " ".join(parts["question"].split()), found


def kind_of(value: str) -> str:
    """Return the kind of a value; ValueError where it is none."""
    found = _VALUE.fullmatch(value)
    if found is None:
        msg = f"{value!r} is of no kind that the reader knows"
        raise ValueError(msg)
    return _kind(found)


def _without_values(text: str) -> str:
    return _VALUE.sub(" ", text)


def _kind(value: re.Match[str]) -> str:
    return value["unit"].lower().removesuffix("s") if value["unit"] else str(value.lastgroup)


def _said(answer: str | None, document: str | None, chance: float) -> ReaderAnswer:
    return ReaderAnswer(text=json.dumps({"answer": answer, "document": document, "confidence": round(chance, 3)}))
