"""Chunks counted one by one to document versions, for indexes that cannot count them themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from seamwatch.core.compare import is_null
from seamwatch.core.documents import IndexListing, index_frame
from seamwatch.spec.knowledge import ChromaIndex, QdrantIndex


class ChunkCounter:
    """Counts chunks by document, content hash and embedding."""

    def __init__(self, spec: ChromaIndex | QdrantIndex) -> None:
        """Count nothing yet."""
        self._spec = spec
        self._found: dict[tuple[str, Any, Any], dict[str, Any]] = {}
        self._numbers: dict[tuple[str, Any, Any], set[Any]] = {}
        self._n_unnamed = 0

    def add(self, metadata: Mapping[str, Any]) -> None:
        """Count a chunk by its metadata."""
        spec = self._spec
        raw = metadata.get(spec.document)
        if is_null(raw):
            self._n_unnamed += 1
            return
        mark = (str(raw), _get(metadata, spec.content_hash), _get(metadata, spec.embedding_model))
        row = self._found.setdefault(
            mark,
            {"document": mark[0], "content_hash": mark[1], "embedding_model": mark[2], "n_chunks": 0},
        )
        number = _get(metadata, spec.chunk)
        seen = self._numbers.setdefault(mark, set())
        if number is None or number not in seen:
            row["n_chunks"] += 1
            seen.add(number)
        expected, at = _get(metadata, spec.chunks), moment_of(_get(metadata, spec.indexed_at))
        if expected is not None:
            row["n_expected"] = max(row.get("n_expected", 0), expected)
        if at is not None:
            row["indexed_at"] = max(row.get("indexed_at", at), at)

    def versions(self) -> list[dict[str, Any]]:
        """Return a row for each document version."""
        return list(self._found.values())

    def listing(self, versions: list[dict[str, Any]], *, is_complete: bool, watermark: str | None) -> IndexListing:
        """Return the rows as a listing."""
        unnamed = f"{self._n_unnamed} chunks of the index name no document; they are left out"
        return IndexListing(
            versions=index_frame(versions),
            is_complete=is_complete,
            watermark=watermark,
            notes=(unnamed,) if self._n_unnamed else (),
        )


def _get(metadata: Mapping[str, Any], name: str | None) -> Any:
    value = metadata.get(name) if name is not None else None
    return None if is_null(value) else value


def moment_of(value: Any) -> datetime | None:
    """Return a time as metadata hold it, seconds since 1970 or ISO text, as an aware moment; None if it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, tz=UTC)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return None
