"""The seams to systems outside: one small protocol each, so that a test replaces the wire and not our functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from seamwatch.core.documents import IndexListing, Known, SourceListing
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall
from seamwatch.spec.base import KeyForm
from seamwatch.vocabulary import Protocol as EndpointProtocol


@dataclass(frozen=True, kw_only=True)
class ConnectionInfo:
    """An Airflow connection, without Airflow. `password` never appears in a repr."""

    conn_id: str
    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Connections(Protocol):
    """Where connections come from: the environment for the CLI, Airflow for the DAGs."""

    def get(self, conn_id: str) -> ConnectionInfo:
        """Return the connection; ConnectionNotFound with the places searched."""
        ...


class StageSource(Protocol):
    """A database that holds stage tables."""

    def columns(self, relation: str, *, is_query: bool) -> Mapping[str, str]:
        """Return column name to type family (`text`, `number`, `time`, `json`, `boolean`, `other`)."""
        ...

    def read(
        self,
        relation: str,
        *,
        is_query: bool,
        columns: Sequence[str] | None,
        time: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        key: str | None = None,
        keys: Iterable[object] | None = None,
        key_form: KeyForm = "exact",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return rows with `start` <= time < `end` (or whose key is among `keys`), in chunks inside; StageError."""
        ...


class ModelEndpoint(Protocol):
    """A model that can be called alone."""

    protocol: EndpointProtocol

    @property
    def identity(self) -> str:
        """Return what makes the same body another call."""
        ...

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call, in order, with at most the endpoint's concurrency under way at once."""
        ...


class DocumentSource(Protocol):
    """Where the documents of a knowledge base are written."""

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return every document (`since` is None), or those that changed since that watermark.

        Args:
            since: Watermark of an earlier listing; None for a full sweep.
            known: By raw id, version and content hash of an earlier listing: a document whose version is the same is
                not read again.

        Raises:
            KnowledgeError: If it cannot be reached or listed; a part of it is never taken for the whole.
        """
        ...

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts by raw id, as they were at a moment where there is a history; without those not there."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


class DocumentIndex(Protocol):
    """Where a retrieval finds the documents of a knowledge base."""

    def listing(self, since: str | None) -> IndexListing:
        """Return every document version in the index, or all those of documents written since that watermark.

        Raises:
            KnowledgeError: If it cannot be reached or listed.
        """
        ...

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks by raw id, in their order; nothing where the index keeps no text."""
        ...

    def documents_of(self, chunks: Sequence[str]) -> dict[str, str]:
        """Return by a chunk's own id the raw id of its document; without ids that no chunk has."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


@dataclass(frozen=True, kw_only=True)
class PostedMessage:
    """A message that a channel holds."""

    id: str
    """As `Notifier.post` returned it."""
    thread: str | None
    """Id of the head that it replies to; None: it stands by itself."""


class Notifier(Protocol):
    """A channel that people read. No call is repeated by itself: who asks knows whether it may be."""

    def post(
        self,
        channel: str,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        *,
        thread: str | None = None,
        token: str | None = None,
    ) -> str:
        """Post and return the message's id; the message carries `token`, so that `find` finds it.

        Raises:
            MessageGone: If `thread` is no longer there; nothing of the message is then.
            NotifyError: If it was refused, or, with `may_have_arrived`, nobody knows.
        """
        ...

    def update(self, channel: str, message_id: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Replace a message in place; NotifyError, or MessageGone if it is no longer there or not ours."""
        ...

    def find(
        self, channel: str, token: str, *, since: datetime, threads: Sequence[str] = (), known: str | None = None
    ) -> list[PostedMessage]:
        """Return the messages with a token, oldest first.

        Args:
            channel: Where they were posted.
            token: That of `post`.
            since: Aware time before which none was posted.
            threads: The heads in whose threads they may be, too.
            known: Any message of the same channel, where there is one.

        Raises:
            HistoryUnreadable: If the channel may not be read at all.
            NotifyError: If it cannot be read now.
        """
        ...

    def delete(self, message_id: str) -> None:
        """Remove a message; nothing happens where it is gone already. NotifyError if it cannot be removed."""
        ...

    def tell_privately(self, channel: str, user: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Show one person alone a message in a channel, until they reload it; NotifyError if it cannot be shown."""
        ...

    def open_form(self, trigger: str, form: Mapping[str, Any]) -> None:
        """Show a person a form; NotifyError if it cannot be shown.

        Args:
            trigger: What the person's press allows to be opened, once and for seconds only.
            form: As the channel wants it.
        """
        ...

    def group_members(self, group: str) -> frozenset[str]:
        """Return the ids of the people in a group, a few minutes old at most.

        Raises:
            NotifyError: If there is no such group, or it cannot be read.
        """
        ...


class AnswerCache(Protocol):
    """Answers that were paid for already, by scope (pipeline and window), request hash and attempt."""

    def cached_answers(self, scope: str, calls: Collection[tuple[str, int]]) -> dict[tuple[str, int], ModelAnswer]:
        """Return the answers that are known of these calls, by request hash and attempt."""
        ...

    def save_answer(
        self, scope: str, request_hash: str, attempt: int, answer: ModelAnswer, *, key: str, purpose: str
    ) -> None:
        """Keep it; a second save of the same call changes nothing."""
        ...


class CallBudget(Protocol):
    """Reserve before a call, settle after it; never oversold, also when several processes ask at once."""

    def together(self) -> AbstractContextManager[None]:
        """Make one transaction of all that this thread does inside the block; an error leaves all as it was."""
        ...

    def reserve(
        self, pipeline: str, run: str, day: str, *, usd: float, limits: BudgetLimits, up_to_usd: float = 0.0
    ) -> int | None:
        """Return a reservation for one call, or None when a limit would be passed.

        Args:
            pipeline: Whose budget it is.
            run: Id of the run.
            day: UTC day.
            usd: What must be left.
            limits: Of run and day.
            up_to_usd: What is held until it is settled if it is more than `usd`, or all that is left if that is less.
        """
        ...

    def settle(self, reservation: int, *, usd: float | None) -> None:
        """Replace the reserved money by what the call really cost; None: it stays as it was reserved."""
        ...

    def release(self, reservation: int) -> None:
        """Give back a reservation whose call never left."""
        ...
