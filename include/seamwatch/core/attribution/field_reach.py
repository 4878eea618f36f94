"""How far a field reaches: whether a request to a model, or a compared final field, changes with it. No call is made.

The field of some records is given other values, and the references further on are applied to both: what comes out
otherwise rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.interventions import World
from seamwatch.core.records.comparison import equal_cells, is_null
from seamwatch.core.records.references import Expected
from seamwatch.errors import DataContractError
from seamwatch.spec.graph import descendants
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

ANY_FIELD = "*"
"""In the place of a compared field, where the outcome is no comparison of fields."""
_TRIED = 40
"""Records whose field is given other values, to see what moves further on."""


@dataclass(frozen=True, kw_only=True)
class FieldReach:
    """A field, and how far it reaches."""

    stage: str
    field: str
    models: frozenset[str]
    """Model stages whose request changes with it."""
    outcomes: frozenset[str]
    """Compared final fields that change with it, without any model in between; `ANY_FIELD` where none are compared."""


def reach(world: World, stage: str, field: str, values: Iterable[Any] = ()) -> FieldReach:
    """Return how far a field of a stage reaches: what the references further on make otherwise with other values in it.

    Args:
        world: The window.
        stage: Where the field is.
        field: A column of its payload.
        values: Of the field elsewhere, to try beside those of the window.
    """
    recorded = world.recorded[stage]
    keys = recorded.index[:: max(1, len(recorded) // _TRIED)]
    mine = recorded[field].reindex(keys)
    # What others hold may come to the same by a default of a later stage; nothing at all hardly does. That a reference
    # cannot do without a value does not say that what it makes rests on it.
    nothing = pd.Series([None] * len(keys), index=keys, dtype=object)
    found = [
        _moved_by(world, stage, field, _other_values(mine, values), raising_counts=True),
        _moved_by(world, stage, field, nothing, raising_counts=False),
    ]
    return FieldReach(
        stage=stage,
        field=field,
        models=frozenset().union(*(one.models for one in found)),
        outcomes=frozenset().union(*(one.outcomes for one in found)),
    )


def _moved_by(world: World, stage: str, field: str, values: pd.Series[Any], *, raising_counts: bool) -> FieldReach:
    """Return what changes with other values in a field of some records.

    A reference that raises on them rests on them for all that anybody can tell, if `raising_counts`.
    """
    before = {name: frame.reindex(values.index) for name, frame in world.recorded.items()}
    after = {**before, stage: before[stage].assign(**{field: values})}
    moved: set[str] = {stage}
    opaque: set[str] = set()
    models: set[str] = set()
    graph = {one.name: one.input for one in world.pipeline.stages}
    for one in world.order:
        touched = [name for name in one.input if name in moved]
        if not touched:
            continue
        if one.kind is StageKind.MODEL:
            if any(_moves_request(world, one, name, before, after) for name in touched):
                models.add(one.name)
            continue
        made = _made_twice(world, one, before, after)
        if made is None or (raising_counts and set(made[0].errors) != set(made[1].errors)):
            opaque.add(one.name)
        elif _differ(*made):
            moved.add(one.name)
            before[one.name] = _replaced(before[one.name], made[0].frame)
            after[one.name] = _replaced(after[one.name], made[1].frame)
    for name in opaque:
        models |= {one.name for one in world.order if one.kind is StageKind.MODEL} & descendants(graph, name)
    final = world.pipeline.final_stage.name
    compared = _compared_fields(world)
    if any(final == name or final in descendants(graph, name) for name in opaque):
        outcomes = compared
    elif final not in moved:
        outcomes = frozenset()
    else:
        outcomes = frozenset(
            name for name in compared if name == ANY_FIELD or _column_differs(before[final], after[final], name)
        )
    return FieldReach(stage=stage, field=field, models=frozenset(models), outcomes=outcomes)


def _compared_fields(world: World) -> frozenset[str]:
    outcome = world.pipeline.outcome
    return frozenset(outcome.compare) if outcome is not None and outcome.compare else frozenset({ANY_FIELD})


def _other_values(values: pd.Series[Any], others: Iterable[Any]) -> pd.Series[Any]:
    """Return for each record the value of another one, or where all are the same, something else."""
    known = {str(value): value for value in (*values, *others) if not is_null(value)}
    distinct = list(known.values())
    places = {text: number for number, text in enumerate(known)}
    if len(distinct) > 1:
        found = [distinct[(places.get(str(value), 0) + 1) % len(distinct)] for value in values]
    else:
        found = [_something_else(value) for value in values]
    return pd.Series(found, index=values.index, dtype=object)


def _something_else(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | float | np.number):
        return 1 if is_null(value) else value + 1
    return f"{'' if is_null(value) else value}x"


def _moves_request(
    world: World, model: Stage, name: str, before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame]
) -> bool:
    column = request_column(world, model, name)
    return column is None or _column_differs(before[name], after[name], column)


def _made_twice(
    world: World, stage: Stage, before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame]
) -> tuple[Expected, Expected] | None:
    reference = world.references.get(stage.name)
    if reference is None:
        return None
    try:
        made = [reference.expected({name: frames[name] for name in stage.input}) for frames in (before, after)]
    except DataContractError:
        return None
    return made[0], made[1]


def _differ(one: Expected, other: Expected) -> bool:
    names = dict.fromkeys([*one.frame.columns, *other.frame.columns])
    return any(_column_differs(one.frame, other.frame, name) for name in names)


def _column_differs(one: pd.DataFrame, other: pd.DataFrame, name: str) -> bool:
    keys = one.index.intersection(other.index)
    if not len(keys) or name not in one.columns or name not in other.columns:
        return False
    return not bool(equal_cells(one.loc[keys, name], other.loc[keys, name]).all())


def _replaced(values: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """Return the payloads with what was made in the place of what was recorded; what was not made stays."""
    keys = values.index[values.index.isin(made.index)]
    result = values.astype(object)
    for name in made.columns:
        if name not in result.columns:
            result[name] = pd.Series([None] * len(result), index=result.index, dtype=object)
        result.loc[keys, name] = made.loc[keys, name].astype(object)
    return result


def request_column(world: World, model: Stage, name: str) -> str | None:
    """Return the column of a model's input in which its request stands; None if there is none."""
    column = world.pipeline.stage(name).request or model.request
    return column if column is not None and column in world.recorded[name].columns else None
