"""What is kept of an hour's latencies: sketches of the whole and of every part, counts, and a sample of records.

The sample is the joint distribution in little: the records whose keys hash smallest, so it is uniform, the same however
often an hour is read, and two samples are one by taking the smallest of both (K. S. Beyer et al. (2007), "On synopses
for distinct-value estimation under multiset operations", section 3: the k minimum values).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.sketch import Sketch
from seamwatch.core.records.call_endings import has_timed_out, is_success, read_statuses
from seamwatch.core.records.frames import StageData
from seamwatch.core.watch.stage_times import Misfit, Split
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import StageKind

SAMPLE = 100
"""Records of an hour that are kept with their split."""
BESIDE = ("ttft", "input_tokens", "output_tokens")
"""What is kept of a record beside its parts: seconds to the first token, and tokens, of all models."""


@dataclass(frozen=True, kw_only=True)
class Hour:
    """Records whose first stage had them in one hour."""

    start: datetime
    total: Sketch = field(default_factory=Sketch)
    """Seconds from the first stage to the last, of records that are done."""
    parts: Mapping[str, Sketch] = field(default_factory=dict)
    """By part."""
    ttft: Sketch = field(default_factory=Sketch)
    """Seconds to the first token."""
    records: int = 0
    """All, also those that are not done."""
    retries: int = 0
    """Attempts of models after the first."""
    timeouts: int = 0
    """Attempts of models that timed out."""
    repeats: int = 0
    """Attempts after one of the same record that was answered: nobody had to ask again."""
    skewed: int = 0
    """Records of which a stage's clock was off."""
    absurd: int = 0
    """Records left out, as their latency cannot be."""
    misfits: Mapping[str, Misfit] = field(default_factory=dict)
    models: Mapping[str, int] = field(default_factory=dict)
    """Answers by the name of the model that gave them."""
    found_since: datetime | None = None
    """Since when it was longer than before, where a look in this hour found so."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data without the start."""
        counts = {name: getattr(self, name) for name in _COUNTS if getattr(self, name)}
        since = {"found_since": self.found_since.isoformat()} if self.found_since else {}
        return {
            "total": self.total.to_json(),
            "parts": {name: one.to_json() for name, one in self.parts.items()},
            **({"ttft": self.ttft.to_json()} if self.ttft.count else {}),
            **({"models": dict(self.models)} if self.models else {}),
            "misfits": {name: [one.before, one.behind] for name, one in self.misfits.items()},
            **counts,
            **since,
        }

    @classmethod
    def from_json(cls, start: datetime, data: Mapping[str, Any]) -> Hour:
        """Return the hour behind plain JSON data of `to_json`."""
        since = data.get("found_since")
        return cls(
            start=start,
            total=Sketch.from_json(data["total"]),
            parts={name: Sketch.from_json(one) for name, one in data["parts"].items()},
            ttft=Sketch.from_json(data.get("ttft", {})),
            models=data.get("models", {}),
            misfits={name: Misfit(before=a, behind=b) for name, (a, b) in data["misfits"].items()},
            found_since=datetime.fromisoformat(since) if since else None,
            **{name: int(data.get(name, 0)) for name in _COUNTS},
        )


_COUNTS = ("records", "retries", "timeouts", "repeats", "skewed", "absurd")


def about_records(
    pipeline: Pipeline, stages: Mapping[str, StageData], keys: pd.Index[Any], *, ttft: str | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return what is known of records beside their times, and what is missing for it.

    Args:
        pipeline: Its model stages.
        stages: By name.
        keys: Of the records.
        ttft: `stage.field` with the milliseconds to the first token.

    Returns:
        Index key; columns `retries`, `timeouts`, `repeats` (counts of attempts), `model` and `BESIDE`. And sentences.
    """
    found = pd.DataFrame({"retries": 0, "timeouts": 0, "repeats": 0, "model": None}, index=keys)
    found[list(BESIDE)] = np.nan
    notes = []
    for stage in pipeline.stages:
        if stage.kind is not StageKind.MODEL:
            continue
        data = stages[stage.name]
        attempts = data.versions["_key"].value_counts() if len(data.versions) else pd.Series(dtype=int)
        found["retries"] += attempts.sub(1).reindex(keys, fill_value=0).astype(int)
        found["timeouts"] += _timed_out(stage, data).reindex(keys, fill_value=0).astype(int)
        found["repeats"] += _repeated(stage, data).reindex(keys, fill_value=0).astype(int)
        if "_model" in data.payload.columns:
            found["model"] = data.payload["_model"].reindex(keys).combine_first(found["model"])
        for name, column in (("input_tokens", stage.input_tokens), ("output_tokens", stage.output_tokens)):
            if column is not None and column in data.payload.columns:
                tokens = _numbers(data.payload[column]).reindex(keys)
                found[name] = found[name].add(tokens, fill_value=0.0)
        if stage.latency_ms is None:
            notes.append(f"{stage.name} names no latency_ms: its provider's time cannot be separated from the rest")
        elif stage.latency_ms not in data.payload.columns and len(data.payload):
            notes.append(f"{stage.name}: no column {stage.latency_ms} was read, so its provider's time is not known")
    if ttft is not None:
        name, _, field = ttft.partition(".")
        if name in stages and field in stages[name].payload.columns:
            found["ttft"] = _numbers(stages[name].payload[field]).reindex(keys) / 1000.0
        else:
            notes.append(f"{ttft} was not found: nothing is known of the time to the first token")
    return found, tuple(notes)


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    return numbers.where((numbers >= 0.0) & (numbers < np.inf))


def _timed_out(stage: Stage, data: StageData) -> pd.Series[Any]:
    """Return how many attempts of each record timed out; index key, without those that had none."""
    if stage.status is None or stage.status not in data.payload.columns:
        return pd.Series(dtype=int)
    again = data.versions.set_index("_key")[stage.status] if len(data.versions) else pd.Series(dtype=object)
    once = data.payload.loc[~data.payload.index.isin(again.index), stage.status]
    statuses = pd.concat([one for one in (again, once) if len(one)]) if len(again) or len(once) else again
    return statuses.index[read_statuses(statuses, has_timed_out)].value_counts()


def _repeated(stage: Stage, data: StageData) -> pd.Series[Any]:
    """Return how many attempts of each record followed an answered one; index key, of records with several attempts."""
    if stage.status is None or not len(data.versions) or stage.status not in data.versions.columns:
        return pd.Series(dtype=int)
    is_answered = read_statuses(data.versions[stage.status], lambda one: is_success(one) is True)
    n_answered = pd.Series(is_answered, index=data.versions.index).groupby(data.versions["_key"]).sum()
    return n_answered.sub(1).clip(lower=0)


def count_hours(
    split: Split, at: pd.Series[Any], about: pd.DataFrame, *, known: Mapping[datetime, Hour] | None = None
) -> list[Hour]:
    """Return the hours of some records, oldest first.

    Args:
        split: Where their seconds went.
        at: Index key; when the first stage had each record, aware; all records, also those that are not done.
        about: Index key; columns `retries`, `timeouts`, `repeats` (counts), `model` (name or None) and `BESIDE`.
        known: Hours of an earlier look that these replace; that they were found is kept.
    """
    hour = at.dt.floor("h")
    done = hour.reindex(split.parts.index)
    beside = about.reindex(split.parts.index)
    finished = {start: rows for start, rows in split.parts.groupby(done.to_numpy())}
    found = []
    for start, rows in about.groupby(hour.to_numpy()):
        moment = moment_of(start)
        parts = finished.get(start, split.parts.iloc[:0])
        before = (known or {}).get(moment)
        found.append(
            Hour(
                start=moment,
                total=Sketch.of(split.seconds.reindex(parts.index)),
                parts={str(name): Sketch.of(parts[name]) for name in parts.columns},
                ttft=Sketch.of(beside["ttft"].reindex(parts.index)),
                records=len(rows),
                retries=int(rows["retries"].sum()),
                timeouts=int(rows["timeouts"].sum()),
                repeats=int(rows["repeats"].sum()),
                skewed=int(split.skewed.reindex(parts.index).sum()),
                absurd=int(split.absurd.isin(rows.index).sum()),
                misfits={name: Misfit.of(one.reindex(parts.index)) for name, one in split.misfits.items()},
                models={str(name): int(n) for name, n in rows["model"].value_counts().items()},
                found_since=before.found_since if before is not None else None,
            )
        )
    return found


def moment_of(start: Any) -> datetime:
    """Return an hour of a frame as an aware time."""
    at = pd.Timestamp(start)
    return (at.tz_localize(UTC) if at.tzinfo is None else at.tz_convert(UTC)).to_pydatetime()


def take_samples(split: Split, at: pd.Series[Any], about: pd.DataFrame, *, size: int = SAMPLE) -> dict[datetime, Any]:
    """Return a sample of the finished records of each hour, as plain JSON data; arguments as of `count_hours`."""
    if split.parts.empty:
        return {}
    keys = split.parts.index.map(str)
    frame = split.parts.assign(
        _key=keys,
        _hash=pd.util.hash_array(keys.to_numpy(dtype=object)),
        _hour=at.dt.floor("h").reindex(split.parts.index),
        **{name: about[name].reindex(split.parts.index) for name in BESIDE},
    )
    frame = frame.sort_values(["_hour", "_hash"], kind="stable").groupby("_hour", sort=False).head(size)
    found = {}
    columns = [*split.parts.columns, *BESIDE]
    for start, rows in frame.groupby("_hour"):
        numbers = rows[columns].astype(float)
        found[moment_of(start)] = {
            "keys": rows["_key"].tolist(),
            "columns": columns,
            "rows": [
                [None if math.isnan(value) else float(f"{value:.6g}") for value in row] for row in numbers.to_numpy()
            ],
        }
    return found


def read_samples(
    samples: Sequence[tuple[datetime, Mapping[str, Any]]], counts: Mapping[datetime, int], *, most: int
) -> pd.DataFrame:
    """Return the sampled records of some hours: index key, their columns, and `weight`: records that each stands for.

    Args:
        samples: Hours and their samples.
        counts: Finished records of each hour.
        most: About so many records are returned at most; of each hour the first of its sample.
    """
    each = max(most // max(len(samples), 1), 5)
    alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for start, data in samples:
        rows = data["rows"][:each]
        weight = counts.get(start, 0) / max(len(rows), 1)
        kept = alike.setdefault(tuple(data["columns"]), [])
        kept += [(key, weight, *row) for key, row in zip(data["keys"], rows, strict=False)]
    frames = [
        pd.DataFrame(rows, columns=["_key", "weight", *columns]).set_index("_key").astype(float)
        for columns, rows in alike.items()
        if rows
    ]
    if not frames:
        return pd.DataFrame(columns=[*BESIDE, "weight"], dtype=float)
    # A part that older hours do not know, as a stage that is new, took nothing then.
    found = pd.concat(frames) if len(frames) > 1 else frames[0]
    known = [column for column in found.columns if column not in BESIDE]
    return found.assign(**found[known].fillna(0.0))
