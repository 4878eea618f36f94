"""Score texts for orders to a model, and mark where they stand.

A text is taken apart into sentences of each of its readings; windows of one to three neighbouring sentences are
scored, so that a long honest document does not dilute one order, and an order over three sentences is seen as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seamwatch.core.adversarial import LEAST_SCORE, Span, score_sentence
from seamwatch.core.injection.classifier import Floats, Model, Sums, trained_model
from seamwatch.core.injection.readings import Reading, readings

Ints = NDArray[np.int64]
WIDEST_WINDOW = 3
LONGEST_SENTENCE = 300
DISGUISED = 0.4
"""How much a disguise adds to what speaks for an order, where rules or classifier see one underneath."""
MOST_SPANS = 20
_BATCH = 2_000
"""Texts that are scored at once."""
_SENTENCE_END = re.compile(
    r"(?:[.!?]+|[\u3002\uff01\uff1f])[\"')\]]*(?=\s|$)\s*|\s*\n\s*|(?<=[\"'])\s*[,:}\]]|\s+\|\s*|\s{4,}"
)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_STEMS = (
    *("ignor", "disregard", "forget", "overrid", "bypass", "discard", "neglect", "omite", "olvid", "oublie", "vergiss"),
    *(
        "vergess",
        "missacht",
        "verwerf",
        "follow",
        "obey",
        "look in",
        "look at",
        " appl",
        "are now",
        "'re now",
        "are as ",
    ),
    *("'re as ", " act ", "behave", "respond", "pretend", "role", "character", "refuse", "now on", "on now", "now own"),
    *("develop", "jailbr", "anything now", "du bist", "sie sind", "ab jetzt", "ab sofort", "fungier", "ahora", "actúa"),
    *("tu es", "agis", "désormais", "instruction", "directive", "neue", "prompt", "above", "written", "said a"),
    *("system", "admin", "assist", "model", "llm", "bot", " ai", "agent", "classif", "answer", "reply", "output"),
    *(" return", " label", "categor", " route ", " mark ", " rate ", " score ", "approve", " treat ", "response"),
    *("antworte", "réponds", "<|", "inst]", "<sys", "/sys", "user>", "tool_call", "function_call"),
)
"""Where none of these stands in a sentence, in small letters and with blanks around it, no rule of `core.adversarial`
finds anything in it."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What was found in one text."""

    score: float
    """How likely it gives orders to a model, 0 to 1; of all windows the highest."""
    spans: tuple[Span, ...] = ()
    """Windows that score at least the threshold, joined, in the text as written; in order."""


@dataclass(frozen=True, kw_only=True)
class _Sentences:
    """Sentences of all readings of some texts."""

    texts: list[str]
    readings: list[Reading]
    owner: list[int]
    """By reading, the number of its text."""
    reading: Ints
    """By sentence, the number of its reading."""
    places: list[tuple[int, int]]
    """By sentence, where it stands in its reading."""


@dataclass(frozen=True, kw_only=True)
class _Windows:
    """Neighbouring sentences taken together."""

    first: Ints
    """Number of the first sentence; the others follow it."""
    width: Ints
    log_odds: Floats
    rules: Floats
    """Highest score that the rules give a sentence of it."""
    owner: Ints
    """Number of the text."""


def scan_texts(texts: Sequence[str], *, threshold: float = 0.5, model: Model | None = None) -> list[Scan]:
    """Return what was found in each text.

    Args:
        texts: In any order; each is scanned alone.
        threshold: Score from which windows are marked as spans.
        model: Weights; default: those that come with the package.
    """
    model = model or trained_model()
    found: list[Scan] = []
    for start in range(0, len(texts), _BATCH):
        found += _scan(list(texts[start : start + _BATCH]), threshold, model)
    return found


def _scan(texts: list[str], threshold: float, model: Model) -> list[Scan]:
    sentences = _sentences(texts)
    windows = _windows(sentences, model)
    scores = model.probability(windows.log_odds, windows.rules)
    best = np.zeros(len(texts))
    np.maximum.at(best, windows.owner, scores)
    marked: dict[int, list[Span]] = {}
    for place in np.flatnonzero(scores >= threshold):
        span = _span(sentences, windows, int(place), float(scores[place]))
        marked.setdefault(int(windows.owner[place]), []).append(span)
    return [
        Scan(score=float(score), spans=_joined(marked[number]) if number in marked else ())
        for number, score in enumerate(best)
    ]


def text_features(texts: Sequence[str], model: Model) -> tuple[Ints, Floats, Floats]:
    """Return of every window the number of its text, the classifier's log odds and the rules' score; for training."""
    windows = _windows(_sentences(list(texts)), model)
    return windows.owner, windows.log_odds, windows.rules


def _sentences(texts: list[str]) -> _Sentences:
    found: list[Reading] = []
    owner: list[int] = []
    numbers: list[int] = []
    places: list[tuple[int, int]] = []
    parts: list[str] = []
    for number, text in enumerate(texts):
        for reading in readings(text):
            for start, end in split(reading.text):
                numbers.append(len(found))
                places.append((start, end))
                parts.append(reading.text[start:end])
            found.append(reading)
            owner.append(number)
    return _Sentences(
        texts=parts, readings=found, owner=owner, reading=np.array(numbers, dtype=np.int64), places=places
    )


def split(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the sentences of a text stand; those without a word are left out, those too long cut at a blank."""
    at = 0
    ends = [(found.start(), found.end()) for found in _SENTENCE_END.finditer(text)]
    for stop, after in [*ends, (len(text), len(text))]:
        # The marks that end a sentence belong to it, the blanks behind them do not.
        end = stop + len(text[stop:after].rstrip())
        while end - at > LONGEST_SENTENCE:
            gap = text.rfind(" ", at + LONGEST_SENTENCE // 2, at + LONGEST_SENTENCE)
            cut = gap if gap > 0 else at + LONGEST_SENTENCE
            if _LETTERS.search(text, at, cut):
                yield at, cut
            at = cut
        if _LETTERS.search(text, at, end):
            yield at, end
        at = after


def _windows(sentences: _Sentences, model: Model) -> _Windows:
    sums = model.weigh(sentences.texts)
    n = len(sentences.texts)
    firsts, odds = [], []
    total = Sums(letters=np.zeros(n), n_letters=np.zeros(n), words=np.zeros(n), n_words=np.zeros(n))
    for width in range(1, WIDEST_WINDOW + 1):
        kept = max(n - width + 1, 0)
        total = Sums(**{name: getattr(total, name)[:kept] + values[width - 1 :] for name, values in vars(sums).items()})
        first = np.flatnonzero(sentences.reading[:kept] == sentences.reading[width - 1 :][:kept])
        firsts.append(first)
        odds.append(model.log_odds(total)[first])
    first, log_odds = np.concatenate(firsts), np.concatenate(odds)
    widths = np.repeat(np.arange(1, WIDEST_WINDOW + 1), [len(some) for some in firsts])
    rules = _rule_scores(sentences, _worth_a_look(n, first, widths, log_odds, model))
    highest = rules[first]
    for step in range(1, WIDEST_WINDOW):
        is_wider = widths > step
        highest[is_wider] = np.maximum(highest[is_wider], rules[first[is_wider] + step])
    owner = np.array(sentences.owner, dtype=np.int64)[sentences.reading[first]] if n else first
    return _Windows(first=first, width=widths, log_odds=log_odds, rules=highest, owner=owner)


def _worth_a_look(n: int, first: Ints, width: Ints, log_odds: Floats, model: Model) -> Ints:
    """Return the sentences of windows that rules could lift to `LEAST_SCORE`; to save time no others are asked."""
    is_open = model.probability(log_odds, np.ones(len(log_odds))) >= LEAST_SCORE
    found = np.zeros(n, dtype=bool)
    for step in range(WIDEST_WINDOW):
        found[first[is_open & (width > step)] + step] = True
    return np.flatnonzero(found)


def _rule_scores(sentences: _Sentences, numbers: Ints) -> Floats:
    """Return by sentence what the rules say of it; a disguise adds to what they find underneath."""
    found = np.zeros(len(sentences.texts))
    for number in numbers:
        text = sentences.texts[number]
        low = f" {text.lower()} "
        if any(stem in low for stem in _STEMS):
            found[number] = score_sentence(text)
            reading = sentences.readings[sentences.reading[number]]
            if found[number] and reading.disguised and reading.is_disguised(*sentences.places[number]):
                found[number] = 1.0 - (1.0 - found[number]) * (1.0 - DISGUISED)
    return found


def _span(sentences: _Sentences, windows: _Windows, place: int, score: float) -> Span:
    first = int(windows.first[place])
    last = first + int(windows.width[place]) - 1
    reading = sentences.readings[sentences.reading[first]]
    start, end = reading.origin(sentences.places[first][0], sentences.places[last][1])
    return Span(start=start, end=end, score=score)


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Return spans without overlaps: of nested windows the surest keeps its bounds, others that touch none are kept."""
    kept: list[Span] = []
    # The surest first; of equally sure ones the shortest.
    for span in sorted(spans, key=lambda one: (-round(one.score, 3), one.end - one.start)):
        if len(kept) < MOST_SPANS and not any(span.start < one.end and one.start < span.end for one in kept):
            kept.append(span)
    kept.sort(key=lambda one: one.start)
    joined = kept[:1]
    for before, span in pairwise(kept):
        if span.start - before.end <= 2:
            old = joined.pop()
            span = Span(start=old.start, end=span.end, score=max(old.score, span.score))  # noqa: PLW2901
        joined.append(span)
    return tuple(joined)
