"""What calls a model for `check --live`; apart from the trials, which need no store."""

from __future__ import annotations

from datetime import timedelta

from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.spec.pipeline import Pipeline, Stage


def ask_once(deps: Deps, pipeline: Pipeline, stage: Stage, call: ModelCall) -> ModelAnswer:
    """Return what one call brings back, counted and priced as a replay of this moment's window is."""
    now = deps.clock()
    models = Models(deps, pipeline, Window(start=now - timedelta(minutes=1), end=now))
    models.open_reserve()  # a person asked
    return models.ask(stage, [call])[0]
