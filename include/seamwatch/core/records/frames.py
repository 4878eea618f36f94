"""Rows of a stage's table to payloads by key: attempts chosen, duplicates and null keys counted and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.call_endings import is_success
from seamwatch.core.records.comparison import is_null, pick, strict_text
from seamwatch.core.records.keys import key_in_form
from seamwatch.core.records.plain_chat import read_plain_chat
from seamwatch.core.records.response_forms import OWN_FORM
from seamwatch.core.records.response_text import as_text
from seamwatch.core.records.responses import choose_protocol, column_form, read_answer
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.spec.base import KeyForm
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

ANSWER = "answer"
"""Field of a model stage's payload that holds the answer's text, whatever the protocol."""


@dataclass(frozen=True, kw_only=True)
class StageData:
    """What one stage holds of the records of a window."""

    stage: Stage
    payload: pd.DataFrame
    """Index key, unique; columns the fields."""
    times: pd.Series[Any]
    """Index key; aware times of the rows that the payloads come from; empty where the stage has no time."""
    versions: pd.DataFrame
    """Every row of the records that have more than one, with `_key` and `_time`; oldest first."""
    n_null_keys: int = 0
    n_duplicate_keys: int = 0
    """Records with more than one row."""
    n_late: int = 0


def require_columns(frame: pd.DataFrame, columns: tuple[str, ...], *, where: str) -> None:
    """Raise DataContractError unless the frame has all the columns."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        msg = f"{where}: no column {', '.join(missing)}; known: {', '.join(map(str, frame.columns))}"
        raise DataContractError(msg)


_SHORT = 100
"""Longer responses are bodies with an id of their own: to remember them would only cost memory."""
_SPARSEST = 8
"""Up to how many times as wide as it has keys an index may be for a table of all its numbers."""
_SAMPLED = 400
"""Values that are looked at to tell what a column holds."""

Said = tuple[str | Unknown | None, str | None, str | None]
"""Answer, finish reason and model of a response."""
Positions = np.ndarray[Any, np.dtype[np.intp]]


def positions(index: pd.Index[Any], keys: pd.Index[Any]) -> Positions:
    """Return where each key stands in a unique index; -1 for a key that is not in it."""
    if not len(keys) or index.equals(keys):
        return np.arange(len(keys))
    if index.dtype == keys.dtype == np.int64 and len(index):
        # Numbers that a database counted up leave few gaps: a table with a place for each needs no hashing.
        numbers, wanted, least = index.to_numpy(), keys.to_numpy(), int(index.min())
        span = int(index.max()) - least + 1
        if span <= _SPARSEST * len(index):
            table = np.full(span, -1, dtype=np.intp)
            table[numbers - least] = np.arange(len(index))
            if np.count_nonzero(table >= 0) == len(index):
                place = wanted - least
                is_within = (place >= 0) & (place < span)
                return table[place] if is_within.all() else np.where(is_within, table[place * is_within], -1)
    return index.get_indexer(keys)


def take(frame: pd.DataFrame, where: Positions) -> pd.DataFrame:
    """Return the rows at these positions; the frame itself where that is all of them in order."""
    return frame if np.array_equal(where, np.arange(len(frame))) else frame.take(where)


def stage_data(rows: pd.DataFrame, stage: Stage, *, key: str, time: str | None, n_late: int = 0) -> StageData:
    """Return the payloads of a stage from the rows of its table.

    Args:
        rows: As they were read; may hold several rows per key and null keys.
        stage: Its spec.
        key: Column that names the record.
        time: Column with the time of the row, aware; None where the stage has none.
        n_late: Rows that came only from beyond the time they were looked for.

    Several rows of one key are attempts: the last successful one gives the payload; else the last answered one whose
    status cannot be read, which is no failure; else the last one.
    Rows without a key belong to no record; they are counted and left out.
    """
    require_columns(rows, (key, *((time,) if time else ())), where=f"stage {stage.name} ({stage.relation})")
    has_key = rows[key].notna().to_numpy()
    n_null = int((~has_key).sum())
    rows = rows.loc[has_key].reset_index(drop=True)
    if time:
        rows = rows.sort_values(time, kind="stable", na_position="first", ignore_index=True)
    duplicated = rows[key].duplicated(keep=False).to_numpy()
    versions = rows.loc[duplicated].rename(columns={key: "_key", **({time: "_time"} if time else {})})
    chosen = rows
    if duplicated.any():
        order = rows.assign(_rank=_success_ranks(rows, stage)).sort_values("_rank", kind="stable")
        chosen = order.drop_duplicates(key, keep="last").sort_index().drop(columns="_rank")
    index = pd.Index(chosen[key], name="key")
    payload = _payload(chosen, stage, drop=[key, *([time] if time else [])]).set_axis(index)
    times = pd.Series(chosen[time].to_numpy(), index=index) if time else pd.Series(index=index[:0], dtype="object")
    if time:
        times = pd.to_datetime(times, utc=True)
    return StageData(
        stage=stage,
        payload=payload,
        times=times,
        versions=versions,
        n_null_keys=n_null,
        n_duplicate_keys=int(versions["_key"].nunique()) if len(versions) else 0,
        n_late=n_late,
    )


def _payload(rows: pd.DataFrame, stage: Stage, *, drop: list[str]) -> pd.DataFrame:
    if stage.fields:
        wanted = {name: _open(rows, name, stage) for name in stage.fields}
        frame = pd.DataFrame(wanted, index=rows.index)
    elif stage.kind is StageKind.PROMPT and stage.request is not None:
        # A prompt often shares its table with the model; only the body that was sent is the prompt's.
        require_columns(rows, (stage.request,), where=f"stage {stage.name} ({stage.relation})")
        frame = rows[[stage.request]]
    else:
        frame = rows.drop(columns=[*drop, *(column for column in stage.ignore if column in rows.columns)])
    if stage.kind is StageKind.MODEL:
        frame = with_answer(frame.assign(**_model_columns(rows, stage)), stage)
    return frame


def _model_columns(rows: pd.DataFrame, stage: Stage) -> dict[str, pd.Series[Any]]:
    named = (stage.request, stage.response, stage.status, stage.finish_reason, stage.model)
    columns = tuple(column for column in named if column is not None)
    require_columns(rows, columns, where=f"stage {stage.name} ({stage.relation})")
    measures = (column for column in stage.measures if column in rows.columns)
    return {column: rows[column] for column in (*columns, *measures)}


def _open(rows: pd.DataFrame, name: str, stage: Stage) -> pd.Series[Any]:
    if name in rows.columns:
        return rows[name]
    try:
        return pick(rows, name)
    except DataContractError as error:
        msg = f"stage {stage.name} ({stage.relation}): {error}"
        raise DataContractError(msg) from error


def with_answer(payload: pd.DataFrame, stage: Stage) -> pd.DataFrame:
    """Return a model stage's payload with `answer`, and the finish reason and model that stand in the body.

    Adds `answer` (text; None where the response documents that there is none; `Unknown` where it is unreadable),
    `_finish_reason` and `_model` (from their columns, else from the body).
    """
    assert stage.response is not None
    assert stage.endpoint is not None
    protocol, path = choose_protocol(stage.endpoint), stage.endpoint.answer
    values = list(payload[stage.response].to_numpy(dtype=object))
    form = column_form(protocol, values, path)
    is_plain = not (path and protocol in OWN_FORM)
    known: dict[str, Said] = {}  # a column that holds bare answers has few of them
    said: list[Said] = []
    for value in values:
        is_text = type(value) is str
        found = known.get(value) if is_text else None
        if found is None and is_text and is_plain:
            found = read_plain_chat(value)
        if found is None:
            reading = read_answer(protocol, value, form, path)
            found = reading.text, reading.finish_reason, reading.model
            if is_text and len(value) <= _SHORT:
                known[value] = found
        said.append(found)
    answers, finish_reasons, models = zip(*said, strict=True) if said else ((), (), ())
    return assign_answers(payload, stage, answers, finish_reasons, models)


def assign_answers(
    payload: pd.DataFrame,
    stage: Stage,
    answers: Sequence[str | Unknown | None],
    finish_reasons: Sequence[str | None],
    models: Sequence[str | None],
) -> pd.DataFrame:
    """Return the payload with `answer`, `_finish_reason` and `_model`; what the stage's own columns hold goes first."""
    from_body = {"_finish_reason": (stage.finish_reason, finish_reasons), "_model": (stage.model, models)}
    made: dict[str, Any] = {}
    made[ANSWER] = pd.Series(list(answers), index=payload.index, dtype=object)
    for name, (column, values) in from_body.items():
        body = pd.Series(list(values), index=payload.index, dtype=object)
        if column:
            own = [strict_text(value) for value in payload[column].to_numpy(dtype=object)]
            body = pd.Series(own, index=payload.index, dtype=object).where(payload[column].notna(), body)
        made[name] = body
    return payload.assign(**made)


def holds_text(data: StageData) -> bool:
    """Return whether a model stage's response column mostly holds the answer's text rather than a body.

    A replay's response is put into the column in the form that most of its values have.
    """
    assert data.stage.response is not None
    values = data.payload[data.stage.response].dropna()
    values = values.iloc[:: max(1, len(values) // _SAMPLED)]
    answers = data.payload[ANSWER].reindex(values.index)
    n_text = sum(v is a or as_text(v) == a for v, a in zip(values, answers, strict=True) if isinstance(a, str))
    return 2 * n_text > len(values)


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Answers of a model stage that could not be read."""

    n: int = 0
    n_responses: int = 0
    """Responses that are there at all."""
    samples: tuple[str, ...] = ()
    """How a few of them begin; whoever shows them redacts them."""


def unread_answers(data: StageData) -> Unread:
    """Return how many answers of a stage could not be read, and two examples; none for a stage without answers."""
    if ANSWER not in data.payload.columns or data.stage.kind is not StageKind.MODEL:
        return Unread()
    unread = [answer for answer in data.payload[ANSWER].to_numpy(dtype=object) if isinstance(answer, Unknown)]
    samples = tuple(dict.fromkeys(answer.sample for answer in unread))[:2]
    n_responses = int(data.payload[data.stage.response].notna().sum())
    return Unread(n=len(unread), n_responses=n_responses, samples=samples)


def split_versions(
    data: StageData, consumed: pd.Series[Any], later: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a source's payloads as the pipeline read them, and as they were corrected afterwards.

    Args:
        data: The source of a window.
        consumed: Aware time at which the next stage was written, by key.
        later: Further versions of some records, as `data.versions`.

    Returns:
        Payloads by key, and those of the records whose last version came after they were read and differs.
    """
    parts = [part for part in (data.versions, later) if part is not None and len(part)]
    if not parts or "_time" not in parts[0].columns:
        return data.payload, data.payload.iloc[:0]
    payload, *parts = _typed_alike([data.payload, *parts])
    versions = pd.concat(parts, ignore_index=True).sort_values("_time", kind="stable")
    versions = versions[versions["_key"].isin(data.payload.index)]
    columns = list(payload.columns)
    opened = {name: _open(versions, name, data.stage) for name in columns if name not in versions.columns}
    versions = versions.assign(**opened)
    read_at = pd.to_datetime(consumed.reindex(versions["_key"]).array, utc=True)
    read = versions[(versions["_time"] <= read_at).to_numpy()].drop_duplicates("_key", keep="last")
    last = versions.drop_duplicates("_key", keep="last")
    as_read = read.set_index("_key")[columns]
    used = pd.concat([payload.drop(as_read.index), as_read]).reindex(payload.index)
    corrected = last[last["_key"].isin(read["_key"])].set_index("_key")[columns]
    before = as_read.loc[corrected.index]
    differs = (before.map(strict_text).fillna("") != corrected.map(strict_text).fillna("")).any(axis=1)
    return used, corrected[differs.to_numpy()]


def _typed_alike(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the frames with every column as objects that not all of them hold in one type.

    A version may hold a text, a fraction or nothing where the others hold whole numbers; together as floats those would
    lose digits.
    """
    types: dict[Any, set[Any]] = {}
    for frame in frames:
        for name, dtype in frame.dtypes.items():
            types.setdefault(name, set()).add(dtype)
    unlike = [name for name, found in types.items() if len(found) > 1 and name not in ("_key", "_time")]
    return [frame.astype({name: object for name in unlike if name in frame.columns}) for frame in frames]


def _success_ranks(rows: pd.DataFrame, stage: Stage) -> pd.Series[int]:
    """Return how far each row is a successful attempt: 2 yes, 1 it may be, 0 no; yes, unless a model says otherwise."""
    if stage.kind is not StageKind.MODEL or stage.response is None:
        return pd.Series(2, index=rows.index)
    answered = rows[stage.response].notna()
    return answered * (2 if stage.status is None else rows[stage.status].map(_success_rank))


def _success_rank(status: Any) -> int:
    found = is_success(status)
    return 1 if isinstance(found, Unknown) else 2 * found


def key_text(keys: pd.Series[Any], form: KeyForm = "exact") -> pd.Series[Any]:
    """Return keys as text without surrounding blanks, in a form; a whole number that came as a float loses its `.0`."""
    texts = [None if is_null(key) else key_in_form(strict_text(key) or "", form) for key in keys.to_numpy(dtype=object)]
    return pd.Series(texts, index=keys.index, name=keys.name, dtype=object)
