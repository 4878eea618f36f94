"""Whether the final payload of each record is right, wrong, or cannot be told yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import equal_cells, is_null, values_equal
from seamwatch.core.records.frames import positions, require_columns, take
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Comparator
from seamwatch.vocabulary import OutcomeState

Judge = Callable[[pd.DataFrame], pd.DataFrame]
"""Final payloads (index key) to outcomes (the same index; columns state, reason)."""


def judge_by_truth(final: pd.DataFrame, truth: pd.DataFrame, compare: Mapping[str, Comparator]) -> pd.DataFrame:
    """Return the outcome of each record by its truth label.

    Args:
        final: Final payloads, index key.
        truth: Labels, index key, unique, with the compared columns.
        compare: Final field to truth column and comparator.

    Returns:
        Index of `final`; `state` (right, wrong, or pending where no label, or a null one, has arrived) and `reason`
        (the fields that are wrong).

    Raises:
        DataContractError: If a compared column is missing on either side.
    """
    require_columns(final, tuple(compare), where="the judged stage")
    require_columns(truth, tuple({c.column for c in compare.values()}), where="the truth")
    where = positions(truth.index, final.index)
    labelled = np.flatnonzero(where >= 0)
    has_truth = where >= 0
    # Only the labelled records are brought into one order; most windows have more records than labels.
    given = take(final[list(compare)], labelled)
    wanted = take(truth[list({c.column: None for c in compare.values()})], where[labelled])
    wrong_fields: dict[int, list[str]] = {}
    for name, comparator in compare.items():
        values, labels = given[name], wanted[comparator.column]
        is_known = labels.notna().to_numpy()
        has_truth[labelled[~is_known]] = False
        # Equal cells are equal by every rule; only the others are looked at one by one.
        suspects = np.flatnonzero(~equal_cells(values, labels) & is_known)
        cells = zip(
            labelled[suspects],
            values.iloc[suspects].to_numpy(dtype=object),
            labels.iloc[suspects].to_numpy(dtype=object),
            strict=True,
        )
        known: dict[Any, bool] = {}  # a field that is judged mostly has few values
        for position, value, label in cells:
            is_text = type(value) is str and type(label) is str
            is_equal = known.get((value, label)) if is_text else None
            if is_equal is None:
                is_equal = values_equal(value, label, how=comparator.how, tolerance=comparator.tolerance)
                if is_text:
                    known[value, label] = is_equal
            if not is_equal:
                wrong_fields.setdefault(int(position), []).append(name)
    state = np.full(len(final), OutcomeState.PENDING, dtype=object)
    state[has_truth] = OutcomeState.RIGHT
    reason = np.full(len(final), "", dtype=object)
    for at, names in wrong_fields.items():
        state[at], reason[at] = OutcomeState.WRONG if has_truth[at] else OutcomeState.PENDING, ";".join(names)
    return pd.DataFrame({"state": state, "reason": reason}, index=final.index)


def judge_by_evaluator(final: pd.DataFrame, evaluator: Callable[[pd.DataFrame], Any], *, name: str) -> pd.DataFrame:
    """Return the outcome of each record as a person's function says.

    The function takes the final payloads and returns, for the same index, a frame with `state` (`right`, `wrong`,
    `pending`) and optionally `reason`, or a Series of states or booleans (missing means pending).

    Raises:
        DataContractError: If it raises, or returns anything else.
    """
    try:
        result = evaluator(final.copy())
    except Exception as error:
        msg = f"evaluator {name} raised {type(error).__name__}: {error}"
        raise DataContractError(msg) from error
    if isinstance(result, pd.Series):
        result = pd.DataFrame({"state": result})
    if not isinstance(result, pd.DataFrame) or "state" not in result or not result.index.equals(final.index):
        msg = f"evaluator {name} must return a frame with the index it was given and a column 'state'"
        raise DataContractError(msg)
    reasons = result["reason"] if "reason" in result else pd.Series("", index=result.index)
    return pd.DataFrame(
        {"state": [_as_state(value, name) for value in result["state"]], "reason": reasons.fillna("").astype(object)},
        index=final.index,
        dtype=object,
    )


def judge_by_failures(final: pd.DataFrame, failing: Collection[Any]) -> pd.DataFrame:
    """Return outcomes where a record is wrong when an expectation suite failed it, and right otherwise."""
    wrong = final.index.isin(list(failing))
    return pd.DataFrame(
        {
            "state": pd.Series(OutcomeState.RIGHT, index=final.index, dtype=object).where(~wrong, OutcomeState.WRONG),
            "reason": pd.Series("", index=final.index, dtype=object).where(~wrong, "expectation suite"),
        }
    )


def call_lost_wrong(outcomes: pd.DataFrame, lost: Iterable[pd.Index[Any]]) -> pd.DataFrame:
    """Return the outcomes with pending records that were lost on the way called wrong.

    Args:
        outcomes: Index key; state, reason.
        lost: By stage, records that reached its input and not it.

    Nobody labels an answer that was never given: without this a lost record would stay pending for ever.
    """
    keys = [key for stage in lost for key in stage]
    where = np.unique(positions(outcomes.index, pd.Index(keys, dtype=outcomes.index.dtype))) if keys else np.array([])
    state, reason = outcomes["state"].to_numpy(copy=True), outcomes["reason"].to_numpy(copy=True)
    for at in where[where >= 0]:
        if state[at] == OutcomeState.PENDING:
            state[at], reason[at] = OutcomeState.WRONG, "lost"
    return outcomes.assign(state=state, reason=reason)


def _as_state(value: Any, name: str) -> OutcomeState:
    if is_null(value):
        return OutcomeState.PENDING
    if isinstance(value, bool | np.bool_):
        return OutcomeState.RIGHT if value else OutcomeState.WRONG
    try:
        return OutcomeState(str(value))
    except ValueError as error:
        msg = f"evaluator {name} returned state {value!r}; known: {', '.join(OutcomeState)}"
        raise DataContractError(msg) from error
