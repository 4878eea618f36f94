"""Sources of documents, each of the real kind: folders, git repositories, SQLite, pages over HTTP, object storage."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dulwich import porcelain
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from seamwatch.adapters.base import DocumentSource
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sources import open_source
from seamwatch.core.documents import Known, SourceListing, content_hash
from seamwatch.demo.policies.repository import PolicyRepository
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import DocumentSourceSpec

FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)


def opened(project: Path, env: Mapping[str, str] | None = None, **spec: Any) -> DocumentSource:
    place = Place(
        name="p.kb",
        project_dir=project,
        connections=EnvironmentConnections(env or {}),
        database="dw",
        cache_dir=project / "cache",
    )
    known: DocumentSourceSpec = TypeAdapter(DocumentSourceSpec).validate_python(spec)
    return open_source(known, place, hash_name="sha256")


def facts(listing: SourceListing) -> dict[str, Any]:
    return listing.documents["content_hash"].to_dict()


def known_of(listing: SourceListing) -> dict[str, Known]:
    rows = listing.documents[listing.documents["version"].notna()]
    return {str(raw): Known(row["version"], row["content_hash"]) for raw, row in rows.iterrows()}


def mark(text: str) -> str:
    return content_hash(text.encode())


# Files


def write(folder: Path, name: str, text: str, at: datetime = FIRST) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at.timestamp(), at.timestamp()))


def test_a_folder_lists_its_documents_and_then_what_changed(tmp_path: Path) -> None:
    for name in ("a.md", "sub/b.md", "note.txt", "draft.md"):
        write(tmp_path / "kb", name, name)
    source = opened(tmp_path, kind="files", path="kb", include="**/*.md", exclude="draft*")
    full = source.listing(None, {})
    assert (full.is_complete, facts(full)) == (True, {"a.md": mark("a.md"), "sub/b.md": mark("sub/b.md")})
    assert full.documents.at["a.md", "changed_at"] == FIRST
    write(tmp_path / "kb", "a.md", "new", FIRST + timedelta(hours=1))
    (tmp_path / "kb/sub/b.md").unlink()
    later = source.listing(full.watermark, known_of(full))
    assert (later.is_complete, facts(later), later.gone) == (False, {"a.md": mark("new")}, ("sub/b.md",))
    assert source.read(["a.md", "../secret"]) == {"a.md": "new"}


def test_what_a_document_says_of_its_own_age_is_read_and_bad_dates_are_told(tmp_path: Path) -> None:
    write(tmp_path, "kb/a.md", "---\nreview_by: 2026-03-01\n---\ntext")
    write(tmp_path, "kb/b.md", "---\nreview_by: soon\n---\ntext")
    write(tmp_path, "kb/c.md", "---\n: [\n---\ntext")
    found = opened(tmp_path, kind="files", path="kb", expires="review_by").listing(None, {}).documents
    assert found.at["a.md", "expires_at"].date().isoformat() == "2026-03-01"
    assert found.loc[["b.md", "c.md"], "problem"].tolist() == [
        "review_by is no date; write it as 2026-01-31",
        "its front matter is no YAML",
    ]


def test_a_folder_that_is_not_there_is_an_error_and_a_link_that_leads_outside_is_none_of_its_documents(
    tmp_path: Path,
) -> None:
    with pytest.raises(KnowledgeError, match=r"p\.kb: the source folder .*/kb does not exist; correct source\.path"):
        opened(tmp_path, kind="files", path="kb").listing(None, {})
    write(tmp_path, "secret.md", "secret")
    write(tmp_path, "kb/a.md", "a")
    (tmp_path / "kb/link.md").symlink_to(tmp_path / "secret.md")
    assert list(facts(opened(tmp_path, kind="files", path="kb").listing(None, {}))) == ["a.md"]


# Git


def commit(repository: PolicyRepository, texts: Mapping[str, str], n: int) -> None:
    repository.commit(texts, f"Change {n}", FIRST + timedelta(hours=n))


def test_history_says_when_each_document_changed_and_how_it_was(tmp_path: Path) -> None:
    repository = PolicyRepository(tmp_path / "repo")
    commit(repository, {"a.md": "one", "b.md": "one"}, 0)
    commit(repository, {"a.md": "two", "b.md": "one"}, 1)
    commit(repository, {"a.md": "two", "b.md": "one", "c.md": "new"}, 2)
    source = opened(tmp_path, kind="git", path="repo", include="*.md")
    full = source.listing(None, {})
    assert facts(full) == {"a.md": mark("two"), "b.md": mark("one"), "c.md": mark("new")}
    hours = {raw: (at - FIRST) / timedelta(hours=1) for raw, at in full.documents["changed_at"].items()}
    assert hours == {"a.md": 1, "b.md": 0, "c.md": 2}
    assert source.read(["a.md", "c.md"], FIRST + timedelta(minutes=30)) == {"a.md": "one"}
    commit(repository, {"a.md": "three", "c.md": "new"}, 3)
    later = source.listing(full.watermark, known_of(full))
    assert (facts(later), later.gone, later.is_complete) == ({"a.md": mark("three")}, ("b.md",), False)


_STEPS = st.lists(
    st.dictionaries(st.sampled_from(["a.md", "b.md", "x/c.md"]), st.sampled_from("123"), min_size=1),
    min_size=2,
    max_size=6,
)


@given(history=_STEPS, seen=st.integers(1, 5))
@settings(max_examples=30)
def test_listing_what_changed_gives_what_listing_everything_gives(
    tmp_path_factory: pytest.TempPathFactory, history: list[dict[str, str]], seen: int
) -> None:
    folder = tmp_path_factory.mktemp("git")
    seen = min(seen, len(history) - 1)
    (folder / "repo").mkdir()
    repo = porcelain.init(str(folder / "repo"))
    for n, texts in enumerate(history[:seen]):
        _snapshot(folder / "repo", texts, n)
    source = opened(folder, kind="git", path="repo", include="**/*.md")
    first = source.listing(None, {})
    for n, texts in enumerate(history[seen:], start=seen):
        _snapshot(folder / "repo", texts, n)
    later, whole = source.listing(first.watermark, known_of(first)), source.listing(None, {})
    assert {**{k: v for k, v in facts(first).items() if k not in later.gone}, **facts(later)} == facts(whole)
    assert facts(whole) == {name: mark(text) for name, text in history[-1].items()}
    for raw, at in whole.documents["changed_at"].items():
        last = max(n for n, texts in enumerate(history) if texts.get(raw) != (history[n - 1].get(raw) if n else None))
        assert at == FIRST + timedelta(hours=last)
    source.close()
    repo.close()


def _snapshot(folder: Path, texts: Mapping[str, str], n: int) -> None:
    for path in folder.rglob("*.md"):
        path.unlink()
    for name, text in texts.items():
        write(folder, name, text)
    porcelain.add(str(folder))
    at = (FIRST + timedelta(hours=n)).timestamp()
    porcelain.commit(
        str(folder), message=b"x", author=b"A <a@b.c>", committer=b"A <a@b.c>", commit_timestamp=at,
        commit_timezone=0, author_timestamp=at, author_timezone=0, all=True,
    )  # fmt: skip


def test_a_rewritten_history_is_listed_anew(tmp_path: Path) -> None:
    repository = PolicyRepository(tmp_path / "repo")
    commit(repository, {"a.md": "one"}, 0)
    source = opened(tmp_path, kind="git", path="repo")
    assert source.listing("0" * 40, {}).is_complete
    assert source.listing("no commit", {}).is_complete


def test_a_repository_by_its_address_is_mirrored_and_fetched_again(tmp_path: Path) -> None:
    repository = PolicyRepository(tmp_path / "repo")
    commit(repository, {"a.md": "one"}, 0)
    address = f"file://{tmp_path / 'repo'}"
    source = opened(tmp_path, kind="git", path=address)
    first = source.listing(None, {})
    source.close()
    commit(repository, {"a.md": "two"}, 1)
    source = opened(tmp_path, kind="git", path=address)
    later = source.listing(first.watermark, known_of(first))
    source.close()
    assert (facts(first), facts(later)) == ({"a.md": mark("one")}, {"a.md": mark("two")})


def test_what_is_no_repository_or_has_no_such_ref_or_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="is no git repository"):
        opened(tmp_path, kind="git", path=".")
    commit(PolicyRepository(tmp_path / "repo"), {"a.md": "one"}, 0)
    with pytest.raises(KnowledgeError, match=r"has no commit at 'release'; its refs: .*refs/heads/main"):
        opened(tmp_path, kind="git", path="repo", ref="release").listing(None, {})
    with pytest.raises(KnowledgeError, match="HEAD has no folder 'docs'"):
        opened(tmp_path, kind="git", path="repo", folder="docs").listing(None, {})


# SQL


@pytest.fixture
def table(tmp_path: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'dw.db'}")
    with engine.connect() as connection:
        connection.execute(
            sa.text("CREATE TABLE docs (name TEXT, body TEXT, changed TIMESTAMP, gone BOOL, review DATE)")
        )
        yield connection
    engine.dispose()


def sql(folder: Path, **more: Any) -> DocumentSource:
    env = {"AIRFLOW_CONN_DW": f"sqlite:///{folder / 'dw.db'}"}
    spec = {"kind": "sql", "table": "docs", "document": "name", "text": "body", **more}
    return opened(folder, env, **spec)


def insert(table: sa.Connection, *rows: tuple[Any, ...]) -> None:
    for row in rows:
        values = dict(zip(("name", "body", "changed", "gone", "review"), row, strict=True))
        table.execute(sa.text("INSERT INTO docs VALUES (:name, :body, :changed, :gone, :review)"), values)
    table.commit()


def test_a_table_lists_its_documents_and_then_what_changed(tmp_path: Path, table: sa.Connection) -> None:
    insert(
        table,
        ("a", "one", "2026-01-05 08:00:00", False, "2026-02-01"),
        ("b", "one", "2026-01-06 08:00:00", False, None),
        ("b", "older", "2026-01-01 08:00:00", False, None),
        (None, "x", "2026-01-06 08:00:00", False, None),
        ("dead", "x", "2026-01-02 08:00:00", True, None),
        ("empty", None, "2026-01-02 08:00:00", False, None),
    )
    source = sql(tmp_path, changed_at="changed", deleted="gone", expires="review")
    full = source.listing(None, {})
    assert facts(full) == {"a": mark("one"), "b": mark("one"), "empty": None}
    assert full.documents.at["empty", "problem"] == "its body is null"
    assert full.documents.at["a", "expires_at"].date().isoformat() == "2026-02-01"
    assert full.gone == ("dead",)
    assert len(full.notes) == 2
    insert(table, ("a", "two", "2026-01-07 08:00:00", False, None), ("b", None, "2026-01-07 09:00:00", True, None))
    later = source.listing(full.watermark, {})
    assert (facts(later), later.gone, later.is_complete) == ({"a": mark("two")}, ("b",), False)
    assert source.read(["dead", "nobody"]) == {"dead": "x"}


def test_a_table_without_a_time_of_change_is_listed_whole_each_time(tmp_path: Path, table: sa.Connection) -> None:
    insert(table, ("a", "one", None, False, None))
    listing = sql(tmp_path).listing("2026-01-01T00:00:00+00:00", {})
    assert (listing.is_complete, listing.watermark) == (True, None)


def test_a_table_without_the_named_column_is_told_with_those_it_has(tmp_path: Path, table: sa.Connection) -> None:
    insert(table, ("a", "one", None, False, None))
    with pytest.raises(KnowledgeError, match=r"p\.kb: the source docs has no column text; known: name, body"):
        sql(tmp_path, text="text").listing(None, {})
    with pytest.raises(KnowledgeError, match=r"the source cannot be read: .*no table 'documents'"):
        sql(tmp_path, table="documents").listing(None, {})


# Pages


class Site:
    """A web site in a thread; counts what is asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: Counter[tuple[str, int]] = Counter()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = site.pages.get(self.path, (404, {}, b""))
                if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                    status, body = 304, b""
                site.asked[self.path, status] += 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def page(self, path: str, text: str, **headers: str) -> None:
        body = f"<html><head><title>x</title></head><body><p>{text}</p><script>{len(self.asked)}</script></body></html>"
        self.pages[path] = (200, {"Content-Type": "text/html", **headers}, body.encode())

    def sitemap(self, *paths: str) -> None:
        urls = "".join(f"<url><loc>{self.url}{path}</loc><lastmod>2026-01-05</lastmod></url>" for path in paths)
        self.pages["/sitemap.xml"] = (200, {}, f"<urlset>{urls}</urlset>".encode())


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def web(folder: Path, site: Site, **more: Any) -> DocumentSource:
    return opened(folder, {"AIRFLOW_CONN_SITE": site.url}, kind="web", connection="site", **more)


def test_pages_that_did_not_change_cost_a_304(tmp_path: Path, site: Site) -> None:
    site.sitemap("/a", "/b", "/private/c")
    site.page("/a", "one", ETag='"1"')
    site.page("/b", "one")
    source = web(tmp_path, site, exclude="private/*")
    full = source.listing(None, {})
    assert facts(full) == {"/a": mark("one"), "/b": mark("one")}
    assert full.documents.at["/a", "changed_at"].isoformat() == "2026-01-05T00:00:00+00:00"
    assert full.notes == ("1 pages give neither ETag nor Last-Modified; each is read whole at every check",)
    site.page("/b", "two")
    later = source.listing(full.watermark, known_of(full))
    assert (facts(later), later.gone) == ({"/b": mark("two")}, ())
    assert site.asked["/a", 304] == 1
    del site.pages["/a"]
    assert source.listing(full.watermark, known_of(full)).gone == ("/a",)
    assert source.read(["/b", "/a"]) == {"/b": "two"}
    source.close()


def test_a_page_that_fails_is_a_problem_and_a_site_that_fails_is_an_error(tmp_path: Path, site: Site) -> None:
    site.sitemap("/a", "/b")
    site.page("/a", "one")
    site.pages["/b"] = (503, {}, b"")
    source = web(tmp_path, site)
    found = source.listing(None, {}).documents
    assert found.at["/b", "problem"] == "the page answers 503"
    site.pages["/sitemap.xml"] = (500, {}, b"")
    with pytest.raises(KnowledgeError, match=r"the sitemap /sitemap\.xml cannot be read: it answers 500"):
        source.listing(None, {})
    site.pages["/sitemap.xml"] = (200, {}, b"<!DOCTYPE a [<!ENTITY b 'c'>]><urlset/>")
    with pytest.raises(KnowledgeError, match="document type, which is refused"):
        source.listing(None, {})
    source.close()


def test_a_page_that_leads_to_another_site_is_not_followed(tmp_path: Path, site: Site) -> None:
    site.pages["/a"] = (302, {"Location": "http://127.0.0.1:1/x"}, b"")
    site.pages["/b"] = (302, {"Location": "/c"}, b"")
    site.page("/c", "one")
    found = web(tmp_path, site, pages=["/a", "/b"]).listing(None, {}).documents
    assert found.at["/a", "problem"] == "the page leads to another site"
    assert found.at["/b", "content_hash"] == mark("one")


# Object storage


def test_objects_are_listed_by_their_version(tmp_path: Path) -> None:
    from upath import UPath

    root = UPath(f"memory://seamwatch-{tmp_path.name}/kb")
    (root / "x").mkdir(parents=True)
    (root / "a.md").write_text("one")
    (root / "x" / "b.md").write_text("two")
    source = opened(tmp_path, kind="objects", path=str(root), include="**/*.md")
    full = source.listing(None, {})
    assert facts(full) == {"a.md": mark("one"), "x/b.md": mark("two")}
    (root / "a.md").write_text("three!")
    (root / "x" / "b.md").unlink()
    later = source.listing(full.watermark, known_of(full))
    assert (facts(later), later.gone) == ({"a.md": mark("three!")}, ("x/b.md",))
    assert source.read(["a.md", "x/b.md"]) == {"a.md": "three!"}
    with pytest.raises(KnowledgeError, match="does not exist"):
        opened(tmp_path, kind="objects", path="memory://nowhere/at/all").listing(None, {})
