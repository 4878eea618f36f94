"""Texts of watches as data: `texts.yaml`, read once; by watch, group and kind."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from seamwatch.report.text import fill, shortened
from seamwatch.vocabulary import Watch

LONGEST_HEADLINE = 150
TEXTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = yaml.safe_load(
    (files("seamwatch.report.watch") / "texts.yaml").read_text(encoding="utf-8")
)
"""By watch, by group (`headlines`, `steps`, ...), by kind."""


def text(watch: Watch, group: str, kind: str, **values: object) -> str:
    """Return the text of a kind, filled in."""
    return fill(str(TEXTS[watch.value][group][kind]), **values)


def steps(watch: Watch, kind: str, **values: object) -> tuple[str, ...]:
    """Return the runbook of a kind, filled in."""
    return tuple(fill(str(step), **values) for step in TEXTS[watch.value]["steps"][kind])


def headline(head: str, tail: str = "") -> str:
    """Return head and tail as one headline; the head is cut where both are too long for one."""
    return shortened(head, max(LONGEST_HEADLINE - len(tail), 1)) + tail
