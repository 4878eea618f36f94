"""Documents in a table, a row each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.adapters.connections import database_url
from seamwatch.adapters.knowledge.chunks import next_bound, whole_numbers
from seamwatch.adapters.knowledge.front_matter import as_moment
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.core.documents import Known, SourceListing, content_hash, source_frame
from seamwatch.core.records.comparison import is_null, strict_text
from seamwatch.errors import KnowledgeError, StageError
from seamwatch.plurals import plural
from seamwatch.spec.knowledge import SqlSource

_FOREVER = timedelta(days=36500)


class SqlDocuments:
    """A table or query with a row for each document."""

    def __init__(self, spec: SqlSource, place: Place, *, hash_name: str) -> None:
        """Take the table; nothing is read yet.

        Raises:
            ConnectionNotFound, AdapterError: If its database is not known.
        """
        self._spec, self._place, self._hash_name = spec, place, hash_name
        database = spec.database or place.database
        self._relation, self._is_query = spec.table or spec.query or "", spec.query is not None
        self._source = SqlStageSource(database_url(place.connections.get(database)), label=database)

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return the documents, or those whose time of change is not before the watermark.

        Rows that were deleted without a mark, and those without a time of change, only a full sweep sees.
        """
        del known
        spec = self._spec
        selection: dict[str, Any] = {}
        if spec.changed_at is not None:
            selection["time"] = spec.changed_at
            start = _moment(since)
            if start is not None:
                selection |= {"start": start, "end": start + _FOREVER}
        is_complete = "start" not in selection
        frame = self._read(self._columns(), **selection)
        has_id = frame[spec.document].notna().to_numpy()
        notes = []
        if n_null := int((~has_id).sum()):
            notes.append(
                f"{plural(n_null, 'row of the source has', 'rows of the source have')} no document id, left out"
            )
        frame = frame[has_id].assign(_id=[str(strict_text(one)) for one in frame.loc[has_id, spec.document]])
        if spec.changed_at is not None:
            if n_undated := int(frame[spec.changed_at].isna().sum()):
                notes.append(
                    f"{plural(n_undated, 'row of the source has', 'rows of the source have')} no {spec.changed_at}; "
                    "only full sweeps see what changed there"
                )
            frame = frame.sort_values(spec.changed_at, kind="stable", na_position="first")
        n_twice = int(frame["_id"].duplicated().sum())
        if n_twice:
            notes.append(
                f"{plural(n_twice, 'row of the source repeats', 'rows of the source repeat')} a document id; "
                "the newest of each counts"
            )
        frame = frame.drop_duplicates("_id", keep="last")
        deleted = self._is_deleted(frame)
        rows = {row["_id"]: self._row(row) for row in frame[~deleted].to_dict("records")}
        newest = frame[spec.changed_at].max() if spec.changed_at is not None and len(frame) else None
        mark = since if is_complete is False else None
        if newest is not None and not pd.isna(newest):
            mark = next_bound(pd.Timestamp(newest).to_pydatetime(), datetime.now(UTC)).isoformat()
        return SourceListing(
            documents=source_frame(rows),
            gone=tuple(frame.loc[deleted, "_id"]),
            is_complete=is_complete,
            watermark=mark if spec.changed_at is not None else None,
            notes=tuple(notes),
        )

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the texts as they are now; nothing where the table holds hashes only."""
        del at
        spec = self._spec
        if spec.text is None or not documents:
            return {}
        wanted = [spec.document, spec.text, *([spec.changed_at] if spec.changed_at is not None else [])]
        is_number = self._families(wanted)[spec.document] == "number"
        rows = self._read(
            wanted,
            time=spec.changed_at,
            key=spec.document,
            keys=whole_numbers(documents) if is_number else list(documents),
        )
        if spec.changed_at is not None:
            rows = rows.sort_values(spec.changed_at, kind="stable", na_position="first")
        texts = zip(rows[spec.document], rows[spec.text], strict=True)
        return {
            str(strict_text(one)): _bytes(text).decode("utf-8", errors="replace")
            for one, text in texts
            if not is_null(one) and not is_null(text)
        }

    def close(self) -> None:
        """Close the database."""
        self._source.close()

    def _read(self, columns: list[str], **selection: Any) -> pd.DataFrame:
        self._families(columns)
        with self._told():
            return self._source.read(self._relation, is_query=self._is_query, columns=columns, **selection)

    def _families(self, columns: list[str]) -> Mapping[str, str]:
        with self._told():
            known = self._source.columns(self._relation, is_query=self._is_query)
        if missing := [name for name in columns if name not in known]:
            msg = (
                f"{self._place.name}: the source {self._spec.table or 'query'} has no column {', '.join(missing)}; "
                f"known: {', '.join(known)}"
            )
            raise KnowledgeError(msg)
        return known

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except StageError as error:
            msg = f"{self._place.name}: the source cannot be read: {error}"
            raise KnowledgeError(msg, retryable=error.retryable) from error

    def _columns(self) -> list[str]:
        spec = self._spec
        # A hash that is recorded spares reading the texts.
        content = spec.content_hash or spec.text
        wanted = (spec.document, content, spec.changed_at, spec.expires, spec.deleted)
        return list(dict.fromkeys(name for name in wanted if name is not None))

    def _is_deleted(self, frame: pd.DataFrame) -> Any:
        if self._spec.deleted is None:
            return pd.Series(False, index=frame.index).to_numpy()
        return frame[self._spec.deleted].map(_is_set).to_numpy(dtype=bool)

    def _row(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        spec = self._spec
        found: dict[str, Any] = {}
        if spec.content_hash is not None:
            value = row[spec.content_hash]
            found["content_hash"] = None if is_null(value) else str(value)
            if is_null(value):
                found["problem"] = f"its {spec.content_hash} is null"
        elif is_null(row[spec.text]):
            found["problem"] = f"its {spec.text} is null"
        else:
            found["content_hash"] = content_hash(_bytes(row[spec.text]), self._hash_name)
        if spec.changed_at is not None:
            found["changed_at"] = row[spec.changed_at]
        if spec.expires is not None and not is_null(row[spec.expires]):
            try:
                found["expires_at"] = as_moment(row[spec.expires], spec.expires)
            except ValueError as error:
                found["problem"] = str(error)
        found["version"] = found.get("content_hash")
        return found


def _moment(watermark: str | None) -> datetime | None:
    """Return the time of a watermark; None where it is of another kind of source, which was listed before."""
    try:
        found = datetime.fromisoformat(watermark) if watermark is not None else None
    except ValueError:
        return None
    # Some commit ids are times, too, if one wants them to be.
    return found if found is not None and found.isoformat() == watermark else None


def _bytes(text: Any) -> bytes:
    return bytes(text) if isinstance(text, bytes | bytearray | memoryview) else str(text).encode()


def _is_set(value: Any) -> bool:
    """Return whether a mark of deletion is set: true, a time, or text that does not say no."""
    if is_null(value):
        return False
    return str(value).strip().casefold() not in ("", "0", "0.0", "f", "false", "n", "no")
