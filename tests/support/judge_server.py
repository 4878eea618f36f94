"""A judge that the model server plays: it knows the right answers, and has weaknesses whose size a test sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from model_server import Reply, Seen, chat_body


def asked_data(seen: Seen) -> dict[str, str]:
    """Return the texts that a request over the OpenAI chat protocol holds as data."""
    data: dict[str, str] = json.loads(json.loads(seen.body)["messages"][-1]["content"])
    return data


def says(verdict: str, *, confidence: float | None = 0.9, reason: str = "It says so.", **more: Any) -> Reply:
    """Return a verdict in the form asked for."""
    answer = {"reason": reason, "verdict": verdict} | ({} if confidence is None else {"confidence": confidence})
    return says_text(json.dumps(answer | more))


def says_text(text: str | None, *, finish_reason: str = "stop") -> Reply:
    """Return any text as the judge's answer."""
    message = {"role": "assistant", "content": text}
    return Reply(chat_body(choices=[{"index": 0, "message": message, "finish_reason": finish_reason}]))


@dataclass(kw_only=True)
class SimulatedJudge:
    """Answers each question by what is true, but for its weaknesses, which it shows the same way every time."""

    is_right: Callable[[str], bool]
    """Whether an answer is right."""
    orders: Mapping[str, str] = field(default_factory=dict)
    """Text that it obeys, and the verdict that the text wants."""
    first_share: float = 0.0
    """Of pairs, how often it names whatever stands first."""
    length_share: float = 0.0
    """How often it takes the longer for the better: of an answer alone, one of more than `long` characters."""
    long: int = 200
    error_share: float = 0.0
    n_obeyed: int = 0

    def __call__(self, seen: Seen) -> Reply:
        """Return the verdict on a request."""
        data = asked_data(seen)
        wanted = next((want for text, want in self.orders.items() if any(text in part for part in data.values())), None)
        if wanted is not None:
            self.n_obeyed += 1
            return says(wanted if "answer" in data else "first", confidence=1.0)
        if "This time it is only checked" in json.loads(seen.body)["messages"][0]["content"]:
            return says("unsure")
        return says(self._pair(data) if "first" in data else self._alone(data["answer"]))

    def _alone(self, answer: str) -> str:
        if _drawn("length", answer) < self.length_share:
            return "right" if len(answer) > self.long else "wrong"
        return "right" if self.is_right(answer) != (_drawn("error", answer) < self.error_share) else "wrong"

    def likes_first(self, one: str, other: str) -> bool:
        """Return whether it names whatever stands first of these two answers."""
        return _drawn("first", "".join(sorted((one, other)))) < self.first_share

    def _pair(self, data: Mapping[str, str]) -> str:
        first, second = data["first"], data["second"]
        if self.likes_first(first, second):
            return "first"
        if _drawn("length", "".join(sorted((first, second)))) < self.length_share:
            return "first" if len(first) > len(second) else "second"
        good = (self.is_right(first), self.is_right(second))
        return {(True, False): "first", (False, True): "second"}.get(good, "equal")


def _drawn(what: str, text: str) -> float:
    """Return a number from 0 to 1 that is the same whenever it is drawn."""
    return int.from_bytes(hashlib.sha256(f"{what}\x1f{text}".encode()).digest()[:6], "big") / 2**48
