"""Documents in a folder of files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seamwatch.adapters.knowledge.front_matter import content_facts
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, matches_any, source_frame
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import FilesSource


class FilesDocuments:
    """A folder and all below it; ids are paths relative to it, with forward slashes."""

    def __init__(self, spec: FilesSource, place: Place, *, hash_name: str) -> None:
        """Take the folder; nothing is read yet."""
        self._spec, self._place, self._hash_name = spec, place, hash_name
        self._folder = Path(place.folder(spec.path, spec.connection))

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return the documents, or those that changed: a folder is always walked, only changed files are read."""
        rows: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        for raw, path in self._walk():
            seen.add(raw)
            try:
                stat = path.stat()
                version = f"{stat.st_size}-{stat.st_mtime_ns}"
                before = known.get(raw)
                is_known = before is not None and before.version == version and before.content_hash is not None
                if since is not None and is_known:
                    continue
                row: dict[str, Any] = {
                    "version": version,
                    "changed_at": datetime.fromtimestamp(stat.st_mtime, tz=UTC),
                }
                if is_known and before is not None and self._spec.expires is None:
                    row["content_hash"] = before.content_hash
                else:
                    content = path.read_bytes()
                    row |= content_facts(content, hash_name=self._hash_name, expires=self._spec.expires)
            except OSError as error:
                row = {"problem": error.strerror or type(error).__name__}
            rows[raw] = row
        gone = tuple(raw for raw in known if raw not in seen) if since is not None else ()
        return SourceListing(documents=source_frame(rows), gone=gone, is_complete=since is None, watermark="walked")

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as they are now; a folder has no history."""
        del at
        found = {}
        for raw in documents:
            path = (self._folder / raw).resolve()
            if path.is_relative_to(self._folder.resolve()) and path.is_file():
                found[raw] = path.read_text(encoding="utf-8", errors="replace")
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _walk(self) -> Iterator[tuple[str, Path]]:
        """Yield the files that are documents; a link that leads outside is none."""
        if not self._folder.is_dir():
            what = "is no folder" if self._folder.exists() else "does not exist"
            msg = f"{self._place.name}: the source folder {self._folder} {what}; correct source.path"
            raise KnowledgeError(msg)
        root = self._folder.resolve()

        def refuse(error: OSError) -> None:
            msg = f"{self._place.name}: {error.filename} cannot be listed ({error.strerror}); nothing is called gone"
            raise KnowledgeError(msg, retryable=True) from error

        for folder, folders, names in os.walk(root, onerror=refuse):
            folders[:] = sorted(one for one in folders if one != ".git")
            for name in sorted(names):
                path = Path(folder) / name
                raw = path.relative_to(root).as_posix()
                if path.is_symlink() and not path.resolve().is_relative_to(root):
                    continue
                if matches_any(raw, self._spec.include) and not matches_any(raw, self._spec.exclude):
                    yield raw, path
