"""Documents in a git repository, read by dulwich: no git program is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dulwich.client import get_transport_and_path
from dulwich.diff_tree import CHANGE_DELETE, tree_changes
from dulwich.errors import NotGitRepository
from dulwich.object_store import iter_tree_contents, tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.objectspec import parse_commit
from dulwich.refs import HEADREF
from dulwich.repo import Repo
from dulwich.walk import ORDER_DATE

from seamwatch.adapters.knowledge.front_matter import content_facts
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, matches_any, source_frame
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import GitSource


class GitDocuments:
    """A folder of a repository at a branch, tag or commit; ids are paths relative to that folder."""

    def __init__(self, spec: GitSource, place: Place, *, hash_name: str) -> None:
        """Open the repository, or bring a mirror of a remote one up to date.

        Raises:
            KnowledgeError: If it is no repository, or cannot be reached.
        """
        self._spec, self._place, self._hash_name = spec, place, hash_name
        self._prefix = spec.folder.strip("/").encode()
        where = place.folder(spec.path, spec.connection)
        self._repo = self._mirror(where) if "://" in where or where.startswith("git@") else self._open(where)

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return every document, or those that commits since the watermark, a commit id, changed."""
        head = self._head()
        base = self._ancestor(since, head) if since is not None else None
        if base is None:
            return self._full(head, known)
        touched = self._touched(base, head)
        rows: dict[str, dict[str, Any]] = {}
        gone: list[str] = []
        for raw in touched:
            blob = self._lookup(head, raw)
            if blob is None:
                gone.append(raw)
            elif known.get(raw, Known("", None)).version != blob.id.decode():
                rows[raw] = self._row(raw, blob.id, touched[raw], {})
        return SourceListing(
            documents=source_frame(rows), gone=tuple(gone), is_complete=False, watermark=head.id.decode()
        )

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as of the last commit at or before `at`; of the newest commit where `at` is None."""
        commit: Commit | None = self._head()
        if at is not None:
            commit = next((one for one in self._walk(self._head()) if one.commit_time <= at.timestamp()), None)
        if commit is None:
            return {}
        found = {raw: self._lookup(commit, raw) for raw in documents}
        return {raw: blob.data.decode("utf-8", errors="replace") for raw, blob in found.items() if blob is not None}

    def close(self) -> None:
        """Close the repository."""
        self._repo.close()

    def _open(self, where: str) -> Repo:
        try:
            return Repo(where)
        except NotGitRepository as error:
            msg = f"{self._place.name}: {where} is no git repository; correct source.path, or clone it there"
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
            client, path = get_transport_and_path(address, **login)
            fetched = client.fetch(path, repo)
            for ref in set(repo.refs.keys()) - set(fetched.refs) - {HEADREF}:
                del repo.refs[ref]
            for ref, sha in fetched.refs.items():
                if sha is not None and ref not in fetched.symrefs:
                    repo.refs[ref] = sha
            for ref, target in fetched.symrefs.items():
                repo.refs.set_symbolic_ref(ref, target)
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

    def _ancestor(self, since: str, head: Commit) -> Commit | None:
        """Return the commit of the watermark, if the history leads to it; a rewritten history is listed anew."""
        try:
            base = self._repo[since.encode()]
        except (KeyError, ValueError):
            return None
        if not isinstance(base, Commit):
            return None
        reached = self._repo.get_walker(include=[head.id], exclude=[base.id])
        # On the way from the head to an ancestor, the last commit before it is new and has it as a parent.
        is_ancestor = base.id == head.id or any(base.id in entry.commit.parents for entry in reached)
        return base if is_ancestor else None

    def _walk(self, head: Commit, base: Commit | None = None) -> Iterator[Commit]:
        walker = self._repo.get_walker(
            include=[head.id], exclude=[base.id] if base is not None else None, order=ORDER_DATE
        )
        return (entry.commit for entry in walker)

    def _touched(self, base: Commit | None, head: Commit, wanted: set[str] | None = None) -> dict[str, int]:
        """Return the time of the last commit that changed each document, newest history first.

        Args:
            base: Only commits after it; None for all.
            head: The newest.
            wanted: Stop once all of these are found.
        """
        store = self._repo.object_store
        found: dict[str, int] = {}
        left = set(wanted) if wanted is not None else None
        for commit in self._walk(head, base):
            if left is not None and not left:
                break
            # What a merge took over unchanged from one side was changed by a commit of that side.
            parents: list[ObjectID | None] = [self._tree_of(parent) for parent in commit.parents]
            changes = [self._changed(store, tree, commit.tree) for tree in parents or (None,)]
            for raw in set.intersection(*changes):
                if raw not in found:
                    found[raw] = commit.commit_time
                    if left is not None:
                        left.discard(raw)
        return found

    def _tree_of(self, commit: ObjectID) -> ObjectID:
        found = self._repo[commit]
        assert isinstance(found, Commit)
        return ObjectID(found.tree)

    def _changed(self, store: Any, before: ObjectID | None, after: ObjectID) -> set[str]:
        old, new = (self._subtree(tree) for tree in (before, after))
        changed = set()
        for change in tree_changes(store, old, new):
            entry = change.old if change.type == CHANGE_DELETE else change.new
            assert entry is not None
            assert entry.path is not None
            raw = entry.path.decode("utf-8", errors="surrogateescape")
            if self._is_document(raw):
                changed.add(raw)
        return changed

    def _subtree(self, tree: ObjectID | None) -> ObjectID | None:
        if tree is None or not self._prefix:
            return tree
        try:
            _, found = tree_lookup_path(self._repo.object_store.__getitem__, tree, self._prefix)
        except KeyError:
            return None
        return ObjectID(found)

    def _is_document(self, raw: str) -> bool:
        return matches_any(raw, self._spec.include) and not matches_any(raw, self._spec.exclude)

    def _full(self, head: Commit, known: Mapping[str, Known]) -> SourceListing:
        tree = self._subtree(head.tree)
        blobs = {
            raw: entry.sha
            for entry in (iter_tree_contents(self._repo.object_store, tree) if tree is not None else ())
            if self._is_document(raw := entry.path.decode("utf-8", errors="surrogateescape"))
        }
        if tree is None:
            msg = f"{self._place.name}: {self._spec.ref} has no folder {self._spec.folder!r}; correct source.folder"
            raise KnowledgeError(msg)
        times = self._touched(None, head, set(blobs))
        rows = {raw: self._row(raw, sha, times.get(raw), known) for raw, sha in blobs.items()}
        return SourceListing(documents=source_frame(rows), is_complete=True, watermark=head.id.decode())

    def _row(self, raw: str, sha: bytes, changed: int | None, known: Mapping[str, Known]) -> dict[str, Any]:
        version = sha.decode()
        row: dict[str, Any] = {
            "version": version,
            "changed_at": None if changed is None else datetime.fromtimestamp(changed, tz=UTC),
        }
        before = known.get(raw)
        if self._spec.expires is None and self._hash_name == "git":
            return {**row, "content_hash": version}
        if self._spec.expires is None and before is not None and before.version == version and before.content_hash:
            return {**row, "content_hash": before.content_hash}
        blob = self._repo[sha]
        assert isinstance(blob, Blob)
        return {**row, **content_facts(blob.data, hash_name=self._hash_name, expires=self._spec.expires)}

    def _lookup(self, commit: Commit, raw: str) -> Blob | None:
        path = raw.encode("utf-8", errors="surrogateescape")
        if self._prefix:
            path = self._prefix + b"/" + path
        try:
            _, sha = tree_lookup_path(self._repo.object_store.__getitem__, commit.tree, path)
        except KeyError:
            return None
        found = self._repo[sha]
        return found if isinstance(found, Blob) else None
