"""An incident taken home by the command line: all that it was made from is gone, and another process says the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
import sqlalchemy as sa

from model_server import ModelServer, Reply, Seen
from parcels import PIPELINE, WINDOW, answer_of, fill_database, slipping, write_project
from seamwatch import cli
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.engine.typed_json import decode, encode

DATABASE_PASSWORD, API_KEY = "s3cr3t-pa55word", "sk-n0body-may-read-this"
NO_NETWORK = """
import socket

def _refuse(*_, **__):
    raise AssertionError("a bundle opened a socket")

socket.socket.connect = socket.socket.bind = socket.create_connection = socket.getaddrinfo = _refuse
"""
pytestmark = pytest.mark.integration
Say = Callable[[str, float], str]


def _answering(say: Say, *, refuse_every: int = 0) -> Callable[[Seen], Reply]:
    """Return a model behind HTTP that refuses some requests, and repeats the caller's key, as some gateways do."""
    lock, n_seen = threading.Lock(), 0

    def reply(seen: Seen) -> Reply:
        nonlocal n_seen
        with lock:
            n_seen += 1
            if refuse_every and n_seen % refuse_every == 0:
                return Reply({"error": "refused"}, status=401)
            product, amount = json.loads(seen.body)["messages"][0]["content"].split()
            return Reply({**json.loads(say(product, float(amount))), "caller": seen.headers["authorization"]})

    return reply


def _degraded(product: str, amount: float) -> str:
    return json.dumps({"queue": "misc"}) if product == "phone" else answer_of(product, amount)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["seamwatch", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code


def _replayed(folder: Path, bundle: Path) -> tuple[bytes, bytes]:
    """Return CSV and JSON of the bundle by another process: no environment, no network, other clock zone and hashes."""
    away = folder / "away"
    (away / "guard").mkdir(parents=True)
    (away / "guard/sitecustomize.py").write_text(NO_NETWORK)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(away / "guard"),
        "HOME": str(away),
        "TZ": "Asia/Kathmandu",
        "PYTHONHASHSEED": "7",
    }
    command = [str(Path(sys.executable).parent / "seamwatch"), "attribute", "--from-bundle", str(bundle)]
    done = subprocess.run(
        [*command, "--verdicts", "v.csv", "--json", "a.json"],
        cwd=away,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in away.iterdir()} == {"guard", "v.csv", "a.json"}
    return (away / "v.csv").read_bytes(), (away / "a.json").read_bytes()


@pytest.mark.parametrize(
    ("case", "fault", "say", "refuse_every", "blamed"),
    [
        ("before the model", "unit", answer_of, 0, "integration"),
        ("behind a model that slips", "result", slipping(0.1, random.Random(3)), 0, "integration"),
        ("the model", "none", _degraded, 0, "model"),
        ("the provider, which refuses replays too", "provider", answer_of, 3, "provider"),
        ("nobody answers", "unit", None, 0, "undetermined"),
    ],
)
@pytest.mark.usefixtures("_quiet")
def test_another_process_says_the_same_byte_for_byte(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model_server: ModelServer,
    case: str,
    fault: str,
    say: Say | None,
    refuse_every: int,
    blamed: str,
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    fill_database(f"sqlite:///{project / 'parcels.db'}", fault, n=120, say=say or answer_of)
    write_project(project, endpoint="{connection: router_api, path: /route, protocol: json}")
    model_server.plays(_answering(say or answer_of, refuse_every=refuse_every))
    address = {"host": model_server.url if say else "http://127.0.0.1:9", "password": API_KEY, "conn_type": "http"}
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", f"sqlite:///{project / 'parcels.db'}")
    monkeypatch.setenv("AIRFLOW_CONN_ROUTER_API", json.dumps(address))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(project / "data"))
    bundle = tmp_path / "incident.zip"
    window = ["--from", WINDOW.start.isoformat(), "--to", WINDOW.end.isoformat()]
    outputs = ["--verdicts", str(tmp_path / "v.csv"), "--json", str(tmp_path / "a.json"), "--bundle", str(bundle)]
    _run(monkeypatch, "attribute", "parcels", *window, "--project", str(project), *outputs)
    shutil.rmtree(project)
    n_asked = len(model_server.requests)
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["attribution"]["responsibility"] == blamed, case
    assert bool(n_asked) == (say is not None)
    assert _replayed(tmp_path, bundle) == ((tmp_path / "v.csv").read_bytes(), (tmp_path / "a.json").read_bytes())
    assert len(model_server.requests) == n_asked
    assert not any(secret.encode() in _content(bundle) for secret in (API_KEY, model_server.url))
    assert (b"[secret]" in _content(bundle)) == (say is not None)


@pytest.fixture
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "SEAMWATCH_"))]:
        monkeypatch.delenv(name)


def test_rows_of_postgresql_come_back_with_their_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: Callable[[], str]
) -> None:
    url = postgres_database()
    project = tmp_path / "project"
    project.mkdir()
    fill_database(url, "unit", n=120)
    write_project(project, pipeline=PIPELINE)
    address = sa.make_url(url)
    connection_json = {
        "conn_type": "postgres",
        "login": address.username,
        "password": DATABASE_PASSWORD,
        "schema": address.database,
        "extra": {"sqlalchemy_query": dict(address.query)},
    }
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", json.dumps(connection_json))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(project / "data"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE orders ADD COLUMN price NUMERIC(12, 4) DEFAULT 1.1000, ADD COLUMN pair NUMERIC,"
            " ADD COLUMN far TIMESTAMPTZ DEFAULT '9999-12-31 00:00+00', ADD COLUMN born DATE DEFAULT '1600-02-29',"
            " ADD COLUMN opens TIME DEFAULT '08:30', ADD COLUMN lasts INTERVAL DEFAULT '1 day 2 seconds',"
            " ADD COLUMN more JSONB DEFAULT '{\"a\": [1, 2.5, null]}', ADD COLUMN raw BYTEA DEFAULT '\\xdeadbeef',"
            " ADD COLUMN tags TEXT[] DEFAULT '{x,y}', ADD COLUMN one UUID DEFAULT gen_random_uuid(),"
            " ADD COLUMN big NUMERIC DEFAULT 123456789012345678901234567890, ADD COLUMN yes BOOLEAN,"
            " ADD COLUMN local TIMESTAMP DEFAULT '2026-03-29 02:30:00.123456'"
        )
        connection.exec_driver_sql("UPDATE orders SET yes = true, pair = 2.5 WHERE mod(id, 2) = 0")
    engine.dispose()
    bundle = tmp_path / "incident.zip"
    window = ["--from", WINDOW.start.isoformat(), "--to", WINDOW.end.isoformat()]
    outputs = ["--verdicts", str(tmp_path / "v.csv"), "--json", str(tmp_path / "a.json"), "--bundle", str(bundle)]
    _run(monkeypatch, "attribute", "parcels", *window, "--project", str(project), *outputs)
    source = SqlStageSource(sa.make_url(url), label="parcels_db")
    read = source.read("orders", is_query=False, columns=None)
    source.close()
    again = decode(json.loads(json.dumps(encode(read))))
    assert again.dtypes.to_dict() == read.dtypes.to_dict()
    for name in read.columns:
        for before, after in zip(read[name].tolist(), again[name].tolist(), strict=True):
            assert type(after) is type(before), name
            assert after == before or (after != after and before != before), name  # noqa: PLR0124
    kinds = {name: type(read[name].iloc[0]) for name in ("born", "opens", "raw", "more", "tags")}
    assert kinds == {"born": date, "opens": time, "raw": bytes, "more": dict, "tags": list}
    assert again["far"].iloc[0] == datetime(9999, 12, 31, tzinfo=UTC)
    shutil.rmtree(project)
    monkeypatch.delenv("AIRFLOW_CONN_PARCELS_DB")
    assert _replayed(tmp_path, bundle) == ((tmp_path / "v.csv").read_bytes(), (tmp_path / "a.json").read_bytes())
    assert not any(secret.encode() in _content(bundle) for secret in (DATABASE_PASSWORD, str(address.database)))


def _content(bundle: Path) -> bytes:
    """Return every byte of a bundle, packed and unpacked."""
    with zipfile.ZipFile(bundle) as archive:
        return b"".join((bundle.read_bytes(), *(archive.read(name) for name in archive.namelist())))
