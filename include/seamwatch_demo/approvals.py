"""Runbooks of the demo, each up to the action that somebody approves: in Airflow, or by a button in Slack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.text import Text

from seamwatch.adapters.notify.slack import split_message_id
from seamwatch.core.action_life import ActionRun
from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import runbook_of
from seamwatch.errors import SeamwatchError
from seamwatch.report.block_kit import action_id
from seamwatch.report.runbook import action_sentence, runbook_title
from seamwatch.vocabulary import ActionState, ApprovalAnswer
from seamwatch_demo.airflow import wait_until
from seamwatch_demo.dags import AIRFLOW_USER, DagRunner
from seamwatch_demo.life import slack_app
from seamwatch_demo.slack_messages import SlackMessage
from seamwatch_demo.slack_receiver import SlackReceiver
from seamwatch_demo.watching import open_store

_WAITS_WITHIN_S = 120.0
_SHOWN_WITHIN_S = 30.0
IN_AIRFLOW, IN_SLACK = "airflow", "slack"


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """The Airflow that runs the runbooks, and the Slack in which their buttons stand."""

    console: Console
    runner: DagRunner
    slack: SlackReceiver
    signing_secret: str
    folder: Path

    def run(self, incident: Incident, *, door: str) -> dict[str, Any]:
        """Run the runbook of an incident and approve its action when it waits; return what `summary.json` holds of it.

        Args:
            incident: Whose runbook proposes an action.
            door: Where the approval is given, `airflow` or `slack`.

        Raises:
            SeamwatchError: If no action waits in time, or its approval is not taken.
        """
        kind = runbook_of(incident)
        self.console.print(Text(f"  its runbook, {runbook_title(kind).lower()}, runs in Airflow ..."))
        outcomes: list[Any] = []

        def run_dag() -> None:
            outcomes.append(self.runner.run_with(incident.pipeline, "runbook", {"incident": incident.id}))

        running = threading.Thread(target=run_dag, daemon=True)
        running.start()
        waiting = self._wait_for_action(incident)
        self.console.print(Text(f"  waits for approval: {_does(waiting)}"))
        self._answer(waiting, door)
        running.join(_WAITS_WITHIN_S)
        if not outcomes:
            msg = f"the runbook of {incident.id} did not end; see {self.folder / 'airflow.log'}"
            raise SeamwatchError(msg)
        with open_store(self.folder) as store:
            ended = store.action(waiting.id)
            steps = store.runbook_steps(incident.id)
        assert ended is not None
        self.console.print(Text(f"  {action_sentence(ended)}", style="bold"))
        return {
            "incident": incident.id,
            "runbook": kind.value,
            "steps": [{"name": one.name, "state": one.finding.state, "text": one.finding.text} for one in steps],
            "action": ended.id,
            "does": _does(ended),
            "state": ended.state.value,
            "answered_by": ended.answered_by,
            "door": ended.door,
            "why": ended.why,
            "dag": outcomes[0].dag_id,
            "dag_state": outcomes[0].state,
        }

    def _wait_for_action(self, incident: Incident) -> ActionRun:
        found: list[ActionRun] = []

        def is_waiting() -> bool:
            with open_store(self.folder) as store:
                found[:] = [one for one in store.actions_of(incident.id) if one.state is ActionState.WAITING]
            return bool(found) and self._is_parked(found[0])

        wait_until(
            is_waiting,
            within_s=_WAITS_WITHIN_S,
            what=f"no action of {incident.id} waits for approval; see {self.folder / 'airflow.log'}",
            every_s=0.2,
        )
        return found[0]

    def _is_parked(self, action: ActionRun) -> bool:
        """Return whether Airflow's task waits for the answer."""
        reply = httpx.get(self._url_of(action), headers=self._headers())
        return reply.status_code == httpx.codes.OK and not reply.json().get("response_received")

    def _answer(self, action: ActionRun, door: str) -> None:
        ways: Mapping[str, Callable[[ActionRun], None]] = {IN_AIRFLOW: self._in_airflow, IN_SLACK: self._in_slack}
        ways[door](action)

    def _in_airflow(self, action: ActionRun) -> None:
        """Answer as Airflow's page of required actions does."""
        body = {"chosen_options": ["Approve"], "params_input": {"slack_user": None}}
        httpx.patch(self._url_of(action), json=body, headers=self._headers()).raise_for_status()
        self.console.print(f"  {AIRFLOW_USER} approved it in Airflow")

    def _in_slack(self, action: ActionRun) -> None:
        """Press the button of the incident's message."""
        app = slack_app(self.runner.api_url, self.signing_secret)
        wait_until(
            lambda: action_id(ApprovalAnswer.APPROVE) in str(self._head(action).blocks),
            within_s=_SHOWN_WITHIN_S,
            what=f"the message of {action.incident_id} shows no button for {action.name}",
            every_s=0.1,
        )
        app.press(self.slack.workspace, self._head(action), action_id(ApprovalAnswer.APPROVE), "")
        self.console.print(f"  {app.name} pressed Approve in Slack")

    def _head(self, action: ActionRun) -> SlackMessage:
        with open_store(self.folder) as store:
            message = store.head_message(action.incident_id)
        place = split_message_id(message or "")
        return next(one for one in self.slack.messages if (one.channel_id, one.ts) == place)

    def _url_of(self, action: ActionRun) -> str:
        dag, _, rest = (action.task or "").partition("/")
        run, _, task = rest.rpartition("/")
        place = "/".join(quote(one, safe="") for one in (dag, "dagRuns", run, "taskInstances", task))
        return f"{self.runner.api_url}/api/v2/dags/{place}/-1/hitlDetails"

    def _headers(self) -> dict[str, str]:
        user = {"username": AIRFLOW_USER, "password": AIRFLOW_USER}
        reply = httpx.post(f"{self.runner.api_url}/auth/token", json=user).raise_for_status()
        return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def _does(action: ActionRun) -> str:
    return "" if action.plan is None else action.plan.does
