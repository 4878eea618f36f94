"""Honest texts that say what to do, from the packages installed here: sections of descriptions, and docstrings.

Half of the packages, by a hash of their names, is kept apart from training and from every choice.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_SECTION = re.compile(r"\n\s*\n(?=#)")
_FILES, _DOCSTRINGS = 8, 8
"""Taken of one package, and of one file of it."""
_OWN = "seamwatch"


@dataclass(frozen=True)
class InstalledText:
    """An honest text of a package."""

    text: str
    package: str
    is_test: bool


def descriptions() -> Iterator[InstalledText]:
    """Yield the sections of the packages' descriptions."""
    for one in _packages():
        name = one.metadata["Name"]
        text = str(one.metadata.get_payload() or one.metadata.get("Description") or "")
        for part in _SECTION.split(text):
            if 100 < len(part) < 4000:
                yield InstalledText(part, name, _share(name) >= 0.5)


def docstrings() -> Iterator[InstalledText]:
    """Yield docstrings from some files of each package: imperative by custom, as orders are."""
    for one in _packages():
        name = one.metadata["Name"]
        files = sorted((str(file) for file in one.files or () if _is_code(str(file))), key=_share)[:_FILES]
        for file in files:
            for text in _docstrings(Path(str(one.locate_file(file)))):
                yield InstalledText(text, name, _share(name) >= 0.5)


def _packages() -> list[metadata.Distribution]:
    found = [one for one in metadata.distributions() if one.metadata["Name"] != _OWN]
    return sorted(found, key=lambda one: one.metadata["Name"])


def _share(name: str) -> float:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8


def _is_code(file: str) -> bool:
    return file.endswith(".py") and "/test" not in file


def _docstrings(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, SyntaxError, UnicodeDecodeError):
        # Some packages list files that they do not install, or templates that are no Python yet.
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds))
    return [text for text in found if text and 30 < len(text) < 4000][:_DOCSTRINGS]
