"""Labels out to a CSV file and in from one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd

from seamwatch.core.records.frames import stage_data
from seamwatch.core.review.items import Label, ReviewItem
from seamwatch.core.review.label_file import LabelLine, read_labels, write_items
from seamwatch.core.review.labels import answer_hashes
from seamwatch.engine.deps import Deps
from seamwatch.engine.outcomes import judged_fields
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader
from seamwatch.plurals import plural
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Door


@dataclass(frozen=True, kw_only=True)
class ImportedLabels:
    """What became of the labels of a file."""

    n_kept: int
    n_known: int
    """The same person said the same before."""
    n_empty: int
    n_without_chance: int
    """Kept for outcomes; of a record that was not drawn nobody knows with what probability it is here, so that it says
    nothing of the accuracy of all."""
    problems: tuple[tuple[int, str], ...]
    """Line and why it was not kept."""


def export_items(deps: Deps, pipeline: Pipeline) -> str:
    """Return the answers that wait for people as CSV."""
    return write_items(deps.store.review_items(pipeline.pipeline, is_answered=False))


def import_labels(deps: Deps, pipeline: Pipeline, text: str, *, by: str | None = None) -> ImportedLabels:
    """Keep the labels of a CSV file; a line that is wrong is told, and the others are kept.

    Args:
        deps: What it needs.
        pipeline: Whose answers they are.
        text: The file.
        by: Who labelled, where the file does not say.

    Raises:
        DataContractError: If it is no such file.
        AdapterError: If records that were not drawn cannot be looked up.
    """
    read = read_labels(text, fields=_judged_columns(deps, pipeline), by=by)
    outside = [line.record for line in read.lines if line.item is None and line.record is not None]
    items = {item.id: item for item in deps.store.review_items(pipeline.pipeline)}
    of_record: dict[str, list[ReviewItem]] = {}
    for item in items.values():
        of_record.setdefault(item.record, []).append(item)
    answers = _answer_hashes(deps, pipeline, [record for record in outside if record not in of_record])
    known = deps.store.labels(pipeline.pipeline)
    labels, problems, n_known = list[Label](), list(read.problems), 0
    taken: set[str] = set()
    for line in read.lines:
        found = _label(deps, pipeline, line, items, of_record, answers, taken)
        if isinstance(found, str):
            problems.append((line.line, found))
        elif any(_is_same(found, one) for one in known):
            n_known += 1
        else:
            labels.append(found)
            if found.item is not None:
                taken.add(found.item)
    n_kept = deps.store.add_labels(labels)
    if n_kept < len(labels):
        problems.append(
            (0, f"{plural(len(labels) - n_kept, 'label is', 'labels are')} of answers that somebody judged meanwhile")
        )
    return ImportedLabels(
        n_kept=n_kept,
        n_known=n_known,
        n_empty=read.n_empty,
        n_without_chance=sum(label.item is None for label in labels),
        problems=tuple(sorted(problems)),
    )


def _label(
    deps: Deps,
    pipeline: Pipeline,
    line: LabelLine,
    items: dict[str, ReviewItem],
    of_record: dict[str, list[ReviewItem]],
    answers: dict[str, str],
    taken: set[str],
) -> Label | str:
    """Return the label of a line, or why it is none."""
    item: ReviewItem | None = None
    if line.item is not None:
        item = items.get(line.item)
        if item is None:
            return f"no answer {line.item[:60]!r} was drawn in {pipeline.pipeline}, or it was deleted since"
        if line.record is not None and line.record != item.record:
            return f"item and record do not belong together: {line.item[:60]!r} is of another record"
    elif line.record in of_record:
        waiting = [one for one in of_record[line.record] if not one.is_answered and one.id not in taken]
        item = (waiting or of_record[line.record])[0]
    answer = item.answer if item is not None else answers.get(line.record or "")
    if answer is None:
        return f"no record {(line.record or '')[:60]!r} has an answer in {pipeline.final_stage.name}"
    is_open = item is not None and not item.is_answered
    return Label(
        id=0,
        pipeline=pipeline.pipeline,
        record=item.record if item is not None else line.record or "",
        record_at=item.record_at if item is not None else None,
        item=item.id if is_open and item is not None else None,
        kind=line.kind,
        answer=answer,
        corrected=line.corrected,
        note=line.note,
        by=line.by,
        door=Door.COMMAND_LINE,
        at=deps.clock(),
    )


def _is_same(label: Label, other: Label) -> bool:
    """Return whether a person said the same of the same answer before."""
    return other.withdrawn_at is None and all(
        getattr(label, name) == getattr(other, name) for name in ("record", "by", "kind", "answer", "corrected")
    )


def _judged_columns(deps: Deps, pipeline: Pipeline) -> tuple[str, ...]:
    """Return the final fields that people judge, by the columns of the judged stage."""
    if pipeline.outcome is not None and (named := pipeline.outcome.judged or tuple(pipeline.outcome.compare)):
        return named
    with _reader(deps, pipeline) as reader:
        stage = reader.pipeline.final_stage
        beside = {reader.pipeline.stage_key(stage), reader.time_column(stage)}
        return tuple(name for name in stage.fields or reader.columns(stage) if name not in beside)


def _answer_hashes(deps: Deps, pipeline: Pipeline, records: Sequence[str]) -> dict[str, str]:
    """Return the hash of what was answered, by record; one without an answer is left out."""
    if not records:
        return {}
    with _reader(deps, pipeline) as reader:
        stage = reader.pipeline.final_stage
        time = reader.time_column(stage)
        rows = reader.rows_of(stage, pd.Series(list(records), dtype=object), time=time)
        typed = reader.typed(stage, rows, as_text=True)
        payload = stage_data(typed, stage, key=reader.pipeline.stage_key(stage), time=time).payload
    hashes = answer_hashes(payload, judged_fields(pipeline, payload))
    return {str(record): answer for record, answer in hashes.items()}


@contextmanager
def _reader(deps: Deps, pipeline: Pipeline) -> Iterator[StageReader]:
    reader = StageReader(with_protocols(pipeline, deps), deps.connections, deps.project)
    try:
        yield reader
    finally:
        reader.close()
