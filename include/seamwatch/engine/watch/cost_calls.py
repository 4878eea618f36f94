"""Every call of a pipeline's models as one frame: model, tokens, recorded cost, request, whether it failed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.adapters.models.tariffs import Tariffs
from seamwatch.core.records.call_endings import is_success, read_statuses
from seamwatch.core.records.comparison import is_null, strict_text
from seamwatch.core.records.frames import StageData
from seamwatch.core.records.responses import CACHE_NAMES, read_usage
from seamwatch.core.watch.cost_prices import CALL_COLUMNS, Absurd, TariffOf, price_calls
from seamwatch.core.watch.loops import Loop, longest_runs
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.plurals import plural
from seamwatch.spec.monitoring import CostWatch
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import StageKind

_COLUMNS = ("_key", "stage", *CALL_COLUMNS, "request", "size", "is_error")
_CACHED = re.compile("|".join(sorted(CACHE_NAMES)))
"""What a body with cached tokens holds."""
_ASKED = re.compile(r'"model"\s*:\s*"([^"]{1,200})"')
_PROVIDER_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
_PROVIDER_WORDS = re.compile(r"time|rate|limit|overload|unavail|throttl|busy|quota|^(error|failed|failure)$")


@dataclass(frozen=True, kw_only=True)
class Calls:
    """What was read of all model stages."""

    frame: pd.DataFrame
    """A row a call, oldest first in each stage: `_key`, `stage`, those of `CALL_COLUMNS`, `request` (a hash), `size` of
    the request in tokens or characters, `is_error` (the provider failed)."""
    notes: tuple[str, ...]


def tariffs(settings: CostWatch) -> Tariffs:
    """Return the prices of a pipeline: its own, then the public ones."""
    return Tariffs(settings.prices, usd_per_unit=settings.usd_per_unit or 1.0)


def record_costs(pipeline: Pipeline, stages: Mapping[str, StageData], price: TariffOf) -> pd.Series[Any]:
    """Return what all attempts of each record cost, in USD; index key, NaN where no call of it has a price.

    A record with calls that have a price and others that have none costs what is known of it; a number that cannot be
    is left out. What nobody bills (a failed call without tokens) costs nothing.

    Args:
        pipeline: Its definition; without `monitoring.cost` recorded costs are in USD.
        stages: By name, every model stage.
        price: As `tariffs` gives it.
    """
    calls, _, _ = priced_calls(pipeline, stages, price)
    priced = calls[(calls["state"] == "priced").to_numpy()]
    found: pd.Series[Any] = priced.groupby("_key")["usd"].sum()
    return found


def priced_calls(
    pipeline: Pipeline, stages: Mapping[str, StageData], price: TariffOf
) -> tuple[pd.DataFrame, Absurd, tuple[str, ...]]:
    """Return every call with its price, what was left out, and notes."""
    calls = read_calls(pipeline, stages)
    frame, asked = calls.frame, calls.frame["asked"]
    settings = pipeline.monitoring.cost
    rate = (settings.usd_per_unit or 1.0) if settings is not None else 1.0
    frame = frame.assign(usd=frame["usd"] * rate, model=_priced_names(frame, asked, price))
    priced, absurd = price_calls(frame, price)
    notes = list(calls.notes)
    if absurd.tokens:
        notes.append(
            f"{plural(absurd.tokens, 'call has', 'calls have')} token counts that cannot be (negative or "
            "endless), left out"
        )
    if absurd.usd:
        notes.append(
            f"{plural(absurd.usd, 'call has', 'calls have')} a recorded cost that cannot be (negative or "
            "endless), left out"
        )
    return priced, absurd, tuple(notes)


def _priced_names(frame: pd.DataFrame, asked: pd.Series[Any], price: TariffOf) -> pd.Series[Any]:
    """Return each call's model: as answered, or as asked where the answer names none or one without a price."""
    names = frame["model"]
    now = frame["at"].max().to_pydatetime() if len(frame) else datetime.now(UTC)
    unknown = {name for name in names.dropna().unique() if price(name, now) is None}
    other = names.isna() | names.isin(unknown)
    known = asked.map({name: price(name, now) is not None for name in asked[other].dropna().unique()}).eq(True)
    return names.where(~(other & (known | names.isna())), asked)


def read_calls(pipeline: Pipeline, stages: Mapping[str, StageData]) -> Calls:
    """Return every attempt of every model stage; columns that are missing are said."""
    frames, notes = [], []
    start = datetime(1970, 1, 1, tzinfo=UTC)
    read = WatchRead(start=start, end=start, stages=stages, records=pd.DataFrame())
    for stage in pipeline.stages:
        if stage.kind is StageKind.MODEL and stage.name in stages:
            frame, said = _stage_calls(stage, read)
            frames.append(frame)
            notes += said
    columns = [*_COLUMNS, "asked"]
    if not any(len(one) for one in frames):
        empty = pd.DataFrame(columns=columns).astype({"is_failed": bool, "is_error": bool, "usd": float, "size": float})
        return Calls(frame=empty.assign(at=pd.to_datetime(empty["at"], utc=True)), notes=tuple(notes))
    return Calls(frame=pd.concat([one for one in frames if len(one)], ignore_index=True), notes=tuple(notes))


def _stage_calls(stage: Stage, read: WatchRead) -> tuple[pd.DataFrame, list[str]]:
    named = {
        "request": stage.request,
        "response": stage.response,
        "status": stage.status,
        "model": stage.model,
        "input": stage.input_tokens,
        "output": stage.output_tokens,
        "usd": stage.cost_usd,
    }
    columns = {role: column for role, column in named.items() if column is not None}
    rows = read.attempts(stage.name, (*dict.fromkeys(columns.values()), "_model"))
    n = len(rows)
    if not n:
        return pd.DataFrame(), []
    notes = [
        f"{stage.name}: the column {column} is not among those that were read, so nothing is known of it"
        for role, column in columns.items()
        if role in ("input", "output", "usd") and column not in rows.columns
    ]

    def column(role: str) -> pd.Series[Any]:
        name = columns.get(role)
        return rows[name] if name in rows.columns else pd.Series([None] * n, index=rows.index, dtype=object)

    response, request, status = column("response"), column("request"), column("status")
    body = _from_bodies(response, column("model").fillna(rows.get("_model", column("model"))), column("input"))
    texts = request.map(_text)
    is_open = response.map(is_null).to_numpy(dtype=bool)
    failed = read_statuses(status, lambda one: is_success(one) is False) | is_open
    is_error = np.where(status.notna(), read_statuses(status, _is_provider_error), is_open)
    tokens = pd.to_numeric(body["input"], errors="coerce")
    frame = pd.DataFrame(
        {
            "_key": rows["_key"],
            "stage": stage.name,
            "model": body["model"],
            "at": pd.to_datetime(rows["_time"], utc=True),
            "input": tokens,
            "cached": body["cached"],
            "output": pd.to_numeric(column("output"), errors="coerce").fillna(body["output"]),
            "usd": pd.to_numeric(column("usd"), errors="coerce").astype(float),
            "is_failed": failed,
            "request": _hashes(texts),
            "size": tokens if tokens[~failed].notna().all() else texts.map(len, na_action="ignore"),
            "is_error": is_error.astype(bool),
            "asked": _asked(texts),
        }
    )
    return frame, notes


def _from_bodies(response: pd.Series[Any], model: pd.Series[Any], tokens: pd.Series[Any]) -> pd.DataFrame:
    """Return model and tokens as recorded, and what only the response's body tells."""
    found = pd.DataFrame(
        {
            "model": pd.Series(list(map(_text, model)), index=model.index, dtype=object),
            "input": pd.to_numeric(tokens, errors="coerce").astype(float),
        },
        index=response.index,
    ).assign(cached=np.nan, output=np.nan)
    # What is missing is read from the body, and what came from a cache stands nowhere else.
    has_cached = response.map(lambda value: not isinstance(value, str) or _CACHED.search(value) is not None)
    is_missing = found["model"].isna() | found["input"].isna()
    wanted = (response.notna() & (has_cached.astype(bool) | is_missing)).to_numpy()
    read = [_usage(value) for value in response.to_numpy(dtype=object)[wanted]]
    if read:
        body = pd.DataFrame(read, columns=["model", "input", "cached", "output"], index=found.index[wanted])
        found["model"] = found["model"].where(found["model"].notna(), body["model"].reindex(found.index))
        for name in ("input", "cached", "output"):
            found[name] = found[name].fillna(body[name].astype(float).reindex(found.index))
    return found


def _usage(value: Any) -> tuple[str | None, int | None, int | None, int | None]:
    """Return model, tokens in, those of them from a cache, and tokens out, as far as a body tells them."""
    model, counts = read_usage(value)
    return model, counts.input_tokens, counts.cached_tokens, counts.output_tokens


def _asked(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return the model that each request asks for."""
    return pd.Series(
        [m[1] if isinstance(text, str) and (m := _ASKED.search(text)) else None for text in texts], index=texts.index
    ).astype(object)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return None if is_null(value) else str(value)


def _hashes(texts: pd.Series[Any]) -> Any:
    """Return a hash of each request; one that is not recorded is like no other."""
    hashes = pd.util.hash_array(texts.fillna("").to_numpy(dtype=object))
    missing = texts.isna().to_numpy()
    hashes[missing] = np.arange(int(missing.sum()), dtype=np.uint64)
    return hashes


def _is_provider_error(status: Any) -> bool:
    """Return whether a status says that the provider failed, so that asking again is right."""
    text = str(status).strip().casefold().removesuffix(".0")
    if text.isdigit():
        return int(text) in _PROVIDER_STATUSES
    return is_success(status) is not True and _PROVIDER_WORDS.search(text) is not None


def runs_of(calls: pd.DataFrame) -> dict[Loop, pd.Series[Any]]:
    """Return by kind the longest run of each record with several calls of one stage."""
    several = calls[calls.duplicated(["_key", "stage"], keep=False).to_numpy()]
    found: dict[Loop, pd.Series[Any]] = {kind: pd.Series(dtype=int) for kind in Loop}
    for _, part in several.groupby("stage", sort=False):
        for kind, lengths in longest_runs(part).items():
            known = found[kind]
            found[kind] = lengths if known.empty else known.combine(lengths, max, 0).astype(int)
    return found


def read_sources(
    pipeline: Pipeline, settings: CostWatch, stages: Mapping[str, StageData], keys: pd.Index[Any]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the value of each source of each record as text, and which could not be read."""
    found, notes = pd.DataFrame(index=keys), []
    for name in settings.sources or pipeline.segments:
        stage, _, field = name.partition(".")
        data = stages.get(stage)
        if data is None or field not in data.payload.columns:
            notes.append(f"{name} is no source of costs: the stage has no such column")
            continue
        found[name] = data.payload[field].reindex(keys).map(_short)
    for one in pipeline.stages:
        data = stages.get(one.name)
        if one.kind is StageKind.MODEL and data is not None and "_model" in data.payload.columns:
            found[f"{one.name}.model"] = data.payload["_model"].reindex(keys).map(_short)
    return found, tuple(notes)


def _short(value: Any) -> str | None:
    text = strict_text(value)
    return None if text is None else text[:80]
