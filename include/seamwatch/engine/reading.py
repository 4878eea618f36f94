"""Read rows of the stages of a pipeline, from wherever they lie; a window of them is put together in `window.py`."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from seamwatch.adapters.base import Connections, StageSource
from seamwatch.adapters.connections import database_url
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.adapters.stages.times import holds_timestamps, time_candidates
from seamwatch.core.records.frames import key_text
from seamwatch.core.records.json_documents import column_of
from seamwatch.core.results import Window
from seamwatch.engine.keyed_tables import KeyedTable
from seamwatch.engine.row_times import RowTime, payload_names
from seamwatch.errors import DataContractError, StageError
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline, Stage

_PROBED = 200
"""Rows by which it is told whether a column of text holds times."""


ALL_TIME = Window(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))
"""Times outside of it are sentinels, and none can be compared with text or epochs."""


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
        self._connections = connections
        self._project = project
        self._times: dict[str, RowTime] = {}
        self._sources: dict[str, SqlStageSource] = {}

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
        """Return rows of a stage, all its columns or those that `fields` names; of a span, those with a time."""
        return self.counted_rows(stage, **selection)[0]

    def counted_rows(self, stage: Stage, **selection: Any) -> tuple[pd.DataFrame, int]:
        """Return what `rows` does, and how many rows of a span of time were left out, since their time is none."""
        source = self.source(self.pipeline.stage_database(stage))
        time = selection.get("time") or self.time_column(stage)
        rows = source.read(
            stage.table or stage.query or "",
            is_query=stage.query is not None,
            columns=self._columns(stage, time),
            **selection,
        )
        if time is None or selection.get("start") is None:
            return rows, 0
        has_time = rows[time].notna().to_numpy()
        return (rows if has_time.all() else rows[has_time]), int((~has_time).sum())

    def read_alike(self, stage: Stage) -> tuple[Hashable, ...]:
        """Return what two stages have in common where one's rows are the other's, as of a prompt and its model."""
        time, table = self.time_column(stage), self.table(stage)
        columns = self._columns(stage, time)
        place = (self.pipeline.stage_database(stage), table.relation, table.is_query)
        return (*place, table.key, table.form, time, None if columns is None else tuple(columns))

    def _columns(self, stage: Stage, time: str | None) -> list[str] | None:
        if not stage.fields:
            return None
        named = (stage.request, stage.response, stage.status, stage.finish_reason, stage.model, time)
        present = self.columns(stage)
        measures = [column for column in stage.measures if column in present]
        wanted = [self.pipeline.stage_key(stage), *(c for c in named if c), *measures]
        wanted += [column_of(name, present) or name for name in stage.fields]
        return list(dict.fromkeys(wanted))

    def table(self, stage: Stage) -> KeyedTable:
        """Return the table or query of a stage, to be looked up by the keys of records."""
        return KeyedTable(
            source=self.source(self.pipeline.stage_database(stage)),
            relation=stage.table or stage.query or "",
            is_query=stage.query is not None,
            key=self.pipeline.stage_key(stage),
            form=self.pipeline.stage_key_form(stage),
        )

    def keys_of(self, stage: Stage, rows: pd.DataFrame) -> pd.Series[Any]:
        """Return the keys of rows as other stages are asked for them."""
        keys, form = rows[self.pipeline.stage_key(stage)], self.pipeline.stage_key_form(stage)
        return keys if form == "exact" or pd.api.types.is_integer_dtype(keys.dtype) else key_text(keys, form)

    def typed(self, stage: Stage, rows: pd.DataFrame, *, as_text: bool) -> pd.DataFrame:
        """Return the rows with keys that can be compared with those of other stages."""
        key = self.pipeline.stage_key(stage)
        if not as_text:
            return rows
        return rows.assign(**{key: key_text(rows[key], self.pipeline.stage_key_form(stage))})

    def rows_of(self, stage: Stage, keys: pd.Series[Any], time: str | None = None) -> pd.DataFrame:
        """Return every row of some records of a stage; StageError, DataContractError without the key's column."""
        table = self.table(stage)
        frame = self.rows(stage, key=table.key, time=time, **table.selected(keys.dropna().unique().tolist()))
        require_key(frame, self.pipeline, stage)
        return frame

    def unknown(self, keys: pd.Index[Any], *, as_text: bool) -> pd.Index[Any]:
        """Return the keys that the first stage does not hold at any time."""
        if not len(keys):
            return keys
        first = self.pipeline.first_stage
        held = self.typed(first, self.rows_of(first, pd.Series(keys)), as_text=as_text)
        return keys[~keys.isin(held[self.pipeline.stage_key(first)])]

    def versions(self, stage: Stage, keys: Collection[Any]) -> pd.DataFrame:
        """Return every row of some records of a stage, with `_key` and `_time`, for corrections at the source."""
        key, time = self.pipeline.stage_key(stage), self.time_column(stage)
        series = pd.Series(list(keys), dtype=object)
        rows = self.rows_of(stage, series, time=time)
        as_text = bool(len(series)) and isinstance(series.iloc[0], str)
        return self.typed(stage, rows, as_text=as_text).rename(
            columns={key: "_key", **({time: "_time"} if time else {})}
        )


def require_key(rows: pd.DataFrame, pipeline: Pipeline, stage: Stage) -> None:
    """Raise DataContractError unless rows of a stage have the column of its keys."""
    key = pipeline.stage_key(stage)
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
