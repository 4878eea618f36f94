"""Ask an external guard how much texts look like attacks: `{"text": ...}` in, `{"score": 0 to 1}` or a verdict out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from seamwatch.adapters.base import Connections
from seamwatch.adapters.models.http import HttpModelEndpoint
from seamwatch.adapters.models.retries import Patience
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.errors import AdapterError
from seamwatch.plurals import plural
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol

MOST_ASKED = 2_000
"""Texts in one look; the rest is asked at the next."""
TIMEOUT = timedelta(seconds=5)
_PATIENCE = Patience(attempts=2, first_wait_s=0.2, longest_wait_s=2.0, deadline_s=10.0)
LONGEST_ASKED = 20_000
_VERDICTS = ("attack", "is_attack", "injection", "flagged", "unsafe", "jailbreak")
_ATTACK = frozenset({"attack", "injection", "jailbreak", "malicious", "unsafe", "flagged", "block", "blocked"})


@dataclass(frozen=True, kw_only=True)
class GuardAnswers:
    """What a guard said."""

    scores: tuple[float | None, ...]
    """By text, 0 to 1; None where it gave no answer that can be read, or was not asked."""
    notes: tuple[str, ...] = ()


def ask_guard(
    connections: Connections, guard: str, texts: Sequence[str], *, pipeline: str, patience: Patience = _PATIENCE
) -> GuardAnswers:
    """Return a guard's scores of texts; whatever goes wrong is said in the notes and never fails the look.

    Args:
        connections: Where its connection is found.
        guard: `connection` or `connection/path`.
        texts: What to ask for, the most suspicious first: no more than `MOST_ASKED` are asked.
        pipeline: Name for the tag of the calls.
        patience: How long is waited for it.
    """
    name, _, path = guard.partition("/")
    nothing = (None,) * len(texts)
    try:
        info = connections.get(name)
        endpoint = Endpoint(
            connection=name, path=f"/{path}" if path else "", protocol=Protocol.JSON, timeout=TIMEOUT, concurrency=8
        )
        client = HttpModelEndpoint(endpoint, info, pipeline=pipeline, patience=patience)
    except AdapterError as error:
        return GuardAnswers(scores=nothing, notes=(f"the guard {name!r} was not asked: {error}",))
    calls = [
        ModelCall(key=str(number), body=json.dumps({"text": text[:LONGEST_ASKED]}), purpose="guard")
        for number, text in enumerate(texts[:MOST_ASKED])
    ]
    answers = client.ask(calls)
    scores = [read_score(answer) for answer in answers]
    return GuardAnswers(
        scores=(*scores, *nothing[len(scores) :]), notes=_notes(name, answers, scores, n_left=len(texts) - len(scores))
    )


def _notes(
    name: str, answers: Sequence[ModelAnswer], scores: Sequence[float | None], *, n_left: int
) -> tuple[str, ...]:
    notes = []
    failed = [answer for answer, score in zip(answers, scores, strict=True) if score is None]
    if failed:
        n_late = sum(answer.status == "timeout" for answer in failed)
        n_silent = sum(answer.status == "unreachable" for answer in failed)
        n_odd = len(failed) - n_late - n_silent
        parts = [
            f"{n} {what}"
            for n, what in (
                (n_late, "timed out"),
                (n_silent, "did not reach it"),
                (n_odd, "got an answer without a score"),
            )
            if n
        ]
        notes.append(
            f"guard {name!r}: of {plural(len(answers), 'call')} {', '.join(parts)}; there the own score alone counts"
        )
    if n_left:
        notes.append(
            f"guard {name!r}: {plural(n_left, 'text was', 'texts were')} left for the next look, as "
            f"{MOST_ASKED} are asked in one"
        )
    return tuple(notes)


def read_score(answer: ModelAnswer) -> float | None:
    """Return the score in a guard's answer: `score`, else a yes or no, else a word; None if there is none."""
    if not answer.is_ok or answer.body is None:
        return None
    try:
        body: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        return None
    score = body.get("score")
    if isinstance(score, int | float) and not isinstance(score, bool):
        return float(score) if 0.0 <= score <= 1.0 else None
    for name in _VERDICTS:
        if isinstance(body.get(name), bool):
            return float(body[name])
    word = body.get("verdict", body.get("label"))
    return float(word.strip().lower() in _ATTACK) if isinstance(word, str) else None
