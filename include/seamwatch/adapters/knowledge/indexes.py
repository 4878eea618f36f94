"""Open the index of a knowledge base by its kind."""

from __future__ import annotations

from seamwatch.adapters.base import DocumentIndex
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sql_index import SqlDocumentIndex
from seamwatch.spec.knowledge import ChromaIndex, DocumentIndexSpec, SqlIndex


def open_index(spec: DocumentIndexSpec, place: Place) -> DocumentIndex:
    """Return the index, connected lazily where it can be.

    Raises:
        KnowledgeError: If it cannot be opened, or its library is not installed.
        ConnectionNotFound: If it names a connection that there is not.
    """
    if isinstance(spec, SqlIndex):
        return SqlDocumentIndex(spec, place)
    if isinstance(spec, ChromaIndex):
        from seamwatch.adapters.knowledge.chroma import ChromaDocumentIndex  # noqa: PLC0415 - an extra, and heavy

        return ChromaDocumentIndex(spec, place)
    from seamwatch.adapters.knowledge.qdrant import QdrantDocumentIndex  # noqa: PLC0415 - an extra, and heavy

    return QdrantDocumentIndex(spec, place)
