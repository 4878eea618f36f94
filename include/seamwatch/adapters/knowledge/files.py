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
    """A folder and all below it; ids are paths relative to it, with forward slashes.

    A link counts as the file that it leads to, unless that lies outside the folder; links to folders are not followed.
    """

    def __init__(self, spec: FilesSource, place: Place, *, hash_name: str) -> None:
        """Take the folder; nothing is read yet."""
        self._spec, self._place, self._hash_name = spec, place, hash_name
        self._root = os.path.realpath(place.folder(spec.path, spec.connection))

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return the documents, or those that changed: a folder is always walked, only changed files are read."""
        rows: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        for raw, path in self._walk():
            before = known.get(raw)
            try:
                stat = os.stat(path)
            except FileNotFoundError:
                if not os.path.islink(path):
                    continue  # deleted since its folder was listed
                rows[raw] = {"version": "unread", "problem": "it is a link that leads nowhere"}
            except OSError as error:
                rows[raw] = {"version": "unread", "problem": _reason(error)}
            else:
                # The hash that is asked for may be another one than the last time.
                version = f"{stat.st_size}-{stat.st_mtime_ns}-{self._hash_name}"
                is_known = before is not None and before.version == version and before.content_hash is not None
                if not (is_known and since is not None):
                    rows[raw] = {
                        "version": version,
                        "changed_at": datetime.fromtimestamp(stat.st_mtime, tz=UTC),
                        **self._content(raw, path, before.content_hash if is_known and before is not None else None),
                    }
            seen.add(raw)
        gone = tuple(raw for raw in known if raw not in seen) if since is not None else ()
        return SourceListing(documents=source_frame(rows), gone=gone, is_complete=since is None, watermark="walked")

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as they are now; a folder has no history."""
        del at
        found = {}
        for raw in documents:
            try:
                path = os.path.realpath(os.path.join(self._root, raw))
                if self._is_document(raw) and self._is_inside(path) and os.path.isfile(path):
                    found[raw] = Path(path).read_bytes().decode("utf-8", errors="replace")
            except (OSError, ValueError):  # unreadable, or an id that can be no path
                continue
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _content(self, raw: str, path: str, known_hash: str | None) -> dict[str, Any]:
        if known_hash is not None and self._spec.expires is None:
            return {"content_hash": known_hash}
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            return {"problem": _reason(error)}
        facts = content_facts(content, hash_name=self._hash_name, expires=self._spec.expires)
        if "\N{REPLACEMENT CHARACTER}" in raw:
            facts["problem"] = "its name is no UTF-8 text; rename it"
        return facts

    def _is_document(self, raw: str) -> bool:
        return matches_any(raw, self._spec.include) and not matches_any(raw, self._spec.exclude)

    def _is_inside(self, path: str) -> bool:
        return path.startswith(self._root.rstrip(os.sep) + os.sep)

    def _walk(self) -> Iterator[tuple[str, str]]:
        """Yield id and path of the files that are documents.

        Raises:
            KnowledgeError: If the folder or one below it cannot be listed.
        """
        folders = [""]
        while folders:
            prefix = folders.pop()
            for entry in self._entries(prefix):
                raw = prefix + os.fsencode(entry.name).decode("utf-8", errors="replace")
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git":
                        folders.append(f"{prefix}{entry.name}/")
                elif self._is_document(raw) and self._is_file(entry):
                    yield raw, entry.path

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return entry.is_file()  # a pipe or a device would be waited for
        path = os.path.realpath(entry.path)
        return self._is_inside(path) and (os.path.isfile(path) or not os.path.exists(path))

    def _entries(self, prefix: str) -> list[os.DirEntry[str]]:
        folder = os.path.join(self._root, prefix)
        try:
            with os.scandir(folder) as found:
                return sorted(found, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError) as error:
            if prefix:  # it was there when the folder above it was listed
                raise self._unlisted(folder, error) from error
            what = "is no folder" if isinstance(error, NotADirectoryError) else "does not exist"
            msg = f"{self._place.name}: the source folder {self._root} {what}; correct source.path"
            raise KnowledgeError(msg) from error
        except OSError as error:
            raise self._unlisted(folder, error) from error

    def _unlisted(self, folder: str, error: OSError) -> KnowledgeError:
        msg = f"{self._place.name}: {folder} cannot be listed ({_reason(error)}); nothing is called gone"
        return KnowledgeError(msg, retryable=True)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
