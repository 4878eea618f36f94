"""Say which recorded answers could not be read, and which recorded requests cannot be replayed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from seamwatch.core.records.comparison import at_path
from seamwatch.core.records.frames import StageData, unread_answers
from seamwatch.core.records.request_shapes import foreign_requests
from seamwatch.core.records.responses import choose_protocol
from seamwatch.core.redaction import Redactor
from seamwatch.plurals import agree, plural
from seamwatch.report.seam_texts import describe_unread
from seamwatch.spec.pipeline import Pipeline, Stage


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
    return [describe_unread(unread, _redactor(pipeline, stages).text)] if unread.n else []


def replay_notes(stage: Stage, payload: pd.DataFrame) -> list[str]:
    """Return a note on requests that were written for another protocol than the endpoint speaks; none where they fit.

    Args:
        stage: A model whose endpoint's protocol is settled.
        payload: Its records; the column of its requests.
    """
    if stage.endpoint is None or stage.request not in payload.columns:
        return []
    protocol = choose_protocol(stage.endpoint)
    found = foreign_requests(protocol, payload[stage.request].dropna())
    if found is None:
        return []
    other, n, n_looked_at = found
    return [
        f"{n:,} of {plural(n_looked_at, 'request')} {agree(n, 'was', 'were')} written for {other.value}, and the "
        f"endpoint speaks {protocol.value}: {agree(n, 'its answer is', 'their answers are')} read, not replayed; "
        f"name an endpoint that speaks {other.value}"
    ]


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
