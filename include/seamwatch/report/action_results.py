"""What a person who asked for something is told, at whichever door."""

from __future__ import annotations

from seamwatch.core.incident_life import Incident
from seamwatch.report import numbers, sentences
from seamwatch.report.texts import REFUSALS
from seamwatch.vocabulary import Refusal, Responsibility


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
