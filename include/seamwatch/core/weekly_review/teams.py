"""What of a week is whose: the incidents that each team has to act on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.weekly_review.facts import IncidentLine, TeamWeek
from seamwatch.core.weekly_review.incident_history import histories
from seamwatch.core.weekly_review.incidents import line_of, order_of_lines
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.spec.owners import owner_role


def teams_of(
    pipeline_name: str,
    owners: Mapping[str, str],
    incidents: Sequence[Incident],
    events: Sequence[IncidentEvent],
    week: ReviewWeek,
) -> tuple[TeamWeek, ...]:
    """Return the teams of a pipeline that have incidents of a week to act on, those with most open ones first.

    Args:
        pipeline_name: The pipeline; incidents of others are left out.
        owners: Of its file: role to mention. Without the role of an incident's responsibility, it is the reliability
            owner's; without that one, of the role all the same, and nobody is mentioned.
        incidents: As they are now, in any order.
        events: All of theirs up to the end of the week, in the order in which they were kept.
        week: The week.

    A team has the incidents that were opened in the week, or are open at its end, by whose they were said to be then.
    Void and merged ones are left out.
    """
    window = week.window
    lines: dict[str, list[IncidentLine]] = defaultdict(list)
    for history in histories([one for one in incidents if one.pipeline == pipeline_name], events):
        past = history.at(window.end)
        if past is None or not past.counts:
            continue
        if past.state.is_open or history.count(ChangeKind.OPENED, window):
            lines[owner_role(owners, past.verdict.responsibility)].append(line_of(past))
    teams = [
        TeamWeek(
            role=role,
            mention=owners.get(role),
            pipeline=pipeline_name,
            open=tuple(one for one in sorted(mine, key=order_of_lines) if one.state.is_open),
            closed=tuple(one for one in sorted(mine, key=order_of_lines) if not one.state.is_open),
        )
        for role, mine in lines.items()
    ]
    return tuple(sorted(teams, key=lambda one: (-len(one.open), -len(one.closed), one.role)))
