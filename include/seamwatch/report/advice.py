"""What to do next, by who has to act and what kind of damage it is."""

from __future__ import annotations

import shlex

from seamwatch.core.finding import NO_VALUE, Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.report import numbers
from seamwatch.report.measured import Measured
from seamwatch.report.sentences import listed
from seamwatch.report.texts import GAP_STEPS, PROVIDER_STEPS
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import IncidentState, Responsibility

_RELEASE_CHARS = 80
"""Longer values name no release."""


def next_steps(incident: Incident, cause: Finding | None, pipeline: Pipeline, window: Window) -> tuple[str, ...]:
    """Return concrete steps, in order, naming stages, fields, tables and files.

    Args:
        incident: The incident as it is now.
        cause: Of the window; None where that no longer shows it.
        pipeline: As it is defined now.
        window: The window that is reported.
    """
    if cause is None:
        return ("Nothing to do: the window no longer shows the cause. Confirm that the repair stays in place.",)
    stage = next((stage for stage in pipeline.stages if stage.name == incident.stage), None)
    match incident.responsibility:
        case Responsibility.INTEGRATION:
            steps = _integration(cause, stage)
        case Responsibility.MODEL:
            steps = _model(cause, stage, pipeline)
        case Responsibility.PROVIDER:
            steps = _provider(cause, stage)
        case Responsibility.SOURCE_DATA:
            steps = _source_data(cause, stage)
        case Responsibility.KNOWLEDGE_BASE:
            return (
                *_knowledge_base(cause, stage, pipeline),
                "The next check of the knowledge base resolves the incident.",
            )
        case Responsibility.ADVERSARIAL_INPUT:
            steps = (
                f"Hold back the records with instructions in their input at {_name(stage)}; do not train on them.",
                "Separate user text from instructions in the prompt, and add a check for such spans.",
            )
        case Responsibility.UNDETERMINED:
            steps = _undetermined(cause)
    return (
        *steps,
        "Once it is repaired, the incident resolves itself with the next window that no longer shows the cause. Or "
        f"reprocess the records of this window and run it again: {run_command(pipeline.pipeline, window)}",
    )


def by_state(incident: Incident, steps: tuple[str, ...], *, is_watch: bool) -> tuple[str, ...]:
    """Return steps as the state of the incident leaves them: what is over, or was repaired, must not be repaired again.

    Args:
        incident: As it is now.
        steps: By what was found.
        is_watch: Whether a watch found it: its last look at the cause is what is shown also once a later one ended it.
            A window of attribution that shows the cause of a resolved incident means that only a person called it over.
    """
    if incident.state is IncidentState.RESOLVED and is_watch:
        return ("Nothing to do: the incident is over. Confirm that the repair stays in place.",)
    if incident.state is not IncidentState.MITIGATED:
        return steps
    fixed = f"A fix was applied {numbers.moment(incident.mitigated_at)}"
    return (
        f"{fixed}. Wait: the next window that began afterwards resolves the incident, or opens it again.",
        *(f"If it opens again: {step}" for step in steps[:1]),
    )


def run_command(pipeline: str, window: Window) -> str:
    """Return the shell command that runs a window, decides what becomes of its incidents and tells it."""
    return f"seamwatch run {shlex.quote(pipeline)} --from {numbers.iso(window.start)} --to {numbers.iso(window.end)}"


def again_command(measured: Measured) -> str:
    """Return the shell command that gives this again: looks as of the end of a look, attributes any other window."""
    start, end = numbers.iso(measured.window.start), numbers.iso(measured.window.end)
    pipeline = shlex.quote(measured.pipeline)
    if measured.watch is not None:
        return f"seamwatch slo {pipeline} --at {end}"
    return f"seamwatch attribute {pipeline} --from {start} --to {end}"


def compare_command(pipeline: str, cause: Finding | None, window: Window) -> str | None:
    """Return the shell command that compares what was before the likeliest change with what came; None without one."""
    changed = cause.changed if cause else ()
    change = next((one for one in changed if all(map(_is_release, (one.before, one.after)))), None)
    if change is None:
        return None
    releases = change.before, change.after
    dashes = ("--",) if any(one.startswith("-") for one in releases) else ()
    by = shlex.quote(f"{change.stage}.{change.field}")
    names = map(shlex.quote, (pipeline, *releases))
    return " ".join(("seamwatch compare --by", by, "--to", str(numbers.iso(window.end)), *dashes, *names))


def _is_release(value: str) -> bool:
    """Return whether a value can stand in a command, and is one that names something."""
    return value != NO_VALUE and value.isprintable() and len(value) <= _RELEASE_CHARS


def reference_place(stage: Stage) -> str | None:
    """Return the file, and the function in it, that says what the stage should produce."""
    if stage.reference is None:
        return None
    file, colon, function = stage.reference.partition(":")
    return f"include/mappings/{file}.py, function {function}" if colon else f"include/mappings/{file}"


def _name(stage: Stage | None) -> str:
    return stage.name if stage else "the stage"


def _integration(cause: Finding, stage: Stage | None) -> tuple[str, ...]:
    name, fields = _name(stage), listed(cause.fields)
    inputs = f" from {listed(stage.input)}" if stage and stage.input else ""
    since = f" around {numbers.moment(cause.onset)}" if cause.onset else ""
    if cause.kind == "lost":
        first = f"Find the filter, join or failed batch{since} that drops records between{inputs} and {name}."
        first = first.replace("between from", "between")
        return (first, f"Deliver the lost records to {name} again; their keys are in the verdicts.")
    if cause.kind == "crossed":
        return (
            f"Look for a join on the wrong key, or a batch whose order changed{since}, where {name} is made{inputs}.",
            "Treat the crossed payloads as disclosed to the wrong record until you know better.",
        )
    what = f"how {name} makes {fields}{inputs}" if fields else f"how {name} is made{inputs}"
    wrong = f", wrong since {numbers.moment(cause.onset)}" if cause.onset else ""
    place = reference_place(stage) if stage else None
    compare = f"; {place} says what it should be" if place else ""
    return (
        f"Correct {what}{wrong}{compare}. Most often it is a code table, a unit, a date format or a renamed column; "
        "the runbook names the commits near the onset, with their lines.",
        f"If the change was intended, bring the reference{f' ({place})' if place else ''} in line with it instead.",
        "Do not retrain, re-prompt or roll back the model: it answers rightly once the payload is right.",
    )


def _model(cause: Finding, stage: Stage | None, pipeline: Pipeline) -> tuple[str, ...]:
    name = _name(stage)
    if cause.kind == "changed_since":
        return (
            f"The runbook names the models that answered at {name}; have their owner say when and why they changed.",
            "Pin the model's version, so that it changes only when you release.",
        )
    if cause.kind == "not_reproduced":
        return (
            f"Fix the temperature or seed of {name} if the answers have to be the same every time.",
            "Where they need not be, ask several times and take the answer that most calls give.",
        )
    endpoint = f" behind the connection {stage.endpoint.connection}" if stage and stage.endpoint else ""
    since = f" near {numbers.moment(cause.onset)}" if cause.onset else ""
    known = (
        "its benchmark step says whether that helped"
        if pipeline.benchmark
        else "define a benchmark set, so that it can say whether that helped"
    )
    return (
        f"Roll the model{endpoint} back where the runbook shows that it changed{since}; {known}.",
        f"Release the newer version again only once it is as good; the stages around {name} are not at fault.",
    )


def _provider(cause: Finding, stage: Stage | None) -> tuple[str, ...]:
    name = _name(stage)
    first = PROVIDER_STEPS.get(cause.kind or "", PROVIDER_STEPS["any"]).format(name=name)
    return (
        first,
        f"Run the affected records through {name} again; the model's answers were not wrong, they were missing.",
    )


def _source_data(cause: Finding, stage: Stage | None) -> tuple[str, ...]:
    fields = listed(cause.fields)
    what = f" {fields}" if fields else " the failing records"
    return (
        f"Ask the owners of {_name(stage)}"
        + (f" ({stage.relation})" if stage else "")
        + f" to correct{what} at the source.",
        "Run the corrected records through the pipeline again; the stages after the source did as they should.",
    )


def _knowledge_base(cause: Finding, stage: Stage | None, pipeline: Pipeline) -> tuple[str, ...]:
    what = listed(cause.fields) or "the documents below"
    name = stage.knowledge_base if stage is not None else None
    if name is None or name not in pipeline.knowledge_bases:
        return (f"Bring {what} up to date in the index that {_name(stage)} retrieves from.",)
    hook = pipeline.knowledge_bases[name].reindex
    first = (
        f"Approve the re-indexing of {what} in the DAG {pipeline.pipeline}__runbook (Required actions in Airflow); "
        "it verifies afterwards that the index is as the source."
        if hook is not None
        else f"Re-index {what}; the next check of the knowledge base verifies it."
    )
    return (
        first,
        f"Find out why the change did not reach the index of {name} by itself: a job that failed, a trigger that is "
        "missing, or a schedule that is too slow.",
    )


def _undetermined(cause: Finding) -> tuple[str, ...]:
    text = (
        GAP_STEPS[cause.gap] if cause.gap else "Look at the records below by hand; no intervention turned them right."
    )
    return (text,)
