"""Tell a week's review in Slack: one digest for each channel, of the pipelines that tell their incidents there."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from seamwatch.core.agreed_actions import AgreedAction
from seamwatch.core.deliveries import WeeklyDigest
from seamwatch.core.quiet_hours import quiet_until
from seamwatch.core.weekly_review.agreed import agreed_by_now
from seamwatch.core.weekly_review.facts import AgreedWeek, WeeklyReview
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.posting import Channel, NotYet, Posting
from seamwatch.engine.weekly_review.calendar import oldest_told_week
from seamwatch.errors import SeamwatchError, StoreError
from seamwatch.report import block_kit
from seamwatch.report.blocks import Message, Small
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.message import REPEAT
from seamwatch.report.weekly_review.digest import agreed_in_digest, weekly_digest
from seamwatch.secret_redaction import SECRETS
from seamwatch.store.weekly_digests import HandOver, Place

_LOG = logging.getLogger(__name__)
_BUSY_AGAIN = timedelta(minutes=1)
_SHOWN_WEEKS = 8
"""Before the present one; digests that are older are read by nobody who looks for what is to be done."""
_MOST_UPDATES = 3
"""Of one message, where people are quicker than Slack."""


def enqueue_weekly_digests(deps: Deps, review: WeeklyReview) -> int:
    """Put the digests of a closed week into the outbox; return how many are new.

    A channel gets one, of the pipelines of the review that have a sound file and tell their incidents there; one that
    none tells gets none. Called again, it adds nothing. A week of so long ago that its digests may have been forgotten
    is told to nobody, since it may have been told before.

    Raises:
        SpecError: If the project's settings cannot be read.
        StoreError: If the store cannot be written.
    """
    if review.week.name < oldest_told_week(deps).name:
        return 0
    places: dict[Place, list[str]] = defaultdict(list)
    for one in review.pipelines:
        pipeline = deps.project.pipelines.get(one.pipeline)
        if pipeline is not None and pipeline.slack is not None:
            places[pipeline.slack.channel, pipeline.slack.connection].append(one.pipeline)
    return deps.store.weekly_digests.add(review.week.name, places, now=deps.clock())


def tell_weekly_digest(deps: Deps, digest: WeeklyDigest, *, owner: str) -> bool:
    """Post a leased digest, or return False where nothing is left of it: what belongs elsewhere by now is told there.

    Raises:
        LeaseLost: If another worker has it.
        NotYet: If it has to wait, as for the end of quiet hours.
        NotifyError: If the channel does not take it, or nobody knows.
        StoreError: If the review cannot be read.
    """
    outbox = deps.store.weekly_digests
    to = Channel(notifier=deps.notifier(digest.connection), name=digest.channel, connection=digest.connection)
    posting = Posting(deps=deps, outbox=outbox, owner=owner, delivery=digest, to=to)
    arrived = posting.find_arrived(thread=None)
    if arrived is not None:
        posting.sent(arrived.id, ())
        return True
    pipelines = _of_its_channel(deps, digest, owner)
    if not pipelines:
        outbox.drop(only=digest.id, reason="none of its pipelines tells this channel any more", now=deps.clock())
        return False
    _wait_for_quiet_hours(deps, pipelines)
    message = _message(deps, _review(deps, digest.week), pipelines)
    head = (*message.head, Small(REPEAT)) if posting.is_repeat else message.head
    posting.post(block_kit.fallback(message.fallback), block_kit.render(head), tells=())
    return True


def update_weekly_digests(deps: Deps, action: AgreedAction) -> None:
    """Show how an agreed action stands in the digests of the last weeks that tell of it.

    A channel that does not take it keeps what it had: the action itself is kept, and its page shows it.
    """
    oldest = ReviewWeek.containing(deps.clock()).before(_SHOWN_WEEKS).name
    for digest in deps.store.weekly_digests.sent(since_week=max(action.week, oldest)):
        try:
            _update(deps, digest, action)
        except Exception as error:  # this message's failure, and of no other
            said = SECRETS.redact(str(error) if isinstance(error, SeamwatchError) else type(error).__name__)
            place = (digest.week, digest.channel)
            _LOG.warning("the digest of %s in %s does not show %s as it is: %s", *place, action.id, said)


def _update(deps: Deps, digest: WeeklyDigest, action: AgreedAction) -> None:
    """Replace a digest in its channel, where it tells of an action; again where that was changed meanwhile."""
    shown: tuple[AgreedWeek, ...] | None = None
    assert digest.message_id is not None, "only those that a channel holds are updated"
    for _ in range(_MOST_UPDATES):
        review = _review(deps, digest.week)
        told = {one.action.id for one in agreed_in_digest(review, digest.pipelines)}
        if review.agreed == shown or action.id not in told:
            return
        message = _message(deps, review, digest.pipelines)
        deps.notifier(digest.connection).update(
            digest.channel, digest.message_id, block_kit.fallback(message.fallback), block_kit.render(message.head)
        )
        shown = review.agreed


def _review(deps: Deps, week: str) -> WeeklyReview:
    """Return a week as it was told when it was closed, with its agreed actions as they stand now."""
    review = deps.store.weekly_review(week)
    if review is None:
        msg = f"the store has no review of {week}; run `seamwatch review --week {week}`"
        raise StoreError(msg)
    agreed = agreed_by_now(
        review.agreed,
        deps.store.agreed_actions(),
        week=review.week,
        now=deps.clock(),
    )
    return replace(review, agreed=agreed)


def _message(deps: Deps, review: WeeklyReview, pipelines: Sequence[str]) -> Message:
    """Return what is said of some pipelines."""
    known = (deps.project.pipelines.get(name) for name in pipelines)
    has_form = any(one is not None and one.slack is not None and one.slack.actions for one in known)
    return weekly_digest(review, pipelines, WeeklyLinks.under(deps.ui_url), has_form=has_form)


def _of_its_channel(deps: Deps, digest: WeeklyDigest, owner: str) -> tuple[str, ...]:
    """Return of which pipelines a digest tells, as their files are now; the others are left to those of their channels.

    A pipeline without a sound file is told where it was; one that names no channel any more is told nowhere.
    """
    here, elsewhere = list[str](), defaultdict[Place, list[str]](list)
    for name in digest.pipelines:
        pipeline = deps.project.pipelines.get(name)
        if pipeline is None:
            here.append(name)
        elif pipeline.slack is not None:
            place = (pipeline.slack.channel, pipeline.slack.connection)
            (here if place == (digest.channel, digest.connection) else elsewhere[place]).append(name)
    for place, names in elsewhere.items():
        now = deps.clock()
        result = deps.store.weekly_digests.hand_over(digest, place, names, owner=owner, now=now)
        if result is HandOver.BUSY:
            raise NotYet(now + _BUSY_AGAIN)
        if result is HandOver.TOO_LATE:
            here += names  # rather where it was than nowhere
        else:
            digest = replace(digest, pipelines=tuple(one for one in digest.pipelines if one not in names))
    return tuple(here)


def _wait_for_quiet_hours(deps: Deps, pipelines: Sequence[str]) -> None:
    """Raise NotYet until none of some pipelines has quiet hours: a digest calls nobody."""
    known = (deps.project.pipelines.get(name) for name in pipelines)
    periods = [period for one in known if one is not None for period in one.quiet_hours]
    until = quiet_until(periods, deps.clock())
    if until is not None:
        raise NotYet(until)
