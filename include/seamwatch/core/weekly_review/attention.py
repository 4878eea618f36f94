"""Which pipelines a meeting has to look at: all others can stay folded."""

from __future__ import annotations

from seamwatch.core.weekly_review.facts import PipelineWeek
from seamwatch.vocabulary import GateState

LITTLE_LEFT = 0.25
"""Of an error budget: less is worth a look."""


def needs_look(one: PipelineWeek) -> bool:
    """Return whether something of a pipeline's week is for people to look at.

    That is an incident that opened, came back or is open; a budget of which little is left or that holds releases; a
    runbook that needs somebody; a file that cannot be read or is gone; or records that stopped coming.
    """
    incidents, runbooks, gate = one.incidents, one.runbooks, one.gate
    happened = (
        incidents.n_opened or incidents.n_reopened or incidents.n_open_at_end or one.drift,
        one.worst_left is not None and one.worst_left < LITTLE_LEFT,
        any(each.gate in (GateState.WARN, GateState.FROZEN) for each in one.objectives),
        runbooks is not None and (runbooks.failed or runbooks.waited or runbooks.overridden),
        gate is not None and (gate.n_held or gate.overrides),
        not one.is_defined or one.problem,
        one.n_records == 0 and any(one.records_before),
    )
    return any(happened)
