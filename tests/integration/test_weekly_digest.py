"""The digest of a week reaches each channel once, whatever becomes of the calls, the workers and the pipeline files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from faulty_slack import Fault
from review_channels import MONDAY, Channels, open_channels, other_store, week_of, write_pipelines
from seamwatch.adapters.base import Notifier
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deliver import deliver_pending, describe_undelivered
from seamwatch.engine.retention import purge_store
from seamwatch.engine.watcher_status import watcher_status
from seamwatch.engine.weekly_digest import enqueue_weekly_digests
from seamwatch.errors import AdapterError, StoreError
from seamwatch.report.message import REPEAT
from seamwatch.report.watcher_status import problem_lines
from seamwatch.spec.project import ProjectSettings, StoreSettings
from seamwatch.spec.quiet_hours import QuietHours
from seamwatch.store.tables import WeeklyDigestRow
from seamwatch.store.weekly_digests import HandOver
from seamwatch.vocabulary import DeliveryState

pytestmark = pytest.mark.integration
ALL = ("parcels", "letters", "returns")
TOLD = [("#incidents", ("parcels", "letters")), ("#returns", ("returns",))]
LONG = timedelta(seconds=80)
"""After which a call of unknown end is looked for, and a failed one tried again."""


BOTH = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def channels(tmp_path: Path, url: str) -> Iterator[Channels]:
    write_pipelines(tmp_path)
    with open_channels(tmp_path, store_url=url) as opened:
        yield opened


def states(channels: Channels) -> list[DeliveryState]:
    return [one.state for one in channels.digests]


class Killed(BaseException):
    """A worker that is gone: nothing of it goes on, and nothing is tidied up."""


class KilledNotifier:
    """Kills its worker before or after a post."""

    def __init__(self, notifier: Notifier, *, is_after: bool) -> None:
        self._notifier, self._is_after = notifier, is_after

    def __getattr__(self, name: str) -> object:
        return getattr(self._notifier, name)

    def post(self, *args: object, **kwargs: object) -> str:
        if self._is_after:
            self._notifier.post(*args, **kwargs)  # type: ignore[arg-type]
        raise Killed


@BOTH
def test_each_channel_gets_one_digest_of_its_pipelines(channels: Channels) -> None:
    assert channels.close(*ALL) == 2
    summary = channels.deliver()
    assert (summary.n_sent, summary.n_waiting, summary.n_undelivered, summary.errors) == (2, 0, 0, ())
    assert channels.told == TOLD
    assert states(channels) == [DeliveryState.SENT] * 2
    assert channels.close(*ALL) == 0
    assert channels.deliver(after=LONG).n_sent == 0
    assert channels.told == TOLD


def test_fifty_pipelines_of_a_channel_fit_one_message(channels: Channels) -> None:
    names = [f"pipeline-{number:02}-{'x' * 60}" for number in range(50)]
    for name in names:
        channels.add(name, like="parcels")
    assert channels.close(*names, "returns") == 2
    assert channels.deliver().n_undelivered == 0
    assert [one.channel for one in channels.heads] == ["#incidents", "#returns"]


@BOTH
def test_a_week_that_is_put_on_its_way_twice_at_once_is_told_once(channels: Channels, url: str) -> None:
    workers = [other_store(channels.deps, url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        n_new = sum(pool.map(lambda deps: enqueue_weekly_digests(deps, week_of(*ALL)), workers))
    channels.close(*ALL)
    assert (n_new, channels.deliver().n_sent) == (2, 2)
    assert channels.told == TOLD


def test_the_digests_of_two_weeks_are_two(channels: Channels) -> None:
    for number in (44, 45):
        channels.close("returns", week=ReviewWeek(year=2026, number=number))
    assert channels.deliver().n_sent == 2
    for number, head in zip((44, 45), channels.heads, strict=True):
        assert f"/2026-W{number}" in str(head.blocks)


@pytest.mark.parametrize("pipelines", [(), ("unknown",), ("silent", "broken")])
def test_a_channel_of_which_the_review_has_no_pipeline_gets_nothing(
    channels: Channels, pipelines: tuple[str, ...]
) -> None:
    channels.change("letters", slack=None)
    assert channels.close("letters", *pipelines) == 0
    assert channels.deliver().n_sent == 0
    assert channels.told == []


@BOTH
@pytest.mark.parametrize("is_after", [False, True])
def test_a_worker_killed_about_its_post_leaves_one_message(channels: Channels, is_after: bool) -> None:
    channels.close("returns")
    known = channels.deps
    channels.deps = replace(known, notifier=lambda one: KilledNotifier(known.notifier(one), is_after=is_after))
    with pytest.raises(Killed):
        channels.deliver()
    (left,) = channels.digests
    assert (left.state, left.post_began_at, left.token is None) == (DeliveryState.PENDING, MONDAY, False)
    channels.deps = known
    assert channels.deliver(after=timedelta(seconds=60)).n_sent == 0  # its lease runs
    assert channels.deliver(after=timedelta(seconds=61)).n_sent == 1
    assert channels.told == TOLD[1:]
    assert channels.slack.calls.count("chat.postMessage") == 1  # what is there is not posted again
    channels.deliver(after=timedelta(minutes=11))
    assert channels.told == TOLD[1:]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("limit", "30"),
        Fault("status", "500"),
        Fault("taken_status", "500"),
        Fault("reset"),
        Fault("late"),
        Fault("taken_reset"),
        Fault("taken_cut"),
        Fault("taken_garbage", "[]"),
        Fault("refuse", "channel_not_found"),
        Fault("refuse", "invalid_auth"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.detail}".strip(),
)
def test_a_call_that_fails_loses_and_doubles_nothing(channels: Channels, fault: Fault) -> None:
    channels.close(*ALL)
    channels.faults.append(fault)
    first = channels.deliver()
    assert first.n_sent + first.n_waiting == 2
    for _ in range(3):
        channels.deliver(after=LONG)
    assert channels.told == TOLD
    assert states(channels) == [DeliveryState.SENT] * 2
    channels.deliver(after=timedelta(minutes=11))
    assert channels.told == TOLD


def test_a_refused_digest_says_why_without_secrets_and_holds_no_other(channels: Channels) -> None:
    channels.close(*ALL)
    channels.faults += [Fault("status", "503")]
    summary = channels.deliver()
    assert (summary.n_sent, summary.n_waiting, summary.n_undelivered) == (1, 1, 1)
    said = describe_undelivered(summary)
    assert "digest of 2026-W45, #incidents: Slack connection 'slack_test', channel #incidents" in said
    assert "xoxb-secret" not in said


def test_slack_that_is_down_for_days_gets_it_in_the_end(channels: Channels) -> None:
    channels.close("returns")
    channels.faults += [Fault("refuse", "invalid_auth")] * 200
    for _ in range(60):
        channels.deliver(after=timedelta(hours=1, minutes=1))
    assert channels.told == []
    (late,) = watcher_status(channels.deps).outboxes
    assert (late.pipeline, late.n_waiting, late.n_given_up) == ("seamwatch", 1, 0)
    channels.faults.clear()
    channels.deliver(after=timedelta(hours=1, minutes=1))
    assert channels.told == TOLD[1:]
    assert watcher_status(channels.deps).outboxes == ()


@BOTH
def test_one_that_is_given_up_is_shown_and_sent_when_a_person_says_so_or_dropped(channels: Channels) -> None:
    channels.close(*ALL)
    digests, now = channels.deps.store.weekly_digests, channels.now[0]
    while (claimed := digests.claim(now, lease=LONG, owner="me")) is not None:
        digests.mark_failed(claimed.id, owner="me", error="invalid_auth", retry_at=None)
    summary = channels.deliver(after=LONG)
    assert (summary.n_sent, summary.n_failed, summary.n_undelivered) == (0, 2, 2)
    status = watcher_status(channels.deps)
    assert not status.is_well
    assert "weekly digests: 2 messages given up; `seamwatch deliver --retry` says why." in problem_lines(status)
    assert digests.retry(now=channels.now[0]) == 2
    assert channels.deliver().n_sent == 2
    channels.close("parcels", week=ReviewWeek(year=2026, number=46))
    assert digests.drop(week="2026-W46", reason="no need", now=channels.now[0]) == 1
    assert channels.deliver(after=LONG).n_sent == 0
    assert channels.told == TOLD


def test_a_channel_that_may_not_be_read_is_told_again_and_says_so(tmp_path: Path) -> None:
    write_pipelines(tmp_path)
    with open_channels(tmp_path) as channels:
        channels.slack.workspace.scopes = ("chat:write",)
        channels.close("returns")
        channels.faults.append(Fault("taken_reset"))
        channels.deliver()
        channels.deliver(after=LONG)
        first, second = channels.heads
        assert (REPEAT in str(first.blocks), REPEAT in str(second.blocks)) == (False, True)


def test_quiet_hours_of_any_of_its_pipelines_hold_it(channels: Channels) -> None:
    early = QuietHours(time_zone="UTC", begins=time(22), ends=time(10), days=("mon", "sun"))
    late = QuietHours(time_zone="UTC", begins=time(10), ends=time(11), days=("mon",))
    channels.change("parcels", quiet_hours=(early,))
    channels.change("letters", quiet_hours=(late,))
    channels.close(*ALL)
    summary = channels.deliver()
    assert (summary.n_sent, summary.n_waiting, summary.n_undelivered) == (1, 1, 0)
    assert watcher_status(channels.deps).outboxes == ()  # held on purpose
    channels.deliver(after=timedelta(minutes=119))
    assert channels.told == TOLD[1:]
    channels.deliver(after=timedelta(minutes=1))
    assert channels.told == TOLD


@BOTH
def test_two_workers_at_once_send_each_digest_once(channels: Channels, url: str) -> None:
    channels.close(*ALL)
    workers = [other_store(channels.deps, url) for _ in range(2)]
    start = threading.Barrier(2)
    n_sent: list[int] = []

    def work(deps: object) -> None:
        start.wait()
        n_sent.append(deliver_pending(deps, sleep=lambda _: None).n_sent)  # type: ignore[arg-type]

    threads = [threading.Thread(target=work, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(n_sent) == 2
    assert channels.told == TOLD


@BOTH
def test_a_worker_that_lost_its_lease_does_not_post(channels: Channels) -> None:
    channels.close("returns")
    digests, now = channels.deps.store.weekly_digests, channels.now[0]
    slow = digests.claim(now, lease=timedelta(minutes=2), owner="slow")
    assert slow is not None
    assert channels.deliver(after=timedelta(minutes=3)).n_sent == 1
    later = channels.now[0]
    assert not digests.renew_lease(slow.id, owner="slow", until=later + LONG)
    place = {"channel": "#returns", "connection": "slack_test"}
    assert not digests.begin_post(slow.id, owner="slow", token="t", tells=(), now=later, until=later, **place)
    digests.mark_failed(slow.id, owner="slow", error="late", retry_at=None)
    assert states(channels) == [DeliveryState.SENT]


# What people write between the week's end and the message


def test_a_channel_that_was_changed_meanwhile_gets_it_and_the_old_one_nothing(channels: Channels) -> None:
    channels.close(*ALL)
    channels.move("returns", "#parcels-returned")
    channels.deliver()
    assert channels.told == [TOLD[0], ("#parcels-returned", ("returns",))]
    assert DeliveryState.DROPPED in states(channels)
    assert channels.close(*ALL) == 0
    assert channels.deliver(after=LONG).n_undelivered == 0
    assert len(channels.told) == 2


@BOTH
def test_one_of_two_pipelines_that_moves_joins_the_digest_of_its_new_channel(channels: Channels) -> None:
    channels.change("returns", quiet_hours=(QuietHours(time_zone="UTC", begins=time(8), ends=time(10), days=("mon",)),))
    channels.close(*ALL)
    channels.move("letters", "#returns")
    channels.deliver()
    assert channels.told == [("#incidents", ("parcels",))]
    channels.deliver(after=timedelta(hours=1))
    assert channels.told == [("#incidents", ("parcels",)), ("#returns", ("letters", "returns"))]


@BOTH
def test_channels_that_change_places_are_told_each_of_the_others(channels: Channels) -> None:
    channels.close("parcels", "returns")
    channels.move("parcels", "#returns")
    channels.move("returns", "#incidents")
    for _ in range(4):
        channels.deliver(after=LONG)
    assert channels.told == [("#incidents", ("returns",)), ("#returns", ("parcels",))]
    assert DeliveryState.PENDING not in states(channels)


def test_a_pipeline_whose_new_channel_has_had_its_digest_is_told_where_it_was(channels: Channels) -> None:
    channels.close(*ALL)
    channels.faults.append(Fault("status", "503"))
    channels.deliver()
    assert channels.told == TOLD[1:]
    channels.move("letters", "#returns")
    channels.deliver(after=LONG)
    assert channels.told == TOLD


@BOTH
def test_a_digest_that_is_on_its_way_is_waited_for(channels: Channels) -> None:
    channels.close(*ALL)
    digests, now = channels.deps.store.weekly_digests, channels.now[0]
    mine, other = digests.claim(now, lease=LONG, owner="a"), digests.claim(now, lease=LONG, owner="b")
    assert mine is not None
    assert other is not None
    place = (other.channel, other.connection)
    assert digests.hand_over(mine, place, ["parcels"], owner="a", now=now) is HandOver.BUSY
    digests.mark_sent(other.id, owner="b", message_id="C1:1.1", now=now)
    assert digests.hand_over(mine, place, ["parcels"], owner="a", now=now) is HandOver.TOO_LATE
    assert [one.pipelines for one in channels.digests] == [("parcels", "letters"), ("returns",)]
    new = ("#new", "slack_test")
    with pytest.raises(StoreError, match="the digest of 2026-W45 for #incidents was changed by another worker"):
        digests.hand_over(mine, new, ["parcels"], owner="somebody else", now=now)
    assert len(channels.digests) == 2  # of a hand-over that failed nothing is kept
    assert digests.hand_over(mine, new, ["parcels"], owner="a", now=now) is HandOver.DONE
    assert [one.pipelines for one in channels.digests] == [("letters",), ("returns",), ("parcels",)]


def test_a_post_of_unknown_end_is_looked_for_where_it_was_made_before_the_channel_is_changed(
    channels: Channels,
) -> None:
    channels.close("returns")
    channels.faults.append(Fault("taken_reset"))
    channels.deliver()
    channels.move("returns", "#elsewhere")
    channels.deliver(after=LONG)
    assert channels.told == TOLD[1:]
    assert states(channels) == [DeliveryState.SENT]


def test_a_pipeline_that_was_removed_is_told_where_it_was(channels: Channels) -> None:
    channels.close(*ALL)
    channels.remove("returns")
    channels.deliver()
    assert channels.told == TOLD


def test_a_pipeline_that_names_no_channel_any_more_is_told_nowhere(channels: Channels) -> None:
    channels.close(*ALL)
    for name in ("returns", "letters"):
        channels.change(name, slack=None)
    summary = channels.deliver()
    assert (summary.n_sent, summary.n_waiting, summary.n_undelivered) == (1, 0, 0)
    assert channels.told == [("#incidents", ("parcels",))]


def test_a_connection_that_is_missing_is_said_and_its_digest_waits(channels: Channels) -> None:
    known = channels.deps
    channels.close("returns")

    def missing(conn_id: str) -> Notifier:
        msg = f"connection {conn_id!r} is not defined"
        raise AdapterError(msg)

    channels.deps = replace(known, notifier=missing)
    assert channels.deliver().errors == ("#returns: connection 'slack_test' is not defined",)
    channels.deps = known
    channels.deliver(after=LONG)
    assert channels.told == TOLD[1:]


def test_a_week_that_the_store_does_not_have_is_said_and_tried_again(channels: Channels) -> None:
    enqueue_weekly_digests(channels.deps, week_of("returns"))
    summary = channels.deliver()
    assert summary.errors == ("#returns: the store has no review of 2026-W45; run `seamwatch review --week 2026-W45`",)
    channels.close("returns")
    assert channels.deliver(after=LONG).n_sent == 1


def test_a_digest_mentions_the_owners_and_says_where_nobody_is_named(channels: Channels) -> None:
    channels.close(*ALL)
    channels.deliver()
    by_channel = {one.channel: str(one.blocks) for one in channels.heads}
    assert "U0REL" in by_channel["#incidents"]
    assert "U0LET" in by_channel["#incidents"]
    assert "Nobody is named as reliability owner of returns." in by_channel["#returns"]
    assert f"{channels.deps.ui_url}/seamwatch/" in by_channel["#returns"]


@BOTH
def test_digests_go_with_incidents_and_no_week_is_told_twice_for_it(channels: Channels) -> None:
    channels.close(*ALL)
    channels.deliver()
    sent_at = channels.now[0]
    still = ReviewWeek(year=2026, number=46)
    channels.close("returns", week=still)  # nobody delivers it

    channels.now[0] = sent_at + timedelta(days=700)
    assert "weekly digests" not in purge_store(channels.deps).rows
    channels.now[0] = sent_at + timedelta(days=745)
    assert purge_store(channels.deps, is_dry_run=True).rows["weekly digests"] == 2
    assert states(channels) == [DeliveryState.SENT] * 2
    assert purge_store(channels.deps).rows["weekly digests"] == 2
    assert channels.digests == []
    assert [one.state for one in channels.deps.store.weekly_digests.of_week(still.name)] == [DeliveryState.PENDING]
    assert channels.deps.store.weekly_review("2026-W45") is not None, "what was told of the week stays"

    assert channels.close(*ALL) == 0
    assert channels.deliver().n_sent == 1  # of the week whose digest still waited
    assert channels.told == [*TOLD, ("#returns", ("returns",))]


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.DROPPED])
def test_a_digest_that_was_given_up_or_dropped_goes_too(channels: Channels, state: DeliveryState) -> None:
    channels.close("returns")
    with channels.deps.store._writing() as connection:
        connection.execute(sa.update(WeeklyDigestRow).values(state=state.value))
    channels.now[0] += timedelta(days=745)
    assert purge_store(channels.deps).rows["weekly digests"] == 1


def test_a_short_keep_forgets_no_week_that_is_still_told(channels: Channels) -> None:
    keep = ProjectSettings(store=StoreSettings(keep=timedelta(hours=1), keep_incidents=timedelta(hours=1)))
    channels.deps = replace(channels.deps, project=replace(channels.deps.project, settings=keep))
    assert channels.close(*ALL) == 2
    channels.deliver()
    for days in (1, 7, 28):
        assert purge_store(channels.deps).rows.get("weekly digests") is None
        assert channels.close(*ALL) == 0
        channels.now[0] += timedelta(days=days)
    assert channels.told == TOLD
    assert purge_store(channels.deps).rows["weekly digests"] == 2
    assert channels.close(*ALL) == 0
