"""The assistant's model: reads question and context in the prompt, and answers with a value that stands there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

READER = "policy-reader-2026-09"
READER_NAME = "policy-reader"
_PASSAGE = re.compile(r"^\[(?P<id>[^\]]+)\]\n(?P<text>.*?)(?=^\[[^\]]+\]\n|\Z)", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_VALUES = (
    (re.compile(r"working days|decide", re.I), re.compile(r"\b\d+ working days\b")),
    (re.compile(r"\bmonths?\b|papers", re.I), re.compile(r"\b\d+ months\b")),
    (re.compile(r"\beuros?\b|amount", re.I), re.compile(r"\b\d+ euros\b")),
    (re.compile(r"\bdays?\b|deadline", re.I), re.compile(r"\b\d+ days\b")),
    (re.compile(r"address|mail|write", re.I), re.compile(r"\b[\w.]+@[\w.]+\w\b")),
    (re.compile(r"\bwho(m|se)?\b", re.I), re.compile(r"(?<=approved by )[a-z ]+")),
)
"""What a question asks for, and what such a value looks like."""
_FITS = 0.35
"""How much a sentence gains that holds a value of the kind asked for."""


@dataclass(frozen=True, kw_only=True)
class ReaderAnswer:
    """What the reader says."""

    text: str
    """JSON with `answer` and `document`."""


@dataclass(frozen=True, kw_only=True)
class PolicyReader:
    """Finds the sentence of the context whose words fit the question best, and the value in it."""

    version: str
    vectoriser: Any

    def answer(self, prompt: str, *, temperature: float = 0.0, seed: int | None = None) -> ReaderAnswer:
        """Return the answer; always the same one, whatever the temperature."""
        del temperature, seed
        context, _, question = prompt.rpartition("Question: ")
        wanted = self.vectoriser.transform([question])
        best = 0.0
        found: dict[str, str | None] = {"answer": None, "document": None}
        for passage in _PASSAGE.finditer(context):
            sentences = [one for one in _SENTENCE.split(passage["text"].strip()) if one and not one.startswith("#")]
            if not sentences:
                continue
            scores = (self.vectoriser.transform(sentences) @ wanted.T).toarray()[:, 0]
            for sentence, score in zip(sentences, scores, strict=True):
                value, fits = _value(question, sentence)
                if value is not None and float(score) + fits > best:
                    best, found = float(score) + fits, {"answer": value, "document": passage["id"]}
        return ReaderAnswer(text=json.dumps(found))


def _value(question: str, sentence: str) -> tuple[str | None, float]:
    """Return the value in a sentence, of the kind that is asked for or of any, and what that is worth."""
    for asks, looks in _VALUES:
        if asks.search(question) and (value := looks.search(sentence)):
            return value[0].strip(), _FITS
    for _, looks in _VALUES:
        if value := looks.search(sentence):
            return value[0].strip(), 0.0
    return None, 0.0


def train_reader(texts: list[str]) -> PolicyReader:
    """Return a reader that knows how common words are in policies."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts)
    return PolicyReader(version=READER, vectoriser=vectoriser)
