"""An incident that Slack was told of, and the people who may act on it by buttons and forms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from faulty_slack import Fault, FaultySlack
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.incident_life import Incident
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.slack_actions import handle_action
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Slack
from seamwatch.vocabulary import Door
from seamwatch_demo.slack_messages import SlackMessage
from seamwatch_demo.slack_presses import payload_of

SLACK = '{channel: "#incidents", connection: slack_test, actions: true, may_act: ["@U0ADA", "!subteam^S0TEAM"]}'


@dataclass
class Desk:
    """An incident that Slack was told of, the people who may act on it, and a clock that all follow."""

    root: Path
    deps: Deps
    slack: FaultySlack
    now: list[datetime]
    faults: list[Fault | None] = field(default_factory=list)

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    @property
    def head(self) -> SlackMessage:
        (head,) = [one for one in self.slack.heads if "Integration" in one.text]
        return head

    @property
    def private(self) -> list[tuple[str, str]]:
        return [(one.user, one.text) for one in self.slack.workspace.private]

    def by_people(self) -> list[tuple[str, str | None, Door | None]]:
        return [(one.kind, one.by, one.door) for one in self.deps.store.incident_events(self.incident.id) if one.by]

    def press(self, action: str, *, user: str = "U0ADA", **more: Any) -> Any:
        return handle_action(self.deps, payload_of(self.head, action, user=user, **more))

    def with_slack(self, **changed: object) -> Deps:
        """Return the same with another `slack` in the pipeline file."""
        known = self.deps.project.pipeline("parcels")
        assert known.slack is not None
        slack = Slack.model_validate({**known.slack.model_dump(), **changed})
        changed_pipeline = known.model_copy(update={"slack": slack})
        project = self.deps.project
        pipelines = {**project.pipelines, "parcels": changed_pipeline}
        return replace(self.deps, project=Project(root=project.root, pipelines=pipelines, broken=project.broken))


def attribute_parcels(root: Path) -> Path:
    """Return a project, made there, whose one window shows an incident."""
    write_project(root, pipeline=PIPELINE.replace('{channel: "#incidents", connection: slack_test}', SLACK))
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@contextmanager
def open_desk(root: Path) -> Iterator[Desk]:
    """Give the desk of such a project, with a Slack that was told of its incident."""
    now = [WINDOW.end + timedelta(hours=2)]
    faults: list[Fault | None] = []

    def seconds() -> float:
        return now[0].timestamp()

    with FaultySlack(plan=lambda *_: faults.pop(0) if faults else None, clock=seconds) as slack:
        slack.workspace.groups["S0TEAM"] = ["U0TEAM", "U0OTHER"]

        def notifier(conn_id: str) -> SlackNotifier:
            extra = {"base_url": slack.url, "timeout": 3}
            return SlackNotifier(ConnectionInfo(conn_id=conn_id, conn_type="slack", password="xoxb-1", extra=extra))

        deps = replace(make_deps(root, {}), clock=lambda: now[0], notifier=notifier)
        desk = Desk(root=root, deps=deps, slack=slack, now=now, faults=faults)
        deliver_pending(deps)
        yield desk
