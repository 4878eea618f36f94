"""Indexes that are behind a server, locked, gone, or whose library is not installed."""

from __future__ import annotations

import gc
import json
import math
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import chromadb
import httpx
import pytest
from chromadb.config import Settings
from qdrant_client import QdrantClient, models

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.chroma import _sessions
from seamwatch.adapters.knowledge.factory import open_index
from seamwatch.adapters.knowledge.place import Place
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import ChromaIndex, QdrantIndex, SqlIndex

CHROMA: dict[str, Any] = {"kind": "chroma", "collection": "chunks", "document": "source", "indexed_at": "at"}
QDRANT: dict[str, Any] = {"kind": "qdrant", "collection": "chunks", "document": "source", "indexed_at": "at"}


def place_with(folder: Path, **connection: Any) -> Place:
    env = {"AIRFLOW_CONN_BASE": json.dumps({"conn_type": "http"} | connection)}
    return Place(
        name="support.policies",
        project_dir=folder,
        connections=EnvironmentConnections(env),
        database="base",
        cache_dir=folder,
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("module", "spec", "extra"),
    [
        ("chromadb", ChromaIndex(path="x", **CHROMA), "chroma"),
        ("qdrant_client", QdrantIndex(path="x", **QDRANT), "qdrant"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, spec: Any, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(KnowledgeError, match=rf"install seamwatch\[{extra}\]") as caught:
        open_index(spec, place_with(tmp_path))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "spec",
    [ChromaIndex(connection="base", **CHROMA), QdrantIndex(connection="base", **QDRANT)],
    ids=["chroma", "qdrant"],
)
def test_a_server_that_does_not_answer_may_answer_later(tmp_path: Path, spec: Any) -> None:
    with pytest.raises(KnowledgeError, match=r"support\.policies.*cannot be read") as caught:
        open_index(spec, place_with(tmp_path, host="127.0.0.1", port=free_port()))
    assert caught.value.retryable


def test_a_database_that_does_not_answer_may_answer_later(tmp_path: Path) -> None:
    place = place_with(tmp_path, conn_type="postgres", host="127.0.0.1", port=free_port(), login="me", password="pw-1")
    index = open_index(SqlIndex(kind="sql", table="chunks"), place)
    with pytest.raises(KnowledgeError, match="cannot be read") as caught:
        index.listing(None)
    index.close()
    assert caught.value.retryable
    assert "pw-1" not in str(caught.value)


@pytest.mark.parametrize(
    "spec", [ChromaIndex(path="base", **CHROMA), QdrantIndex(path="base", **QDRANT)], ids=["chroma", "qdrant"]
)
def test_a_folder_without_a_database_stays_as_it_is(tmp_path: Path, spec: Any) -> None:
    with pytest.raises(KnowledgeError, match=r"correct index\.path") as caught:
        open_index(spec, place_with(tmp_path))
    assert not caught.value.retryable
    assert list(tmp_path.iterdir()) == []


def make_qdrant(folder: Path) -> None:
    with closing(QdrantClient(path=str(folder))) as client:
        size = models.VectorParams(size=2, distance=models.Distance.COSINE)
        client.create_collection("chunks", vectors_config={"one": size, "two": size})
        client.create_collection("other", vectors_config={"one": size, "two": size.model_copy(update={"size": 3})})
        point = models.PointStruct(id=1, vector={"one": [1.0, 0.0]}, payload={"source": "a", "at": 1.7e9})
        client.upsert("chunks", [point])
        client.upsert("other", [point])


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the client forgets the lock it did not get
def test_a_folder_that_another_process_locks_is_told_and_may_be_free_later(tmp_path: Path) -> None:
    make_qdrant(tmp_path / "base")
    spec = QdrantIndex(path="base", **QDRANT)
    with (
        closing(QdrantClient(path=str(tmp_path / "base"))),
        pytest.raises(KnowledgeError, match="another process has its folder open") as caught,
    ):
        open_index(spec, place_with(tmp_path))
    assert caught.value.retryable
    del caught
    gc.collect()
    with closing(open_index(spec, place_with(tmp_path))) as index:
        assert len(index.listing(None).versions) == 1


def test_a_refused_collection_leaves_the_folder_unlocked(tmp_path: Path) -> None:
    make_qdrant(tmp_path / "base")
    with pytest.raises(KnowledgeError, match="did you mean 'chunks'"):
        open_index(QdrantIndex(path="base", **QDRANT | {"collection": "chunk"}), place_with(tmp_path))
    QdrantClient(path=str(tmp_path / "base")).close()


def test_a_collection_with_several_vectors_has_their_dimension_if_it_is_one(tmp_path: Path) -> None:
    make_qdrant(tmp_path / "base")
    found = {}
    for name in ("chunks", "other"):
        spec = QdrantIndex(path="base", **QDRANT | {"collection": name})
        with closing(open_index(spec, place_with(tmp_path))) as index:
            found[name] = index.listing(None).versions["dimension"].iloc[0]
    assert found["chunks"] == 2
    assert math.isnan(found["other"])


def test_another_opening_of_a_chroma_folder_with_other_settings_is_told(tmp_path: Path) -> None:
    client: Any = chromadb.PersistentClient(
        path=str(tmp_path / "base"), settings=Settings(anonymized_telemetry=False, allow_reset=True)
    )
    with pytest.raises(KnowledgeError, match="with other settings"):
        open_index(ChromaIndex(path="base", **CHROMA), place_with(tmp_path))
    client.close()


@pytest.mark.parametrize("named", [{"extra": {"path": "{}"}}, {"host": "{}"}])
def test_a_connection_may_name_the_folder(tmp_path: Path, named: dict[str, Any]) -> None:
    make_qdrant(tmp_path / "base")
    connection = json.loads(json.dumps(named).replace("{}", str(tmp_path / "base")))
    with closing(open_index(QdrantIndex(connection="base", **QDRANT), place_with(tmp_path, **connection))) as index:
        assert index.listing(None).versions["document"].tolist() == ["a"]


class QdrantWire(BaseHTTPRequestHandler):
    """Answers as a Qdrant server does, with one point; keeps what it was asked."""

    status = 200
    asked: ClassVar[list[tuple[str, str | None, dict[str, Any]]]]

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        self.asked.append((self.path, self.headers.get("api-key"), body))
        vectors = {"size": 8, "distance": "Cosine"}
        results: dict[str, Any] = {
            "/collections": {"collections": [{"name": "chunks"}]},
            "/collections/chunks/points/scroll": {
                "points": [{"id": 1, "payload": {"source": "a", "at": "2026-03-01T12:00:00Z"}}],
                "next_page_offset": None,
            },
            "/collections/chunks": {
                "status": "green",
                "optimizer_status": "ok",
                "segments_count": 1,
                "config": {
                    "params": {"vectors": vectors},
                    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                    "optimizer_config": {
                        "deleted_threshold": 0.2,
                        "vacuum_min_vector_number": 1000,
                        "default_segment_number": 0,
                        "flush_interval_sec": 5,
                    },
                },
                "payload_schema": {},
            },
        }
        known = self.path.partition("?")[0]
        answer = json.dumps({"result": results.get(known), "status": "ok", "time": 0.0}).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def qdrant_wire() -> Iterator[tuple[int, type[QdrantWire]]]:
    class Wire(QdrantWire):
        asked: ClassVar[list[tuple[str, str | None, dict[str, Any]]]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Wire)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], Wire
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_qdrant_server_is_asked_with_its_key_and_for_no_vectors(
    tmp_path: Path, qdrant_wire: tuple[int, type[QdrantWire]]
) -> None:
    port, wire = qdrant_wire
    place = place_with(tmp_path, host="127.0.0.1", port=port, password="secret-key")
    with pytest.warns(UserWarning, match="insecure connection"):
        index = open_index(QdrantIndex(connection="base", **QDRANT), place)
    listing = index.listing(None)
    assert listing.versions["dimension"].tolist() == [8.0]
    assert listing.watermark == "2026-03-01T12:00:00+00:00"
    wire.asked.clear()
    index.listing(listing.watermark)
    index.close()
    assert {key for _, key, _ in wire.asked} == {"secret-key"}
    scrolls = [body for path, _, body in wire.asked if path.startswith("/collections/chunks/points/scroll")]
    assert all(body["with_vector"] is False for body in scrolls)
    assert [body["with_payload"] for body in scrolls] == [["source"], ["source", "at"]]
    conditions = [body["filter"]["must"][0] for body in scrolls]
    assert conditions[0]["range"]["gte"] in ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00+00:00")
    assert conditions[1]["match"] == {"any": ["a"]}


@pytest.mark.parametrize(
    ("status", "is_retryable"), [(401, False), (403, False), (429, True), (500, True), (503, True)]
)
def test_what_a_server_refuses_is_not_asked_for_again(
    tmp_path: Path, qdrant_wire: tuple[int, type[QdrantWire]], status: int, is_retryable: bool
) -> None:
    port, wire = qdrant_wire
    index = open_index(QdrantIndex(connection="base", **QDRANT), place_with(tmp_path, host="127.0.0.1", port=port))
    wire.status = status
    for ask in (lambda: index.listing(None), lambda: index.read(["a"])):
        with pytest.raises(KnowledgeError, match=r"support\.policies") as caught:
            ask()
        assert caught.value.retryable is is_retryable
    index.close()


@pytest.fixture
def chroma_server(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(tmp_path / "served")]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        for _ in range(200):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/v2/heartbeat").is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield port
        process.terminate()


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # the writer's, and the refused client's own
def test_a_chroma_server_lists_and_reads_as_a_folder_does(tmp_path: Path, chroma_server: int) -> None:
    settings = Settings(anonymized_telemetry=False)
    writer: Any = chromadb.HttpClient(host="127.0.0.1", port=chroma_server, settings=settings)
    rows = [{"source": f"d{n // 2}", "at": 1.7e9 + n} for n in range(40)]
    writer.create_collection("chunks", embedding_function=None).add(
        ids=[uuid.uuid4().hex for _ in rows],
        embeddings=[[1.0, 2.0]] * len(rows),
        metadatas=rows,
        documents=[f"text {n}" for n in range(len(rows))],
    )
    writer.close()
    place = place_with(tmp_path, host="127.0.0.1", port=chroma_server, password="token")
    with closing(open_index(ChromaIndex(connection="base", **CHROMA), place)) as index:
        full = index.listing(None)
        assert full.versions["n_chunks"].tolist() == [2.0] * 20
        assert full.versions["dimension"].unique().tolist() == [2.0]
        assert index.listing("1700000035").versions["document"].tolist() == ["d17", "d18", "d19"]
        assert {raw: sorted(texts) for raw, texts in index.read(["d3", "gone"]).items()} == {"d3": ["text 6", "text 7"]}
        sessions = _sessions(index._client)  # type: ignore[attr-defined]
        assert [one.timeout.read for one in sessions] == [60, 60]
    assert all(one.is_closed for one in sessions)
    lost = place_with(tmp_path, host="127.0.0.1", port=chroma_server, extra={"database": "nowhere"})
    with pytest.raises(KnowledgeError, match="status 404") as caught:
        open_index(ChromaIndex(connection="base", **CHROMA), lost)
    assert not caught.value.retryable
    del caught, writer
    gc.collect()
