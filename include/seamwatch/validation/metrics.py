"""Metrics of Great Expectations in place of its own, where its own stops at the first value that it cannot read.

Imported for its effect by `context.load_gx`, after Great Expectations itself.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from great_expectations.execution_engine import PandasExecutionEngine  # noqa: TID253 - only imported behind `load_gx`
from great_expectations.expectations.metrics.map_metric_provider import (  # noqa: TID253
    ColumnMapMetricProvider,
    column_condition_partial,
)


class ColumnValuesMatchJsonSchema(ColumnMapMetricProvider):  # type: ignore[misc]
    """Whether each value is JSON of the schema; text that is no JSON is not, and the other rows are judged."""

    condition_metric_name = "column_values.match_json_schema"
    condition_value_keys = ("json_schema",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: Any, json_schema: Any, **_: Any) -> Any:
        judge = jsonschema.validators.validator_for(json_schema)
        judge.check_schema(json_schema)
        return column.map(lambda value: _matches(judge(json_schema), value))


def _matches(judge: Any, value: Any) -> bool:
    try:
        return bool(judge.is_valid(json.loads(value) if isinstance(value, str | bytes) else value))
    except (ValueError, RecursionError):
        return False
