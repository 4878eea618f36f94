"""The pipeline file `include/pipelines/<name>.yaml` as frozen types, and nothing else.

Unknown keys are refused. Whatever a sensible default can fill is optional. The rules that need more than one field
stand in the validators below; those that need the file system or a database stand in `seamwatch check`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from seamwatch.spec.actions import Actions
from seamwatch.spec.base import Duration, KeyForm, Name, Names, Ratio, Spec, as_tuple
from seamwatch.spec.document import graph_problems, with_default_actions, with_default_columns, with_default_inputs
from seamwatch.spec.endpoint import EndpointAddress
from seamwatch.spec.escalation import EscalationRules
from seamwatch.spec.evaluation import Evaluator
from seamwatch.spec.knowledge import KnowledgeBase
from seamwatch.spec.maintenance import MaintenanceWindow
from seamwatch.spec.monitoring import Monitoring
from seamwatch.spec.objectives import (
    BudgetPolicy,
    Objective,
)
from seamwatch.spec.owners import Mention, Mentions
from seamwatch.spec.quiet_hours import QuietHours, as_periods
from seamwatch.spec.review import Review
from seamwatch.spec.runbooks import Runbooks, runbook_problems
from seamwatch.spec.schedule import DataAsset, Day, Schedule
from seamwatch.spec.second_way import SecondWay
from seamwatch.spec.severity import SeverityRules
from seamwatch.vocabulary import StageKind

Normaliser = Literal["exact", "strip", "casefold", "collapse_blanks", "number", "date", "null_if_empty", "sorted"]


class Comparator(Spec):
    """How a final field is compared with its truth."""

    column: str
    """Column of the truth table."""
    how: Literal["auto", "exact", "text", "number", "date", "set"] = "auto"
    """`auto` compares numbers, dates, booleans, UUIDs and hashes as such, whatever type holds them, and text without
    regard to case and blanks; `exact` allows for the type alone, `text` for case and blanks alone; `number` and `date`
    read text in any notation, and leave a record pending where it reads in none or in several."""
    tolerance: Annotated[float, Field(ge=0.0)] = 0.0
    """Largest absolute difference that is still equal; for `number`."""
    decimal: Literal[".", ","] | None = None
    """Sign before the fraction where a text is read as a number; default: as the columns show it."""
    scale: Annotated[float, Field(gt=0.0)] | None = None
    """What the final field is multiplied by before it is compared as a number: 0.01 for cents against euros."""


def _as_comparator(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Compare = dict[str, Annotated[Comparator, BeforeValidator(_as_comparator, json_schema_input_type=str | Comparator)]]


class Stage(Spec):
    """One place where a record's payload lands and can be read."""

    name: Name
    """Unique in the pipeline."""
    kind: StageKind
    """What it does to a record."""
    table: str | None = None
    """Table or view, `schema.table` allowed."""
    query: str | None = None
    """A SELECT instead of a table."""
    database: str | None = None
    """Airflow connection id; default: the pipeline's."""
    key: str | None = None
    """Column that names the record; default: the pipeline's."""
    key_form: KeyForm | None = None
    """Form in which its keys are compared; default: the pipeline's."""
    time: str | None = None
    """Column with the time of the row; default: the one timestamp that no reference, map or setting names, which
    `seamwatch check` prints. A date is never taken for it."""
    input: Names = ()
    """Stages that this one is made from; default: the stage before it."""
    fields: tuple[str, ...] = ()
    """The payload's columns, `column.path` opens a JSON column; default: all but key and time."""
    ignore: tuple[str, ...] = ()
    """Columns that are no payload (ids of runs, trace ids, load times)."""
    normalise: dict[
        str,
        Annotated[
            tuple[Normaliser, ...], BeforeValidator(as_tuple, json_schema_input_type=Normaliser | list[Normaliser])
        ],
    ] = {}
    """By field, what makes two values equal; default: blanks, case and number formats are harmless."""
    suite: str | None = None
    """File in `expectations/<pipeline>/`, without `.json`; default: the stage's name, where that file exists."""
    on_fail: Literal["block", "record"] = "block"
    """`block` turns the stage's gate red on a critical finding; `record` only keeps the finding."""
    reference: str | None = None
    """What should have been made of the input: `file:function` or `file.yaml` in `include/mappings/`."""
    reference_confidence: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """How far the reference itself is trusted; no verdict that rests on it is surer."""
    truth: Compare = {}
    """For a stage within the pipeline: its own fields and the truth table's columns, where labels exist for it."""

    request: str | None = None
    """Column with the request body as it was sent (JSON); default for a model: its prompt's, else `request`."""
    endpoint: EndpointAddress | None = None
    """How to call the model in isolation."""
    response: str | None = None
    """Column with the response: the body (JSON) or the answer's text; default for a model: `response`."""
    status: str | None = None
    """Column with the HTTP status or `ok`, `error`, `timeout`."""
    finish_reason: str | None = None
    """Column with why the answer ended; default: read from the response body."""
    model: str | None = None
    """Column with the model's name; default: read from the response body."""
    latency_ms: str | None = None
    """Column with the milliseconds that the call took."""
    input_tokens: str | None = None
    """Column with the tokens of the request, cached ones included."""
    output_tokens: str | None = None
    """Column with the tokens of the answer."""
    cost_usd: str | None = None
    """Column with the price of the call."""

    documents: str | None = None
    """For a retrieval: column with a JSON list of what was served, best first: ids, or objects with `id` and, where
    known, `text`, `version` (content hash), `chunk` and `score`."""
    contents: str | None = None
    """For a retrieval: column with the texts served, where `documents` does not hold them: a JSON list in the same
    order, or one text."""
    knowledge_base: str | None = None
    """For a retrieval: one of `knowledge_bases`."""

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.table is None) == (self.query is None):
            msg = f"stage {self.name!r} needs one of table and query"
            raise ValueError(msg)
        if self.kind is StageKind.MODEL:
            if self.endpoint is None or self.request is None or self.response is None:
                msg = f"model stage {self.name!r} needs an endpoint: a connection id, or connection/path"
                raise ValueError(msg)
        elif self.endpoint is not None:
            msg = f"stage {self.name!r} is of kind {self.kind}; only a model stage has an endpoint"
            raise ValueError(msg)
        if self.kind in (StageKind.SOURCE, StageKind.MODEL) and self.reference is not None:
            msg = f"a {self.kind} stage has no reference; remove it from {self.name!r}"
            raise ValueError(msg)
        return self

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the columns that say how long a model's call took, and what it used and cost."""
        named = (self.latency_ms, self.input_tokens, self.output_tokens, self.cost_usd)
        return tuple(column for column in named if column is not None)

    @property
    def relation(self) -> str:
        """Return the table, or the query, as words for messages."""
        return self.table or "its query"


class Truth(Spec):
    """A table with the right answers."""

    table: str | None = None
    """Table or view."""
    query: str | None = None
    """A SELECT instead."""
    database: str | None = None
    """Airflow connection id; default: the pipeline's."""
    key: str | None = None
    """Column that names the record; default: the pipeline's."""
    key_form: KeyForm | None = None
    """Form in which its keys are compared; default: the pipeline's."""
    time: str | None = None
    """Column with the time of the label; of several labels the last one counts."""

    @model_validator(mode="after")
    def _one_relation(self) -> Self:
        if (self.table is None) == (self.query is None):
            msg = "a truth needs one of table and query"
            raise ValueError(msg)
        return self


def _as_truth(value: object) -> object:
    return {"table": value} if isinstance(value, str) else value


class Outcome(Spec):
    """How the final payload is judged: by a truth table, an evaluator function, an expectation suite, or people.

    People's labels (`review`) count beside each of them: where a truth has not arrived, and over a function or a suite.
    """

    truth: Annotated[Truth, BeforeValidator(_as_truth, json_schema_input_type=str | Truth)] | None = None
    """Table with labels by record."""
    compare: Compare = {}
    """Final field to truth column."""
    evaluator: str | None = None
    """`file:function` in `include/mappings/`: frame of final payloads in; `state` and `reason` out."""
    suite: str | None = None
    """File in `expectations/<pipeline>/`, without `.json`: a record that fails it is wrong."""
    people: bool = False
    """Whether people alone judge, by `review`; what nobody judged is pending."""
    judged: Annotated[Names, BeforeValidator(as_tuple, json_schema_input_type=str | list[str])] = ()
    """Final fields that people judge; default: those of `compare`, else all."""
    stage: str | None = None
    """The stage that is judged; default: the last one."""
    late_after: Duration = timedelta(days=7)
    """A truth that has not arrived by then is reported as late; until and after it the record is pending."""

    @model_validator(mode="after")
    def _one_judge(self) -> Self:
        given = [part for part in ("truth", "evaluator", "suite", "people") if getattr(self, part)]
        if len(given) != 1:
            msg = f"an outcome needs exactly one of truth, evaluator, suite, people; got {', '.join(given) or 'none'}"
            raise ValueError(msg)
        if self.truth is not None and not self.compare:
            msg = "an outcome by truth needs compare: {final field: truth column}"
            raise ValueError(msg)
        return self


class Benchmark(Spec):
    """Inputs with known-good outputs, to measure the model alone."""

    table: str | None = None
    """Table or view."""
    query: str | None = None
    """A SELECT instead."""
    database: str | None = None
    """Airflow connection id; default: the pipeline's."""
    key: str | None = None
    """Column that names the input; default: the pipeline's."""
    truth: Compare
    """Final field to column of the benchmark table."""
    baseline_accuracy: Ratio | None = None
    """The accepted accuracy; default: what the store holds from `seamwatch baseline`."""
    sample: Annotated[int, Field(ge=1)] = 100
    """Calls for one measurement; an input takes a call of each model."""

    @model_validator(mode="after")
    def _one_relation(self) -> Self:
        if (self.table is None) == (self.query is None):
            msg = "a benchmark needs one of table and query"
            raise ValueError(msg)
        return self


class Isolation(Spec):
    """What replays may cost, and how sure they have to make us."""

    max_calls_per_run: Annotated[int, Field(ge=0)] = 400
    """Calls for one window."""
    max_calls_per_day: Annotated[int, Field(ge=0)] = 5000
    """Calls of the pipeline in one UTC day."""
    max_usd_per_run: Annotated[float, Field(ge=0)] = 5.0
    """Money for one window; a model without a known price is limited by its calls only."""
    max_usd_per_day: Annotated[float, Field(ge=0)] = 20.0
    """Money of the pipeline in one UTC day."""
    mode: Literal["sampled", "exhaustive"] = "sampled"
    """`sampled` draws from each stratum until its cause is decided, and replays every failing record that the budget
    allows where a cause is a change or a person asked; `exhaustive` always replays every failing record."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    """How sure a replay's reading, and what leads in a stratum, must be before no more calls are made."""
    records_per_stratum: Annotated[int, Field(ge=1)] = 40
    """Most records of one stratum that a sample draws."""
    repeats: Annotated[int, Field(ge=1, le=50)] = 7
    """Most replays of one request, where the model is not deterministic."""


class Bundle(Spec):
    """What a bundle (`seamwatch attribute --bundle FILE`) must not hold."""

    redact: tuple[str, ...] = ()
    """`stage.field`: text whose values are replaced by tokens, wherever they occur."""


class Slack(Spec):
    """Where alerts of this pipeline go."""

    channel: str
    """Name or id of the channel."""
    connection: str = "slack_api_default"
    """Airflow's Slack connection: the bot token is its password."""
    actions: bool = False
    """Whether messages have buttons. Presses come by `seamwatch slack`, or by signed requests to the plugin."""
    may_act: Mentions = ()
    """Whose presses of buttons count: people as `@U012AB`, groups as `!subteam^S01`; default: the owners."""


class Pipeline(Spec):
    """One AI system under watch."""

    pipeline: Name
    """Name; also of the file."""
    description: str = ""
    """One sentence for the DAG's page."""
    schedule: Schedule | None = None
    """Cron expression or Airflow preset; none means: only by hand or by `asset`."""
    asset: DataAsset | None = None
    """Instead of a schedule: text of the Airflow `Asset(...)` whose events start it, each naming `from` and `to`."""
    start_date: Day = "2026-01-01"
    """First day that the schedule counts from."""
    database: str
    """Airflow connection id of the database that holds the stages."""
    owners: dict[str, Mention] = {}
    """By `reliability` or a responsibility, a Slack mention: `@U012AB` or `!subteam^S01`."""
    stakeholders: Mentions = ()
    """Who is notified of what a cost spike costs, beside the owners: people as `@U012AB`, groups as `!subteam^S01`."""
    slack: Slack | None = None
    """Where alerts go; none means: only the Airflow UI and the report."""
    second_way: SecondWay | None = None
    """Where an incident is reported that its channel did not take; none means: the Airflow UI and a red task only."""
    key: str
    """Column that names the record, in every stage that does not say otherwise."""
    key_form: KeyForm = "exact"
    """Form in which keys of stages and truths are compared, where systems spell the same key in several ways."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    """The places where a record's payload can be read."""
    outcome: Outcome | None = None
    """How the final payload is judged; without it nothing can be attributed."""
    evaluators: tuple[Evaluator, ...] = ()
    """What judges each answer by itself, without a truth."""
    benchmark: Benchmark | None = None
    """Inputs with known-good outputs, to measure the model alone."""
    segments: tuple[str, ...] = ()
    """`stage.field`s that tell records apart, as tier or prompt version: where a drift or a cost comes from."""
    settle: Duration = timedelta(hours=1)
    """How long after the window's end a record may still be on its way to the last stage."""
    isolation: Isolation = Isolation()
    """What replays may cost, and how many are made."""
    bundle: Bundle = Bundle()
    """What an incident's bundle must not hold."""
    knowledge_bases: dict[Name, KnowledgeBase] = {}
    """Documents that retrieval stages serve, by name."""
    slos: tuple[Objective, ...] = ()
    """What is promised: accuracy, latency, cost, freshness, availability."""
    error_budget: BudgetPolicy = BudgetPolicy()
    """What a spent error budget means for releases."""
    monitoring: Monitoring = Monitoring()
    """What is watched beside objectives: latency, cost, drift, injected instructions."""
    severity: SeverityRules = SeverityRules()
    """From which harm on an incident is how severe."""
    escalation: EscalationRules = EscalationRules()
    """When the reliability owner is called although nobody was in time."""
    quiet_hours: Annotated[
        tuple[QuietHours, ...], BeforeValidator(as_periods, json_schema_input_type=QuietHours | list[QuietHours])
    ] = ()
    """When notifications are held, but for pages: one stretch of the day, or a list of them."""
    actions: Actions = {}
    """What may be changed outside once a person approved, by name: a rollback, a limit, a quarantine."""
    runbooks: Runbooks = {}
    """The team's own steps, by kind of runbook; of a kind that is not named, the built-in ones."""
    review: Review | None = None
    """How answers are put before people; none means: nobody is asked."""
    maintenance: tuple[MaintenanceWindow, ...] = ()
    """Planned work: incidents within it are kept and marked, sent to nobody, and refunded."""

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, data: Any) -> Any:
        """Fill in what follows from the rest: inputs, a model's columns, the re-indexing of knowledge bases."""
        if not isinstance(data, dict) or not isinstance(data.get("stages"), list):
            return data
        with_inputs = with_default_actions(with_default_inputs(data))
        return {**with_inputs, "stages": with_default_columns(with_inputs["stages"])}

    @model_validator(mode="after")
    def _check_graph(self) -> Self:
        problems = graph_problems(self.model_dump())
        if problems:
            # Its own error type, so that the loader can tell these problems with their own lines instead.
            raise PydanticCustomError("seamwatch_graph", "{text}", {"text": "; ".join(text for _, text in problems)})
        return self

    @model_validator(mode="after")
    def _check_start(self) -> Self:
        if self.asset is not None and self.schedule is not None:
            msg = "schedule and asset exclude each other: a window is an interval of the one, or named by the other"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_runbooks(self) -> Self:
        problems = runbook_problems(self.runbooks, self.actions)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def stage(self, name: str) -> Stage:
        """Return the stage of that name; KeyError if there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    @property
    def final_stage(self) -> Stage:
        """Return the stage whose payload is judged."""
        wanted = self.outcome.stage if self.outcome else None
        return self.stage(wanted) if wanted else self.stages[-1]

    @property
    def first_stage(self) -> Stage:
        """Return the stage whose time decides the window of a record."""
        return self.stages[0]

    def stage_key(self, stage: Stage) -> str:
        """Return the column that names the record in this stage."""
        return stage.key or self.key

    def stage_key_form(self, stage: Stage) -> KeyForm:
        """Return the form in which the keys of this stage are compared."""
        return stage.key_form or self.key_form

    def stage_database(self, stage: Stage) -> str:
        """Return the connection id of the stage's database."""
        return stage.database or self.database
