"""Tell one message of an incident in its channel: a head, changed in place, and the details in its thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from seamwatch.adapters.base import PostedMessage
from seamwatch.core.deliveries import Delivery, DeliveryPart, retry_wait, told_changes
from seamwatch.core.incident_life import Incident
from seamwatch.engine.incidents import LastReport
from seamwatch.engine.posting import RECHECK_AFTER, NotYet, Posting
from seamwatch.errors import MessageGone, NotifyError, StoreError
from seamwatch.report import block_kit
from seamwatch.report.blocks import Message
from seamwatch.report.message import bare_message, incident_message
from seamwatch.secret_redaction import SECRETS

_ANEW_AT_MOST = 2
_ANEW_WITHIN = timedelta(hours=6)
"""In this time an incident gets so many heads anew: each mentions its owner, and may be of no more help."""
_BARE_AGAIN_AFTER = timedelta(minutes=10)
_BARE_AFTER = 2
"""Tries after which an incident is told without its report, where that cannot be made."""


@dataclass(kw_only=True)
class Conversation(Posting[Delivery]):
    """One leased message, and the incident that it tells of."""

    incident: Incident
    reports: LastReport
    """The head and the thread of a change are made from one report."""

    def tell_head(self) -> None:
        """Post the head, or change it in place where it stands; where it is gone or not ours, post it anew.

        Raises:
            LeaseLost: If another worker has the message.
            NotYet: If it has to wait.
            NotifyError: If the channel does not take it, or nobody knows.
        """
        arrived = self.find_arrived(thread=None)
        head = self._adopted(arrived)
        message, tells = self._message()
        text, blocks = block_kit.fallback(message.fallback), block_kit.render(message.head)
        if head is None:
            self.post(text, blocks, tells=tells)
            return
        self.renew()
        try:
            self.to.notifier.update(self.to.name, head, text, blocks)
        except MessageGone:
            if arrived is not None and arrived.id == head:
                # This message keeps the token by which its head is found and deleted: another one is posted anew.
                self._enqueue_head(head)
                self.sent(head, ())
                self._forget(head)
            else:
                self._forget(head)
                self.post(text, blocks, tells=tells)
            self._delete(head)
        else:
            self.sent(head, tells)

    def _adopted(self, arrived: PostedMessage | None) -> str | None:
        """Return the head as it stands: one that arrived after all, unless the incident has another by now."""
        head = self.deps.store.head_message(self.incident.id)
        if arrived is None:
            return head
        if head is not None and head != arrived.id:
            self.to.notifier.delete(arrived.id)
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
        arrived = self.find_arrived(thread=head)
        if arrived is not None:
            self.sent(arrived.id, ())
            return
        message, tells = self._message()
        try:
            text, blocks = block_kit.fallback(message.thread_fallback), block_kit.render(message.thread)
            self.post(text, blocks, tells=tells, thread=head)
        except MessageGone as error:
            since = self.deps.clock() - _ANEW_WITHIN
            if self.deps.store.n_forgotten_heads(self.incident.id, since=since) >= _ANEW_AT_MOST:
                raise NotifyError(str(error), retryable=True) from None
            self._forget(head)
            self._delete(head)
            raise self._after_a_head(head) from None

    def _message(self) -> tuple[Message, tuple[int, ...]]:
        """Return the message as the incident is now, and which messages of the outbox it tells."""
        waiting = self.deps.store.waiting_with(self.delivery)
        incident = self.deps.store.incident(self.incident.id) or self.incident
        changes = told_changes([one.change for one in waiting]) or (self.delivery.change,)
        try:
            report = self.reports.of(self.deps, incident)
            message = incident_message(report, changes, is_repeat=self.is_repeat)
        except Exception as error:
            # That the incident exists must be told; its thread can wait for the report.
            if self.delivery.attempts < _BARE_AFTER or self.delivery.part is not DeliveryPart.HEAD:
                raise
            self._tell_again_later()
            message = bare_message(incident, SECRETS.redact((str(error) or type(error).__name__).splitlines()[0]))
        return message, tuple(one.id for one in waiting)

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
            channel=self.to.name,
            connection=self.to.connection,
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

    def _forget(self, head: str) -> None:
        """Note that a head is gone, or not ours, before anything is done: what is left of it is looked for later."""
        now = self.deps.clock()
        self.deps.store.forget_head(self.incident.id, message_id=head, now=now, recheck_after=RECHECK_AFTER)

    def _delete(self, head: str) -> None:
        """Remove what may be left of a forgotten head: it would stay as it is for ever."""
        try:
            self.to.notifier.delete(head)
        except NotifyError:
            return  # looked for again later
