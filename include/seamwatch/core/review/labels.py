"""What people's labels make of records: whose counts, what contradicts, and what an outcome follows from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import is_null, strict_text, values_equal
from seamwatch.core.records.frames import key_text
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.review.items import Label
from seamwatch.vocabulary import LabelKind, OutcomeState

CONTRADICTED = "people disagree"
CANNOT_TELL = "a person could not tell"
OTHER_ANSWER = "people judged another answer"
PERSON = "a person"
SETTLED_COLUMNS = ("state", "answer", "corrected", "n_people", "is_contradicted")


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """How many records people judged, and of how many they do not agree."""

    n_records: int
    n_right: int
    n_wrong: int
    n_undecided: int
    """Nobody could tell, or as many say right as say wrong."""
    n_contradicted: int
    """Somebody says right and somebody wrong; a majority decides."""


def answer_hash(values: Iterable[Any]) -> str:
    """Return what tells answers apart: a hash of the judged values of one record, in the order of their fields."""
    digest = blake2b(digest_size=16)
    for value in values:
        text = "\0" if isinstance(value, Unknown) or is_null(value) else f"\1{strict_text(value)}"
        digest.update(text.encode("utf-8", "surrogatepass") + b"\2")
    return digest.hexdigest()


def answer_hashes(final: pd.DataFrame, fields: Sequence[str]) -> pd.Series[Any]:
    """Return the hash of each record's judged fields, by key; a field that is missing counts as null."""
    there = [final[name].tolist() if name in final.columns else [None] * len(final) for name in fields]
    return pd.Series([answer_hash(row) for row in zip(*there, strict=True)], index=final.index, dtype=object)


def settle_labels(labels: Sequence[Label]) -> pd.DataFrame:
    """Return what people say of each record: of each person the last word, of several the majority.

    Args:
        labels: Withdrawn ones do not count.

    Returns:
        Index record (text), unique; `state` (right, wrong, or pending where nobody could tell or opinions are even),
        `answer` (hash of what was judged), `corrected` (the right values by field, or None), `n_people` and
        `is_contradicted`. Labels of several answers of one record: those of the last one judged.
    """
    last: dict[tuple[str, str], Label] = {}
    for label in sorted(labels, key=lambda one: (one.at, one.id)):
        if label.withdrawn_at is None:
            last[label.record, label.by] = label
    by_record: dict[str, list[Label]] = {}
    for label in sorted(last.values(), key=lambda one: (one.at, one.id)):
        by_record.setdefault(label.record, []).append(label)
    rows = {record: _settle(found) for record, found in by_record.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(SETTLED_COLUMNS), dtype=object)
    return frame.rename_axis("record")


def _settle(labels: list[Label]) -> tuple[OutcomeState, str, dict[str, str] | None, int, bool]:
    answer = labels[-1].answer
    same = [label for label in labels if label.answer == answer]
    n_right = sum(label.kind is LabelKind.RIGHT for label in same)
    n_wrong = sum(label.kind is LabelKind.WRONG for label in same)
    state = OutcomeState.PENDING
    if n_right != n_wrong:
        state = OutcomeState.RIGHT if n_right > n_wrong else OutcomeState.WRONG
    corrections = [label.corrected for label in same if label.corrected and label.kind is LabelKind.WRONG]
    corrected = corrections[-1] if corrections and state is OutcomeState.WRONG else None
    return state, answer, corrected, len(same), bool(n_right and n_wrong)


def count_labels(settled: pd.DataFrame) -> LabelCounts:
    """Return how settled labels stand."""
    states = settled["state"].tolist()
    return LabelCounts(
        n_records=len(states),
        n_right=states.count(OutcomeState.RIGHT),
        n_wrong=states.count(OutcomeState.WRONG),
        n_undecided=states.count(OutcomeState.PENDING),
        n_contradicted=int(settled["is_contradicted"].sum()),
    )


def judge_by_people(final: pd.DataFrame, settled: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """Return the outcome of each record by what people said of its answer.

    A label is about one answer. Of another one, as under a repair, it says something only where the right values are
    known: they were given with it, or the judged answer was right and this one has the same values.

    Args:
        final: Final payloads, index key.
        settled: As `settle_labels` returns.
        fields: The final fields that are judged.

    Returns:
        Index of the final payloads; `state`, and `reason` where it is wrong, or pending though somebody judged it.
    """
    state = np.full(len(final), OutcomeState.PENDING, dtype=object)
    reason = np.full(len(final), "", dtype=object)
    keys = key_text(pd.Series(final.index, dtype=object))
    where = settled.index.get_indexer(pd.Index(keys, dtype=object))
    labelled = np.flatnonzero(where >= 0)
    hashes = answer_hashes(final.iloc[labelled], fields).tolist()
    rows = settled.iloc[where[labelled]]
    for at, found, label in zip(labelled.tolist(), hashes, rows.itertuples(index=False), strict=True):
        payload = {name: final[name].iat[at] for name in fields if name in final.columns}
        state[at], reason[at] = _outcome(found, payload, label)
    return pd.DataFrame({"state": state, "reason": reason}, index=final.index)


def first_known(outcomes: pd.DataFrame, otherwise: pd.DataFrame) -> pd.DataFrame:
    """Return outcomes, and where one is pending, the other of the same record.

    Args:
        outcomes: Index key; state, reason.
        otherwise: The same index.
    """
    is_open = (outcomes["state"] == OutcomeState.PENDING).to_numpy(dtype=bool)
    says_more = ((otherwise["state"] != OutcomeState.PENDING) | (outcomes["reason"] == "")).to_numpy(dtype=bool)
    taken = np.flatnonzero(is_open & says_more)
    found = outcomes.copy()
    for name in ("state", "reason"):
        values = found[name].to_numpy(dtype=object, copy=True)
        values[taken] = otherwise[name].to_numpy(dtype=object)[taken]
        found[name] = values
    return found


def _outcome(found: str, payload: Mapping[str, Any], label: Any) -> tuple[OutcomeState, str]:
    if found == label.answer:
        undecided = CONTRADICTED if label.is_contradicted else CANNOT_TELL
        reasons = {
            OutcomeState.RIGHT: "",
            OutcomeState.WRONG: _wrong_fields(label.corrected),
            OutcomeState.PENDING: undecided,
        }
        return label.state, reasons[label.state]
    if not label.corrected:
        return OutcomeState.PENDING, OTHER_ANSWER
    different, unread = [], []
    for name, right in label.corrected.items():
        is_equal = values_equal(payload.get(name), right, how="auto")
        if isinstance(is_equal, Unknown):
            unread.append(name)
        elif not is_equal:
            different.append(name)
    if different:
        return OutcomeState.WRONG, ";".join(different)
    return (OutcomeState.PENDING, f"unreadable: {';'.join(unread)}") if unread else (OutcomeState.RIGHT, "")


def _wrong_fields(corrected: Mapping[str, str] | None) -> str:
    return ";".join(corrected) if corrected else PERSON
