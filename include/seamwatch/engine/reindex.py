"""Run the command that rebuilds the index of some documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from seamwatch.adapters.program import run_program
from seamwatch.errors import AdapterError, KnowledgeError
from seamwatch.spec.knowledge import Reindex


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
    try:
        done = run_program(
            hook.command,
            project_dir=project_dir,
            env={"SEAMWATCH_DOCUMENTS": listed},
            timeout_s=hook.timeout.total_seconds(),
            given=listed,
        )
    except AdapterError as error:
        msg = f"reindex: {error}"
        raise KnowledgeError(msg) from error
    if done.code:
        msg = f"the reindex command ended with code {done.code}: {done.errors}"
        raise KnowledgeError(msg)
    return done.output
