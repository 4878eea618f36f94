"""The command that runs the evaluators of a pipeline on a window."""

from __future__ import annotations

from seamwatch.commands.dependencies import open_window_deps
from seamwatch.commands.options import FromOption, JsonOption, PipelineArgument, ProjectOption, ToOption
from seamwatch.commands.output import write_json


def evaluate(
    pipeline: PipelineArgument,
    start: FromOption,
    end: ToOption,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Run the evaluators on the answers of a window, and keep how many pass, fail and are unknown, and why."""
    from seamwatch.engine.evaluation.run import evaluate_window
    from seamwatch.report.evaluation import evaluations_json, print_evaluations

    with open_window_deps(project, pipeline, start, end) as (deps, spec, window):
        found = evaluate_window(deps, spec, window)
    write_json(as_json, evaluations_json(pipeline, window, found))
    if str(as_json) != "-":
        print_evaluations(pipeline, window, found)
