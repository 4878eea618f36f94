"""What the references of a pipeline reach besides the rows they are given: files, folders, programs and addresses.

Python tells an audit hook of every file that its own code opens, and of every address and program (PEP 578). What
compiled code opens by itself, as some readers of Parquet do, is not told.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib.util import source_from_cache
from pathlib import Path
from types import FrameType
from typing import Any

_MODELS = ("seamwatch.adapters.models", "seamwatch.engine.isolate")
"""A function that stands in for a model may reach what it likes: its answers are recorded."""
_SYSTEM = ("/dev/", "/proc/", "/sys/", "/usr/share/zoneinfo/", "/etc/localtime", "/etc/mime.types")
"""What every machine has."""
_IMPORTER = "<frozen importlib"
_CACHE = f"{os.sep}__pycache__{os.sep}"
_FILES = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})
_REACHES = {
    "socket.connect": "connects to",
    "socket.getaddrinfo": "looks up",
    "subprocess.Popen": "starts",
    "os.system": "starts",
    "os.exec": "starts",
    "os.posix_spawn": "starts",
}
"""Events that no file of a bundle can stand in for, and how they are told."""

_watchers: list[Callable[[str, tuple[Any, ...]], None]] = []
_is_hooked = False


@contextmanager
def watch_references(root: Path, held: Collection[Path]) -> Iterator[list[str]]:
    """Yield a list that fills with what code in `include/mappings` reaches and a bundle cannot hold.

    Args:
        root: The project's folder.
        held: Files that the bundle holds.

    Each line says which file and line of the mappings, and what: `include/mappings/desk.py:12 reads /data/codes.csv`.
    """
    global _is_hooked  # noqa: PLW0603 - an audit hook is the whole process's, and stays
    if not _is_hooked:
        sys.addaudithook(_tell)
        _is_hooked = True
    found: list[str] = []
    watcher = _Watcher(root, held, found)
    _watchers.append(watcher)
    try:
        yield found
    finally:
        _watchers.remove(watcher)


def _tell(event: str, arguments: tuple[Any, ...]) -> None:
    for watcher in _watchers:
        watcher(event, arguments)


class _Watcher:
    """Judges what happens while it is asked; what it does itself is not judged."""

    def __init__(self, root: Path, held: Collection[Path], found: list[str]) -> None:
        self._root, self._found = root, found
        self._mappings = os.path.abspath(root / "include" / "mappings") + os.sep
        self._known = {os.path.abspath(path) for path in held}
        self._packages = tuple(
            os.path.join(os.path.realpath(path), "")
            for path in {*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), *_site_folders()}
        )
        self._thread = threading.local()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if (event not in _FILES and event not in _REACHES) or getattr(self._thread, "is_busy", False):
            return
        self._thread.is_busy = True
        try:
            place = self._place(sys._getframe(2), is_open=event == "open")
            what = self._what(event, arguments) if place is not None else None
            if what is not None and (line := f"{place} {what}") not in self._found:
                self._found.append(line)
        finally:
            self._thread.is_busy = False

    def _place(self, frame: FrameType, *, is_open: bool) -> str | None:
        """Return the line of the mappings that does it; None where it is not theirs.

        What an imported package does while it is loaded is the package's own affair; that the module's file is opened
        is not. A function that stands in for a model may do as it likes.
        """
        may_import = is_open and frame.f_code.co_filename.startswith(_IMPORTER)
        place, is_import = None, False
        at: FrameType | None = frame
        while at is not None:
            if str(at.f_globals.get("__name__", "")).startswith(_MODELS):
                return None
            file = at.f_code.co_filename
            if place is None and os.path.abspath(file).startswith(self._mappings):
                place = f"include/mappings/{os.path.abspath(file).removeprefix(self._mappings)}:{at.f_lineno}"
            is_import |= place is None and file.startswith(_IMPORTER)
            at = at.f_back
        return place if may_import or not is_import else None

    def _what(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        if event in _REACHES:
            return f"{_REACHES[event]} {_subject(event, arguments)}"
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike) or os.fsdecode(path) in ("", ":memory:"):
            return None
        full = os.path.abspath(os.fsdecode(path))
        full = source_from_cache(full) if _CACHE in full and full.endswith(".pyc") else full
        if event == "open" and not _is_read(*arguments):
            self._known.add(full)  # what it made itself it may read
            return None
        if full in self._known or not os.path.exists(full) or self._is_given(full, is_listed=event != "open"):
            return None
        return f"{'reads' if event == 'open' else 'opens' if event == 'sqlite3.connect' else 'lists'} {full}"

    def _is_given(self, full: str, *, is_listed: bool) -> bool:
        """Return whether a path is there wherever the bundle is replayed: with Python, its packages or the system."""
        if is_listed and os.path.join(full, "").startswith(self._mappings):
            return True
        return full.startswith(_SYSTEM) or os.path.join(os.path.realpath(full), "").startswith(self._packages)


def _site_folders() -> list[str]:
    """Return where packages are installed, and where this one lies."""
    own = Path(__file__).parents[1]
    return [str(own), *(path for path in sys.path if path.endswith(("site-packages", "dist-packages", "lib-dynload")))]


def _is_read(_: Any, mode: Any = None, flags: Any = None, *__: Any) -> bool:
    """Return whether what stood in the file before may be read."""
    if isinstance(mode, str):
        return "r" in mode or ("+" in mode and "a" in mode)
    is_new = isinstance(flags, int) and flags & (os.O_TRUNC | os.O_EXCL)
    return not is_new and not (isinstance(flags, int) and flags & os.O_WRONLY)


def _subject(event: str, arguments: tuple[Any, ...]) -> str:
    """Return the address or program, without anything else that was handed over."""
    if event == "socket.connect":
        address = arguments[1]
        return ":".join(map(str, address[:2])) if isinstance(address, tuple) else os.fsdecode(address)
    return str(arguments[0]).split()[0] if event == "os.system" else str(arguments[0])
