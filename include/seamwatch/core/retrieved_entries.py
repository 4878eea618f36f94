"""What a retrieval recorded, opened by its shape: one entry for each document or chunk that was served.

Lists of ids or objects; LangChain's documents, alone or with their scores; LlamaIndex's nodes; Haystack's documents;
the results of Chroma (columns of lists), Qdrant, Pinecone, Milvus, Elasticsearch and Amazon Bedrock; OpenInference's
attributes, flat or nested. All of them as JSON, as the text of Python objects, or as bytes.

An entry often has several names: an id of its own, that of its document, a path. Which of them is a document is not
guessed here: all are handed on, the most likely one first (`core.document_names`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.comparison import canonical_json, is_null, parse_json
from seamwatch.core.records.response_text import as_text, open_document
from seamwatch.core.records.unknown import Unknown

Path = tuple[str, ...]

_CONTAINERS = (
    *("documents", "retrieval", "source_documents", "source_nodes", "nodes", "results", "result", "points", "matches"),
    *("hits", "retrievalResults", "contexts", "chunks", "passages", "context", "items", "value", "data"),
)
"""Keys under which an object holds the list of what was served."""
_WRAPPERS = ("node", "document", "payload", "kwargs", "_source", "entity", "metadata", "meta")
"""Keys under which an entry holds its document, and that its metadata."""
_NAMES = (
    *("id", "document", "document_id", "doc_id", "source", "ref_doc_id", "source_id", "file_path", "file_name"),
    *("filename", "path", "url", "uri", "sourceUri", "source_uri", "x-amz-bedrock-kb-source-uri"),
    *("metadata_storage_path", "_id", "id_", "node_id", "chunk_id", "file_id", "name", "title"),
)
"""Keys of what may name a document, the most likely first."""
_TEXTS = ("text", "content", "page_content", "passage")
_VERSIONS = ("version", "content_hash", "hash")
_INNER_VERSIONS = ("version", "content_hash")
"""In metadata: a node's `hash` there is that of the node."""
_SOURCE_RELATION = ("relationships", "1", "node_id")
"""Where LlamaIndex names the document that a node was cut from."""
_LOCATION = ("location", "s3Location", "uri")
"""Where Amazon Bedrock names an object of S3."""
_ATTRIBUTE = re.compile(r"(?:retrieval\.)?documents\.(\d+)\.(?:document\.)?(.+)")
"""OpenInference's flat attributes: `retrieval.documents.0.document.id`."""
_DEEPEST = 4


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where in an entry that is an object its parts stand; None where they do not."""

    name: Path | None = None
    """That of the first name."""
    text: Path | None = None
    version: Path | None = None


NO_PLACES = Places()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One document, or chunk of one, as it was recorded."""

    names: tuple[str, ...]
    """What may name the document, the most likely first; empty where nothing does."""
    text: str | None = None
    version: str | None = None
    places: Places = NO_PLACES
    whole: Mapping[str, Any] | None = None
    """As recorded, where it is an object."""


def read_entries(documents: Any) -> list[Entry]:
    """Return what was served, best first; empty for null and for an empty list.

    Args:
        documents: As recorded, in any of the shapes that the module names; text of no known shape is one name.
    """
    if is_null(documents):
        return []
    value = documents if isinstance(documents, Mapping | list | tuple) else open_document(documents)
    if isinstance(value, Unknown):
        text = as_text(documents)
        return [Entry(names=(str(documents if text is None else text),))]
    if value is None:
        return []
    return [_entry(one) for one in _listed(value, 0)]


def is_plain_list(documents: Any) -> bool:
    """Return whether entries can be replaced one by one: a list of names or objects, alone or under `documents`."""
    value = parse_json(documents)
    value = value["documents"] if isinstance(value, Mapping) and "documents" in value else value
    return isinstance(value, list) and all(one is None or isinstance(one, str | int | Mapping) for one in value)


def _listed(value: Any, depth: int) -> list[Any]:
    """Return the entries of a list or of an object that holds one; an object without one is the only entry."""
    if depth > _DEEPEST:
        return [value]
    if isinstance(value, Mapping):
        return _of_object(value, depth)
    if not isinstance(value, list | tuple):
        return [value]
    found: list[Any] = []
    for one in value:
        if not isinstance(one, list | tuple):
            found.append(one)
        elif len(one) == 2 and isinstance(one[0], Mapping) and isinstance(one[1], int | float):
            found.append(one[0])  # a document with its score
        else:
            found += _listed(one, depth + 1)
    return found


def _of_object(value: Mapping[str, Any], depth: int) -> list[Any]:
    if isinstance(value.get("ids"), list | tuple):
        return list(_of_columns(value))
    attributes = _of_attributes(value)
    if attributes:
        return attributes
    for name in _CONTAINERS:
        inner = value.get(name)
        if isinstance(inner, str) and inner.lstrip()[:1] in ("[", "{"):
            inner = open_document(inner)
        # Only an object that holds a list in the end is a container: `context` may be a text, `value` a number.
        if isinstance(inner, list | tuple) or (isinstance(inner, Mapping) and _holds_list(inner, depth + 1)):
            return _listed(inner, depth + 1)
    return [value]


def _holds_list(value: Mapping[str, Any], depth: int) -> bool:
    if isinstance(value.get("ids"), list | tuple):
        return True
    inner = [value[name] for name in _CONTAINERS if name in value]
    return any(
        isinstance(one, list | tuple) or (depth < _DEEPEST and isinstance(one, Mapping) and _holds_list(one, depth + 1))
        for one in inner
    )


def _of_columns(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries of Chroma's results: a list for each part, and in a query's a list for each question."""
    columns = {"id": value["ids"], "text": value.get("documents"), "metadata": value.get("metadatas")}
    flat = {name: _flat(column) for name, column in columns.items()}
    for place, raw in enumerate(flat["id"]):
        rest = {name: column[place] for name, column in flat.items() if name != "id" and place < len(column)}
        yield {"id": raw, **{name: one for name, one in rest.items() if not is_null(one)}}


def _flat(column: Any) -> list[Any]:
    if not isinstance(column, list | tuple):
        return []
    return [one for part in column for one in (part if isinstance(part, list | tuple) else [part])]


def _of_attributes(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for key, part in value.items():
        match = _ATTRIBUTE.fullmatch(str(key))
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = part
    return [found[number] for number in sorted(found)]


def _entry(one: Any) -> Entry:
    if isinstance(one, str) and one.lstrip()[:1] == "{":
        opened = open_document(one)
        one = opened if isinstance(opened, Mapping) else one
    if not isinstance(one, Mapping):
        is_name = not is_null(one) and not isinstance(one, list | tuple) and bool(str(one).strip())
        return Entry(names=(str(one),) if is_name else ())
    parts = list(_parts(one, (), 0))
    names = list(dict.fromkeys((name, path) for path, name in _names(one, parts)))
    text_path = next((path for path in _texts(parts)), None)
    version_path = next((path for path in _versions(parts)), None)
    version = None if version_path is None else value_at(one, version_path)
    return Entry(
        names=tuple(dict.fromkeys(name for name, _ in names)),
        text=None if text_path is None else str(value_at(one, text_path)),
        version=None if version is None else str(version),
        places=Places(name=names[0][1] if names else None, text=text_path, version=version_path),
        whole=one,
    )


def _parts(entry: Mapping[str, Any], path: Path, depth: int) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield an entry, and what it holds its document and metadata in."""
    yield path, entry
    for name in _WRAPPERS:
        for key in (name, f"document.{name}"):
            inner = entry.get(key)
            if isinstance(inner, str) and inner.lstrip()[:1] == "{":
                inner = open_document(inner)
            if isinstance(inner, Mapping) and depth < _DEEPEST:
                yield from _parts(inner, (*path, key), depth + 1)


def _names(entry: Mapping[str, Any], parts: Sequence[tuple[Path, Mapping[str, Any]]]) -> Iterator[tuple[Path, str]]:
    for path, part in parts:
        for name in _NAMES:
            for key in (name, f"document.{name}"):
                value = part.get(key)
                if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                    yield (*path, key), str(value)
        for place in (_SOURCE_RELATION, _LOCATION):
            value = value_at(part, place)
            if isinstance(value, str) and value.strip():
                yield (*path, *place), value
    del entry


def _texts(parts: Sequence[tuple[Path, Mapping[str, Any]]]) -> Iterator[Path]:
    for path, part in parts:
        for name in _TEXTS:
            for key in (name, f"document.{name}"):
                value = part.get(key)
                if isinstance(value, Mapping) and isinstance(value.get("text"), str):
                    yield (*path, key, "text")
                elif not is_null(value) and not isinstance(value, Mapping | list | tuple):
                    yield (*path, key)


def _versions(parts: Sequence[tuple[Path, Mapping[str, Any]]]) -> Iterator[Path]:
    for path, part in parts:
        for name in _INNER_VERSIONS if path else _VERSIONS:
            if not is_null(part.get(name)):
                yield (*path, name)


def value_at(entry: Any, path: Path) -> Any:
    """Return what stands at a path of an entry, opening what stands there as JSON text; None where nothing does."""
    for key in path:
        if isinstance(entry, str):
            entry = open_document(entry)
        entry = entry.get(key) if isinstance(entry, Mapping) else None
    return None if is_null(entry) else entry


def with_value(entry: Any, path: Path, value: Any) -> Any:
    """Return a copy of an entry with something else at a path; what stands there as JSON text stays text."""
    if not path:
        return value
    if isinstance(entry, str):
        return canonical_json(with_value(open_document(entry), path, value))
    base = dict(entry) if isinstance(entry, Mapping) else {}
    base[path[0]] = with_value(base.get(path[0]), path[1:], value)
    return base
