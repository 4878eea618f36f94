"""The `evaluators` of a pipeline file: what judges each answer by itself, where no table holds the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from seamwatch.spec.base import Name, Names, Ratio, Spec
from seamwatch.spec.judge import JudgeModel

_LONGEST_TEXT = 2_000
"""Characters of one statement or pattern."""
_Statement = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT)]
_Filled = Annotated[str, Field(min_length=1, max_length=500)]


def _as_statements(value: object) -> object:
    """Leave `stage.field` and lists; a text that is neither is one statement."""
    is_field = isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*\.\S+", value) is not None
    return (value,) if isinstance(value, str) and not is_field else value


Statements = Annotated[
    str | tuple[_Statement, ...], BeforeValidator(_as_statements, json_schema_input_type=str | list[str])
]


class EvaluatorBase(Spec):
    """What all evaluators have."""

    name: Name = ""
    """Default: its kind; two of one kind need names."""
    answer: str | None = None
    """`stage.field` that is judged; default: the judged stage's only compared field, else its only field, else the
    answer of a model stage."""
    question: str | None = None
    """`stage.field` that was answered; default: every text of the first stage, where a kind needs it."""

    @model_validator(mode="before")
    @classmethod
    def _fill_name(cls, data: Any) -> Any:
        """Name an evaluator after its kind."""
        return {**data, "name": data.get("name") or data.get("kind")} if isinstance(data, dict) else data


class RegexEvaluator(EvaluatorBase):
    """Patterns that must, or must not, be found in the answer."""

    kind: Literal["regex"]
    must: Names = ()
    """Regular expressions (Python's) of which every one must be found."""
    must_not: Names = ()
    """Regular expressions of which none may be found."""
    ignore_case: bool = False
    """Whether capital and small letters are the same."""

    @field_validator("must", "must_not")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                msg = f"{pattern[:60]!r} is no regular expression: {error}"
                raise ValueError(msg) from error
        return patterns

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.must and not self.must_not:
            msg = "a regex evaluator needs must or must_not"
            raise ValueError(msg)
        return self


class JsonSchemaEvaluator(EvaluatorBase):
    """A JSON schema that the answer must keep to."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")
    """JSON schema, of the draft that its `$schema` names, else 2020-12; `format` is checked as well. It must not refer
    to anything outside of itself."""
    code_fence: bool = False
    """Whether JSON within a Markdown code fence passes."""

    @field_validator("schema_")
    @classmethod
    def _is_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        from jsonschema import SchemaError, validators  # noqa: PLC0415 - most pipeline files need none

        try:
            validators.validator_for(schema, default=validators.Draft202012Validator).check_schema(schema)
        except SchemaError as error:
            msg = f"is no JSON schema at {error.json_path}: {error.message[:200]}"
            raise ValueError(msg) from error
        outside = [ref for ref in _references(schema) if not ref.startswith("#")]
        if outside:
            msg = f"refers to {outside[0][:100]!r}; only what stands in it may be referred to, as '#/$defs/name'"
            raise ValueError(msg)
        return schema


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for name, part in schema.items():
            if name in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(part, str):
                yield part
            else:
                yield from _references(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from _references(part)


class StatementsEvaluator(EvaluatorBase):
    """Statements that the answer must, or must not, hold."""

    kind: Literal["statements"]
    required: Statements = ()
    """Texts of which each must stand in the answer as whole words, whatever their case, blanks and Unicode form; or
    `stage.field` with a text or a list of them for each record."""
    forbidden: Statements = ()
    """Texts of which none may stand in it; or `stage.field`."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.required and not self.forbidden:
            msg = "a statements evaluator needs required or forbidden"
            raise ValueError(msg)
        return self


class SimilarityEvaluator(EvaluatorBase):
    """How much the answer is like a reference answer, by the words and the runs of characters that they share."""

    kind: Literal["similarity"]
    reference: str
    """`stage.field` with the answer to compare with."""
    at_least: Ratio = 0.5
    """Similarity, 0 to 1, from which the answer passes."""


class SupportEvaluator(EvaluatorBase):
    """Whether each claim of the answer is supported by the retrieved context."""

    kind: Literal["support"]
    context: Annotated[Names, Field(min_length=1)]
    """`stage.field`s with what the answer may rest on, as `kb_lookup.contents`; what the question says is known too,
    where `question` is given."""
    at_least: Ratio = 1.0
    """Share of the claims that must be supported."""


class RefusalEvaluator(EvaluatorBase):
    """Whether the answer declines to answer."""

    kind: Literal["refusal"]
    phrases: Names = ()
    """Texts that are a refusal too, as the system's own wording."""


class OutOfScopeEvaluator(EvaluatorBase):
    """Whether something was answered that the system was not made for."""

    kind: Literal["out_of_scope"]
    examples: Annotated[tuple[_Statement, ...], Field(max_length=20_000)] = ()
    """Inputs that the system was made for; default: the recorded inputs of earlier windows without an incident."""
    context: Names = ()
    """`stage.field`s with documents that it answers from, which are in scope too; default: the `contents` of retrieval
    stages."""
    false_alarms: Annotated[float, Field(gt=0.0, le=0.5)] = 0.01
    """Share of the examples that may be as unlike the others as what is reported."""
    phrases: Names = ()
    """Texts that are a refusal, beside the usual ones: an input out of scope that was refused passes."""


class LeakEvaluator(EvaluatorBase):
    """Whether the answer holds what it must not give away."""

    kind: Literal["leak"]
    secrets: bool = True
    """Whether keys, tokens, private keys, card numbers and bank accounts that no input of the record holds count."""
    fields: Names = ()
    """`stage.field`s with personal data, as `crm.email`: their values of another record of the window count, where
    this record's own inputs do not hold them."""
    prompt: str | None = None
    """`stage.field` with the system prompt, or the request body that holds it; default: the request of the prompt
    stage before the model."""
    prompt_words: Annotated[int, Field(ge=5, le=200)] = 12
    """So many words of the system prompt in a row are a leak."""


class HarmEvaluator(EvaluatorBase):
    """Whether the answer holds what may harm people."""

    kind: Literal["harm"]
    words: dict[Name, Annotated[Names, Field(min_length=1)]] = {}
    """By category, words and phrases that the answer must not hold, in addition to the built-in ones."""
    builtin: bool = True
    """Whether the built-in words count: threats, calls to self-harm, insults."""
    guard: str | None = None
    """Connection and path of a guard endpoint that is asked as well: `{"text": ...}` in, a score or verdict out."""
    threshold: Ratio = 0.5
    """Score of the guard from which an answer fails."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.words and not self.builtin and self.guard is None:
            msg = "a harm evaluator without built-in words needs words or a guard"
            raise ValueError(msg)
        return self


class FunctionEvaluator(EvaluatorBase):
    """A function of the team's own."""

    kind: Literal["function"]
    function: Annotated[_Filled, Field(pattern=r"^[\w./-]+:\w+$")]
    """`file:function` in `include/mappings/`: frame of the judged stage's payloads in; `state` (right, wrong, pending)
    and `reason` out. It is not asked about records without an answer."""


Evaluator = Annotated[
    RegexEvaluator
    | JsonSchemaEvaluator
    | StatementsEvaluator
    | SimilarityEvaluator
    | SupportEvaluator
    | RefusalEvaluator
    | OutOfScopeEvaluator
    | LeakEvaluator
    | HarmEvaluator
    | FunctionEvaluator
    | JudgeModel,
    Field(discriminator="kind"),
]

_ONE_FIELD = ("answer", "question", "reference", "prompt")
_SEVERAL_FIELDS = ("context", "fields")
_FIELD_OR_LIST = ("required", "forbidden")


def evaluator_fields(evaluator: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield each `stage.field` that an evaluator of a document names, with its place inside of it."""
    pairwise = evaluator.get("pairwise")
    if isinstance(pairwise, Mapping) and isinstance(pairwise.get("against"), str):
        yield ("pairwise", "against"), pairwise["against"]
    for key, value in evaluator.items():
        if key in _SEVERAL_FIELDS and isinstance(value, list | tuple):
            yield from (((key, number), field) for number, field in enumerate(value))
            continue
        names_field = key in (*_ONE_FIELD, *_SEVERAL_FIELDS) and isinstance(value, str)
        if names_field or (key in _FIELD_OR_LIST and isinstance(_as_statements(value), str)):
            yield (key,), value
