"""One real HTTP server on loopback that plays the models of all incidents of a process, and counts its calls."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from attribution.flow import request_text
from attribution.model import Law, Task, read_facts, share_of


@dataclass
class Played:
    """A model as it answers today."""

    task: Task
    law: Law
    protocol: str
    latency_s: float = 0.0
    calls: int = 0
    replays: int = 0
    """Of the calls, those about records of the window, not about the benchmark set."""
    seen: Counter[str] = field(default_factory=Counter)

    def reply(self, content: bytes) -> bytes:
        """Return the response body; the chance depends on the request and on how often it came before."""
        body = json.loads(content)
        mark = hashlib.blake2b(content, digest_size=8).hexdigest()
        number = self.seen[mark]
        self.seen[mark] += 1
        chance = share_of(self.law.seed, "call", mark, number)
        answer = json.dumps(self.law.draw(self.task, read_facts(request_text(body)), chance))
        return respond(self.protocol, answer, finish="stop", model=self.law.name).encode()


def respond(protocol: str, answer: str | None, *, finish: str | None, model: str) -> str:
    """Return a response body in the protocol's shape."""
    n_tokens = len(answer or "") // 4
    document: dict[str, Any]
    if protocol == "openai_chat":
        message = {"role": "assistant", "content": answer}
        document = {
            "id": "c1",
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 50, "completion_tokens": n_tokens},
        }
    elif protocol == "anthropic_messages":
        reasons = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
        document = {
            "id": "m1",
            "type": "message",
            "model": model,
            "content": [{"type": "text", "text": answer}],
            "stop_reason": reasons.get(finish or "stop"),
            "usage": {"input_tokens": 50, "output_tokens": n_tokens},
        }
    else:
        document = {"answer": answer, "model": model, "finish_reason": finish}
    return json.dumps(document)


class Server:
    """Runs in a thread of its own; paths begin with the name under which a model was put."""

    def __init__(self) -> None:
        self.models: dict[str, Played] = {}
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait(timeout=20)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256))
        self._started.set()
        self._loop.run_forever()
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
                content = await reader.readexactly(int(headers.get("content-length", "0")))
                played = self.models.get(lines[0].split(" ")[1].strip("/").split("/")[0])
                status, reply = "404 Not Found", b"{}"
                if played is not None:
                    played.calls += 1
                    played.replays += headers.get("x-seamwatch-replay") != "benchmark"
                    if played.latency_s:
                        await asyncio.sleep(played.latency_s)
                    status, reply = "200 OK", played.reply(content)
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(reply)}\r\n\r\n"
                writer.write(head.encode() + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
