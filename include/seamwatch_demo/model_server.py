"""The demo's model behind a real HTTP server on loopback that speaks OpenAI's chat completions.

Besides the API it has a switch, guarded by a token of its own: which version stands behind the model's name, and
whether the provider has an outage. Calls in isolation carry `X-Seamwatch-Replay` and are counted apart.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from seamwatch_demo.enterprise import MODEL_NAME
from seamwatch_demo.model_service import BadRequest, ModelService, complete

REPLAY_HEADER = "X-Seamwatch-Replay"
PROCESSING_HEADER = "openai-processing-ms"
"""How long an answer takes by the provider's own account, as OpenAI names it. It is said, not waited for."""
_MOST_BODY_BYTES = 1_000_000
_HANG_S = 2.0


class ModelServer:
    """The HTTP server around a service; a context manager."""

    def __init__(self, service: ModelService, *, port: int = 0, model_name: str = MODEL_NAME) -> None:
        """Bind to 127.0.0.1; port 0 takes a free one. Tokens are new with each server."""
        self.service, self.model_name = service, model_name
        self.token, self.admin_token = f"sk-demo-{secrets.token_hex(12)}", secrets.token_hex(16)
        self.stopping = threading.Event()
        self._http = _HttpServer(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Return its address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more, and free the port."""
        self.stopping.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a caller may keep its connection open
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], owner: ModelServer) -> None:
        self.owner = owner
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer waits for the caller's delayed acknowledgement
    server: _HttpServer

    def do_GET(self) -> None:
        owner = self.server.owner
        match self.path:
            case "/health":
                self._send(200, {"status": "ok"})
            case "/v1/models" if self._is_allowed(owner.token):
                self._send(
                    200, {"object": "list", "data": [{"id": owner.model_name, "object": "model", "owned_by": "demo"}]}
                )
            case "/switch" if self._is_allowed(owner.admin_token):
                self._send(200, self._state())
            case "/v1/models" | "/switch":
                self._refuse(401, "invalid_api_key", "the bearer token is missing or wrong")
            case _:
                self._refuse(404, "not_found", f"no such path: {self.path}")

    def do_POST(self) -> None:
        handlers = {
            "/v1/chat/completions": (self.server.owner.token, self._complete),
            "/switch": (self.server.owner.admin_token, self._switch),
        }
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MOST_BODY_BYTES:
            self.close_connection = True  # what the caller still sends is not read
            self._refuse(413, "too_large", f"a body must say its length, at most {_MOST_BODY_BYTES} bytes")
            return
        body = self.rfile.read(int(length))
        if self.path not in handlers:
            self._refuse(404, "not_found", f"no such path: {self.path}")
            return
        token, handle = handlers[self.path]
        if not self._is_allowed(token):
            self._refuse(401, "invalid_api_key", "the bearer token is missing or wrong")
            return
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if isinstance(request, dict):
            handle(request, body)
        else:
            self._refuse(400, "invalid_request_error", "the body must be a JSON object")

    def _complete(self, request: dict[str, Any], body: bytes) -> None:
        owner = self.server.owner
        if request.get("model") != owner.model_name:
            self._refuse(404, "model_not_found", f"no such model; known: {owner.model_name}")
            return
        model, fate, processing_ms = owner.service.admit(body, is_replay=REPLAY_HEADER in self.headers)
        if fate == "error":
            self._refuse(503, "overloaded", "the model is overloaded; try again later")
        elif fate == "hang":
            owner.stopping.wait(_HANG_S)
            self.close_connection = True
        else:
            try:
                completion = complete(model, request, most_tokens=6 if fate == "cut" else None)
            except BadRequest as error:
                self._refuse(400, "invalid_request_error", str(error))
            else:
                self._send(200, completion, {PROCESSING_HEADER: str(processing_ms)})

    def _switch(self, request: dict[str, Any], _body: bytes) -> None:
        service = self.server.owner.service
        try:
            service.switch(
                serving=request.get("serving", service.serving), health=request.get("health", service.health)
            )
        except (ValueError, TypeError) as error:
            self._refuse(400, "invalid_request_error", str(error))
        else:
            self._send(200, self._state())

    def _state(self) -> dict[str, Any]:
        service = self.server.owner.service
        return {"serving": service.serving, "health": service.health, "counts": dict(service.counts)}

    def _is_allowed(self, token: str) -> bool:
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, f"Bearer {token}".encode())

    def _refuse(self, status: int, code: str, text: str) -> None:
        self._send(status, {"error": {"message": text, "type": code, "code": code}})

    def _send(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: what happened stands in the counts and at the caller."""
