"""Open the source of a knowledge base by its kind."""

from __future__ import annotations

from seamwatch.adapters.base import DocumentSource
from seamwatch.adapters.knowledge.files import FilesDocuments
from seamwatch.adapters.knowledge.git import GitDocuments
from seamwatch.adapters.knowledge.objects import ObjectDocuments
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sql_source import SqlDocuments
from seamwatch.adapters.knowledge.web import WebDocuments
from seamwatch.spec.knowledge import DocumentSourceSpec, FilesSource, GitSource, ObjectsSource, SqlSource


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
