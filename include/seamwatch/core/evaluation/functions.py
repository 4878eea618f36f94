"""What a team's own function says of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.results import as_frame, failed, passed, unknown
from seamwatch.core.records.outcomes import judge_by_evaluator
from seamwatch.core.records.values import strict_text
from seamwatch.vocabulary import OutcomeState

_LONGEST_REASON = 200


def evaluate_by_function(payloads: pd.DataFrame, function: Callable[[pd.DataFrame], Any], *, name: str) -> pd.DataFrame:
    """Return what a function says of the payloads, index key: right passes, wrong fails, pending is unknown.

    Raises:
        DataContractError: If it raises, or returns anything that is no outcome.
    """
    outcomes = judge_by_evaluator(payloads, function, name=name)
    say = {OutcomeState.RIGHT: passed, OutcomeState.WRONG: failed, OutcomeState.PENDING: unknown}
    return as_frame(
        [
            say[state]((strict_text(reason) or "")[:_LONGEST_REASON])
            for state, reason in zip(outcomes["state"], outcomes["reason"], strict=True)
        ],
        payloads.index,
    )
