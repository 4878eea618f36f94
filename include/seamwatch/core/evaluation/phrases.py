"""Phrases that tell what a sentence does, as data: `phrases.tsv`, patterns on normal text by category."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files


def categories() -> tuple[str, ...]:
    """Return the categories in the order of the file."""
    return tuple(_patterns())


def first_match(category: str, normal: str) -> re.Match[str] | None:
    """Return the first match of a category's patterns in a normal text; KeyError for an unknown category."""
    return next((found for one in _patterns()[category] if (found := one.search(normal))), None)


@cache
def _patterns() -> dict[str, tuple[re.Pattern[str], ...]]:
    text = (files("seamwatch.core.evaluation") / "phrases.tsv").read_text(encoding="utf-8")
    found: dict[str, list[re.Pattern[str]]] = {}
    for line in text.splitlines()[1:]:
        category, _, pattern = line.partition("\t")
        found.setdefault(category, []).append(re.compile(pattern))
    return {category: tuple(some) for category, some in found.items()}
