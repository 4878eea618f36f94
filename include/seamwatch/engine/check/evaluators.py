"""What evaluators name beside the columns of stages: the answer where it is not clear, functions, guards, examples."""

from __future__ import annotations

from collections.abc import Iterator

from seamwatch.adapters.base import Connections
from seamwatch.core.evaluation.scope import FEWEST
from seamwatch.engine.check.places import check_connection, in_pipeline
from seamwatch.engine.evaluation.fields import answer_field
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_function
from seamwatch.errors import AdapterError, Problem, ProblemLevel, SpecError
from seamwatch.plurals import plural
from seamwatch.spec.evaluation import FunctionEvaluator, HarmEvaluator, OutOfScopeEvaluator
from seamwatch.spec.judge import JudgeModel
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline


def check_evaluators(
    project: Project, pipeline: Pipeline, connections: Connections, reader: StageReader
) -> Iterator[Problem]:
    """Yield what is wrong with evaluators; columns that they name are checked with those of their stages."""
    columns = _payload_columns(pipeline, reader) if pipeline.evaluators else None
    for number, evaluator in enumerate(pipeline.evaluators):
        place = f"evaluators.{number}"
        if isinstance(evaluator, FunctionEvaluator):
            try:
                load_function(project, evaluator.function)
            except SpecError as error:
                yield from error.problems
        elif columns is not None and answer_field(pipeline, evaluator, columns) is None:
            text = (
                f"does not say which field of {pipeline.final_stage.name} is the answer; name it with answer: "
                f"{pipeline.final_stage.name}.field; known: {', '.join(columns)}"
            )
            yield in_pipeline(pipeline, place, text)
        if isinstance(evaluator, JudgeModel):
            from seamwatch.engine.check.judges import check_judge  # noqa: PLC0415 - brings the store

            yield from check_judge(project, pipeline, connections, evaluator, place)
        if isinstance(evaluator, HarmEvaluator) and evaluator.guard is not None:
            connection = evaluator.guard.partition("/")[0]
            yield from check_connection(pipeline, f"{place}.guard", connections, connection)
        if isinstance(evaluator, OutOfScopeEvaluator) and 0 < len(set(evaluator.examples)) < FEWEST:
            text = (
                f"has {plural(len(set(evaluator.examples)), 'example')}; with fewer than {FEWEST} every "
                "record stays unknown"
            )
            yield in_pipeline(pipeline, f"{place}.examples", text, ProblemLevel.WARNING)


def _payload_columns(pipeline: Pipeline, reader: StageReader) -> list[str] | None:
    """Return the fields of the judged stage; None where its table cannot be read, which is told elsewhere."""
    stage = pipeline.final_stage
    try:
        columns, time = reader.columns(stage), reader.time_column(stage)
    except AdapterError:
        return None
    left_out = {pipeline.stage_key(stage), time, *stage.ignore}
    return list(stage.fields) or [column for column in columns if column not in left_out]
