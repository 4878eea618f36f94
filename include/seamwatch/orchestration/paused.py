"""Which DAGs are paused, where Airflow's own database is at hand."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


def is_airflow_set_up() -> bool:
    """Return whether Airflow has a database here; Airflow is not asked, as its first import would set one up."""
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    has_files = any((home / name).is_file() for name in ("airflow.cfg", "airflow.db"))
    return has_files or "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in os.environ


def paused_dags() -> frozenset[str] | None:
    """Return the ids of the paused DAGs; None where nobody can say: no Airflow is set up here, or it does not answer.

    Asks nothing where no Airflow was ever set up: its first import would set one up.
    """
    if not is_airflow_set_up():
        return None
    try:
        from airflow.models.dag import DagModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            return frozenset(session.scalars(select(DagModel.dag_id).where(DagModel.is_paused)))
    except Exception as error:  # whatever it is, the status is told without it
        _log.warning("Airflow's database does not say which DAGs are paused (%s)", type(error).__name__)
        return None
