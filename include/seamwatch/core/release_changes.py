"""What else differs between the records of two releases, up to the model: the request, what went into it, versions.

Like is compared with like where it can be: the records of pairs, which have the same input. Else only what nearly all
records of a release share is compared, which the inputs cannot be the reason of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pandas as pd

from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.json_documents import value_text
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import is_null
from seamwatch.core.request_templates import (
    COMMON,
    RequestTemplate,
    compare_templates,
    content_of,
    read_template,
)
from seamwatch.core.retrieved_entries import read_entries
from seamwatch.spec.graph import ancestors
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Responsibility, StageKind

_SAMPLED = 400
"""Records of each release that are looked at, evenly over all of them."""
_FEWEST = 5
"""Requests or pairs below which what they share may be their content."""
_CONTENT = 0.5
"""Share of pairs whose content differs from which on the text around the input was changed, too."""


class ChangedPart(StrEnum):
    """What differs between two releases."""

    PROMPT_LINE = "prompt_line"
    """A line that nearly all requests of a release have."""
    PROMPT_TEXT = "prompt_text"
    """The text around the input, or what was made of it, in a request to the same input."""
    PARAMETER = "parameter"
    """A value of the request, as the temperature."""
    MODEL = "model"
    """The model's name."""
    DOCUMENTS = "documents"
    """What was retrieved for the same input."""
    FIELD = "field"
    """A column of a stage."""


@dataclass(frozen=True, kw_only=True)
class ReleaseChange:
    """One thing in which two releases differ, and who owns it."""

    part: ChangedPart
    stage: str
    name: str
    """Column, or place in the request."""
    responsibility: Responsibility
    line: int | None = None
    """Of a prompt's text, from 1."""
    role: str | None = None
    """Of a message in the request, as `system`."""
    before: str | None = None
    """None: it is not there, it differs from record to record, or must not be shown."""
    after: str | None = None
    is_added: bool = False
    """Whether the first release has nothing in its place."""
    is_removed: bool = False
    """Whether the second release has nothing in its place."""
    n_changed: int | None = None
    """Pairs in which it differs, of `n_pairs`; None where it is so for nearly all records."""
    n_pairs: int | None = None


Recorded = Mapping[str, pd.DataFrame]
"""Payloads by stage, index key."""


def find_release_changes(
    pipeline: Pipeline,
    recorded: Recorded,
    keys: tuple[Sequence[Any], Sequence[Any]],
    *,
    is_paired: bool,
    made: Mapping[str, Collection[str]],
    without: str,
) -> tuple[ReleaseChange, ...]:
    """Return what differs between two releases, the request first.

    Args:
        pipeline: Its stages; fields that it redacts are named without their values.
        recorded: What was recorded of them.
        keys: Records of the first and of the second release; of pairs in one order.
        is_paired: Whether they are pairs.
        made: By stage with a reference, the fields that this makes; others may name the record or its time.
        without: `stage.field` that names the release.
    """
    if is_paired and len(keys[0]) < _FEWEST:
        is_paired = False
    sides = [_sampled(side) for side in keys]
    found: list[ReleaseChange] = []
    named = _named_columns(pipeline, without)
    models = [stage for stage in pipeline.stages if stage.kind is StageKind.MODEL]
    for stage in models:
        found += _request_changes(pipeline, recorded, stage, sides, is_paired=is_paired)
    inputs = {stage.name: stage.input for stage in pipeline.stages}
    before_models = {name for stage in models for name in ancestors(inputs, stage.name)} or set(recorded)
    for stage in pipeline.stages:
        if stage.kind is StageKind.MODEL or (stage.name in before_models and stage.kind is not StageKind.PROMPT):
            payload = recorded[stage.name].drop(columns=named.get(stage.name, ""), errors="ignore")
            comparable = _comparable(stage, payload, made.get(stage.name)) if is_paired else frozenset()
            found += _field_changes(payload, stage, sides, comparable)
    return tuple(_redacted(pipeline, one) for one in _unique(found))


def _named_columns(pipeline: Pipeline, field: str) -> dict[str, str]:
    """Return by stage the column that names the release, also where another stage reads it from the same table."""
    name, _, column = field.partition(".")
    own = pipeline.stage(name)
    place = (pipeline.stage_database(own), own.table, own.query)
    alike = [one for one in pipeline.stages if (pipeline.stage_database(one), one.table, one.query) == place]
    return {
        one.name: "_model" if column in ("model", one.model) and one.kind is StageKind.MODEL else column
        for one in alike
    }


def _comparable(stage: Stage, payload: pd.DataFrame, made: Collection[str] | None) -> frozenset[str]:
    """Return the columns of a stage in which two records of the same input should agree."""
    if stage.kind in (StageKind.SOURCE, StageKind.MODEL):
        return frozenset()
    if stage.kind is StageKind.RETRIEVAL:
        return frozenset(column for column in (stage.documents, stage.contents) if column is not None)
    return frozenset(map(str, payload.columns if made is None else made))


def _sampled(keys: Sequence[Any]) -> list[Any]:
    return list(keys)[:: max(1, -(-len(keys) // _SAMPLED))]


def _unique(found: Sequence[ReleaseChange]) -> list[ReleaseChange]:
    """Return the changes without what a second place says again, as the model's name in the request and its column."""
    known: dict[tuple[object, ...], ReleaseChange] = {}
    for one in found:
        place = (one.part, one.before, one.after) if one.part is ChangedPart.MODEL else (one,)
        known.setdefault(place, one)
    return list(known.values())


def _request_changes(
    pipeline: Pipeline, recorded: Recorded, model: Stage, sides: Sequence[list[Any]], *, is_paired: bool
) -> Iterator[ReleaseChange]:
    if model.request is None or model.request not in recorded[model.name].columns:
        return
    prompt = next((n for n in model.input if pipeline.stage(n).kind is StageKind.PROMPT), model.name)
    requests = [list(recorded[model.name][model.request].reindex(side)) for side in sides]
    first, second = (read_template(some) for some in requests)
    if min(first.n_requests, second.n_requests) < _FEWEST:
        return
    for change in compare_templates(first, second):
        is_line = change.line is not None
        part = ChangedPart.MODEL if change.is_model else ChangedPart.PARAMETER
        yield ReleaseChange(
            part=ChangedPart.PROMPT_LINE if is_line else part,
            stage=model.name if change.is_model else prompt,
            name=change.path,
            responsibility=Responsibility.MODEL if change.is_model else Responsibility.INTEGRATION,
            line=change.line,
            role=change.role,
            before=change.before,
            after=change.after,
            is_added=change.before is None,
            is_removed=change.after is None,
        )
    if is_paired:
        yield from _content_changes(prompt, requests, first, second)


def _content_changes(
    stage: str, requests: Sequence[Sequence[Any]], first: RequestTemplate, second: RequestTemplate
) -> Iterator[ReleaseChange]:
    """Yield the texts whose content differs in most pairs, though the input is the same."""
    counts: Counter[str] = Counter()
    for one, other in zip(*requests, strict=True):
        before, after = content_of(one, first), content_of(other, second)
        counts.update(path for path in before.keys() & after.keys() if before[path] != after[path])
    n = len(requests[0])
    for path, n_changed in counts.items():
        if n_changed >= _CONTENT * n:
            yield ReleaseChange(
                part=ChangedPart.PROMPT_TEXT,
                stage=stage,
                name=path,
                responsibility=Responsibility.INTEGRATION,
                role=second.parts[path].role if path in second.parts else None,
                n_changed=n_changed,
                n_pairs=n,
            )


def _field_changes(
    payload: pd.DataFrame, stage: Stage, sides: Sequence[list[Any]], comparable: Collection[str]
) -> Iterator[ReleaseChange]:
    """Yield the columns of a stage that are another value in nearly all records, or that differ within pairs."""
    own = {stage.request, stage.response, stage.status, stage.finish_reason, stage.model, *stage.measures}
    for column in map(str, payload.columns):
        if column in own or column in (ANSWER, "_finish_reason"):
            continue
        is_documents = column in (stage.documents, stage.contents)
        read = _document_names if column == stage.documents else value_text
        texts = [[read(value) for value in payload[column].reindex(side)] for side in sides]
        before, after = (None if is_documents else _usual(some) for some in texts)
        given: dict[str, Any] = {}
        if before is not None and after is not None and before != after:
            given = {"before": before, "after": after}
        elif column in comparable and (stage.reference is not None or is_documents or not _is_unique(texts)):
            # A value that is not known on one side does not differ.
            n_changed = sum(one != other for one, other in zip(*texts, strict=True) if None not in (one, other))
            given = {"n_changed": n_changed, "n_pairs": len(texts[0])} if n_changed else {}
        if given:
            is_name = column == "_model"
            yield ReleaseChange(
                part=ChangedPart.MODEL if is_name else ChangedPart.DOCUMENTS if is_documents else ChangedPart.FIELD,
                stage=stage.name,
                name="model" if is_name else column,
                responsibility=_responsibility(stage.kind),
                **given,
            )


def _document_names(value: Any) -> str | None:
    """Return names and versions of what was retrieved; scores differ from run to run."""
    if isinstance(value, Unknown) or is_null(value):
        return None
    return "\n".join(f"{one.names[0] if one.names else ''}\t{one.version or ''}" for one in read_entries(value))


def _usual(texts: Sequence[str | None]) -> str | None:
    """Return the value that nearly all records have; None where there is none."""
    if len(texts) < _FEWEST:
        return None
    text, n = Counter(texts).most_common(1)[0]
    return text if n >= COMMON * len(texts) else None


def _is_unique(texts: Sequence[Sequence[str | None]]) -> bool:
    """Return whether no two records share a value: a column that names the record."""
    known = [text for side in texts for text in side if text is not None]
    return len(set(known)) == len(known)


def _responsibility(kind: StageKind) -> Responsibility:
    by_kind = {
        StageKind.SOURCE: Responsibility.SOURCE_DATA,
        StageKind.RETRIEVAL: Responsibility.KNOWLEDGE_BASE,
        StageKind.MODEL: Responsibility.MODEL,
    }
    return by_kind.get(kind, Responsibility.INTEGRATION)


def _redacted(pipeline: Pipeline, change: ReleaseChange) -> ReleaseChange:
    """Return the change without its texts where the pipeline file names their place under `bundle.redact`."""
    stages = {change.stage, *(one.name for one in pipeline.stages if change.stage in one.input)}
    if change.part is ChangedPart.FIELD:
        hidden = {f"{change.stage}.{change.name}"}
    else:
        hidden = {f"{name}.{pipeline.stage(name).request}" for name in stages} | {f"{change.stage}.{change.name}"}
    if not any(name == place or name.startswith(f"{place}.") for name in pipeline.bundle.redact for place in hidden):
        return change
    return replace(change, before=None, after=None)
