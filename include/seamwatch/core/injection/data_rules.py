"""Rules that speak for an order to an assistant in a field of data, where nobody has anything to ask.

In a ticket `please send my invoices to ...` is what the ticket is there for; in a calendar entry, a review or a tool's
answer it is odd. A sentence counts by its form (an order, asked politely or not) and by what assistants with tools are
misused for: somebody's own accounts, records and devices, money, a stranger's address. What one person asks another
(`please send me the slides`) counts half. English only.

The weights are a person's choice, not learnt, made on the texts named in `docs/injection-model.md`. No rule decides
alone: how much they count beside the classifier of fields of data is learnt (`classifier.py`).
"""

from __future__ import annotations

import re
from importlib import resources

AMONG_PEOPLE = 0.5
"""What is left of the score of a sentence that speaks to a person."""
_TABLE = [
    line.split("\t")
    for line in resources.files(__package__).joinpath("data_rules.tsv").read_text(encoding="utf-8").splitlines()[1:]
]
"""Rows of a weight, a kind and a pattern; those without a weight name a part of patterns, used as `<name>`."""
_NAMED = {name: text for weight, name, text in _TABLE if not weight}
_PART = re.compile("<(" + "|".join(_NAMED) + ")>")


def _compile(pattern: str) -> re.Pattern[str]:
    while _PART.search(pattern):
        pattern = _PART.sub(lambda part: _NAMED[part.group(1)], pattern)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_RULES = tuple((float(weight), kind, _compile(pattern)) for weight, kind, pattern in _TABLE if weight)
_ORDER, _MINE, _ADDRESS, _PEOPLE = (_compile(f"<{name}>") for name in ("order", "mine", "address", "people"))
_YOU_ARE_ASKED = re.compile(r"\bi(?:'d| would)? (?:need|want|like) you to\b", re.IGNORECASE)


def score_sentence(sentence: str) -> float:
    """Return how odd a sentence is in a field of data, from 0 to 1.

    Its marks count as independent: one minus the product of what each leaves in doubt.
    """
    found = _ORDER.search(sentence.strip())
    if found is None:
        return 0.0
    order = sentence.strip()[found.start() :].replace("\\'", "'")
    kinds = {kind: weight for weight, kind, pattern in _RULES if pattern.search(order)}
    doubt = 1.0
    for weight in kinds.values():
        doubt *= 1.0 - weight
    score = 1.0 - doubt
    if _is_among_people(order, sends_away="fetch_and_send" in kinds and _ADDRESS.search(order) is not None):
        score *= AMONG_PEOPLE
    return score


def _is_among_people(order: str, *, sends_away: bool) -> bool:
    """Return whether a person asks another: for themselves, or by their `you` and `your`.

    Who asks for something of `my own`, or has what was found sent to an address, speaks to an assistant.
    """
    if sends_away or _MINE.search(order):
        return False
    return _PEOPLE.search(_YOU_ARE_ASKED.sub("", order)) is not None
