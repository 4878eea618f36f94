"""Pipelines that tell two Slack channels, a closed week of them, and a clock that all follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from faulty_slack import Fault, FaultySlack
from parcels import OPENED, PIPELINE, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.deliveries import WeeklyDigest
from seamwatch.core.weekly_review.facts import IncidentsWeek, PipelineWeek, WeeklyReview
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deliver import DeliverySummary, deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_digest import enqueue_weekly_digests
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.repo import Store
from seamwatch_demo.slack_messages import SlackMessage

WEEK = ReviewWeek(year=2026, number=45)
MONDAY = datetime(2026, 11, 9, 9, 0, tzinfo=UTC)
CHANNELS = {"parcels": "#incidents", "letters": "#incidents", "returns": "#returns"}
OWNERS = {"parcels": "@U0REL", "letters": "@U0LET"}
"""Nobody is named for returns."""
PLAIN = '{channel: "#incidents", connection: slack_test}'


@dataclass
class Channels:
    """The world of a weekly digest."""

    deps: Deps
    slack: FaultySlack
    now: list[datetime]
    faults: list[Fault | None] = field(default_factory=list)
    """What becomes of the next calls to Slack."""

    def close(self, *pipelines: str, week: ReviewWeek = WEEK) -> int:
        """Close a week of some pipelines, if it is not closed, and put its digests on their way; return how many."""
        review = week_of(*pipelines, week=week)
        self.deps.store.close_week(review, now=self.now[0])
        return enqueue_weekly_digests(self.deps, review)

    def change(self, name: str, **changed: Any) -> None:
        """Write something else into a pipeline file."""
        known = self.deps.project.pipeline(name)
        self._with({**self.deps.project.pipelines, name: known.model_copy(update=changed)})

    def add(self, name: str, *, like: str) -> None:
        """Write a pipeline file that is as another one."""
        known = self.deps.project.pipeline(like)
        self._with({**self.deps.project.pipelines, name: known.model_copy(update={"pipeline": name})})

    def move(self, name: str, channel: str) -> None:
        """Write another channel into a pipeline file."""
        slack = self.deps.project.pipeline(name).slack
        assert slack is not None
        self.change(name, slack=slack.model_copy(update={"channel": channel}))

    def remove(self, name: str) -> None:
        """Delete a pipeline file."""
        self._with({key: one for key, one in self.deps.project.pipelines.items() if key != name})

    def deliver(self, *, after: timedelta = timedelta(0)) -> DeliverySummary:
        """Send what is due, once so much time has passed."""
        self.now[0] += after
        self.slack.take_late_calls()
        return deliver_pending(self.deps, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now[0] += timedelta(seconds=seconds)

    @property
    def told(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return of each digest in a channel that, and the pipelines that it names."""
        return sorted((one.channel, names_in(one)) for one in self.heads)

    @property
    def heads(self) -> list[SlackMessage]:
        """Return the digests that the channels hold."""
        return [one for one in self.slack.heads if one.text.startswith("Weekly review")]

    @property
    def digests(self) -> list[WeeklyDigest]:
        """Return what the store knows of the digests."""
        return self.deps.store.weekly_digests.of_week(WEEK.name)

    def _with(self, pipelines: dict[str, Pipeline]) -> None:
        project = self.deps.project
        self.deps = replace(self.deps, project=Project(root=project.root, pipelines=pipelines, broken=project.broken))


def names_in(message: SlackMessage) -> tuple[str, ...]:
    """Return the pipelines that a message names."""
    said = str(message.blocks)
    return tuple(name for name in CHANNELS if name in said)


def week_of(*pipelines: str, week: ReviewWeek = WEEK) -> WeeklyReview:
    """Return the review of a week in which nothing happened."""
    quiet = IncidentsWeek(
        n_opened=0,
        n_reopened=0,
        n_resolved=0,
        n_open_at_end=0,
        n_void=0,
        by_responsibility={},
        by_severity={},
        n_looked_like_ai=0,
        n_not_ai=0,
        not_ai={},
        n_ai=0,
        n_ai_unknown=0,
        opened_before=(),
        not_ai_before=(),
    )
    return WeeklyReview(
        week=week,
        made_at=MONDAY,
        is_closed=True,
        everything=PipelineWeek(pipeline="", incidents=quiet),
        pipelines=tuple(PipelineWeek(pipeline=name, owner=OWNERS.get(name), incidents=quiet) for name in pipelines),
    )


def write_pipelines(root: Path) -> None:
    """Write the project; its store is made when it is first opened."""
    write_project(root)
    for name, channel in CHANNELS.items():
        slack = PLAIN.replace("#incidents", channel)
        text = PIPELINE.replace("ENDPOINT", '"python:parcels:model"').replace("pipeline: parcels", f"pipeline: {name}")
        (root / "include/pipelines" / f"{name}.yaml").write_text(text.replace(PLAIN, slack))


@contextmanager
def open_channels(root: Path, *, store_url: str | None = None) -> Iterator[Channels]:
    """Give such a project's channels, with nothing told yet."""
    now, faults = [MONDAY], list[Fault | None]()

    def seconds() -> float:
        return now[0].timestamp()

    with FaultySlack(plan=lambda *_: faults.pop(0) if faults else None, clock=seconds) as slack:
        deps = make_deps(root, {}, store_url=store_url)
        deps = replace(deps, clock=lambda: now[0], notifier=lambda _: SlackNotifier(connection_to(slack.url)))
        yield Channels(deps=deps, slack=slack, now=now, faults=faults)
        deps.store.close()


def connection_to(url: str) -> ConnectionInfo:
    """Return a connection to a Slack on loopback."""
    return ConnectionInfo(
        conn_id="slack_test", conn_type="slack", password="xoxb-secret", extra={"base_url": url, "timeout": 3}
    )


def other_store(deps: Deps, url: str) -> Deps:
    """Return the same for another worker, with a store of its own."""
    store = Store.open(url)
    OPENED.append(store)
    return replace(deps, store=store)
