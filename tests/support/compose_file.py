"""docker-compose.yml as Compose reads it: variables filled in from .env.example and from what a person has to set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<text>[^}]*))?\}")


def example() -> dict[str, str]:
    """Return the settings of .env.example; empty are those that a person sets."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(values: Mapping[str, str]) -> Any:
    """Return the compose file with every variable replaced as Compose would."""
    text = VARIABLE.sub(lambda match: values[match["name"]] if match["name"] else "$", COMPOSE.read_text())
    return yaml.safe_load(text)
