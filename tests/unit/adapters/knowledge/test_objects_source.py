"""Documents in object storage: fsspec's stores in memory and on disk, and one that behaves as buckets do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.objects import ObjectDocuments
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, content_hash
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import ObjectsSource

FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Bucket(MemoryFileSystem):
    """Facts of objects as S3 tells them, with markers of folders, and reads that can be refused."""

    protocol = "bucket"
    store: dict[str, Any] = {}  # noqa: RUF012 - as fsspec keeps it
    pseudo_dirs = [""]  # noqa: RUF012
    refused: set[str] = set()  # noqa: RUF012
    reads = 0

    def find(self, path: str, *args: Any, **options: Any) -> Any:
        if "*" in self.refused:
            raise RuntimeError("AccessDenied")
        found = super().find(path, *args, **options)
        told = {
            name: {"name": name, "size": info["size"], "type": "file", "LastModified": FIRST,
                   "ETag": f'"{content_hash(self.store[name].getvalue(), "md5")}"'}
            for name, info in found.items()
        }  # fmt: skip
        return told | {f"{path}/sub": {"name": f"{path}/sub/", "size": 0, "type": "file", "ETag": '"0"'}}

    def cat_file(self, path: str, *args: Any, **options: Any) -> Any:
        type(self).reads += 1
        if path in self.refused:
            raise RuntimeError("AccessDenied")
        return super().cat_file(path, *args, **options)


@pytest.fixture
def bucket() -> Iterator[type[Bucket]]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    Bucket.store, Bucket.pseudo_dirs, Bucket.refused, Bucket.reads = {}, [""], set(), 0
    yield Bucket
    Bucket.clear_instance_cache()


def opened(
    path: str, folder: Path, *, hash_name: str = "sha256", object_path: Callable[[str], Any] = UPath, **spec: Any
) -> ObjectDocuments:
    place = Place(
        name="p.kb",
        project_dir=folder,
        connections=EnvironmentConnections({}),
        database="dw",
        cache_dir=folder / "cache",
        object_path=object_path,
    )
    given = ObjectsSource.model_validate({"kind": "objects", "path": path} | spec)
    return ObjectDocuments(given, place, hash_name=hash_name)


def facts(listing: SourceListing) -> dict[str, Any]:
    return {str(raw): value for raw, value in listing.documents["content_hash"].items()}


def known_of(listing: SourceListing) -> dict[str, Known]:
    return {str(raw): Known(row["version"], row["content_hash"]) for raw, row in listing.documents.iterrows()}


def mark(text: str) -> str:
    return content_hash(text.encode())


class Raw:
    """A path as Airflow's: a file system and a name within it."""

    def __init__(self, address: str) -> None:
        self.fs, self.path = fsspec.filesystem("bucket", skip_instance_cache=True), "/" + address.partition("://")[2]


def test_only_objects_with_a_new_etag_are_read(bucket: type[Bucket], tmp_path: Path) -> None:
    store = Raw("bucket://b/kb").fs
    for name, text in (("a.md", "one"), ("sub/b.md", "two"), ("sub/c #1?.md", "three")):
        store.pipe_file(f"/b/kb/{name}", text.encode())
    source = opened("bucket://b/kb", tmp_path, object_path=Raw)
    full = source.listing(None, {})
    assert facts(full) == {"a.md": mark("one"), "sub/b.md": mark("two"), "sub/c #1?.md": mark("three")}
    assert set(full.documents["changed_at"]) == {FIRST}
    assert source.read(["sub/c #1?.md", "sub", "../kb/a.md", "a.md/", "/a.md", "x"]) == {"sub/c #1?.md": "three"}
    bucket.reads = 0
    assert facts(source.listing(None, known_of(full))) == facts(full)
    assert facts(source.listing("listed", known_of(full))) == {}
    assert bucket.reads == 0
    other = opened("bucket://b/kb", tmp_path, object_path=Raw, hash_name="git")
    assert facts(other.listing("listed", known_of(full)))["a.md"] == content_hash(b"one", "git")


def test_an_object_that_cannot_be_read_is_told_and_a_store_that_cannot_is_an_error(
    bucket: type[Bucket], tmp_path: Path
) -> None:
    store = Raw("bucket://b/kb").fs
    for name in ("a.md", "b.md"):
        store.pipe_file(f"/b/kb/{name}", name.encode())
    source = opened("bucket://b/kb", tmp_path, object_path=Raw)
    bucket.refused = {"/b/kb/a.md"}
    rows = source.listing(None, {}).documents
    assert rows["problem"].to_dict() == {"a.md": "RuntimeError", "b.md": None}
    known = known_of(source.listing(None, {}))
    bucket.refused = set()
    assert facts(source.listing("listed", known)) == {"a.md": mark("a.md")}
    bucket.refused = {"*", "/b/kb/a.md"}
    with pytest.raises(KnowledgeError, match=r"p\.kb: bucket://b/kb cannot be listed .*nothing is called gone") as told:
        source.listing("listed", known)
    assert told.value.retryable
    with pytest.raises(KnowledgeError, match="cannot be listed or read"):
        source.read(["a.md"])


def test_what_is_no_folder_is_told(bucket: type[Bucket], tmp_path: Path) -> None:
    Raw("bucket://b/kb").fs.pipe_file("/b/kb/a.md", b"one")
    for path, what in (("bucket://b/kb/a.md", "is no folder"), ("bucket://b/else", "does not exist")):
        with pytest.raises(KnowledgeError, match=f"{what}; correct source.path"):
            opened(path, tmp_path, object_path=Raw).listing(None, {})


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_folder_is_listed_by_size_and_time_where_there_are_no_etags(kind: str, tmp_path: Path) -> None:
    root = f"{kind}://{tmp_path}/kb"
    UPath(root).mkdir(parents=True)
    for name, text in (("a.md", "---\nreview: 2026-03-01\n---\n"), ("b.txt", "x")):
        (UPath(root) / name).write_text(text)
    source = opened(root, tmp_path, include="*.md", expires="review")
    full = source.listing(None, {})
    assert full.documents.index.tolist() == ["a.md"]
    assert full.documents["expires_at"].dt.date.astype(str).tolist() == ["2026-03-01"]
    (UPath(root) / "a.md").write_text("longer than before it was, by far")
    later = source.listing(full.watermark, known_of(full))
    assert facts(later) == {"a.md": mark("longer than before it was, by far")}
    (UPath(root) / "a.md").unlink()
    assert source.listing(later.watermark, known_of(later)).gone == ("a.md",)
    assert source.read(["a.md", "b.txt", f"{tmp_path}/kb/b.txt"]) == {}
