"""Chunks in a Qdrant collection, embedded or behind a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import base_url
from seamwatch.adapters.deadline import WithinDeadline
from seamwatch.adapters.knowledge.chunks import (
    ChunkCounter,
    bound_of,
    chunk_place,
    told_by_client,
    unknown_names,
    value_of,
    whole_numbers,
)
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import IndexListing
from seamwatch.core.records.comparison import strict_text
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import QdrantIndex

_PAGE = 1000
_AT_ONCE = 500
"""Documents asked for in one filter."""
_TIMEOUT_S = 60


class QdrantDocumentIndex:
    """A collection; what names the document is a key of its points' payload, also in an object (`metadata.source`)."""

    def __init__(self, spec: QdrantIndex, place: Place) -> None:
        """Open the collection.

        Raises:
            KnowledgeError: If the library is not installed, or there is no such database or collection, or it does
                not answer or is locked (retryable).
            ConnectionNotFound: If it names a connection that there is not.
        """
        self._spec, self._place = spec, place
        where = place.folder(spec.path, spec.connection)
        info = place.connections.get(spec.connection) if spec.connection is not None else None
        with told_by_client(place.name, "Qdrant"):
            self._client = _client(where, info, place)
            try:
                names = [one.name for one in self._client.get_collections().collections]
                if spec.collection not in names:
                    told = unknown_names([spec.collection], names, what="collection")
                    msg = f"{place.name}: the Qdrant index has {told}"
                    raise KnowledgeError(msg)
            except BaseException:
                self._client.close()
                raise

    def listing(self, since: str | None) -> IndexListing:
        """Return the document versions, or all those of documents with a chunk not older than the watermark.

        Raises:
            KnowledgeError: If it does not answer (retryable), or no chunk has a key that the pipeline file names.
        """
        counter = ChunkCounter(self._spec, now=datetime.now(UTC))
        with told_by_client(self._place.name, "Qdrant"):
            for payload in self._payloads(counter.keys) if since is None else self._recent(since, counter.keys):
                counter.add(payload)
            if since is None and counter.unseen:
                self._refuse(counter)
            dimension = self._dimension()
        return counter.listing(dimension=dimension, is_complete=since is None, watermark=counter.watermark(since))

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks, in the order of their numbers."""
        spec = self._spec
        if spec.text is None:
            return {}
        named = [spec.document, spec.text, *([spec.chunk] if spec.chunk else [])]
        found: dict[str, list[tuple[tuple[float, str], str]]] = {}
        with told_by_client(self._place.name, "Qdrant"):
            for payload in self._of(documents, named):
                raw, text = strict_text(value_of(payload, spec.document)), value_of(payload, spec.text)
                if raw is not None and text is not None:
                    place = chunk_place(value_of(payload, spec.chunk))
                    found.setdefault(raw, []).append((place, str(text)))
        return {raw: [text for _, text in sorted(chunks, key=lambda one: one[0])] for raw, chunks in found.items()}

    def documents_of(self, chunks: Sequence[str]) -> dict[str, str]:
        """Return by the id of a point, a UUID or a number from 0 on, the raw id of its document."""
        ids = {str(known): one for one in chunks if (known := _point_id(one)) is not None}
        wanted = [int(one) if one.isdecimal() else one for one in ids]
        found = {}
        with told_by_client(self._place.name, "Qdrant"):
            for first in range(0, len(wanted), _AT_ONCE):
                points = self._client.retrieve(
                    self._spec.collection,
                    ids=wanted[first : first + _AT_ONCE],
                    with_payload=[self._spec.document],
                    with_vectors=False,
                )
                for point in points:
                    raw = strict_text(value_of(point.payload or {}, self._spec.document))
                    if raw is not None:
                        found[ids[str(point.id)]] = raw
        return found

    def close(self) -> None:
        """Close the database, or the connections to it."""
        self._client.close()

    def _recent(self, since: str, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        from qdrant_client import models  # noqa: PLC0415 - an extra

        bound = bound_of(since)
        span = models.DatetimeRange(gte=bound) if isinstance(bound, datetime) else models.Range(gte=bound)
        recent = models.FieldCondition(key=str(self._spec.indexed_at), range=span)
        touched = {
            strict_text(value_of(payload, self._spec.document))
            for payload in self._payloads([self._spec.document], recent)
        }
        yield from self._of(sorted(one for one in touched if one is not None), names)

    def _of(self, documents: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the payloads of documents' chunks; their ids may be held as text or as numbers."""
        from qdrant_client import models  # noqa: PLC0415 - an extra

        for first in range(0, len(documents), _AT_ONCE):
            part = list(documents[first : first + _AT_ONCE])
            for values in (part, whole_numbers(part)):
                if values:
                    match = models.MatchAny(any=values)
                    yield from self._payloads(names, models.FieldCondition(key=self._spec.document, match=match))

    def _payloads(self, names: Sequence[str], condition: Any = None) -> Iterator[dict[str, Any]]:
        from qdrant_client import models  # noqa: PLC0415 - an extra

        wanted = models.Filter(must=[condition]) if condition is not None else None
        offset = None
        while True:
            points, offset = self._client.scroll(
                self._spec.collection,
                scroll_filter=wanted,
                limit=_PAGE,
                offset=offset,
                with_payload=list(names),
                with_vectors=False,
            )
            yield from (point.payload or {} for point in points)
            if offset is None:
                return

    def _dimension(self) -> float | None:
        """Return the length of the collection's vectors; None where it has several kinds that differ in it."""
        vectors = self._client.get_collection(self._spec.collection).config.params.vectors
        kinds = vectors.values() if isinstance(vectors, dict) else [vectors]
        sizes = {getattr(kind, "size", None) for kind in kinds}
        size = sizes.pop() if len(sizes) == 1 else None
        return None if size is None else float(size)

    def _refuse(self, counter: ChunkCounter) -> None:
        some, _ = self._client.scroll(self._spec.collection, limit=100, with_payload=True, with_vectors=False)
        known = list(dict.fromkeys(name for point in some for name in _names(point.payload or {})))
        told = unknown_names(counter.unseen, known, what="payload key")
        msg = f"{self._place.name}: the chunks of {self._spec.collection} have {told}"
        raise KnowledgeError(msg)


def _point_id(text: str) -> str | None:
    """Return an id as Qdrant has it: a number of 64 bits without a sign, or a UUID; None for anything else."""
    if text.isascii() and text.isdecimal() and len(text) <= 20:
        return str(int(text)) if int(text) < 2**64 else None
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _names(payload: dict[str, Any]) -> Iterator[str]:
    for name, value in payload.items():
        yield from (f"{name}.{inner}" for inner in value) if isinstance(value, dict) else (name,)


def _client(where: str, info: ConnectionInfo | None, place: Place) -> Any:
    """Return a client of the embedded database in a folder, or of the server that a connection names."""
    try:
        from qdrant_client import QdrantClient  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"{place.name}: an index of kind qdrant needs its library; install seamwatch[qdrant]"
        raise KnowledgeError(msg) from error
    if info is not None and not (info.extra.get("path") or where.startswith("/")):
        # What the client and the server differ in by version is not what is read here.
        client = QdrantClient(
            url=base_url(info), api_key=info.password or None, timeout=_TIMEOUT_S, check_compatibility=False
        )
        return WithinDeadline(client, place.deadline_s)
    # The client would make an empty one.
    if not (Path(where) / "meta.json").is_file():
        msg = f"{place.name}: no Qdrant database in {where}; correct index.path"
        raise KnowledgeError(msg)
    return QdrantClient(path=where)
