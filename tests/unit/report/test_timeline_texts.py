"""What the timeline of an incident says of its runbook, in words for people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seamwatch.core.incident_timeline import TimelineEntry
from seamwatch.report.timeline import timeline_facts
from seamwatch.vocabulary import Door

AT = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "why", "what", "rest"),
    [
        ("runbook_step", "affected_records: 89 of 396", "Runbook step: affected records", "89 of 396"),
        ("runbook_step", "tell_owner: it was sent", "Runbook step: notify the owner", "it was sent"),
        ("action_answered", "roll_back: approved", "Action answered: roll back", "approved"),
        # What a person wrote is theirs, whatever it looks like.
        ("resolved", "note: rolled back", "Resolved", "note: rolled back"),
        (
            "mitigated",
            "hotfix: deployed",
            "A fix was applied; the next window confirms it or not",
            "hotfix: deployed",
        ),
        ("runbook_step", "Whether it drifted: unknown", "Runbook step", "Whether it drifted: unknown"),
        ("runbook_step", "", "Runbook step", ""),
    ],
)
def test_a_step_is_named_in_the_title_and_not_in_the_reason(kind: str, why: str, what: str, rest: str) -> None:
    (found,) = timeline_facts([TimelineEntry(kind=kind, at=AT, last_at=AT, door=Door.TASK, why=why)])
    assert (found.what, found.why) == (what, rest)
