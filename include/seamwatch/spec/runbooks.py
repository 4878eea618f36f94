"""The `runbooks` of a pipeline file: which steps, in which order; the built-in ones are data of the same form."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from seamwatch.spec.base import Name, Spec
from seamwatch.vocabulary import RunbookKind

STEPS = (
    "affected_records",
    "input_drift",
    "benchmark",
    "isolation",
    "pipeline_integrity",
    "fault_location",
    "changed_lines",
    "correlated_changes",
    "cost_source",
    "retry_loops",
    "input_volume",
    "latency_source",
    "provider_errors",
    "endpoint_now",
    "outdated_documents",
    "injected_texts",
    "missing_evidence",
    "tell_owner",
    "tell_stakeholders",
    "tell_root_cause",
)
"""What Seamwatch computes or tells by itself; one function each in `engine/runbook_steps`."""


class RunbookStep(Spec):
    """One step: exactly one of `step`, `action`, `dag`, `function`, `note`. In YAML mostly the bare name of a step."""

    step: str | None = None
    """A built-in step."""
    action: str | None = None
    """One of `actions`: proposed with its dry run, carried out once a person approved. A built-in runbook names
    `roll_back`, `rate_limit`, `quarantine`, `reindex` and `run_again`; of those that `actions` does not define, only
    the step's note is left."""
    dag: str | None = None
    """A DAG of the team's own, triggered with `{"incident", "pipeline"}` and waited for."""
    function: str | None = None
    """`file:function` in `include/mappings/`: gets the incident as a mapping, returns what it found as text."""
    note: str | None = None
    """For a person: what to do or know. Beside another kind of step, it stands beside what that found."""
    link: str | None = None
    """Address of a page that helps."""
    name: Name | None = None
    """By which it is known in Airflow; default: what it names."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [part for part in ("step", "action", "dag", "function") if getattr(self, part) is not None]
        if len(given) > 1 or (not given and self.note is None):
            msg = f"a step needs exactly one of step, action, dag, function, note; got {', '.join(given) or 'none'}"
            raise ValueError(msg)
        if self.step is not None and self.step not in STEPS:
            msg = f"unknown step {self.step[:60]!r}; known: {', '.join(STEPS)}"
            raise ValueError(msg)
        if self.link is not None and not self.link.startswith(("https://", "http://")):
            msg = f"a link begins with https:// or http://; got {self.link[:60]!r}"
            raise ValueError(msg)
        return self


def _as_step(value: object) -> object:
    return {"step": value} if isinstance(value, str) else value


class Runbook(Spec):
    """The steps of one kind of runbook, in order."""

    steps: Annotated[
        tuple[Annotated[RunbookStep, BeforeValidator(_as_step, json_schema_input_type=str | RunbookStep)], ...],
        Field(min_length=1, max_length=30),
    ]
    """All of them: what is not named is left out."""


def _as_runbook(value: object) -> object:
    return {"steps": value} if isinstance(value, list | tuple) else value


Runbooks = dict[
    RunbookKind, Annotated[Runbook, BeforeValidator(_as_runbook, json_schema_input_type=list[str] | Runbook)]
]


@cache
def builtin_runbooks() -> dict[RunbookKind, Runbook]:
    """Return the runbooks that a pipeline has unless its file says otherwise."""
    text = files("seamwatch.spec").joinpath("runbooks.yaml").read_text("utf-8")
    return TypeAdapter(Runbooks).validate_python(yaml.safe_load(text))


def steps_of(own: Mapping[RunbookKind, Runbook], kind: RunbookKind) -> tuple[RunbookStep, ...]:
    """Return the steps of a kind of runbook: the team's own, else the built-in ones."""
    return (own.get(kind) or builtin_runbooks()[kind]).steps


@dataclass(frozen=True, kw_only=True)
class RunbookPart:
    """Steps that follow each other without a person in between, or one action."""

    name: str
    """`investigate`, after an action `conclude`; of an action its name."""
    steps: tuple[tuple[int, RunbookStep], ...]
    """With their number in the runbook."""
    is_action: bool = False


def parts_of(steps: Sequence[RunbookStep], actions: Collection[str]) -> tuple[RunbookPart, ...]:
    """Return a runbook in its parts: what runs by itself, and each action that the pipeline file defines.

    An action that it does not define is a step that says so.
    """
    parts: list[RunbookPart] = []
    row: list[tuple[int, RunbookStep]] = []
    n_rows = 0

    def end_row() -> None:
        nonlocal n_rows
        if row:
            name = "investigate" if n_rows == 0 else "conclude" if n_rows == 1 else f"conclude_{n_rows}"
            parts.append(RunbookPart(name=name, steps=tuple(row)))
            n_rows += 1
            row.clear()

    for number, step in enumerate(steps, start=1):
        if step.action is not None and step.action in actions:
            end_row()
            parts.append(RunbookPart(name=step_name(step), steps=((number, step),), is_action=True))
        else:
            row.append((number, step))
    end_row()
    return tuple(parts)


WELL_KNOWN_ACTIONS = ("roll_back", "rate_limit", "quarantine", "reindex", "run_again")
"""Actions that built-in runbooks name, whether a pipeline has them or not."""


def runbook_problems(runbooks: Mapping[RunbookKind, Runbook], actions: Collection[str]) -> list[str]:
    """Return what is wrong between runbooks and actions: unknown names, and steps that would have the same name."""
    found: list[str] = []
    for kind, runbook in runbooks.items():
        names = [step_name(one) for one in runbook.steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        found += [f"runbook {kind} has two steps named {name!r}; give one of them a name" for name in twice]
        for one in runbook.steps:
            if one.action is not None and one.action not in (*actions, *WELL_KNOWN_ACTIONS):
                known = ", ".join(actions) or "none"
                found.append(f"runbook {kind} names the action {one.action!r}, which `actions` has not; known: {known}")
    return found


def step_name(step: RunbookStep) -> str:
    """Return the name of a step in Airflow and in the timeline: its own, else what it names."""
    named = step.name or step.step or step.action or step.dag
    if named is None and step.function is not None:
        named = step.function.rpartition(":")[2]
    if named is None:
        words = re.findall("[a-z0-9]+", (step.note or "").lower())[:4]
        named = "_".join(("note", *words))
    return re.sub("[^A-Za-z0-9_]", "_", named)[:60]
