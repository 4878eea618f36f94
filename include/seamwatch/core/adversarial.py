"""Spans of untrusted text that look like instructions to a model, and the text without them.

Looking like one convicts nobody: a customer may well write "please ignore my previous email". What counts is whether
the outcome turns right once the span is gone; so what is found here may be more than what is an attack.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.interventions import World
from seamwatch.core.records.comparison import leaves, parse_json
from seamwatch.core.records.reconciliation import set_field
from seamwatch.vocabulary import StageKind

LEAST_SCORE = 0.3
"""Score from which a sentence is left out on trial; low, as an outcome that stays wrong acquits it."""
_TARGET = (
    r"(instruction|rule|prompt|direction|guideline|polic|command|context|restriction|order|input|article|document"
    r"|everything|anything|all (of )?(the )?(above|that)|what (i|you)|above|preceding)"
)
_WEIGHTS: tuple[tuple[float, str], ...] = (
    # English, German, Spanish, French: leave what you were told.
    (0.8, rf"\b(ignor(e|ing)|disregard(ing)?|forget|overrid(e|ing)|bypass|discard|neglect)\b.{{0,60}}{_TARGET}"),
    (0.4, r"\b(ignore|disregard|forget|discard)\b.{0,60}(message|task|request|text|previous|prior|before)"),
    (0.6, rf"\b(do not|don't|never|stop)\s+(follow|obey|obeying|following|look (in|at)|appl\w+)\b.{{0,60}}{_TARGET}"),
    (
        0.7,
        r"\b(ignorier\w*|vergiss|vergessen sie|missachte\w*)\b.{0,60}(anweis|regel|vorgabe|befehl"
        r"|vorherig|auftr|alles)",
    ),
    (
        0.7,
        r"(anweisung|regel|vorgabe|befehl|ausführung|instruktion)\w*\b.{0,40}\b(ignorier|vergess|missacht|verwerf)\w*",
    ),
    (0.7, r"\b(ignora\w*|olvida\w*|omite)\b.{0,60}(instruccion|regla|orden|anterior|todo)"),
    (0.7, r"\b(ignore[zr]?|oublie[zr]?)\b.{0,60}(instruction|consigne|r[eè]gle|pr[eé]c[eé]dent|tout)"),
    # You are somebody else now; here is what to do instead.
    (0.6, r"\b(you are|you're|act|behave|respond) (now|as if|as an? (unrestricted|different|new))\b"),
    (0.4, r"\b(you (will|must|should|are to|shall)|i want you to|please) (now )?(act|pretend|role-?play|behave)\b"),
    (0.4, r"^\W*(now )?(act|behave|role-?play) (as|like)\b|\bstays? in character\b|\bnever refuses?\b"),
    (0.5, r"\bfrom (now on|on now|now own)\b.{0,40}\b(you|answer|respond|reply|always)\b"),
    (
        0.5,
        r"\bpretend (to be|that you|you)\b|\broleplay as\b|\bdeveloper mode\b|\bjailbr[eo]a?k\w*|\bdo anything now\b",
    ),
    (
        0.5,
        r"^\W*(jetzt )?(du bist|sie sind) (nun|jetzt|ab jetzt)\b|\bab (jetzt|sofort)\b.{0,30}\b(du"
        r"|antworte)\b|\bfungier\w+\b",
    ),
    (0.5, r"^\W*(ahora eres|actúa como|a partir de ahora|tu es maintenant|agis comme|désormais,? tu)\b"),
    (
        0.4,
        r"\b(new|updated|real|actual|additional|following) (system )?(instruction|directive)s?\b"
        r"|neue \w*(anweisung|aufgabe)",
    ),
    (
        0.7,
        r"\b(reveal|show|print|repeat|output|leak|tell me)\b.{0,40}\b(system prompt|(your"
        r"|above) (instruction|prompt|rule)s?)",
    ),
    (
        0.6,
        r"\b(repeat|print|show)\b.{0,30}\binstructions (you|above)|\b(written|said) (above"
        r"|at the (beginning|start) of)\b",
    ),
    (0.6, r"\b(system|admin\w*|developer)\s*(prompt|override|message|note|instruction)?\s*:"),
    (0.3, r"\b(ai|assistant|model|llm|chatbot|bot|classifier|agent)\s*[:,]\s*(please\s+)?\w+"),
    (0.6, r"\b(note|message|attention|instruction)s? (to|for) (the |any )?(ai|assistant|model|llm|bot|classifier)\b"),
    # An order about the answer itself.
    (
        0.4,
        r"\b(answer|respond|reply|output|return|classif\w+|label|categori[sz]e|route|mark|rate|score|approve|treat)\b"
        r".{0,30}\b(only|exactly|always|regardless|no matter|as|with)\b.{0,40}$",
    ),
    (0.5, r"\b(in|to|with|from|of) your (response|answer|reply|output)\b"),
    (0.5, r"\b(modify|render|write|change|adjust|end|begin|start) your (response|answer|reply|output)\b"),
    (
        0.4,
        r"^\W*(reply|answer|respond|antworte|responde|réponds?) (only |just |nur |solo )?(in|with|mit"
        r"|auf|con|avec|en)\b",
    ),
    # Marks of a chat template, and text that a person does not see.
    (0.8, r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?(system|assistant|user|instructions?|tool_call|function_call)>"),
    (0.5, r"^\s*#{1,4}\s*(system|instruction|assistant|response)|\"(tool_calls?|function_call)\"\s*:"),
    (0.8, "[\U000e0020-\U000e007f\u202a-\u202e\u2066-\u2069]"),
    (0.4, "(?<=[a-z])[\u200b-\u200d\u2060-\u2064](?=[a-z])"),
    (0.5, r"<!--.*?-->|\[//\]:\s*#"),
    (0.4, r"(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])(?=[A-Za-z0-9+/]*\d)\b[A-Za-z0-9+/]{60,}={0,2}"),
    (0.4, r"\b(?:\w ){8,}\w\b"),
)
"""How much each mark alone speaks for an instruction to the model; a person's choice, not learnt."""
_ORDERS = tuple((weight, re.compile(pattern, re.IGNORECASE)) for weight, pattern in _WEIGHTS)
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
    "aeopcyxijsdqwABEZHIKMNOPTYXo",
)
"""Cyrillic and Greek letters that look like Latin ones."""
_HIDDEN = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff]")
_FOLLOWS = re.compile(
    r"^\s*(instead|then|and|also|now|just|simply|only|finally|please)?[\s,:]*"
    r"(answer|respond|reply|output|return|say|write|print|send|set|mark|classify|route|approve|choose|select|use|do"
    r"|don't|always|never|you (must|should|will|are)|your)\b",
    re.IGNORECASE,
)
"""How the sentence after an order goes on with it."""
_SENTENCE = re.compile(r"<!--.*?-->\s*|[^.!?\n]+[.!?]*\s*|[.!?\n]+\s*", re.DOTALL)


_FILLING = re.compile(
    r"[\W_]*((please|kindly|now|so|and|but|then|also|just|hey|hi|hello|ok|okay|dear|you|must|should|will|i|want|to|need"
    r"|bitte|nun|jetzt|die|alle|obigen|bisherigen|vorherigen|por|favor|ahora|veuillez|maintenant|the|this|is|an?)[\W_]+)*",
    re.IGNORECASE,
)
"""Words that belong to an instruction rather than to what stands before it."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of a text that looks like an instruction to a model."""

    start: int
    end: int
    score: float = 1.0
    """Between `LEAST_SCORE` and 1: how much it looks like one; of joined sentences the highest."""


def find_spans(text: str) -> tuple[Span, ...]:
    """Return the sentences of a text that look like instructions to a model, neighbours joined, in order.

    A sentence that begins as something else, since nobody set a full stop, counts from where the instruction begins.
    """
    spans: list[Span] = []
    is_within = False
    for found in _SENTENCE.finditer(text):
        sentence = found.group().strip()
        score = score_sentence(sentence)
        if is_within and score < LEAST_SCORE and _FOLLOWS.match(sentence):
            score = LEAST_SCORE
        is_within = score >= LEAST_SCORE
        if is_within:
            start = found.start()
            if spans and spans[-1].end == start:
                before = spans.pop()
                start, score = before.start, max(score, before.score)
            else:
                start += _order_start(found.group())
            spans.append(Span(start=start, end=found.end(), score=score))
    return tuple(spans)


def _order_start(sentence: str) -> int:
    """Return where the instruction begins within a sentence; 0 where nothing but filling words stands before it."""
    matches = [found for _, pattern in _ORDERS if (found := pattern.search(sentence))]
    # Hidden characters stand anywhere in an instruction, not at its beginning.
    start = min((found.start() for found in matches if found.group()[:1].isalpha()), default=0)
    return 0 if _FILLING.fullmatch(sentence[:start]) else start


def score_sentence(sentence: str) -> float:
    """Return how much a sentence looks like an instruction to a model, from 0 to 1.

    Its marks count as independent: one minus the product of what each leaves in doubt. Letters that only look Latin
    are read as they look, and characters without width are read as if they were not there.
    """
    forms = {sentence}
    if not sentence.isascii():
        plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", sentence))
        forms |= {plain, plain.translate(_LOOKALIKES)}
    doubt = 1.0
    for weight, pattern in _ORDERS:
        if any(pattern.search(form) for form in forms):
            doubt *= 1.0 - weight
    return 1.0 - doubt


def neutralise(text: str, *, only_surest: bool = False) -> str:
    """Return the text without the spans that look like instructions; the text itself where there is none.

    Args:
        text: As it was recorded.
        only_surest: Leave those in that look less like one than another does.
    """
    spans = find_spans(text)
    if not spans:
        return text
    if only_surest:
        surest = max(span.score for span in spans)
        spans = tuple(span for span in spans if span.score == surest)
    kept, at = [], 0
    for span in spans:
        kept.append(text[at : span.start])
        at = span.end
    return "".join([*kept, text[at:]]).strip()


def neutralise_payload(
    payload: Mapping[str, Any], *, only_surest: bool = False
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a payload without instruction-like spans, and the fields that had some; also within JSON columns."""
    found = dict(payload)
    fields: list[str] = []
    for column, value in payload.items():
        if not isinstance(value, str | list | dict):
            continue
        for path, leaf in list(leaves(parse_json(value))):
            if isinstance(leaf, str) and (clean := neutralise(leaf, only_surest=only_surest)) != leaf:
                name = f"{column}.{path}" if path else column
                found = set_field(found, name, clean)
                fields.append(name)
    return found, tuple(fields)


def neutral_payloads(world: World, keys: pd.Index[Any], *, only_surest: bool = False) -> dict[str, pd.DataFrame]:
    """Return, by source and retrieval, the payloads without instruction-like spans of those records that have some.

    Args:
        world: The window.
        keys: Records that are searched.
        only_surest: Of several spans in one text, leave out those alone that look most like an instruction.
    """
    found: dict[str, pd.DataFrame] = {}
    for stage in world.order:
        if stage.kind not in (StageKind.SOURCE, StageKind.RETRIEVAL):
            continue
        recorded = world.recorded[stage.name]
        rows = recorded.loc[recorded.index.isin(keys)]
        payloads = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
        made = [neutralise_payload(payload, only_surest=only_surest) for payload in payloads]
        clean = {key: neutral for key, (neutral, fields) in zip(rows.index, made, strict=True) if fields}
        if clean:
            index = pd.Index(list(clean), name=recorded.index.name)
            columns = list(recorded.columns)
            found[stage.name] = pd.DataFrame(list(clean.values()), index=index, columns=columns, dtype=object)
    return found
