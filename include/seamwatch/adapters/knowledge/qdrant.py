"""Chunks in a Qdrant collection, embedded or behind a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from seamwatch.adapters.connections import base_url
from seamwatch.adapters.knowledge.chunks import ChunkCounter, moment_of
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import IndexListing
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import QdrantIndex

_PAGE = 1000
_OVERLAP = timedelta(minutes=10)


class QdrantDocumentIndex:
    """A collection; what names the document is a key of its points' payload."""

    def __init__(self, spec: QdrantIndex, place: Place) -> None:
        """Open the collection.

        Raises:
            KnowledgeError: If the library is not installed, or there is no such database or collection.
        """
        self._spec, self._place = spec, place
        try:
            from qdrant_client import QdrantClient, models  # noqa: PLC0415 - an extra
        except ImportError as error:
            msg = f"{place.name}: an index of kind qdrant needs its library; install seamwatch[qdrant]"
            raise KnowledgeError(msg) from error
        self._models = models
        where = place.folder(spec.path, spec.connection)
        try:
            if spec.connection is not None and not where.startswith("/"):
                info = place.connections.get(spec.connection)
                self._client = QdrantClient(url=base_url(info), api_key=info.password or None)
            else:
                self._client = QdrantClient(path=where)
            names = [one.name for one in self._client.get_collections().collections]
        except Exception as error:  # the client lets through what its transport raises
            locked = " (another process holds it)" if "already accessed" in str(error) else ""
            msg = f"{place.name}: the Qdrant index does not answer{locked} ({type(error).__name__})"
            raise KnowledgeError(msg, retryable=True) from error
        if spec.collection not in names:
            self._client.close()
            msg = f"{place.name}: Qdrant has no collection {spec.collection!r}; known: {', '.join(names) or 'none'}"
            raise KnowledgeError(msg)

    def listing(self, since: str | None) -> IndexListing:
        """Return every document version, or all those of documents with a chunk not older than the watermark."""
        spec = self._spec
        wanted = None
        if since is not None and spec.indexed_at is not None:
            start = datetime.fromisoformat(since) - _OVERLAP
            recent = self._models.FieldCondition(key=spec.indexed_at, range=self._models.DatetimeRange(gte=start))
            touched = {
                str(payload[spec.document])
                for payload in self._payloads(self._models.Filter(must=[recent]), [spec.document])
                if payload.get(spec.document) is not None
            }
            among = self._models.FieldCondition(key=spec.document, match=self._models.MatchAny(any=sorted(touched)))
            wanted = self._models.Filter(must=[among])
        named = (spec.document, spec.content_hash, spec.indexed_at, spec.chunk, spec.chunks, spec.embedding_model)
        counter = ChunkCounter(spec)
        newest = None
        for payload in self._payloads(wanted, [name for name in named if name is not None]):
            counter.add(payload)
            # Only times in text can be asked for by range.
            told = payload.get(spec.indexed_at) if spec.indexed_at else None
            at = moment_of(told) if isinstance(told, str) else None
            newest = at if newest is None or (at is not None and at > newest) else newest
        rows = counter.versions()
        for row in rows:
            row["dimension"] = self._dimension()
        mark = newest.isoformat() if newest is not None else since
        return counter.listing(rows, is_complete=wanted is None, watermark=mark if spec.indexed_at else None)

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks, in the order of their numbers."""
        spec = self._spec
        if spec.text is None or not documents:
            return {}
        among = self._models.FieldCondition(key=spec.document, match=self._models.MatchAny(any=list(documents)))
        named = [spec.document, spec.text, *([spec.chunk] if spec.chunk else [])]
        found: dict[str, list[tuple[Any, str]]] = {}
        for payload in self._payloads(self._models.Filter(must=[among]), named):
            if payload.get(spec.text) is not None:
                number = payload.get(spec.chunk, 0) if spec.chunk else 0
                found.setdefault(str(payload[spec.document]), []).append((number, str(payload[spec.text])))
        return {raw: [text for _, text in sorted(chunks, key=lambda c: c[0])] for raw, chunks in found.items()}

    def close(self) -> None:
        """Close the database."""
        self._client.close()

    def _payloads(self, wanted: Any, names: list[str]) -> Iterator[dict[str, Any]]:
        offset = None
        while True:
            points, offset = self._client.scroll(
                self._spec.collection, scroll_filter=wanted, limit=_PAGE, offset=offset, with_payload=names
            )
            yield from (point.payload or {} for point in points)
            if offset is None:
                return

    def _dimension(self) -> float | None:
        """Return the length of the collection's vectors; None where it has several kinds of them."""
        params = self._client.get_collection(self._spec.collection).config.params.vectors
        size = getattr(params, "size", None)
        return None if size is None else float(size)
