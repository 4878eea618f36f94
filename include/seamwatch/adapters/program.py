"""Run a program of the project, without a shell, and without leaving anything of it behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from seamwatch.errors import AdapterError

_KEPT_BYTES = 2000
"""Last ones of what it wrote."""


_WATCHER = "read -r ended || kill -9 0"
"""Waits at a pipe that closes with this process, and ends its group then: no program is left that nobody ends."""


@dataclass(frozen=True, kw_only=True)
class FinishedProgram:
    """How a program ended."""

    code: int
    output: str
    """End of what it wrote to standard output."""
    errors: str
    """End of what it wrote to standard error."""


def run_program(
    command: Sequence[str], *, project_dir: Path, env: Mapping[str, str], timeout_s: float, given: str = ""
) -> FinishedProgram:
    """Return how it ended.

    After its time it is ended with everything that it started, also where that holds on to its output; and so it is
    where this process is killed.

    Args:
        command: Program and arguments; `python` as the program means the Python that runs this.
        project_dir: Where it runs.
        env: Variables beside those of this process.
        timeout_s: Longest that it may take.
        given: Its standard input.

    Raises:
        AdapterError: If it cannot be started, or takes too long.
    """
    program, *arguments = command
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as stdin:
        stdin.write(given.encode("utf-8", "surrogatepass"))
        stdin.seek(0)
        with _watched_group() as group:
            try:
                running = subprocess.Popen(  # noqa: S603 - the pipeline file's own command, without a shell
                    [sys.executable if program == "python" else program, *arguments],
                    cwd=project_dir,
                    env={**os.environ, **env},
                    stdin=stdin,
                    stdout=output,
                    stderr=errors,
                    process_group=group,
                )
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                msg = f"the program {program!r} cannot be started in {project_dir} ({why}); correct the command"
                raise AdapterError(msg) from error
            try:
                code = running.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                msg = f"the program {program!r} took longer than {timeout_s:g} s, and was ended; raise its timeout"
                raise AdapterError(msg) from error
            finally:
                if running.poll() is None:  # too late, or whoever waits for it was interrupted
                    _end(running, group or running.pid)
        return FinishedProgram(code=code, output=_end_of(output), errors=_end_of(errors))


@contextlib.contextmanager
def _watched_group() -> Iterator[int]:
    """Yield a process group that does not outlive this process, even where this is killed; 0: a new one like any other.

    Who starts in it is watched from its birth, and not from when its id is known here.
    """
    try:
        watcher = subprocess.Popen(  # noqa: S603 - no input of anybody
            ["/bin/sh", "-c", _WATCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    except OSError:  # a system without a shell: programs run all the same
        yield 0
        return
    assert watcher.stdin is not None
    try:
        yield watcher.pid
    finally:
        with contextlib.suppress(OSError):  # it was ended with its group
            os.write(watcher.stdin.fileno(), b"ended\n")
        watcher.stdin.close()
        watcher.wait()


def _end(running: subprocess.Popen[bytes], group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    running.wait()


def _end_of(written: IO[bytes]) -> str:
    size = written.seek(0, os.SEEK_END)
    written.seek(max(size - _KEPT_BYTES, 0))
    return written.read().decode("utf-8", "replace").strip()
