"""Rules by which a sentence looks like an order to a model: what they find, where it begins and what goes on with it.

Sentences come as `readings.py` reads them, without their disguises.
"""

from __future__ import annotations

import re
from importlib import resources

_TABLE = [
    line.split("\t")
    for line in resources.files(__package__).joinpath("rules.tsv").read_text(encoding="utf-8").splitlines()[1:]
]
"""Rows of a weight, a kind and a pattern; of those without a weight the kind is a name.

How much a rule alone speaks for an order is a person's choice, not learnt. The kinds are: leave what you were told, you
are somebody else now, an order about the answer, marks of a template.
"""
_NAMED = {name: text for weight, name, text in _TABLE if not weight}
_ORDERS = tuple(
    (float(weight), re.compile(pattern.replace("<TARGET>", _NAMED["target"]), re.IGNORECASE))
    for weight, _, pattern in _TABLE
    if weight
)
_KINDS = tuple(kind for weight, kind, _ in _TABLE if weight)
"""Of `_ORDERS`, in their order."""
_STEMS = tuple(_NAMED["stems"].split(";"))
"""Where none of these stands in a sentence, in small letters and with blanks around it, no rule is asked."""
_FOLLOWS = re.compile(
    r"^\s*(instead|then|and|also|now|just|simply|only|finally|please)?[\s,:]*"
    r"(answer|respond|reply|output|return|say|write|print|send|set|mark|classify|route|approve|choose|select|use|do"
    r"|don't|always|never|you (must|should|will|are)|your)\b",
    re.IGNORECASE,
)
"""How the sentence after an order goes on with it."""
_FILLING = re.compile(
    r"[\W_]*((please|kindly|now|so|and|but|then|also|just|hey|hi|hello|ok|okay|dear|you|must|should|will|i|want|to|need"
    r"|bitte|nun|jetzt|die|alle|obigen|bisherigen|vorherigen|por|favor|ahora|veuillez|maintenant|the|this|is|an?)[\W_]+)*",
    re.IGNORECASE,
)
"""Words that belong to an instruction rather than to what stands before it."""


def score_sentence(sentence: str) -> float:
    """Return how much a sentence looks like an instruction to a model, from 0 to 1.

    Its marks count as independent: one minus the product of what each leaves in doubt.
    """
    low = f" {sentence.lower()} "
    if not any(stem in low for stem in _STEMS):
        return 0.0
    doubt = 1.0
    for weight, pattern in _ORDERS:
        if pattern.search(sentence):
            doubt *= 1.0 - weight
    return 1.0 - doubt


def kinds_of(sentence: str) -> tuple[str, ...]:
    """Return the kinds of the rules that find an instruction in a sentence, each once."""
    low = f" {sentence.lower()} "
    if not any(stem in low for stem in _STEMS):
        return ()
    found = (kind for (_, pattern), kind in zip(_ORDERS, _KINDS, strict=True) if pattern.search(sentence))
    return tuple(dict.fromkeys(found))


def order_start(sentence: str) -> int:
    """Return where the instruction begins within a sentence; 0 where nothing but filling words stands before it."""
    matches = [found for _, pattern in _ORDERS if (found := pattern.search(sentence))]
    start = min((found.start() for found in matches if found.group()[:1].isalpha()), default=0)
    return 0 if _FILLING.fullmatch(sentence[:start]) else start


def goes_on(sentence: str) -> bool:
    """Return whether a sentence right behind an instruction goes on with it."""
    return _FOLLOWS.match(sentence) is not None
