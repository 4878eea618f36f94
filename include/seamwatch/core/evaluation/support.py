"""Whether what an answer claims is supported by the context that it may rest on, claim by claim.

A claim is a sentence of the answer that states something. What counts against it, the strongest first: a number, date,
time, address, identifier or name that the context does not hold, or holds only of something else; a negation where the
context has none, or the other way round; and words of which the context says too few. It reads words, not meaning: a
claim that says the same in wholly other words is called unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.facts import Fact, is_held, read_facts, read_names
from seamwatch.core.evaluation.phrases import first_match
from seamwatch.core.evaluation.refusal import is_refusal_sentence
from seamwatch.core.evaluation.results import (
    ByKey,
    Evaluation,
    evaluate_each,
    excerpt,
    failed,
    passed,
    unknown,
    values_by_key,
)
from seamwatch.core.evaluation.stems import content_stems, is_german, ordered_stems
from seamwatch.core.evaluation.texts import NotRead, normal_text, read_text, sentences
from seamwatch.plurals import plural

LEAST_COVERAGE = 0.55
"""Share of a claim's content words and facts that one passage of the context must hold."""
_OPPOSITE_FROM = 0.65
"""How alike a clause of the claim and one of the context are (harmonic mean of the shares of words that they have in
common) where a negation on one side only contradicts."""
_OPPOSITES = (
    *(
        ("open", "closed"),
        ("before", "after"),
        ("above", "below"),
        ("more", "less"),
        ("more", "fewer"),
        ("over", "under"),
    ),
    *(
        ("minimum", "maximum"),
        ("least", "most"),
        ("possible", "impossible"),
        ("allowed", "forbidden"),
        ("with", "without"),
    ),
    *(
        ("included", "excluded"),
        ("always", "never"),
        ("earliest", "latest"),
        ("increase", "decrease"),
        ("valid", "invalid"),
    ),
    *(("monthly", "yearly"), ("weekly", "monthly"), ("daily", "weekly"), ("before", "since"), ("required", "optional")),
    *(
        ("offen", "geschlossen"),
        ("vor", "nach"),
        ("mehr", "weniger"),
        ("mindestens", "h\u00f6chstens"),
        ("immer", "nie"),
    ),
)
"""Words of which one in the place of the other makes a clause another one."""
_CLAUSE = re.compile(r"[,;:]\s+|\s+(?:-\s+|(?:and|but|und|aber|sowie|et|mais|y|pero)\s+)", re.IGNORECASE)
_MUCH_BETTER = 0.15
"""A number is of something else where a passage with another number of that unit covers so much more of the claim."""
_PASSAGE = 3
"""Sentences in a row that are read as one passage."""
_MOST_COURTESY_WORDS = 25


@dataclass(frozen=True, kw_only=True)
class _Passage:
    stems: frozenset[str]
    facts: frozenset[str]
    """Readings of its facts."""
    units: frozenset[str]
    """Of its numbers."""
    is_single: bool


@dataclass(frozen=True, kw_only=True)
class _Clause:
    stems: frozenset[str]
    """With the first of its sentence, which is mostly what it speaks of."""
    is_negative: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class _Context:
    passages: tuple[_Passage, ...]
    clauses: tuple[_Clause, ...]
    stems: frozenset[str]
    facts: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim, and what speaks against it."""

    text: str
    problem: str = ""
    """Empty where it is supported."""


def evaluate_support(
    answers: pd.Series[Any],
    contexts: Sequence[pd.Series[Any]],
    *,
    at_least: float,
    questions: pd.Series[Any] | None = None,
) -> pd.DataFrame:
    """Return whether the claims of each answer are supported by its context.

    Args:
        answers: As recorded, index key.
        contexts: What the answer may rest on, the same index; a JSON list of texts, or one text. A record is unknown
            where all are missing, or one cannot be read.
        at_least: Share of the claims that must be supported.
        questions: What was asked: its facts are known, though it supports nothing else.

    Returns:
        `state`, `score` (share of the claims that are supported; 1 where nothing is claimed), `reason` (the first claim
        that is not supported, and why).
    """
    held_by_key = [values_by_key(one) for one in contexts]
    asked = values_by_key(questions) if questions is not None else {}

    def evaluate(key: Any, answer: Any) -> Evaluation | NotRead:
        text = read_text(answer)
        if isinstance(text, NotRead):
            return text
        if not text.strip():
            return unknown("the answer is empty")
        held = _held_context(key, held_by_key)
        if isinstance(held, NotRead):
            return held
        question = read_text(asked.get(key), "question")
        claims = judge_claims(text, held, question=question if isinstance(question, str) else "")
        return _judge(claims, at_least)

    return evaluate_each(answers, evaluate)


def _held_context(key: Any, contexts: Sequence[ByKey]) -> str | NotRead:
    """Return what the context of a record says; why it cannot be read where one part cannot, or all are missing."""
    texts = [read_text(one.get(key), "context") for one in contexts]
    held = [text for text in texts if isinstance(text, str) and text.strip()]
    unread = [one for one in texts if isinstance(one, NotRead) and "cannot be read" in one.reason]
    if unread:
        return unread[0]
    if not held:
        return next((one for one in texts if isinstance(one, NotRead)), NotRead(reason="the context is empty"))
    return "\n".join(held)


def _judge(claims: Sequence[Claim], at_least: float) -> Evaluation:
    if not claims:
        return passed("nothing is claimed")
    unsupported = [claim for claim in claims if claim.problem]
    share = 1.0 - len(unsupported) / len(claims)
    if share >= at_least:
        return passed(f"{len(claims) - len(unsupported):,} of {plural(len(claims), 'claim')} supported", score=share)
    first = unsupported[0]
    told = f"claim {claims.index(first) + 1} of {len(claims)} is not supported ({first.problem}): {excerpt(first.text)}"
    more = f"; {len(unsupported) - 1} more" if len(unsupported) > 1 else ""
    return failed(told + more, score=share)


def judge_claims(answer: str, context: str, *, question: str = "") -> list[Claim]:
    """Return the claims of an answer, and what speaks against each."""
    held = _read_context(context)
    asked = _readings(read_facts(question)) | frozenset(normal_text(question).split())
    found = []
    for sentence in sentences(answer):
        if is_claim(sentence):
            found.append(Claim(text=sentence, problem=_problem(sentence, held, asked)))
    return found


def is_claim(sentence: str) -> bool:
    """Return whether a sentence states something: no question, no courtesy without facts, no refusal."""
    normal = normal_text(sentence)
    if sentence.rstrip("\"') ").endswith(("?", "\uff1f")) or is_refusal_sentence(sentence):
        return False
    facts = read_facts(sentence)
    if not facts and first_match("courtesy", normal) and len(normal.split()) <= _MOST_COURTESY_WORDS:
        return False
    return bool(facts) or len(content_stems(sentence)) >= 2


def _problem(sentence: str, context: _Context, asked: frozenset[str]) -> str:
    facts = read_facts(sentence)
    for fact in facts:
        if not is_held(fact, context.facts) and not is_held(fact, asked):
            return f"the context holds no such {fact.kind}"
    if not is_german(sentence):
        for name in read_names(sentence):
            if not (name.readings & (context.words | asked)) and not (content_stems(name.written) <= context.stems):
                return "the context holds no such name"
    if normal_text(sentence).strip(".!") in context.words:
        return ""
    return _wrong_place(sentence, context) or _contradiction(sentence, context) or _few(sentence, facts, context)


def _coverage(stems: frozenset[str], passage: _Passage) -> float:
    return len(stems & passage.stems) / len(stems) if stems else 1.0


def _wrong_place(sentence: str, context: _Context) -> str:
    """Return that a number stands in the context, but of something else."""
    singles = [one for one in context.passages if one.is_single]
    for clause in _clauses(sentence):
        for fact in read_facts(clause.text):
            if fact.kind != "number" or not is_held(fact, context.facts):
                continue
            with_it = [_coverage(clause.stems, one) for one in singles if is_held(fact, one.facts)]
            others = [one for one in singles if fact.unit in one.units and not is_held(fact, one.facts)]
            without = [_coverage(clause.stems, one) for one in others]
            if with_it and without and max(without) > max(with_it) + _MUCH_BETTER:
                return "the context holds this number of something else"
    return ""


def _contradiction(sentence: str, context: _Context) -> str:
    """Return that the clause which is most like one of the sentence says the opposite."""
    for mine in _clauses(sentence):
        alike = [(_likeness(mine.stems, one.stems), not _is_opposite(mine, one)) for one in context.clauses]
        # Of equally alike clauses one that agrees goes first.
        best, agrees = max(alike, default=(0.0, True))
        if len(mine.stems) > 1 and best >= _OPPOSITE_FROM and not agrees:
            return "the context says the opposite"
    return ""


def _is_opposite(mine: _Clause, other: _Clause) -> bool:
    """Return whether one of two clauses is negative alone, or holds the opposite of a word in the place of the word."""
    if mine.is_negative != other.is_negative:
        return True
    some, others = (frozenset(normal_text(one.text).split()) for one in (mine, other))
    pairs = (pair for one, two in _OPPOSITES for pair in ((one, two), (two, one)))
    return any(one in some and two in others and not (one in others or two in some) for one, two in pairs)


def _likeness(some: frozenset[str], others: frozenset[str]) -> float:
    return 2.0 * len(some & others) / (len(some) + len(others)) if some or others else 0.0


def _few(sentence: str, facts: Sequence[Fact], context: _Context) -> str:
    stems = content_stems(sentence)
    n = len(stems) + len(facts)
    held = (len(stems & one.stems) + sum(is_held(fact, one.facts) for fact in facts) for one in context.passages)
    return "the context does not say it" if n and max(held, default=0) / n < LEAST_COVERAGE else ""


def _clauses(sentence: str) -> list[_Clause]:
    """Return the clauses of a sentence that say anything, each with what the sentence speaks of."""
    subject = frozenset(list(ordered_stems(sentence))[:1])
    return [
        _Clause(stems=stems | subject, is_negative=first_match("negation", normal_text(part)) is not None, text=part)
        for part in _CLAUSE.split(sentence)
        if (stems := content_stems(part)) or read_facts(part)
    ]


def _readings(facts: Sequence[Fact]) -> frozenset[str]:
    return frozenset(reading for fact in facts for reading in fact.readings)


@lru_cache(maxsize=2_000)
def _read_context(context: str) -> _Context:
    parts = sentences(context)
    read = [(content_stems(part), read_facts(part)) for part in parts]
    passages = []
    for place in range(len(read)):
        for length in range(1, _PASSAGE + 1):
            some = read[place : place + length]
            if len(some) == length:
                facts = [fact for _, found in some for fact in found]
                passages.append(
                    _Passage(
                        stems=frozenset().union(*(stems for stems, _ in some)),
                        facts=_readings(facts),
                        units=frozenset(fact.unit for fact in facts if fact.kind == "number"),
                        is_single=length == 1,
                    )
                )
    words = frozenset(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", context.casefold()))
    return _Context(
        passages=tuple(passages),
        clauses=tuple(clause for part in parts for clause in _clauses(part)),
        stems=frozenset().union(*(one.stems for one in passages)) if passages else frozenset(),
        facts=_readings(read_facts(context)) | frozenset().union(*(one.facts for one in passages), frozenset()),
        words=words | frozenset(normal_text(part).strip(".!") for part in parts),
    )
