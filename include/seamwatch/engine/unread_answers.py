"""Say which recorded answers could not be read, without what the pipeline file redacts."""

from __future__ import annotations

from collections.abc import Mapping

from seamwatch.core.checks import unread_note
from seamwatch.core.records.comparison import at_path
from seamwatch.core.records.frames import StageData, unread_answers
from seamwatch.core.redaction import Redactor
from seamwatch.spec.pipeline import Pipeline


def redacted_stages(pipeline: Pipeline) -> frozenset[str]:
    """Return the stages with a field that `bundle.redact` names."""
    return frozenset(field.partition(".")[0] for field in pipeline.bundle.redact)


def unread_notes(pipeline: Pipeline, data: StageData, stages: Mapping[str, StageData]) -> list[str]:
    """Return a note on the answers of a stage that could not be read; none where all were.

    Args:
        pipeline: Its definition.
        data: The stage.
        stages: By name, those that hold what is redacted.
    """
    unread = unread_answers(data)
    return [unread_note(unread, _redactor(pipeline, stages).text)] if unread.n else []


def _redactor(pipeline: Pipeline, stages: Mapping[str, StageData]) -> Redactor:
    redactor = Redactor()
    for wanted in pipeline.bundle.redact:
        stage, _, name = wanted.partition(".")
        payload = stages[stage].payload if stage in stages else None
        if payload is None:
            continue
        column = name if name in payload.columns else name.partition(".")[0]
        if column in payload.columns:
            path = name.removeprefix(column).removeprefix(".")
            values = [at_path(value, path) for value in payload[column]]
            redactor.learn(wanted, [value for value in values if isinstance(value, str)])
    return redactor
