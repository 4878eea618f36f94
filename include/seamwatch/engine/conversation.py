"""Tell one message of an incident in its channel: a head, changed in place, and the details in its thread.

Nothing is posted before it is noted that it will be, and nothing is posted again before the channel was asked whether
it holds the message already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from seamwatch.adapters.base import Notifier, PostedMessage
from seamwatch.core.deliveries import Delivery, DeliveryPart, retry_wait, told_changes
from seamwatch.core.incident_life import Incident
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import LastReport
from seamwatch.errors import HistoryUnreadable, MessageGone, NotifyError, StoreError
from seamwatch.report import block_kit
from seamwatch.report.blocks import Message
from seamwatch.report.message import bare_message, incident_message
from seamwatch.secret_redaction import SECRETS

LEASE = timedelta(minutes=2)
"""Renewed before every call, and longer than one takes. A worker that died leaves its message to another after it."""
SETTLED_AFTER = timedelta(seconds=75)
"""A call that got no answer within its deadline may still be taken for half a minute; not after this."""
_RECHECK_AFTER = timedelta(minutes=10)
_UNREAD_FOR = timedelta(hours=6)
"""After this a message is posted again though the channel could not be looked into."""
_ANEW_AT_MOST = 2
_ANEW_WITHIN = timedelta(hours=6)
"""In this time an incident gets so many heads anew: each mentions its owner, and may be of no more help."""
_BARE_AGAIN_AFTER = timedelta(minutes=10)
_BARE_AFTER = 2
"""Tries after which an incident is told without its report, where that cannot be made."""


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
class _Channel:
    """Where a message goes."""

    notifier: Notifier
    name: str
    connection: str


def _channel(deps: Deps, delivery: Delivery, pipeline: str) -> _Channel:
    """Return where a message goes now: a pipeline file may have been corrected since the message was written."""
    known = deps.project.pipelines.get(pipeline)
    slack = None if known is None else known.slack
    to = delivery if slack is None else slack
    return _Channel(notifier=deps.notifier(to.connection), name=to.channel, connection=to.connection)


@dataclass(kw_only=True)
class Conversation:
    """One leased message, and the incident that it tells of."""

    deps: Deps
    owner: str
    """Who leased it."""
    delivery: Delivery
    incident: Incident
    reports: LastReport
    """The head and the thread of a change are made from one report."""
    _is_repeat: bool = False
    """A post of unknown end could not be looked for: the channel may not be read, or is not known by its name."""
    _was_lost: bool = False
    """A post of unknown end was looked for, and not found."""

    def __post_init__(self) -> None:
        """Find the channel; ConnectionNotFound or NotifyError if it cannot be spoken to."""
        self._to = _channel(self.deps, self.delivery, self.incident.pipeline)

    def tell_head(self) -> None:
        """Post the head, or change it in place where it stands; where it is gone or not ours, post it anew.

        Raises:
            LeaseLost: If another worker has the message.
            NotYet: If it has to wait.
            NotifyError: If the channel does not take it, or nobody knows.
        """
        arrived = self._find_arrived(thread=None)
        head = self._adopted(arrived)
        message, tells = self._message()
        text, blocks = block_kit.fallback(message.fallback), block_kit.render(message.head)
        if head is None:
            self._post(text, blocks, tells=tells)
            return
        self._renew()
        try:
            self._to.notifier.update(self._to.name, head, text, blocks)
        except MessageGone:
            if arrived is not None and arrived.id == head:
                # This message keeps the token by which its head is found and deleted: another one is posted anew.
                self._enqueue_head(head)
                self._sent(head, ())
                self._forget(head)
            else:
                self._forget(head)
                self._post(text, blocks, tells=tells)
            self._delete(head)
        else:
            self._sent(head, tells)

    def _adopted(self, arrived: PostedMessage | None) -> str | None:
        """Return the head as it stands: one that arrived after all, unless the incident has another by now."""
        head = self.deps.store.head_message(self.incident.id)
        if arrived is None:
            return head
        if head is not None and head != arrived.id:
            self._to.notifier.delete(arrived.id)
            self.deps.store.no_message_arrived(self.delivery.id)
            return head
        self.deps.store.adopt_message(self.delivery.id, message_id=arrived.id)
        return arrived.id

    def tell_thread(self) -> None:
        """Post what is added to the thread; where there is no head to reply to, the head is posted first.

        Raises:
            LeaseLost: If another worker has the message.
            NotYet: If it has to wait.
            NotifyError: If the channel does not take it, or nobody knows.
        """
        head = self.deps.store.head_message(self.incident.id)
        if head is None:
            raise self._after_a_head("none")
        arrived = self._find_arrived(thread=head)
        if arrived is not None:
            self._sent(arrived.id, ())
            return
        message, tells = self._message()
        try:
            text, blocks = block_kit.fallback(message.thread_fallback), block_kit.render(message.thread)
            self._post(text, blocks, tells=tells, thread=head)
        except MessageGone as error:
            since = self.deps.clock() - _ANEW_WITHIN
            if self.deps.store.n_forgotten_heads(self.incident.id, since=since) >= _ANEW_AT_MOST:
                raise NotifyError(str(error), retryable=True) from None
            self._forget(head)
            self._delete(head)
            raise self._after_a_head(head) from None

    def _find_arrived(self, *, thread: str | None) -> PostedMessage | None:
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
        self._renew()
        try:
            found = _find(self.deps, self.delivery, head=thread)
        except HistoryUnreadable:
            self._is_repeat = True
            return None
        except NotifyError:
            if self.deps.clock() - began < _UNREAD_FOR:
                raise
            self._is_repeat = True
            return None
        kept = next((one for one in found if one.thread == thread), None)
        for surplus in found:
            if surplus != kept:
                self._to.notifier.delete(surplus.id)
        self._was_lost = kept is None
        return kept

    def _message(self) -> tuple[Message, tuple[int, ...]]:
        """Return the message as the incident is now, and which messages of the outbox it tells."""
        waiting = self.deps.store.waiting_with(self.delivery)
        incident = self.deps.store.incident(self.incident.id) or self.incident
        changes = told_changes([one.change for one in waiting]) or (self.delivery.change,)
        try:
            report = self.reports.of(self.deps, incident)
            message = incident_message(report, changes, is_repeat=self._is_repeat)
        except Exception as error:
            # That the incident exists must be told; its thread can wait for the report.
            if self.delivery.attempts < _BARE_AFTER or self.delivery.part is not DeliveryPart.HEAD:
                raise
            self._tell_again_later()
            message = bare_message(incident, SECRETS.redact((str(error) or type(error).__name__).splitlines()[0]))
        return message, tuple(one.id for one in waiting)

    def _post(
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
        store, now = self.deps.store, self.deps.clock()
        token = self.delivery.token or uuid4().hex
        has_begun = store.begin_post(
            self.delivery.id,
            owner=self.owner,
            token=token,
            tells=tells,
            now=now,
            until=now + LEASE,
            channel=self._to.name,
            connection=self._to.connection,
            thread=thread,
        )
        if not has_begun:
            raise LeaseLost
        try:
            message_id = self._to.notifier.post(self._to.name, text, blocks, thread=thread, token=token)
        except NotifyError as error:
            # Of an earlier post that could not be looked for, this refusal says nothing.
            if not error.may_have_arrived and not self._is_repeat:
                store.no_message_arrived(self.delivery.id)
            raise
        self._sent(message_id, tells)

    def _sent(self, message_id: str, tells: Sequence[int]) -> None:
        now = self.deps.clock()
        self.deps.store.mark_sent(
            self.delivery.id,
            owner=self.owner,
            message_id=message_id,
            now=now,
            tells=tells,
            recheck_at=now + _RECHECK_AFTER if self._was_lost or self._is_repeat else None,
            recheck_if_lost_at=now + SETTLED_AFTER,
        )

    def _after_a_head(self, gone: str) -> Exception:
        """Put a head into the outbox that goes before this message; return what makes the message wait for it."""
        now = self.deps.clock()
        if not self._enqueue_head(gone):
            return StoreError(f"the message of incident {self.incident.id} was given up, so it has no thread")
        return NotYet(now if self.delivery.attempts == 0 else now + retry_wait(self.delivery.attempts), is_try=True)

    def _enqueue_head(self, gone: str) -> bool:
        """Put a head into the outbox that replaces one; return False if it was put there before."""
        return self.deps.store.enqueue_delivery(
            self.incident.id,
            dedupe_key=f"{self.incident.id}/anew/{gone}/{self.delivery.id}",
            part=DeliveryPart.HEAD,
            change=self.delivery.change,
            channel=self._to.name,
            connection=self._to.connection,
            now=self.deps.clock(),
        )

    def _tell_again_later(self) -> None:
        """Put another head into the outbox, which shows the report once it can be made."""
        self.deps.store.enqueue_delivery(
            self.incident.id,
            dedupe_key=f"{self.incident.id}/bare/{self.delivery.id}",
            part=DeliveryPart.HEAD,
            change=self.delivery.change,
            channel=self.delivery.channel,
            connection=self.delivery.connection,
            now=self.deps.clock() + _BARE_AGAIN_AFTER,
        )

    def _renew(self) -> None:
        if not self.deps.store.renew_lease(self.delivery.id, owner=self.owner, until=self.deps.clock() + LEASE):
            raise LeaseLost

    def _forget(self, head: str) -> None:
        """Note that a head is gone, or not ours, before anything is done: what is left of it is looked for later."""
        now = self.deps.clock()
        self.deps.store.forget_head(self.incident.id, message_id=head, now=now, recheck_after=_RECHECK_AFTER)

    def _delete(self, head: str) -> None:
        """Remove what may be left of a forgotten head: it would stay as it is for ever."""
        try:
            self._to.notifier.delete(head)
        except NotifyError:
            return  # looked for again later


def delete_surplus(deps: Deps, sent: Delivery) -> None:
    """Delete what the channel holds of a sent message besides the one that the store knows: of a forgotten one, all.

    Raises:
        HistoryUnreadable: If the channel may not be read.
        NotifyError: If it cannot be read, or a message not be deleted, now.
    """
    if sent.token is None:
        return
    head = None if sent.part is DeliveryPart.HEAD else deps.store.head_message(sent.incident_id)
    for one in _find(deps, sent, head=head):
        if one.id != sent.message_id:
            deps.notifier(sent.connection).delete(one.id)


def _find(deps: Deps, delivery: Delivery, *, head: str | None) -> Sequence[PostedMessage]:
    """Return what is there of a message where it was posted, wherever it would be posted now, and below the head."""
    assert delivery.token is not None
    threads = tuple(dict.fromkeys(one for one in (head, delivery.thread) if one is not None))
    known = deps.store.last_head(connection=delivery.connection, channel=delivery.channel)
    return deps.notifier(delivery.connection).find(
        delivery.channel, delivery.token, since=delivery.created_at, threads=threads, known=known
    )
