"""Whether the final payload of each record is right, wrong, or cannot be told yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import PairComparison, equal_cells, is_null, strict_text, values_equal
from seamwatch.core.records.frames import Positions, positions, require_columns, take
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import Forms, cut, mixes_zones
from seamwatch.core.results import FieldAccuracy
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Comparator
from seamwatch.vocabulary import OutcomeState

UNREADABLE = "unreadable"
"""Begins the reason of a record that is pending as a value or its label cannot be read."""
_FEWEST = 5
"""Records from which it can be said that all of them fail by form alone."""
_BY_FORM = 0.8
"""Share of them that must; the others are wrong by any comparison."""
_LOOSER = ("auto", "date", "number", "set")
"""Comparisons that a person may have meant, the most usual first."""

Judge = Callable[[pd.DataFrame], pd.DataFrame]
"""Final payloads (index key) to outcomes (the same index; columns state, reason)."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The outcomes of some records, and how each final field stands."""

    outcomes: pd.DataFrame
    """Index of the final payloads; `state`, `reason`."""
    fields: tuple[FieldAccuracy, ...]

    @property
    def form_only(self) -> dict[str, str]:
        """Return the fields in which every record fails by its form alone, and the comparison that would not."""
        return {one.field: one.form for one in self.fields if one.form is not None}


def judge_by_truth(
    final: pd.DataFrame,
    truth: pd.DataFrame,
    compare: Mapping[str, Comparator],
    form_only: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return the outcome of each record by its truth label; see `judge_fields`.

    Args:
        final: Final payloads, index key.
        truth: Labels, index key, unique, with the compared columns.
        compare: Final field to truth column and comparator.
        form_only: Fields in which every record of the window fails by form alone, and the comparison by which it does
            not: what is equal by that is pending.
    """
    return judge_fields(final, truth, compare, form_only).outcomes


def judge_fields(
    final: pd.DataFrame,
    truth: pd.DataFrame,
    compare: Mapping[str, Comparator],
    form_only: Mapping[str, str] | None = None,
) -> Judgement:
    """Return the outcome of each record by its truth label, and how each field stands.

    Args:
        final: Final payloads, index key.
        truth: Labels, index key, unique, with the compared columns.
        compare: Final field to truth column and comparator.
        form_only: As of `judge_by_truth`; None looks for such fields.

    Returns:
        Outcomes: `state` (right, wrong, or pending where no label, or a null one, has arrived, or where a value or
        label cannot be read and no other field is wrong) and `reason` (the fields that are wrong, or unreadable).

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
    unread_fields: dict[int, list[str]] = {}
    fields: list[FieldAccuracy] = []
    for name, comparator in compare.items():
        is_known = wanted[comparator.column].notna().to_numpy()
        cells = _Cells(given[name], wanted[comparator.column], comparator, is_known)
        has_truth[labelled[~cells.is_known]] = False
        looser = None if form_only is None else form_only.get(name)
        fields.append(cells.accuracy(name) if form_only is None else cells.count(name))
        excused = cells.excused(looser or fields[-1].form)
        for at in cells.wrong[~excused]:
            wrong_fields.setdefault(int(labelled[at]), []).append(name)
        for at in (*cells.unread, *cells.wrong[excused]):
            unread_fields.setdefault(int(labelled[at]), []).append(name)
    return Judgement(outcomes=_states(final.index, has_truth, wrong_fields, unread_fields), fields=tuple(fields))


def _states(
    index: pd.Index[Any],
    has_truth: np.ndarray[Any, np.dtype[np.bool_]],
    wrong_fields: Mapping[int, list[str]],
    unread_fields: Mapping[int, list[str]],
) -> pd.DataFrame:
    # Each text is one object for all records: np.full would make as many as there are records.
    state = np.array([OutcomeState.PENDING, OutcomeState.RIGHT], dtype=object)[has_truth.astype(np.intp)]
    reason = np.array([""], dtype=object).repeat(len(index))
    for at, names in unread_fields.items():
        state[at], reason[at] = OutcomeState.PENDING, f"{UNREADABLE}: {';'.join(names)}"
    for at, names in wrong_fields.items():
        state[at], reason[at] = OutcomeState.WRONG if has_truth[at] else OutcomeState.PENDING, ";".join(names)
    return pd.DataFrame({"state": state, "reason": reason}, index=index)


class _Cells:
    """One final field beside its labels, in the order of the labelled records."""

    def __init__(
        self,
        values: pd.Series[Any],
        labels: pd.Series[Any],
        comparator: Comparator,
        is_known: np.ndarray[Any, np.dtype[np.bool_]],
    ) -> None:
        self._values, self._labels, self._comparator = values, labels, comparator
        self.is_known = is_known
        # Equal cells are equal by every rule that does not scale; only the others are looked at one by one.
        differs = self.is_known if comparator.scale is not None else ~equal_cells(values, labels) & self.is_known
        self._suspects = suspects = np.flatnonzero(differs)
        found = self._compare(suspects, comparator)
        self.wrong = suspects[[one is False for one in found]]
        self.unread = suspects[[isinstance(one, Unknown) for one in found]]
        self._reasons = Counter(one.reason for one in found if isinstance(one, Unknown))

    def _compare(self, at: Positions, comparator: Comparator) -> list[bool | Unknown]:
        compare = PairComparison[bool](self._values, self._labels, partial(_values_equal, comparator=comparator))
        return [compare(value, label) for value, label in self._pairs(at)]

    def _pairs(self, at: Positions) -> Iterable[tuple[Any, Any]]:
        return zip(
            self._values.iloc[at].to_numpy(dtype=object), self._labels.iloc[at].to_numpy(dtype=object), strict=True
        )

    def count(self, name: str) -> FieldAccuracy:
        """Return how many records are right in the field."""
        n_judged = int(self.is_known.sum()) - len(self.unread)
        return FieldAccuracy(
            field=name,
            how=self._comparator.how,
            n_judged=n_judged,
            n_right=n_judged - len(self.wrong),
            n_unreadable=len(self.unread),
            reason=self._reasons.most_common(1)[0][0] if self._reasons else None,
            unreadable=self._examples(self.unread),
            mixes_zones=mixes_zones(self._values, self._labels, self._suspects),
        )

    def accuracy(self, name: str) -> FieldAccuracy:
        """Return the same, and where not one record is right, whether all but a few differ by their form alone."""
        counted = self.count(name)
        if counted.n_right or len(self.wrong) < _FEWEST:
            return counted
        for how in _LOOSER:
            is_equal = self.excused(how)
            if how != self._comparator.how and is_equal.mean() >= _BY_FORM:
                forms = self._examples(self.wrong[is_equal])
                return replace(counted, form=how, n_form=int(is_equal.sum()), forms=forms)
        return counted

    def excused(self, how: str | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which of the wrong cells are equal by a looser comparison."""
        if how is None or not len(self.wrong):
            return np.zeros(len(self.wrong), dtype=bool)
        looser = self._comparator.model_copy(update={"how": how})
        return np.array([one is True for one in self._compare(self.wrong, looser)], dtype=bool)

    def _examples(self, at: Positions) -> tuple[tuple[str, str], ...]:
        pairs = dict.fromkeys(
            (cut(strict_text(value)), cut(strict_text(label))) for value, label in self._pairs(at[:50])
        )
        return tuple(pairs)[:2]


def _values_equal(value: Any, label: Any, forms: Forms, *, comparator: Comparator) -> bool | Unknown:
    if comparator.decimal is not None:
        forms = replace(forms, left_decimal=comparator.decimal, right_decimal=comparator.decimal)
    return values_equal(
        value, label, how=comparator.how, tolerance=comparator.tolerance, scale=comparator.scale, forms=forms
    )


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
