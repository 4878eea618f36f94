"""Questions as the help desk files them, each about one fact of one policy; which one, no system of the demo sees."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from seamwatch_demo.policies.documents import Fact, asked_facts, load_policies, policies_by_document

_HOURS = (0, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 17, 15, 16, 17, 16, 14, 12, 11, 10, 8, 6, 4, 2)
"""Questions by hour of the day, in parts."""
_CHANNELS, _CHANNEL_PARTS = ("chat", "portal", "phone_note"), (0.55, 0.3, 0.15)
_LOCALES, _LOCALE_PARTS = ("en_GB", "en_IE", "en_US"), (0.6, 0.15, 0.25)
_OPENINGS = ("Hi, ", "Hello team, ", "Quick question: ", "Sorry, one more: ", "Good morning. ")
_CLOSINGS = (" Thanks!", " Thank you.", " Cheers", " It's urgent.", " I can't find it.")
_OPENING_SHARE, _CLOSING_SHARE, _TYPO_SHARE, _LOWER_SHARE = 0.3, 0.25, 0.15, 0.2

Question = dict[str, Any]
"""A row of the help desk, and `fact`, the id of the fact that is asked for, which stays here."""


def make_questions(day: date, n: int, rng: np.random.Generator, *, prefix: str = "Q") -> list[Question]:
    """Return `n` questions of a day in the order of their time.

    Args:
        day: UTC day on which they are asked.
        n: Questions.
        rng: The only source of chance.
        prefix: Begins the question ids, which are unique per day and prefix.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    facts = list(asked_facts(load_policies()))
    hours = rng.choice(24, size=n, p=np.array(_HOURS) / sum(_HOURS))
    seconds = np.sort(hours * 3600 + rng.integers(0, 3600, size=n))
    chosen = rng.choice(len(facts), size=n, p=_parts(facts))
    return [
        _make_question(
            f"{prefix}{day:%y%m%d}-{number:05d}", midnight + timedelta(seconds=int(second)), facts[fact], rng
        )
        for number, (second, fact) in enumerate(zip(seconds, chosen, strict=True))
    ]


def _parts(facts: Sequence[Fact]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how often each fact is asked for: a policy's parts are spread over its facts evenly."""
    policies = policies_by_document()
    n_asked = {name: sum(bool(fact.asks) for fact in policy.facts) for name, policy in policies.items()}
    weights = np.array([policies[fact.document].asked / n_asked[fact.document] for fact in facts])
    parts: np.ndarray[Any, np.dtype[np.float64]] = weights / weights.sum()
    return parts


def _make_question(question_id: str, at: datetime, fact: Fact, rng: np.random.Generator) -> Question:
    policy = policies_by_document()[fact.document]
    return {
        "question_id": question_id,
        "asked_at": at,
        "asked_by": f"A{rng.integers(100, 999)}",
        "channel": str(rng.choice(_CHANNELS, p=_CHANNEL_PARTS)),
        "locale": str(rng.choice(_LOCALES, p=_LOCALE_PARTS)),
        "area": policy.area,
        "text": _write(fact, rng),
        "fact": fact.id,
    }


def _write(fact: Fact, rng: np.random.Generator) -> str:
    """Return the question as the chat stores it: escaped for HTML, with the blanks that people leave."""
    text = fact.asks[int(rng.integers(len(fact.asks)))]
    if rng.random() < _TYPO_SHARE:
        text = _mistype(text, rng)
    if rng.random() < _LOWER_SHARE:
        text = text.lower()
    if rng.random() < _OPENING_SHARE:
        text = _OPENINGS[int(rng.integers(len(_OPENINGS)))] + text
    if rng.random() < _CLOSING_SHARE:
        text += _CLOSINGS[int(rng.integers(len(_CLOSINGS)))]
    blanks = ("", " ", "\n")
    words = text.split(" ")
    at = int(rng.integers(1, len(words)))
    spaced = " ".join(words[:at]) + " " + blanks[int(rng.integers(3))] + " ".join(words[at:])
    return html.escape(spaced) + blanks[int(rng.integers(3))]


def _mistype(text: str, rng: np.random.Generator) -> str:
    """Return the text with two letters swapped, or one lost or doubled."""
    letters = list(text)
    at = int(rng.integers(1, len(letters) - 1))
    match int(rng.integers(3)):
        case 0:
            letters[at], letters[at - 1] = letters[at - 1], letters[at]
        case 1:
            letters[at] = ""
        case _:
            letters[at] *= 2
    return "".join(letters)
