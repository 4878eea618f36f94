"""A judge model that is often wrong: it looks how many words of the question stand near the answer, and at no more."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

JUDGE = "word-overlap-judge"
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\\n|\n+")
_WORD = re.compile(r"[a-z]{4,}")
_ENOUGH = 0.26


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge says."""

    text: str
    """JSON with `reason`, `verdict` and `confidence`."""


@dataclass(frozen=True, kw_only=True)
class WordOverlapJudge:
    """Calls an answer right where a sentence of the context holds it beside enough words of the question."""

    version: str = JUDGE

    def answer(self, prompt: str, *, temperature: float = 0.0, seed: int | None = None) -> Verdict:
        """Return the verdict on what the prompt, a JSON object, holds; unsure where it holds something else."""
        del temperature, seed
        try:
            data = json.loads(prompt)
            question, context, answer = (str(data[name]) for name in ("question", "context", "answer"))
        except (ValueError, KeyError, TypeError):
            return _said("unsure", 0.5, "there is nothing to judge")
        asked = set(_WORD.findall(question.lower()))
        overlap = max((_overlap(asked, one) for one in _SENTENCE_END.split(context) if answer in one), default=0.0)
        if overlap >= _ENOUGH:
            return _said("right", min(0.55 + overlap / 2, 0.95), "a sentence near the question holds the answer")
        return _said("wrong", 0.7 if overlap else 0.9, "no sentence near the question holds the answer")


def _overlap(asked: set[str], sentence: str) -> float:
    return len(asked & set(_WORD.findall(sentence.lower()))) / max(len(asked), 1)


def _said(verdict: str, confidence: float, reason: str) -> Verdict:
    return Verdict(text=json.dumps({"reason": reason, "verdict": verdict, "confidence": round(confidence, 2)}))
