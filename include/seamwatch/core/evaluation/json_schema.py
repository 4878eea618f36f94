"""Whether an answer keeps to a JSON schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Never

import pandas as pd

from seamwatch.core.evaluation.patterns import raw_text
from seamwatch.core.evaluation.results import Evaluation, evaluate_each, failed, passed, unknown
from seamwatch.core.evaluation.texts import NotRead
from seamwatch.core.records.values import is_null, plain_json
from seamwatch.spec.evaluation import JsonSchemaEvaluator

_FENCE = re.compile(r"\A\s*```[\w-]*[ \t]*\r?\n(.*?)\r?\n?\s*```\s*\Z", re.DOTALL)
_MOST_TOLD = 3


def evaluate_schema(spec: JsonSchemaEvaluator, answers: pd.Series[Any]) -> pd.DataFrame:
    """Return whether each answer is JSON that keeps to the schema.

    Args:
        spec: A schema that was checked when the file was loaded.
        answers: As recorded, index key: JSON text, or an object or list that the database opened.

    Returns:
        `state`, `score` (1 or 0), `reason` (where the answer breaks the schema, and which rule, without its values).
    """
    from jsonschema import validators  # noqa: PLC0415 - only where it is asked for
    from referencing import Registry  # noqa: PLC0415

    kind = validators.validator_for(spec.schema_, default=validators.Draft202012Validator)
    # An empty registry: nothing is ever fetched.
    validator = kind(spec.schema_, registry=Registry(), format_checker=kind.FORMAT_CHECKER)

    def evaluate(_: Any, answer: Any) -> Evaluation | NotRead:
        read = _read(answer, code_fence=spec.code_fence)
        if isinstance(read, NotRead | Evaluation):
            return read
        try:
            errors = sorted(validator.iter_errors(read[0]), key=lambda error: error.json_path)
        except RecursionError:
            return unknown("the answer or the schema is nested too deeply")
        except Exception as error:
            return unknown(f"the schema cannot be applied: {type(error).__name__}")
        if not errors:
            return passed()
        more = f"; {len(errors) - _MOST_TOLD} more" if len(errors) > _MOST_TOLD else ""
        return failed("; ".join(_describe(error) for error in errors[:_MOST_TOLD]) + more)

    return evaluate_each(answers, evaluate)


def _read(answer: Any, *, code_fence: bool) -> tuple[Any] | NotRead | Evaluation:
    """Return the document of an answer, in a tuple since it may be null; or what is said where there is none."""
    if isinstance(answer, Mapping | list | tuple):
        return (plain_json(answer),)
    if isinstance(answer, bool | int | float) and not is_null(answer):
        return (answer,)
    text = raw_text(answer)
    if isinstance(text, NotRead):
        return text
    fence = _FENCE.match(text)
    if fence is not None and code_fence:
        text = fence[1]
    try:
        return (json.loads(text, parse_constant=_refuse),)
    except RecursionError:
        return unknown("the answer is nested too deeply")
    except ValueError as error:
        if fence is not None and not code_fence:
            return failed("JSON within a code fence is no JSON; `code_fence: true` takes it")
        where = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        return failed(f"no JSON{where}" if text.strip() else "the answer is empty, which is no JSON")


def _refuse(word: str) -> Never:
    msg = f"{word} is no JSON"
    raise ValueError(msg)


def _describe(error: Any) -> str:
    """Return where a document breaks which rule; its values stay out."""
    path, rule = error.json_path, error.validator
    if rule == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{path}: {', '.join(map(repr, missing[:_MOST_TOLD]))} is missing"
    if rule == "type":
        return f"{path}: is not of type {error.validator_value}"
    if rule in ("enum", "const"):
        return f"{path}: is none of the allowed values"
    return f"{path}: breaks {rule}"
