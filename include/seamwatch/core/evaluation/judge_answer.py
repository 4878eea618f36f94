"""What a judge's answer says: a verdict in the form that was asked for, or why there is none.

Nothing is guessed. A code fence or prose around exactly one JSON object does no harm; of everything else it is said
why it is no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from seamwatch.core.evaluation.judge_request import TOOL
from seamwatch.core.records.response_endings import documented_failure

LONGEST_REASON = 200
_UNSURE = "unsure"
_FENCE = re.compile(r"^```[\w-]*\s*\n(.*?)\n?\s*```$", re.DOTALL)
_UNWRITTEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_FAILURES = {
    "truncated": "the judge's answer was cut off before its end",
    "refused": "the judge declined to answer",
    "empty": "the judge's answer is empty",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a judge said once."""

    word: str | None = None
    """One of the verdicts that were asked for; None: none can be read."""
    confidence: float | None = None
    """How probable the judge finds it that its verdict is correct, 0 to 1; None where it does not say."""
    reason: str = ""
    """The judge's own, on one line and cut short; where there is no verdict, why."""

    @property
    def sure(self) -> float:
        """Return how probable it is that the verdict is correct, as the judge sees it; 1.0 where it does not say."""
        return 1.0 if self.confidence is None else self.confidence


class _NotInForm(Exception):
    """The answer is none in the form asked for; the text says why."""


def read_verdict(text: str | None, verdicts: Sequence[str], *, finish_reason: str | None = None) -> Verdict:
    """Return what a judge's answer says; nothing is raised.

    A verdict with less confidence than a coin has says `unsure`, if that is among the verdicts.

    Args:
        text: The answer; the call of a tool as a JSON list of one object with `name` and `arguments`.
        verdicts: The words that may be a verdict.
        finish_reason: Why the answer ended, as the provider says it.
    """
    failure = documented_failure(finish_reason) or (None if text and text.strip() else "empty")
    if failure is not None:
        return Verdict(reason=_FAILURES.get(failure, "the judge failed to answer"))
    assert text is not None
    try:
        return _checked(_find_object(text.strip().lstrip("\ufeff")), verdicts)
    except _NotInForm as problem:
        return Verdict(reason=str(problem))


def _find_object(text: str) -> dict[str, Any]:
    """Return the one JSON object that an answer is, or that stands in it."""
    fenced = _FENCE.match(text)
    inner = fenced[1] if fenced else text
    whole = _parsed(inner)
    if isinstance(whole, dict):
        return whole
    if whole is not None:
        return _tool_arguments(whole)
    start = text.find("{")
    if start < 0:
        raise _NotInForm("the judge answered in prose, without a verdict in the form asked for")
    try:
        found, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise _NotInForm("the judge's answer is not whole JSON") from None
    if "{" in text[end:] or "}" in text[end:]:
        raise _NotInForm("the judge's answer holds more than one JSON object, or parts of one")
    assert isinstance(found, dict)
    return found


def _parsed(text: str) -> Any:
    """Return what JSON text says; None if it is no JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NotInForm("the judge's answer gives a key twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _tool_arguments(value: Any) -> dict[str, Any]:
    """Return the arguments of a call of the tool that stands for the form, as the readers of responses give it."""
    call = value[0] if isinstance(value, list) and len(value) == 1 else None
    if isinstance(call, dict) and call.get("name") == TOOL and isinstance(call.get("arguments"), dict):
        arguments: dict[str, Any] = call["arguments"]
        return arguments
    raise _NotInForm("the judge's answer is JSON, but not the object asked for")


def _checked(found: dict[str, Any], verdicts: Sequence[str]) -> Verdict:
    word = found.get("verdict")
    if not isinstance(word, str) or (read := word.strip().casefold()) not in verdicts:
        what = "no verdict" if word is None else "a verdict that was not among those asked for"
        raise _NotInForm(f"the judge's answer has {what}")
    for name, value in found.items():
        if name not in ("verdict", "confidence", "reason") and _is_verdict(value, verdicts):
            raise _NotInForm("the judge's answer holds a second verdict under another key")
    reason, confidence = found.get("reason"), found.get("confidence")
    if reason is not None and not isinstance(reason, str):
        raise _NotInForm("the judge's answer has a reason that is no text")
    if confidence is not None and not _is_share(confidence):
        raise _NotInForm("the judge's answer has a confidence that is no number from 0 to 1")
    # A judge that thinks the opposite likelier than its verdict contradicts itself.
    if confidence is not None and confidence < 0.5 and _UNSURE in verdicts:
        read = _UNSURE
    return Verdict(
        word=read, confidence=None if confidence is None else float(confidence), reason=shown_reason(reason or "")
    )


def _is_verdict(value: Any, verdicts: Sequence[str]) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.strip().casefold() in verdicts)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and 0.0 <= value <= 1.0


def shown_reason(text: str) -> str:
    """Return a judge's words on one line, without signs that nobody sees, cut short."""
    line = " ".join(_UNWRITTEN.sub(" ", text.encode("utf-8", "replace").decode()).split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
