"""The file of a bundle: the files that define a pipeline, and the evidence as one JSON document, in an archive."""

from __future__ import annotations

import io
import json
import platform
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from seamwatch import __version__
from seamwatch.errors import DataContractError
from seamwatch.secret_redaction import SECRETS, SecretRedactor
from seamwatch.spec.pipeline import Pipeline

FORMAT = 1
"""Grows when an older version could not read the file any more."""
_EVIDENCE = "evidence.json"
_SINCE_KNOWLEDGE = "knowledge"
"""Not in bundles that were written before knowledge bases were checked."""
_PROJECT = "project/"
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""Of every entry of the archive: the same evidence gives the same bytes."""
_DAMAGE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, AttributeError)
_FOREIGN = (NotImplementedError, RuntimeError)
"""Archives of other kinds: compressed in another way, or encrypted. A RecursionError is one too."""


@dataclass(frozen=True)
class Evidence:
    """What came from outside during one attribution, as plain JSON data."""

    pipeline: str
    window: list[str]
    """Start and end."""
    now: str
    protocols: dict[str, str] = field(default_factory=dict)
    """By model stage, how its endpoint speaks; part of it may have stood in the connection."""
    columns: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    """By call: the relation, and the frame that was read."""
    checks: dict[str, Any] = field(default_factory=dict)
    """By stage, what validation found."""
    answers: dict[str, list[Any]] = field(default_factory=dict)
    """By model stage: body, attempt, key and answer."""
    spent: dict[str, Any] = field(default_factory=dict)
    """Calls, their cost, and notes why an endpoint could not be used; whether a person asked, what was left."""
    store: dict[str, Any] = field(default_factory=dict)
    """By question, what the store said."""
    knowledge: dict[str, Any] = field(default_factory=dict)
    """By retrieval, what failing records were served from outdated documents, and those documents; and notes."""


def definition(root: Path, pipeline: Pipeline) -> dict[str, bytes]:
    """Return the files that define the pipeline, by path in the project: its own, its suites, and all mappings.

    A reference may import or read what stands beside it, so nothing in the folder is left out but hidden files.
    """
    own = root / "include" / "pipelines" / f"{pipeline.pipeline}.yaml"
    mappings, suites = root / "include" / "mappings", root / "expectations" / pipeline.pipeline
    wanted = [own, *sorted(mappings.rglob("*")), *sorted(suites.rglob("*.json"))]
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in wanted
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)
    }


def pack(files: Mapping[str, bytes], evidence: Evidence, *, secrets: SecretRedactor = SECRETS) -> bytes:
    """Return the bytes of a bundle: the same for the same evidence.

    Args:
        files: By path in the project.
        evidence: What came from outside.
        secrets: What connections held; where a provider's answer or a record repeats it, it is left out.
    """
    about = {"format": FORMAT, "seamwatch": __version__, "python": platform.python_version(), "files": sorted(files)}
    # Characters beyond ASCII are escaped: a database may hold text that is no valid UTF-8.
    known = secrets.redact_document(vars(evidence))
    content = json.dumps({**about, **known}, sort_keys=True, separators=(",", ":"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        entries = {**{f"{_PROJECT}{name}": data for name, data in files.items()}, _EVIDENCE: content.encode()}
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), entries[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_bundle(path: Path) -> tuple[dict[str, bytes], Evidence]:
    """Return what `pack` wrote to this file; errors as `unpack`, or that there is no such file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataContractError(msg) from error
    return unpack(content, where=str(path))


def unpack(content: bytes, *, where: str) -> tuple[dict[str, bytes], Evidence]:
    """Return what `pack` wrote.

    Raises:
        DataContractError: If it is no bundle, is damaged, or has another format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        document = json.loads(entries.pop(_EVIDENCE))
        version = document.pop("format")
    except (*_DAMAGE, *_FOREIGN) as error:
        _refuse(where, error)
    if version != FORMAT:
        wrote = document.get("seamwatch")
        msg = f"{where} has format {version}, written by Seamwatch {wrote}; this is {__version__} and reads {FORMAT}"
        raise DataContractError(msg)
    try:
        files = {_inside(name): data for name, data in entries.items()}
        # A damaged archive may lose an entry without a word.
        if sorted(files) != document.get("files", sorted(files)):
            _refuse(where, ValueError("files"))
        return files, _evidence(document)
    except _DAMAGE as error:
        _refuse(where, error)


def _evidence(document: Mapping[str, Any]) -> Evidence:
    document = {_SINCE_KNOWLEDGE: {}, **document}
    evidence = Evidence(**{one.name: document[one.name] for one in fields(Evidence)})
    for one in fields(Evidence):
        kind = {"pipeline": str, "now": str, "window": list}.get(one.name, dict)
        if not isinstance(getattr(evidence, one.name), kind):
            raise TypeError(one.name)
    start, end = evidence.window
    for moment in (start, end, evidence.now):
        datetime.fromisoformat(moment)
    return evidence


def _inside(name: str) -> str:
    """Return the path in the project; ValueError for one that leads out of it."""
    path = PurePosixPath(name.removeprefix(_PROJECT))
    if not name.startswith(_PROJECT) or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError(name)
    return str(path)


def _refuse(where: str, error: BaseException) -> NoReturn:
    msg = f"{where} is no bundle, or is damaged; write one with `seamwatch attribute ... --bundle FILE`"
    raise DataContractError(msg) from error
