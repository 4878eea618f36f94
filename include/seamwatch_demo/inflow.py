"""What comes in at the desk beside the usual: customers of a new market, and people who attack the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seamwatch_demo import phrases_german
from seamwatch_demo.attacks import write_attack
from seamwatch_demo.tickets import Ticket

_NEW_SHARE, _ATTACK_SHARE = 0.35, 0.30


def as_usual(ticket: Ticket, rng: np.random.Generator) -> Ticket:
    """Return the ticket as it is."""
    del rng
    return ticket


def from_a_new_market(ticket: Ticket, rng: np.random.Generator) -> Ticket:
    """Return the ticket; of every three about one is a customer's who wants the same, and writes German."""
    if rng.random() >= _NEW_SHARE:
        return ticket
    intent = ticket["intent"]
    lines = [_one(phrases_german.GREETINGS, rng), _sentence(_one(phrases_german.CORES[intent], rng))]
    lines += [text for text in phrases_german.DETAILS if rng.random() < 0.25]
    lines.append(_one(phrases_german.CLOSINGS, rng))
    body = "\n".join(line for line in lines if line)
    return {**ticket, "language": "de", "subject": _one(phrases_german.SUBJECTS[intent], rng), "body": body}


def with_attacks(ticket: Ticket, rng: np.random.Generator) -> Ticket:
    """Return the ticket; of ten about three carry an instruction to the model somewhere in their text."""
    if rng.random() >= _ATTACK_SHARE:
        return ticket
    lines = ticket["body"].splitlines()
    lines.insert(int(rng.integers(1, len(lines) + 1)), write_attack(rng))
    return {**ticket, "body": "\n".join(lines)}


def _one(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
