"""Score texts for orders to a model, and mark where they stand.

A text is taken apart into sentences of each of its readings; windows of one to three neighbouring sentences are
scored, so that a long honest document does not dilute one order, and an order over three sentences is seen as one.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seamwatch.core.injection import data_rules, rules
from seamwatch.core.injection.classifier import Floats, Ints, Model, Sums, trained_model, weigh
from seamwatch.core.injection.readings import LONGEST_TEXT, Reading, readings
from seamwatch.vocabulary import FieldKind

WIDEST_WINDOW = 3
LONGEST_SENTENCE = 300
DISGUISED = 0.4
"""How much a disguise adds to what speaks for an order, where rules or classifier see one underneath."""
SUSPICIOUS = 0.2
"""Score from which attribution leaves a span out on trial. Low: an outcome that stays wrong acquits it, while the watch
counts what it flags and has no trial."""
LEAST_IN_DATA = 0.5
"""Lower scores that only the kind of field gives count as none: honest manuals, recipes and mails are full of sentences
with some marks of an order, and each would be left out on trial."""
MOST_FOLLOWING = 5
"""Sentences that go on with an order and are marked with it."""
_RULES: Mapping[FieldKind, tuple[Callable[[str], float], float]] = {
    FieldKind.REQUEST: (rules.score_sentence, SUSPICIOUS),
    FieldKind.DATA: (data_rules.score_sentence, LEAST_IN_DATA),
}
"""By kind of field, what its rules say of a sentence, and the least score that counts there."""
_BATCH = 2_000
"""Texts that are scored at once."""
_SENTENCE_END = re.compile(
    r"(?:[.!?]+|[\u3002\uff01\uff1f])[\"')\]]*(?=\s|$)\s*|\s*\n\s*|(?<=[\"'])\s*[,:}\]]|\s+\|\s*|\s{4,}"
)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of a text that gives orders to a model."""

    start: int
    end: int
    score: float = 1.0
    """How likely it does, 0 to 1; of joined windows the highest."""


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
    owner: Ints
    """Number of the text."""


def scan_texts(
    texts: Sequence[str],
    *,
    kind: FieldKind = FieldKind.REQUEST,
    threshold: float = 0.5,
    longest: int = LONGEST_TEXT,
) -> list[Scan]:
    """Return what was found in each text.

    Args:
        texts: In any order; each is scanned alone.
        kind: Of the fields that they stand in. In data an order is odd by its place alone, which a model and the
            rules of `data_rules.py` tell: the higher score is taken.
        threshold: Score from which windows are marked as spans.
        longest: Characters beyond which only the beginning and the end of a text are read.
    """
    found: list[Scan] = []
    for start in range(0, len(texts), _BATCH):
        found += _scan(list(texts[start : start + _BATCH]), kind, threshold, longest)
    return found


def _scan(texts: list[str], kind: FieldKind, threshold: float, longest: int) -> list[Scan]:
    sentences = _sentences(texts, longest)
    windows = _windows(sentences)
    # An order to a model is one wherever it stands.
    scores = np.max(_scores(sentences, windows, list(dict.fromkeys((FieldKind.REQUEST, kind)))), axis=0)
    best = np.zeros(len(texts))
    np.maximum.at(best, windows.owner, scores)
    marked: dict[int, list[int]] = {}
    for place in np.flatnonzero(scores >= threshold):
        marked.setdefault(int(windows.owner[place]), []).append(int(place))
    return [
        Scan(score=float(score), spans=_spans(sentences, windows, scores, marked.get(number, [])))
        for number, score in enumerate(best)
    ]


def rules_of(
    texts: Sequence[str], *, kind: FieldKind = FieldKind.REQUEST, threshold: float = 0.5
) -> list[tuple[str, ...]]:
    """Return of each text the kinds of rules that find instructions in it; `classifier` where it was learnt examples.

    An order that only its place makes odd is `order_in_data`. A text that scores less than the threshold has none.
    """
    found: list[tuple[str, ...]] = []
    for text, scan in zip(texts, scan_texts(texts, kind=kind, threshold=threshold), strict=True):
        sentences = _sentences([text], LONGEST_TEXT)
        kinds = [one for sentence in sentences.texts for one in rules.kinds_of(sentence)]
        if kind is FieldKind.DATA:
            (odd,) = _scores(sentences, _windows(sentences), [kind])
            kinds += ["order_in_data"] if odd.max(initial=0.0) >= threshold else []
        found.append((tuple(dict.fromkeys(kinds)) or ("classifier",)) if scan.score >= threshold else ())
    return found


def text_features(texts: Sequence[str], model: Model, kind: FieldKind) -> tuple[Ints, Floats, Floats]:
    """Return of every window the number of its text, the classifier's log odds and the rules' score; for training."""
    sentences = _sentences(list(texts))
    windows = _windows(sentences)
    (log_odds,) = _log_odds(sentences, windows, [model])
    return windows.owner, log_odds, _rule_scores(sentences, windows, log_odds, model, kind)


def _sentences(texts: list[str], longest: int = LONGEST_TEXT) -> _Sentences:
    found: list[Reading] = []
    owner: list[int] = []
    numbers: list[int] = []
    places: list[tuple[int, int]] = []
    parts: list[str] = []
    for number, text in enumerate(texts):
        for reading in readings(text, longest):
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


def _windows(sentences: _Sentences) -> _Windows:
    n = len(sentences.texts)
    firsts = [
        np.flatnonzero(sentences.reading[: max(n - width + 1, 0)] == sentences.reading[width - 1 :])
        for width in range(1, WIDEST_WINDOW + 1)
    ]
    first = np.concatenate(firsts)
    owner = np.array(sentences.owner, dtype=np.int64)[sentences.reading[first]] if n else first
    return _Windows(
        first=first, width=np.repeat(np.arange(1, WIDEST_WINDOW + 1), [len(a) for a in firsts]), owner=owner
    )


def _scores(sentences: _Sentences, windows: _Windows, kinds: Sequence[FieldKind]) -> list[Floats]:
    """Return by kind of field how likely each window gives orders to a model there."""
    models = [trained_model(kind) for kind in kinds]
    found = []
    for kind, model, log_odds in zip(kinds, models, _log_odds(sentences, windows, models), strict=True):
        scores = model.probability(log_odds, _rule_scores(sentences, windows, log_odds, model, kind))
        found.append(np.where(scores >= LEAST_IN_DATA, scores, 0.0) if kind is FieldKind.DATA else scores)
    return found


def _log_odds(sentences: _Sentences, windows: _Windows, models: Sequence[Model]) -> list[Floats]:
    """Return by model the log odds of each window."""
    found = []
    for sums, model in zip(weigh(sentences.texts, models), models, strict=True):
        parts, total = [], sums
        for width in range(1, WIDEST_WINDOW + 1):
            if width > 1:
                total = Sums(
                    weights=total.weights[:, :-1] + sums.weights[:, width - 1 :],
                    n=total.n[:, :-1] + sums.n[:, width - 1 :],
                )
            parts.append(model.log_odds(total)[windows.first[windows.width == width]])
        found.append(np.concatenate(parts))
    return found


def _rule_scores(sentences: _Sentences, windows: _Windows, log_odds: Floats, model: Model, kind: FieldKind) -> Floats:
    """Return of each window the highest score that the rules give a sentence of it.

    To save time only sentences of windows that rules could lift to a score that counts are asked. A disguise adds to
    what rules find underneath.
    """
    score_sentence, least = _RULES[kind]
    is_open = model.probability(log_odds, np.ones(len(log_odds))) >= least
    is_asked = np.zeros(len(sentences.texts), dtype=bool)
    scores = np.zeros(len(sentences.texts))
    for step in range(WIDEST_WINDOW):
        is_asked[windows.first[is_open & (windows.width > step)] + step] = True
    for number in np.flatnonzero(is_asked):
        scores[number] = score_sentence(sentences.texts[number])
        reading = sentences.readings[sentences.reading[number]]
        if scores[number] and reading.disguised and reading.is_disguised(*sentences.places[number]):
            scores[number] = 1.0 - (1.0 - scores[number]) * (1.0 - DISGUISED)
    highest = scores[windows.first]
    for step in range(1, WIDEST_WINDOW):
        is_wider = windows.width > step
        highest[is_wider] = np.maximum(highest[is_wider], scores[windows.first[is_wider] + step])
    return highest


def _bounds(sentences: _Sentences, windows: _Windows, place: int) -> tuple[int, int]:
    """Return where a window stands in the text as written."""
    first = int(windows.first[place])
    last = first + int(windows.width[place]) - 1
    reading: Reading = sentences.readings[int(sentences.reading[first])]
    return reading.origin(sentences.places[first][0], sentences.places[last][1])


def _spans(sentences: _Sentences, windows: _Windows, scores: Floats, places: list[int]) -> tuple[Span, ...]:
    """Return the windows as spans without overlaps, those that touch joined: of nested ones the surest is taken."""
    found = [(*_bounds(sentences, windows, place), place) for place in places]
    kept: list[tuple[int, int, int]] = []
    # The surest first; of equally sure ones the shortest.
    for start, end, place in sorted(found, key=lambda one: (-round(float(scores[one[2]]), 3), one[1] - one[0])):
        at = bisect(kept, (start,))
        if not (at and kept[at - 1][1] > start) and not (at < len(kept) and kept[at][0] < end):
            kept.insert(at, (start, end, place))
    joined: list[Span] = []
    for _, end, place in kept:
        start, following = _order(sentences, windows, place)
        span = Span(start=start, end=max(end, following), score=float(scores[place]))
        if joined and start - joined[-1].end <= 2:
            old = joined.pop()
            span = Span(start=old.start, end=max(old.end, span.end), score=max(old.score, span.score))
        joined.append(span)
    return tuple(joined)


def _order(sentences: _Sentences, windows: _Windows, place: int) -> tuple[int, int]:
    """Return where the order of a window begins in the text as written, and where what goes on with it ends."""
    first = int(windows.first[place])
    last = first + int(windows.width[place]) - 1
    number = int(sentences.reading[first])
    for following in range(last + 1, min(last + 1 + MOST_FOLLOWING, len(sentences.texts))):
        if sentences.reading[following] != number or not rules.goes_on(sentences.texts[following]):
            break
        last = following
    begin = sentences.places[first][0] + rules.order_start(sentences.texts[first])
    return sentences.readings[number].origin(begin, sentences.places[last][1])


def without_spans(text: str, spans: Sequence[Span]) -> str:
    """Return the text without some of its spans, nor the blanks that would be left doubled; itself without any."""
    if not spans:
        return text
    kept, at = [], 0
    for span in spans:
        kept.append(text[at : span.start])
        at = span.end
        if not kept[-1] or kept[-1][-1].isspace():
            blank = _BLANKS.match(text, at)
            at = blank.end() if blank else at
    return "".join([*kept, text[at:]]).strip()
