"""What the indexes have in common: chunks counted to versions, their times, ids and order, and plain errors."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from seamwatch.core.documents import IndexListing, index_frame
from seamwatch.core.records.comparison import at_path, is_null, read_path, strict_text
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import KnowledgeError
from seamwatch.plurals import plural
from seamwatch.spec.knowledge import ChromaIndex, QdrantIndex

OVERLAP = timedelta(minutes=10)
"""So long after a moment chunks may still come that claim it: clocks differ, transactions end out of order."""
_MILLISECONDS_FROM = 1e11
"""An epoch number from here on cannot be seconds: it would be the year 5138."""
_NOT_AGAIN = range(400, 500)
_TRY_AGAIN = frozenset({408, 429})
_WHY = {
    "already accessed": "another process has its folder open, and locks it; read it through a server, or after it",
    "different settings": "this process has it open already, with other settings",
}
"""What clients say, and what it means."""


class ChunkCounter:
    """Counts chunks by document, content hash and embedding model, for indexes that cannot count them themselves."""

    def __init__(self, spec: ChromaIndex | QdrantIndex, *, now: datetime) -> None:
        """Count nothing yet.

        Args:
            spec: Names the keys of the chunks' metadata; `a.b` is also key `b` of an object `a`.
            now: No watermark lies behind it: a clock in the future would hide what is written until then.
        """
        self._spec, self._now = spec, now
        named = (spec.document, spec.content_hash, spec.indexed_at, spec.chunk, spec.chunks, spec.embedding_model)
        self.keys = tuple(dict.fromkeys(name for name in named if name is not None))
        self._unseen = set(self.keys)
        self._found: dict[tuple[str, str | None, str | None], dict[str, Any]] = {}
        self._numbers: dict[tuple[str, str | None, str | None], set[str]] = {}
        self._n_chunks = self._n_unnamed = self._n_no_time = self._n_no_number = 0
        self._forms: set[str] = set()
        self._newest: datetime | None = None

    def add(self, metadata: Mapping[str, Any]) -> None:
        """Count a chunk by its metadata."""
        spec = self._spec
        self._n_chunks += 1
        self._unseen -= {name for name in self._unseen if not isinstance(read_path(metadata, name), Unknown)}
        raw = strict_text(value_of(metadata, spec.document))
        if raw is None:
            self._n_unnamed += 1
            return
        mark = (
            raw,
            strict_text(value_of(metadata, spec.content_hash)),
            strict_text(value_of(metadata, spec.embedding_model)),
        )
        row = self._found.setdefault(
            mark, {"document": raw, "content_hash": mark[1], "embedding_model": mark[2], "n_chunks": 0}
        )
        number = strict_text(value_of(metadata, spec.chunk))
        seen = self._numbers.setdefault(mark, set())
        if number is None or number not in seen:
            row["n_chunks"] += 1
            if number is not None:
                seen.add(number)
        self._add_expected(row, value_of(metadata, spec.chunks))
        self._add_time(row, value_of(metadata, spec.indexed_at))

    def _add_expected(self, row: dict[str, Any], value: Any) -> None:
        expected = number_of(value)
        self._n_no_number += expected is None and value is not None
        if expected is not None:
            row["n_expected"] = max(row.get("n_expected", expected), expected)

    def _add_time(self, row: dict[str, Any], value: Any) -> None:
        if self._spec.indexed_at is None:
            return
        at = moment_of(value)
        if at is None:
            self._n_no_time += 1
            return
        self._forms.add("text" if isinstance(value, str) else "ms" if abs(value) >= _MILLISECONDS_FROM else "s")
        row["indexed_at"] = max(row.get("indexed_at", at), at)
        self._newest = at if self._newest is None else max(self._newest, at)

    @property
    def unseen(self) -> tuple[str, ...]:
        """The keys that not one of the chunks has; none where there is no chunk."""
        return tuple(name for name in self.keys if name in self._unseen) if self._n_chunks else ()

    @property
    def form(self) -> str | None:
        """How the chunks hold their times: `text`, `s` or `ms` since 1970; None for no time, or several forms."""
        return next(iter(self._forms)) if len(self._forms) == 1 else None

    def watermark(self, since: str | None) -> str | None:
        """Return from when on to ask for chunks next time, in the form of their times; None if they have not just one.

        Args:
            since: The watermark so far, which stays where no chunk with a time was counted.
        """
        if self._newest is None:
            return since
        bound = next_bound(self._newest, self._now)
        if self.form == "text":
            return bound.isoformat()
        return None if self.form is None else str(math.floor(bound.timestamp() * (1000 if self.form == "ms" else 1)))

    def listing(
        self, *, dimension: float | None, is_complete: bool, watermark: str | None, notes: Sequence[str] = ()
    ) -> IndexListing:
        """Return what was counted as a listing.

        Args:
            dimension: Of every vector; None if it is not known.
            is_complete: Whether all chunks were counted.
            watermark: For the next listing.
            notes: What else a person should know.
        """
        told = [*notes]
        if is_complete and not self._n_chunks:
            told.append("the index holds no chunk")
        if self._n_unnamed:
            told.append(
                f"{plural(self._n_unnamed, 'chunk of the index names', 'chunks of the index name')} no "
                "document, left out"
            )
        if self._n_no_number:
            told.append(
                f"{plural(self._n_no_number, 'chunk has', 'chunks have')} a {self._spec.chunks} that is no number"
            )
        if is_complete:
            told += self._of_times()
        rows = [{**row, "dimension": dimension} for row in self._found.values()]
        return IndexListing(versions=index_frame(rows), is_complete=is_complete, watermark=watermark, notes=tuple(told))

    def _of_times(self) -> Iterator[str]:
        name = self._spec.indexed_at
        if self._n_no_time:
            yield (
                f"{plural(self._n_no_time, 'chunk has', 'chunks have')} no time in {name}; only a full sweep "
                "sees such change"
            )
        if len(self._forms) > 1:
            forms = ", ".join(sorted(self._forms))
            yield f"{name} holds times in several forms ({forms}); all chunks are read each time"
        if self._newest is not None and self._newest > self._now + OVERLAP:
            yield future_note(self._newest)


def value_of(metadata: Mapping[str, Any], name: str | None) -> Any:
    """Return the value of a key, or of a key in an object by `object.key`; None where it has none."""
    value = at_path(metadata, name) if name is not None else None
    return None if is_null(value) else value


def number_of(value: Any) -> float | None:
    """Return a number, also one in text; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def moment_of(value: Any) -> datetime | None:
    """Return a time as metadata hold it, seconds or milliseconds since 1970 or ISO text, as an aware moment.

    None for what is neither. A time without a zone is UTC.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, tz=UTC)
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def next_bound(newest: datetime, now: datetime) -> datetime:
    """Return from when on to ask for chunks next time, itself included.

    Args:
        newest: Time of the newest chunk. One in the future counts as now: it would hide what is written until then.
        now: Time of the listing. As long as the newest chunk is recent, earlier ones may still come.
    """
    newest = min(newest, now)
    return newest if now - newest >= OVERLAP else newest - OVERLAP


def bound_of(watermark: str) -> datetime | int:
    """Return a watermark as a moment, or as the number since 1970 that the chunks hold."""
    return int(watermark) if watermark.lstrip("-").isdigit() else datetime.fromisoformat(watermark)


def future_note(newest: datetime) -> str:
    """Return what to say of a chunk that was written after now."""
    return f"the newest chunk of the index claims to be of {newest:%Y-%m-%d %H:%M} UTC, in the future"


def whole_numbers(documents: Sequence[str]) -> list[int]:
    """Return those ids that are the text of a whole number of 64 bits, as numbers: an index may hold them so."""
    digits = (one for one in documents if len(one) <= 20 and one.removeprefix("-").isdecimal())
    numbers = ((one, int(one)) for one in digits)
    return [number for one, number in numbers if str(number) == one and -(2**63) <= number < 2**63]


def chunk_place(number: Any) -> tuple[float, str]:
    """Return what to sort a document's chunks by: their numbers, also those in text; without one they come last."""
    place = number_of(number)
    return (math.inf, "" if number is None else str(number)) if place is None else (place, "")


def unknown_names(missing: Sequence[str], known: Sequence[str], *, what: str) -> str:
    """Return what to say of names that there are not: the closest ones, and all there are."""
    near = list(dict.fromkeys(match for name in missing for match in difflib.get_close_matches(name, known, n=2)))
    hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ";"
    return f"no {what} {', '.join(repr(name) for name in missing)}{hint} known: {', '.join(sorted(known)) or 'none'}"


@contextmanager
def told_by_client(place_name: str, kind: str) -> Iterator[None]:
    """Turn whatever a vector database's client lets through into a KnowledgeError without addresses and keys."""
    try:
        yield
    except KnowledgeError:
        raise
    except Exception as error:  # the clients let through what their transports and servers raise
        status = _status(error)
        why = next((meaning for words, meaning in _WHY.items() if words in str(error)), None)
        told = ", ".join(part for part in (type(error).__name__, f"status {status}" if status else None, why) if part)
        msg = f"{place_name}: the {kind} index cannot be read ({told})"
        retryable = status not in _NOT_AGAIN or status in _TRY_AGAIN
        raise KnowledgeError(msg, retryable=retryable) from error


def _status(error: Exception) -> int | None:
    code = getattr(error, "status_code", None) or getattr(error, "code", None)
    found = code() if callable(code) else code
    return found if isinstance(found, int) else None
