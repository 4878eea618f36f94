"""Rules by which a sentence looks like an order to a model: what they find, where it begins and what goes on with it.

Sentences come as `readings.py` reads them, without their disguises.
"""

from __future__ import annotations

import re

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
    # Marks of a chat template, and what may be coded text.
    (0.8, r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?(system|assistant|user|instructions?|tool_call|function_call)>"),
    (0.5, r"^\s*#{1,4}\s*(system|instruction|assistant|response)|\"(tool_calls?|function_call)\"\s*:"),
    (0.4, r"(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])(?=[A-Za-z0-9+/]*\d)\b[A-Za-z0-9+/]{60,}={0,2}"),
    (0.4, r"\b(?:\w ){8,}\w\b"),
)
"""How much each mark alone speaks for an instruction to the model; a person's choice, not learnt."""
_ORDERS = tuple((weight, re.compile(pattern, re.IGNORECASE)) for weight, pattern in _WEIGHTS)
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


def order_start(sentence: str) -> int:
    """Return where the instruction begins within a sentence; 0 where nothing but filling words stands before it."""
    matches = [found for _, pattern in _ORDERS if (found := pattern.search(sentence))]
    start = min((found.start() for found in matches if found.group()[:1].isalpha()), default=0)
    return 0 if _FILLING.fullmatch(sentence[:start]) else start


def goes_on(sentence: str) -> bool:
    """Return whether a sentence right behind an instruction goes on with it."""
    return _FOLLOWS.match(sentence) is not None
