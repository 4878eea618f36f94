"""What actions change outside, in real parts: MLflow, PostgreSQL, runs of DAGs, and windows that are run again."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa

from action_places import database_connection
from airflow_rest_server import AirflowRestServer
from delivery.outside_systems import OutsideSystem, QuarantineTable, RoutingTable
from faulty_proxy import FaultyProxy, ProxyFault
from mlflow_server import MlflowServer
from parcels import WINDOW
from seamwatch.core.incident_life import ChangeKind
from seamwatch.store.repo import Store

ACTIONS = """\
  mlflow: {kind: mlflow_alias, connection: mlflow, model: parcels, alias: champion,
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 5s}
  mlflow_too: {kind: mlflow_alias, connection: mlflow, model: parcels, alias: champion, to: "1",
     approve_within: 1h, check: none, timeout: 5s}
  mlflow_same: {kind: mlflow_alias, connection: mlflow, model: parcels, alias: champion, to: "2",
     approve_within: 1h, check: none, timeout: 5s}
  dag: {kind: dag, dag: retrain, undo_dag: restore,
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
  run_again: {kind: run_again, approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1m}
"""
"""Added to the actions of the other systems."""
_NOWHERE = "http://127.0.0.1:9"
_PORT_NOWHERE = 9


class _PostgresTables(OutsideSystem):
    """Tables in PostgreSQL, with triggers that count, and one that refuses."""

    table: ClassVar[str]
    make: ClassVar[tuple[str, ...]]
    counts: ClassVar[str]
    """When a write is counted, and what of it."""

    def __init__(self, url: str) -> None:
        self._engine, self._info = sa.create_engine(url), database_connection(url)
        self._run(
            "drop table if exists routes, quarantined, writes cascade",
            *self.make,
            "create or replace function count_write() returns trigger language plpgsql as "
            f"$$ begin insert into writes values ({self.counts}); return new; end $$",
            "create or replace function refuse() returns trigger language plpgsql as "
            "$$ begin raise exception 'no'; end $$",
            f"create trigger count_writes after update or insert on {self.table} for each row "
            "execute function count_write()",
        )
        self._start()

    def _start(self) -> None:
        """Put in what is there at the start."""

    def _run(self, *statements: str) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        down = {"host": "127.0.0.1", "port": _PORT_NOWHERE, "extra": {}} if self.is_down else {}
        return {"outside": self._info | down}

    def n_written(self) -> int:
        return int(self.rows("select count(*) from writes")[0][0])

    def draw_fault(self, rng: random.Random) -> None:
        if rng.random() < 0.5:
            self.is_down = True
            return
        self._run(
            f"create or replace trigger refuse_all before insert or update or delete on {self.table} for each row "
            "execute function refuse()"
        )

    def recover(self) -> None:
        super().recover()
        self._run(f"drop trigger if exists refuse_all on {self.table}")

    def close(self) -> None:
        self._engine.dispose()


class PostgresRoutingTable(_PostgresTables):
    """One row of a table."""

    action, others, elsewhere = RoutingTable.action, RoutingTable.others, RoutingTable.elsewhere
    table, counts = "routes", "new.model"
    make = ("create table routes (name text primary key, model text)", "create table writes (model text, n serial)")

    def _start(self) -> None:
        self._run("insert into routes values ('parcels', 'second')", "delete from writes")

    def value(self) -> Any:
        return self.rows("select model from routes")[0][0]

    def n_applied(self, wanted: Any) -> int:
        return sum(model == wanted for (model,) in self.rows("select model from writes"))

    def set_by_person(self, value: Any) -> None:
        self.recover()
        with self._engine.begin() as connection:
            connection.execute(sa.text("update routes set model = :model"), {"model": value})
            connection.exec_driver_sql("delete from writes where n = (select max(n) from writes)")


class PostgresQuarantine(_PostgresTables):
    """Keys of records, each of which is written once."""

    action = QuarantineTable.action
    table, counts = "quarantined", "new.action, new.record"
    make = (
        "create table quarantined (action varchar(200) not null, record varchar(500) not null, "
        "incident varchar(200) not null, stage varchar(200) not null, at timestamptz not null, "
        "primary key (action, record))",
        "create table writes (action text, record text)",
    )

    def value(self) -> Any:
        return sorted([record, stage] for record, stage in self.rows("select record, stage from quarantined"))

    def n_applied(self, wanted: Any) -> int:
        del wanted
        return max(Counter(self.rows("select action, record from writes")).values(), default=0)


class MlflowRegistry(OutsideSystem):
    """The champion of a model in a real MLflow, whose own database counts how often it was pointed elsewhere."""

    action, others, elsewhere = "mlflow", ("mlflow_too", "mlflow_same"), "4"
    _faults: ClassVar[tuple[ProxyFault, ...]] = ("before", "after", "cut", "cut_after", "half")

    def __init__(self, server: MlflowServer, proxy: FaultyProxy) -> None:
        self._server, self._proxy = server, proxy
        self.recover()
        self.set_by_person("3")
        self._run("delete from writes")

    @staticmethod
    def prepare(server: MlflowServer) -> None:
        """Register the model once, and let the registry count."""
        server.add_model("parcels", n_versions=4, champion=3)
        with closing(sqlite3.connect(server.file, timeout=30)) as connection, connection:
            connection.execute("create table writes (version text)")
            connection.execute(
                "create trigger count_writes after update on registered_model_aliases "
                "begin insert into writes values (new.version); end"
            )

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._server.file, timeout=30)) as connection, connection:
            return connection.execute(statement).fetchall()

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        return {"mlflow": {"conn_type": "http", "host": _NOWHERE if self.is_down else self._proxy.url}}

    def value(self) -> Any:
        return self._server.version_of("parcels")

    def n_applied(self, wanted: Any) -> int:
        return sum(str(version) == wanted for (version,) in self._run("select version from writes"))

    def n_written(self) -> int:
        return int(self._run("select count(*) from writes")[0][0])

    def set_by_person(self, value: Any) -> None:
        before = self.n_written()
        self._server.point("parcels", int(value))
        if self.n_written() > before:
            self._run("delete from writes where rowid = (select max(rowid) from writes)")

    def draw_fault(self, rng: random.Random) -> None:
        if rng.random() < 0.25:
            self.is_down = True
        elif rng.random() < 0.3:
            self._proxy.read_faults += [rng.choice(self._faults)]
        else:
            self._proxy.faults += [rng.choice(self._faults)] * rng.choice((1, 1, 2))

    def recover(self) -> None:
        super().recover()
        self._proxy.faults.clear()
        self._proxy.read_faults.clear()


class DagRuns(OutsideSystem):
    """Runs of a DAG and of the one that takes it back, at a server that answers in the form of Airflow's REST API."""

    action = "dag"

    def __init__(self, server: AirflowRestServer) -> None:
        self._server = server
        server.runs.clear()
        server.n_started = 0
        self.recover()

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        url = _NOWHERE if self.is_down else self._server.url
        return {"airflow_api": {"conn_type": "http", "host": url, "login": "admin", "password": "admin"}}

    def _states(self, dag: str) -> list[str]:
        return [one["state"] for (name, _), one in list(self._server.runs.items()) if name == dag]

    def value(self) -> Any:
        is_run = bool(self._states("retrain")) and "success" not in self._states("restore")
        return "run" if is_run else "not run"

    def n_applied(self, wanted: Any) -> int:
        del wanted
        return len(self._states("retrain"))

    def n_undone(self) -> int:
        return len(self._states("restore"))

    def n_written(self) -> int:
        return self._server.n_started

    def draw_fault(self, rng: random.Random) -> None:
        draw = rng.random()
        if draw < 0.2:
            self.is_down = True
        elif draw < 0.4:
            self._server.fails_after_start = True
        elif draw < 0.5:
            self._server.looks_until_over = 1_000  # whoever waits for it costs real seconds
        elif draw < 0.65:
            self._server.ends_as = "failed"
        else:
            self._server.fails[rng.choice(("GET", "POST"))] = rng.choice((1, 2))

    def recover(self) -> None:
        super().recover()
        server = self._server
        server.fails_after_start, server.looks_until_over, server.ends_as = False, 1, "success"
        server.fails.clear()


class WindowRunAgain(OutsideSystem):
    """The window that shows the cause: Seamwatch's own store is what a run of it changes."""

    action, has_value = "run_again", False

    def __init__(self, database: Path, store: Store) -> None:
        self._database, self._store = database, store
        self._before = self._told()
        self._n_before = self._n_runs()

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        path = self._database.parent / "gone" / "parcels.db" if self.is_down else self._database
        return {"parcels_db": {"conn_type": "sqlite", "host": str(path)}}

    def _n_runs(self) -> int:
        return sum(
            event.kind == ChangeKind.UPDATED
            for one in self._store.incidents("parcels")
            for event in self._store.incident_events(one.id)
        )

    def _told(self) -> str:
        found = self._store.attribution("parcels", WINDOW)
        assert found is not None
        said = [(one.responsibility, one.stage, one.kind, one.n_records) for one in found.causes]
        return f"{found.n_failing} failing, {len(found.verdicts)} verdicts, {sorted(map(str, said))}"

    def value(self) -> Any:
        return None

    def n_applied(self, wanted: Any) -> int:
        del wanted
        # A window that is run twice says the same twice, so that whoever was killed in the middle runs it once more.
        return min(self.n_written(), 1)

    def n_written(self) -> int:
        return self._n_runs() - self._n_before

    def faults_found(self, store: Store) -> list[str]:
        del store
        now = self._told()
        return [] if now == self._before else [f"the window says {now}, where it said {self._before}"]

    def draw_fault(self, rng: random.Random) -> None:
        del rng
        self.is_down = True
