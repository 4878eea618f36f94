"""A logistic regression on hashed runs of characters and words, trained elsewhere, applied with numpy alone.

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

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUNS = (3, 4, 5)
"""Lengths of the runs of characters."""
LETTER_BITS, WORD_BITS = 17, 16
N_WEIGHTS = 2**LETTER_BITS + 2**WORD_BITS
_BASE = np.uint32(0x01000193)
_SPREAD = np.uint32(2654435769)
_BATCH = 400_000
"""Characters that are hashed at once."""
_BLANKS = re.compile(r"[\s{}\[\]\"'`\\<>|=_*#~()]+")
"""What is read as one blank: the marks of JSON and Markdown tell where a text stood, not what it says."""
_DIGITS = re.compile(r"\d")


def clean(sentence: str) -> str:
    """Return the form in which a sentence is hashed: small letters, digits as 0, marks as blanks, blanks around it."""
    return f" {_BLANKS.sub(' ', _DIGITS.sub('0', sentence.lower())).strip()} "


def hash_sentences(sentences: Sequence[str]) -> Iterator[tuple[slice, Ints, Ints, Ints, Ints]]:
    """Yield, batch by batch, the features of sentences.

    Yields:
        Which sentences they are of; and for runs of characters, then for words, the number of the sentence within the
        batch and the number of the feature.
    """
    forms = [clean(one) for one in sentences]
    start = 0
    while start < len(forms):
        end, size = start, 0
        while end < len(forms) and (size == 0 or size + len(forms[end]) <= _BATCH):
            size += len(forms[end])
            end += 1
        yield slice(start, end), *_hash_batch(forms[start:end])
        start = end


def _hash_batch(forms: list[str]) -> tuple[Ints, Ints, Ints, Ints]:
    codes = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    owner = np.repeat(np.arange(len(forms)), [len(form) for form in forms])
    return (*_letter_features(codes, owner), *_word_features(codes, owner))


def _letter_features(codes: NDArray[np.uint32], owner: Ints) -> tuple[Ints, Ints]:
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
    if not found:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate([one for one, _ in found]), np.concatenate([two for _, two in found])


def _word_features(codes: NDArray[np.uint32], owner: Ints) -> tuple[Ints, Ints]:
    is_blank = codes == 32
    begins = np.flatnonzero(~is_blank & np.concatenate([[True], is_blank[:-1]]))
    if not len(begins):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    # Position within its word decides a character's factor, so that the sum over a word is its hash.
    bounds = np.unique([0, *begins])
    place = np.arange(len(codes)) - np.repeat(bounds, np.diff([*bounds, len(codes)]))
    powers = np.cumprod(np.full(int(place.max()) + 1, _BASE, dtype=np.uint32), dtype=np.uint32)
    words = np.add.reduceat(np.where(is_blank, np.uint32(0), codes * powers[place]), begins, dtype=np.uint32)
    word_owner = owner[begins]
    pairs = words[:-1] * np.uint32(0x85EBCA6B) + words[1:]
    is_pair = word_owner[:-1] == word_owner[1:]
    hashes = np.concatenate([words, pairs[is_pair] ^ np.uint32(0x5BD1E995)]) * _SPREAD
    features = (hashes >> np.uint32(32 - WORD_BITS)).astype(np.int64) + 2**LETTER_BITS
    return np.concatenate([word_owner, word_owner[:-1][is_pair]]), features


@dataclass(frozen=True, kw_only=True)
class Sums:
    """By sentence, what its features weigh and how many there are; adds up over neighbouring sentences."""

    letters: Floats
    n_letters: Floats
    words: Floats
    n_words: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Weights, and how score and rules are made one probability."""

    weights: NDArray[np.float32]
    """Of runs of characters, then of words."""
    bias: float
    combine: tuple[float, float, float]
    """Constant, factor of the classifier's log odds, factor of the rules' score."""
    version: str
    """Changes with the weights: scores of another version are not reused."""

    def weigh(self, sentences: Sequence[str]) -> Sums:
        """Return the sums of each sentence."""
        n = len(sentences)
        found = Sums(letters=np.zeros(n), n_letters=np.zeros(n), words=np.zeros(n), n_words=np.zeros(n))
        for where, letter_owner, letters, word_owner, words in hash_sentences(sentences):
            size = where.stop - where.start
            found.letters[where] = np.bincount(letter_owner, weights=self.weights[letters], minlength=size)
            found.n_letters[where] = np.bincount(letter_owner, minlength=size)
            found.words[where] = np.bincount(word_owner, weights=self.weights[words], minlength=size)
            found.n_words[where] = np.bincount(word_owner, minlength=size)
        return found

    def log_odds(self, sums: Sums) -> Floats:
        """Return the classifier's log odds of windows, from their sums: features count as their share's root."""
        letters = sums.letters / np.sqrt(np.maximum(sums.n_letters, 1.0))
        words = sums.words / np.sqrt(np.maximum(sums.n_words, 1.0))
        return np.asarray(letters + words + self.bias, dtype=float)

    def probability(self, log_odds: Floats, rules: Floats) -> Floats:
        """Return how likely a window gives orders to a model, from the classifier and the rules' score (0 to 1)."""
        constant, of_odds, of_rules = self.combine
        value = constant + of_odds * log_odds + of_rules * rules
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -60.0, 60.0))), dtype=float)


@lru_cache(maxsize=1)
def trained_model() -> Model:
    """Return the model that comes with the package; its card is `docs/injection-model.md`."""
    with resources.files(__package__).joinpath("weights.npz").open("rb") as file:
        kept: Any = np.load(file, allow_pickle=False)
        return Model(
            weights=kept["weights"].astype(np.float32) * np.float32(kept["scale"]),
            bias=float(kept["bias"]),
            combine=(float(kept["combine"][0]), float(kept["combine"][1]), float(kept["combine"][2])),
            version=str(kept["version"]),
        )
