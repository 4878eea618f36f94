"""Sums of an hour's calls, and how they are usually: by hour of the day, on working days and weekends.

A record's calls all count to the hour in which the record began, so an hour that is read again replaces its sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.detection.hours import hour_starts
from seamwatch.core.detection.sketch import Sketch

Floats = NDArray[np.float64]
AMOUNTS = ("calls", "fresh", "cached", "output", "usd_fresh", "usd_cached", "usd_output", "usd_rest")
"""What is summed of the calls of one cell: a model stage, model and price tier."""
_MOST_VALUES = 20
"""Values of a source that are kept each hour; the rest is one value."""
OTHER = "(other)"
UNKNOWN = "(unknown)"

Cell = tuple[str, str, int]
"""Model stage, model, price tier."""


@dataclass(frozen=True, kw_only=True)
class HourSums:
    """What an hour's records cost; all parts add up."""

    start: datetime
    records: float = 0.0
    failed: float = 0.0
    """Failed calls that nobody bills."""
    cells: Mapping[Cell, Floats] = field(default_factory=dict)
    """Values in the order of `AMOUNTS`."""
    unpriced: Mapping[str, float] = field(default_factory=dict)
    """Calls by model without a price or tokens."""
    per_record: Sketch = field(default_factory=Sketch)
    """What each record cost."""
    runs: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """By kind of loop, records by length."""
    sources: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    """By column and value: records and USD."""
    found_since: datetime | None = None
    """Since when a look in this hour found something."""

    @property
    def usd(self) -> float:
        """Return what all calls cost."""
        return float(sum(values[4:].sum() for values in self.cells.values()))

    @property
    def calls(self) -> float:
        """Return the calls that were answered or billed."""
        return float(sum(values[0] for values in self.cells.values()))

    def to_data(self) -> dict[str, Any]:
        """Return it as plain JSON data, without its start."""
        return {
            "records": self.records,
            "failed": self.failed,
            "cells": [[*cell, *map(float, values)] for cell, values in self.cells.items()],
            "unpriced": dict(self.unpriced),
            "per_record": self.per_record.to_json(),
            "runs": {kind: [list(one) for one in lengths.items()] for kind, lengths in self.runs.items()},
            "sources": {name: {v: list(pair) for v, pair in values.items()} for name, values in self.sources.items()},
            "found_since": self.found_since.isoformat() if self.found_since else None,
        }

    @classmethod
    def of(cls, start: datetime, data: Mapping[str, Any]) -> HourSums:
        """Return what `to_data` made."""
        return cls(
            start=start,
            records=data["records"],
            failed=data["failed"],
            cells={(row[0], row[1], int(row[2])): np.array(row[3:], dtype=float) for row in data["cells"]},
            unpriced=data["unpriced"],
            per_record=Sketch.from_json(data["per_record"]),
            runs={kind: {int(length): n for length, n in rows} for kind, rows in data["runs"].items()},
            sources={
                name: {value: (pair[0], pair[1]) for value, pair in values.items()}
                for name, values in data["sources"].items()
            },
            found_since=datetime.fromisoformat(data["found_since"]) if data.get("found_since") else None,
        )


def hour_sums(
    at: pd.Series[Any], calls: pd.DataFrame, runs: Mapping[str, pd.Series[Any]], sources: pd.DataFrame
) -> list[HourSums]:
    """Return the sums of every hour with a record, oldest first.

    Args:
        at: Aware time of each record; index key.
        calls: As `price_calls` gives them, with `_key` and `stage`; calls of other keys are left out.
        runs: By kind of loop, the length by key; records that are not in it have length 1.
        sources: Index key, a column of texts for each source.
    """
    hours = at.dt.tz_convert("UTC").dt.floor("h")
    if at.empty:
        return []
    calls = calls.assign(hour=calls["_key"].map(hours))
    calls = calls[calls["hour"].notna().to_numpy()]
    billed = calls[(calls["state"] != "free").to_numpy()].assign(calls=1.0)
    billed["model"] = billed["model"].fillna(UNKNOWN)
    cells = billed.groupby(["hour", "stage", "model", "tier"], sort=True)[list(AMOUNTS)].sum()
    failed = calls[(calls["state"] == "free").to_numpy()].groupby("hour").size()
    unpriced = billed[(billed["state"] == "unpriced").to_numpy()].groupby(["hour", "model"]).size()
    usd = calls.groupby("_key")["usd"].sum().reindex(at.index).fillna(0.0)
    by_hour: dict[Any, dict[str, Any]] = {
        hour: {"records": float(n), "cells": {}, "unpriced": {}, "runs": {}, "sources": {}}
        for hour, n in hours.value_counts(sort=False).items()
    }
    for (hour, stage, model, tier), values in zip(cells.index, cells.to_numpy(dtype=float), strict=True):
        by_hour[hour]["cells"][(stage, model, int(tier))] = values
    for (hour, model), n in zip(unpriced.index, unpriced.tolist(), strict=True):
        by_hour[hour]["unpriced"][model] = float(n)
    for hour, costs in usd.groupby(hours):
        by_hour[hour]["per_record"] = Sketch.of(costs)
    for kind, lengths in runs.items():
        whole = lengths.reindex(at.index).fillna(1).astype(int)
        counts = whole.groupby([hours.rename("hour"), whole.rename("length")]).size()
        for (hour, length), n in zip(counts.index, counts.tolist(), strict=True):
            by_hour[hour]["runs"].setdefault(kind, {})[int(length)] = float(n)
    for name in map(str, sources.columns):
        frame = pd.DataFrame({"hour": hours, "value": sources[name].reindex(at.index).fillna(UNKNOWN), "usd": usd})
        sums = frame.groupby(["hour", "value"])["usd"].agg(["size", "sum"])
        for (hour, value), n, total in sums.itertuples():
            by_hour[hour]["sources"].setdefault(name, {})[value] = (float(n), float(total))
    for parts in by_hour.values():
        parts["sources"] = {name: _capped(values) for name, values in parts["sources"].items()}
    return [
        HourSums(start=hour.to_pydatetime(), failed=float(failed.get(hour, 0)), **parts)
        for hour, parts in sorted(by_hour.items())
    ]


def _capped(values: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return the values that cost most, and the sum of the others."""
    if len(values) <= _MOST_VALUES:
        return values
    ranked = sorted(values.items(), key=lambda one: (-one[1][1], -one[1][0], one[0]))
    kept, rest = dict(ranked[:_MOST_VALUES]), [pair for _, pair in ranked[_MOST_VALUES:]]
    n, usd = kept.pop(OTHER, (0.0, 0.0))
    return {**kept, OTHER: (n + sum(pair[0] for pair in rest), usd + sum(pair[1] for pair in rest))}


def whole_hours(hours: Sequence[HourSums], start: datetime, end: datetime) -> list[HourSums]:
    """Return every hour from `start` to before `end`; one without records is empty."""
    known = {one.start: one for one in hours}
    return [known.get(one) or HourSums(start=one) for one in hour_starts(start, end)]


def mean_hour(hours: Sequence[HourSums], weights: Sequence[float] | None = None) -> HourSums:
    """Return an hour on average: records, cells, calls without a price and sources.

    Args:
        hours: At least one.
        weights: Of each; default: equal ones.
    """
    given = np.ones(len(hours)) if weights is None else np.asarray(weights, dtype=float)
    shares = given / given.sum()
    cells: dict[Cell, Floats] = {}
    unpriced: dict[str, float] = {}
    sources: dict[str, dict[str, tuple[float, float]]] = {}
    for hour, share in zip(hours, shares.tolist(), strict=True):
        for cell, values in hour.cells.items():
            cells[cell] = cells.get(cell, 0.0) + share * values
        for model, n in hour.unpriced.items():
            unpriced[model] = unpriced.get(model, 0.0) + share * n
        for name, by_value in hour.sources.items():
            known = sources.setdefault(name, {})
            for value, (n, usd) in by_value.items():
                n_known, usd_known = known.get(value, (0.0, 0.0))
                known[value] = (n_known + share * n, usd_known + share * usd)
    return HourSums(
        start=hours[0].start,
        records=float(np.dot(shares, [one.records for one in hours])),
        failed=float(np.dot(shares, [one.failed for one in hours])),
        cells=cells,
        unpriced=unpriced,
        sources=sources,
    )
