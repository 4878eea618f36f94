"""What stands behind the model server's API: versions, switch and counts, and the writing of one completion."""

from __future__ import annotations

import math
import re
import secrets
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, Protocol

Health = Literal["up", "slow", "outage"]
_HEALTHS = ("up", "slow", "outage")

_TOKEN = re.compile(r"\w+|[^\w\s]")
_OUTAGE = (("error", 45), ("hang", 5), ("cut", 30), ("answer", 20))
"""What becomes of a call in an outage, in percent."""
_USUAL_MS, _SPREAD, _SLOWNESS = 900.0, 0.35, 6.0
"""Median time of an answer and the spread of its logarithm; how many times as long one takes of a slow provider."""
_HASHES = 2**32


class Written(Protocol):
    """An answer."""

    @property
    def text(self) -> str:
        """Return it as the model writes it."""
        ...


class Model(Protocol):
    """What can stand behind the API."""

    @property
    def version(self) -> str:
        """Return its name, as completions hold it."""
        ...

    def answer(self, prompt: str, *, temperature: float = 0.0, seed: int | None = None) -> Written:
        """Return the answer to the user's message."""
        ...


@dataclass
class ModelService:
    """What stands behind the API: the versions, the switch and the counts. One lock guards what changes."""

    models: Mapping[str, Model]
    serving: str
    """Version that answers now."""
    health: Health = "up"
    counts: Counter[str] = field(default_factory=Counter)
    """`calls` and `replays`, every request to the model once in one of them."""
    _seen: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def switch(self, *, serving: str, health: Health) -> None:
        """Serve this version, in this health, from the next call on; ValueError for an unknown one."""
        if serving not in self.models or health not in _HEALTHS:
            msg = (
                f"cannot serve {serving!r}, {health!r}; versions: {', '.join(self.models)}; "
                f"health: {', '.join(_HEALTHS)}"
            )
            raise ValueError(msg)
        with self._lock:
            self.serving, self.health = serving, health
            self._seen.clear()

    def admit(self, body: bytes, *, is_replay: bool) -> tuple[Model, str, float]:
        """Count a call and return the model that answers it, its fate, and the milliseconds that an answer takes.

        The fate is `answer`, `error`, `hang` or `cut`. It and the time hang on the body and on how often it came, so
        that a day can be lived again exactly.
        """
        with self._lock:
            self.counts["replays" if is_replay else "calls"] += 1
            model, mark, health = self.models[self.serving], zlib.crc32(body), self.health
            self._seen[mark] += 1
            draw = zlib.crc32(f"{mark}:{self._seen[mark]}".encode())
        took_ms = _processing_ms(draw) * (_SLOWNESS if health == "slow" else 1.0)
        return model, _fate(draw % 100) if health == "outage" else "answer", round(took_ms, 1)


def _fate(percent: int) -> str:
    for fate, share in _OUTAGE:
        percent -= share
        if percent < 0:
            return fate
    raise AssertionError(_OUTAGE)


def _processing_ms(draw: int) -> float:
    """Return a log-normal time, the one that stands at the place of a hash among all hashes."""
    return _USUAL_MS * math.exp(_SPREAD * NormalDist().inv_cdf((draw + 0.5) / _HASHES))


class BadRequest(ValueError):
    """The body is no chat request; its text is told to the caller."""


def complete(model: Model, request: Mapping[str, Any], *, most_tokens: int | None = None) -> dict[str, Any]:
    """Return the chat completion of a request; at most `most_tokens` and the request's own limit are written.

    Raises:
        BadRequest: If the messages, or a parameter, are not as they must be.
    """
    prompt, limit, temperature, seed = _read_request(request)
    text = model.answer(prompt, temperature=temperature, seed=seed).text
    ends = [found.end() for found in _TOKEN.finditer(text)]
    allowed = min(n for n in (limit, most_tokens, len(ends)) if n is not None)
    is_whole = allowed == len(ends)
    n_input = sum(len(_TOKEN.findall(str(message["content"]))) for message in request["messages"])
    return {
        "id": f"chatcmpl-{secrets.token_hex(8)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model.version,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text if is_whole else text[: ends[allowed - 1]]},
                "finish_reason": "stop" if is_whole else "length",
            }
        ],
        "usage": {"prompt_tokens": n_input, "completion_tokens": allowed, "total_tokens": n_input + allowed},
    }


def _read_request(request: Mapping[str, Any]) -> tuple[str, int | None, float, int | None]:
    messages = request.get("messages")
    is_chat = isinstance(messages, list) and all(
        isinstance(m, dict) and isinstance(m.get("role"), str) and isinstance(m.get("content"), str) for m in messages
    )
    prompts = [m["content"] for m in messages if m["role"] == "user"] if is_chat and messages else []
    if not prompts:
        msg = "'messages' must be a list of {role, content} with at least one of the user"
        raise BadRequest(msg)
    limit, temperature, seed = request.get("max_tokens"), request.get("temperature", 1), request.get("seed")
    if limit is not None and not (_is_integer(limit) and limit >= 1):
        msg = "'max_tokens' must be a whole number from 1 up"
        raise BadRequest(msg)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        msg = "'temperature' must be a number from 0 to 2"
        raise BadRequest(msg)
    if seed is not None and not (_is_integer(seed) and seed >= 0):
        msg = "'seed' must be a whole number from 0 up"
        raise BadRequest(msg)
    return prompts[-1], limit, float(temperature), seed


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
