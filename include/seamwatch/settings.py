"""Where this installation keeps its things, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Folders and addresses of one installation."""

    project_dir: Path
    """Holds `include/pipelines`, `include/mappings` and `expectations`."""
    data_dir: Path
    """Holds reports, Data Docs and, by default, the store."""
    store_url: str
    """SQLAlchemy URL of Seamwatch's own store."""
    ui_url: str
    """Base URL of the Airflow UI, for links."""
    heartbeat_url: str | None = field(default=None, repr=False)
    """Called after each look and delivery; a secret."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, *, project_dir: Path | None = None) -> Settings:
        """Return the settings of `SEAMWATCH_PROJECT_DIR`, `_DATA_DIR`, `_STORE_URL`, `_UI_URL`, `_HEARTBEAT_URL`.

        The project defaults to the working folder, the data folder to `build/seamwatch` in the project, the store to
        an SQLite file in the data folder, and the UI to Airflow's own `AIRFLOW__API__BASE_URL`.
        """
        env = os.environ if env is None else env
        project = (project_dir or Path(env.get("SEAMWATCH_PROJECT_DIR", "."))).resolve()
        data = Path(env.get("SEAMWATCH_DATA_DIR") or project / "build" / "seamwatch").resolve()
        return cls(
            project_dir=project,
            data_dir=data,
            store_url=env.get("SEAMWATCH_STORE_URL") or f"sqlite:///{data / 'seamwatch.db'}",
            ui_url=(env.get("SEAMWATCH_UI_URL") or env.get("AIRFLOW__API__BASE_URL") or "http://localhost:8080").rstrip(
                "/"
            ),
            heartbeat_url=env.get("SEAMWATCH_HEARTBEAT_URL") or None,
        )
