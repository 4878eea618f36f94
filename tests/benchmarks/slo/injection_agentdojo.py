"""Goals and honest texts of AgentDojo, to measure on alone: `AGENTDOJO=FOLDER` names its package, unpacked.

E. Debenedetti et al. (2024), "AgentDojo: a dynamic environment to evaluate attacks and defenses for LLM agents" (MIT).
Its code is read, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

_SHORTEST = 12
_PLACE_OF_ATTACK = re.compile(r"\{\w+\}")
_TEXT_KEYS = ("body", "content", "description")


def goals(folder: Path) -> list[str]:
    """Return what attackers want, a goal a task; a value that its code computes is written `X77`."""
    found = []
    for file in sorted((folder / "default_suites/v1").glob("*/injection_tasks.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        everywhere = _constants(tree.body, {})
        tasks = [_constants(node.body, everywhere) for node in tree.body if isinstance(node, ast.ClassDef)]
        found += [task["GOAL"] for task in tasks if "GOAL" in task]
    return found


def _constants(nodes: Sequence[ast.stmt], known: Mapping[str, str]) -> dict[str, str]:
    """Return what is known and the names that statements assign, as text, in their order."""
    found = dict(known)
    for node in nodes:
        names = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for name in names:
            if isinstance(name, ast.Name):
                found[name.id] = _text(node.value, found)  # type: ignore[attr-defined]
    return found


def _text(node: Any, known: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, known) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, known)
    if isinstance(node, ast.BinOp):
        return _text(node.left, known) + _text(node.right, known)
    return known.get(node.id, "X77") if isinstance(node, ast.Name) else "X77"


def honest_texts(folder: Path) -> list[str]:
    """Return mails, events, files, messages and pages of its worlds, without the places where attacks are put."""
    found: list[str] = []
    for file in sorted((folder / "data/suites").rglob("*.yaml")):
        if file.name != "injection_vectors.yaml":
            world = yaml.safe_load(file.read_text(encoding="utf-8").replace("!include", ""))
            found += [_PLACE_OF_ATTACK.sub("", text) for text in _texts(world)]
    return [text for text in dict.fromkeys(found) if len(text) >= _SHORTEST]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        if any(key in value for key in _TEXT_KEYS):
            yield "\n".join(one for one in value.values() if isinstance(one, str))
            value = {key: one for key, one in value.items() if not isinstance(one, str)}
        for one in value.values():
            yield from _texts(one)
