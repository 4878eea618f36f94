"""What a look hands to every watch: the stages and records that are new since the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.core.records.frames import StageData


@dataclass(frozen=True, kw_only=True)
class WatchRead:
    """Records from a full hour on, at every stage."""

    start: datetime
    """A full hour, UTC; every record of the pipeline from here on is in `records`."""
    end: datetime
    stages: Mapping[str, StageData]
    """By name. `payload`: index key, the last successful attempt; `versions`: every attempt of records with several."""
    records: pd.DataFrame
    """Index key; columns `core.slo.events.RECORD_COLUMNS`; `at` is when the first stage had it (aware)."""

    def attempts(self, stage: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """Return every attempt of a stage, oldest first: columns `_key`, `_time` and those asked for that it has."""
        data = self.stages[stage]
        again: pd.Index[Any] = pd.Index(data.versions["_key"].unique()) if len(data.versions) else pd.Index([])
        once = data.payload.loc[~data.payload.index.isin(again)]
        single = once.reindex(columns=[one for one in columns if one in once.columns])
        single = single.assign(_key=single.index, _time=pd.to_datetime(data.times.reindex(single.index), utc=True))
        parts = [part for part in (single, data.versions) if len(part)]
        if not parts:
            return pd.DataFrame(columns=["_key", "_time", *columns])
        found = pd.concat(parts, ignore_index=True)
        known = [one for one in ("_key", "_time", *columns) if one in found.columns]
        return found[known].sort_values("_time", kind="stable", ignore_index=True)
