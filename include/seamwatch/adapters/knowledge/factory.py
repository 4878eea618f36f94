"""Open the source or the index of a knowledge base by its kind."""

from __future__ import annotations

from seamwatch.adapters.base import DocumentIndex, DocumentSource
from seamwatch.adapters.knowledge.files import FilesDocuments
from seamwatch.adapters.knowledge.git import GitDocuments
from seamwatch.adapters.knowledge.objects import ObjectDocuments
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sql_index import SqlDocumentIndex
from seamwatch.adapters.knowledge.sql_source import SqlDocuments
from seamwatch.adapters.knowledge.web import WebDocuments
from seamwatch.spec.knowledge import (
    ChromaIndex,
    DocumentIndexSpec,
    DocumentSourceSpec,
    FilesSource,
    GitSource,
    ObjectsSource,
    SqlIndex,
    SqlSource,
)


def open_source(spec: DocumentSourceSpec, place: Place, *, hash_name: str) -> DocumentSource:
    """Return the source, connected lazily where it can be.

    Args:
        spec: Its definition.
        place: Where it is opened from.
        hash_name: How its content is hashed: what the index recorded.

    Raises:
        KnowledgeError: If it cannot be opened.
        ConnectionNotFound: If it names a connection that there is not.
    """
    if isinstance(spec, FilesSource):
        return FilesDocuments(spec, place, hash_name=hash_name)
    if isinstance(spec, GitSource):
        return GitDocuments(spec, place, hash_name=hash_name)
    if isinstance(spec, SqlSource):
        return SqlDocuments(spec, place, hash_name=hash_name)
    if isinstance(spec, ObjectsSource):
        return ObjectDocuments(spec, place, hash_name=hash_name)
    return WebDocuments(spec, place, hash_name=hash_name)


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
