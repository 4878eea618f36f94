"""The demo: days of a support desk, healthy and faulty, looked at by the DAGs in Airflow, told on a local Slack."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, Window
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.slo import gate, let_through
from seamwatch.errors import SeamwatchError
from seamwatch.report.machine import attribution_json, gate_json, slo_json
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch_demo import life
from seamwatch_demo.airflow import airflow_env
from seamwatch_demo.approvals import IN_AIRFLOW, IN_SLACK, Approvals
from seamwatch_demo.dags import AIRFLOW_USER, PARTS, DagRunner
from seamwatch_demo.faults import FAULTS, Fault
from seamwatch_demo.policies.world import PolicyWorld
from seamwatch_demo.reviewing import Reviews
from seamwatch_demo.slack_receiver import SlackReceiver
from seamwatch_demo.watching import nobody_to_tell, open_store, told_places, told_scenario, watch_days
from seamwatch_demo.weekly import review_week
from seamwatch_demo.world import DemoWorld

TRIAGE, ASSISTANT = "support_triage", "policy_assistant"
_FIRST_DAY = date(2026, 11, 2)
_CHAT_WEEK = date(2026, 11, 16)
"""A Monday after all the rest."""
SCENARIOS = (
    "healthy",
    "stale_code_table",
    "unit_change",
    "date_format",
    "field_swap",
    "queue_code_shift",
    "degraded_model",
    "provider_outage",
)
ASSISTANT_SCENARIOS = ("stale_policy",)
_PARTS = {TRIAGE: PARTS, ASSISTANT: ("freshness", *PARTS)}
_APPROVED = {"cost_runaway": IN_SLACK, "stale_code_table": IN_AIRFLOW, "degraded_model": IN_AIRFLOW}
"""Scenarios whose runbooks are shown, and where their actions are approved."""
_OVERRIDE = timedelta(hours=4)
_PORT = 8080
"""Of the Airflow UI that `make up` starts; the links in reports and messages lead there."""


Live = Callable[[date, str], Fault]
"""Lives a day with a fault."""
_WORK = {
    TRIAGE: "400 tickets go through the desk",
    ASSISTANT: "260 questions go to the policy assistant",
}


def warehouse_url(folder: Path) -> str:
    """Return the database in which both of the demo's enterprises keep their tables."""
    return f"sqlite:///{folder / 'world' / 'support_dw.db'}"


def demo_env(
    project_dir: Path,
    folder: Path,
    world: DemoWorld,
    policies: PolicyWorld,
    slack_url: str,
    *,
    signing_secret: str | None = None,
) -> dict[str, str]:
    """Return the environment in which the demo's DAGs run, and later its Airflow.

    Args:
        project_dir: Holds `dags`, `include` and `expectations` of the demo's pipelines.
        folder: The demo's.
        world: The support desk.
        policies: The policy assistant's enterprise.
        slack_url: Of the local Slack.
        signing_secret: Signs what the local Slack tells of presses; default: one that nobody knows.
    """
    env = airflow_env(
        folder / "airflow", project_dir, port=_PORT, data_dir=folder / "seamwatch", users={"admin": "admin"}
    )
    extra = {"base_url": f"{slack_url}/api/", "signing_secret": signing_secret or secrets.token_hex(16)}
    slack = {"conn_type": "slack", "password": "xoxb-demo", "extra": extra}
    own_api = {"conn_type": "http", "host": "127.0.0.1", "port": _PORT, "schema": "http"}
    own_api |= {"login": AIRFLOW_USER, "password": AIRFLOW_USER}
    env["AIRFLOW_CONN_AIRFLOW_API"] = json.dumps(own_api)
    return env | world.connections() | policies.connections() | {"AIRFLOW_CONN_SLACK_API_DEFAULT": json.dumps(slack)}


def run_demo(project_dir: Path, folder: Path) -> Path:
    """Run every scenario and return the path of `summary.json`.

    Args:
        project_dir: Holds `dags`, `include` and `expectations` of the demo's pipeline.
        folder: Made anew; holds data, reports, messages and the summary afterwards.
    """
    console = Console(highlight=False)
    started = time.monotonic()
    folder = folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    console.print("Training the triage model and starting its server ...")
    with (
        DemoWorld(folder / "world") as world,
        PolicyWorld(folder / "world", warehouse_url=warehouse_url(folder)) as policies,
        SlackReceiver(log=folder / "slack.jsonl") as slack,
    ):
        secret = secrets.token_hex(16)
        env = demo_env(project_dir, folder, world, policies, slack.url, signing_secret=secret)
        console.print("Starting Airflow ...")
        with DagRunner(project_dir, env, folder / "airflow.log") as runner:
            shown = life.IncidentLife(
                console=console, runner=runner, world=world, slack=slack, signing_secret=secret, folder=folder
            )
            approvals = Approvals(console=console, runner=runner, slack=slack, signing_secret=secret, folder=folder)
            lives: dict[str, Live] = {TRIAGE: world.live_day, ASSISTANT: policies.live_day}
            planned = [(TRIAGE, name) for name in SCENARIOS] + [(ASSISTANT, name) for name in ASSISTANT_SCENARIOS]
            runbooks: dict[str, Any] = {}

            def after(name: str, day: date) -> None:
                _run_runbook(approvals, world, runbooks, name, day)

            found = watch_days(console, runner, world, folder, until=_FIRST_DAY, after=after)
            for number, (pipeline, name) in enumerate(planned, start=1):
                live = shown.live_day if name == life.SCENARIO else lives[pipeline]
                place = f"{number} of {len(planned)}"
                found.append(_run_scenario(console, runner, live, folder, place, pipeline, name))
                after(name, _FIRST_DAY + timedelta(days=number - 1))
            budgets = _look_at_budgets(console, runner, project_dir, folder)
            incident_life = shown.bring_back(_FIRST_DAY + timedelta(days=len(SCENARIOS)))
            reviews = Reviews(
                console=console, runner=runner, policies=policies, env=env, project_dir=project_dir, folder=folder
            )
            chat = reviews.live_week(_CHAT_WEEK)
        week = ReviewWeek.containing(datetime.combine(_FIRST_DAY, datetime.min.time(), tzinfo=UTC))
        console.print(f"\nReviewing week {week.name} ...")
        weekly = review_week(project_dir, folder, env, week=week)
        slack.save_page(folder / "slack.html")
        n_messages = len(slack.messages)
    seconds = round(time.monotonic() - started, 1)
    summary = {
        "scenarios": found,
        "budgets": budgets,
        "life": incident_life,
        "runbooks": runbooks,
        "chat": chat,
        "weekly": weekly,
        "seconds": seconds,
    }
    path = folder / "summary.json"
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _print_summary(console, found, folder, n_messages, seconds)
    return path


def _run_runbook(approvals: Approvals, world: DemoWorld, found: dict[str, Any], name: str, day: date) -> None:
    """Run the runbook of a scenario's incident where the demo shows it, up to its approval and its proof."""
    door = _APPROVED.get(name)
    if door is None:
        return
    if name == "stale_code_table":
        n_tickets = world.repair_day(day)
        approvals.console.print(f"  the release was taken back, and {n_tickets} tickets of the day were made anew")
    found[name] = approvals.run(_incident_of(approvals.folder, FAULTS[name]), door=door)


def _incident_of(folder: Path, fault: Fault) -> Incident:
    """Return the newest incident of a fault."""
    injected = fault.injected
    assert injected is not None
    with open_store(folder) as store:
        for incident in store.incidents(TRIAGE):
            if (incident.responsibility, incident.stage) == (injected.responsibility, injected.stage):
                return incident
    msg = f"no incident of {injected.responsibility} at {injected.stage} was opened"
    raise SeamwatchError(msg)


def _look_at_budgets(console: Console, runner: DagRunner, project_dir: Path, folder: Path) -> dict[str, Any]:
    """Let Airflow look at the desk's error budgets after its eight days, and return what it found.

    Then somebody asks the gate, gives an override, and asks again while it holds and when it is over.
    """
    end = datetime.combine(_FIRST_DAY + timedelta(days=len(SCENARIOS)), datetime.min.time(), tzinfo=UTC)
    outcome = runner.run(TRIAGE, "slo", Window(start=end - timedelta(days=1), end=end))
    red = f", red: {', '.join(outcome.failed_tasks)}" if outcome.failed_tasks else ""
    console.print(f"\nAirflow ran {outcome.dag_id}: {outcome.state}{red}")
    with open_store(folder) as store:
        last = store.last_look(TRIAGE)
        assert last is not None, f"the objectives of {TRIAGE} were not looked at; see {folder / 'airflow.log'}"
        decisions = _override_gate(console, store, project_dir, folder, end)
    return {**slo_json(last.status), **decisions, "dag": outcome.dag_id, "red": list(outcome.failed_tasks)}


def _override_gate(console: Console, store: Store, project_dir: Path, folder: Path, now: datetime) -> dict[str, Any]:
    """Ask the gate before, under and after an override, by the functions behind `seamwatch gate`."""
    project = load_project(project_dir)
    deps = Deps(
        project=project,
        connections=EnvironmentConnections({}),
        store=store,
        data_dir=folder / "seamwatch",
        ui_url="",
        clock=lambda: now,
        notifier=nobody_to_tell,
    )
    pipeline = project.pipeline(TRIAGE)
    before = gate(deps, pipeline)
    given = let_through(
        deps, pipeline, reason="the fix of the routing codes must go out", by="Ines Novak", until=now + _OVERRIDE
    )
    decisions = {"gate": before, "gate_under_override": gate(deps, pipeline)}
    decisions["gate_after_override"] = gate(deps, pipeline, now=given.until)
    for name, decision in decisions.items():
        verb = "may go on" if decision.allowed else "are frozen"
        console.print(Text(f"  {name.replace('_', ' ')}: releases {verb}: {decision.reason}"))
    kept = [
        {"by": one.by, "reason": one.reason, "at": one.at.isoformat(), "until": one.until.isoformat()}
        for one in store.overrides(TRIAGE)
    ]
    return {name: gate_json(decision) for name, decision in decisions.items()} | {"overrides": kept}


def _run_scenario(
    console: Console, runner: DagRunner, live: Live, folder: Path, number: str, pipeline: str, name: str
) -> dict[str, Any]:
    day = _FIRST_DAY + timedelta(days=int(number.split(maxsplit=1)[0]) - 1)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    window = Window(start=start, end=start + timedelta(days=1))
    what = _WORK[pipeline]
    console.print(f"\n[bold]Day {number}[/bold], {day}: {what} ...")
    fault = live(day, name)
    dags = []
    for part in _PARTS[pipeline]:
        # The DAGs are told the window and nothing else; the scenario's name stays here.
        outcome = runner.run(pipeline, part, window)
        dags.append({"dag": outcome.dag_id, "state": outcome.state, "red": list(outcome.failed_tasks)})
        red = f", red: {', '.join(outcome.failed_tasks)}" if outcome.failed_tasks else ""
        console.print(f"  Airflow ran {outcome.dag_id}: {outcome.state}{red}")
    with open_store(folder) as store:
        attribution = store.attribution(pipeline, window)
        assert attribution is not None, f"window {window.id} was not attributed; see {folder / 'airflow.log'}"
        result = {**_scenario_result(store, folder, fault, attribution), "dags": dags}
    console.print(Text(f"  {result['attribution']['headline']}", style="bold"))
    return result


def _scenario_result(store: Store, folder: Path, fault: Fault, attribution: Attribution) -> dict[str, Any]:
    document = attribution_json(attribution)
    leading = attribution.leading
    mine = [
        incident
        for incident in store.incidents(attribution.pipeline)
        if leading is not None
        and incident.watch is None
        and incident.last_window == attribution.window
        and (incident.responsibility, incident.stage) == (leading.responsibility, leading.stage)
    ]
    return {
        **told_scenario(fault, attribution.pipeline),
        "attribution": document["attribution"],
        "incident": document["incident"],
        "window": document["window"],
        "records": document["records"],
        "causes": document["causes"],
        "isolation": document["isolation"],
        **told_places(store, folder, mine[0] if mine else None),
    }


def is_right(scenario: Mapping[str, Any]) -> bool:
    """Return whether the leading cause is the one that was injected, its stage and fields included.

    Of a watch the first field counts: drift of a text shows in other columns as well.
    """
    injected, found = scenario["injected"], scenario["attribution"]
    if any(injected[name] != found[name] for name in ("responsibility", "stage")):
        return False
    if scenario.get("watch"):
        return not injected["fields"] or (bool(found["fields"]) and found["fields"][0] in injected["fields"])
    return set(injected["fields"]) == set(found["fields"])


def _print_summary(
    console: Console, found: list[dict[str, Any]], folder: Path, n_messages: int, seconds: float
) -> None:
    table = Table("what was really done", "what Seamwatch found", "confidence", "", title="\nInjected and found")
    for scenario in found:
        confidence = scenario["attribution"]["confidence"]
        table.add_row(
            Text(scenario["description"]),
            Text(scenario["attribution"]["headline"]),
            "" if confidence is None else f"{confidence:.0%}",
            Text("right", style="green") if is_right(scenario) else Text("differs", style="red"),
        )
    console.print(table)
    console.print(f"Reports: {folder / 'seamwatch' / 'reports'}")
    console.print(f"Slack, {n_messages} messages: {folder / 'slack.html'}")
    console.print(f"Figures: {folder / 'summary.json'}, after {seconds:.0f} s")
    console.print("To see all this inside Airflow: make up")
