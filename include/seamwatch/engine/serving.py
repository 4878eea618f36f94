"""What retrievals served: read from their tables, with the documents that answers missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sources import open_source
from seamwatch.core.documents import Served
from seamwatch.core.records.comparison import leaves, parse_json
from seamwatch.core.records.frames import key_text
from seamwatch.core.retrieval import missed_documents
from seamwatch.core.served import served_documents
from seamwatch.engine.deps import Deps
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
    """As `core.freshness.rested_on` takes it."""
    n_answers: int
    n_without_ids: int


def read_served(
    deps: Deps,
    pipeline: Pipeline,
    stage: Stage,
    reader: StageReader,
    *,
    start: datetime,
    end: datetime,
    findings: pd.DataFrame,
) -> ServedAnswers:
    """Return what a retrieval served from `start` to `end`, and the missing documents that would have been.

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
    found: dict[str, tuple[Served, ...]] = {
        one: served_documents(documents, texts, knowledge_base.ids)
        for one, documents, texts in zip(keys, rows[stage.documents].tolist(), contents, strict=True)
    }
    at = dict(zip(keys, times, strict=True))
    missing = findings[(findings["reason"] == FreshnessReason.MISSING).to_numpy()]
    missed: Mapping[str, tuple[str, ...]] = {}
    if len(missing):
        texts_of = missing_texts(deps, pipeline, stage.knowledge_base, missing)
        missed = missed_documents(read_questions(pipeline, stage, reader, keys), found, texts_of)
    return ServedAnswers(
        served=_served_frame(deps, pipeline, stage.knowledge_base, found, missed, at),
        n_answers=len(keys),
        n_without_ids=sum(not served for served in found.values()),
    )


def _served_frame(
    deps: Deps,
    pipeline: Pipeline,
    name: str,
    found: Mapping[str, tuple[Served, ...]],
    missed: Mapping[str, tuple[str, ...]],
    at: Mapping[str, Any],
) -> pd.DataFrame:
    rows = [(key, one.document, one.version, at[key]) for key, served in found.items() for one in served]
    rows += [(key, document, None, at[key]) for key, documents in missed.items() for document in documents]
    frame = pd.DataFrame(rows, columns=["key", "document", "version", "served_at"], dtype=object)
    frame["served_at"] = pd.to_datetime(frame["served_at"], utc=True)
    clocks = deps.store.document_clocks(pipeline.pipeline, name, among=frame["document"].drop_duplicates().tolist())
    return frame.assign(current_hash=frame["document"].map(clocks["content_hash"]).astype(object))


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


def knowledge_place(deps: Deps, pipeline: Pipeline, name: str) -> Place:
    """Return what a knowledge base is opened with."""
    return Place(
        name=f"{pipeline.pipeline}.{name}",
        project_dir=deps.project.root,
        connections=deps.connections,
        database=pipeline.database,
        cache_dir=deps.data_dir / "knowledge" / pipeline.pipeline / name,
        object_path=deps.object_path,
    )


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
