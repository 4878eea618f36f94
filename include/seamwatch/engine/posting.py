"""Post one message of the outbox, once.

Nothing is posted before it is noted that it will be, and nothing is posted again before the channel was asked whether
it holds the message already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import uuid4

from seamwatch.adapters.base import Notifier, PostedMessage
from seamwatch.core.deliveries import Delivery, DeliveryPart, Outgoing
from seamwatch.engine.deps import Deps
from seamwatch.errors import HistoryUnreadable, NotifyError

LEASE = timedelta(minutes=2)
"""Renewed before every call, and longer than one takes. A worker that died leaves its message to another after it."""
SETTLED_AFTER = timedelta(seconds=75)
"""A call that got no answer within its deadline may still be taken for half a minute; not after this."""
RECHECK_AFTER = timedelta(minutes=10)
_UNREAD_FOR = timedelta(hours=6)
"""After this a message is posted again though the channel could not be looked into."""


class Outbox(Protocol):
    """Where messages are kept on their way: what is noted of one before and after each call to its channel."""

    def renew_lease(self, message: int, /, *, owner: str, until: datetime) -> bool:
        """Keep a message for longer; return False where another caller has it by now."""
        ...

    def begin_post(
        self,
        message: int,
        /,
        *,
        owner: str,
        token: str,
        tells: Sequence[int],
        now: datetime,
        until: datetime,
        channel: str,
        connection: str,
        thread: str | None = None,
    ) -> bool:
        """Note, before a message is posted, that it is; return False where another caller has it by now."""
        ...

    def no_message_arrived(self, message: int, /) -> None:
        """Note that a post did not arrive, and never will."""
        ...

    def mark_sent(
        self,
        message: int,
        /,
        *,
        owner: str,
        message_id: str,
        now: datetime,
        tells: Sequence[int] = (),
        recheck_at: datetime | None = None,
        recheck_if_lost_at: datetime | None = None,
    ) -> None:
        """Note that a message arrived, and its id there; with it those that it tells."""
        ...

    def mark_failed(
        self,
        message: int,
        /,
        *,
        owner: str,
        error: str | None,
        retry_at: datetime | None,
        is_try: bool = True,
        settled_at: datetime | None = None,
    ) -> None:
        """Note that a message did not arrive, or that nobody knows; tried again at `retry_at`, or given up at None."""
        ...

    def claim_recheck(self, now: datetime, *, again_at: datetime) -> Outgoing | None:
        """Return a message that the channel may hold twice, to be looked for now, and again later."""
        ...

    def recheck_delivery(self, message: int, /, *, at: datetime | None) -> None:
        """Set when to look whether the channel holds a message twice; None: it was found to hold it once."""
        ...


class LeaseLost(Exception):
    """Another worker has the message by now."""


class NotYet(Exception):
    """The message has to wait, and nothing is wrong with it."""

    def __init__(self, at: datetime, *, is_try: bool = False) -> None:
        """Keep until when, and whether this counts as a try."""
        self.at = at
        self.is_try = is_try
        super().__init__(f"waits until {at.isoformat()}")


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Where a message goes."""

    notifier: Notifier
    name: str
    connection: str


def channel_of(deps: Deps, delivery: Delivery, pipeline: str) -> Channel:
    """Return where a message goes now: a pipeline file may have been corrected since the message was written."""
    known = deps.project.pipelines.get(pipeline)
    slack = None if known is None else known.slack
    to = delivery if slack is None else slack
    return Channel(notifier=deps.notifier(to.connection), name=to.channel, connection=to.connection)


M = TypeVar("M", bound=Outgoing)


@dataclass(kw_only=True)
class Posting(Generic[M]):
    """One leased message."""

    deps: Deps
    outbox: Outbox
    """Where it is kept."""
    owner: str
    """Who leased it."""
    delivery: M
    to: Channel
    is_repeat: bool = False
    """A post of unknown end could not be looked for: the channel may not be read, or is not known by its name."""
    was_lost: bool = False
    """A post of unknown end was looked for, and not found."""

    def find_arrived(self, *, thread: str | None) -> PostedMessage | None:
        """Return the message if an earlier post of unknown end did arrive; what is there twice is deleted.

        Raises:
            NotYet: If it may still arrive.
            NotifyError: If the channel cannot be read now.
        """
        began, token = self.delivery.post_began_at, self.delivery.token
        if began is None or token is None:
            return None
        if self.deps.clock() < began + SETTLED_AFTER:
            raise NotYet(began + SETTLED_AFTER)
        self.renew()
        try:
            found = _find(self.deps, self.delivery, head=thread)
        except HistoryUnreadable:
            self.is_repeat = True
            return None
        except NotifyError:
            if self.deps.clock() - began < _UNREAD_FOR:
                raise
            self.is_repeat = True
            return None
        kept = next((one for one in found if one.thread == thread), None)
        for surplus in found:
            if surplus != kept:
                self.to.notifier.delete(surplus.id)
        self.was_lost = kept is None
        return kept

    def post(
        self,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        *,
        tells: Sequence[int],
        thread: str | None = None,
    ) -> None:
        """Post a message; that it will be is noted before.

        Args:
            text: Its fallback.
            blocks: Its content.
            tells: Messages of the outbox that it tells.
            thread: The head that it replies to.
        """
        outbox, now = self.outbox, self.deps.clock()
        token = self.delivery.token or uuid4().hex
        has_begun = outbox.begin_post(
            self.delivery.id,
            owner=self.owner,
            token=token,
            tells=tells,
            now=now,
            until=now + LEASE,
            channel=self.to.name,
            connection=self.to.connection,
            thread=thread,
        )
        if not has_begun:
            raise LeaseLost
        try:
            message_id = self.to.notifier.post(self.to.name, text, blocks, thread=thread, token=token)
        except NotifyError as error:
            # Of an earlier post that could not be looked for, this refusal says nothing.
            if not error.may_have_arrived and not self.is_repeat:
                outbox.no_message_arrived(self.delivery.id)
            raise
        self.sent(message_id, tells)

    def sent(self, message_id: str, tells: Sequence[int]) -> None:
        """Note that the message arrived, and which messages of the outbox it tells besides those noted before."""
        now = self.deps.clock()
        self.outbox.mark_sent(
            self.delivery.id,
            owner=self.owner,
            message_id=message_id,
            now=now,
            tells=tells,
            recheck_at=now + RECHECK_AFTER if self.was_lost or self.is_repeat else None,
            recheck_if_lost_at=now + SETTLED_AFTER,
        )

    def renew(self) -> None:
        """Keep the message for longer; LeaseLost if another worker has it by now."""
        if not self.outbox.renew_lease(self.delivery.id, owner=self.owner, until=self.deps.clock() + LEASE):
            raise LeaseLost


def delete_surplus(deps: Deps, sent: Outgoing) -> None:
    """Delete what the channel holds of a sent message besides the one that the store knows: of a forgotten one, all.

    Raises:
        HistoryUnreadable: If the channel may not be read.
        NotifyError: If it cannot be read, or a message not be deleted, now.
    """
    if sent.token is None:
        return
    head = None
    if isinstance(sent, Delivery) and sent.part is DeliveryPart.THREAD:
        head = deps.store.head_message(sent.incident_id)
    for one in _find(deps, sent, head=head):
        if one.id != sent.message_id:
            deps.notifier(sent.connection).delete(one.id)


def _find(deps: Deps, message: Outgoing, *, head: str | None) -> Sequence[PostedMessage]:
    """Return what is there of a message where it was posted, wherever it would be posted now, and below the head."""
    assert message.token is not None
    place = {"connection": message.connection, "channel": message.channel}
    thread = message.thread if isinstance(message, Delivery) else None
    threads = tuple(dict.fromkeys(one for one in (head, thread) if one is not None))
    known = deps.store.last_head(**place) or deps.store.weekly_digests.last_posted(**place)
    return deps.notifier(message.connection).find(
        message.channel, message.token, since=message.created_at, threads=threads, known=known
    )
