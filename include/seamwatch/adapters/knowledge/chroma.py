"""Chunks in a Chroma collection, embedded or behind a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seamwatch.adapters.connections import base_url
from seamwatch.adapters.knowledge.chunks import ChunkCounter
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import IndexListing
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import ChromaIndex

_PAGE = 5000


class ChromaDocumentIndex:
    """A collection; what names the document is a key of its chunks' metadata."""

    def __init__(self, spec: ChromaIndex, place: Place) -> None:
        """Open the collection.

        Raises:
            KnowledgeError: If the library is not installed, or there is no such database or collection.
        """
        self._spec, self._place = spec, place
        try:
            import chromadb  # noqa: PLC0415 - an extra
            from chromadb.config import Settings  # noqa: PLC0415
        except ImportError as error:
            msg = f"{place.name}: an index of kind chroma needs its library; install seamwatch[chroma]"
            raise KnowledgeError(msg) from error
        settings = Settings(anonymized_telemetry=False)
        where = place.folder(spec.path, spec.connection)
        try:
            if spec.connection is not None and not where.startswith("/"):
                parts = urlsplit(base_url(place.connections.get(spec.connection)))
                client: Any = chromadb.HttpClient(
                    host=parts.hostname or "", port=parts.port or 8000, ssl=parts.scheme == "https", settings=settings
                )
            else:
                if not (Path(where) / "chroma.sqlite3").is_file():
                    msg = f"{place.name}: no Chroma database in {where}; correct index.path"
                    raise KnowledgeError(msg)
                client = chromadb.PersistentClient(path=where, settings=settings)
            names = [getattr(one, "name", one) for one in client.list_collections()]
        except KnowledgeError:
            raise
        except Exception as error:  # the client lets through what its transport raises
            msg = f"{place.name}: the Chroma index does not answer ({type(error).__name__})"
            raise KnowledgeError(msg, retryable=True) from error
        if spec.collection not in names:
            msg = f"{place.name}: Chroma has no collection {spec.collection!r}; known: {', '.join(names) or 'none'}"
            raise KnowledgeError(msg)
        self._collection = client.get_collection(spec.collection, embedding_function=None)

    def listing(self, since: str | None) -> IndexListing:
        """Return every document version: Chroma compares numbers only, so what changed cannot be asked for by time."""
        del since
        counter = ChunkCounter(self._spec)
        for page in self._pages(["metadatas"]):
            for metadata in page["metadatas"]:
                counter.add(metadata or {})
        listed = counter.versions()
        for row in listed:
            row["dimension"] = self._dimension()
        return counter.listing(listed, is_complete=True, watermark=None)

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks, in the order of their numbers."""
        found: dict[str, list[str]] = {}
        for raw in documents:
            page = self._collection.get(where={self._spec.document: raw}, include=["metadatas", "documents"])
            pairs = zip(page["metadatas"] or [], page["documents"] or [], strict=True)
            chunk = self._spec.chunk
            ordered = sorted(pairs, key=lambda pair: (pair[0] or {}).get(chunk, 0) if chunk else 0)
            texts = [text for _, text in ordered if text is not None]
            if texts:
                found[raw] = texts
        return found

    def close(self) -> None:
        """Let go of the collection."""
        del self._collection

    def _dimension(self) -> float | None:
        """Return the length of the collection's vectors: Chroma takes but one."""
        if not hasattr(self, "_length"):
            first = self._collection.get(limit=1, include=["embeddings"])["embeddings"]
            self._length = None if first is None or not len(first) else float(len(first[0]))
        return self._length

    def _pages(self, include: list[str]) -> Iterator[Any]:
        total = self._collection.count()
        for offset in range(0, total, _PAGE):
            yield self._collection.get(limit=_PAGE, offset=offset, include=include)
