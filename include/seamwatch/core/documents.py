"""What sources and indexes say of their documents, and how their ids are made alike."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import pandas as pd

from seamwatch.core.retrieved_entries import NO_PLACES, Places
from seamwatch.errors import DataContractError
from seamwatch.spec.knowledge import DocumentIds

SOURCE_COLUMNS = ("version", "changed_at", "content_hash", "expires_at", "problem")
INDEX_COLUMNS = (
    "document",
    "content_hash",
    "indexed_at",
    "n_chunks",
    "n_expected",
    "embedding_model",
    "dimension",
)


class Known(NamedTuple):
    """What an earlier listing knew of a document."""

    version: str
    content_hash: str | None


@dataclass(frozen=True, kw_only=True)
class SourceListing:
    """Documents at the source: all of them, or those that changed since a watermark."""

    documents: pd.DataFrame
    """Index raw id, unique; columns `SOURCE_COLUMNS`:
    `version` (text that changes whenever the content may have changed: blob id, ETag, size and time),
    `changed_at` (aware UTC time, NaT if unknown), `content_hash` (hex; None if it could not be read),
    `expires_at` (aware, NaT if none), `problem` (None, or why the document could not be read, for people)."""
    gone: tuple[str, ...] = ()
    """Raw ids that left the source since the watermark, where the source tells; a full listing tells by absence."""
    is_complete: bool
    watermark: str | None
    """For the next listing; None where the source cannot list what changed."""
    notes: tuple[str, ...] = ()
    """What a person should know, as pages without validators."""


@dataclass(frozen=True, kw_only=True)
class IndexListing:
    """Document versions in the index: all of them, or those of documents written since a watermark."""

    versions: pd.DataFrame
    """A row for each document and content hash; columns `INDEX_COLUMNS`: `document` (raw id), `content_hash` (hex as
    recorded; None if it is not), `indexed_at` (aware time of its latest chunk, NaT if not recorded), `n_chunks` (of
    this version), `n_expected` (NaN if not recorded), `embedding_model` and `dimension` (None or NaN if not recorded; a
    version embedded in two ways has a row for each)."""
    gone: tuple[str, ...] = ()
    """Raw ids that left the index since the watermark, where it tells."""
    is_complete: bool
    watermark: str | None
    notes: tuple[str, ...] = ()


def content_hash(content: bytes, algorithm: str = "sha256") -> str:
    """Return the hash of a document's bytes in hex; `git` is git's blob id."""
    if algorithm == "git":
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


def document_id(raw: str, rules: DocumentIds) -> str:
    """Return the id that source and index share for a document.

    Slashes, a leading `./` or `/`, percent encoding and Unicode forms are always made alike; the pipeline file adds
    prefixes, suffixes and whether case counts.
    """
    text = unicodedata.normalize("NFC", unquote(raw.strip())).replace("\\", "/")
    text = "/".join(part for part in text.split("/") if part not in ("", "."))
    if rules.case == "ignore":
        text = text.casefold()
    for prefix in rules.strip_prefix:
        text = text.removeprefix(_plain(prefix, rules))
    for suffix in rules.strip_suffix:
        text = text.removesuffix(_plain(suffix, rules))
    return text.strip("/")


@lru_cache(maxsize=256)
def _plain_cached(text: str, is_folded: bool) -> str:
    text = unicodedata.normalize("NFC", text).replace("\\", "/").removeprefix("./").removeprefix("/")
    text = re.sub("/{2,}", "/", text)  # as of an address (`s3://bucket/`), whose slashes are one in every id
    return text.casefold() if is_folded else text


def _plain(text: str, rules: DocumentIds) -> str:
    return _plain_cached(text, rules.case == "ignore")


def document_ids(raw: Sequence[str], rules: DocumentIds, *, where: str) -> list[str]:
    """Return the shared ids of documents, one by one.

    Raises:
        DataContractError: If two different raw ids would be one document.
    """
    found = [document_id(one, rules) for one in raw]
    owner: dict[str, str] = {}
    for one, shared in zip(raw, found, strict=True):
        if owner.setdefault(shared, one) != one:
            msg = (
                f"{where}: {owner[shared]!r} and {one!r} would both be document {shared!r}; "
                "set ids.case to exact, or strip less"
            )
            raise DataContractError(msg)
    return found


def matches_any(document: str, globs: Sequence[str]) -> bool:
    """Return whether an id matches one of the globs; `**/` also matches nothing, as in .gitignore."""
    return any(
        fnmatchcase(document, glob) or (glob.startswith("**/") and fnmatchcase(document, glob.removeprefix("**/")))
        for glob in globs
    )


def source_frame(rows: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the documents of a source listing from one mapping for each raw id; what is missing is unknown."""
    frame = pd.DataFrame.from_dict(
        {raw: {name: row.get(name) for name in SOURCE_COLUMNS} for raw, row in rows.items()},
        orient="index",
        columns=list(SOURCE_COLUMNS),
    ).astype(object)
    frame.index = pd.Index(list(rows), dtype=object, name="document")
    return _typed(frame, ("changed_at", "expires_at"))


def index_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the versions of an index listing from one mapping each; what is missing is unknown."""
    frame = pd.DataFrame([{name: row.get(name) for name in INDEX_COLUMNS} for row in rows], columns=list(INDEX_COLUMNS))
    frame = _typed(frame.astype(object), ("indexed_at",))
    for name in ("n_chunks", "n_expected", "dimension"):
        frame[name] = pd.to_numeric(frame[name]).astype("float64")
    return frame


def _typed(frame: pd.DataFrame, times: Sequence[str]) -> pd.DataFrame:
    for name in times:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    for name in frame.columns:
        if name not in times:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


@dataclass(frozen=True, kw_only=True)
class Served:
    """One document, or chunk of one, that a retrieval served to a record."""

    document: str
    """Shared id."""
    raw: str
    """Id as recorded."""
    text: str | None = None
    version: str | None = None
    """Content hash that it had, where recorded."""
    place: int = 0
    """Position in what was served, from 0."""
    entry: Mapping[str, Any] | None = field(default=None, compare=False)
    """As recorded, where it is an object."""
    places: Places = field(default=NO_PLACES, compare=False)
    """Where in it name, text and version stand."""
    is_known: bool = True
    """Whether source or index knows the document, where that was looked up."""
