"""The whole life of one incident: opened, taken on by a button in Slack, more severe, resolved, and back again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from seamwatch.adapters.notify.slack import split_message_id
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.errors import SeamwatchError
from seamwatch.report import numbers
from seamwatch.report.block_kit import action_id
from seamwatch.vocabulary import IncidentAction, IncidentState
from seamwatch_demo.airflow import wait_until
from seamwatch_demo.dags import PARTS, DagRunner
from seamwatch_demo.faults import FAULTS, Fault
from seamwatch_demo.slack_app import SlackApp
from seamwatch_demo.slack_messages import SlackMessage
from seamwatch_demo.slack_receiver import SlackReceiver
from seamwatch_demo.watching import TRIAGE, open_store
from seamwatch_demo.world import DemoWorld

SCENARIO = "queue_code_shift"
"""The fault whose incident is shown from its beginning on."""
PERSON, PERSON_NAME = "U0RELIABLE", "ines"
"""Who presses: the reliability owner of the pipeline file."""
_MORNING = timedelta(hours=13)
"""End of the window in which the fault first shows, by few records; later windows hold more of them."""
_SETTLED = timedelta(hours=1)
_PRESS_WITHIN_S = 30.0


@dataclass(frozen=True, kw_only=True)
class IncidentLife:
    """The desk, the Airflow that watches it, and the Slack in which somebody presses a button."""

    console: Console
    runner: DagRunner
    world: DemoWorld
    slack: SlackReceiver
    signing_secret: str
    """Signs what Slack tells of presses; Airflow knows it from the connection."""
    folder: Path

    def live_day(self, day: date, fault_name: str) -> Fault:
        """Live a day of which the morning is looked at by itself; who is told then acknowledges the incident.

        Raises:
            SeamwatchError: If the morning's window opens no incident, or its button does nothing.
        """
        fault = self.world.begin_day(day, fault_name)
        self._look_at_morning(day)
        self._acknowledge(self._incident())
        self.world.live_until(_midnight(day) + timedelta(days=1) + _SETTLED)
        return fault

    def bring_back(self, day: date) -> dict[str, Any]:
        """Let the fault return in the morning of a later day, and return the incident's life as `summary.json` has it.

        Raises:
            SeamwatchError: If the incident is not found.
        """
        self.console.print(f"\n[bold]{day}[/bold]: the routing codes of before are back once more ...")
        self.world.begin_day(day, SCENARIO)
        self._look_at_morning(day)
        incident = self._incident()
        self.console.print(Text(f"  {incident.state.value}: {incident.headline}", style="bold"))
        return self._summary(incident)

    def _look_at_morning(self, day: date) -> None:
        midnight = _midnight(day)
        self.world.live_until(midnight + _MORNING + _SETTLED)
        window = Window(start=midnight, end=midnight + _MORNING)
        for part in PARTS:
            outcome = self.runner.run(TRIAGE, part, window)
            red = f", red: {', '.join(outcome.failed_tasks)}" if outcome.failed_tasks else ""
            self.console.print(f"  Airflow ran {outcome.dag_id} for the morning: {outcome.state}{red}")

    def _incident(self) -> Incident:
        injected = FAULTS[SCENARIO].injected
        assert injected is not None
        with open_store(self.folder) as store:
            for incident in store.incidents(TRIAGE):
                if (incident.responsibility, incident.stage) == (injected.responsibility, injected.stage):
                    return incident
        msg = f"no incident of {injected.responsibility} at {injected.stage} was opened"
        raise SeamwatchError(msg)

    def _acknowledge(self, incident: Incident) -> None:
        """Press the button of the incident's message, as Slack tells of it: by a signed request to Airflow."""
        app = slack_app(self.runner.api_url, self.signing_secret)
        try:
            app.press(self.slack.workspace, self._head(incident), action_id(IncidentAction.ACKNOWLEDGE), "")
        except (httpx.HTTPError, LookupError) as error:
            msg = f"the button of {incident.id} was not taken: {error}"
            raise SeamwatchError(msg) from error
        wait_until(
            lambda: "Acknowledged by" in str(self._head(incident).blocks),
            within_s=_PRESS_WITHIN_S,
            what=f"the message of {incident.id} does not show that it was acknowledged",
            every_s=0.05,
        )
        self.console.print(f"  {PERSON_NAME} pressed Acknowledge in Slack: {self._incident().state.value}")

    def _head(self, incident: Incident) -> SlackMessage:
        with open_store(self.folder) as store:
            message = store.head_message(incident.id)
        channel, ts = split_message_id(message or "")
        for one in self.slack.messages:
            if (one.channel_id, one.ts) == (channel, ts):
                return one
        msg = f"Slack holds no message of {incident.id}"
        raise SeamwatchError(msg)

    def _summary(self, incident: Incident) -> dict[str, Any]:
        """Return what the store and Slack hold of the incident."""
        with open_store(self.folder) as store:
            events = store.incident_events(incident.id)
        head = self._head(incident)
        heads = [one for one in self.slack.messages if one.thread_ts is None and incident.id in str(one.blocks)]
        replies = [one for one in self.slack.messages if (one.channel_id, one.thread_ts) == (head.channel_id, head.ts)]
        return {
            "incident": incident.id,
            "state": incident.state.value,
            "is_open": incident.state is IncidentState.OPEN,
            "severity": incident.severity,
            "events": [
                {
                    "kind": one.kind,
                    "at": numbers.iso(one.at),
                    "by": one.by,
                    "door": one.door,
                    "why": one.why,
                }
                for one in events
            ],
            "slack": {
                "heads": len(heads),
                "head": head.text,
                "edits": head.n_edits,
                "replies": [one.text for one in replies],
            },
        }


def slack_app(airflow_url: str, signing_secret: str) -> SlackApp:
    """Return the app to which the local Slack tells what is pressed: Seamwatch's route in an Airflow."""
    return SlackApp(
        request_url=f"{airflow_url}/seamwatch/slack/actions",
        signing_secret=signing_secret,
        user=PERSON,
        name=PERSON_NAME,
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
