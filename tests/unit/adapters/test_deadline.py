"""Servers that drip, never answer, send endless headers, bodies or redirects: each call ends in its time."""

from __future__ import annotations

import contextvars
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.deadline import DeadlinePassed, WithinDeadline, within
from seamwatch.adapters.knowledge.git import GitDocuments
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.web import WebDocuments
from seamwatch.adapters.models.http import HttpModelEndpoint
from seamwatch.adapters.models.retries import Patience
from seamwatch.adapters.stages.database import open_read_only
from seamwatch.core.replays import ModelCall
from seamwatch.errors import KnowledgeError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.spec.knowledge import ChromaIndex, GitSource, QdrantIndex, WebSource
from seamwatch.statement_deadline import postgres_deadlines

Behaviour = Callable[[socket.socket, threading.Event], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


class HostileServer:
    """Takes every connection, reads a request, and behaves as it is told until it is closed."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._is_over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._is_over.set()
        self._socket.close()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                client.recv(65536)
                self._behaviour(client, self._is_over)
            except OSError:  # the client is gone, which is what is asked of it
                return


def drips(client: socket.socket, is_over: threading.Event) -> None:
    client.sendall(HEAD + b"\r\n")
    while not is_over.wait(0.05):
        client.sendall(b"x")


def is_silent(client: socket.socket, is_over: threading.Event) -> None:
    is_over.wait(60)


def drips_headers(client: socket.socket, is_over: threading.Event) -> None:
    client.sendall(HEAD)
    number = 0
    while not is_over.wait(0.05):
        number += 1
        client.sendall(b"X-%d: y\r\n" % number)


def floods_headers(client: socket.socket, is_over: threading.Event) -> None:
    client.sendall(HEAD)
    while not is_over.is_set():
        client.sendall(b"X-Long: " + b"y" * 10_000 + b"\r\n")


def floods(client: socket.socket, is_over: threading.Event) -> None:
    client.sendall(HEAD + b"\r\n")
    while not is_over.is_set():
        client.sendall(b"<p>" * 100_000)


def redirects(client: socket.socket, is_over: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


BEHAVIOURS = [drips, is_silent, drips_headers, floods_headers, floods, redirects]


@pytest.fixture(params=BEHAVIOURS, ids=lambda behaviour: behaviour.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[HostileServer]:
    made = HostileServer(request.param)
    yield made
    made.close()


@pytest.fixture
def timed() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 8.0


def place_at(url: str, folder: Path, *, deadline_s: float = 0.5) -> Place:
    return Place(
        name="p.kb",
        project_dir=folder,
        connections=EnvironmentConnections({"AIRFLOW_CONN_OUTSIDE": json.dumps({"conn_type": "http", "host": url})}),
        database="dw",
        cache_dir=folder / "cache",
        deadline_s=deadline_s,
    )


@pytest.mark.usefixtures("timed")
def test_a_page_is_given_up_in_its_time(server: HostileServer, tmp_path: Path) -> None:
    spec = WebSource(kind="web", connection="outside", pages=("/a",), timeout=timedelta(seconds=0.7))
    source = WebDocuments(spec, place_at(server.url, tmp_path), hash_name="sha256")
    listing = source.listing(None, {})
    assert list(listing.documents["problem"].notna()) == [True]
    source.close()


@pytest.mark.usefixtures("timed")
def test_a_site_whose_pages_drip_is_given_up_after_a_few(tmp_path: Path) -> None:
    server = HostileServer(drips)
    pages = tuple(f"/{n}" for n in range(100))
    spec = WebSource(kind="web", connection="outside", pages=pages, timeout=timedelta(seconds=0.3))
    source = WebDocuments(spec, place_at(server.url, tmp_path), hash_name="sha256")
    with pytest.raises(KnowledgeError, match="5 pages in a row do not answer") as caught:
        source.listing(None, {})
    assert caught.value.retryable
    source.close()
    server.close()


@pytest.mark.usefixtures("timed")
def test_a_model_is_given_up_in_its_time(server: HostileServer) -> None:
    spec = Endpoint(connection="m", path="/v1/chat/completions", timeout=timedelta(seconds=0.7))
    info = ConnectionInfo(conn_id="m", conn_type="http", host=server.url)
    [answer] = HttpModelEndpoint(spec, info, patience=Patience(attempts=1)).ask([ModelCall(key="1", body="{}")])
    assert answer.status in ("timeout", "http_error", "garbage", "unreachable")


@pytest.mark.usefixtures("timed")
@pytest.mark.parametrize("behaviour", [drips, is_silent, drips_headers, floods_headers, redirects])
def test_a_vector_database_is_given_up_in_its_time(behaviour: Behaviour, tmp_path: Path) -> None:
    from seamwatch.adapters.knowledge.chroma import ChromaDocumentIndex
    from seamwatch.adapters.knowledge.qdrant import QdrantDocumentIndex

    server = HostileServer(behaviour)
    place = place_at(server.url, tmp_path)
    for spec, open_index in (
        (QdrantIndex(kind="qdrant", connection="outside", collection="c", document="d"), QdrantDocumentIndex),
        (ChromaIndex(kind="chroma", connection="outside", collection="c", document="d"), ChromaDocumentIndex),
    ):
        opened: Any = open_index
        with pytest.raises(KnowledgeError):
            opened(spec, place)
    server.close()


@pytest.mark.usefixtures("timed")
@pytest.mark.parametrize("behaviour", [drips, is_silent, drips_headers])
def test_a_repository_is_given_up_in_its_time(behaviour: Behaviour, tmp_path: Path) -> None:
    server = HostileServer(behaviour)
    spec = GitSource(kind="git", path=f"{server.url}/x.git")
    with pytest.raises(KnowledgeError, match="DeadlinePassed"):
        GitDocuments(spec, place_at(server.url, tmp_path, deadline_s=0.03), hash_name="sha256")
    server.close()


COUNT_FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.usefixtures("timed")
def test_a_statement_without_end_is_ended_in_sqlite(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x.db").close()
    engine = open_read_only(sa.make_url(f"sqlite:///{tmp_path / 'x.db'}"), label="x", deadline_s=0.3)
    with engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError, match="interrupted"):
            connection.execute(sa.text(COUNT_FOR_EVER))
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


@pytest.mark.integration
@pytest.mark.usefixtures("timed")
def test_a_statement_without_end_is_ended_by_postgresql(postgres_database: Callable[[], str]) -> None:
    engine = open_read_only(sa.make_url(postgres_database()), label="x", deadline_s=0.3)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="statement timeout"):
        connection.execute(sa.text("SELECT pg_sleep(30)"))
    engine.dispose()


def test_what_a_connection_sets_itself_stands() -> None:
    given = {"connect_timeout": "5", "options": "-c statement_timeout=1"}
    assert not set(given) & set(postgres_deadlines("psycopg2", given))
    told = postgres_deadlines("psycopg2", {"options": "-c search_path=a"}, 2.0)
    assert told["options"] == "-c search_path=a -c statement_timeout=2000"
    assert postgres_deadlines("pg8000", {}) == {}


def test_a_call_gives_what_it_returns_raises_and_sees() -> None:
    name = contextvars.ContextVar("name", default="none")
    name.set("seen")
    assert within(5, name.get) == "seen"
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
    assert WithinDeadline("a,b", 5).split(",") == ["a", "b"]


def test_after_the_deadline_the_call_is_told_to_give_up() -> None:
    gone = threading.Event()
    started = time.monotonic()
    with pytest.raises(DeadlinePassed, match=r"within 0\.1 s"):
        within(0.1, lambda: gone.wait(30), give_up=gone.set)
    assert time.monotonic() - started < 5
    assert gone.wait(5)
