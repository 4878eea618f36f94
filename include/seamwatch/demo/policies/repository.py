"""The policies' git repository, made and committed to by dulwich."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from dulwich.index import build_index_from_tree
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

_MAIN = Ref(b"refs/heads/main")
_AUTHOR = b"Policy Office <office@policies.example>"


class PolicyRepository:
    """One folder of Markdown documents under version control."""

    def __init__(self, folder: Path) -> None:
        """Open the repository, or make an empty one."""
        self.folder = folder
        if (folder / ".git").is_dir():
            self._repo = Repo(str(folder))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._repo = Repo.init(str(folder), default_branch=b"main")

    def commit(self, documents: Mapping[str, str], message: str, at: datetime) -> str:
        """Write the documents, all of them, as the next commit of that time, and return its id."""
        store, tree = self._repo.object_store, Tree()
        for name, text in documents.items():
            blob = Blob.from_string(text.encode())
            store.add_object(blob)
            tree.add(name.encode(), 0o100644, blob.id)
        store.add_object(tree)
        head = self._repo.refs.read_ref(_MAIN)
        commit = Commit()
        commit.tree = tree.id
        commit.parents = [ObjectID(head)] if head else []
        commit.author = commit.committer = _AUTHOR
        commit.author_time = commit.commit_time = int(at.timestamp())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding, commit.message = b"UTF-8", message.encode()
        store.add_object(commit)
        self._repo.refs[_MAIN] = commit.id
        build_index_from_tree(str(self.folder), self._repo.index_path(), store, tree.id)
        return commit.id.decode()

    def documents(self) -> dict[str, bytes]:
        """Return the documents of the newest commit."""
        commit = self._repo[self._repo.refs[_MAIN]]
        assert isinstance(commit, Commit)
        tree = self._repo[commit.tree]
        assert isinstance(tree, Tree)
        found = {}
        for entry in tree.items():
            blob = self._repo[entry.sha]
            assert isinstance(blob, Blob)
            found[entry.path.decode()] = blob.data
        return found

    def close(self) -> None:
        """Close it."""
        self._repo.close()
