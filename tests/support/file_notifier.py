"""Messages into a file in the place of Slack: one JSON object a line, nothing lost and nothing sent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from seamwatch.adapters.base import PostedMessage
from seamwatch.errors import MessageGone, NotifyError


class FileNotifier:
    """A JSON lines file as a channel; several processes may append to it at once."""

    def __init__(self, path: Path) -> None:
        """Name the file; it and its folder are made when the first message comes."""
        self._path = path

    def post(
        self,
        channel: str,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        *,
        thread: str | None = None,
        token: str | None = None,
    ) -> str:
        """Append a message and return its id; NotifyError if the file cannot be written."""
        message_id = uuid4().hex
        entry = {"do": "post", "id": message_id, "channel": channel, "thread": thread, "text": text}
        self._append({**entry, "blocks": list(blocks), "token": token})
        return message_id

    def update(self, channel: str, message_id: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Append the message's new form; MessageGone if the file has no such message."""
        if message_id not in self._held():
            msg = f"{self._path} has no message {message_id} to update; post it anew"
            raise MessageGone(msg)
        self._append({"do": "update", "id": message_id, "channel": channel, "text": text, "blocks": list(blocks)})

    def find(
        self, channel: str, token: str, *, since: datetime, threads: Sequence[str] = (), known: str | None = None
    ) -> list[PostedMessage]:
        """Return the messages with a token; the file holds all of them, so time and threads do not matter."""
        del channel, since, threads, known
        held = self._held()
        posted = [line for line in self.lines() if line.get("do") == "post" and line["id"] in held]
        return [PostedMessage(id=one["id"], thread=one.get("thread")) for one in posted if one.get("token") == token]

    def delete(self, message_id: str) -> None:
        """Append that the message is gone."""
        if message_id in self._held():
            self._append({"do": "delete", "id": message_id})

    def tell_privately(self, channel: str, user: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Append what one person is shown."""
        entry = {"do": "tell", "id": uuid4().hex, "channel": channel, "user": user, "text": text}
        self._append({**entry, "blocks": list(blocks)})

    def open_form(self, trigger: str, form: Mapping[str, Any]) -> None:
        """Refuse: a file shows nobody a form."""
        del trigger, form
        msg = f"{self._path} shows no forms"
        raise NotifyError(msg)

    def group_members(self, group: str) -> frozenset[str]:
        """Refuse: a file knows no groups."""
        msg = f"{self._path} knows no group {group}"
        raise NotifyError(msg)

    def lines(self) -> list[dict[str, Any]]:
        """Return everything written so far, in order; a line that was cut off while it was written is no message."""
        try:
            written = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = f"messages cannot be read from {self._path}: {error.strerror}"
            raise NotifyError(msg) from error
        return [line for text in written.splitlines() if (line := _entry(text)) is not None]

    def _held(self) -> set[str]:
        lines = self.lines()
        gone = {line["id"] for line in lines if line.get("do") == "delete"}
        return {line["id"] for line in lines if line.get("do") == "post"} - gone

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = (json.dumps(entry, ensure_ascii=True) + "\n").encode()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                size = os.fstat(descriptor).st_size
                is_cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                line = b"\n" + line if is_cut else line
                n_written = os.write(descriptor, line)  # one write to an O_APPEND file keeps lines whole
            finally:
                os.close(descriptor)
        except OSError as error:
            msg = f"messages cannot be written to {self._path}: {error.strerror}; choose a folder that can be written"
            raise NotifyError(msg) from error
        if n_written < len(line):
            msg = f"a message was written to {self._path} in part only: is its disk full? Make room there"
            raise NotifyError(msg, retryable=True)


def _entry(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("id"), str) else None
