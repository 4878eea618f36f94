"""What a person who asked for something is told, at whichever door."""

from __future__ import annotations

from datetime import datetime

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.report import numbers, sentences
from seamwatch.report.text import shortened, visible
from seamwatch.report.texts import REFUSALS
from seamwatch.vocabulary import Door, Refusal, Responsibility

_DOORS = {
    Door.SLACK: "in Slack",
    Door.AIRFLOW: "in Airflow",
    Door.COMMAND_LINE: "on the command line",
    Door.TASK: "by a task in Airflow",
}
_NAME_CHARS = 80


def refusal_text(refusal: Refusal, incident: Incident) -> str:
    """Return why nothing changed, and what would be right."""
    return REFUSALS[refusal].format(
        id=incident.id,
        state=sentences.state(incident),
        into=incident.merged_into or "another incident",
        pipeline=incident.pipeline,
        responsibilities=", ".join(Responsibility),
    )


def result_text(incident: Incident, *, still_fails: bool, n_debits: int | None) -> str:
    """Return what was done, and what the person should know of it."""
    lines = [f"{incident.id}: {sentences.state(incident)}."]
    if still_fails:
        records = numbers.plural(incident.n_records, "record")
        lines.append(
            f"Its last window ({numbers.span(incident.last_window)}) still showed {records} of this cause: "
            "it opens again if a window that begins after now does."
        )
    if n_debits is not None:
        debits = numbers.plural(n_debits, "debit")
        does = "no longer count" if not incident.is_open else "count again"
        lines.append(f"{debits} {does} against error budgets; seen at the next look at the objectives.")
    return " ".join(lines)


def last_action(kind: ChangeKind, *, by: str, door: Door | None, at: datetime) -> str:
    """Return what a person did last with an incident, who it was, and by which way they came."""
    done = kind.value.replace("_", " ").capitalize()
    return f"{done} by {person(by, door)}, {numbers.moment(at)}"


def person(by: str, door: Door | None) -> str:
    """Return who did something, and by which way they came."""
    way = f" {_DOORS[door]}" if door in _DOORS else ""
    return f"{shortened(visible(by), _NAME_CHARS)}{way}"
