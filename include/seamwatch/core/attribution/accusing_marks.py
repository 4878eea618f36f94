"""Marks that accuse a stage without an experiment, and whether right records carry them as well.

A mark (a failed status, an empty answer, a lost record, an expectation that fails) accuses only where it is rarer among
right records than among wrong ones. One that right records carry about as often is a habit of the system, not a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.rates import rarer_p_value
from seamwatch.core.interventions import World
from seamwatch.core.reasons import CallFailure
from seamwatch.core.records.call_endings import call_failure, is_success
from seamwatch.core.records.comparison import is_null
from seamwatch.core.records.frames import ANSWER, positions
from seamwatch.core.records.responses import choose_protocol, read_recorded
from seamwatch.core.records.unknown import Unknown
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

_SIGNIFICANT = 0.05
_ABOUT_AS_OFTEN = 0.5
"""A mark that right records carry at least half as often as wrong ones tells the two no better than a coin."""
_MORE_LIKELY = 0.5
"""Share of the failures with a mark from which on each is more likely the mark's than not."""
_FEWEST_WITHOUT = 10
"""Records without a mark below which their rate of failures is not known."""
_SURELY_MORE = 0.001
"""A mark that many right records carry has to be this surely rarer among them."""
_LABEL = 100
"""Answers up to this length may be labels, of which there are few."""
_PLAIN = (str, int, float, NoneType)
_COMPARED = 2000
"""Right records whose calls are read; more would only cost time."""


@dataclass(frozen=True, kw_only=True)
class RightRecords:
    """Records whose outcome is right, to compare failing ones with: of this window, else of an earlier healthy one."""

    world: World
    keys: pd.Index[Any]


def spread(keys: pd.Index[Any], most: int) -> pd.Index[Any]:
    """Return at most so many of the keys, spread evenly over them."""
    return keys[np.linspace(0, len(keys) - 1, min(len(keys), most)).astype(int)]


class MarkWeight(StrEnum):
    """What a mark on failing records is worth."""

    ACCUSES = "accuses"
    """Rarer among right records, by more than chance."""
    COMMON = "common"
    """Right records carry it about as often."""
    UNPROVEN = "unproven"
    """Too few records carry it, or there are too few right ones to compare with."""


def weigh_mark(n_wrong_with: int, n_wrong: int, n_right_with: int, n_right: int) -> MarkWeight:
    """Return whether a mark is rarer among right records than among wrong ones.

    Args:
        n_wrong_with: Wrong records that carry it, at least one.
        n_wrong: All wrong records that may carry it.
        n_right_with: Right records that carry it.
        n_right: All right records that were compared; 0: nothing is proven.

    Fisher's exact test, one-sided at 5 %.
    """
    if not n_right:
        return MarkWeight.UNPROVEN
    if n_right_with / n_right >= _ABOUT_AS_OFTEN * n_wrong_with / n_wrong:
        return MarkWeight.COMMON
    p_value = rarer_p_value(n_right_with, n_right, n_wrong_with, n_wrong)
    return MarkWeight.ACCUSES if p_value < _SIGNIFICANT else MarkWeight.UNPROVEN


def attributable_share(n_wrong_with: int, n_wrong: int, n_right_with: int, n_right: int) -> float | None:
    """Return which share of the wrong records with a mark would be right at the failure rate of those without it.

    None where that is less than half, or may be chance (Fisher's exact test, one-sided at 0.1 %). It tells of a mark
    that most right records carry as well, which a comparison of its shares among right and wrong ones cannot.

    Args:
        n_wrong_with: Wrong records of the window that carry it, at least one.
        n_wrong: All wrong records of the window.
        n_right_with: Right ones that carry it.
        n_right: All right ones.

    Source: S. Greenland, J. Robins (1988), "Conceptual problems in the definition and interpretation of attributable
    fractions", for the excess fraction, 1 - 1/RR.
    """
    n_with = n_wrong_with + n_right_with
    n_without = n_wrong + n_right - n_with
    if n_without < _FEWEST_WITHOUT:
        return None
    usual = (n_wrong - n_wrong_with + 0.5) / (n_without + 1)
    share = 1.0 - usual * n_with / n_wrong_with
    p_value = rarer_p_value(n_right_with, n_right, n_wrong_with, n_wrong)
    return share if share >= _MORE_LIKELY and p_value < _SURELY_MORE else None


@dataclass(frozen=True, kw_only=True)
class ProviderMarks:
    """What the recorded calls of failing records say of the provider."""

    failures: Mapping[Any, tuple[str, CallFailure]]
    """Model stage, and the failure that stands."""
    unproven: Mapping[Any, tuple[str, CallFailure]]
    """Model stage, and what looks like a failure, is not documented, and is on too few records to be proven."""
    unread: Mapping[Any, tuple[str, str]]
    """Model stage and a status whose meaning is unknown, and which right records do not have."""


def provider_marks(world: World, failing: pd.Index[Any], right: RightRecords) -> ProviderMarks:
    """Return what the recorded calls say: a documented failure stands unless right records carry it about as often.

    What only looks like a failure (an empty text in a readable body, a refusal in so many words) has to be proven. A
    status that cannot be read accuses nobody.
    """
    failures: dict[Any, tuple[str, CallFailure]] = {}
    unproven: dict[Any, tuple[str, CallFailure]] = {}
    unread: dict[Any, tuple[str, str]] = {}
    for stage in world.order:
        if stage.kind is not StageKind.MODEL:
            continue
        mine = _call_marks(stage, world.recorded[stage.name], failing)
        if not any(mine.values()):
            continue
        known = right.world.recorded[stage.name].index
        chosen = spread(right.keys[positions(known, right.keys) >= 0], _COMPARED)
        usual = Counter(_call_marks(stage, right.world.recorded[stage.name], chosen).values())
        counts = Counter(mine.values())
        weights = {
            mark: weigh_mark(n, len(mine), usual[mark], len(chosen)) for mark, n in counts.items() if mark is not None
        }
        for key, mark in mine.items():
            if mark is None or weights[mark] is MarkWeight.COMMON:
                continue
            if isinstance(mark, str):
                if weights[mark] is MarkWeight.ACCUSES:
                    unread.setdefault(key, (stage.name, mark))
            elif mark.is_documented or weights[mark] is MarkWeight.ACCUSES:
                failures.setdefault(key, (stage.name, mark))
            else:
                unproven.setdefault(key, (stage.name, mark))
    return ProviderMarks(failures=failures, unproven=unproven, unread=unread)


def _call_marks(stage: Stage, recorded: pd.DataFrame, keys: pd.Index[Any]) -> dict[Any, CallFailure | str | None]:
    """Return by record how its call failed, or its status where that cannot be read; None where the model answered."""
    assert stage.response is not None
    where = positions(recorded.index, keys)
    where = np.sort(where[where >= 0])
    names = (ANSWER, "_finish_reason", stage.response)
    cells = [recorded[name].take(where).to_numpy(dtype=object) for name in names]
    statuses = recorded[stage.status].take(where).to_numpy(dtype=object) if stage.status else [None] * len(where)
    found: dict[Any, CallFailure | str | None] = {}
    known: dict[tuple[Any, ...], CallFailure | str | None] = {}  # labels and statuses are few
    for key, status, answer, finish, response in zip(recorded.index[where], statuses, *cells, strict=True):
        call = (type(status), status, type(finish), finish, answer)
        is_plain = isinstance(status, _PLAIN) and isinstance(finish, _PLAIN)
        is_label = is_plain and type(answer) is str and len(answer) <= _LABEL
        if is_label and call in known:
            found[key] = known[call]
            continue
        is_empty = not isinstance(answer, Unknown) and (is_null(answer) or not str(answer).strip())
        failure = call_failure(status, answer, finish, has_body=is_empty and _has_good_body(stage, response))
        found[key] = str(status) if failure is None and isinstance(is_success(status), Unknown) else failure
        if is_label and not is_empty:  # of an empty answer the body decides
            known[call] = found[key]
    return found


def _has_good_body(stage: Stage, response: Any) -> bool:
    """Return whether a body came that could be read and is no error."""
    if is_null(response) or not str(response).strip():
        return False
    assert stage.endpoint is not None
    problem = read_recorded(choose_protocol(stage.endpoint), response, stage.endpoint.answer).problem
    return problem is None or not problem.startswith("an error")


def common_marks(wrong: Iterable[str], n_wrong: int, right: Iterable[str], n_right: int) -> frozenset[str]:
    """Return the marks of wrong records, one each, that right records carry about as often: they accuse nobody."""
    usual = Counter(right)
    return frozenset(
        mark for mark, n in Counter(wrong).items() if weigh_mark(n, n_wrong, usual[mark], n_right) is MarkWeight.COMMON
    )
