"""What an evaluator made of the answers of a window, in numbers and examples."""

from __future__ import annotations

import pandas as pd

from seamwatch.core.results import Window
from seamwatch.core.review.spans import EvaluationSummary
from seamwatch.vocabulary import EvaluationState

_MOST_EXAMPLES = 10
_MOST_REASONS = 5


def summarise_evaluation(name: str, kind: str, frame: pd.DataFrame, window: Window) -> EvaluationSummary:
    """Return the numbers of passes, fails and unknowns, the first that fail, and the usual reasons for unknown.

    Args:
        name: Of the evaluator.
        kind: Of the evaluator.
        frame: What it says of each record: index key; `state`, `score`, `reason`.
        window: The records' span of time.
    """
    counts = {state: int((frame["state"] == state).sum()) for state in EvaluationState}
    failing = frame[(frame["state"] == EvaluationState.FAIL).to_numpy()].head(_MOST_EXAMPLES)
    reasons = frame.loc[(frame["state"] == EvaluationState.UNKNOWN).to_numpy(), "reason"].value_counts(sort=True)
    return EvaluationSummary(
        evaluator=name,
        kind=kind,
        start=window.start,
        end=window.end,
        n_passed=counts[EvaluationState.PASS],
        n_failed=counts[EvaluationState.FAIL],
        n_unknown=counts[EvaluationState.UNKNOWN],
        examples=tuple((str(key), reason) for key, reason in zip(failing.index, failing["reason"], strict=True)),
        unknown_reasons=tuple((str(reason), int(n)) for reason, n in reasons.head(_MOST_REASONS).items()),
    )
