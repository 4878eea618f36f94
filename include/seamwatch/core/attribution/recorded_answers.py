"""What the model has already said to the requests that failing records should have made: it was asked for others.

Where records carry each other's payload, or few inputs differ, the clean request of a record is the very one that was
sent for another. The answer recorded there is no replay and no verdict rests on it; it tells, without a call, records
that the model would probably have missed anyway from those that it would have had right, so that each sort is replayed
by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.interventions import EVERYTHING, run_trial
from seamwatch.core.records.comparison import canonical_json, is_null, parse_json
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import OutcomeState

_UNKNOWN = ModelAnswer(status="budget")
"""To a request that was made for no record of the window: it would take a call."""
_MOST_CALLS = 200_000
"""Recorded calls of a window that are compared; with more it would take longer than the replays that it saves."""
Answers = Mapping[tuple[str, str], ModelAnswer]
"""By model stage and request, as canonical JSON."""


def right_by_recorded_answers(evidence: Evidence, keys: pd.Index[Any]) -> dict[Any, bool]:
    """Return whether a clean request was answered rightly, for records whose request was answered for another one.

    Args:
        evidence: Of the window.
        keys: Failing records; those without a discrepancy before a model have no other request, and are left out.

    Returns:
        By key; a record is missing where any of its clean requests was not made in the window, or cannot be made.
    """
    world = evidence.world
    suspects = keys[[bool(evidence.stages_of(key) & evidence.before_model) for key in keys]]
    if not len(suspects) or not evidence.models:
        return {}
    known = _answers(evidence)

    def recall(stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        return [known.get((stage.name, _form(call.body)), _UNKNOWN) for call in calls]

    trial = run_trial(world, suspects, dict.fromkeys(world.references, EVERYTHING), recall)
    states = zip(trial.outcomes.index, trial.outcomes["state"], strict=True)
    return {key: state == OutcomeState.RIGHT for key, state in states if state != OutcomeState.PENDING}


def _answers(evidence: Evidence) -> Answers:
    """Return the recorded answers of all records whose call is not known to have failed; the first to each request."""
    failed = {*evidence.provider, *evidence.provider_unproven, *evidence.status_unread}
    found: dict[tuple[str, str], ModelAnswer] = {}
    for name in evidence.models:
        stage, rows = evidence.world.pipeline.stage(name), evidence.world.recorded[name]
        if len(rows) > _MOST_CALLS or not {stage.request, stage.response, ANSWER} <= set(rows.columns):
            continue
        columns = (rows.index, rows[stage.request], rows[stage.response], rows[ANSWER])
        for key, request, response, text in zip(*columns, strict=True):
            if key in failed or is_null(request) or not isinstance(text, str) or not text:
                continue
            body = response if isinstance(response, str) else canonical_json(response)
            found.setdefault((name, _form(request)), ModelAnswer(status="ok", text=text, body=body))
    return found


def _form(request: Any) -> str:
    """Return a request as text that is the same for the same request, however its JSON is written."""
    return canonical_json(parse_json(request))
