"""Which fields of a stage its reference makes, which it leaves out, and which outputs have no column to go to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import is_null
from seamwatch.core.records.references import FieldMapReference, Reference
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

_SEEN = 200
"""Values of a column that are looked at to tell an id or a time: evenly spread over the records."""
_FEWEST = 5
"""Of fewer values nothing is said: three different codes are no ids."""
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$")
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?(Z|UTC|[+-]\d\d:?\d\d)?$")
_ID_NAME = re.compile(r"(^|_)(id|ids|uuid|guid|key|hash|token|number|no|nr)$", re.IGNORECASE)
_LONG_CODE = re.compile(r"^(?=\S*\d)[\w.:/-]{12,}$")
"""One long word with a digit in it, as a UUID or a hash."""


@dataclass(frozen=True, kw_only=True)
class Misplaced:
    """An output of a reference that is no field of its stage, so that it is compared with nothing."""

    output: str
    suggestion: str | None
    """The field that was probably meant; None where none is like it."""


def made_fields(reference: Reference, expected: pd.DataFrame) -> frozenset[str] | None:
    """Return the fields that a reference makes; None where nobody can know, since it made nothing yet.

    Args:
        reference: Of the stage.
        expected: What it made of some records.
    """
    if isinstance(reference, FieldMapReference):
        return frozenset(reference.spec.fields)
    return frozenset(map(str, expected.columns)) if len(expected) else None


def unmade_fields(stage: Stage, recorded: pd.DataFrame, made: Collection[str] | None) -> tuple[str, ...]:
    """Return the payload's fields that the reference does not make: nothing says whether they are right.

    Args:
        stage: For what it ignores, and which fields say how a call went. Of a source or a model there are none: the
            one has no reference, the other is called again.
        recorded: Payloads, index key.
        made: Fields that the reference makes; None where nobody knows, and no field is named.

    Ids (a value of its own for each record) and times of day are left out: they name a row, they say nothing in it.
    """
    if made is None or stage.kind in (StageKind.SOURCE, StageKind.MODEL):
        return ()
    known = {*made, *stage.ignore, *stage.measures}
    names = [str(name) for name in recorded.columns if not str(name).startswith("_")]
    return tuple(
        name for name in names if name not in known and not is_id(name, recorded[name]) and not is_time(recorded[name])
    )


def misplaced_outputs(made: Iterable[str], fields: Collection[str], *, missing: Collection[str]) -> list[Misplaced]:
    """Return the outputs that the stage has no field for, each with the field that was probably meant.

    Args:
        made: Fields that the reference makes.
        fields: All that the stage has, those that it ignores among them.
        missing: Fields that the reference does not make: the likely ones.
    """
    found = []
    for output in dict.fromkeys(made):
        if output not in fields:
            found.append(Misplaced(output=output, suggestion=_nearest(output, missing) or _nearest(output, fields)))
    return found


def misplaced_in(stage: Stage, recorded: pd.DataFrame, made: AbstractSet[str] | None) -> list[Misplaced]:
    """Return the outputs that are no field of the payload, where all columns of the stage's table are its payload.

    A prompt's payload is its request alone, and `fields` leaves columns out: there only the table can tell.
    """
    if made is None or stage.fields or stage.kind is StageKind.PROMPT or not len(recorded.columns):
        return []
    fields = {*map(str, recorded.columns), *stage.ignore}
    named = {name for name in (stage.key, stage.time) if name is not None}
    return misplaced_outputs(sorted(made - named), fields, missing=[name for name in fields if name not in made])


def _nearest(output: str, fields: Collection[str]) -> str | None:
    by_text = {name.casefold(): name for name in sorted(fields)}
    near = difflib.get_close_matches(output.casefold(), list(by_text), n=1)
    if near:
        return by_text[near[0]]
    # `queue` for `queue_id`, and `payload` for `payload.queue`: one is the beginning or the end of the other.
    parts = re.split(r"[._]", output.casefold())
    whole = [name for text, name in by_text.items() if _holds(re.split(r"[._]", text), parts)]
    return whole[0] if len(whole) == 1 else None


def _holds(longer: list[str], shorter: list[str]) -> bool:
    if len(longer) < len(shorter):
        longer, shorter = shorter, longer
    return longer[: len(shorter)] == shorter or longer[-len(shorter) :] == shorter


def is_id(name: str, values: pd.Series[Any]) -> bool:
    """Return whether a column holds ids: a value of its own for each record, by name, by form, or counted up."""
    known = [value for value in _spread(values) if not is_null(value)]
    texts = [str(value).strip() for value in known]
    if len(texts) < _FEWEST or len(set(texts)) < len(texts) or any(" " in text for text in texts):
        return False
    if all(_LONG_CODE.match(text) for text in texts) and not all(_MOMENT.match(text) for text in texts):
        return True
    if _ID_NAME.search(name.rpartition(".")[2]):
        return True
    numbers = [int(text) for text in texts if text.removeprefix("-").isdigit()]
    return len(numbers) == len(texts) and all(a < b for a, b in pairwise(numbers))


def is_time(values: pd.Series[Any]) -> bool:
    """Return whether a column holds moments; a date, or midnight everywhere, is payload."""
    known = [value for value in _spread(values) if not is_null(value)]
    if not known or not all(
        isinstance(v, datetime) or (isinstance(v, str) and _MOMENT.match(v.strip())) for v in known
    ):
        return False
    return not all(_MIDNIGHT.search(str(value)) for value in known)


def _spread(values: pd.Series[Any]) -> list[Any]:
    step = max(1, len(values) // _SEEN)
    return values.iloc[::step].tolist()


def watched_otherwise(stage: Stage) -> frozenset[str]:
    """Return the fields of a stage without a reference that are compared all the same: documents with their source."""
    if stage.kind is not StageKind.RETRIEVAL or stage.knowledge_base is None:
        return frozenset()
    return frozenset(name for name in (stage.documents, stage.contents) if name is not None)
