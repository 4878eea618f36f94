"""Commits of a local git repository that touched some files in a span of time, with the lines they changed.

Git itself is asked, by a process without a shell. A repository's own settings run nothing: no hook, pager, monitor,
external diff, text converter or signature check, and nothing is fetched.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from seamwatch.core.file_history import Commit, FileHistory
from seamwatch.errors import AdapterError

_MOST_COMMITS = 20
_MOST_BYTES = 400_000
"""Of a log that are read; a commit beyond that is told without its lines."""
_MOST_LINES = 40
"""Changed lines kept of a commit."""
_DEADLINE_S = 15.0
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=true",
    "log.showSignature=false",
    "log.showRoot=true",
    "protocol.allow=never",
)
_KEPT_VARIABLES = ("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP")


def read_history(folder: Path, files: Sequence[Path], *, since: datetime, until: datetime) -> FileHistory:
    """Return the commits of a span that touched files of one folder.

    Args:
        folder: Of the files, inside the repository.
        files: In the folder; they need not be there any longer.
        since: Aware time.
        until: Aware time.

    Raises:
        AdapterError: If the folder is in no repository, git is not installed, refuses, or takes too long.
    """
    names = [path.name for path in files]
    kept = set(_git(folder, "ls-files", "-z", "--", *_literal(names)).split("\0"))
    is_shallow = _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"
    mark = secrets.token_hex(16)  # no file or message holds it, so none can look like another commit
    log = _git(
        folder,
        "log",
        f"--since={since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"--until={until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"--max-count={_MOST_COMMITS}",
        "--patch",
        "--unified=0",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-show-signature",
        "--no-notes",
        "--no-follow",
        "--submodule=short",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--encoding=UTF-8",
        f"--format={mark}%H%x00%ct%x00%an%x00%s%x00",
        "--",
        *_literal(names),
    )
    return FileHistory(
        commits=tuple(_commits(log, mark)),
        tracked=tuple(path for path in files if path.name in kept),
        is_shallow=is_shallow,
    )


def _literal(names: Sequence[str]) -> list[str]:
    """Return names as paths that stand for themselves, whatever signs are in them."""
    return [f":(literal){name}" for name in names]


def _commits(log: str, mark: str) -> Iterator[Commit]:
    for record in log.split(mark)[1:]:
        fields = record.split("\0", 4)
        if len(fields) < 5 or not fields[1].isdigit():
            continue
        identity, at, author, subject, patch = fields
        moment = datetime.fromtimestamp(int(at), tz=UTC)
        yield Commit(id=identity, at=moment, author=author, subject=subject, lines=tuple(_changed_lines(patch)))


def _changed_lines(patch: str) -> list[str]:
    """Return the lines that a patch adds and removes, after the name of their file."""
    found: list[str] = []
    name, in_hunk = "", False
    for line in patch.split("\n"):
        if line.startswith("diff --git "):
            name, in_hunk = "", False
        elif line.startswith("@@"):
            in_hunk = True
        elif not in_hunk and line.startswith(("--- ", "+++ ")):
            path = line[4:].strip('"\t')
            name = path[2:] if path != "/dev/null" else name
        elif not in_hunk and line.startswith("Binary files "):
            found.append(line)
        elif in_hunk and line.startswith(("+", "-")) and line[1:].strip():
            found.append(f"{name}: {line[:1]}{line[1:].strip()}")
        if len(found) >= _MOST_LINES:
            break
    return found


def _git(folder: Path, *arguments: str) -> str:
    """Return what a git command printed, cut where it is too long; AdapterError."""
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    command = ["git", "--no-pager", *settings, *arguments]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed program, without a shell
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        except OSError as error:
            msg = f"git cannot be run in {folder}: {error.strerror or error}; install git, or correct the folder"
            raise AdapterError(msg) from error
        output, is_cut = _read(process, folder, arguments[0])
        errors.seek(0)
        said = errors.read(_MOST_BYTES).decode("utf-8", "replace")
    if process.returncode != 0 and not is_cut:
        raise AdapterError(_refusal(folder, said))
    return output.decode("utf-8", "replace")


def _read(process: subprocess.Popen[bytes], folder: Path, command: str) -> tuple[bytes, bool]:
    """Return the beginning of what a process prints, and whether there was more; it has ended then."""
    is_late = threading.Event()

    def stop() -> None:
        is_late.set()
        process.kill()

    timer = threading.Timer(_DEADLINE_S, stop)
    timer.start()
    try:
        with process:
            assert process.stdout is not None
            output = process.stdout.read(_MOST_BYTES)
            is_cut = bool(process.stdout.read(1))
            if is_cut:
                process.kill()
    finally:
        timer.cancel()
    if is_late.is_set():
        msg = f"git {command} in {folder} took longer than {_DEADLINE_S:.0f} s"
        raise AdapterError(msg, retryable=True)
    return output, is_cut


def _refusal(folder: Path, said: str) -> str:
    """Return why git gave nothing, in plain words."""
    if "dubious ownership" in said:
        return f"git does not read {folder}, as it belongs to another user; allow it by git's setting safe.directory"
    if "not a git repository" in said:
        return f"{folder} is not under git"
    if "does not have any commits" in said:
        return f"the git repository of {folder} has no commit yet"
    first = next((line for line in said.splitlines() if line.strip()), "no reason given")
    return f"git cannot read the history of {folder}: {first[:200]}"
