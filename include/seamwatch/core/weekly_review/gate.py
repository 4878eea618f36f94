"""What the gate of a pipeline said of releases in a week, and who let them through all the same."""

from __future__ import annotations

from collections.abc import Sequence

from seamwatch.core.slo.policy import GateAnswer, Override
from seamwatch.core.weekly_review.facts import GateWeek, HeldRelease, OverrideTold
from seamwatch.core.weekly_review.incident_history import aware
from seamwatch.core.weekly_review.week import ReviewWeek


def gate_week(
    pipeline: str, answers: Sequence[GateAnswer], overrides: Sequence[Override], week: ReviewWeek
) -> GateWeek:
    """Return what the gate said of releases in a week, oldest first.

    Args:
        pipeline: Its name.
        answers: What it said whenever it was asked; those of other weeks are left out.
        overrides: All that were ever given.
        week: The week.

    A release that asks again and is held again was held twice. An override belongs to each week in which it was in
    force, as long as it was given for.
    """
    window = week.window
    asked = sorted(
        (one for one in answers if window.start <= aware(one.at) < window.end), key=lambda one: aware(one.at)
    )
    given = sorted(
        (one for one in overrides if one.at < window.end and one.until > window.start), key=lambda one: one.at
    )
    held = tuple(
        HeldRelease(pipeline=pipeline, at=aware(one.at), reason=one.reason, release=one.release)
        for one in asked
        if not one.is_allowed
    )
    return GateWeek(
        n_asked=len(asked),
        n_held=len(held),
        held=held,
        overrides=tuple(
            OverrideTold(
                pipeline=pipeline,
                objective=one.objective,
                by=one.by,
                at=one.at,
                until=one.until,
                reason=one.reason,
            )
            for one in given
        ),
    )
