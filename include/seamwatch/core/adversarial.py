"""Spans of untrusted text that look like instructions to a model, and the text without them.

Looking like one convicts nobody: a customer may well write "please ignore my previous email". What counts is whether
the outcome turns right once the span is gone; so what is found here may be more than what is an attack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.compare import leaves, parse_json
from seamwatch.core.interventions import World
from seamwatch.core.mapping import set_field
from seamwatch.vocabulary import StageKind

_TARGET = r"(instruction|rule|prompt|direction|guideline|polic|command|context|restriction|message|task|request|text)"
_ORDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # English, German, Spanish, French: leave what you were told.
        rf"\b(ignore|disregard|forget|override|bypass|discard|neglect)\b.{{0,60}}{_TARGET}",
        rf"\b(do not|don't|never|stop)\s+(follow|obey|obeying|following|appl\w+)\b.{{0,60}}{_TARGET}",
        r"\b(ignorier\w*|vergiss|vergessen sie|missachte\w*)\b.{0,60}(anweisung|regel|vorgabe|befehl|vorherig)",
        r"\b(ignora\w*|olvida\w*|omite)\b.{0,60}(instruccion|regla|orden|anterior)",
        r"\b(ignore[zr]?|oublie[zr]?)\b.{0,60}(instruction|consigne|r[eè]gle|pr[eé]c[eé]dent)",
        # You are somebody else now; here is what to do instead.
        r"\b(you are|you're|act|behave|respond) (now|as if|as an? (unrestricted|different|new))\b",
        r"\bfrom now on\b.{0,40}\b(you|answer|respond|reply|always)\b",
        r"\bpretend (to be|that you|you)\b|\broleplay as\b|\bdeveloper mode\b|\bjailbr[eo]a?k\w*|\bdo anything now\b",
        r"\b(new|updated|real|actual|important|additional|following) (system )?(instruction|directive|task)s?\b",
        r"\b(reveal|show|print|repeat|output|leak|tell me)\b.{0,40}\b(system prompt|your (instruction|prompt|rule)s?)",
        r"\b(system|admin\w*|developer)\s*(prompt|override|message|note|instruction)?\s*:",
        r"\b(ai|assistant|model|llm|chatbot|bot|classifier|agent)\s*[:,]\s*(please\s+)?\w+",
        r"\b(note|message|attention|instruction)s? (to|for) (the |any )?(ai|assistant|model|llm|bot|classifier)\b",
        # An order about the answer itself.
        r"\b(answer|respond|reply|output|return|classif\w+|label|categori[sz]e|route|mark|rate|score|approve|treat)\b"
        r".{0,30}\b(only|exactly|always|regardless|no matter|as|with)\b.{0,40}$",
        r"\b(in|to|with|from|of) your (response|answer|reply|output)\b",
        # Marks of a chat template, and text that a person does not see.
        r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?(system|assistant|user|instructions?|tool_call)>",
        r"^\s*#{1,4}\s*(system|instruction|assistant|response)",
        "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\U000e0000-\U000e007f]",
        r"<!--.*?-->",
        r"\b[A-Za-z0-9+/]{60,}={0,2}",
    )
)
_FOLLOWS = re.compile(
    r"^\s*(instead|then|and|also|now|just|simply|only|finally|please)?[\s,:]*"
    r"(answer|respond|reply|output|return|say|write|print|send|set|mark|classify|route|approve|choose|select|use|do"
    r"|don't|always|never|you (must|should|will|are)|your)\b",
    re.IGNORECASE,
)
"""How the sentence after an order goes on with it."""
_SENTENCE = re.compile(r"<!--.*?-->\s*|[^.!?\n]+[.!?]*\s*|[.!?\n]+\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of a text that looks like an instruction to a model."""

    start: int
    end: int


def find_spans(text: str) -> tuple[Span, ...]:
    """Return the sentences of a text that look like instructions to a model, neighbours joined, in order."""
    spans: list[Span] = []
    is_within = False
    for found in _SENTENCE.finditer(text):
        sentence = found.group().strip()
        is_within = any(pattern.search(sentence) for pattern in _ORDERS) or (
            is_within and bool(_FOLLOWS.match(sentence))
        )
        if is_within:
            is_next = bool(spans) and spans[-1].end == found.start()
            start = spans.pop().start if is_next else found.start()
            spans.append(Span(start=start, end=found.end()))
    return tuple(spans)


def neutralise(text: str) -> str:
    """Return the text without the spans that look like instructions; the text itself where there is none."""
    spans = find_spans(text)
    if not spans:
        return text
    kept, at = [], 0
    for span in spans:
        kept.append(text[at : span.start])
        at = span.end
    return "".join([*kept, text[at:]]).strip()


def neutralise_payload(payload: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a payload without instruction-like spans, and the fields that had some; also within JSON columns."""
    found = dict(payload)
    fields: list[str] = []
    for column, value in payload.items():
        if not isinstance(value, str | list | dict):
            continue
        for path, leaf in list(leaves(parse_json(value))):
            if isinstance(leaf, str) and (clean := neutralise(leaf)) != leaf:
                name = f"{column}.{path}" if path else column
                found = set_field(found, name, clean)
                fields.append(name)
    return found, tuple(fields)


def neutral_payloads(world: World, keys: pd.Index[Any]) -> dict[str, pd.DataFrame]:
    """Return, by source and retrieval, the payloads without instruction-like spans of those records that have some."""
    found: dict[str, pd.DataFrame] = {}
    for stage in world.order:
        if stage.kind not in (StageKind.SOURCE, StageKind.RETRIEVAL):
            continue
        recorded = world.recorded[stage.name]
        rows = recorded.loc[recorded.index.isin(keys)]
        clean = {
            key: neutral
            for key, row in zip(rows.index, rows.to_dict("records"), strict=True)
            for neutral, fields in (neutralise_payload({str(name): value for name, value in row.items()}),)
            if fields
        }
        if clean:
            index = pd.Index(list(clean), name=recorded.index.name)
            columns = list(recorded.columns)
            found[stage.name] = pd.DataFrame(list(clean.values()), index=index, columns=columns, dtype=object)
    return found
