"""Pairs of values as databases, files and JSON give them: equal in another storage type, or different by the least."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.records.reconciliation import reconcile
from seamwatch.core.records.references import FieldMapReference
from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Comparator, Stage
from seamwatch.vocabulary import DiscrepancyKind, OutcomeState

_ROWS = 6


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Values that differ from each other by little, and the storage types that each may come in."""

    name: str
    values: Sequence[Any]
    storages: Mapping[str, Callable[[Any], Any]]


def kinds() -> list[Kind]:
    """Return every kind; within one, a value in one storage equals only itself in another."""
    big = 1_799_999_999_999_998_976
    plus_two = timezone(timedelta(hours=2))
    moment = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    return [
        Kind(
            name="whole number",
            values=[1, 2, 10, 11, 100, 1001],
            storages={
                "int": int,
                "float": float,
                "decimal": Decimal,
                "numpy int": np.int64,
                "numpy float": np.float64,
                "text": str,
                "decimal with places": lambda n: Decimal(n).quantize(Decimal("0.00")),
            },
        ),
        Kind(
            name="id of nineteen digits",
            values=[big + k for k in range(_ROWS)],
            storages={"int": int, "numpy int": np.int64, "decimal": Decimal, "text": str},
        ),
        Kind(
            name="id of thirty digits",
            values=[10**29 + k for k in range(_ROWS)],
            storages={"int": int, "decimal": Decimal, "text": str},
        ),
        Kind(
            name="money",
            values=["12.30", "12.31", "1230.05", "1230.06", "0.10", "0.11"],
            storages={"decimal": Decimal, "float": float, "text": str, "short text": lambda t: t.rstrip("0")},
        ),
        Kind(
            name="exact decimal",
            values=["0.3000000000000000401", "0.3000000000000000402", "0.3", "7.00000000000000001", "7", "8"],
            storages={"decimal": Decimal, "text": str},
        ),
        Kind(
            name="sum of floats",
            values=[0.1 + 0.2, 0.1 + 0.7, 2.2 + 1.1, 1.1 * 7, 4.35 * 100, 1.005 * 1000],
            storages={
                "float": float,
                "rounded": lambda x: round(x, 10),
                "decimal": lambda x: Decimal(str(round(x, 10))),
            },
        ),
        Kind(
            name="hash that looks like a number",
            values=["7e40008", "8e40009", "1e5", "100000", "0e1", "0e2"],
            storages={"text": str},
        ),
        Kind(
            name="hash",
            values=[f"{k:064x}" for k in range(10**20, 10**20 + _ROWS)],
            storages={"hex": str, "upper case": str.upper},
        ),
        Kind(
            name="truth value",
            values=[True, False],
            storages={"bool": bool, "numpy": np.bool_, "0 and 1": int, "text": lambda v: str(v).lower()},
        ),
        Kind(
            name="date",
            values=[date(2018, 3, 23) + timedelta(days=k) for k in range(_ROWS)],
            storages={
                "date": lambda d: d,
                "datetime": lambda d: datetime(d.year, d.month, d.day),  # noqa: DTZ001
                "timestamp": pd.Timestamp,
                "text": str,
                "text with midnight": lambda d: f"{d} 00:00:00",
            },
        ),
        Kind(
            name="moment",
            values=[moment + timedelta(minutes=k) for k in range(_ROWS)],
            storages={
                "aware": lambda m: m,
                "timestamp": pd.Timestamp,
                "Z": lambda m: f"{m:%Y-%m-%dT%H:%M:%S}Z",
                "offset": lambda m: m.isoformat(),
                "other zone": lambda m: m.astimezone(plus_two).isoformat(),
                "naive": lambda m: m.replace(tzinfo=None),
            },
        ),
        Kind(
            name="uuid",
            values=[uuid.UUID(int=2**100 + k) for k in range(_ROWS)],
            storages={"uuid": lambda u: u, "text": str, "upper case": lambda u: str(u).upper()},
        ),
        Kind(
            name="bytes",
            values=[f"caf\u00e9 {k}" for k in range(_ROWS)],
            storages={"text": str, "bytes": str.encode, "memoryview": lambda t: memoryview(t.encode())},
        ),
        Kind(
            name="document",
            values=[{"a": k, "b": [1, {"c": None}]} for k in range(_ROWS)],
            storages={
                "object": lambda d: d,
                "JSON": json.dumps,
                "JSON in another order": lambda d: json.dumps(dict(reversed(d.items())), indent=1),
            },
        ),
        Kind(
            name="thousands",
            values=["1,234.50", "1,234.60", "12,345.00", "12,346.00", "1,000,000.25", "1,000,000.26"],
            storages={
                "text": str,
                "number": lambda t: float(t.replace(",", "")),
                "plain": lambda t: t.replace(",", ""),
            },
        ),
    ]


def count_right_pairs() -> tuple[int, int, list[str]]:
    """Return how many pairs were judged rightly, how many there are, and a line for each kind and storage that was not.

    Every pair is judged twice: as recorded and expected by a field map, and as final payload and truth.
    """
    n_right = n_pairs = 0
    lines = []
    for kind, first, second, is_equal in _pairings():
        pairs = _pairs(kind, first, second, is_equal=is_equal)
        for judge in (_by_reference, _by_truth):
            right = sum(said == is_equal for said in judge(pairs))
            n_right, n_pairs = n_right + right, n_pairs + len(pairs)
            if right < len(pairs):
                what = "equal" if is_equal else "different"
                lines.append(f"{kind.name}, {first} and {second}, {judge.__name__}: {right} of {len(pairs)} {what}")
    return n_right, n_pairs, lines


def _pairings() -> Iterator[tuple[Kind, str, str, bool]]:
    for kind in kinds():
        for first, second in product(kind.storages, repeat=2):
            yield from ((kind, first, second, is_equal) for is_equal in (True, False))


def _pairs(kind: Kind, first: str, second: str, *, is_equal: bool) -> list[tuple[Any, Any]]:
    left, right = kind.storages[first], kind.storages[second]
    others = kind.values if is_equal else [*kind.values[1:], kind.values[0]]
    return [(left(value), right(other)) for value, other in zip(kind.values, others, strict=True)]


def _by_reference(pairs: Sequence[tuple[Any, Any]]) -> list[bool]:
    """Return by pair whether a stage that recorded the first is said to hold what its map makes of the second."""
    stage = Stage.model_validate({"name": "copy", "kind": "mapping", "table": "copy", "input": ["given"]})
    reference = FieldMapReference(name="copy", spec=MappingSpec.model_validate({"fields": {"v": {"from": "v"}}}))
    index = pd.RangeIndex(len(pairs))
    recorded = pd.DataFrame({"v": pd.Series([one for one, _ in pairs], index=index, dtype=object)})
    given = pd.DataFrame({"v": pd.Series([other for _, other in pairs], index=index, dtype=object)})
    found = reconcile(stage, recorded, {"given": given}, reference).discrepancies
    differing = set(found.loc[(found["kind"] != DiscrepancyKind.FORMAT).to_numpy(), "key"])
    return [key not in differing for key in index]


def _by_truth(pairs: Sequence[tuple[Any, Any]]) -> list[bool]:
    index = pd.RangeIndex(len(pairs))
    final = pd.DataFrame({"v": pd.Series([one for one, _ in pairs], index=index, dtype=object)})
    truth = pd.DataFrame({"v": pd.Series([other for _, other in pairs], index=index, dtype=object)})
    judged = judge_by_truth(final, truth, {"v": Comparator(column="v")})
    return [state == OutcomeState.RIGHT for state in judged["state"]]
