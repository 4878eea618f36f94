"""`make up`: the demo's Airflow with its UI, the model server and the Slack receiver, until Ctrl-C."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from pathlib import Path

from rich.console import Console

from seamwatch.errors import SeamwatchError
from seamwatch_demo.airflow import Standalone
from seamwatch_demo.life import slack_app
from seamwatch_demo.policies.world import PolicyWorld
from seamwatch_demo.run import demo_env, warehouse_url
from seamwatch_demo.slack_receiver import SlackReceiver
from seamwatch_demo.world import DemoWorld


def main() -> None:
    """Start everything on loopback, say where it is, and stop it cleanly; a failure is one line and exit code 1."""
    console = Console(highlight=False)
    try:
        _serve(console)
    except SeamwatchError as error:
        sys.exit(f"make up failed: {error}")


def _serve(console: Console) -> None:
    project, folder = Path.cwd(), Path("build/demo").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console.print("Starting the model server, the Slack receiver and Airflow (about a minute) ...")
    with (
        DemoWorld(folder / "world") as world,
        PolicyWorld(folder / "world", warehouse_url=warehouse_url(folder)) as policies,
        SlackReceiver(log=folder / "slack-up.jsonl") as slack,
    ):
        secret = secrets.token_hex(16)
        env = demo_env(project, folder, world, policies, slack.url, signing_secret=secret)
        for log in ("slack.jsonl", "slack-up.jsonl"):
            slack.workspace.restore(folder / log)
        slack.workspace.app = slack_app(env["AIRFLOW__API__BASE_URL"], secret)
        with Standalone(env, folder / "airflow-up.log") as airflow:
            console.print(f"Airflow: {airflow.url}  (user admin, password admin; Incidents is in the navigation)")
            console.print(f"Slack:   {slack.url}  (its buttons can be pressed)")
            console.print("Ctrl-C stops all of it.")
            stop.wait()
            console.print("Stopping ...")


if __name__ == "__main__":
    main()
