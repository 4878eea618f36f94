"""An incident in one file: the definition, the rows, the model's answers and what the store knew; replayed anywhere.

`record` attributes a window as ever and writes down everything that came from outside; `replay` attributes again with
the file in the place of databases, endpoints and the store. Nothing is called: what the file does not hold is an error.
"""

from __future__ import annotations

import io
import json
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd

from seamwatch import __version__
from seamwatch.adapters.base import Connections
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.core.compare import at_path, canonical_json
from seamwatch.core.redaction import Redactor
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.results import Attribution, StageResult, Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.engine.outside import Outside
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader
from seamwatch.engine.typed_json import decode, encode
from seamwatch.engine.validate import check_stage
from seamwatch.errors import AdapterError, ConnectionNotFound, DataContractError
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Protocol

FORMAT = 1
"""Grows when an older version could not read the file any more."""
_EVIDENCE = "evidence.json"
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""Of every entry of the archive: the same evidence gives the same bytes."""
_STORE_READS = ("baseline", "baseline_results", "stage_results", "cause_history", "windows", "verdicts")
_STORE_WRITES = ("begin_window", "save_attribution")


@dataclass
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
    """By call, the frame that was read, and the key column that names its records."""
    checks: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)
    """By model stage: body, attempt, key and answer."""
    refused: dict[str, str] = field(default_factory=dict)
    """By model stage, why its endpoint could not be opened."""
    spent: dict[str, Any] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)


def record(deps: Deps, pipeline: Pipeline, window: Window, path: Path) -> Attribution:
    """Attribute a window and write its bundle; errors as `attribute_window`.

    Raises:
        DataContractError: If a redaction would change the verdicts; nothing is written then.
    """
    now = deps.clock()
    resolved = with_protocols(pipeline, deps)
    span = [window.start.isoformat(), window.end.isoformat()]
    evidence = Evidence(pipeline=pipeline.pipeline, window=span, now=now.isoformat())
    evidence.protocols = {s.name: str(s.endpoint.protocol) for s in resolved.stages if s.endpoint is not None}
    recording = replace(deps, clock=lambda: now, store=cast("Store", _RecordingStore(deps.store, evidence)))
    outside = Outside(
        reader=lambda spec, connections: _RecordingReader(spec, connections, evidence),
        models=lambda inner, spec, span: _RecordingModels(inner, spec, span, evidence),
        check=lambda inner, spec, stage, span: _checked(inner, spec, stage, span, evidence),
    )
    attribution = attribute_window(recording, pipeline, window, outside)
    files = _definition(deps.project.root, pipeline)
    if pipeline.bundle.redact:
        _redact(pipeline, evidence)
        _require_same(pipeline, attribution, files, evidence)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_packed(files, evidence))
    return attribution


def replay(path: Path) -> Attribution:
    """Return the attribution of a bundle, without any network, database, connection or project folder.

    The references are the bundle's own Python code, which is run.

    Raises:
        DataContractError: If the file is no bundle, of a newer format, or lacks something that is asked for.
    """
    files, evidence = _unpacked(path)
    return _replay(files, evidence)


def _replay(files: Mapping[str, bytes], evidence: Evidence) -> Attribution:
    folder = Path(tempfile.mkdtemp(prefix="seamwatch-bundle-"))
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        project = load_project(folder)
        pipeline = _with_protocols(project.pipeline(evidence.pipeline), evidence)
        now = datetime.fromisoformat(evidence.now)
        deps = Deps(
            project=project,
            connections=_NoConnections(),
            store=cast("Store", _BundleStore(evidence)),
            data_dir=folder / "data",
            ui_url="",
            clock=lambda: now,
            notifier=_no_notifier,
        )
        outside = Outside(
            reader=lambda spec, connections: _BundleReader(spec, connections, evidence),
            models=lambda inner, spec, span: _BundleModels(inner, spec, span, evidence),
            check=lambda inner, spec, stage, span: _known_check(stage, evidence),
        )
        start, end = (datetime.fromisoformat(moment) for moment in evidence.window)
        return attribute_window(deps, pipeline, Window(start=start, end=end), outside)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_protocols(pipeline: Pipeline, evidence: Evidence) -> Pipeline:
    stages = []
    for stage in pipeline.stages:
        if stage.endpoint is not None:
            endpoint = stage.endpoint.model_copy(update={"protocol": Protocol(evidence.protocols[stage.name])})
            stage = stage.model_copy(update={"endpoint": endpoint})  # noqa: PLW2901
        stages.append(stage)
    return pipeline.model_copy(update={"stages": tuple(stages)})


# The file.


def _definition(root: Path, pipeline: Pipeline) -> dict[str, bytes]:
    """Return the files that define the pipeline, by path in the project: its own, all mappings, its suites."""
    own = root / "include" / "pipelines" / f"{pipeline.pipeline}.yaml"
    mappings = sorted((root / "include" / "mappings").rglob("*"))
    suites = sorted((root / "expectations" / pipeline.pipeline).rglob("*.json"))
    wanted = [own, *(p for p in mappings if p.suffix in (".py", ".yaml", ".yml", ".json", ".csv")), *suites]
    return {str(p.relative_to(root)): p.read_bytes() for p in wanted if p.is_file() and "__pycache__" not in p.parts}


def _packed(files: Mapping[str, bytes], evidence: Evidence) -> bytes:
    about = {"format": FORMAT, "seamwatch": __version__, "python": platform.python_version()}
    content = json.dumps({**about, **vars(evidence)}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        entries = {**{f"project/{name}": data for name, data in files.items()}, _EVIDENCE: content.encode()}
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), entries[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _unpacked(path: Path) -> tuple[dict[str, bytes], Evidence]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        document = json.loads(entries.pop(_EVIDENCE))
        version = document.pop("format")
    except FileNotFoundError as error:
        msg = f"{path}: there is no such file"
        raise DataContractError(msg) from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, AttributeError) as error:
        msg = f"{path} is no bundle, or is damaged; write one with `seamwatch attribute ... --bundle FILE`"
        raise DataContractError(msg) from error
    if version != FORMAT:
        wrote = document.get("seamwatch")
        msg = f"{path} has format {version}, written by Seamwatch {wrote}; this is {__version__} and reads {FORMAT}"
        raise DataContractError(msg)
    known = {name: document[name] for name in Evidence.__dataclass_fields__}
    return {name.removeprefix("project/"): data for name, data in entries.items()}, Evidence(**known)


# Tables.


def _call_name(database: str, relation: str, is_query: bool, selection: Mapping[str, Any]) -> str:
    keys = selection.get("keys")
    told = {name: str(value) for name, value in sorted(selection.items()) if value is not None and name != "keys"}
    listed = None if keys is None else [str(key) for key in keys]
    return canonical_json([database, relation, is_query, told, listed])


class _RecordingSource(SqlStageSource):
    def __init__(self, inner: SqlStageSource, database: str, evidence: Evidence) -> None:
        self._inner, self._database, self._evidence = inner, database, evidence

    def columns(self, relation: str, *, is_query: bool) -> Mapping[str, str]:
        found = self._inner.columns(relation, is_query=is_query)
        self._evidence.columns[_call_name(self._database, relation, is_query, {})] = dict(found)
        return found

    def read(self, relation: str, *, is_query: bool, columns: Sequence[str] | None, **selection: Any) -> pd.DataFrame:
        if selection.get("keys") is not None:
            selection["keys"] = list(selection["keys"])
        frame = self._inner.read(relation, is_query=is_query, columns=columns, **selection)
        name = _call_name(self._database, relation, is_query, {"columns": columns, **selection})
        self._evidence.tables[name] = {"relation": relation, "frame": encode(frame)}
        return frame

    def close(self) -> None:
        self._inner.close()


class _RecordingReader(StageReader):
    def __init__(self, pipeline: Pipeline, connections: Connections, evidence: Evidence) -> None:
        super().__init__(pipeline, connections)
        self._evidence = evidence

    def source(self, database: str) -> SqlStageSource:
        if database not in self._sources:
            self._sources[database] = _RecordingSource(super().source(database), database, self._evidence)
        return self._sources[database]


class _BundleSource(SqlStageSource):
    def __init__(self, database: str, evidence: Evidence) -> None:
        self._database, self._evidence = database, evidence

    def columns(self, relation: str, *, is_query: bool) -> Mapping[str, str]:
        return dict(_held(self._evidence.columns, _call_name(self._database, relation, is_query, {}), relation))

    def read(self, relation: str, *, is_query: bool, columns: Sequence[str] | None, **selection: Any) -> pd.DataFrame:
        if selection.get("keys") is not None:
            selection["keys"] = list(selection["keys"])
        name = _call_name(self._database, relation, is_query, {"columns": columns, **selection})
        frame: pd.DataFrame = decode(_held(self._evidence.tables, name, relation)["frame"])
        return frame

    def close(self) -> None:
        pass


class _BundleReader(StageReader):
    def __init__(self, pipeline: Pipeline, connections: Connections, evidence: Evidence) -> None:
        super().__init__(pipeline, connections)
        self._evidence = evidence

    def source(self, database: str) -> SqlStageSource:
        return _BundleSource(database, self._evidence)


def _held(known: Mapping[str, Any], name: str, relation: str) -> Any:
    if name not in known:
        msg = f"the bundle does not hold what is read from {relation}: it was written by another version or changed"
        raise DataContractError(msg)
    return known[name]


# Models.


class _RecordingModels(Models):
    def __init__(self, deps: Deps, pipeline: Pipeline, window: Window, evidence: Evidence) -> None:
        super().__init__(deps, pipeline, window)
        self._evidence = evidence

    def ask(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        answers = super().ask(stage, calls)
        known = self._evidence.answers.setdefault(stage.name, [])
        known.extend(
            {"key": call.key, "body": call.body, "attempt": call.attempt, "answer": to_json(answer)}
            for call, answer in zip(calls, answers, strict=True)
        )
        self._evidence.spent = {"calls": self.calls, "cost_usd": self.cost_usd, "notes": list(self.notes)}
        return answers


class _BundleModels(Models):
    def __init__(self, deps: Deps, pipeline: Pipeline, window: Window, evidence: Evidence) -> None:
        super().__init__(deps, pipeline, window)
        self._spent = evidence.spent
        self.notes = list(evidence.spent.get("notes", []))
        self._known: dict[tuple[str, str, str, int], list[Any]] = {}
        for name, answers in evidence.answers.items():
            for one in answers:
                self._known.setdefault((name, one["key"], one["body"], one["attempt"]), []).append(one["answer"])

    def ask(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        found = []
        for call in calls:
            known = self._known.get((stage.name, call.key, call.body, call.attempt))
            if not known:
                msg = f"the bundle holds no answer of {stage.name} to the request of record {call.key}"
                raise DataContractError(msg)
            # One that could not be asked at first may have been answered later: in the order of the recording.
            found.append(from_json(ModelAnswer, known.pop(0) if len(known) > 1 else known[0]))
        return found

    @property
    def calls(self) -> int:
        return int(self._spent.get("calls", 0))

    @property
    def cost_usd(self) -> float | None:
        return cast("float | None", self._spent.get("cost_usd", 0.0))


# Checks and the store.


def _checked(deps: Deps, pipeline: Pipeline, stage: Stage, window: Window, evidence: Evidence) -> StageResult:
    result = check_stage(deps, pipeline, stage, window)
    evidence.checks[stage.name] = to_json(result)
    return result


def _known_check(stage: Stage, evidence: Evidence) -> StageResult:
    return from_json(StageResult, _held(evidence.checks, stage.name, f"the checks of {stage.name}"))


def _question(name: str, args: tuple[Any, ...], more: Mapping[str, Any]) -> str:
    return f"{name}{args!r}{sorted(more.items())!r}"


class _RecordingStore:
    """The store, with what attribution reads from it written down."""

    def __init__(self, inner: Store, evidence: Evidence) -> None:
        self._inner, self._evidence = inner, evidence

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in _STORE_READS:
            return method

        def read(*args: Any, **more: Any) -> Any:
            found = method(*args, **more)
            self._evidence.store[_question(name, args, more)] = encode(found)
            return found

        return read


class _BundleStore:
    """What the store said then; it keeps nothing."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _STORE_WRITES:
            return lambda *_, **__: None
        if name in _STORE_READS:
            return lambda *args, **more: decode(_held(self._evidence.store, _question(name, args, more), "the store"))
        raise AttributeError(name)


class _NoConnections:
    def get(self, conn_id: str) -> Any:
        msg = f"{conn_id}: a bundle is replayed without connections"
        raise ConnectionNotFound(msg)


def _no_notifier(_: str) -> Any:
    msg = "a bundle is replayed without a channel"
    raise AdapterError(msg)


# Redaction.


def _redact(pipeline: Pipeline, evidence: Evidence) -> None:
    """Replace the values of the fields to redact by tokens, wherever they occur in what is known of their record."""
    redactor = Redactor()
    frames = [(name, call["relation"], decode(call["frame"])) for name, call in evidence.tables.items()]
    for wanted in pipeline.bundle.redact:
        stage_name, _, field_name = wanted.partition(".")
        stage = pipeline.stage(stage_name)
        for _, relation, frame in frames:
            column = field_name if field_name in frame.columns else field_name.partition(".")[0]
            is_mine = relation in (stage.table, stage.query) or (
                pipeline.benchmark is not None
                and relation in (pipeline.benchmark.table, pipeline.benchmark.query)
                and stage == pipeline.first_stage
            )
            if is_mine and column in frame.columns:
                path = "" if column == field_name else field_name.removeprefix(f"{column}.")
                keys = frame[_key_of(pipeline, relation, frame)]
                redactor.learn(wanted, keys, [at_path(value, path) if path else value for value in frame[column]])
    for name, relation, frame in frames:
        keys = frame[_key_of(pipeline, relation, frame)]
        evidence.tables[name]["frame"] = encode(redactor.frame(frame, keys))
    evidence.answers = {
        stage: [redactor.document(one, key=one["key"]) for one in answers]
        for stage, answers in evidence.answers.items()
    }
    evidence.checks = redactor.document(evidence.checks)
    evidence.store = redactor.document(evidence.store)
    evidence.spent = redactor.document(evidence.spent)


def _key_of(pipeline: Pipeline, relation: str, frame: pd.DataFrame) -> str:
    """Return the column that names the records of what was read."""
    named = [s.key for s in pipeline.stages if relation in (s.table, s.query)]
    for other in (pipeline.outcome.truth if pipeline.outcome else None, pipeline.benchmark):
        if other is not None and relation in (other.table, other.query):
            named.append(other.key)
    known = [key for key in (*named, pipeline.key) if key is not None and key in frame.columns]
    return known[0] if known else str(frame.columns[0])


def _require_same(pipeline: Pipeline, attribution: Attribution, files: Mapping[str, bytes], evidence: Evidence) -> None:
    """Raise unless the redacted evidence gives the verdicts that the real one gave."""
    try:
        again = _replay(files, evidence)
        is_same = _told(again) == _told(attribution)
    except DataContractError:
        is_same = False  # a request that the redaction changed was never asked
    if not is_same:
        fields = ", ".join(pipeline.bundle.redact)
        msg = (
            f"{pipeline.pipeline}: without {fields} the bundle gives other verdicts, since a reference computes with "
            "it; take the field out of bundle.redact, or redact it where it is recorded"
        )
        raise DataContractError(msg)


def _told(found: Attribution) -> list[tuple[Any, ...]]:
    return [(v.key, v.responsibility, v.stage, v.fields, v.confidence) for v in found.verdicts]
