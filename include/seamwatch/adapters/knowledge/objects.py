"""Documents in object storage, by universal_pathlib: what Airflow's ObjectStoragePath is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from upath import UPath

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
        """Return the documents, or those that changed: objects are always listed, only changed ones are read."""
        rows: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        for raw, path, info in self._walk():
            seen.add(raw)
            changed_at = _time(info)
            version = next((str(info[name]) for name in _VERSIONS if info.get(name)), None)
            version = version or f"{info.get('size')}-{changed_at.isoformat() if changed_at else ''}"
            before = known.get(raw)
            is_known = before is not None and before.version == version and before.content_hash is not None
            if since is not None and is_known:
                continue
            row: dict[str, Any] = {"version": version, "changed_at": changed_at}
            if is_known and before is not None and self._spec.expires is None:
                row["content_hash"] = before.content_hash
            else:
                try:
                    content = path.read_bytes()
                except OSError as error:
                    row = {"problem": error.strerror or type(error).__name__}
                else:
                    row |= content_facts(content, hash_name=self._hash_name, expires=self._spec.expires)
            rows[raw] = row
        gone = tuple(raw for raw in known if raw not in seen) if since is not None else ()
        return SourceListing(documents=source_frame(rows), gone=gone, is_complete=since is None, watermark="listed")

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as they are now."""
        del at
        found = {}
        for raw in documents:
            path = self._root / raw
            try:
                found[raw] = path.read_bytes().decode("utf-8", errors="replace")
            except FileNotFoundError:
                continue
            except Exception as error:  # each storage raises its own kind
                raise self._unreachable(error) from error
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _walk(self) -> Iterator[tuple[str, UPath, Mapping[str, Any]]]:
        system, root = self._root.fs, self._root.path
        try:
            system.invalidate_cache()
            if not system.exists(root):
                msg = f"{self._place.name}: {self._spec.path} does not exist; correct source.path"
                raise KnowledgeError(msg)
            found = system.find(root, detail=True)
        except KnowledgeError:
            raise
        except Exception as error:  # each storage raises its own kind
            raise self._unreachable(error) from error
        base = root.strip("/")
        for name, info in sorted(found.items()):
            raw = name.strip("/").removeprefix(base).lstrip("/")
            if raw and matches_any(raw, self._spec.include) and not matches_any(raw, self._spec.exclude):
                yield raw, self._root / raw, info

    def _unreachable(self, error: Exception) -> KnowledgeError:
        msg = (
            f"{self._place.name}: {self._spec.path} cannot be listed or read ({type(error).__name__}); check the path "
            "and its connection; nothing is called gone"
        )
        return KnowledgeError(msg, retryable=True)


def _time(info: Mapping[str, Any]) -> datetime | None:
    value = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, tz=UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return None
