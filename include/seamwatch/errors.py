"""The errors that Seamwatch raises, all told to a person.

    SeamwatchError
    ├── SpecError            a pipeline file, field map, reference or suite is wrong (a list of problems)
    ├── DataContractError    a frame or argument breaks the contract of a core function
    ├── AdapterError         a system outside did not do its part (retryable or not)
    │   ├── ConnectionNotFound
    │   ├── StageError       a stage's table cannot be read
    │   ├── KnowledgeError   the documents of a knowledge base, or its index, cannot be listed or read
    │   └── NotifyError      a message cannot be delivered
    │       ├── HistoryUnreadable  the channel does not let us look which messages it holds
    │       └── MessageGone  the message to update, or the head of its thread, is no longer there or not ours
    ├── WatchError           watches could not look; what the others found is saved
    └── StoreError           Seamwatch's own store refused

A message names the place (file, line, pipeline, stage, connection), what is wrong, and what would be right. Secrets,
prompts and document texts never enter a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from seamwatch.secret_redaction import SECRETS


class SeamwatchError(Exception):
    """Base of all errors that Seamwatch raises on purpose; no message holds a secret that was read."""

    def __init__(self, message: str = "") -> None:
        """Take the message, which a driver's own text or a value of a connection may be part of."""
        super().__init__(SECRETS.redact(message))


class ProblemLevel(StrEnum):
    """What a problem does to the exit code of `seamwatch check`."""

    ERROR = "error"
    """It must be mended: exit code 1."""
    WARNING = "warning"
    """It should be mended: exit code 1 under `--strict` only."""
    NOTE = "note"
    """Nothing is wrong: something was guessed, or could not be tried."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake in a file that a person wrote, or something that this person should know of it."""

    file: str
    """Path as the person knows it, relative to the project."""
    line: int | None = None
    """1-based line, where known."""
    path: str = ""
    """Where inside the document, as `stages.answer.table`."""
    text: str
    """What is wrong and what would be right."""
    level: ProblemLevel = ProblemLevel.ERROR
    """How much it matters."""

    def __str__(self) -> str:
        """Return `file:line path: text`, and before the text its level where that is no error."""
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        text = self.text if self.level is ProblemLevel.ERROR else f"{self.level}: {self.text}"
        return f"{place} {self.path}: {text}" if self.path else f"{place}: {text}"


class SpecError(SeamwatchError):
    """Everything wrong with what a person wrote, found in one pass."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems, in order of file and line."""
        self.problems = sorted(problems, key=lambda p: (p.file, p.line or 0, p.path))
        super().__init__("\n".join(str(p) for p in self.problems))


class WatchError(SeamwatchError):
    """Watches that could not look, each with its reason."""


class DataContractError(SeamwatchError):
    """A frame lacks a column, or an argument is out of range."""


class AdapterError(SeamwatchError):
    """A system outside did not do its part."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        """Keep whether trying again later may help."""
        self.retryable = retryable
        super().__init__(message)


class ConnectionNotFound(AdapterError):
    """No connection of that name, with every place that was searched."""


class StageError(AdapterError):
    """A stage's table cannot be read."""


class KnowledgeError(AdapterError):
    """The source or the index of a knowledge base cannot be listed or read; says nothing of any document."""


class NotifyError(AdapterError):
    """A message cannot be delivered."""

    def __init__(
        self, message: str, *, retryable: bool = False, may_have_arrived: bool = False, wait_s: float | None = None
    ) -> None:
        """Keep what is known of the message.

        Args:
            message: What went wrong and what to do.
            retryable: Whether trying again later may help without anybody doing anything.
            may_have_arrived: Nobody knows whether the channel took it, or will.
            wait_s: The channel asks for a pause of so many seconds, and nothing else is wrong.
        """
        self.may_have_arrived = may_have_arrived
        self.wait_s = wait_s
        super().__init__(message, retryable=retryable)


class HistoryUnreadable(NotifyError):
    """The channel does not let us look which messages it holds."""


class MessageGone(NotifyError):
    """The message to update, or the head of the thread to reply in, is gone or not ours: post the head anew."""


class StoreError(SeamwatchError):
    """Seamwatch's own store refused or is not at the expected migration."""
