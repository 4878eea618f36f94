"""Documents in object storage, by universal_pathlib: what Airflow's ObjectStoragePath is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from seamwatch.adapters.deadline import WithinDeadline
from seamwatch.adapters.knowledge.front_matter import content_facts
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, matches_any, source_frame
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import ObjectsSource

_VERSIONS = ("ETag", "etag", "md5Hash", "md5", "VersionId", "generation")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")


class ObjectDocuments:
    """All objects below a path; ids are relative to it."""

    def __init__(self, spec: ObjectsSource, place: Place, *, hash_name: str) -> None:
        """Take the path; nothing is read yet."""
        self._spec, self._place, self._hash_name = spec, place, hash_name
        self._root = place.object_path(spec.path)

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return the documents, or those that changed: objects are always listed, only changed ones are read.

        Raises:
            KnowledgeError: If there is no such folder, or the storage does not answer (retryable).
        """
        rows: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        for raw, name, info in self._walk():
            seen.add(raw)
            changed_at = _time(info)
            told = next((str(info[key]) for key in _VERSIONS if info.get(key)), None)
            told = told or f"{info.get('size')}-{changed_at.isoformat() if changed_at else ''}"
            # The hash that is asked for may be another one than the last time.
            version = f"{told} {self._hash_name}"
            before = known.get(raw)
            is_known = before is not None and before.version == version and before.content_hash is not None
            if since is not None and is_known:
                continue
            content = self._content(name, before.content_hash if is_known and before is not None else None)
            if content is None:
                seen.discard(raw)
            else:
                rows[raw] = {"version": version, "changed_at": changed_at, **content}
        gone = tuple(raw for raw in known if raw not in seen) if since is not None else ()
        return SourceListing(documents=source_frame(rows), gone=gone, is_complete=since is None, watermark="listed")

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as they are now."""
        del at
        found = {}
        for raw in documents:
            if not self._is_document(raw) or {"", ".", ".."} & set(raw.split("/")):
                continue
            try:
                content = self._system.cat_file(f"{self._root.path.rstrip('/')}/{raw}")
            except (FileNotFoundError, IsADirectoryError, ValueError):
                continue
            except Exception as error:  # each storage raises its own kind
                raise self._unreachable(error) from error
            found[raw] = bytes(content).decode("utf-8", errors="replace")
        return found

    def close(self) -> None:
        """Nothing is open."""

    @property
    def _system(self) -> Any:
        return WithinDeadline(self._root.fs, self._place.deadline_s)

    def _content(self, name: str, known_hash: str | None) -> dict[str, Any] | None:
        """Return what a listing holds of an object's content; None if it was deleted meanwhile."""
        if known_hash is not None and self._spec.expires is None:
            return {"content_hash": known_hash}
        try:
            content = self._system.cat_file(name)
        except FileNotFoundError:
            return None
        except Exception as error:  # each storage raises its own kind
            return {"problem": getattr(error, "strerror", None) or type(error).__name__}
        return content_facts(bytes(content), hash_name=self._hash_name, expires=self._spec.expires)

    def _is_document(self, raw: str) -> bool:
        return matches_any(raw, self._spec.include) and not matches_any(raw, self._spec.exclude)

    def _walk(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield id, name in the storage and facts of the objects that are documents."""
        system, root = self._system, self._root.path
        try:
            system.invalidate_cache()
            what = "does not exist" if not system.exists(root) else "" if system.isdir(root) else "is no folder"
            found = {} if what else system.find(root, detail=True)
        except Exception as error:  # each storage raises its own kind
            raise self._unreachable(error) from error
        if what:
            msg = f"{self._place.name}: {self._spec.path} {what}; correct source.path"
            raise KnowledgeError(msg)
        base = root.strip("/")
        for name, info in sorted(found.items()):
            raw = name.strip("/").removeprefix(base).lstrip("/")
            # Some stores mark a folder by an empty object whose name ends in a slash.
            is_folder = info.get("type") == "directory" or str(info.get("name", name)).endswith("/")
            if raw and not is_folder and self._is_document(raw):
                yield raw, name, info

    def _unreachable(self, error: Exception) -> KnowledgeError:
        msg = (
            f"{self._place.name}: {self._spec.path} cannot be listed or read ({type(error).__name__}); check the path "
            "and its connection; nothing is called gone"
        )
        return KnowledgeError(msg, retryable=True)


def _time(info: Mapping[str, Any]) -> datetime | None:
    value = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, tz=UTC)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return None
