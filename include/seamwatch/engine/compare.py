"""Compare two releases of a part of a pipeline: read and judge a span of time, pair what had the same input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.records.json_documents import value_text
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.release_changes import ReleaseChange, find_release_changes
from seamwatch.core.release_comparison import (
    Comparison,
    ReleaseComparison,
    ReplayedPairs,
    always_different,
    compare_answers,
    number_inputs,
    pair_answers,
)
from seamwatch.core.results import Window
from seamwatch.engine.attribute import Judged, judge_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.release_replay import replay_pairs
from seamwatch.engine.stage_values import StageValues, find_field, read_values
from seamwatch.engine.window import WindowReader, open_window
from seamwatch.errors import DataContractError
from seamwatch.report import numbers
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind

_VALUE_CHARS = 80
_MOST_NAMED = 20
"""Releases that a message names."""


def compare_releases(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    field: str,
    releases: tuple[str, str],
    *,
    inputs: Sequence[str] = (),
    replays: int = 0,
) -> ReleaseComparison:
    """Return how the second of two releases compares with the first on what a span of time recorded.

    Args:
        deps: What it needs.
        pipeline: Its definition.
        window: Records whose first stage lies in it.
        field: `stage.field` that names the release of a record: a column, a path in one, or a model's `model`.
        releases: Two of its values.
        inputs: `stage.field`s that say whether two inputs are the same; default: all fields of the sources.
        replays: Inputs that no pair has, and that are asked anew with the requests of both, at most.

    Raises:
        DataContractError: If the releases are one, the field or a release does not exist.
        SpecError: If the pipeline has no outcome, or a reference, suite or evaluator cannot be loaded.
        AdapterError: If a table cannot be read.
    """
    first, second = releases
    if first == second:
        msg = f"both releases are {first!r}: nothing to compare; give two values of {field}"
        raise DataContractError(msg)
    with open_window(deps, pipeline, window) as rows:
        stage, column = find_field(rows.pipeline, rows.reader, field)
        named = [find_field(rows.pipeline, rows.reader, name) for name in inputs]
        judged = judge_window(deps, rows)
        values = read_values(rows, judged.data, stage, column)
        keys = judged.outcomes.index
        of_record = values.by_key.reindex(keys).map(value_text)
        _require_releases(of_record, releases, field, rows)
        answers = pd.DataFrame({"release": of_record, "state": judged.outcomes["state"]}, index=keys)
        chosen = keys[answers["release"].isin(releases).to_numpy()]
        if named:
            fields = {
                name: read_values(rows, judged.data, *place).by_key for name, place in zip(inputs, named, strict=True)
            }
        else:
            fields = _source_fields(judged, without=field)
        segments, unread = _segments(rows, judged, chosen, without=field)
        texts, is_known = _texts(fields, chosen)
        answers = answers.loc[chosen].assign(
            input=number_inputs(texts, is_known),
            time=judged.data.stages[pipeline.first_stage.name].times.reindex(chosen),
        )
        replayed = _replayed(deps, judged, window, answers, releases, replays) if replays > 0 else None
    sources = {one.name for one in pipeline.stages if one.kind is StageKind.SOURCE}
    comparison = compare_answers(
        answers,
        first,
        second,
        segments=segments,
        strata={name: known for name, known in segments.items() if name.partition(".")[0] in sources},
        more=None if replayed is None else replayed.pairs,
    )
    return ReleaseComparison(
        pipeline=pipeline.pipeline,
        window=window,
        field=field,
        comparison=comparison,
        replayed=replayed,
        changes=_changes(judged, comparison, answers["release"], field),
        inputs=tuple(fields),
        always_different=always_different(texts),
        n_without_release=int(of_record.isna().sum()),
        n_in_both=_in_both(values, releases),
        unread_segments=unread,
    )


def _replayed(
    deps: Deps, judged: Judged, window: Window, answers: pd.DataFrame, releases: tuple[str, str], most: int
) -> ReplayedPairs:
    paired = frozenset(pair_answers(answers, *releases)["input"])
    return replay_pairs(deps, judged.world, window, answers, releases, paired=paired, most=most)


def _changes(
    judged: Judged, comparison: Comparison, of_record: pd.Series[Any], field: str
) -> tuple[ReleaseChange, ...]:
    """Return what differs between the releases: by the records of pairs, or by all where there are none."""
    world, pairs = judged.world, comparison.pairs[: comparison.n_recorded_pairs]
    if len(pairs):
        keys = list(pairs["first"]), list(pairs["second"])
    else:
        first, second = (
            list(of_record.index[(of_record == one.release).to_numpy()])
            for one in (comparison.first, comparison.second)
        )
        keys = first, second
    made = {
        name: frozenset(map(str, found.expected.columns))
        for name, found in world.reconciled.items()
        if found.is_checked
    }
    return find_release_changes(
        world.pipeline, world.recorded, keys, is_paired=len(pairs) > 0, made=made, without=field
    )


def _require_releases(of_record: pd.Series[Any], releases: Sequence[str], field: str, rows: WindowReader) -> None:
    counts = Counter(of_record.dropna())
    missing = [name for name in releases if name not in counts]
    if not missing:
        return
    known = [f"{name[:_VALUE_CHARS]} ({numbers.plural(n, 'record')})" for name, n in counts.most_common(_MOST_NAMED)]
    more = f" and {len(counts) - _MOST_NAMED} more" if len(counts) > _MOST_NAMED else ""
    msg = (
        f"no record of {rows.pipeline.pipeline} from {numbers.span(rows.window)} has {field} = "
        f"{' or '.join(map(repr, missing))}; there are: {', '.join(known) or 'none'}{more}; "
        "give --from and --to for another span of time"
    )
    raise DataContractError(msg)


def _source_fields(judged: Judged, *, without: str) -> dict[str, pd.Series[Any]]:
    """Return what went into the pipeline, by `stage.field`; the field that names a release is no input."""
    world = judged.world
    sources = [stage.name for stage in world.pipeline.stages if stage.kind is StageKind.SOURCE]
    names = sources or [world.pipeline.first_stage.name]
    return {
        f"{name}.{column}": world.recorded[name][column]
        for name in names
        for column in world.recorded[name].columns
        if f"{name}.{column}" != without
    }


def _texts(fields: Mapping[str, pd.Series[Any]], keys: pd.Index[Any]) -> tuple[dict[str, list[str | None]], list[bool]]:
    """Return the inputs of records as texts by field, and whether each could be read."""
    texts: dict[str, list[str | None]] = {}
    is_known = [True] * len(keys)
    for name, values in fields.items():
        cells = list(values.reindex(keys).to_numpy(dtype=object))
        texts[name] = list(map(value_text, cells))
        reached = keys.isin(values.index)
        is_known = [
            known and bool(there) and not isinstance(cell, Unknown)
            for known, there, cell in zip(is_known, reached, cells, strict=True)
        ]
    return texts, is_known


def _segments(
    rows: WindowReader, judged: Judged, keys: pd.Index[Any], *, without: str
) -> tuple[dict[str, Mapping[Any, str]], tuple[str, ...]]:
    """Return the values of segments by key, and the segments that are no column."""
    found: dict[str, Mapping[Any, str]] = {}
    unread: list[str] = []
    for name in rows.pipeline.segments:
        if name == without:
            continue
        try:
            stage, field = find_field(rows.pipeline, rows.reader, name)
        except DataContractError:
            unread.append(name)
            continue
        values = read_values(rows, judged.data, stage, field).by_key.reindex(keys).map(value_text).dropna()
        found[name] = {key: text[:_VALUE_CHARS] for key, text in values.items()}
    return found, tuple(unread)


def _in_both(values: StageValues, releases: Sequence[str]) -> int:
    """Return how many records have attempts by both releases."""
    texts = values.attempts["value"].map(value_text)
    attempts = values.attempts[texts.isin(releases).to_numpy()].assign(release=texts)
    return int((attempts.groupby("key")["release"].nunique() > 1).sum()) if len(attempts) else 0
