"""The `actions` of a pipeline file: what changes something outside, once a person approved."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from seamwatch.spec.base import Duration, Name, Scalar, Spec, as_tuple

_Words = Annotated[tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])]
_Filled = Annotated[str, Field(min_length=1, max_length=500)]


CHECKS = ("benchmark", "windows", "knowledge_base", "none")
"""How it can be measured whether an action helped, beside a function of the team's own."""


class _Action(Spec):
    """What all actions have."""

    note: str = ""
    """What a person should know before approving; shown beside the dry run."""
    approve_within: Duration = timedelta(days=1)
    """An answer after that counts no more, and nothing is changed."""
    if_unanswered: Literal["reject", "escalate"] = "escalate"
    """Whether the reliability owner is called where nobody answers in time."""
    timeout: Duration = timedelta(minutes=10)
    """Longest wait for the action itself."""
    check: str | None = None
    """How it is measured whether it helped: `benchmark` (the model alone), `windows` (later windows or looks no longer
    show the cause), `knowledge_base` (checked again), `none`, or `file:function` in `include/mappings/`; default: what
    suits its kind."""
    check_within: Duration = timedelta(days=1)
    """Where nothing shows by then whether it helped, the reliability owner is called."""
    if_no_help: Literal["undo", "escalate"] = "undo"
    """What follows where it did not help; an action without a way back is always escalated."""

    @field_validator("check")
    @classmethod
    def _is_known_check(cls, check: str | None) -> str | None:
        if check is None or check in CHECKS or re.fullmatch(r"[\w./-]+:\w+", check):
            return check
        msg = f"unknown check {check[:60]!r}; known: {', '.join(CHECKS)}, or file:function in include/mappings"
        raise ValueError(msg)


class MlflowAlias(_Action):
    """Points an alias of a registered model in MLflow to another version."""

    kind: Literal["mlflow_alias"]
    connection: str
    """Airflow HTTP connection of the tracking server."""
    model: _Filled
    """Name of the registered model."""
    alias: _Filled
    """Alias that the pipeline serves, as `champion`."""
    to: _Filled = "previous"
    """Version that it should point to; `previous` is the newest ready one before the present."""


class SqlValue(_Action):
    """Sets one column of one row, as in a routing table."""

    kind: Literal["sql"]
    database: str | None = None
    """Airflow connection id; default: the pipeline's. It needs to be allowed to write."""
    table: _Filled
    """Table, `schema.table` allowed."""
    where: Annotated[dict[str, Scalar], Field(min_length=1, max_length=10)]
    """Column to value: names exactly one row."""
    column: _Filled
    """Column that is set."""
    value: Scalar = None
    """What it is set to."""
    value_from: str | None = None
    """Column of the same row that holds it instead, as `previous_model`."""

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if (self.value is None) == (self.value_from is None):
            msg = "an sql action needs one of value and value_from"
            raise ValueError(msg)
        return self


class HttpValue(_Action):
    """Sets one value of a configuration that is read and written by HTTP as JSON."""

    kind: Literal["http"]
    connection: str
    """Airflow HTTP connection; its password, where it has one, is sent as a bearer token."""
    path: _Filled
    """Path that GET reads the configuration from."""
    field: _Filled
    """Dotted path of the value in it."""
    value: Scalar
    """What it is set to."""
    write: Literal["PUT", "PATCH", "POST"] = "PATCH"
    """Method that writes: PUT sends the whole document back, PATCH and POST only the field."""
    write_path: str | None = None
    """Path that is written to; default: the one that is read."""


class LitellmLimit(_Action):
    """Limits what one key of a LiteLLM gateway may ask for or spend."""

    kind: Literal["litellm"]
    connection: str
    """Airflow HTTP connection of the gateway; its password is the master key."""
    key: str | None = None
    """Hash of the key as the gateway lists it (`token`); the key itself is a secret, and stands in no file."""
    key_from: str | None = None
    """Airflow connection whose password is the key, instead."""
    rpm_limit: Annotated[int, Field(ge=0)] | None = None
    """Requests a minute."""
    tpm_limit: Annotated[int, Field(ge=0)] | None = None
    """Tokens a minute."""
    max_budget: Annotated[float, Field(ge=0)] | None = None
    """Dollars that it may spend in all, or within `budget_duration`."""
    budget_duration: str | None = None
    """As LiteLLM writes it: `1d`, `30d`."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if (self.key is None) == (self.key_from is None):
            msg = "a litellm action needs one of key and key_from"
            raise ValueError(msg)
        if self.key is not None and self.key.startswith("sk-"):
            msg = (
                "key holds the key itself, which is a secret; store it as the password of a connection and name that "
                "under key_from, or write the key's hash here"
            )
            raise ValueError(msg)
        if self.budget_duration is not None and self.max_budget is None:
            msg = "a litellm action with budget_duration needs max_budget: a period alone limits nothing"
            raise ValueError(msg)
        if self.rpm_limit is None and self.tpm_limit is None and self.max_budget is None:
            msg = "a litellm action needs a limit: rpm_limit, tpm_limit or max_budget"
            raise ValueError(msg)
        return self


class DagRun(_Action):
    """Runs an Airflow DAG and waits for it."""

    kind: Literal["dag"]
    dag: _Filled
    """Gets `{"action", "incident", "pipeline"}` as its conf; its run is named by the action, so that it runs once."""
    undo_dag: str | None = None
    """DAG that takes it back; default: it cannot be undone."""
    connection: str = "airflow_api"
    """Airflow HTTP connection of Airflow's own API."""
    timeout: Duration = timedelta(hours=1)


class Command(_Action):
    """Runs a program in the project's folder, without a shell."""

    kind: Literal["command"]
    command: Annotated[_Words, Field(min_length=1)]
    """Program and arguments; `python` is the Python that runs Seamwatch. It finds SEAMWATCH_ACTION (a key that is the
    same however often it is tried), SEAMWATCH_INCIDENT and SEAMWATCH_PIPELINE in its environment."""
    undo: _Words = ()
    """Takes it back; default: it cannot be undone."""
    look: _Words = ()
    """Ends with code 0 where it is done, with 1 where it is not; without it, an action that was broken off is escalated
    to the reliability owner and never run again."""


class ReindexDocuments(_Action):
    """Rebuilds the index of outdated documents, by the `reindex` of a knowledge base."""

    kind: Literal["reindex"]
    knowledge_base: str | None = None
    """One of `knowledge_bases`; default: that of the incident's stage."""
    timeout: Duration = timedelta(hours=1)
    if_no_help: Literal["undo", "escalate"] = "escalate"


class Quarantine(_Action):
    """Writes the keys of the affected records into a table, so that what reads it can leave them out."""

    kind: Literal["quarantine"]
    database: str | None = None
    """Airflow connection id; default: the pipeline's. It needs to be allowed to write."""
    table: _Filled
    """Made where it does not exist, with the columns action, record (its key), incident, stage and at."""


class RunAgain(_Action):
    """Runs the windows that show the cause again, once their records are reprocessed: is it repaired?"""

    kind: Literal["run_again"]
    last: Annotated[int, Field(ge=1, le=100)] = 10
    """Most windows, the latest first."""
    timeout: Duration = timedelta(hours=1)
    if_no_help: Literal["undo", "escalate"] = "escalate"


Action = Annotated[
    MlflowAlias | SqlValue | HttpValue | LitellmLimit | DagRun | Command | ReindexDocuments | Quarantine | RunAgain,
    Field(discriminator="kind"),
]
Actions = dict[Name, Action]
