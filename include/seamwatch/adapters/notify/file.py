"""Messages into a file, for runs without Slack: one JSON object a line, nothing lost and nothing sent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from seamwatch.errors import MessageGone, NotifyError


class FileNotifier:
    """A JSON lines file as a channel; several processes may append to it at once."""

    def __init__(self, path: Path) -> None:
        """Name the file; it and its folder are made when the first message comes."""
        self._path = path

    def post(self, channel: str, text: str, blocks: Sequence[Mapping[str, Any]], *, thread: str | None = None) -> str:
        """Append a message and return its id; NotifyError if the file cannot be written."""
        message_id = uuid4().hex
        self._append(
            {"do": "post", "id": message_id, "channel": channel, "thread": thread, "text": text, "blocks": list(blocks)}
        )
        return message_id

    def update(self, channel: str, message_id: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Append the message's new form; MessageGone if the file has no such message."""
        if message_id not in {line["id"] for line in self.lines()}:
            msg = f"{self._path} has no message {message_id} to update; post it anew"
            raise MessageGone(msg)
        self._append({"do": "update", "id": message_id, "channel": channel, "text": text, "blocks": list(blocks)})

    def lines(self) -> list[dict[str, Any]]:
        """Return everything written so far, in order."""
        try:
            written = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = f"messages cannot be read from {self._path}: {error.strerror}"
            raise NotifyError(msg) from error
        return [json.loads(line) for line in written.splitlines()]

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=True) + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(descriptor, line.encode())  # one write to an O_APPEND file keeps lines whole
            finally:
                os.close(descriptor)
        except OSError as error:
            msg = f"messages cannot be written to {self._path}: {error.strerror}; choose a folder that can be written"
            raise NotifyError(msg) from error
