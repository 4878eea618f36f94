"""What retrievals served: read from their tables, with the documents that answers missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from seamwatch.adapters.base import DocumentIndex
from seamwatch.adapters.knowledge.factory import open_source
from seamwatch.core.documents import Served
from seamwatch.core.freshness_answers import was_gone
from seamwatch.core.records.comparison import leaves, parse_json
from seamwatch.core.records.frames import key_text
from seamwatch.core.retrieval import missed_documents
from seamwatch.core.retrieved_documents import recorded_names, served_documents
from seamwatch.engine.deps import Deps
from seamwatch.engine.document_names import chunks_in_index, find_names
from seamwatch.engine.knowledge_place import knowledge_place
from seamwatch.engine.reading import StageReader
from seamwatch.errors import DataContractError
from seamwatch.spec.knowledge import KnowledgeBase
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import FreshnessReason

_MISSING_READ = 200
"""Missing documents whose text is read to see whose answers miss them; the newest ones."""


@dataclass(frozen=True, kw_only=True)
class ServedAnswers:
    """What a retrieval served in a span of time."""

    served: pd.DataFrame
    """As `core.freshness_answers.rested_on` takes it, with `raw` (the name as recorded) and `is_unknown` (nobody knew
    such a document when it was served)."""
    n_answers: int
    n_without_ids: int
    hints: tuple[str, ...] = ()
    """What a person could write, so that names which nobody knows would be known."""


def read_served(
    deps: Deps,
    pipeline: Pipeline,
    stage: Stage,
    reader: StageReader,
    *,
    start: datetime,
    end: datetime,
    findings: pd.DataFrame,
    index: DocumentIndex | None = None,
) -> ServedAnswers:
    """Return what a retrieval served from `start` to `end`, and the missing documents that would have been.

    Args:
        deps: What it needs.
        pipeline: Its definition.
        stage: The retrieval.
        reader: Of its table.
        start: Aware time.
        end: Aware time, itself excluded.
        findings: Those of the knowledge base from `start` on.
        index: Where it is open already; default: opened where a name may be that of a chunk.

    Raises:
        DataContractError: If the stage has no time, or no column of document ids.
        AdapterError: If a table cannot be read.
    """
    time = reader.time_column(stage)
    if time is None:
        msg = f"{pipeline.pipeline}.{stage.name} has no time column, so nobody knows when it served; name it with time"
        raise DataContractError(msg)
    rows = reader.rows(stage, time=time, start=start, end=end)
    key = pipeline.stage_key(stage)
    assert stage.documents is not None
    if stage.documents not in rows.columns:
        known = ", ".join(map(str, rows.columns))
        msg = f"{pipeline.pipeline}.{stage.name} ({stage.relation}): no column {stage.documents!r}; known: {known}"
        raise DataContractError(msg)
    rows = rows[rows[key].notna().to_numpy()].sort_values(time, kind="stable").drop_duplicates(key, keep="last")
    assert stage.knowledge_base is not None
    knowledge_base = pipeline.knowledge_bases[stage.knowledge_base]
    keys = key_text(rows[key]).tolist()
    times = pd.to_datetime(rows[time], utc=True).tolist()
    contents = rows[stage.contents].tolist() if stage.contents else [None] * len(rows)
    name = stage.knowledge_base
    names = find_names(
        deps,
        pipeline,
        name,
        (entry for documents in rows[stage.documents].tolist() for entry in recorded_names(documents)),
        chunks_of=index.documents_of if index is not None else partial(chunks_in_index, deps, pipeline, name),
        also=set(findings["document"]),
    )
    found: dict[str, tuple[Served, ...]] = {
        one: served_documents(documents, texts, knowledge_base.ids, names.documents)
        for one, documents, texts in zip(keys, rows[stage.documents].tolist(), contents, strict=True)
    }
    at = dict(zip(keys, times, strict=True))
    missing = findings[(findings["reason"] == FreshnessReason.MISSING).to_numpy()]
    missed: Mapping[str, tuple[str, ...]] = {}
    if len(missing):
        texts_of = missing_texts(deps, pipeline, name, missing)
        missed = missed_documents(read_questions(pipeline, stage, reader, keys), found, texts_of)
    return ServedAnswers(
        served=_served_frame(deps, pipeline, name, found, missed, at, findings),
        n_answers=len(keys),
        n_without_ids=sum(not served for served in found.values()),
        hints=names.hints,
    )


def _served_frame(
    deps: Deps,
    pipeline: Pipeline,
    name: str,
    found: Mapping[str, tuple[Served, ...]],
    missed: Mapping[str, tuple[str, ...]],
    at: Mapping[str, Any],
    findings: pd.DataFrame,
) -> pd.DataFrame:
    rows = [
        (key, one.document, one.version, at[key], one.raw, one.is_known)
        for key, served in found.items()
        for one in served
    ]
    rows += [
        (key, document, None, at[key], document, True) for key, documents in missed.items() for document in documents
    ]
    columns = ["key", "document", "version", "served_at", "raw", "is_known"]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    frame["served_at"] = pd.to_datetime(frame["served_at"], utc=True)
    documents = frame["document"].drop_duplicates().tolist()
    clocks = deps.store.document_clocks(pipeline.pipeline, name, among=documents)
    there = deps.store.which_documents(pipeline.pipeline, name, documents)
    is_unknown = ~frame.pop("is_known").to_numpy(dtype=bool) | was_gone(frame, there, findings)
    current = frame["document"].map(clocks["content_hash"]).astype(object)
    return frame.assign(current_hash=current, is_unknown=is_unknown)


def missing_texts(deps: Deps, pipeline: Pipeline, name: str, missing: pd.DataFrame) -> dict[str, str]:
    """Return the texts of documents that are not in the index, the newest ones where there are many."""
    newest = missing.sort_values("since", ascending=False)["document"].drop_duplicates().head(_MISSING_READ).tolist()
    return current_texts(deps, pipeline, name, newest, at=None)


def current_texts(
    deps: Deps, pipeline: Pipeline, name: str, documents: list[str], *, at: datetime | None
) -> dict[str, str]:
    """Return documents' texts at the source by shared id, as of a moment where the source has a history."""
    knowledge_base: KnowledgeBase = pipeline.knowledge_bases[name]
    found = deps.store.documents(pipeline.pipeline, name, documents)["raw"]
    raw = {str(shared): str(one) for shared, one in found.items()}
    place = knowledge_place(deps, pipeline, name)
    source = open_source(knowledge_base.source, place, hash_name=knowledge_base.index.hash)
    try:
        texts = source.read(list(raw.values()), at)
    finally:
        source.close()
    return {shared: texts[one] for shared, one in raw.items() if one in texts}


def read_questions(pipeline: Pipeline, stage: Stage, reader: StageReader, keys: list[str]) -> dict[str, str]:
    """Return by record the text that the retrieval was asked with: all text of the stages that it is made from."""
    found: dict[str, list[str]] = {}
    for name in stage.input:
        source = pipeline.stage(name)
        rows = reader.versions(source, pd.Index(keys, dtype=object))
        for row in rows.drop_duplicates("_key", keep="last").to_dict("records"):
            text = " ".join(
                leaf
                for column, value in row.items()
                if not str(column).startswith("_")
                for _, leaf in leaves(parse_json(value))
                if isinstance(leaf, str)
            )
            found.setdefault(str(row["_key"]), []).append(text)
    return {key: " ".join(texts) for key, texts in found.items()}
