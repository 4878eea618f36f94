"""One window of a pipeline: each table is read at most once, and each stage reconciled at most once.

What checks the stages and what attributes the outcomes ask the same `WindowReader` where one process does both; a task
that checks one stage reads that stage and its inputs only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from seamwatch.adapters.base import Connections
from seamwatch.core.records.frames import StageData, key_text, stage_data
from seamwatch.core.records.keys import KeyMismatch
from seamwatch.core.records.reconciliation import Reconciliation, reconcile
from seamwatch.core.records.references import Reference
from seamwatch.core.results import Window
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader, require_key
from seamwatch.engine.references import load_reference
from seamwatch.errors import StageError
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline, Stage

if TYPE_CHECKING:
    from seamwatch.engine.deps import Deps  # its store is heavy to import, and `check` needs none

_SKEW = timedelta(hours=1)
"""How much earlier than the first stage a later one may claim to be, by a clock that is off."""


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


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows of a stage that may belong to records of the window, as its database gave them."""

    frame: pd.DataFrame
    time: str | None
    n_late: int = 0
    n_without_time: int = 0


@dataclass(frozen=True, kw_only=True)
class _StageOfWindow:
    data: StageData
    extra: pd.Index[Any] | None = None
    mismatch: KeyMismatch | None = None


class WindowReader:
    """Reads the stages of one window when they are asked for, and keeps them until it is closed."""

    def __init__(self, reader: StageReader, window: Window) -> None:
        """Read nothing yet.

        Args:
            reader: Of the pipeline's stages; closed with this.
            window: The span of time.
        """
        self.reader, self.window, self.pipeline = reader, window, reader.pipeline
        self.n_without_time: dict[str, int] = {}
        """By stage that was read, rows that were left out, since their time is none."""
        self._rows: dict[Hashable, _Rows] = {}
        self._stages: dict[tuple[str, bool], _StageOfWindow] = {}
        self._whole: WindowData | None = None
        self._references: dict[str, Reference | None] = {}
        self._reconciled: dict[str, tuple[tuple[object, ...], Reconciliation]] = {}

    def close(self) -> None:
        """Close every database, and let go of what was read."""
        self.reader.close()
        self._rows.clear()
        self._stages.clear()
        self._reconciled.clear()
        self._whole = None

    def read(self, only: Collection[str] | None = None) -> WindowData:
        """Return the records of the window at every stage, or at least at some.

        A record belongs to the window by the time of its first stage. Later stages are read for the window and the
        pipeline's `settle` time; records still missing then are looked for by key, and counted as late when found.
        Keys are whole numbers where all stages that are asked for have such, else text: the same records either way.

        Raises:
            StageError, AdapterError: If a table cannot be read.
            DataContractError: If a key column is missing.
        """
        if self._whole is not None:
            return self._whole
        first = self.pipeline.first_stage
        wanted = [first, *(s for s in self.pipeline.stages if s != first and (only is None or s.name in only))]
        rows = {stage.name: self._rows_of(stage) for stage in wanted}
        as_text = any(not self._has_numbers(stage, rows[stage.name].frame, is_first=stage == first) for stage in wanted)
        stages = {stage.name: self._stage(stage, rows[stage.name], as_text=as_text) for stage in wanted}
        data = WindowData(
            stages={name: one.data for name, one in stages.items()},
            extra={name: one.extra for name, one in stages.items() if one.extra is not None},
            mismatches={name: one.mismatch for name, one in stages.items() if one.mismatch is not None},
        )
        if len(wanted) == len(self.pipeline.stages):
            self._whole = data
            self._stages.clear()
        return data

    def all_columns(self, stage: Stage, *, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the rows of a stage in a span, with all columns of its table; read where the window has them not.

        Args:
            stage: The stage; it has a time.
            start: Aware time.
            end: Aware time, itself excluded: at most the window's end, and of later stages `settle` beyond it.

        Raises:
            StageError, AdapterError: If the table cannot be read.
        """
        if stage.fields or start < self.window.start:
            whole = stage.model_copy(update={"fields": ()})
            return self.reader.rows(whole, time=self.reader.time_column(stage), start=start, end=end)
        rows = self._rows_of(stage)
        times = rows.frame[rows.time]
        return rows.frame[((times >= start) & (times < end)).to_numpy()]

    def reference(self, project: Project, stage: Stage) -> Reference | None:
        """Return the stage's reference, or None where it has none; SpecError."""
        if stage.name not in self._references:
            self._references[stage.name] = load_reference(project, stage)
        return self._references[stage.name]

    def reconcile(
        self, stage: Stage, recorded: Mapping[str, pd.DataFrame], reference: Reference | None, data: WindowData
    ) -> Reconciliation:
        """Return the stage compared with its reference; what was compared before is not compared again.

        Args:
            stage: The stage.
            recorded: Payloads of it and its inputs, by stage.
            reference: None means that the stage is watched, not checked.
            data: What `read` returned.

        Raises:
            DataContractError: As `core.records.reconciliation.reconcile`.
        """
        inputs = {name: recorded[name] for name in stage.input}
        extra, mismatch = data.extra.get(stage.name), data.mismatches.get(stage.name)
        given = (recorded[stage.name], *inputs.values(), reference, extra, mismatch)
        before = self._reconciled.get(stage.name)
        if before is not None and all(one is other for one, other in zip(before[0], given, strict=True)):
            return before[1]
        found = reconcile(stage, recorded[stage.name], inputs, reference, extra=extra, mismatch=mismatch)
        self._reconciled[stage.name] = given, found
        return found

    def _rows_of(self, stage: Stage) -> _Rows:
        is_first = stage == self.pipeline.first_stage
        alike: Hashable = stage.name if is_first else self.reader.read_alike(stage)
        if alike not in self._rows:
            self._rows[alike] = self._read_first(stage) if is_first else self._read_later(stage)
        rows = self._rows[alike]
        require_key(rows.frame, self.pipeline, stage)
        self.n_without_time[stage.name] = rows.n_without_time
        return rows

    def _read_first(self, first: Stage) -> _Rows:
        time = self.reader.time_column(first)
        if time is None:
            row_time = self.reader.row_time(first)
            aside = f" ({row_time.aside})" if row_time.passed_over else ""
            msg = (
                f"{self.pipeline.pipeline}.{first.name} has no time column{aside}; a window needs one, name it with "
                "'time'"
            )
            raise StageError(msg)
        span = {"start": self.window.start, "end": self.window.end}
        frame, n_without_time = self.reader.counted_rows(first, time=time, **span)
        return _Rows(frame=frame, time=time, n_without_time=n_without_time)

    def _read_later(self, stage: Stage) -> _Rows:
        first = self.pipeline.first_stage
        keys = self.reader.keys_of(first, self._rows_of(first).frame)
        time = self.reader.time_column(stage)
        if time is None:
            return _Rows(frame=self.reader.rows_of(stage, keys), time=None)
        span = {"start": self.window.start - _SKEW, "end": self.window.end + self.pipeline.settle}
        frame, n_without_time = self.reader.counted_rows(stage, time=time, **span)
        require_key(frame, self.pipeline, stage)
        key = self.pipeline.stage_key(stage)
        seen = set(key_text(frame[key], self.pipeline.stage_key_form(stage)).dropna())
        missing = keys[(~key_text(keys).isin(seen) & keys.notna()).to_numpy()]
        late = self.reader.rows_of(stage, missing, time=time) if len(missing) else frame.iloc[:0]
        return _Rows(
            frame=pd.concat([frame, late], ignore_index=True) if len(late) else frame,
            time=time,
            n_late=late[key].nunique(),
            n_without_time=n_without_time,
        )

    def _has_numbers(self, stage: Stage, rows: pd.DataFrame, *, is_first: bool) -> bool:
        """Return whether the keys are whole numbers; of a later stage without rows they may be anything."""
        if not is_first and not len(rows):
            return True
        return pd.api.types.is_integer_dtype(rows[self.pipeline.stage_key(stage)].dtype)

    def _stage(self, stage: Stage, rows: _Rows, *, as_text: bool) -> _StageOfWindow:
        name = (stage.name, as_text)
        if name not in self._stages:
            is_first = stage == self.pipeline.first_stage
            self._stages[name] = self._first(rows, as_text) if is_first else self._later(stage, rows, as_text)
        return self._stages[name]

    def _first(self, rows: _Rows, as_text: bool) -> _StageOfWindow:
        first = self.pipeline.first_stage
        typed = self.reader.typed(first, rows.frame, as_text=as_text)
        return _StageOfWindow(data=stage_data(typed, first, key=self.pipeline.stage_key(first), time=rows.time))

    def _later(self, stage: Stage, rows: _Rows, as_text: bool) -> _StageOfWindow:
        first, key, time = self.pipeline.first_stage, self.pipeline.stage_key(stage), rows.time
        known = self._stage(first, self._rows_of(first), as_text=as_text).data.payload.index
        typed = self.reader.typed(stage, rows.frame, as_text=as_text)
        mine = typed[key].isin(known) | typed[key].isna()
        data = stage_data(typed[mine.to_numpy()], stage, key=key, time=time, n_late=rows.n_late)
        mismatch = self._mismatch(stage, known, typed[key], None if time is None else typed.loc[~mine, key])
        if time is None:
            return _StageOfWindow(data=data, mismatch=mismatch)
        inside = typed[(~mine & (typed[time] >= self.window.start) & (typed[time] < self.window.end)).to_numpy()]
        keys = pd.Index(inside[key].unique())
        unmet = keys if mismatch is None else keys[~keys.isin(list(mismatch.right))]
        return _StageOfWindow(data=data, extra=self.reader.unknown(unmet, as_text=as_text), mismatch=mismatch)

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
        found = self.reader.table(stage).mismatch(missing, others)
        return found and replace(found, n_left=len(known), n_matching=len(known) - len(missing))


@contextmanager
def open_window(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    open_reader: Callable[[Pipeline, Connections, Project], StageReader] = StageReader,
) -> Iterator[WindowReader]:
    """Yield the window, of which nothing is read yet; its databases are closed in the end.

    The protocol of every endpoint is settled: a recorded answer is read by it, and it may stand in the connection only.
    """
    found = WindowReader(open_reader(with_protocols(pipeline, deps), deps.connections, deps.project), window)
    try:
        yield found
    finally:
        found.close()
