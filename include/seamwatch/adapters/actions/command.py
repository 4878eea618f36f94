"""A program of the team's own that changes something outside."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.adapters.program import FinishedProgram, run_program
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.errors import AdapterError
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.actions import Command

_NOT_YET, _DONE = '"not run"', '"run"'
_MOST_IN_ENV = 100_000
"""Characters (of ASCII) of one variable; systems start no program with a longer one."""
_STANDINGS = {0: Standing.APPLIED, 1: Standing.AS_BEFORE}
"""By the code that the `look` command ends with."""


class CommandTarget:
    """What the command changes is known to its `look` command alone."""

    def __init__(
        self,
        spec: Command,
        *,
        pipeline: str,
        incident_id: str,
        project_dir: Path,
        documents: Sequence[str] | None = None,
    ) -> None:
        """Take the commands, and the documents that they are about where they are; nothing is run yet."""
        self._spec, self._project_dir = spec, project_dir
        self._env = {"SEAMWATCH_INCIDENT": incident_id, "SEAMWATCH_PIPELINE": pipeline}
        self._input = ""
        if documents is not None:
            self._input = json.dumps(list(documents))
            if len(self._input) <= _MOST_IN_ENV:
                self._env["SEAMWATCH_DOCUMENTS"] = self._input

    def plan(self) -> ActionPlan:
        """Return what would be run.

        Raises:
            ActionImpossible: If the `look` command says that it is done already.
        """
        said = shlex.join(self._spec.command)
        if self._looked("") is Standing.APPLIED:
            msg = f"the look command says that {said} is done already"
            raise ActionImpossible(msg)
        undo = shlex.join(self._spec.undo)
        return ActionPlan(
            target=f"command:{said}",
            before=_NOT_YET,
            after=_DONE,
            does=f"Runs {said}",
            undoes=f"Runs {undo}" if undo else "",
        )

    def look(self, plan: ActionPlan, key: str) -> Standing:
        """Return what the `look` command says; without one nothing tells."""
        del plan
        return self._looked(key)

    def apply(self, plan: ActionPlan, key: str) -> str:
        """Run the command, unless the `look` command says that it is done.

        Raises:
            AdapterError: If it cannot be started, fails or takes too long.
        """
        del plan
        if self._looked(key) is Standing.APPLIED:
            return "the look command says that it is done already"
        return self._run(self._spec.command, key)

    def undo(self, plan: ActionPlan, key: str) -> str:
        """Run the command that takes it back.

        Raises:
            AdapterError: If there is none, it cannot be started, fails or takes too long.
        """
        del plan
        if not self._spec.undo:
            msg = "the action has no undo command; take back by hand what it did"
            raise AdapterError(msg)
        return self._run(self._spec.undo, key)

    def _looked(self, key: str) -> Standing:
        if not self._spec.look:
            return Standing.UNKNOWN
        try:
            return _STANDINGS.get(self._finished(self._spec.look, key).code, Standing.UNKNOWN)
        except Exception:  # whatever hinders it: nothing tells then
            return Standing.UNKNOWN

    def _run(self, command: Sequence[str], key: str) -> str:
        done = self._finished(command, key)
        if done.code:
            msg = (
                f"{shlex.join(command)} ended with code {done.code}: {done.errors or done.output or 'it wrote nothing'}"
            )
            raise AdapterError(msg)
        return SECRETS.redact(done.output) or f"{shlex.join(command)} ended well"

    def _finished(self, command: Sequence[str], key: str) -> FinishedProgram:
        return run_program(
            command,
            project_dir=self._project_dir,
            env={**self._env, "SEAMWATCH_ACTION": key},
            timeout_s=self._spec.timeout.total_seconds(),
            given=self._input,
        )
