"""Run the command that rebuilds the index of some documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import Reindex

_TOLD = 2000
"""Last characters of what the command wrote that are kept."""


def run_reindex(hook: Reindex, documents: Sequence[str], *, project_dir: Path) -> str:
    """Return the end of what the command wrote.

    Args:
        hook: Its command; `python` as the program means the Python that runs this.
        documents: Ids, handed over as a JSON list in SEAMWATCH_DOCUMENTS and on standard input.
        project_dir: Where it runs.

    Raises:
        KnowledgeError: If it cannot be started, fails or takes longer than it may.
    """
    listed = json.dumps(list(documents))
    program, *arguments = hook.command
    try:
        done = subprocess.run(  # noqa: S603 - the pipeline file's own command, without a shell
            [sys.executable if program == "python" else program, *arguments],
            cwd=project_dir,
            env={**os.environ, "SEAMWATCH_DOCUMENTS": listed},
            input=listed,
            capture_output=True,
            text=True,
            timeout=hook.timeout.total_seconds(),
            check=False,
        )
    except FileNotFoundError as error:
        msg = f"the reindex command {program!r} is not installed here; correct reindex.command"
        raise KnowledgeError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"the reindex command took longer than {hook.timeout}; raise reindex.timeout, or hand it to a DAG"
        raise KnowledgeError(msg) from error
    if done.returncode:
        msg = f"the reindex command ended with code {done.returncode}: {done.stderr[-_TOLD:].strip()}"
        raise KnowledgeError(msg)
    return done.stdout[-_TOLD:].strip()
