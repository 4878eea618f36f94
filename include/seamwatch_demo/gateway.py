"""A gateway to models that speaks the part of LiteLLM's API that limits keys: on loopback, in memory.

It has the endpoints `/key/info`, `/key/update` and `/chat/completions`, and the habits of the real one
that matter to whoever changes limits: keys are known by their SHA-256 too, only the master key may change them, what a
request does not name stays, null takes a limit away, and a budget's period, once set, cannot be taken away.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LIMITS = ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")
_MINUTE_S = 60.0

Forward = Callable[[bytes], tuple[int, dict[str, Any]]]
"""Takes a chat request's body, and returns status and answer."""


def no_model(_: bytes) -> tuple[int, dict[str, Any]]:
    """Answer as a model that always says the same."""
    message = {"role": "assistant", "content": "ok"}
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
    return 200, {"object": "chat.completion", "choices": [{"index": 0, "message": message}], "usage": usage}


@dataclass
class _Call:
    at: float
    tokens: int = 0


class Gateway(ThreadingHTTPServer):
    """Runs in a thread from its making until `close`."""

    daemon_threads = True

    def __init__(self, *, master_key: str, forward: Forward = no_model, usd_per_call: float = 0.01) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.master_key = master_key
        self.forward = forward
        self.usd_per_call = usd_per_call
        self.keys: dict[str, dict[str, Any]] = {}
        """By SHA-256 of the key."""
        self.n_updates = 0
        self._calls: dict[str, list[_Call]] = {}
        """By SHA-256 of the key, those of the last minute."""
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop it."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def add_key(self, alias: str, *, key: str | None = None, **limits: Any) -> str:
        """Return a new key with limits."""
        key = key or f"sk-{secrets.token_urlsafe(16)}"
        found = dict.fromkeys(LIMITS) | limits
        self.keys[_hash(key)] = {"key_alias": alias, "key_name": f"sk-...{key[-4:]}", "spend": 0.0, **found}
        return key

    def info(self, key: str) -> dict[str, Any] | None:
        """Return what is known of a key, or of its hash."""
        return self.keys.get(_hash(key))

    def update(self, key: str, changes: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a change of limits."""
        with self._lock:
            info = self.info(key)
            if info is None:
                return 404, _error(f"Key not found: {_hash(key)}", "not_found_error", 404)
            self.n_updates += 1
            kept = {name: value for name, value in changes.items() if name in LIMITS}
            if kept.get("budget_duration", "") is None:
                del kept["budget_duration"]
            info |= kept
            return 200, {"key": key, **info}

    def complete(self, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a chat request: the model's, unless the key is unknown or at a limit."""
        with self._lock:
            info = self.info(key)
            if info is None:
                return 401, _error("Authentication Error, Invalid proxy server token passed", "auth_error", 401)
            lately = [one for one in self._calls.get(_hash(key), []) if one.at > time.monotonic() - _MINUTE_S]
            if _is_reached(info["max_budget"], info["spend"]):
                said = f"Budget has been exceeded! Current cost: {info['spend']}, Max budget: {info['max_budget']}"
                return 400, _error(said, "budget_exceeded", 400)
            n_tokens = sum(one.tokens for one in lately)
            if _is_reached(info["rpm_limit"], len(lately)) or _is_reached(info["tpm_limit"], n_tokens):
                return 429, _error("Rate limit exceeded for api_key", "rate_limit_error", 429)
            call = _Call(at=time.monotonic())
            self._calls[_hash(key)] = [*lately, call]
        status, answer = self.forward(body)
        with self._lock:
            info["spend"] = round(info["spend"] + self.usd_per_call, 6)
            call.tokens = int(answer.get("usage", {}).get("total_tokens", 0))
        return status, answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def log_message(self, *_: Any) -> None:
        """Say nothing: addresses hold keys."""

    def do_GET(self) -> None:
        """Answer `/key/info`."""
        parts = urlsplit(self.path)
        if parts.path != "/key/info":
            self._send(404, {"detail": "Not Found"})
        elif self._is_master():
            key = parse_qs(parts.query).get("key", [""])[0]
            info = self.server.info(key)
            missing = (404, _error("Key not found in database", "not_found_error", 404))
            self._send(*missing if info is None else (200, {"key": key, "info": info}))

    def do_POST(self) -> None:
        """Answer `/key/update` and `/chat/completions`."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path.removeprefix("/v1")
        if path == "/chat/completions":
            self._send(*self.server.complete(self._bearer, content))
        elif path != "/key/update":
            self._send(404, {"detail": "Not Found"})
        elif self._is_master():
            body: dict[str, Any] = json.loads(content)
            self._send(*self.server.update(body.pop("key"), body))

    @property
    def _bearer(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _is_master(self) -> bool:
        """Return whether the master key asks; else it is refused."""
        if secrets.compare_digest(self._bearer.encode(), self.server.master_key.encode()):
            return True
        said = f"Authentication Error, Invalid proxy server token passed. Received API Key = {self._bearer}"
        self._send(401, _error(said, "auth_error", 401))
        return False

    def _send(self, status: int, document: Mapping[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest() if key.startswith("sk-") else key


def _is_reached(limit: float | None, used: float) -> bool:
    return limit is not None and used >= limit


def _error(message: str, kind: str, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": "key", "code": str(code)}}
