"""What failing records were served from documents that were not as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from seamwatch.core.documents import Served
from seamwatch.core.freshness_answers import answer_sli, rested_on
from seamwatch.core.interventions import World
from seamwatch.core.records.comparison import leaves, parse_json
from seamwatch.core.results import Window
from seamwatch.core.retrieval import missed_documents, next_passages
from seamwatch.core.retrieved_documents import Context, recorded_names, served_documents
from seamwatch.engine.deps import Deps
from seamwatch.engine.document_names import chunks_in_index, find_names
from seamwatch.engine.freshness import check_knowledge_base
from seamwatch.engine.retrieved_documents import current_texts, missing_texts
from seamwatch.errors import SeamwatchError
from seamwatch.spec.knowledge import DocumentIds
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import FreshnessReason as Reason

_INSTEAD = 5
"""Passages ranked for a record that is to be served something else."""
_FIRST = (Reason.GHOST, Reason.STALE, Reason.DUPLICATE, Reason.MISSING)
"""Of several reasons for one document, the one that says how to repair it."""


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The knowledge bases of a pipeline, as far as failing records touch them."""

    contexts: Mapping[str, Context] = field(default_factory=dict)
    """By retrieval stage."""
    notes: tuple[str, ...] = ()


def read_knowledge(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    world: World,
    failing: pd.Index[Any],
    times: Mapping[str, pd.Series[Any]],
) -> Knowledge:
    """Return what the failing records were served from documents that were not as they should be.

    Args:
        deps: What it needs.
        pipeline: Its definition.
        window: The span of time; documents are read as of its end where their source has a history.
        world: What was recorded.
        failing: Keys of the records whose outcome is wrong.
        times: By stage, aware times by key.

    A knowledge base that was not checked since the window's end is checked now. One that cannot be is told in a note,
    and attribution goes on without it.
    """
    contexts: dict[str, Context] = {}
    notes: list[str] = []
    for stage in world.order if len(failing) else []:
        name = stage.knowledge_base
        if name is None:
            continue
        try:
            last = deps.store.last_check(pipeline.pipeline, name)
            if last is None or last.checked_at < min(window.end, deps.clock()):
                check_knowledge_base(deps, pipeline, name)
            contexts[stage.name] = _context(deps, pipeline, stage, window, world, failing, times[stage.name])
        except SeamwatchError as error:
            notes.append(f"knowledge base {name} could not be checked, so no answer is blamed on it: {error}")
    return Knowledge(contexts={name: one for name, one in contexts.items() if one.suspects}, notes=tuple(notes))


def _context(
    deps: Deps,
    pipeline: Pipeline,
    stage: Stage,
    window: Window,
    world: World,
    failing: pd.Index[Any],
    times: pd.Series[Any],
) -> Context:
    name = stage.knowledge_base
    assert name is not None
    assert stage.documents is not None
    rules = pipeline.knowledge_bases[name].ids
    rows = world.recorded[stage.name]
    rows = rows.loc[rows.index.isin(failing)]
    contents = rows[stage.contents] if stage.contents else pd.Series([None] * len(rows), index=rows.index)
    findings = deps.store.document_findings(pipeline.pipeline, name, since=window.start)
    names = find_names(
        deps,
        pipeline,
        name,
        (entry for documents in world.recorded[stage.name][stage.documents] for entry in recorded_names(documents)),
        chunks_of=partial(chunks_in_index, deps, pipeline, name),
        also=set(findings["document"]),
    ).documents
    served = {
        key: served_documents(documents, texts, rules, names)
        for key, documents, texts in zip(rows.index, rows[stage.documents], contents, strict=True)
    }
    questions = _questions(world, stage, rows.index)
    missing = findings[(findings["reason"] == Reason.MISSING).to_numpy()]
    missed: Mapping[Any, tuple[str, ...]] = {}
    if len(missing):
        by_text = {str(key): key for key in rows.index}
        texts_of = missing_texts(deps, pipeline, name, missing)
        found = missed_documents(
            {str(key): text for key, text in questions.items()},
            {str(key): one for key, one in served.items()},
            texts_of,
        )
        missed = {by_text[key]: documents for key, documents in found.items()}
    frame = _frame(served, missed, times)
    clocks = deps.store.document_clocks(pipeline.pipeline, name, among=frame["document"].drop_duplicates().tolist())
    frame = frame.assign(current_hash=frame["document"].map(clocks["content_hash"]).astype(object))
    # A change that has only just been made makes an answer wrong all the same: no grace.
    pairs = rested_on(frame, findings, grace=timedelta(0))
    suspects = _suspects(pairs)
    wanted = sorted({document for documents in suspects.values() for document in documents})
    texts = current_texts(deps, pipeline, name, wanted, at=window.end) if wanted else {}
    instead = _instead(world, stage, rules, findings, suspects, questions, names)
    sli = answer_sli(frame, findings, n_answers=len(rows), grace=timedelta(0), clocks=clocks)
    raw = clocks["raw"].dropna()
    return Context(
        stage=stage,
        rules=rules,
        suspects=suspects,
        current={document: texts.get(document) for document in wanted},
        raw={str(document): str(one) for document, one in raw.items()},
        versions={str(document): one for document, one in clocks["content_hash"].items()},
        questions={key: text for key, text in questions.items() if key in suspects},
        instead=instead,
        names=names,
        documents=sli.documents,
    )


def _frame(
    served: Mapping[Any, tuple[Served, ...]], missed: Mapping[Any, tuple[str, ...]], times: pd.Series[Any]
) -> pd.DataFrame:
    at = times.to_dict()
    rows = [(key, one.document, one.version, at.get(key)) for key, found in served.items() for one in found]
    rows += [(key, document, None, at.get(key)) for key, documents in missed.items() for document in documents]
    frame = pd.DataFrame(rows, columns=["key", "document", "version", "served_at"], dtype=object)
    return frame.assign(served_at=pd.to_datetime(frame["served_at"], utc=True))


def _instead(
    world: World,
    stage: Stage,
    rules: DocumentIds,
    findings: pd.DataFrame,
    suspects: Mapping[Any, Mapping[str, Reason]],
    questions: Mapping[Any, str],
    names: Mapping[str, str],
) -> dict[Any, tuple[Served, ...]]:
    """Return what records would be served in the place of ghosts and duplicates: what anybody was served that is none.

    Only sound documents count: one with an open finding is no better than what it would stand for.
    """
    wanted = {key for key, mine in suspects.items() if {*mine.values()} & {Reason.GHOST, Reason.DUPLICATE}}
    if not wanted:
        return {}
    assert stage.documents is not None
    unsound = set(findings.loc[findings["reason"].isin([*_FIRST]).to_numpy(), "document"])
    rows = world.recorded[stage.name]
    contents = rows[stage.contents] if stage.contents else pd.Series([None] * len(rows), index=rows.index)
    pool: dict[tuple[str, str | None], Served] = {}
    for documents, texts in zip(rows[stage.documents], contents, strict=True):
        for one in served_documents(documents, texts, rules, names):
            if one.text and one.document not in unsound:
                pool.setdefault((one.document, one.text), one)
    return next_passages({key: questions[key] for key in wanted}, list(pool.values()), n=_INSTEAD)


def _suspects(pairs: pd.DataFrame) -> dict[Any, dict[str, Reason]]:
    found: dict[Any, dict[str, Reason]] = {}
    if not len(pairs):
        return found
    for key, document, reason in zip(pairs["key"], pairs["document"], pairs["reason"], strict=True):
        mine = found.setdefault(key, {})
        mine[document] = min(mine.get(document, Reason(reason)), Reason(reason), key=_FIRST.index)
    return found


def _questions(world: World, stage: Stage, keys: pd.Index[Any]) -> dict[Any, str]:
    """Return by record the text that the retrieval was asked with: all text of the stages that it is made from."""
    found: dict[Any, list[str]] = {key: [] for key in keys}
    for name in stage.input:
        rows = world.recorded[name].reindex(keys)
        for key, row in zip(keys, rows.to_dict("records"), strict=True):
            found[key] += [
                leaf for value in row.values() for _, leaf in leaves(parse_json(value)) if isinstance(leaf, str)
            ]
    return {key: " ".join(texts) for key, texts in found.items()}
