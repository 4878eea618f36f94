"""Look up which documents the names stand for that retrievals recorded: at the source, in the index, by its chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing

from seamwatch.adapters.knowledge.factory import open_index
from seamwatch.core.document_names import (
    Names,
    container_forms,
    ending_forms,
    find_document,
    name_forms,
    places_of,
    resolve_names,
)
from seamwatch.core.documents import document_id
from seamwatch.engine.deps import Deps
from seamwatch.engine.knowledge_place import knowledge_place
from seamwatch.errors import KnowledgeError
from seamwatch.spec.pipeline import Pipeline

_MOST_LOOKED_UP = 20_000
"""Names that are looked up in all their forms; of more, most stand for nothing that is known."""


def find_names(
    deps: Deps,
    pipeline: Pipeline,
    name: str,
    entries: Iterable[tuple[str, ...]],
    *,
    chunks_of: Callable[[Sequence[str]], Mapping[str, str]],
    also: Collection[str] = (),
) -> Names:
    """Return which documents of a knowledge base the names of entries stand for.

    Args:
        deps: The store knows the documents as of the last check.
        pipeline: Its definition.
        name: The knowledge base.
        entries: For each entry everything that may name its document.
        chunks_of: Asked for names that may be ids of chunks; returns the raw ids of their documents.
        also: Shared ids of documents that are no longer there, and were when answers rested on them.

    Most names are ids as they are and cost one look-up in the store; the rest is looked up in every form that it may
    have, and what is left then is asked of the index as ids of its chunks.
    """
    spec = pipeline.knowledge_bases[name]
    rules, wanted = spec.ids, list(dict.fromkeys(entries))
    raws = list(dict.fromkeys(raw for names in wanted for raw in names))
    forms: dict[str, tuple[str, ...]] = {raw: (document_id(raw, rules),) for raw in raws}
    known = _known(deps, pipeline, name, forms.values()) | set(also)
    found = resolve_names(forms, {}, known)
    lost = _lost(wanted, found)[:_MOST_LOOKED_UP]
    if not lost:
        return found
    places = places_of(spec.source)
    forms |= {raw: name_forms(raw, rules, places) for raw in lost}
    containers = {raw: container_forms(raw, rules) for raw in lost}
    more = [*forms.values(), *((shared for _, shared in pairs) for pairs in containers.values())]
    more += [ending_forms(raw, rules) for raw in lost]
    known |= _known(deps, pipeline, name, more)
    found = resolve_names(forms, containers, known)
    lost = _lost(wanted, found)
    chunks = {chunk: document_id(raw, rules) for chunk, raw in chunks_of(lost).items()} if lost else {}
    return Names(documents={**found.documents, **chunks}, hints=found.hints)


def chunks_in_index(deps: Deps, pipeline: Pipeline, name: str, chunks: Sequence[str]) -> Mapping[str, str]:
    """Return by the ids of chunks the raw ids of their documents; an index that does not answer now knows none."""
    try:
        with closing(open_index(pipeline.knowledge_bases[name].index, knowledge_place(deps, pipeline, name))) as index:
            return index.documents_of(chunks)
    except KnowledgeError:
        return {}


def _lost(entries: Collection[tuple[str, ...]], names: Names) -> list[str]:
    """Return the names of entries of which no name stands for a document."""
    return list(dict.fromkeys(raw for one in entries if find_document(one, names.documents) is None for raw in one))


def _known(deps: Deps, pipeline: Pipeline, name: str, forms: Iterable[Iterable[str]]) -> set[str]:
    return deps.store.which_documents(pipeline.pipeline, name, {shared for ids in forms for shared in ids})
