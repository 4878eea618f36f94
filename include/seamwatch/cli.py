"""The command line: the same use cases as the DAGs, on connections from the environment."""

from __future__ import annotations

import sys
import traceback

import typer

from seamwatch.commands.agreed import agreed
from seamwatch.commands.check import check
from seamwatch.commands.compare import compare
from seamwatch.commands.demo import demo
from seamwatch.commands.evaluate import evaluate
from seamwatch.commands.incidents import incident, incidents, report, void
from seamwatch.commands.labels import labels
from seamwatch.commands.objectives import freshness, gate, openslo, slo
from seamwatch.commands.operations import deliver, migrate, purge, slack, status
from seamwatch.commands.output import say
from seamwatch.commands.review import review
from seamwatch.commands.runbooks import runbook
from seamwatch.commands.windows import attribute, baseline, run
from seamwatch.errors import SeamwatchError
from seamwatch.secret_redaction import redact_logs

COMMANDS = (
    check,
    run,
    attribute,
    compare,
    evaluate,
    freshness,
    slo,
    openslo,
    gate,
    void,
    incident,
    incidents,
    runbook,
    report,
    review,
    baseline,
    deliver,
    slack,
    status,
    migrate,
    purge,
    demo,
)
"""All commands, in the order of `seamwatch --help`. Each imports what it needs when it runs, so that help is fast."""

app = typer.Typer(
    name="seamwatch",
    help="Whose fault was the wrong answer? Reliability engineering for AI pipelines on Apache Airflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(labels)
app.add_typer(agreed)


def main() -> None:
    """Run the command line; a mistake of a person ends with its message and exit code 1."""
    redact_logs()
    try:
        app()
    except SeamwatchError as error:
        say(f"seamwatch: {error}")
        sys.exit(1)
    except Exception:  # a defect: its traceback is for its report, and may repeat what a connection held
        say(traceback.format_exc().rstrip())
        sys.exit(1)
