"""Trial: is a price known of every model that was seen, where money is to be counted?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from seamwatch.adapters.models.output_limits import output_limit
from seamwatch.adapters.models.pricing import Prices
from seamwatch.core.records.comparison import parse_json
from seamwatch.core.records.frames import StageData
from seamwatch.core.replays import ModelAnswer
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import Sample
from seamwatch.errors import AdapterError, Problem, ProblemLevel
from seamwatch.spec.monitoring import CostWatch
from seamwatch.spec.objectives import CostObjective
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import Protocol, StageKind

_TOKENS = 1000


def check_prices(sample: Sample, connections: Any) -> Iterator[Problem]:
    """Yield the models of the sample's calls that have no known price, and what cannot be counted without one."""
    pipeline = sample.pipeline
    objectives = [one for one in pipeline.slos if isinstance(one, CostObjective)]
    for stage, data in sample.stages():
        if stage.kind is not StageKind.MODEL or stage.endpoint is None or not len(data.payload):
            continue
        models = _models(stage, data)
        if stage.endpoint.protocol is not Protocol.CALLABLE:
            yield from _replays(sample, stage, data, models, connections)
        if not objectives or _has_costs(stage, data):
            continue
        from seamwatch.engine.watch.cost_calls import tariffs  # noqa: PLC0415 - heavy, and mostly not needed

        prices = tariffs(pipeline.monitoring.cost or CostWatch())
        unpriced = [model for model in models if prices(model, datetime.now(UTC)) is None]
        for objective in objectives if unpriced and len(unpriced) == len(models) else []:
            text = (
                f"no price is known of {', '.join(map(repr, unpriced))}, the model of the calls at {stage.name}: what "
                "they cost is not known; name it under monitoring.cost.prices, or the column cost_usd of the stage"
            )
            yield in_pipeline(pipeline, f"slos.{objective.name or list(pipeline.slos).index(objective)}", text)


def _models(stage: Stage, data: StageData) -> list[str]:
    """Return the names of models in answers, or where none says so in requests."""
    named = data.payload["_model"].dropna()
    if not len(named) and stage.request in data.payload:
        requests = [parse_json(value) for value in data.payload[stage.request].dropna()]
        named = pd.Series([r["model"] for r in requests if isinstance(r, dict) and "model" in r], dtype=object)
    return list(dict.fromkeys(map(str, named)))


def _has_costs(stage: Stage, data: StageData) -> bool:
    column = stage.cost_usd
    return column is not None and column in data.payload and bool(data.payload[column].notna().any())


def _replays(sample: Sample, stage: Stage, data: StageData, models: list[str], connections: Any) -> Iterator[Problem]:
    assert stage.endpoint is not None
    try:
        info = connections.get(stage.endpoint.connection)
        prices = Prices.from_extra(info.extra.get("prices"), conn_id=info.conn_id)
    except AdapterError as error:
        yield in_pipeline(sample.pipeline, f"stages.{stage.name}.endpoint", str(error))
        return
    calls = {m: ModelAnswer(status="ok", model=m, input_tokens=_TOKENS, output_tokens=_TOKENS) for m in models}
    unpriced = [model for model, call in calls.items() if prices.cost_usd(call) is None]
    unbounded = [one for one in models if one not in unpriced and prices.context_window(one) is None]
    if unbounded and stage.endpoint.max_output_tokens is None and _has_unlimited(stage, data):
        text = (
            f"requests at {stage.name} set no limit on the answer, and how long one of "
            f"{', '.join(map(repr, unbounded))} can be is not known: replays are made one at a time, so that money "
            "limits hold; set max_output_tokens of the endpoint"
        )
        yield in_pipeline(sample.pipeline, f"stages.{stage.name}.endpoint", text, ProblemLevel.NOTE)
    if not unpriced:
        return
    limits = sample.pipeline.isolation
    is_asked = bool({"max_usd_per_run", "max_usd_per_day"} & limits.model_fields_set)
    text = (
        f"no price is known of {', '.join(map(repr, unpriced))}: replays at {stage.name} are limited by their number "
        f"only, not by max_usd_per_run; name it in the extra 'prices' of the connection {info.conn_id!r}"
    )
    level = ProblemLevel.WARNING if is_asked else ProblemLevel.NOTE
    yield in_pipeline(sample.pipeline, f"stages.{stage.name}.endpoint", text, level)


def _has_unlimited(stage: Stage, data: StageData) -> bool:
    """Return whether a request of the sample sets no limit that its protocol reads."""
    if stage.request not in data.payload or stage.endpoint is None:
        return False
    protocol = stage.endpoint.protocol or Protocol.JSON
    requests = (parse_json(value) for value in data.payload[stage.request].dropna())
    return any(output_limit(request, protocol).tokens is None for request in requests)
