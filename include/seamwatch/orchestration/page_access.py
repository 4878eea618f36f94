"""What all pages inside the Airflow UI share: where they are, who may see them, and what may run in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from fastapi import HTTPException

from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.calendar import this_week
from seamwatch.errors import SpecError
from seamwatch.orchestration.deps import open_deps
from seamwatch.settings import Settings

PREFIX = "/seamwatch"
ROOT = API_ROOT_PATH.rstrip("/")
"""Path of Airflow's own base URL, for an Airflow that does not stand at the root of its host."""
BASE = f"{ROOT}{PREFIX}"
"""Path of the pages."""
CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'self'; "
    "base-uri 'none'"
)
"""Our pages need their inline styles and nothing else: untrusted text in them can load and run nothing."""


def may(method: ResourceMethod, pipeline: str, user: Any) -> bool:
    """Return whether somebody may read (`GET`) or change (`PUT`) a pipeline: as they may its incidents' DAG."""
    details = DagDetails(id=f"{pipeline}__incidents")
    return bool(get_auth_manager().is_authorized_dag(method=method, details=details, user=user))


def current_week(deps: Deps) -> ReviewWeek:
    """Return the week that it is where reviews are held; 409 where the settings that say so cannot be read."""
    try:
        return this_week(deps)
    except SpecError as error:
        raise HTTPException(409, f"when a week begins cannot be read: {error}") from error


@contextmanager
def page_deps(settings: Settings) -> Iterator[Deps]:
    """Open what a page needs, for one request."""
    with open_deps(settings.project_dir) as deps:
        yield deps
