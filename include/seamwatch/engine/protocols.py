"""Settle how each model endpoint speaks, before anything it said is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamwatch.adapters.base import Connections
from seamwatch.core.records.responses import choose_protocol
from seamwatch.errors import ConnectionNotFound
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Protocol, StageKind

if TYPE_CHECKING:
    from seamwatch.engine.deps import Deps  # its store is heavy to import, and `check` needs none


def with_protocols(pipeline: Pipeline, deps: Deps) -> Pipeline:
    """Return the pipeline with every endpoint's protocol settled, also where it stands in the connection's extra.

    A connection that is missing is no error here: recorded answers are then read by the path's ending, and the call
    itself will say what is missing.
    """
    return settle_protocols(pipeline, deps.connections)


def settle_protocols(pipeline: Pipeline, connections: Connections) -> Pipeline:
    """Return what `with_protocols` does, where there is no store."""
    stages = []
    for stage in pipeline.stages:
        if stage.kind is StageKind.MODEL and stage.endpoint is not None and stage.endpoint.protocol is None:
            try:
                extra = connections.get(stage.endpoint.connection).extra
            except ConnectionNotFound:
                extra = {}
            protocol = Protocol(choose_protocol(stage.endpoint, extra))
            stage = stage.model_copy(update={"endpoint": stage.endpoint.model_copy(update={"protocol": protocol})})  # noqa: PLW2901
        stages.append(stage)
    return pipeline.model_copy(update={"stages": tuple(stages)})
