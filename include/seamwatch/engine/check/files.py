"""What is wrong with what a person wrote that no row of a table is needed to see: owners, suites, references."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.references import load_function, load_reference
from seamwatch.errors import DataContractError, Problem, ProblemLevel, SpecError
from seamwatch.spec.load import Project
from seamwatch.spec.owners import RELIABILITY, mention_problem, owner_problems
from seamwatch.spec.pipeline import Pipeline
from seamwatch.validation.suites import check_suite
from seamwatch.vocabulary import Protocol


def check_files(project: Project, pipeline: Pipeline) -> Iterator[Problem]:
    """Yield every problem of a pipeline's own files; those of the pipeline file itself name it, without a line."""
    yield from _check_owners(pipeline)
    yield from _check_prices(pipeline)
    yield from _check_suites(project, pipeline)
    yield from _unused_suites(project, pipeline)
    yield from _check_functions(project, pipeline)


def unused_folders(project: Project) -> Iterator[Problem]:
    """Yield a problem for each folder of suites that belongs to no pipeline."""
    known = sorted({*project.pipelines, *(file.rpartition("/")[2].rpartition(".")[0] for file in project.broken)})
    for folder in sorted((project.root / "expectations").glob("*/")):
        if folder.name not in known and any(folder.glob("*.json")):
            near = difflib.get_close_matches(folder.name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            text = f"belongs to no pipeline{hint} Known: {', '.join(known) or 'none'}"
            yield Problem(file=folder.relative_to(project.root).as_posix(), text=text)


def _check_owners(pipeline: Pipeline) -> Iterator[Problem]:
    for role, text in owner_problems(pipeline.owners):
        yield in_pipeline(pipeline, f"owners.{role}", text)
    for mention in pipeline.slack.may_act if pipeline.slack is not None else ():
        if problem := mention_problem(mention):
            yield in_pipeline(pipeline, "slack.may_act", problem)
    if RELIABILITY not in pipeline.owners:
        text = f"nobody is named under {RELIABILITY}: incidents without an owner of their own call nobody"
        yield in_pipeline(pipeline, "owners", text, ProblemLevel.WARNING)


def _check_prices(pipeline: Pipeline) -> Iterator[Problem]:
    """Yield a warning for each price that is not written: calls that use it have no price, and no cost is counted."""
    for model, price in (pipeline.monitoring.cost.prices if pipeline.monitoring.cost else {}).items():
        for name, what in (("input_per_mtok", "requests"), ("output_per_mtok", "answers")):
            if getattr(price, name) is None:
                text = f"{name} is not written, so calls with {what} have no price; write 0 if they cost nothing"
                yield in_pipeline(pipeline, f"monitoring.cost.prices.{model}", text, ProblemLevel.WARNING)


def _check_suites(project: Project, pipeline: Pipeline) -> Iterator[Problem]:
    named = [(f"stages.{stage.name}.suite", stage.suite, stage.suite or stage.name) for stage in pipeline.stages]
    if pipeline.outcome is not None and pipeline.outcome.suite is not None:
        named.append(("outcome.suite", pipeline.outcome.suite, pipeline.outcome.suite))
    for place, given, name in named:
        path = project.suite_path(pipeline, name)
        if path.is_file():
            yield from check_suite(path)
        elif given is not None:
            known = sorted(one.stem for one in path.parent.glob("*.json"))
            yield in_pipeline(pipeline, place, _missing(path.relative_to(project.root).as_posix(), path.stem, known))


def _unused_suites(project: Project, pipeline: Pipeline) -> Iterator[Problem]:
    used = {stage.suite or stage.name for stage in pipeline.stages}
    if pipeline.outcome is not None and pipeline.outcome.suite is not None:
        used.add(pipeline.outcome.suite)
    for path in sorted((project.root / "expectations" / pipeline.pipeline).glob("*.json")):
        if path.stem not in used:
            near = difflib.get_close_matches(path.stem, sorted(used), n=1)
            hint = f"; did you mean {near[0]}.json?" if near else ""
            text = f"belongs to no stage of {pipeline.pipeline}{hint} Stages: {', '.join(sorted(used))}"
            yield Problem(file=path.relative_to(project.root).as_posix(), text=text)


def _check_functions(project: Project, pipeline: Pipeline) -> Iterator[Problem]:
    for stage in pipeline.stages:
        place = f"stages.{stage.name}.reference"
        try:
            load_reference(project, stage)
            if stage.endpoint is not None and stage.endpoint.protocol is Protocol.CALLABLE:
                place = f"stages.{stage.name}.endpoint"
                load_function(project, stage.endpoint.connection)
        except SpecError as error:
            yield from _named_by(pipeline, place, error)
        except DataContractError as error:
            yield in_pipeline(pipeline, place, str(error))
    if pipeline.outcome is not None and pipeline.outcome.evaluator is not None:
        try:
            load_function(project, pipeline.outcome.evaluator)
        except SpecError as error:
            yield from _named_by(pipeline, "outcome.evaluator", error)
    for place, name in _functions_of_runbooks(pipeline):
        try:
            load_function(project, name)
        except SpecError as error:
            yield from _named_by(pipeline, place, error)


def _functions_of_runbooks(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Yield place and name of every function that checks an action, or is a step of a runbook."""
    for name, action in pipeline.actions.items():
        if action.check is not None and ":" in action.check:
            yield f"actions.{name}.check", action.check
    for kind, runbook in pipeline.runbooks.items():
        for number, step in enumerate(runbook.steps):
            if step.function is not None:
                yield f"runbooks.{kind}.{number}.function", step.function


def _named_by(pipeline: Pipeline, place: str, error: SpecError) -> Iterator[Problem]:
    """Yield mistakes with a line in the file that was named; without one the pipeline file names it, at this place."""
    for problem in error.problems:
        yield problem if problem.line is not None else in_pipeline(pipeline, place, str(problem))


def _missing(file: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"no such suite file {file}{hint} known: {', '.join(known) or 'none'}"
