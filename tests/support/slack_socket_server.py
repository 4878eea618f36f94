"""The server side of Slack's Socket Mode on loopback: envelopes go out, acknowledgements come in."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web


class SlackSocketServer:
    """`with SlackSocketServer() as server: server.url`; one thread, any number of connections."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        """Ids of envelopes, in the order in which they were acknowledged."""
        self.n_opened = 0
        self._sockets: list[web.WebSocketResponse] = []
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def tell(self, payload: dict[str, Any], *, envelope: str, kind: str = "interactive") -> None:
        """Send an envelope by the newest connection."""
        message = {"type": kind, "envelope_id": envelope, "payload": payload, "accepts_response_payload": True}
        self._call(self._sockets[-1].send_str(json.dumps(message)))

    def say(self, text: str) -> None:
        """Send any text by the newest connection."""
        self._call(self._sockets[-1].send_str(text))

    def drop(self) -> None:
        """Break every connection off, without a word."""
        for socket in self._sockets:
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                self._loop.call_soon_threadsafe(transport.abort)

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        self.n_opened += 1
        await socket.send_str(json.dumps({"type": "hello", "num_connections": 1}))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.acknowledged.append(json.loads(message.data)["envelope_id"])
        return socket

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        application = web.Application()
        application.router.add_get("/link", self._serve)
        runner = web.AppRunner(application)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        host, port = runner.addresses[0][:2]
        self.url = f"ws://{host}:{port}/link"
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


def wait_for(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Return once a condition holds; AssertionError where it does not within that time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)
