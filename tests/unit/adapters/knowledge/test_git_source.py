"""Documents of git repositories with merges, odd entries, rewritten and cut histories, and a brute-force history."""

from __future__ import annotations

import base64
import gc
import json
import stat
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pandas as pd
import pytest
from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.refs import HEADREF, Ref
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend
from dulwich.web import WSGIRequestHandlerLogger, make_wsgi_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.git import GitDocuments
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, content_hash
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import GitSource

FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)
MAIN = Ref(b"refs/heads/main")
FILE, LINK, MODULE = stat.S_IFREG | 0o644, stat.S_IFLNK, 0o160000


class History:
    """A bare repository whose commits are written one by one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.repo = Repo.init_bare(str(folder))
        self.repo.refs.set_symbolic_ref(HEADREF, MAIN)

    def commit(
        self, files: Mapping[str, str | tuple[int, bytes]], hour: float, *parents: ObjectID, head: bool = True
    ) -> ObjectID:
        """Write a commit of just these files; text, or mode and content (of a submodule: the commit's id)."""
        entries = []
        for name, content in files.items():
            mode, data = (FILE, content.encode()) if isinstance(content, str) else content
            sha = ObjectID(data)
            if mode != MODULE:
                blob = Blob.from_string(data)
                self.repo.object_store.add_object(blob)
                sha = blob.id
            entries.append((name.encode("utf-8", "surrogateescape"), sha, mode))
        commit = Commit()
        commit.tree = commit_tree(self.repo.object_store, entries)
        commit.parents = list(parents)
        commit.author = commit.committer = b"A <a@example.com>"
        commit.commit_time = commit.author_time = int((FIRST + timedelta(hours=hour)).timestamp())
        commit.commit_timezone = commit.author_timezone = 0
        commit.message = b"x"
        self.repo.object_store.add_object(commit)
        if head:
            self.repo.refs[MAIN] = commit.id
        return commit.id

    def source(self, *, hash_name: str = "sha256", env: Mapping[str, str] | None = None, **spec: Any) -> GitDocuments:
        given = {"kind": "git", "path": str(self.folder)} | spec
        place = Place(
            name="p.kb",
            project_dir=self.folder.parent,
            connections=EnvironmentConnections(env or {}),
            database="dw",
            cache_dir=self.folder.parent / "cache",
        )
        return GitDocuments(GitSource.model_validate(given), place, hash_name=hash_name)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "repo.git")


def facts(listing: SourceListing) -> dict[str, Any]:
    return {str(raw): value for raw, value in listing.documents["content_hash"].items()}


def hours(listing: SourceListing) -> dict[str, float | None]:
    times = listing.documents["changed_at"]
    return {str(raw): None if pd.isna(at) else (at - FIRST) / timedelta(hours=1) for raw, at in times.items()}


def known_of(listing: SourceListing) -> dict[str, Known]:
    return {str(raw): Known(row["version"], row["content_hash"]) for raw, row in listing.documents.iterrows()}


def mark(text: str) -> str:
    return content_hash(text.encode())


def test_what_a_branch_changed_counts_from_the_merge_that_brought_it_to_the_ref(history: History) -> None:
    first = history.commit({"a.md": "1", "b.md": "1"}, 0)
    side = history.commit({"a.md": "2", "b.md": "1"}, 1, first, head=False)
    own = history.commit({"a.md": "1", "b.md": "2"}, 2, first)
    source = history.source()
    before = source.listing(None, {})
    history.commit({"a.md": "2", "b.md": "2"}, 5, own, side)
    assert hours(source.listing(None, {})) == {"a.md": 5, "b.md": 2}
    later = source.listing(before.watermark, known_of(before))
    assert (later.is_complete, hours(later)) == (False, {"a.md": 5})
    # At hour 3 the branch had its text, and the ref had not.
    assert source.read(["a.md"], FIRST + timedelta(hours=3)) == {"a.md": "1"}
    assert source.read(["a.md"], FIRST + timedelta(hours=5)) == {"a.md": "2"}


def test_what_a_merge_left_out_did_not_change(history: History) -> None:
    first = history.commit({"a.md": "1"}, 0)
    side = history.commit({"a.md": "2"}, 3, first, head=False)
    history.commit({"a.md": "1"}, 4, first, side)
    assert hours(history.source().listing(None, {})) == {"a.md": 0}


def test_a_clock_that_ran_behind_does_not_hide_the_newest_commit(history: History) -> None:
    first = history.commit({"a.md": "1"}, 10)
    history.commit({"a.md": "2"}, 1, first)
    source = history.source()
    assert hours(source.listing(None, {})) == {"a.md": 1}
    later = source.listing(first.decode(), {})
    assert (facts(later), hours(later)) == ({"a.md": mark("2")}, {"a.md": 1})


def test_a_merge_the_other_way_round_still_lists_everything_that_changed(history: History) -> None:
    first = history.commit({"a.md": "1", "b.md": "1"}, 0)
    base = history.commit({"a.md": "2", "b.md": "1"}, 1, first)
    source = history.source()
    before = source.listing(None, {})
    own = history.commit({"a.md": "1", "b.md": "2"}, 2, first, head=False)
    history.commit({"a.md": "2", "b.md": "2"}, 3, own, base)
    later = source.listing(before.watermark, known_of(before))
    assert {**facts(before), **facts(later)} == {"a.md": mark("2"), "b.md": mark("2")}


def test_links_and_submodules_are_no_documents(history: History) -> None:
    first = history.commit({"a.md": "1", "link.md": (LINK, b"a.md"), "module.md": (MODULE, b"1" * 40)}, 0)
    source = history.source()
    full = source.listing(None, {})
    assert facts(full) == {"a.md": mark("1")}
    assert source.read(["a.md", "link.md", "module.md"]) == {"a.md": "1"}
    history.commit({"a.md": (LINK, b"b.md"), "b.md": "1", "module.md": (MODULE, b"2" * 40)}, 1, first)
    later = source.listing(full.watermark, known_of(full))
    assert (facts(later), later.gone) == ({"b.md": mark("1")}, ("a.md",))


def test_a_new_mode_is_no_change_of_the_content(history: History) -> None:
    first = history.commit({"a.md": "1"}, 0)
    history.commit({"a.md": (stat.S_IFREG | 0o755, b"1")}, 1, first)
    assert hours(history.source().listing(None, {})) == {"a.md": 0}


def test_a_rename_is_a_document_gone_and_another_come_and_one_that_came_back_is_new(history: History) -> None:
    first = history.commit({"a.md": "1", "b.md": "1"}, 0)
    source = history.source()
    full = source.listing(None, {})
    second = history.commit({"new/a.md": "1"}, 1, first)
    later = source.listing(full.watermark, known_of(full))
    assert (facts(later), set(later.gone)) == ({"new/a.md": mark("1")}, {"a.md", "b.md"})
    history.commit({"new/a.md": "1", "b.md": "1"}, 2, second)
    assert hours(source.listing(None, {})) == {"new/a.md": 1, "b.md": 2}


def test_a_folder_where_a_document_was_takes_its_place(history: History) -> None:
    first = history.commit({"a.md": "1"}, 0)
    source = history.source()
    history.commit({"a.md/b.md": "2"}, 1, first)
    later = source.listing(first.decode(), {})
    assert (facts(later), later.gone) == ({"a.md/b.md": mark("2")}, ("a.md",))


def test_a_cut_history_leaves_the_times_before_it_unknown_and_says_so(history: History) -> None:
    lost = ObjectID(b"1" * 40)
    first = history.commit({"a.md": "1", "b.md": "1"}, 0, lost)
    history.commit({"a.md": "2", "b.md": "1"}, 1, first)
    (history.folder / "shallow").write_bytes(first + b"\n")
    full = history.source().listing(None, {})
    assert hours(full) == {"a.md": 1, "b.md": None}
    assert full.notes == ("the clone is shallow: it does not say when 1 document changed; fetch its whole history",)


def test_a_rewritten_history_is_listed_whole(history: History) -> None:
    first = history.commit({"a.md": "1", "b.md": "1"}, 0)
    history.commit({"a.md": "2", "b.md": "1"}, 1, first)
    source = history.source()
    before = source.listing(None, {})
    history.commit({"a.md": "3"}, 2, first)
    later = source.listing(before.watermark, known_of(before))
    assert (later.is_complete, facts(later)) == (True, {"a.md": mark("3")})


def test_a_name_that_is_no_text_is_still_told(history: History) -> None:
    first = history.commit({"a.md": "1"}, 0)
    history.commit({"a.md": "1", "caf\udce9.md": "2"}, 1, first)
    source = history.source()
    for listing in (source.listing(None, {}), source.listing(first.decode(), {})):
        assert facts(listing)["caf\N{REPLACEMENT CHARACTER}.md"] == mark("2")
        assert listing.gone == ()
        "".join(facts(listing)).encode()


@pytest.mark.parametrize(("name", "hash_name"), [("git", "git"), ("sha1", "sha1"), ("sha256", "sha256")])
def test_a_hash_of_another_kind_is_not_taken_over(history: History, name: str, hash_name: str) -> None:
    history.commit({"a.md": "1"}, 0)
    for other in ("git", "sha1", "sha256", "md5"):
        known = known_of(history.source(hash_name=other).listing(None, {}))
        found = history.source(hash_name=hash_name).listing(None, known)
        assert facts(found) == {"a.md": content_hash(b"1", name)}


def test_a_tag_a_folder_and_its_text_at_a_time_are_found(history: History) -> None:
    first = history.commit({"docs/a.md": "1", "docs/x.txt": "1", "b.md": "1"}, 0)
    history.repo.refs[Ref(b"refs/tags/v1")] = first
    second = history.commit({"docs/a.md": "2", "b.md": "1"}, 1, first)
    assert facts(history.source(ref="v1", folder="/docs/", include="*.md").listing(None, {})) == {"a.md": mark("1")}
    source = history.source(folder="docs")
    assert source.read(["a.md", "b.md", "../b.md", ""]) == {"a.md": "2"}
    assert source.read(["a.md"], FIRST - timedelta(hours=1)) == {}
    before = source.listing(second.decode(), {})
    assert (before.is_complete, facts(before), before.gone) == (False, {}, ())
    history.commit({"b.md": "1"}, 2, second)
    # A folder that left is told as such: a misspelled one would else call every document gone.
    with pytest.raises(KnowledgeError, match="HEAD has no folder 'docs'"):
        source.listing(second.decode(), {})


def test_a_mirror_follows_a_remote_whose_branches_are_rewritten_and_deleted(history: History, tmp_path: Path) -> None:
    first = history.commit({"a.md": "1"}, 0)
    history.repo.refs[Ref(b"refs/heads/old")] = first
    address: dict[str, Any] = {"path": history.folder.as_uri()}
    history.source(**address).close()
    history.commit({"a.md": "2"}, 1)
    del history.repo.refs[Ref(b"refs/heads/old")]
    source = history.source(**address)
    assert source.read(["a.md"]) == {"a.md": "2"}
    source.close()
    source = history.source(**address, ref="old")
    with pytest.raises(KnowledgeError, match="has no commit at 'old'; its refs: HEAD, refs/heads/main"):
        source.listing(None, {})
    source.close()


def test_a_mirror_follows_a_remote_whose_head_is_a_commit(history: History) -> None:
    first = history.commit({"a.md": "1"}, 0)
    history.source(path=history.folder.as_uri()).close()
    second = history.commit({"a.md": "2"}, 1, first)
    (history.folder / "HEAD").write_bytes(first + b"\n")
    for ref, text in (("HEAD", "1"), ("main", "2")):
        source = history.source(path=history.folder.as_uri(), ref=ref)
        assert source.read(["a.md"]) == {"a.md": text}
        source.close()
    assert first != second


@pytest.fixture
def server(history: History) -> Iterator[str]:
    """Serve the repository over HTTP to who knows the password; its address."""
    repositories: dict[str, BackendRepo] = {"/docs.git": history.repo}
    inner = make_wsgi_chain(DictBackend(repositories))
    right = "Basic " + base64.b64encode(b"robot:s3cret").decode()

    def outer(environ: Any, start_response: Any) -> Any:
        if environ.get("HTTP_AUTHORIZATION") == right:
            return inner(environ, start_response)
        start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="x"')])
        return [b""]

    with make_server("127.0.0.1", 0, outer, handler_class=WSGIRequestHandlerLogger) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/docs.git"
        made.shutdown()


def test_a_remote_is_asked_with_the_login_of_its_connection(history: History, server: str) -> None:
    history.commit({"a.md": "1"}, 0)

    def env(password: str) -> dict[str, str]:
        info = {"conn_type": "http", "host": server, "login": "robot", "password": password}
        return {"AIRFLOW_CONN_DOCS": json.dumps(info)}

    source = history.source(env=env("s3cret"), path=None, connection="docs")
    assert facts(source.listing(None, {})) == {"a.md": mark("1")}
    source.close()
    with pytest.raises(KnowledgeError, match=r"p\.kb: the repository cannot be fetched .*the login") as told:
        history.source(env=env("wr0ng"), path=None, connection="docs")
    assert "wr0ng" not in str(told.value)
    del told
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # dulwich leaves the refusing response to the garbage collector


def test_an_address_that_does_not_answer_is_told_without_its_login(tmp_path: Path) -> None:
    env = {"AIRFLOW_CONN_DOCS": '{"conn_type": "http", "host": "http://127.0.0.1:9/x.git", "password": "s3cret"}'}
    history = History(tmp_path / "unused.git")
    with pytest.raises(KnowledgeError, match=r"p\.kb: the repository cannot be fetched") as told:
        history.source(env=env, path=None, connection="docs")
    assert told.value.retryable
    assert "s3cret" not in f"{told.value!r} {told.value.__cause__!r}"


_NAMES = ("a.md", "b.md", "x/c.md")
_TREES = st.dictionaries(st.sampled_from(_NAMES), st.sampled_from("12"))
_STEPS = st.lists(st.tuples(_TREES, st.integers(0, 9), st.integers(0, 20), st.booleans()), min_size=2, max_size=8)


@given(steps=_STEPS, listed=st.sets(st.integers(0, 7)))
@settings(max_examples=60, deadline=None)
def test_listings_of_what_changed_add_up_to_what_one_listing_of_everything_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[Any], listed: set[int]
) -> None:
    """Any commits on the ref, with a clock that jumps, and merges of any earlier commit into it."""
    history = History(tmp_path_factory.mktemp("git") / "repo.git")
    source = history.source()
    line: list[tuple[dict[str, str], int]] = []
    commits: list[ObjectID] = []
    rows: dict[str, tuple[str, float | None]] = {}
    watermark: str | None = None
    known: dict[str, Known] = {}
    for n, (tree, other, hour, is_merge) in enumerate(steps):
        files = {"keep.md": "0", **tree}
        parents = commits[-1:]
        if is_merge and commits:
            parents.append(history.commit({**line[-1][0], "a.md": "3"}, other, commits[other % n], head=False))
        commits.append(history.commit(files, hour, *parents))
        line.append((files, hour))
        if n in listed or n == len(steps) - 1:
            listing = source.listing(watermark, known)
            if listing.is_complete:
                rows = {}
            rows = {raw: row for raw, row in rows.items() if raw not in listing.gone}
            rows |= {raw: (facts(listing)[raw], hours(listing)[raw]) for raw in facts(listing)}
            watermark, known = listing.watermark, {raw: Known("", content) for raw, (content, _) in rows.items()}
    whole = source.listing(None, {})
    assert rows == {raw: (facts(whole)[raw], hours(whole)[raw]) for raw in facts(whole)}
    for raw, text in line[-1][0].items():
        last = max(n for n, (files, _) in enumerate(line) if files.get(raw) != (line[n - 1][0].get(raw) if n else None))
        assert rows[raw] == (mark(text), line[last][1])
    assert set(rows) == set(line[-1][0])
    source.close()
