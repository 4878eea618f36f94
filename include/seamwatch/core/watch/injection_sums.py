"""What the injection watch keeps of an hour: counts by field and segment, campaigns, flagged records; plain JSON data.

Sums of an hour are made anew as long as its records may still come, and then kept. Near-copies of one text are one
campaign: a sketch of its words (the least values of some hashes) tells copies by what two sketches share.

Source: A. Broder (1997), "On the resemblance and containment of documents", for the sketches.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.injection.scan import Span
from seamwatch.core.watch.untrusted import visible

SKETCH = 12
"""Hashes in a sketch."""
COPY_SHARE = 0.4
"""Two texts are near-copies if their sketches agree in this share of places."""
MOST_CAMPAIGNS, MOST_FLAGGED, MOST_SPANS, MOST_VALUES = 20, 50, 20, 20
"""Kept of one field and hour; what is beyond is counted and not shown."""
BINS = 10
_WORDS = re.compile(r"[^\W\d_]+")
_FACTORS = np.random.default_rng(1).integers(1, 2**31, size=(SKETCH, 2), dtype=np.uint64) | np.uint64(1)
_PRIME = np.uint64(2**31 - 1)
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """A text that looks like an attack."""

    key: str
    at: datetime
    field: str
    """`stage.field`."""
    score: float
    spans: tuple[Span, ...]
    text: str
    log_evidence: float = 0.0
    """How much likelier the answer is if it obeyed the text than if it did not; see `injection_output.py`."""
    obeyed: bool = False
    """Whether the answer is what the text demands."""


def sketch(text: str) -> list[int]:
    """Return the sketch of a text: of its pairs of words, numbers and case aside."""
    words = [word.lower() for word in _WORDS.findall(text)] or [text]
    pairs = {f"{a} {b}" for a, b in pairwise(words)} or set(words)
    hashes = np.array([zlib.crc32(pair.encode("utf-8", "replace")) for pair in pairs], dtype=np.uint64)
    return [int(value) for value in ((_FACTORS[:, :1] * hashes + _FACTORS[:, 1:]) % _PRIME).min(axis=1)]


def attacking_part(text: str, spans: Sequence[Span]) -> str:
    """Return what is shown and compared of a flagged text: its marked parts."""
    return " ".join(text[span.start : span.end].strip() for span in spans) or text


def hour_sums(
    texts: pd.DataFrame, flagged: Iterable[Flagged], *, segments: Mapping[str, Mapping[Any, str]], threshold: float
) -> dict[str, dict[datetime, dict[str, Any]]]:
    """Return what is kept, by field and hour.

    Args:
        texts: Columns `key`, `at` (aware), `field` and `score`.
        flagged: Those of them that score at least the threshold.
        segments: By segment, value by key.
        threshold: Score from which a text counts as an attack.
    """
    found: dict[str, dict[datetime, dict[str, Any]]] = {}
    if not len(texts):
        return found
    frame = texts.assign(
        hour=texts["at"].dt.floor("h"),
        is_attack=texts["score"].to_numpy() >= threshold,
        bin=np.minimum((texts["score"].to_numpy() * BINS).astype(int), BINS - 1),
    )
    for name, values in segments.items():
        frame[f"segment {name}"] = frame["key"].map(values).fillna("")
    by_place: dict[tuple[str, datetime], list[Flagged]] = {}
    for one in flagged:
        by_place.setdefault((one.field, pd.Timestamp(one.at).floor("h").to_pydatetime()), []).append(one)
    place: Any
    for place, rows in frame.groupby(["field", "hour"], sort=True):
        field, at = place[0], pd.Timestamp(place[1]).to_pydatetime()
        mine = by_place.get((str(field), at), [])
        campaigns = _campaigns(mine)
        found.setdefault(str(field), {})[at] = {
            "n": len(rows),
            "attacks": int(rows["is_attack"].sum()),
            "campaigns": len(campaigns),
            "histogram": np.bincount(rows["bin"], minlength=BINS).tolist(),
            "segments": {name: _by_value(rows, f"segment {name}") for name in segments},
            "largest": sorted(campaigns, key=lambda one: -int(one["n"]))[:MOST_CAMPAIGNS],
            "flagged": [
                {
                    "key": one.key,
                    "score": round(one.score, 4),
                    "spans": [[span.start, span.end] for span in one.spans[:MOST_SPANS]],
                }
                for one in sorted(mine, key=lambda one: -one.score)[:MOST_FLAGGED]
            ],
            "demanding": sum(bool(one.log_evidence) for one in mine),
            "obeyed": sum(one.obeyed for one in mine),
            "log_evidence": sum(one.log_evidence for one in mine),
        }
    return found


def _by_value(rows: pd.DataFrame, column: str) -> dict[str, list[int]]:
    counts = rows.groupby(column)["is_attack"].agg(["size", "sum"])
    # Values with attacks first: those without tell only how many there are.
    counts = counts.sort_values(["sum", "size"], ascending=False).head(MOST_VALUES)
    return {str(value): [int(size), int(attacks)] for value, size, attacks in counts.itertuples() if value != ""}


def _campaigns(flagged: Sequence[Flagged]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in sorted(flagged, key=lambda one: one.at):
        part = attacking_part(one.text, one.spans)
        entry = {
            "sketch": sketch(part),
            "n": 1,
            "keys": [one.key],
            "score": round(one.score, 4),
            "excerpt": visible(part),
            "first_at": one.at.isoformat(),
        }
        merge_campaigns(found, [entry])
    return found


def merge_campaigns(into: list[dict[str, Any]], more: Iterable[dict[str, Any]]) -> None:
    """Add campaigns to a list of them, near-copies to the one they copy."""
    known = np.array([one["sketch"] for one in into], dtype=np.int64).reshape(-1, SKETCH)
    for one in more:
        alike = (known == np.array(one["sketch"])).mean(axis=1)
        best = int(alike.argmax()) if len(alike) else -1
        if best >= 0 and alike[best] >= COPY_SHARE:
            old = into[best]
            into[best] = old | {
                "n": old["n"] + one["n"],
                "keys": [*old["keys"], *one["keys"]][:5],
                "score": max(old["score"], one["score"]),
                "first_at": min(old["first_at"], one["first_at"]),
            }
        else:
            into.append(dict(one))
            known = np.concatenate([known, np.array([one["sketch"]], dtype=np.int64)])
