"""Documents in a git repository, read by dulwich: no git program is needed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from dulwich.client import default_urllib3_manager, get_transport_and_path
from dulwich.errors import NotGitRepository
from dulwich.object_store import iter_tree_contents, tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, TreeEntry, parse_tree
from dulwich.objectspec import parse_commit
from dulwich.refs import HEADREF
from dulwich.repo import Repo

from seamwatch.adapters.deadline import within
from seamwatch.adapters.knowledge.front_matter import content_facts
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, matches_any, source_frame
from seamwatch.errors import KnowledgeError
from seamwatch.plurals import plural
from seamwatch.spec.knowledge import GitSource

_TIMEOUT_S = 60.0
"""Of one read."""
_CALLS = 15
"""So many times as long as another call outside may a fetch take: the first one brings the whole history."""
_SSH = (
    f"ssh -o BatchMode=yes -o ConnectTimeout={_TIMEOUT_S:.0f} -o ServerAliveInterval={_TIMEOUT_S / 4:.0f} "
    "-o ServerAliveCountMax=4"
)
"""Nobody is there to be asked for a password."""
_DIGITS = {"sha256": 64, "sha1": 40, "md5": 32}

_Step = tuple[Commit, Commit | None]
"""A state of the ref and the one before it."""


class GitDocuments:
    """A folder of a repository at a branch, tag or commit; ids are paths relative to that folder.

    A document changed when its new content came to the ref. The states of the ref are the commits along first
    parents: what a branch changed counts from the merge that brought it, since nobody was to index it before. Links
    and submodules are no documents.
    """

    def __init__(self, spec: GitSource, place: Place, *, hash_name: str) -> None:
        """Open the repository, or bring a mirror of a remote one up to date.

        Raises:
            KnowledgeError: If it is no repository, or cannot be reached.
        """
        self._spec, self._place, self._hash_name = spec, place, hash_name
        self._prefix = spec.folder.strip("/").encode()
        where = place.folder(spec.path, spec.connection)
        self._repo = self._mirror(where) if "://" in where or where.startswith("git@") else self._open(where)
        self._cut = frozenset(self._repo.get_shallow())
        # The next step back asks for the same trees again; those of large folders are large.
        self._entries = lru_cache(maxsize=4)(self._read_entries)

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return every document, or those that the ref's states since the watermark, a commit id, changed.

        A watermark that the ref's states do not lead to, as after a rewritten history, gives a listing of everything.
        """
        with self._told():
            head = self._head()
            if self._folder(head.tree) is None:
                msg = f"{self._place.name}: {self._spec.ref} has no folder {self._spec.folder!r}; correct source.folder"
                raise KnowledgeError(msg)
            steps = self._steps_since(head, since) if since is not None else None
            return self._full(head, known) if steps is None else self._changed(head, steps)

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as of the ref's last state at or before `at`; of its newest one where `at` is None."""
        with self._told():
            commit: Commit | None = self._head()
            if at is not None:
                commit = next((one for one, _ in self._line(self._head()) if one.commit_time <= at.timestamp()), None)
            if commit is None:
                return {}
            found = {raw: self._lookup(commit, raw) for raw in documents if self._is_document(raw)}
            return {raw: blob.data.decode("utf-8", "replace") for raw, blob in found.items() if blob is not None}

    def close(self) -> None:
        """Close the repository."""
        self._repo.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in plain words that objects are missing, as in a clone with a filter."""
        try:
            yield
        except KeyError as error:
            msg = f"{self._place.name}: the repository lacks objects of its history; clone it whole, without a filter"
            raise KnowledgeError(msg) from error

    def _open(self, where: str) -> Repo:
        try:
            return Repo(where)
        except NotGitRepository as error:
            msg = (
                f"{self._place.name}: {where} is no git repository; correct source.path, clone it there, or give its "
                "address with https://, ssh:// or file://"
            )
            raise KnowledgeError(msg) from error

    def _mirror(self, address: str) -> Repo:
        """Return a bare copy of a remote repository, fetched anew."""
        folder = self._place.cache_dir / "mirror.git"
        login: dict[str, Any] = {}
        if self._spec.connection is not None:
            info = self._place.connections.get(self._spec.connection)
            login = {name: value for name, value in (("username", info.login), ("password", info.password)) if value}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            repo = Repo(str(folder)) if (folder / "HEAD").is_file() else Repo.init_bare(str(folder))
            try:
                _fetch(address, repo, login, deadline_s=_CALLS * self._place.deadline_s)
            except BaseException:
                repo.close()
                raise
        except Exception as error:  # dulwich lets through what its transports raise
            # Its text may hold the address with a password in it, so only the kind of error is told.
            msg = (
                f"{self._place.name}: the repository cannot be fetched ({type(error).__name__}); "
                "check the address and the login of its connection"
            )
            raise KnowledgeError(msg, retryable=True) from None
        return repo

    def _head(self) -> Commit:
        try:
            return parse_commit(self._repo, self._spec.ref.encode())
        except (KeyError, ValueError) as error:
            known = ", ".join(sorted(ref.decode() for ref in self._repo.refs.keys())) or "none"  # noqa: SIM118
            msg = f"{self._place.name}: the repository has no commit at {self._spec.ref!r}; its refs: {known}"
            raise KnowledgeError(msg) from error

    def _line(self, head: Commit) -> Iterator[_Step]:
        """Yield the states of the ref, newest first; the last one has none before it."""
        known_parents = self._repo.parents_provider()
        commit: Commit | None = head
        while commit is not None:
            parents = known_parents.get_parents(commit.id, commit)
            before = self._repo[parents[0]] if parents else None
            assert before is None or isinstance(before, Commit)
            yield commit, before
            commit = before

    def _steps_since(self, head: Commit, since: str) -> list[_Step] | None:
        """Return the states after a commit; None if it is not one of the ref's states any more."""
        steps: list[_Step] = []
        for step in self._line(head) if len(since) == len(head.id) else ():
            if step[0].id == since.encode():
                return steps
            steps.append(step)
        return None

    def _last_changes(
        self, steps: Iterable[_Step], wanted: Iterable[str] | None = None
    ) -> dict[str, tuple[ObjectID | None, int]]:
        """Return by document its newest content (None: gone) and when it came, in seconds since 1970.

        Args:
            steps: Newest first. At the end of a cut history nothing is known of what changed.
            wanted: Stop once all of these are found; None for all.
        """
        found: dict[str, tuple[ObjectID | None, int]] = {}
        left = None if wanted is None else set(wanted)
        for commit, before in steps:
            if left == set() or (before is None and commit.id in self._cut):
                break
            for raw, sha in self._differences(before, commit):
                if raw not in found:
                    found[raw] = (sha, commit.commit_time)
                    if left is not None:
                        left.discard(raw)
        return found

    def _differences(self, before: Commit | None, after: Commit) -> Iterator[tuple[str, ObjectID | None]]:
        """Yield the documents whose content differs, with the new one; None: gone."""
        old = self._folder(before.tree) if before is not None else None
        for path, sha in self._changed_paths(old, self._folder(after.tree)):
            raw = path.decode("utf-8", errors="replace")
            if self._is_document(raw):
                yield raw, sha

    def _changed_paths(
        self, old: ObjectID | None, new: ObjectID | None, prefix: bytes = b""
    ) -> Iterator[tuple[bytes, ObjectID | None]]:
        """Yield the files that differ between two trees; subtrees that are the same are not read.

        Sets find what differs: walking both trees side by side, as dulwich does, takes seconds where one folder holds
        all documents.
        """
        left, came = (self._entries(tree) if tree is not None else {} for tree in (old, new))
        for name in {name for name, _ in left.items() ^ came.items()}:
            pair = left.get(name), came.get(name)
            before, after = (sha if stat.S_ISREG(mode) else None for mode, sha in (one or (0, None) for one in pair))
            if before != after:
                yield prefix + name, after
            before, after = (sha if stat.S_ISDIR(mode) else None for mode, sha in (one or (0, None) for one in pair))
            if before != after:
                yield from self._changed_paths(before, after, prefix + name + b"/")

    def _read_entries(self, tree: ObjectID) -> dict[bytes, tuple[int, ObjectID]]:
        _, content = self._repo.object_store.get_raw(tree)
        return {
            name: (mode, ObjectID(sha)) for name, mode, sha in parse_tree(content, self._repo.object_format.oid_length)
        }

    def _folder(self, tree: ObjectID) -> ObjectID | None:
        """Return the tree of the source's folder in a commit's tree; None where it is not there."""
        if not self._prefix:
            return tree
        try:
            mode, found = tree_lookup_path(self._repo.object_store.__getitem__, tree, self._prefix)
        except (KeyError, NotADirectoryError):
            return None
        return ObjectID(found) if stat.S_ISDIR(mode) else None

    def _document(self, entry: TreeEntry) -> str | None:
        """Return the id of an entry; None if it is no document."""
        if entry.mode is None or entry.path is None or not stat.S_ISREG(entry.mode):
            return None
        raw = entry.path.decode("utf-8", errors="replace")
        return raw if self._is_document(raw) else None

    def _is_document(self, raw: str) -> bool:
        return matches_any(raw, self._spec.include) and not matches_any(raw, self._spec.exclude)

    def _full(self, head: Commit, known: Mapping[str, Known]) -> SourceListing:
        tree = self._folder(head.tree)
        assert tree is not None
        entries = ((self._document(entry), entry.sha) for entry in iter_tree_contents(self._repo.object_store, tree))
        blobs = {raw: ObjectID(sha) for raw, sha in entries if raw is not None and sha is not None}
        changes = self._last_changes(self._line(head), blobs)
        rows = {
            raw: self._row(sha, changes[raw][1] if raw in changes else None, known.get(raw))
            for raw, sha in blobs.items()
        }
        notes = []
        if n_open := len(blobs.keys() - changes.keys()):
            notes.append(
                f"the clone is shallow: it does not say when {plural(n_open, 'document')} changed; fetch its "
                "whole history"
            )
        return SourceListing(
            documents=source_frame(rows), is_complete=True, watermark=head.id.decode(), notes=tuple(notes)
        )

    def _changed(self, head: Commit, steps: Iterable[_Step]) -> SourceListing:
        changes = self._last_changes(steps)
        rows = {raw: self._row(sha, at, None) for raw, (sha, at) in changes.items() if sha is not None}
        gone = tuple(raw for raw, (sha, _) in changes.items() if sha is None)
        return SourceListing(documents=source_frame(rows), gone=gone, is_complete=False, watermark=head.id.decode())

    def _row(self, sha: ObjectID, changed: int | None, before: Known | None) -> dict[str, Any]:
        version = sha.decode()
        row: dict[str, Any] = {
            "version": version,
            "changed_at": None if changed is None else datetime.fromtimestamp(changed, tz=UTC),
        }
        if self._spec.expires is None and self._hash_name == "git":
            return {**row, "content_hash": version}
        if self._spec.expires is None and before is not None and self._is_hash(before, version):
            return {**row, "content_hash": before.content_hash}
        try:
            blob = self._repo[sha]
        except KeyError:
            return {**row, "problem": "its content is not in the clone; fetch it without a filter"}
        assert isinstance(blob, Blob)
        return {**row, **content_facts(blob.data, hash_name=self._hash_name, expires=self._spec.expires)}

    def _is_hash(self, known: Known, version: str) -> bool:
        """Return whether the known hash is of this content and of the kind that is asked for."""
        is_same = known.version == version and known.content_hash not in (None, version)
        return is_same and len(known.content_hash or "") == _DIGITS[self._hash_name]

    def _lookup(self, commit: Commit, raw: str) -> Blob | None:
        path = raw.encode("utf-8", errors="replace")
        if self._prefix:
            path = self._prefix + b"/" + path
        try:
            mode, sha = tree_lookup_path(self._repo.object_store.__getitem__, commit.tree, path)
        except (KeyError, NotADirectoryError):
            return None
        found = self._repo[sha] if stat.S_ISREG(mode) else None
        return found if isinstance(found, Blob) else None


def _fetch(address: str, repo: Repo, login: Mapping[str, Any], *, deadline_s: float) -> None:
    """Make the mirror's refs those of the remote repository, with all they lead to."""
    pool: Any = default_urllib3_manager(None, timeout=_TIMEOUT_S)
    try:
        ssh = os.environ.get("GIT_SSH_COMMAND", _SSH)
        client, path = get_transport_and_path(address, pool_manager=pool, ssh_command=ssh, **login)
        # The refs are set here: a fetch that was given up may end later, and must not turn them back.
        fetched = within(deadline_s, lambda: client.fetch(path, repo), give_up=pool.clear)
    finally:
        pool.clear()
    for ref in set(repo.refs.keys()) - set(fetched.refs) - {HEADREF}:
        del repo.refs[ref]
    if HEADREF not in fetched.symrefs:
        del repo.refs[HEADREF]  # else the remote's commit would be written to the branch that it named
    for ref, sha in fetched.refs.items():
        if sha is not None and ref not in fetched.symrefs:
            repo.refs[ref] = sha
    for ref, target in fetched.symrefs.items():
        repo.refs.set_symbolic_ref(ref, target)
