"""From an endpoint of the pipeline file to something that can be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seamwatch.adapters.base import Connections, ModelEndpoint
from seamwatch.adapters.models.callable import CallableEndpoint
from seamwatch.adapters.models.http import HttpModelEndpoint
from seamwatch.adapters.models.pricing import Prices
from seamwatch.adapters.models.protocols import model_in_url
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol


def open_endpoint(
    endpoint: Endpoint,
    connections: Connections,
    *,
    load_callable: Callable[[str], Callable[..., Any]],
    pipeline: str = "",
) -> tuple[ModelEndpoint, Prices]:
    """Return the endpoint and its prices.

    Args:
        endpoint: As the pipeline file names it.
        connections: Where its connection is found.
        load_callable: `file:function` to the function, for `python:` endpoints.
        pipeline: Name for the tag of the calls.

    Raises:
        ConnectionNotFound, AdapterError: If the connection is missing, has no address or wrong prices.
        SpecError: If the function cannot be loaded.
    """
    if endpoint.protocol is Protocol.CALLABLE:
        function = load_callable(endpoint.connection)
        return CallableEndpoint(function, name=endpoint.connection, answer=endpoint.answer), Prices()
    info = connections.get(endpoint.connection)
    opened = HttpModelEndpoint(endpoint, info, pipeline=pipeline)
    prices = Prices.from_extra(info.extra.get("prices"), conn_id=info.conn_id, model=model_in_url(opened.url))
    return opened, prices
