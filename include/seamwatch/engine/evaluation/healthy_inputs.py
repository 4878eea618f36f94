"""Inputs that a pipeline was asked with while it was healthy: what an out-of-scope evaluator compares with."""

from __future__ import annotations

from seamwatch.core.detection.window_change import HISTORY_WINDOWS, read_history
from seamwatch.core.evaluation.texts import read_text
from seamwatch.core.records.json_documents import pick
from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.engine.earlier_inputs import spans_before
from seamwatch.engine.evaluation.fields import input_texts
from seamwatch.engine.window import open_window
from seamwatch.errors import AdapterError, DataContractError
from seamwatch.spec.pipeline import Pipeline

ENOUGH = 500
"""Inputs that are enough to say what a pipeline is asked."""


def read_healthy_inputs(deps: Deps, pipeline: Pipeline, window: Window, field: str | None) -> list[str]:
    """Return the inputs of windows before this one, those that were healthy first; empty where none can be read.

    Args:
        deps: What reading takes.
        pipeline: Its definition.
        window: What is evaluated; its own inputs say nothing of what is usual.
        field: `stage.field` of the input; None: every text of the first stage.
    """
    stage = field.partition(".")[0] if field is not None else pipeline.first_stage.name
    history = read_history(deps.store.cause_history(pipeline.pipeline, window.start, HISTORY_WINDOWS))
    found: list[str] = []
    for span in spans_before(window, history):
        try:
            with open_window(deps, pipeline, span) as opened:
                payload = opened.read(only={stage}).stages[stage].payload
                values = input_texts(payload) if field is None else pick(payload, field.partition(".")[2])
        except (AdapterError, DataContractError):
            break
        found += [text for value in values if isinstance(text := read_text(value), str) and text.strip()]
        if len(found) >= ENOUGH:
            break
    return found
