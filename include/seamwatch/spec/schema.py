"""The pipeline file as a JSON schema for editors, and as a page for people; both written from the types."""

from __future__ import annotations

import re
from typing import Any

from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Pipeline

_ISO_DURATION = re.compile(r"^PT?\d+[SMHD]$")
_SECTIONS = (
    ("Pipeline", "The file", "One file `include/pipelines/<name>.yaml` per pipeline, named after it."),
    ("Stage", "stages", "In the order of the flow; the first is a source whose time decides the window."),
    (
        "Endpoint",
        "stages.endpoint",
        "Short forms: `connection`, `connection/path`, or `python:file:function` in `include/mappings/`.",
    ),
    ("Outcome", "outcome", "Exactly one of truth, evaluator and suite."),
    ("Truth", "outcome.truth", "Short form: the table's name."),
    ("Comparator", "outcome.compare, benchmark.truth, stages.truth", "Short form: the truth's column."),
    ("RegexEvaluator", "evaluators, kind: regex", "At least one of must and must_not."),
    ("JsonSchemaEvaluator", "evaluators, kind: json_schema", ""),
    ("StatementsEvaluator", "evaluators, kind: statements", "At least one of required and forbidden."),
    ("SimilarityEvaluator", "evaluators, kind: similarity", ""),
    ("SupportEvaluator", "evaluators, kind: support", ""),
    ("RefusalEvaluator", "evaluators, kind: refusal", ""),
    ("OutOfScopeEvaluator", "evaluators, kind: out_of_scope", ""),
    ("LeakEvaluator", "evaluators, kind: leak", ""),
    ("HarmEvaluator", "evaluators, kind: harm", ""),
    ("FunctionEvaluator", "evaluators, kind: function", ""),
    ("JudgeModel", "evaluators, kind: judge", "Pairwise and reference exclude each other."),
    ("Pairwise", "evaluators.pairwise", ""),
    ("Benchmark", "benchmark", "Inputs in the shape of the first stage, with the right final fields."),
    ("Isolation", "isolation", "What replays may cost; a call beyond a limit is not made, and the verdict says so."),
    ("Slack", "slack", ""),
    ("KnowledgeBase", "knowledge_bases", "By name; a retrieval stage names the one that it serves."),
    ("FilesSource", "source, kind: files", ""),
    ("GitSource", "source, kind: git", ""),
    ("SqlSource", "source, kind: sql", ""),
    ("WebSource", "source, kind: web", ""),
    ("ObjectsSource", "source, kind: objects", ""),
    ("SqlIndex", "index, kind: sql", "Also PostgreSQL with pgvector."),
    ("ChromaIndex", "index, kind: chroma", "Install the extra `seamwatch[chroma]`."),
    ("QdrantIndex", "index, kind: qdrant", "Install the extra `seamwatch[qdrant]`."),
    ("DocumentIds", "ids", ""),
    ("Embedding", "embedding", ""),
    ("Reindex", "reindex", "Exactly one of dag and command."),
    ("AccuracyObjective", "slos, kind: accuracy", ""),
    ("LatencyObjective", "slos, kind: latency", "`p95: 2s` is short for a goal of 0.95 and a threshold of 2s."),
    ("CostObjective", "slos, kind: cost", "Exactly one bound."),
    ("FreshnessObjective", "slos, kind: freshness", ""),
    ("AvailabilityObjective", "slos, kind: availability", ""),
    ("BurnAlert", "slos.alerts", ""),
    ("BudgetPolicy", "error_budget", ""),
    ("SeverityRules", "severity", "A level may name only what it changes; the rest stays as it is by default."),
    ("SeverityLevel", "severity.sev1, sev2, sev3", ""),
    ("EscalationRules", "escalation", ""),
    ("EscalationTimes", "escalation.after", "A severity that is not named keeps its default."),
    ("QuietHours", "quiet_hours", "One, or a list; stretches that follow each other are one."),
    ("MaintenanceWindow", "maintenance", ""),
    ("MlflowAlias", "actions, kind: mlflow_alias", ""),
    ("SqlValue", "actions, kind: sql", "Exactly one of value and value_from."),
    ("HttpValue", "actions, kind: http", ""),
    ("LitellmLimit", "actions, kind: litellm", "Exactly one of key and key_from; at least one limit."),
    ("DagRun", "actions, kind: dag", ""),
    ("Command", "actions, kind: command", ""),
    ("ReindexDocuments", "actions, kind: reindex", ""),
    ("Quarantine", "actions, kind: quarantine", ""),
    ("RunAgain", "actions, kind: run_again", ""),
    ("Runbook", "runbooks", "By kind. Short form: the list of steps."),
    (
        "RunbookStep",
        "runbooks.steps",
        "Exactly one of step, action, dag, function, note. Short form: a step.",
    ),
    ("Monitoring", "monitoring", ""),
    ("LatencyWatch", "monitoring.latency", ""),
    ("CostWatch", "monitoring.cost", ""),
    ("ModelPrice", "monitoring.cost.prices", "By model. A price that is not written is not known, and never free."),
    ("DriftWatch", "monitoring.drift", ""),
    ("InjectionWatch", "monitoring.injection", ""),
)
_MAP_SECTIONS = (
    ("MappingSpec", "The field map", "A file `include/mappings/<name>.yaml`: the reference of a mapping without code."),
    ("FieldMap", "fields", "The steps run in the order of this table. Short form: the input field's name."),
    ("DateFormat", "fields.date", ""),
)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a pipeline file."""
    schema = Pipeline.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def reference_page() -> str:
    """Return the page `docs/pipeline-file.md`."""
    lines = [
        "# The pipeline file and the field map",
        "",
        "Written from the types by `python -m seamwatch.spec.schema`; a test keeps it true. Unknown keys are refused,",
        "and `seamwatch check` lists all mistakes at once with file and line. Durations are written as `15m` or `7d`;",
        "a number without a unit is refused.",
        "",
        "Text is what was written: only `true`, `false`, `null` and numbers as JSON writes them (`47`, `-0.5`, not",
        "`1e5`) are more. `NO`, `on`, `007`, `12:30`, `1_000` and dates stay as they are, also as keys of a lookup; a",
        "number where text is wanted is its text. A file has at most 1 MiB, 50 levels and 20,000 values (a field map",
        "100,000), aliases counted as what they stand for; a file that cannot be read stops no other pipeline.",
    ]
    pipeline, mapping = json_schema(), MappingSpec.model_json_schema(by_alias=True, mode="validation")
    for schema, sections in ((pipeline, _SECTIONS), (mapping, _MAP_SECTIONS)):
        for name, title, intro in sections:
            part = schema if schema.get("title") == name else schema["$defs"][name]
            lines += ["", f"## {title}", "", *([intro, ""] if intro else []), *_table(part, schema)]
    return "\n".join(lines) + "\n"


def _table(part: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    required = set(part.get("required", ()))
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in part["properties"].items():
        default = "required" if name in required else _default(field.get("default"))
        text = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {_type(field, schema)} | {default} | {text} |")
    return rows


def _default(value: Any) -> str:
    if value in (None, (), [], {}, ""):
        return ""
    if isinstance(value, dict):
        return "see below"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # A dump writes durations in ISO 8601; people write them as 1h or 7d.
    return f"`{text.removeprefix('P').removeprefix('T').lower() if _ISO_DURATION.match(text) else text}`"


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        target = schema["$defs"][name]
        return ", ".join(f"`{value}`" for value in target["enum"]) if "enum" in target else name
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for union in ("anyOf", "oneOf"):
        if union in field:
            kinds = [_type(one, schema) for one in field[union] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field.get('items', {}), schema)}"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"map to {_type(values, schema)}" if isinstance(values, dict) else "map"
    return kind


if __name__ == "__main__":
    import json
    from pathlib import Path

    Path("docs/pipeline-file.md").write_text(reference_page(), encoding="utf-8")
    Path("docs/pipeline.schema.json").write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")
