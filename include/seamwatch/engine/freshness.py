"""Check a knowledge base: list what changed, judge it, weigh the answers that rested on it, keep what was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.adapters.base import DocumentIndex, DocumentSource
from seamwatch.adapters.knowledge.factory import open_index, open_source
from seamwatch.core.documents import INDEX_COLUMNS, IndexListing, SourceListing, document_ids
from seamwatch.core.freshness import (
    Judged,
    Rules,
    index_lag,
    judge_documents,
    moment,
    update_findings,
    usual_embedding,
)
from seamwatch.core.freshness_answers import answer_sli
from seamwatch.core.freshness_results import AGAINST_ANSWERS, DocumentAnswers, FreshnessCheck
from seamwatch.core.text_coverage import is_same_text
from seamwatch.engine.deps import Deps
from seamwatch.engine.knowledge_place import knowledge_place
from seamwatch.engine.reading import StageReader
from seamwatch.engine.retrieved_documents import ServedAnswers, read_served
from seamwatch.errors import KnowledgeError
from seamwatch.plurals import agree, plural
from seamwatch.spec.knowledge import KnowledgeBase
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.store.knowledge import LastCheck
from seamwatch.vocabulary import FreshnessReason

_MOST_NAMED, _MOST_CHARS = 2, 80
"""Of ids that nobody knows, and of each of them."""
_LAG_DAYS = timedelta(days=30)
_TOLD = 100
"""Documents told in a check; the store keeps the findings of all."""


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """The documents that a check looked at."""

    source: pd.DataFrame
    """Index shared id; columns raw and those of a source listing."""
    index: pd.DataFrame
    """Columns raw and those of an index listing."""
    before: pd.DataFrame
    """The source's rows as of the last check."""
    touched: frozenset[str]
    changed: frozenset[str]
    """Those of them of which the store holds something else."""
    removed: frozenset[str]
    """Those of them that were on one side at the last check, and are on neither now."""


def serving_stage(pipeline: Pipeline, name: str) -> Stage | None:
    """Return the retrieval that serves a knowledge base; None where no stage does."""
    return next((stage for stage in pipeline.stages if stage.knowledge_base == name), None)


def check_knowledge_base(
    deps: Deps, pipeline: Pipeline, name: str, *, is_full: bool = False, now: datetime | None = None
) -> FreshnessCheck:
    """Return what is wrong with the documents of a knowledge base, and which answers rested on it; saved.

    Args:
        deps: What it needs.
        pipeline: Its definition.
        name: One of its knowledge bases.
        is_full: List everything, also where the last full sweep is not due again; else what changed since.
        now: Aware time of the check; default: the clock's.

    Raises:
        KnowledgeError: If the source or the index cannot be listed; nothing is saved then, and nothing is called
            missing or gone.
        DataContractError: If two documents would be one by the rules for ids.
        AdapterError: If the retrieval's table cannot be read.
    """
    knowledge_base = pipeline.knowledge_bases[name]
    now = now or deps.clock()
    last = deps.store.last_check(pipeline.pipeline, name)
    is_full = is_full or last is None or last.full_at is None or now - last.full_at >= knowledge_base.full_sweep
    place = knowledge_place(deps, pipeline, name)
    source = open_source(knowledge_base.source, place, hash_name=knowledge_base.index.hash)
    try:
        index = open_index(knowledge_base.index, place)
        try:
            return _check(deps, pipeline, name, source, index, last, is_full=is_full, now=now)
        finally:
            index.close()
    finally:
        source.close()


def _check(
    deps: Deps,
    pipeline: Pipeline,
    name: str,
    source: DocumentSource,
    index: DocumentIndex,
    last: LastCheck | None,
    *,
    is_full: bool,
    now: datetime,
) -> FreshnessCheck:
    knowledge_base = pipeline.knowledge_bases[name]
    known = deps.store.known_documents(pipeline.pipeline, name)
    at_source = source.listing(None if is_full or last is None else last.source_watermark, known)
    indexed = index.listing(None if is_full or last is None else last.index_watermark)
    notes = [*at_source.notes, *indexed.notes]
    where = f"{pipeline.pipeline}.{name}"
    if at_source.is_complete and not len(at_source.documents) and len(indexed.versions):
        msg = (
            f"{where}: the source lists no document, while the index holds {indexed.versions['document'].nunique()}; "
            "check its path and include, since nothing is called gone on such a listing"
        )
        raise KnowledgeError(msg)
    if indexed.is_complete and not len(indexed.versions):
        notes.append("the index is empty: every document is missing from it")
    looked = _look(deps, pipeline, name, at_source, indexed, now=now)
    rules = _rules(deps, pipeline, name, looked.index if is_full else None)
    judged = judge_documents(looked.source, looked.index, rules, now=now)
    if judged.doubtful:
        differs = _compare(looked, judged.doubtful, source, index)
        judged = judge_documents(looked.source, looked.index, rules, now=now, differs=differs)
        n_open = len(judged.doubtful)
        if n_open:
            notes.append(
                f"of {plural(n_open, 'document')} neither a hash nor a text in the index says whether it is stale"
            )
    notes += _notes(looked, judged, knowledge_base)
    open_before = deps.store.document_findings(pipeline.pipeline, name, among=looked.touched)
    update = update_findings(
        open_before,
        judged.found,
        touched=looked.touched,
        source=looked.source,
        index=looked.index,
        before=looked.before,
        unknown={*looked.source.index[looked.source["content_hash"].isna().to_numpy()], *judged.doubtful},
        removed=looked.removed,
        now=now,
    )
    check = FreshnessCheck(
        pipeline=pipeline.pipeline,
        knowledge_base=name,
        stage=stage.name if (stage := serving_stage(pipeline, name)) is not None else None,
        checked_at=now,
        is_full=is_full,
        n_source=0,
        n_indexed=0,
        n_changed=len(looked.touched),
        by_reason={},
        goal=knowledge_base.goal,
        embedding=(rules.embedding_model, rules.dimension),
        notes=tuple(notes),
    )
    watermarks = {
        "source_watermark": at_source.watermark,
        "index_watermark": indexed.watermark,
    }
    deps.store.save_check(
        check,
        source=looked.source[looked.source.index.isin(looked.changed)],
        index=looked.index[looked.index["document"].isin(looked.changed)],
        touched=looked.changed,
        update=update,
        **watermarks,
    )
    check = _with_figures(deps, pipeline, name, check, index, now=now)
    deps.store.rewrite_check(check)
    return check


def _look(
    deps: Deps, pipeline: Pipeline, name: str, at_source: SourceListing, indexed: IndexListing, *, now: datetime
) -> _Looked:
    """Return all that is known of the documents that either side listed as changed; of all after a full sweep."""
    knowledge_base, store = pipeline.knowledge_bases[name], deps.store
    where = f"{pipeline.pipeline}.{name}"
    source = _by_id(at_source.documents, knowledge_base, where=f"the source of {where}")
    index = indexed.versions.assign(raw=indexed.versions["document"])
    raw = index["raw"].drop_duplicates().tolist()
    # Two ids that are one document are a finding in the index, not a mistake of the pipeline file.
    shared = {one: document_ids([one], knowledge_base.ids, where=where)[0] for one in raw}
    index = index.assign(document=index["raw"].map(shared).astype(object))[["raw", *INDEX_COLUMNS]]
    both = at_source.is_complete and indexed.is_complete
    gone = {
        *document_ids(at_source.gone, knowledge_base.ids, where=where),
    }
    touched = {*source.index, *index["document"], *gone}
    touched |= set(document_ids(indexed.gone, knowledge_base.ids, where=where))
    touched |= set(store.expired_documents(pipeline.pipeline, name, by=now))
    among = None if both else touched
    before = store.documents(pipeline.pipeline, name, among)
    indexed_before = store.indexed(pipeline.pipeline, name, among)
    if both:
        touched |= {*before.index, *indexed_before["document"]}
    is_listed_source = frozenset(source.index) | (frozenset(touched) if at_source.is_complete else frozenset(gone))
    kept = before[[one not in is_listed_source for one in before.index]]
    is_listed_index = frozenset(index["document"]) | (
        frozenset(touched)
        if indexed.is_complete
        else frozenset(document_ids(indexed.gone, knowledge_base.ids, where=where))
    )
    kept_index = indexed_before[[one not in is_listed_index for one in indexed_before["document"]]]
    found, versions = _stack(source, kept), _stack(index, kept_index).reset_index(drop=True)
    known = _marks(before.rename_axis("document").reset_index()), _marks(indexed_before)
    now_known = _marks(found.rename_axis("document").reset_index()), _marks(versions)
    changed = {
        one for old, new in zip(known, now_known, strict=True) for one in touched if old.get(one) != new.get(one)
    }
    return _Looked(
        source=found,
        index=versions,
        before=before,
        touched=frozenset(touched),
        changed=frozenset(changed),
        removed=frozenset({*before.index, *indexed_before["document"]} - {*found.index, *versions["document"]}),
    )


def _marks(rows: pd.DataFrame) -> dict[str, int]:
    """Return by document a mark of its rows, whatever their order."""
    if not len(rows):
        return {}
    columns = sorted(rows.columns)
    plain = rows[columns].astype(object).where(rows[columns].notna(), "").astype(str)
    marks = pd.Series(pd.util.hash_pandas_object(plain, index=False).to_numpy(), index=rows["document"].to_numpy())
    return {str(document): int(mark) for document, mark in marks.groupby(level=0).sum().items()}


def _stack(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    if not len(second):
        return first
    return pd.concat([first, second[first.columns]]) if len(first) else second[first.columns]


def _by_id(documents: pd.DataFrame, knowledge_base: KnowledgeBase, *, where: str) -> pd.DataFrame:
    raw = [str(one) for one in documents.index]
    shared = pd.Index(document_ids(raw, knowledge_base.ids, where=where), dtype=object, name="document")
    return documents.assign(raw=raw).set_axis(shared)


def _rules(deps: Deps, pipeline: Pipeline, name: str, index: pd.DataFrame | None) -> Rules:
    """Return what documents should be like; what is usual is learnt at a full sweep and kept until the next."""
    knowledge_base = pipeline.knowledge_bases[name]
    if index is not None:
        usual = usual_embedding(index)
    else:
        usual = deps.store.freshness_checks(pipeline.pipeline, name)[0].embedding
    wanted = knowledge_base.embedding
    return Rules(
        skip=tuple(knowledge_base.skip),
        embedding_model=wanted.model or usual[0],
        dimension=wanted.dimension or usual[1],
    )


def _compare(
    looked: _Looked, documents: Collection[str], source: DocumentSource, index: DocumentIndex
) -> dict[str, bool]:
    """Return whether the text of each document differs from what the index holds, where both can be read."""
    raw = looked.source["raw"].reindex(list(documents))
    texts = source.read(raw.tolist())
    names = looked.index[looked.index["document"].isin(list(documents))].drop_duplicates("document", keep="last")
    chunks = index.read(names["raw"].tolist())
    indexed = dict(zip(names["document"], names["raw"], strict=True))
    counts = looked.index.groupby("document").agg(n=("n_chunks", "sum"), of=("n_expected", "max"))
    is_partial = counts["n"] < counts["of"]
    return {
        document: not is_same_text(
            texts[raw[document]],
            chunks[indexed[document]],
            is_whole=not is_partial[document],
            name=raw[document],
        )
        for document in documents
        if raw[document] in texts and chunks.get(indexed[document])
    }


def _notes(looked: _Looked, judged: Judged, knowledge_base: KnowledgeBase) -> list[str]:
    notes = []
    problems = looked.source[looked.source["problem"].notna().to_numpy()]
    if len(problems):
        first = f"{problems['raw'].iloc[0]}: {problems['problem'].iloc[0]}"
        notes.append(f"{plural(len(problems), 'document')} could not be read, so nothing is said of such; {first}")
    if judged.n_future:
        notes.append(
            f"the time of change of {plural(judged.n_future, 'document')} lies in the future, so nobody knows when it "
            "was changed; one that differs counts as stale since the last check, at the first one since it was indexed"
        )
    by_form = looked.index["raw"].isin(set(looked.source["raw"])) | ~looked.index["document"].isin(looked.source.index)
    n_form = int(looked.index.loc[~by_form.to_numpy(), "document"].nunique())
    if n_form and not (knowledge_base.ids.strip_prefix or knowledge_base.ids.strip_suffix):
        notes.append(
            f"{plural(n_form, 'id differs', 'ids differ')} in case or path form between source and index, taken "
            "for the same"
        )
    return notes


def _with_figures(
    deps: Deps, pipeline: Pipeline, name: str, check: FreshnessCheck, index: DocumentIndex, *, now: datetime
) -> FreshnessCheck:
    """Return the check with its counts, its lag and the answers of the last while."""
    knowledge_base = pipeline.knowledge_bases[name]
    n_source, n_indexed, by_reason = deps.store.knowledge_counts(pipeline.pipeline, name)
    since = now - knowledge_base.over
    findings = deps.store.document_findings(pipeline.pipeline, name, since=since)
    going = findings[findings["until"].isna().to_numpy()]
    recent = deps.store.document_clocks(pipeline.pipeline, name, changed_since=now - _LAG_DAYS)
    check = replace(
        check,
        n_source=n_source,
        n_indexed=n_indexed,
        by_reason=by_reason,
        lag=index_lag(recent, going, now=now),
        answers_since=since,
    )
    stage = serving_stage(pipeline, name)
    notes = list(check.notes)
    if stage is not None:
        reader = StageReader(pipeline, deps.connections, deps.project)
        try:
            answers = read_served(deps, pipeline, stage, reader, start=since, end=now, findings=findings, index=index)
        finally:
            reader.close()
        if answers.n_answers and answers.n_without_ids:
            notes.append(
                f"{answers.n_without_ids:,} of {plural(answers.n_answers, 'answer')} "
                f"{agree(answers.n_without_ids, 'has', 'have')} no document id recorded at {stage.name}; "
                "nothing is known of what was retrieved there"
            )
        notes += _unknown_notes(answers, stage)
        served = set(answers.served["document"])
        sli = answer_sli(
            answers.served,
            findings,
            n_answers=answers.n_answers,
            grace=knowledge_base.grace,
            clocks=deps.store.document_clocks(
                pipeline.pipeline, name, among=[one for one in findings["document"].unique() if one in served]
            ),
        )
        check = replace(check, answers=sli)
    told = going[(going["reason"] != FreshnessReason.SKIPPED).to_numpy()]
    clocks = deps.store.document_clocks(pipeline.pipeline, name, among=told["document"].unique().tolist())
    return replace(check, documents=_documents(check, told, clocks), notes=tuple(notes))


def _unknown_notes(answers: ServedAnswers, stage: Stage) -> list[str]:
    """Return what to say of ids that nobody knows: how many, the most frequent ones, and what would be right."""
    served = answers.served
    unknown = served[served["is_unknown"].to_numpy(dtype=bool)]
    if not len(unknown):
        return []
    n, of = unknown["key"].nunique(), served["key"].nunique()
    names = [repr(str(name)[:_MOST_CHARS]) for name in unknown["raw"].value_counts().index[:_MOST_NAMED]]
    advice = (
        "; ".join(answers.hints) or f"check what {stage.name}.{stage.documents} holds, and ids of the knowledge base"
    )
    return [
        f"{n:,} of {plural(of, 'answer')} {agree(n, 'rests', 'rest')} on ids that nobody knows, as "
        f"{', '.join(names)}: neither the source nor the index "
        f"has such a document, so nothing says that these answers are up to date; {advice}"
    ]


def _documents(check: FreshnessCheck, told: pd.DataFrame, clocks: pd.DataFrame) -> tuple[DocumentAnswers, ...]:
    """Return the documents with something wrong now, those that answers rested on first; not all, where they are many.

    What answers rested on must never be what is left out: incidents are decided by it.
    """
    weights: Mapping[tuple[str, str], int] = (
        {(one.document, one.reason): one.n_answers for one in check.answers.documents} if check.answers else {}
    )
    raw = {str(shared): str(one) for shared, one in clocks["raw"].dropna().items()}
    found = [
        DocumentAnswers(
            document=(name := raw.get(row["document"], row["document"])),
            reason=FreshnessReason(row["reason"]),
            n_answers=weights.get((name, row["reason"]), 0),
            detail=row["detail"],
            changed_at=_at(clocks, row["document"], "changed_at"),
            indexed_at=_at(clocks, row["document"], "indexed_at"),
            since=moment(row["since"]),
        )
        for row in told.to_dict("records")
    ]
    found.sort(key=lambda one: (-one.n_answers, one.reason not in AGAINST_ANSWERS, one.document, one.reason))
    n_behind = sum(one.n_answers > 0 for one in found)
    return tuple(found[: max(_TOLD, n_behind)])


def _at(clocks: pd.DataFrame, document: str, name: str) -> Any:
    return moment(clocks.at[document, name]) if document in clocks.index else None
