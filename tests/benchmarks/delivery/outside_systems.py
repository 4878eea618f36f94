"""What the actions of a schedule change: real systems on this machine, which count what is written, and which fail.

Each can be set by a person too, whose writes are not counted.
"""

from __future__ import annotations

import json
import random
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa

from json_config_server import Fault, JsonConfigServer
from seamwatch.store.repo import Store
from seamwatch_demo.gateway import Gateway

ACTIONS = """
actions:
  sql: {kind: sql, database: outside, table: routes, where: {name: parcels}, column: model, value: first,
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
  sql_too: {kind: sql, database: outside, table: routes, where: {name: parcels}, column: model, value: third,
     approve_within: 1h, check: none, timeout: 1s}
  sql_same: {kind: sql, database: outside, table: routes, where: {name: parcels}, column: model, value: first,
     approve_within: 1h, check: none, timeout: 1s}
  http: {kind: http, connection: config, path: /routes, field: parcels.model, value: first,
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
  http_too: {kind: http, connection: config, path: /routes, field: parcels.model, value: third,
     approve_within: 1h, check: none, timeout: 1s}
  http_same: {kind: http, connection: config, path: /routes, field: parcels.model, value: first,
     approve_within: 1h, check: none, timeout: 1s}
  litellm: {kind: litellm, connection: gateway, key_from: bot_key, rpm_limit: 10, tpm_limit: 1000,
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
  litellm_too: {kind: litellm, connection: gateway, key_from: bot_key, rpm_limit: 5,
     approve_within: 1h, check: none, timeout: 1s}
  quarantine: {kind: quarantine, database: outside, table: quarantined,
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
  command: {kind: command, command: [sh, route.sh, do], undo: [sh, route.sh, undo], look: [sh, route.sh, look],
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
  command_without_look: {kind: command, command: [sh, route.sh, do], undo: [sh, route.sh, undo],
     approve_within: 1h, check: "checks:helped", check_within: 2h, timeout: 1s}
"""
"""What the pipeline file says; the second action on a target waits for the first."""
ROUTE = """\
folder=outside
fault=none
[ -f $folder/fault ] && read -r fault < $folder/fault
case "$1" in
  look) [ "$fault" = down ] && exit 7; [ -f $folder/done ] ;;
  do)
    [ "$fault" = before ] && exit 1
    [ "$fault" = late ] && sleep 2
    echo "$SEAMWATCH_ACTION" >> $folder/runs
    touch $folder/done
    [ "$fault" = hang ] && sleep 5
    [ "$fault" != after ] ;;
  undo)
    [ "$fault" = before ] && exit 1
    echo "$SEAMWATCH_ACTION" >> $folder/undone
    rm -f $folder/done
    [ "$fault" != after ] ;;
esac
"""
"""The program of the team's own, in the project's folder."""
_MASTER, _KEY = "sk-master-0123456789abcdef", "sk-support-0123456789abcdef"
_NOWHERE = "http://127.0.0.1:9"


class OutsideSystem(ABC):
    """One system that an action of the pipeline file changes."""

    action: ClassVar[str]
    others: ClassVar[tuple[str, ...]] = ()
    """Actions on the same target: one that wants another value, and one that wants the same."""
    elsewhere: ClassVar[Any] = None
    """What a person sets it to that no action wants; None: nobody sets it by hand."""
    has_value: ClassVar[bool] = True
    """Whether an action leaves another value there; else `faults_found` alone says what is wrong."""
    is_down: bool = False

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the connections that lead to it now: to nowhere while it is down."""
        return {}

    @abstractmethod
    def value(self) -> Any:
        """Return how it is, as a plan keeps it."""

    @abstractmethod
    def n_applied(self, wanted: Any) -> int:
        """Return how often an action wrote what it wanted, or a part of it."""

    @abstractmethod
    def n_written(self) -> int:
        """Return how often anything was written that no person wrote."""

    def n_undone(self) -> int:
        """Return how often an action was taken back, where that is more than a value that is set again."""
        return 0

    def faults_found(self, store: Store) -> list[str]:
        """Return what is wrong with it in the end, whatever became of the actions."""
        del store
        return []

    def set_by_person(self, value: Any) -> None:
        """Set it by hand."""
        raise NotImplementedError(value)

    @abstractmethod
    def draw_fault(self, rng: random.Random) -> None:
        """Let one of the next calls fail, or all of them until `recover`."""

    def recover(self) -> None:
        """Let nothing fail any more."""
        self.is_down = False

    def close(self) -> None:  # noqa: B027 - most leave nothing open
        """Stop what belongs to this schedule."""


class _Database(OutsideSystem):
    """Tables in a SQLite file, with triggers that count, and one that refuses."""

    table: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]

    def __init__(self, folder: Path) -> None:
        self._path, self._folder = folder / "outside.db", folder
        self._engine = sa.create_engine(f"sqlite:///{self._path}")
        with self._engine.begin() as connection:
            for statement in self.tables:
                connection.exec_driver_sql(statement)

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        path = self._folder / "gone" / "outside.db" if self.is_down else self._path
        return {"outside": {"conn_type": "sqlite", "host": str(path)}}

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def n_written(self) -> int:
        return int(self.rows("select count(*) from writes")[0][0])

    def draw_fault(self, rng: random.Random) -> None:
        if rng.random() < 0.5:
            self.is_down = True
            return
        with self._engine.begin() as connection:
            for event in ("update", "insert", "delete"):
                connection.exec_driver_sql(
                    f"create trigger if not exists refuse_{event} before {event} on {self.table} "
                    "begin select raise(abort, 'no'); end"
                )

    def recover(self) -> None:
        super().recover()
        with self._engine.begin() as connection:
            for event in ("update", "insert", "delete"):
                connection.exec_driver_sql(f"drop trigger if exists refuse_{event}")

    def close(self) -> None:
        self._engine.dispose()


class RoutingTable(_Database):
    """One row of a table."""

    action, others, elsewhere = "sql", ("sql_too", "sql_same"), "elsewhere"
    table = "routes"
    tables = (
        "create table routes (name text primary key, model text)",
        "insert into routes values ('parcels', 'second')",
        "create table writes (model text)",
        "create trigger count_writes after update on routes begin insert into writes values (new.model); end",
    )

    def value(self) -> Any:
        return self.rows("select model from routes")[0][0]

    def n_applied(self, wanted: Any) -> int:
        return sum(model == wanted for (model,) in self.rows("select model from writes"))

    def set_by_person(self, value: Any) -> None:
        self.recover()
        with self._engine.begin() as connection:
            connection.execute(sa.text("update routes set model = :model"), {"model": value})
            connection.exec_driver_sql("delete from writes where rowid = (select max(rowid) from writes)")


class QuarantineTable(_Database):
    """Keys of records, each of which is written once."""

    action = "quarantine"
    table = "quarantined"
    tables = (
        "create table quarantined (action varchar(200) not null, record varchar(500) not null, "
        "incident varchar(200) not null, stage varchar(200) not null, at datetime not null, "
        "primary key (action, record))",
        "create table writes (action text, record text)",
        "create trigger count_writes after insert on quarantined begin "
        "insert into writes values (new.action, new.record); end",
    )

    def value(self) -> Any:
        return sorted([record, stage] for record, stage in self.rows("select record, stage from quarantined"))

    def n_applied(self, wanted: Any) -> int:
        del wanted
        return max(Counter(self.rows("select action, record from writes")).values(), default=0)


class _CountedDocuments(dict[str, Any]):
    """Documents whose changes through the server are kept; a person's go by `put`."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Any] = []

    def __setitem__(self, path: str, document: Any) -> None:
        # A read puts back the very document that it found.
        if document is not self.get(path):
            self.written.append(document)
        super().__setitem__(path, document)

    def put(self, path: str, document: Any) -> None:
        super().__setitem__(path, document)


class ConfigurationService(OutsideSystem):
    """A document of a configuration service."""

    action, others, elsewhere = "http", ("http_too", "http_same"), "elsewhere"
    _faults: ClassVar[tuple[tuple[str, Fault], ...]] = (
        *[("PATCH", "error_before"), ("PATCH", "error_after"), ("PATCH", "error_after"), ("PATCH", "cut")],
        *[("PATCH", "ignore"), ("GET", "error_before"), ("GET", "garbage"), ("GET", "cut"), ("PATCH", "hang")],
    )

    def __init__(self, server: JsonConfigServer) -> None:
        self._server, self._documents = server, _CountedDocuments()
        server.documents, server.faults, server.n_written = self._documents, {}, 0
        self.set_by_person("second")

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        return {"config": {"conn_type": "http", "host": _NOWHERE if self.is_down else self._server.url}}

    def value(self) -> Any:
        return self._documents["/routes"]["parcels"]["model"]

    def n_applied(self, wanted: Any) -> int:
        return sum(one["parcels"]["model"] == wanted for one in self._documents.written)

    def n_written(self) -> int:
        return self._server.n_written

    def set_by_person(self, value: Any) -> None:
        self._documents.put("/routes", {"parcels": {"model": value, "weight": 1}})

    def draw_fault(self, rng: random.Random) -> None:
        if rng.random() < 0.25:
            self.is_down = True
            return
        # Whoever hangs costs real seconds.
        method, fault = rng.choice(self._faults if rng.random() < 0.2 else self._faults[:-1])
        self._server.faults.setdefault(method, []).extend([fault] * rng.choice((1, 1, 2)))

    def recover(self) -> None:
        super().recover()
        self._server.faults = {}


class FaultyGateway(Gateway):
    """A gateway that keeps only some of what it is asked to change, or fails before or after it kept that."""

    def __init__(self) -> None:
        super().__init__(master_key=_MASTER)
        self.faults: list[str] = []
        self.written: list[dict[str, Any]] = []

    def update(self, key: str, changes: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a change of limits."""
        fault = self.faults.pop(0) if self.faults else None
        if fault == "before":
            return 500, {"error": {"message": "no"}}
        kept = {name: one for name, one in changes.items() if fault != "half" or name == "rpm_limit"}
        self.written.append(kept)
        status, answer = super().update(key, kept)
        return (500, {"error": {"message": "no"}}) if fault == "after" else (status, answer)


class GatewayKey(OutsideSystem):
    """The limits of a key of a gateway."""

    action, others = "litellm", ("litellm_too",)
    elsewhere: ClassVar[Any] = {"rpm_limit": 77, "tpm_limit": None}

    def __init__(self, gateway: FaultyGateway) -> None:
        self._gateway = gateway
        gateway.keys.clear()
        gateway.faults, gateway.written = [], []
        gateway.add_key("support-bot", key=_KEY)

    def connections(self) -> Mapping[str, Mapping[str, Any]]:
        url = _NOWHERE if self.is_down else self._gateway.url
        return {
            "gateway": {"conn_type": "http", "host": url, "password": _MASTER},
            "bot_key": {"conn_type": "generic", "password": _KEY},
        }

    def value(self) -> Any:
        info = self._gateway.info(_KEY)
        assert info is not None
        return {name: info[name] for name in ("rpm_limit", "tpm_limit")}

    def n_applied(self, wanted: Any) -> int:
        return sum(any(one.get(name) == limit for name, limit in wanted.items()) for one in self._gateway.written)

    def n_written(self) -> int:
        return len(self._gateway.written)

    def set_by_person(self, value: Any) -> None:
        info = self._gateway.info(_KEY)
        assert info is not None
        info |= value

    def draw_fault(self, rng: random.Random) -> None:
        if rng.random() < 0.25:
            self.is_down = True
        else:
            self._gateway.faults += [rng.choice(("before", "after", "half"))] * rng.choice((1, 1, 2))

    def recover(self) -> None:
        super().recover()
        self._gateway.faults = []


class Program(OutsideSystem):
    """A program of the team's own, with a command that tells whether it was run."""

    action = "command"

    def __init__(self, project: Path) -> None:
        self._folder = project / "outside"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def value(self) -> Any:
        return "run" if (self._folder / "done").exists() else "not run"

    def n_applied(self, wanted: Any) -> int:
        del wanted
        return self._n_lines("runs")

    def n_undone(self) -> int:
        return self._n_lines("undone")

    def n_written(self) -> int:
        return self._n_lines("runs") + self._n_lines("undone")

    def _n_lines(self, name: str) -> int:
        path = self._folder / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def draw_fault(self, rng: random.Random) -> None:
        # Whoever hangs costs real seconds.
        fault = rng.choice(("hang", "late")) if rng.random() < 0.1 else rng.choice(("before", "after", "down"))
        (self._folder / "fault").write_text(f"{fault}\n")

    def recover(self) -> None:
        super().recover()
        (self._folder / "fault").unlink(missing_ok=True)


class ProgramWithoutLook(Program):
    """The same program, of which nothing tells whether it was run."""

    action = "command_without_look"


def as_kept(document: str) -> Any:
    """Return a value of a plan in the form of `value`."""
    value = json.loads(document)
    return sorted(value) if isinstance(value, list) else value
