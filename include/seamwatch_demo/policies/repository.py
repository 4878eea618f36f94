"""The policies' git repository: real commits with author, time and message, written and read without a git program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from dulwich.index import commit_tree
from dulwich.object_store import iter_tree_contents
from dulwich.objects import Blob, Commit, ObjectID, TreeEntry
from dulwich.refs import Ref
from dulwich.repo import Repo

_BRANCH, _HEAD = Ref(b"refs/heads/main"), Ref(b"HEAD")
_FILE_MODE = 0o100644
OFFICE = "Policy Office <office@brightwater.example>"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One commit."""

    id: str
    author: str
    at: datetime
    """Aware UTC, whole seconds."""
    message: str


class PolicyRepository:
    """A bare repository with one branch, `main`."""

    def __init__(self, folder: Path) -> None:
        """Open the repository, or make an empty one."""
        self.folder = folder
        if (folder / "HEAD").is_file():
            self._repo = Repo(str(folder))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._repo = Repo.init_bare(str(folder))
            self._repo.refs.set_symbolic_ref(_HEAD, _BRANCH)

    def close(self) -> None:
        """Close its files."""
        self._repo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def commit(self, documents: Mapping[str, str], message: str, at: datetime, *, author: str = OFFICE) -> str:
        """Return the id of a new commit on `main`.

        Args:
            documents: By path, the text of all of them: what is not among them is gone.
            message: One line.
            at: Aware time of author and committer.
            author: `Name <address>`.
        """
        head, store = self._head(), self._repo.object_store
        known = {entry.sha for entry in self._entries(head)} if head is not None else set()
        blobs = {document.encode(): Blob.from_string(text.encode()) for document, text in documents.items()}
        for blob in blobs.values():
            if blob.id not in known:
                store.add_object(blob)
        commit = Commit()
        commit.tree = commit_tree(store, [(path, blob.id, _FILE_MODE) for path, blob in blobs.items()])
        commit.parents = [] if head is None else [head.id]
        commit.author = commit.committer = author.encode()
        commit.author_time = commit.commit_time = int(at.timestamp())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = message.encode() + b"\n"
        store.add_object(commit)
        if not self._repo.refs.set_if_equals(_BRANCH, None if head is None else head.id, commit.id):
            msg = f"{self.folder}: main moved while {message!r} was being committed"
            raise RuntimeError(msg)
        return commit.id.decode()

    def documents(self, at: datetime | None = None) -> dict[str, bytes]:
        """Return the documents by path, of the newest commit or of the newest at a moment; none before the first."""
        commit = self._head()
        while commit is not None and at is not None and commit.commit_time > at.timestamp():
            commit = self._commit(commit.parents[0]) if commit.parents else None
        if commit is None:
            return {}
        found = {}
        for entry in self._entries(commit):
            blob = self._repo[entry.sha]
            assert isinstance(blob, Blob)
            found[entry.path.decode()] = blob.data
        return found

    def text(self, document: str, at: datetime | None = None) -> str:
        """Return one document's text, of the newest commit or as it was at a moment; KeyError where it was not."""
        return self.documents(at)[document].decode()

    def history(self) -> list[Revision]:
        """Return every commit, oldest first."""
        found = []
        commit = self._head()
        while commit is not None:
            found.append(
                Revision(
                    id=commit.id.decode(),
                    author=commit.author.decode(),
                    at=datetime.fromtimestamp(commit.commit_time, UTC),
                    message=commit.message.decode().strip(),
                )
            )
            commit = self._commit(commit.parents[0]) if commit.parents else None
        return found[::-1]

    def changed_at(self) -> dict[str, datetime]:
        """Return for each document of the newest commit the time of the commit that gave it its content."""
        found: dict[str, datetime] = {}
        commit = self._head()
        if commit is None:
            return found
        now = {entry.path: entry.sha for entry in self._entries(commit)}
        while commit is not None:
            parent = self._commit(commit.parents[0]) if commit.parents else None
            before = {e.path: e.sha for e in self._entries(parent)} if parent is not None else {}
            for path in [path for path, sha in now.items() if before.get(path) != sha]:
                found[path.decode()] = datetime.fromtimestamp(commit.commit_time, UTC)
                del now[path]
            commit = parent
        return found

    def _head(self) -> Commit | None:
        return self._commit(self._repo.refs[_BRANCH]) if _BRANCH in self._repo.refs else None

    def _commit(self, sha: ObjectID) -> Commit:
        found = self._repo[sha]
        assert isinstance(found, Commit)
        return found

    def _entries(self, commit: Commit) -> list[TreeEntry]:
        """Return every file of a commit, in folders too."""
        return list(iter_tree_contents(self._repo.object_store, commit.tree))
