"""Chunks in a Chroma collection, embedded or behind a server."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import base_url
from seamwatch.adapters.deadline import WithinDeadline, within
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
from seamwatch.spec.knowledge import ChromaIndex

_PAGE = 5000
_AT_ONCE = 200
"""Documents asked for in one filter."""
_TIMEOUT_S = 60


class ChromaDocumentIndex:
    """A collection; what names the document is a key of its chunks' metadata."""

    def __init__(self, spec: ChromaIndex, place: Place) -> None:
        """Open the collection.

        Raises:
            KnowledgeError: If the library is not installed, or there is no such database or collection, or it does
                not answer (retryable).
            ConnectionNotFound: If it names a connection that there is not.
        """
        self._spec, self._place = spec, place
        where = place.folder(spec.path, spec.connection)
        info = place.connections.get(spec.connection) if spec.connection is not None else None
        with told_by_client(place.name, "Chroma"):
            self._client = _client(where, info, place)
            try:
                names = [one.name for one in self._client.list_collections()]
                if spec.collection not in names:
                    told = unknown_names([spec.collection], names, what="collection")
                    msg = f"{place.name}: the Chroma index has {told}"
                    raise KnowledgeError(msg)
                # No embedding function: nothing is embedded here, and the default one would be downloaded.
                collection = self._client.get_collection(spec.collection, embedding_function=None)
                self._collection = WithinDeadline(collection, place.deadline_s)
            except BaseException:
                self.close()
                raise

    def listing(self, since: str | None) -> IndexListing:
        """Return the document versions, or all those of documents with a chunk not older than the watermark.

        Chroma compares numbers only. Where the chunks' times are text, everything is listed each time.

        Raises:
            KnowledgeError: If it does not answer (retryable), or no chunk has a key that the pipeline file names.
        """
        spec = self._spec
        counter = ChunkCounter(spec, now=datetime.now(UTC))
        with told_by_client(self._place.name, "Chroma"):
            for metadata in self._metadatas(since):
                counter.add(metadata)
            if since is None and counter.unseen:
                self._refuse(counter)
            # The collection takes vectors of one length only, and knows it: no vector is read.
            dimension = self._collection.get_model().dimension
        is_text = counter.form == "text"
        notes = []
        if is_text:
            notes.append(f"{spec.indexed_at} is text, which Chroma does not compare: all chunks are read each time")
        return counter.listing(
            dimension=None if dimension is None else float(dimension),
            is_complete=since is None,
            watermark=None if is_text else counter.watermark(since),
            notes=notes,
        )

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks, in the order of their numbers."""
        spec = self._spec
        found: dict[str, list[tuple[tuple[float, str], str]]] = {}
        with told_by_client(self._place.name, "Chroma"):
            for page in self._pages_of(documents, ["metadatas", "documents"]):
                for metadata, text in zip(page["metadatas"], page["documents"], strict=True):
                    raw = strict_text(value_of(metadata or {}, spec.document))
                    if raw is not None and text is not None:
                        place = chunk_place(value_of(metadata, spec.chunk))
                        found.setdefault(raw, []).append((place, str(text)))
        return {raw: [text for _, text in sorted(chunks, key=lambda one: one[0])] for raw, chunks in found.items()}

    def documents_of(self, chunks: Sequence[str]) -> dict[str, str]:
        """Return by the id of a chunk the raw id of its document."""
        found = {}
        with told_by_client(self._place.name, "Chroma"):
            for first in range(0, len(chunks), _AT_ONCE):
                page = self._collection.get(ids=list(chunks[first : first + _AT_ONCE]), include=["metadatas"])
                for chunk, metadata in zip(page["ids"], page["metadatas"] or [], strict=True):
                    raw = strict_text(value_of(metadata or {}, self._spec.document))
                    if raw is not None:
                        found[chunk] = raw
        return found

    def close(self) -> None:
        """Close the database, or the connections to it."""
        self._client.close()
        for session in _sessions(self._client):
            session.close()

    def _metadatas(self, since: str | None) -> Iterator[dict[str, Any]]:
        if since is None:
            pages = self._pages(["metadatas"])
        else:
            recent = {self._spec.indexed_at: {"$gte": bound_of(since)}}
            touched = {
                strict_text(value_of(metadata, self._spec.document))
                for page in self._pages(["metadatas"], recent)
                for metadata in page["metadatas"]
            }
            pages = self._pages_of(sorted(one for one in touched if one is not None), ["metadatas"])
        for page in pages:
            yield from (metadata or {} for metadata in page["metadatas"])

    def _pages_of(self, documents: Sequence[str], include: list[str]) -> Iterator[Any]:
        """Yield the chunks of documents; their ids may be held as text or as numbers."""
        name = self._spec.document
        for first in range(0, len(documents), _AT_ONCE):
            part = list(documents[first : first + _AT_ONCE])
            for values in (part, whole_numbers(part)):
                if values:
                    yield from self._pages(include, {name: {"$in": values}})

    def _pages(self, include: list[str], where: dict[Any, Any] | None = None) -> Iterator[Any]:
        for offset in count(0, _PAGE):
            page = self._collection.get(where=where, limit=_PAGE, offset=offset, include=include)
            yield page
            if len(page["ids"]) < _PAGE:
                return

    def _refuse(self, counter: ChunkCounter) -> None:
        some = self._collection.get(limit=100, include=["metadatas"])["metadatas"]
        known = list(dict.fromkeys(name for metadata in some for name in metadata or {}))
        told = unknown_names(counter.unseen, known, what="metadata key")
        msg = f"{self._place.name}: the chunks of {self._spec.collection} have {told}"
        raise KnowledgeError(msg)


def _client(where: str, info: ConnectionInfo | None, place: Place) -> Any:
    """Return a client of the embedded database in a folder, or of the server that a connection names."""
    try:
        import chromadb  # noqa: PLC0415 - an extra
        from chromadb.config import Settings  # noqa: PLC0415
    except ImportError as error:
        msg = f"{place.name}: an index of kind chroma needs its library; install seamwatch[chroma]"
        raise KnowledgeError(msg) from error
    settings = Settings(anonymized_telemetry=False)
    if info is not None and not (info.extra.get("path") or where.startswith("/")):
        parts = urlsplit(base_url(info))
        is_safe = parts.scheme == "https"
        client = within(  # making one asks the server already
            place.deadline_s,
            lambda: chromadb.HttpClient(
                host=parts.hostname or "",
                port=parts.port or (443 if is_safe else 8000),
                ssl=is_safe,
                headers=_headers(info),
                settings=settings,
                tenant=str(info.extra.get("tenant") or "default_tenant"),
                database=str(info.extra.get("database") or "default_database"),
            ),
        )
        for session in _sessions(client):
            session.timeout = httpx.Timeout(_TIMEOUT_S)
        return WithinDeadline(client, place.deadline_s)
    # The client would make an empty one.
    if not (Path(where) / "chroma.sqlite3").is_file():
        msg = f"{place.name}: no Chroma database in {where}; correct index.path"
        raise KnowledgeError(msg)
    return chromadb.PersistentClient(path=where, settings=settings)


def _sessions(client: Any) -> list[httpx.Client]:
    """Return what a client sends its requests by: they wait without end, and stay open when the client is closed."""
    owners = (client, getattr(client, "_admin_client", None))
    sessions = [getattr(getattr(owner, "_server", None), "_session", None) for owner in owners]
    return [one for one in sessions if isinstance(one, httpx.Client)]


def _headers(info: ConnectionInfo) -> dict[str, str]:
    if not info.password:
        return {}
    if info.login:
        pair = base64.b64encode(f"{info.login}:{info.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {info.password}", "X-Chroma-Token": info.password}
