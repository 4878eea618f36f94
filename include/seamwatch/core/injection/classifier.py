"""Logistic regressions on hashed runs of characters and words, trained elsewhere, applied with numpy alone.

There are two: of texts in which somebody asks for something, and of fields of data, where an order is odd in itself.

Hashes are polynomial in the characters, so that all texts of a batch are hashed by a few operations on one array.
Source: K. Weinberger et al. (2009), "Feature hashing for large scale multitask learning", for the hashing; there is no
sign here, as collisions are rare in what a short text holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamwatch.vocabulary import FieldKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUNS = (3, 4, 5)
"""Lengths of the runs of characters."""
LETTER_BITS, WORD_BITS, START_BITS = 17, 16, 14
N_REQUEST_WEIGHTS = 2**LETTER_BITS + 2**WORD_BITS
"""The classifier of requests knows no starts of sentences: people begin with a verb as well."""
N_WEIGHTS = N_REQUEST_WEIGHTS + 2**START_BITS
LONGEST_START = 3
"""First words of a sentence that are a feature together, at most."""
_BASE = np.uint32(0x01000193)
_SPREAD = np.uint32(2654435769)
_PAIR = np.uint32(0x85EBCA6B)
_BATCH = 400_000
"""Characters that are hashed at once."""
_BLANKS = re.compile(r"[\s{}\[\]\"'`\\<>|=_*#~()]+")
"""What is read as one blank: the marks of JSON and Markdown tell where a text stood, not what it says."""
_DIGITS = re.compile(r"\d")
WEIGHTS = {FieldKind.REQUEST: "weights.npz", FieldKind.DATA: "data_weights.npz"}
"""Files beside this one."""


def clean(sentence: str) -> str:
    """Return the form in which a sentence is hashed: small letters, digits as 0, marks as blanks, blanks around it."""
    return f" {_BLANKS.sub(' ', _DIGITS.sub('0', sentence.lower())).strip()} "


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of one sort, in any order."""

    owner: Ints
    """Number of the sentence within its batch."""
    number: Ints
    """Of the weight."""


def hash_sentences(sentences: Sequence[str]) -> Iterator[tuple[slice, tuple[Features, ...]]]:
    """Yield, batch by batch, which sentences they are and their runs of characters, words and starts."""
    forms = [clean(one) for one in sentences]
    start = 0
    while start < len(forms):
        end, size = start, 0
        while end < len(forms) and (size == 0 or size + len(forms[end]) <= _BATCH):
            size += len(forms[end])
            end += 1
        yield slice(start, end), _hash_batch(forms[start:end])
        start = end


def _hash_batch(forms: list[str]) -> tuple[Features, ...]:
    codes = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    owner = np.repeat(np.arange(len(forms)), [len(form) for form in forms])
    words, word_owner = _words(codes, owner)
    return _letter_features(codes, owner), _word_features(words, word_owner), _start_features(words, word_owner)


def _letter_features(codes: NDArray[np.uint32], owner: Ints) -> Features:
    found: list[tuple[Ints, Ints]] = []
    rolling = codes.copy()
    for n in range(2, max(RUNS) + 1):
        if len(codes) < n:
            break
        rolling = rolling[: len(codes) - n + 1] * _BASE + codes[n - 1 :]
        if n in RUNS:
            is_within = owner[: len(rolling)] == owner[n - 1 :]
            mixed = (rolling[is_within] ^ np.uint32(n * 0x9E37)) * _SPREAD
            found.append((owner[: len(rolling)][is_within], (mixed >> np.uint32(32 - LETTER_BITS)).astype(np.int64)))
    none = np.zeros(0, dtype=np.int64)
    return Features(
        owner=np.concatenate([none, *(one for one, _ in found)]),
        number=np.concatenate([none, *(two for _, two in found)]),
    )


def _words(codes: NDArray[np.uint32], owner: Ints) -> tuple[NDArray[np.uint32], Ints]:
    """Return the hash of each word, in order, and the number of its sentence."""
    is_blank = codes == 32
    begins = np.flatnonzero(~is_blank & np.concatenate([[True], is_blank[:-1]]))
    if not len(begins):
        return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)
    # Position within its word decides a character's factor, so that the sum over a word is its hash.
    bounds = np.unique([0, *begins])
    place = np.arange(len(codes)) - np.repeat(bounds, np.diff([*bounds, len(codes)]))
    powers = np.cumprod(np.full(int(place.max()) + 1, _BASE, dtype=np.uint32), dtype=np.uint32)
    words = np.add.reduceat(np.where(is_blank, np.uint32(0), codes * powers[place]), begins, dtype=np.uint32)
    return words, owner[begins]


def _word_features(words: NDArray[np.uint32], owner: Ints) -> Features:
    pairs = words[:-1] * _PAIR + words[1:]
    is_pair = owner[:-1] == owner[1:]
    hashes = np.concatenate([words, pairs[is_pair] ^ np.uint32(0x5BD1E995)]) * _SPREAD
    numbers = (hashes >> np.uint32(32 - WORD_BITS)).astype(np.int64) + 2**LETTER_BITS
    return Features(owner=np.concatenate([owner, owner[:-1][is_pair]]), number=numbers)


def _start_features(words: NDArray[np.uint32], owner: Ints) -> Features:
    """Return the first word of each sentence, its first two and its first three."""
    first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]])) if len(words) else np.zeros(0, int)
    rolling, mine = words[first], owner[first]
    owners, hashes = [mine], [rolling]
    for n in range(1, LONGEST_START):
        goes_on = first + n < len(words)
        goes_on[goes_on] = owner[first[goes_on] + n] == mine[goes_on]
        first, mine = first[goes_on], mine[goes_on]
        rolling = rolling[goes_on] * _PAIR + words[first + n]
        owners.append(mine)
        hashes.append(rolling ^ np.uint32(n * 0x9E37))
    numbers = (np.concatenate(hashes) * _SPREAD >> np.uint32(32 - START_BITS)).astype(np.int64) + N_REQUEST_WEIGHTS
    return Features(owner=np.concatenate(owners), number=numbers)


@dataclass(frozen=True, kw_only=True)
class Sums:
    """By sort of feature (rows) and sentence, what they weigh and how many there are; neighbours' sums add up."""

    weights: Floats
    n: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Weights, and how score and rules are made one probability."""

    weights: NDArray[np.float32]
    """Of runs of characters, of words, of starts."""
    bias: float
    combine: tuple[float, float, float]
    """Constant, factor of the classifier's log odds, factor of the rules' score."""

    def log_odds(self, sums: Sums) -> Floats:
        """Return the classifier's log odds of windows, from their sums: features count as their share's root."""
        return np.asarray((sums.weights / np.sqrt(np.maximum(sums.n, 1.0))).sum(axis=0) + self.bias, dtype=float)

    def probability(self, log_odds: Floats, rules: Floats) -> Floats:
        """Return how likely a window gives orders to a model, from the classifier and the rules' score (0 to 1)."""
        constant, of_odds, of_rules = self.combine
        value = constant + of_odds * log_odds + of_rules * rules
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -60.0, 60.0))), dtype=float)


def weigh(sentences: Sequence[str], models: Sequence[Model]) -> list[Sums]:
    """Return the sums of all sentences by model; sentences are hashed once, however many models weigh them."""
    shape = (3, len(sentences))
    counts = np.zeros(shape)
    weights = [np.zeros(shape) for _ in models]
    for where, sorts in hash_sentences(sentences):
        size = where.stop - where.start
        for row, features in enumerate(sorts):
            counts[row, where] = np.bincount(features.owner, minlength=size)
            for mine, model in zip(weights, models, strict=True):
                mine[row, where] = np.bincount(features.owner, weights=model.weights[features.number], minlength=size)
    return [Sums(weights=mine, n=counts) for mine in weights]


@lru_cache(maxsize=len(FieldKind))
def trained_model(kind: FieldKind = FieldKind.REQUEST) -> Model:
    """Return the model of a kind of field that comes with the package; its card is `docs/injection-model.md`."""
    with resources.files(__package__).joinpath(WEIGHTS[kind]).open("rb") as file:
        kept: Any = np.load(file, allow_pickle=False)
        return Model(
            weights=kept["weights"].astype(np.float32) * np.float32(kept["scale"]),
            bias=float(kept["bias"]),
            combine=(float(kept["combine"][0]), float(kept["combine"][1]), float(kept["combine"][2])),
        )
