"""What sources and indexes are opened with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upath import UPath

from seamwatch.adapters.base import ConnectionInfo, Connections
from seamwatch.errors import KnowledgeError


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a knowledge base is opened from."""

    name: str
    """`pipeline.knowledge_base`, for messages."""
    project_dir: Path
    """Relative paths are relative to it."""
    connections: Connections
    database: str
    """Connection id of the pipeline's database."""
    cache_dir: Path
    """Folder of its own for what is kept between checks, as the mirror of a repository; may not exist yet."""
    object_path: Callable[[str], Any] = UPath
    """Opens object storage; Airflow's ObjectStoragePath where its connections are to be used."""

    deadline_s: float = 120.0
    """Longest wait for one call of a vector database or an object storage, all its reads together."""

    def folder(self, path: str | None, connection: str | None) -> str:
        """Return the folder, or the web address, that a spec names by `path` or `connection`.

        Raises:
            ConnectionNotFound: If there is no such connection.
            KnowledgeError: If it names neither.
        """
        if connection is not None:
            return self._of_connection(self.connections.get(connection))
        assert path is not None
        return path if "://" in path else str((self.project_dir / path).resolve())

    def _of_connection(self, info: ConnectionInfo) -> str:
        named = info.extra.get("path") or info.host
        if not named:
            msg = f"{self.name}: connection {info.conn_id!r} has neither a host nor a 'path' in its extra; give it one"
            raise KnowledgeError(msg)
        return str(named)
