"""What a use case needs from outside, handed in by the CLI, the DAGs or a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from upath import UPath

from seamwatch.adapters.base import Connections, Notifier
from seamwatch.spec.load import Project
from seamwatch.store.repo import Store


@dataclass(frozen=True, kw_only=True)
class Deps:
    """The world outside the core."""

    project: Project
    connections: Connections
    store: Store
    data_dir: Path
    """Reports and Data Docs are written below it."""
    ui_url: str
    """Base URL of the Airflow UI, for links."""
    clock: Callable[[], datetime]
    """Aware UTC now."""
    notifier: Callable[[str], Notifier]
    """Connection id to the channel behind it."""
    object_path: Callable[[str], Any] = UPath
    """Opens object storage; Airflow's ObjectStoragePath where its connections are to be used."""
    heartbeat_url: str | None = field(default=None, repr=False)
    """Called after each look and delivery, for a monitor outside; a secret."""
