"""Where and how a model is called, as the pipeline file writes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from seamwatch.spec.base import Duration, Spec
from seamwatch.vocabulary import Protocol


class Endpoint(Spec):
    """Where and how a model is called. In YAML mostly the short form `connection` or `connection/path`."""

    connection: str
    """An Airflow connection id, or for `protocol: callable` the `file:function` in `include/mappings/`."""
    path: str = ""
    """Appended to the connection's base URL; default: the connection's `path` extra, else the protocol's own path."""
    protocol: Protocol | None = None
    """Default: the connection's `protocol` extra, else by the path's ending, else plain JSON."""
    answer: str | None = None
    """Dotted path of the answer in a plain JSON response body; default: the whole body."""
    timeout: Duration = timedelta(seconds=60)
    """Longest wait for one answer."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    """Calls under way at once."""
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest answer of the model: money is reserved for it where a request sets no limit; default: the model's context
    window, or where that is unknown all that is left of the budget, so that calls are made one at a time."""


def as_endpoint(value: object) -> object:
    """Return the parts of the short form `connection/path` or `python:file:function`; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value.startswith("python:"):
        return {"connection": value.removeprefix("python:"), "protocol": Protocol.CALLABLE}
    connection, _, path = value.partition("/")
    return {"connection": connection, "path": f"/{path}" if path else ""}


EndpointAddress = Annotated[Endpoint, BeforeValidator(as_endpoint, json_schema_input_type=str | Endpoint)]
