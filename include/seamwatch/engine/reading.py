"""Read the stages of a window, record by record, from wherever they lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd

from seamwatch.adapters.base import Connections, StageSource
from seamwatch.adapters.connections import database_url
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.adapters.stages.times import holds_timestamps, time_candidates
from seamwatch.core.records.frames import StageData, key_text, stage_data
from seamwatch.core.records.json_documents import column_of
from seamwatch.core.records.keys import KeyMismatch
from seamwatch.core.results import Window
from seamwatch.engine.keyed_tables import KeyedTable
from seamwatch.engine.row_times import RowTime, payload_names
from seamwatch.errors import DataContractError, StageError
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline, Stage

_SKEW = timedelta(hours=1)
"""How much earlier than the first stage a later one may claim to be, by a clock that is off."""
_PROBED = 200
"""Rows by which it is told whether a column of text holds times."""


@dataclass(frozen=True, kw_only=True)
class WindowData:
    """The stages of one window."""

    stages: Mapping[str, StageData]
    extra: Mapping[str, pd.Index[Any]] = field(default_factory=dict)
    """By stage, keys with a row in the window that no source knows."""
    mismatches: Mapping[str, KeyMismatch] = field(default_factory=dict)
    """By stage, records of the window that would be found there if keys were compared in another form."""

    @property
    def payloads(self) -> dict[str, pd.DataFrame]:
        """Return the payloads by stage."""
        return {name: data.payload for name, data in self.stages.items()}


class StageReader:
    """Reads stages of one pipeline; keeps one source per database open."""

    def __init__(self, pipeline: Pipeline, connections: Connections, project: Project | None = None) -> None:
        """Open nothing yet.

        Args:
            pipeline: Its stages.
            connections: Where their databases are found.
            project: Where references lie: a column that one names is payload, and no guess at the time of a row.
        """
        self.pipeline = pipeline
        self.unreadable_times: dict[str, int] = {}
        """By stage, rows that were left out of what was read, since their time is none."""
        self._connections = connections
        self._project = project
        self._times: dict[str, RowTime] = {}
        self._sources: dict[str, SqlStageSource] = {}
        self._as_text: bool | None = None

    def source(self, database: str) -> SqlStageSource:
        """Return the database behind a connection id; ConnectionNotFound, AdapterError."""
        if database not in self._sources:
            url = database_url(self._connections.get(database))
            self._sources[database] = SqlStageSource(url, label=database)
        return self._sources[database]

    def close(self) -> None:
        """Close every database."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()

    def columns(self, stage: Stage) -> Mapping[str, str]:
        """Return the columns of a stage's table or query, each with its type family; StageError."""
        source = self.source(self.pipeline.stage_database(stage))
        return source.columns(stage.table or stage.query or "", is_query=stage.query is not None)

    def time_column(self, stage: Stage) -> str | None:
        """Return the stage's time column: the one named, or a guess; None where there is none; StageError."""
        return self.row_time(stage).column

    def row_time(self, stage: Stage) -> RowTime:
        """Return which column holds the time of a row, and whether that is a guess.

        Without `time` it is the one timestamp that nothing names as payload; where a database has no type for that, the
        one column of text that is called like a time (`updated_at`) and holds points in time.

        Raises:
            StageError: If there are several and none is named.
        """
        if stage.time is not None:
            return RowTime(column=stage.time)
        if stage.name not in self._times:
            self._times[stage.name] = self._guess_time(stage)
        return self._times[stage.name]

    def _guess_time(self, stage: Stage) -> RowTime:
        stamps, texts = time_candidates(self.columns(stage))
        named = payload_names(self.pipeline, stage, self._project) if stamps or texts else {}
        free = [name for name in stamps if name not in named]
        if not stamps:
            free = [name for name in texts if name not in named and self._holds_times(stage, name)]
        if len(free) > 1:
            msg = (
                f"{self.pipeline.pipeline}.{stage.name} ({stage.relation}) has several time columns "
                f"({', '.join(free)}); name the right one with 'time'"
            )
            raise StageError(msg)
        passed_over = {name: named[name] for name in (*stamps, *texts) if name in named}
        return RowTime(column=free[0] if free else None, is_guessed=bool(free), passed_over=passed_over)

    def _holds_times(self, stage: Stage, column: str) -> bool:
        source = self.source(self.pipeline.stage_database(stage))
        relation, is_query = stage.table or stage.query or "", stage.query is not None
        return holds_timestamps(source.read(relation, is_query=is_query, columns=[column], limit=_PROBED)[column])

    def rows(self, stage: Stage, **selection: Any) -> pd.DataFrame:
        """Return rows of a stage, all its columns or those that `fields` names.

        Of a span of time, rows whose time cannot be read are left out, and counted in `unreadable_times`.
        """
        source = self.source(self.pipeline.stage_database(stage))
        time = selection.get("time") or self.time_column(stage)
        rows = source.read(
            stage.table or stage.query or "",
            is_query=stage.query is not None,
            columns=self._columns(stage, time),
            **selection,
        )
        if time is None or selection.get("start") is None:
            return rows
        has_time = rows[time].notna().to_numpy()
        self.unreadable_times[stage.name] = self.unreadable_times.get(stage.name, 0) + int((~has_time).sum())
        return rows[has_time]

    def _columns(self, stage: Stage, time: str | None) -> list[str] | None:
        if not stage.fields:
            return None
        named = (stage.request, stage.response, stage.status, stage.finish_reason, stage.model, time)
        present = self.columns(stage)
        measures = [column for column in stage.measures if column in present]
        wanted = [self.pipeline.stage_key(stage), *(c for c in named if c), *measures]
        wanted += [column_of(name, present) or name for name in stage.fields]
        return list(dict.fromkeys(wanted))

    def read(self, window: Window, only: Collection[str] | None = None) -> WindowData:
        """Return the records of the window at every stage, or at some.

        A record belongs to the window by the time of its first stage. Later stages are read for the window and the
        pipeline's `settle` time; records still missing then are looked for by key, and counted as late when found.

        Raises:
            StageError, AdapterError: If a table cannot be read.
            DataContractError: If a key column is missing.
        """
        first = self.pipeline.first_stage
        first_time = self.time_column(first)
        if first_time is None:
            aside = f" ({self.row_time(first).aside})" if self.row_time(first).passed_over else ""
            msg = (
                f"{self.pipeline.pipeline}.{first.name} has no time column{aside}; a window needs one, name it with "
                "'time'"
            )
            raise StageError(msg)
        rows = self.rows(first, time=first_time, start=window.start, end=window.end)
        first_key = self.pipeline.stage_key(first)
        _require_key(rows, first_key, self.pipeline, first)
        wanted = [s for s in self.pipeline.stages if only is None or s.name in only or s == first]
        raw = {s.name: self._stage_rows(s, window, self._keys_of(first, rows)) for s in wanted if s != first}
        as_text = not pd.api.types.is_integer_dtype(rows[first_key].dtype) or any(
            not pd.api.types.is_integer_dtype(frame[self.pipeline.stage_key(self.pipeline.stage(name))].dtype)
            for name, (frame, _, _) in raw.items()
            if len(frame)
        )
        stages = {
            first.name: stage_data(self._typed(first, rows, as_text), first, key=first_key, time=first_time),
        }
        known = stages[first.name].payload.index
        extra: dict[str, pd.Index[Any]] = {}
        mismatches: dict[str, KeyMismatch] = {}
        for name, (frame, time, n_late) in raw.items():
            stage = self.pipeline.stage(name)
            key = self.pipeline.stage_key(stage)
            typed = self._typed(stage, frame, as_text)
            mine = typed[key].isin(known) | typed[key].isna()
            stages[name] = stage_data(typed[mine.to_numpy()], stage, key=key, time=time, n_late=n_late)
            found = self._mismatch(stage, known, typed[key], None if time is None else typed.loc[~mine, key])
            if found is not None:
                mismatches[name] = found
            if time is not None:
                inside = typed[(~mine & (typed[time] >= window.start) & (typed[time] < window.end)).to_numpy()]
                keys = pd.Index(inside[key].unique())
                extra[name] = self._unknown(keys if found is None else keys[~keys.isin(list(found.right))], as_text)
        return WindowData(stages=stages, extra=extra, mismatches=mismatches)

    def _table(self, stage: Stage) -> KeyedTable:
        return KeyedTable(
            source=self.source(self.pipeline.stage_database(stage)),
            relation=stage.table or stage.query or "",
            is_query=stage.query is not None,
            key=self.pipeline.stage_key(stage),
            form=self.pipeline.stage_key_form(stage),
        )

    def _keys_of(self, stage: Stage, rows: pd.DataFrame) -> pd.Series[Any]:
        """Return the keys of rows as other stages are asked for them."""
        keys, form = rows[self.pipeline.stage_key(stage)], self.pipeline.stage_key_form(stage)
        return keys if form == "exact" or pd.api.types.is_integer_dtype(keys.dtype) else key_text(keys, form)

    def _typed(self, stage: Stage, rows: pd.DataFrame, as_text: bool) -> pd.DataFrame:
        """Return the rows with keys that can be compared with those of other stages."""
        key = self.pipeline.stage_key(stage)
        if not as_text:
            return rows
        return rows.assign(**{key: key_text(rows[key], self.pipeline.stage_key_form(stage))})

    def _mismatch(
        self, stage: Stage, known: pd.Index[Any], keys: pd.Series[Any], others: pd.Series[Any] | None
    ) -> KeyMismatch | None:
        """Return the form in which records that are missing at a stage would be found there.

        Args:
            stage: The stage.
            known: Keys of the window's records.
            keys: Keys of the rows that were read.
            others: Those that no record of the window has; None where rows were read by the records' keys only.
        """
        missing = known[~known.isin(keys)]
        if not len(missing):
            return None
        found = self._table(stage).mismatch(missing, others)
        return found and replace(found, n_left=len(known), n_matching=len(known) - len(missing))

    def _stage_rows(self, stage: Stage, window: Window, keys: pd.Series[Any]) -> tuple[pd.DataFrame, str | None, int]:
        key, time = self.pipeline.stage_key(stage), self.time_column(stage)
        if time is None:
            frame = self._by_key(stage, keys)
            return frame, None, 0
        start, end = window.start - _SKEW, window.end + self.pipeline.settle
        frame = self.rows(stage, time=time, start=start, end=end)
        _require_key(frame, key, self.pipeline, stage)
        seen = set(key_text(frame[key], self.pipeline.stage_key_form(stage)).dropna())
        missing = keys[(~key_text(keys).isin(seen) & keys.notna()).to_numpy()]
        late = self._by_key(stage, missing, time=time) if len(missing) else frame.iloc[:0]
        return (pd.concat([frame, late], ignore_index=True) if len(late) else frame), time, late[key].nunique()

    def _by_key(self, stage: Stage, keys: pd.Series[Any], time: str | None = None) -> pd.DataFrame:
        table = self._table(stage)
        frame = self.rows(stage, key=table.key, time=time, **table.selected(keys.dropna().unique().tolist()))
        _require_key(frame, table.key, self.pipeline, stage)
        return frame

    def _unknown(self, keys: pd.Index[Any], as_text: bool) -> pd.Index[Any]:
        """Return the keys that the first stage does not hold at any time."""
        if not len(keys):
            return keys
        first = self.pipeline.first_stage
        held = self._typed(first, self._by_key(first, pd.Series(keys)), as_text)
        return keys[~keys.isin(held[self.pipeline.stage_key(first)])]

    def versions(self, stage: Stage, keys: Collection[Any]) -> pd.DataFrame:
        """Return every row of some records of a stage, with `_key` and `_time`, for corrections at the source."""
        key, time = self.pipeline.stage_key(stage), self.time_column(stage)
        series = pd.Series(list(keys), dtype=object)
        rows = self._by_key(stage, series, time=time)
        as_text = bool(len(series)) and isinstance(series.iloc[0], str)
        return self._typed(stage, rows, as_text).rename(columns={key: "_key", **({time: "_time"} if time else {})})


def _require_key(rows: pd.DataFrame, key: str, pipeline: Pipeline, stage: Stage) -> None:
    if key not in rows.columns:
        known = ", ".join(map(str, rows.columns))
        msg = f"{pipeline.pipeline}.{stage.name} ({stage.relation}): no key column {key!r}; known: {known}"
        raise DataContractError(msg)


def read_relation(
    source: StageSource, *, table: str | None, query: str | None, key: str, limit: int | None = None
) -> pd.DataFrame:
    """Return a truth or benchmark table by key (as text), the last row of a key, rows without a key left out."""
    rows = source.read(table or query or "", is_query=query is not None, columns=None, limit=limit)
    if key not in rows.columns:
        msg = f"{table or 'query'}: no key column {key!r}; known: {', '.join(map(str, rows.columns))}"
        raise DataContractError(msg)
    return rows[rows[key].notna().to_numpy()].drop_duplicates(key, keep="last")


def read_some(source: StageSource, query: str, limit: int, columns: Collection[str] | None) -> pd.DataFrame:
    """Return at most so many rows of a query, with those of the columns that it has; None: all that it has."""
    known = source.columns(query, is_query=True)
    wanted = None if columns is None else [name for name in known if name in columns]
    return source.read(query, is_query=True, columns=wanted, limit=limit)
