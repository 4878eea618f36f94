"""Days of the desk that are looked at while they happen: for what records took, cost and hold, not only for answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from seamwatch.adapters.base import Notifier
from seamwatch.adapters.notify.slack import split_message_id
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.report import numbers
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Watch
from seamwatch_demo.dags import DagRunner
from seamwatch_demo.faults import Fault
from seamwatch_demo.world import DemoWorld

TRIAGE = "support_triage"
_N_HEALTHY = 5
"""Days of a past to compare with."""
_NIGHT = timedelta(hours=25)
"""After the beginning of a day, when its last records have settled and the day can be judged as a whole."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A scenario that a watch should find."""

    watch: Watch
    looks: tuple[tuple[int, int], ...] = ()
    """Hour and minute of looks, until the scenario is found; one in the night follows. Airflow's own schedule has one
    every five minutes; the demo makes those around the onset."""


WATCHED: Mapping[str, Watched] = {
    # Retries take time too: with the loop first, the past of latencies would hold its long waits.
    "latency_spike": Watched(watch=Watch.LATENCY, looks=((12, 55), (13, 30), (14, 0), (15, 0))),
    "cost_runaway": Watched(watch=Watch.COST, looks=((10, 0), (10, 5), (10, 10), (10, 15), (10, 20), (12, 0))),
    "input_drift": Watched(watch=Watch.DRIFT),
    "injection": Watched(watch=Watch.INJECTION, looks=((10, 55), (12, 0), (13, 0), (14, 0))),
}


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Give the demo's store, and close it afterwards."""
    path = folder / "seamwatch" / "seamwatch.db"
    path.parent.mkdir(exist_ok=True)
    store = Store.open(f"sqlite:///{path}", migrate_first=True)
    try:
        yield store
    finally:
        store.close()


def nobody_to_tell(conn_id: str) -> Notifier:
    """Refuse to tell anybody: what is done here tells nobody."""
    msg = f"nobody is told through {conn_id} here"
    raise AssertionError(msg)


def n_watch_days() -> int:
    """Return how many days `watch_days` lives."""
    return _N_HEALTHY + 2 * len(WATCHED)


def watch_days(
    console: Console,
    runner: DagRunner,
    world: DemoWorld,
    folder: Path,
    *,
    until: date,
    after: Callable[[str, date], None] = lambda _name, _day: None,
) -> list[dict[str, Any]]:
    """Live ordinary days, then each watched scenario with an ordinary day after it; return an entry per scenario.

    Args:
        console: What happens is told there.
        runner: Runs the DAG that looks at objectives and watches.
        world: The desk.
        folder: The demo's.
        until: The day after the last one.
        after: Called with a scenario's name and day once it was found.
    """
    day = until - timedelta(days=n_watch_days())
    console.print(f"\n[bold]{_N_HEALTHY} ordinary days[/bold] from {day} on, so that there is a past ...")
    for _ in range(_N_HEALTHY):
        world.live_day(day)
        day += timedelta(days=1)
    _look(runner, _midnight(day))
    found = []
    for name, watched in WATCHED.items():
        console.print(f"\n[bold]{day}[/bold]: 400 tickets go through the desk, and Airflow looks in between ...")
        found.append(_run_watched(console, runner, world, folder, day, name, watched))
        after(name, day)
        world.live_until(_midnight(day) + 2 * _NIGHT)
        day += timedelta(days=2)
    return found


def _run_watched(
    console: Console, runner: DagRunner, world: DemoWorld, folder: Path, day: date, name: str, watched: Watched
) -> dict[str, Any]:
    fault = world.begin_day(day, name)
    midnight = _midnight(day)
    moments = [midnight + timedelta(hours=hour, minutes=minute) for hour, minute in watched.looks]
    known = {incident.id for incident in _incidents(folder)}
    first_seen: dict[str, datetime] = {}
    leading: Incident | None = None
    dags = []
    for moment in (*moments, midnight + _NIGHT):
        if leading is not None and moment in moments:
            continue
        if moment not in moments:
            world.live_until(midnight + timedelta(days=1))
            world.begin_day(day + timedelta(days=1))
        world.live_until(moment)
        dags.append(_look(runner, moment))
        for incident in _incidents(folder):
            if incident.id not in known | first_seen.keys():
                first_seen[incident.id] = moment
                console.print(Text(f"  {moment:%H:%M} {incident.headline}", style="bold"))
                if incident.watch is watched.watch and leading is None:
                    leading = incident
    incidents = {incident.id: incident for incident in _incidents(folder) if incident.id in first_seen}
    leading = incidents.pop(leading.id) if leading is not None else None  # as it is in the night
    if leading is None:
        console.print(Text(f"  the watch of {watched.watch.value} found nothing", style="red"))
    onset = midnight + timedelta(hours=fault.onset_hour)
    with open_store(folder) as store:
        return {
            **told_scenario(fault, TRIAGE),
            "watch": watched.watch.value,
            "attribution": _told_incident(leading),
            "found": _told_moment(world, onset, first_seen[leading.id]) if leading is not None else None,
            "others": [{"watch": one.watch, **_told_incident(one)} for one in incidents.values()],
            **told_places(store, folder, leading),
            "dags": dags,
        }


def _look(runner: DagRunner, moment: datetime) -> dict[str, Any]:
    outcome = runner.run(TRIAGE, "slo", Window(start=moment - timedelta(days=1), end=moment))
    return {
        "dag": outcome.dag_id,
        "at": numbers.iso(moment),
        "state": outcome.state,
        "red": list(outcome.failed_tasks),
    }


def _incidents(folder: Path) -> tuple[Incident, ...]:
    """Return the desk's incidents, oldest first."""
    with open_store(folder) as store:
        return tuple(sorted(store.incidents(TRIAGE, limit=None), key=lambda incident: incident.opened_at))


def _told_moment(world: DemoWorld, onset: datetime, moment: datetime) -> dict[str, Any]:
    """Return when a scenario was found, and how many calls had been made by then since its onset."""
    n_calls, n_again = world.warehouse.count_calls(onset, moment)
    return {
        "at": numbers.iso(moment),
        "minutes": (moment - onset).total_seconds() / 60,
        "calls": n_calls,
        "repeated_calls": n_again,
    }


def told_scenario(fault: Fault, pipeline: str) -> dict[str, Any]:
    """Return what was really done, as `summary.json` holds it."""
    injected = fault.injected
    return {
        "scenario": fault.name,
        "pipeline": pipeline,
        "description": fault.description,
        "injected": {
            "responsibility": injected.responsibility.value if injected else None,
            "stage": injected.stage if injected else None,
            "fields": list(injected.fields) if injected else [],
        },
    }


def told_places(store: Store, folder: Path, incident: Incident | None) -> dict[str, Any]:
    """Return where people read of an incident: the report's path and the message in Slack."""
    report = folder / "seamwatch" / "reports" / incident.id / "report.html" if incident else None
    message = store.head_message(incident.id) if incident else None
    channel, ts = split_message_id(message) if message else (None, None)
    return {"report": str(report) if report else None, "slack": {"channel": channel, "ts": ts} if ts else None}


def _told_incident(incident: Incident | None) -> dict[str, Any]:
    """Return what was found in the form of an attribution; a watch has no share of failing records."""
    if incident is None:
        unknown: dict[str, Any] = dict.fromkeys(
            ("responsibility", "stage", "share", "share_low", "share_high", "confidence", "onset")
        )
        return {**unknown, "fields": [], "headline": "nothing was found"}
    return {
        "responsibility": incident.responsibility.value,
        "stage": incident.stage,
        "fields": list(incident.fields),
        "share": None,
        "share_low": None,
        "share_high": None,
        "confidence": incident.confidence,
        "headline": incident.headline,
        "onset": None,
    }


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
