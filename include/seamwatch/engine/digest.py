"""Tell what quiet hours held of the incidents of a channel, in one message."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seamwatch.core.deliveries import Delivery
from seamwatch.core.digest import DigestEntry, make_digest
from seamwatch.engine.deps import Deps
from seamwatch.engine.posting import Channel, Posting
from seamwatch.report import block_kit
from seamwatch.report.digest import DigestLine, digest_message
from seamwatch.report.facts import owner_of
from seamwatch.report.links import Links
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.pipeline import Pipeline

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Held:
    """One incident, and the messages of it that a digest holds."""

    entry: DigestEntry
    pipeline: Pipeline | None
    """None: it has no sound file."""
    messages: tuple[int, ...]


def tell_digest(deps: Deps, delivery: Delivery, *, owner: str) -> bool:
    """Post a leased digest, or return False where it holds nothing any more.

    What it tells in full is sent with it, all else that it holds goes on after it.

    Raises:
        LeaseLost: If another worker has the message.
        NotYet: If it has to wait.
        NotifyError: If the channel does not take it, or nobody knows.
    """
    to = Channel(notifier=deps.notifier(delivery.connection), name=delivery.channel, connection=delivery.connection)
    posting = Posting(deps=deps, outbox=deps.store, owner=owner, delivery=delivery, to=to)
    arrived = posting.find_arrived(thread=None)
    if arrived is not None:
        posting.sent(arrived.id, ())  # what it tells was noted before it was posted
        return True
    held = {one.entry.incident.id: one for one in _held(deps, delivery)}
    if not held:
        reason = "nothing is held any more"
        deps.store.drop_deliveries(delivery.incident_id, reason=reason, now=deps.clock(), only=delivery.id)
        return False
    digest = make_digest(one.entry for one in held.values())
    lines = [_line(deps, held[entry.incident.id]) for entry in digest.entries]
    message = digest_message(digest, lines, is_repeat=posting.is_repeat)
    told = [n for one in held.values() if one.entry.is_told for n in one.messages]
    posting.post(block_kit.fallback(message.fallback), block_kit.render(message.head), tells=told)
    return True


def _held(deps: Deps, delivery: Delivery) -> Iterator[_Held]:
    """Yield what is to be told in the channel; what cannot be read, or goes elsewhere by now, is told by itself."""
    waiting: dict[str, list[Delivery]] = defaultdict(list)
    for one in deps.store.held_for(delivery.id):
        waiting[one.incident_id].append(one)
    for incident_id, messages in waiting.items():
        try:
            found = _read(deps, incident_id, messages)
        except Exception as error:
            _LOG.warning("incident %s is left out of a digest: %s", incident_id, SECRETS.redact(str(error)))
            continue
        slack = None if found is None or found.pipeline is None else found.pipeline.slack
        is_elsewhere = slack is not None and (slack.channel, slack.connection) != (
            delivery.channel,
            delivery.connection,
        )
        if found is not None and not is_elsewhere:
            yield found


def _read(deps: Deps, incident_id: str, messages: Sequence[Delivery]) -> _Held | None:
    incident = deps.store.incident(incident_id)
    if incident is None:
        return None
    entry = DigestEntry(
        incident=incident,
        changes=frozenset(one.change for one in messages),
        has_head=deps.store.head_message(incident_id) is not None,
    )
    pipeline = deps.project.pipelines.get(incident.pipeline)
    return _Held(entry=entry, pipeline=pipeline, messages=tuple(one.id for one in messages))


def _line(deps: Deps, held: _Held) -> DigestLine:
    incident = held.entry.incident
    owner = None if held.pipeline is None else owner_of(held.pipeline, incident.responsibility)
    return DigestLine(
        entry=held.entry,
        owner_role=owner.role if owner is not None and owner.mention else None,
        links=Links.under(deps.ui_url, pipeline=incident.pipeline, incident_id=incident.id),
    )
