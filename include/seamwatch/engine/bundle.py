"""An incident in one file: the definition, the rows, the model's answers and what the store knew; replayed anywhere.

`record` attributes a window as ever and writes down everything that came from outside; `replay` attributes again with
the file in the place of databases, endpoints and the store. Nothing is called: what the file does not hold is an error.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd

from seamwatch.adapters.base import Connections
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.core.records.comparison import canonical_json
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.results import Attribution, StageResult, Window
from seamwatch.core.retrieved_documents import Context
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.bundle_file import Evidence, definition, pack, read_bundle, unpack
from seamwatch.engine.bundle_reads import watch_references
from seamwatch.engine.bundle_redaction import redacted
from seamwatch.engine.contexts import Knowledge, read_knowledge
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.engine.outside import Outside
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader
from seamwatch.engine.typed_json import decode, encode
from seamwatch.engine.validate import check_stage
from seamwatch.errors import AdapterError, ConnectionNotFound, DataContractError, SeamwatchError
from seamwatch.report.machine import attribution_json, verdicts_csv
from seamwatch.spec.load import Project, load_project
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.repo import Store
from seamwatch.vocabulary import FreshnessReason, Protocol

_STORE_READS = (
    *("baseline", "baseline_results", "stage_results", "cause_history", "windows", "verdicts"),
    *("seam_history", "changed_seams"),
)
_STORE_WRITES = ("begin_window", "save_attribution", "put_aggregates", "forget_aggregates", "save_watch_report")
_STORE_ABSENT: Mapping[str, Any] = {"seam_history": (), "changed_seams": ()}
"""What the store says where a bundle was written before it was asked."""
_REACHED_SHOWN = 3


def record(deps: Deps, pipeline: Pipeline, window: Window, path: Path) -> Attribution:
    """Attribute a window and write its bundle, once it has been replayed; errors as `attribute_window`.

    Raises:
        DataContractError: If a reference reads what the bundle does not hold, as a file outside of `include/mappings`;
            if the bundle gives other verdicts, by a redaction or since a reference rests on something else that the
            bundle cannot hold; or if the file cannot be written. Nothing is written then.
    """
    now = deps.clock()
    span = [window.start.isoformat(), window.end.isoformat()]
    evidence = Evidence(pipeline=pipeline.pipeline, window=span, now=now.isoformat(), spent={"is_asked": True})
    recording = replace(deps, clock=lambda: now, store=cast("Store", _RecordingStore(deps.store, evidence)))
    evidence.protocols.update(_protocols(with_protocols(pipeline, recording)))
    outside = Outside(
        reader=lambda spec, known, project: _RecordingReader(spec, known, project, evidence),
        models=lambda inner, spec, span: _RecordingModels(inner, spec, span, evidence),
        check=lambda inner, spec, stage, span, _: _checked(inner, spec, stage, span, evidence),
        knowledge=lambda *given: _read_knowledge(*given, evidence=evidence),
    )
    files = definition(deps.project.root, pipeline)
    with watch_references(deps.project.root, [deps.project.root / name for name in files]) as reached:
        attribution = attribute_window(recording, pipeline, window, outside, is_asked=True)
    if reached:
        raise DataContractError(_unheld(pipeline, reached))
    fields = tuple(dict.fromkeys(pipeline.bundle.redact))
    content = pack(files, redacted(pipeline, evidence, fields) if fields else evidence)
    fault = _fault(content, attribution, is_redacted=bool(fields))
    if fault is not None:
        guilty = [
            field
            for field in fields
            if _fault(pack(files, redacted(pipeline, evidence, [field])), attribution, is_redacted=True) is not None
        ]
        raise DataContractError(_refusal(pipeline, guilty or fields, fault))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise DataContractError(msg) from error
    return attribution


def replay(path: Path) -> Attribution:
    """Return the attribution of a bundle, without any network, database, connection or project folder.

    The references are the bundle's own Python code, which is run.

    Raises:
        DataContractError: If the file is no bundle, of another format, or lacks something that is asked for.
    """
    return _replay(*read_bundle(path))


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
            reader=lambda spec, known, project: _BundleReader(spec, known, project, evidence),
            models=lambda inner, spec, span: _BundleModels(inner, spec, span, evidence),
            check=lambda inner, spec, stage, span, _: _known_check(stage, evidence),
            knowledge=lambda _, spec, *__: _known_knowledge(spec, evidence),
        )
        start, end = (datetime.fromisoformat(moment) for moment in evidence.window)
        is_asked = bool(evidence.spent.get("is_asked"))
        return attribute_window(deps, pipeline, Window(start=start, end=end), outside, is_asked=is_asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fault(content: bytes, attribution: Attribution, *, is_redacted: bool) -> str | None:
    """Return why a bundle does not give an attribution in every byte (redacted: all of it but its texts); else None."""
    told = _judged if is_redacted else _written
    try:
        again = _replay(*unpack(content, where="the bundle"))
    except (SeamwatchError, LookupError, TypeError, ValueError) as error:
        # A request that a redaction changed was never asked; a text that was a name is none any more.
        return f"{type(error).__name__}: {error}" if not isinstance(error, SeamwatchError) else str(error)
    return None if told(again) == told(attribution) else "its verdicts differ"


def _written(found: Attribution) -> object:
    return verdicts_csv(found.verdicts), json.dumps(attribution_json(found), default=str)


def _judged(found: Attribution) -> object:
    verdicts = [(v.key, v.responsibility, v.stage, v.fields, v.confidence) for v in found.verdicts]
    causes = [(c.responsibility, c.stage, c.fields, c.share, c.confidence, c.is_change) for c in found.causes]
    return verdicts, causes


def _refusal(pipeline: Pipeline, fields: Sequence[str], fault: str) -> str:
    if fields:
        return (
            f"{pipeline.pipeline}: without the values of {', '.join(fields)} the bundle gives other verdicts, since a "
            "reference, a check or the outcome computes with them; take them out of bundle.redact. Nothing was written"
        )
    return (
        f"{pipeline.pipeline}: the bundle cannot be replayed ({fault}): a reference may rest on the time, on chance, "
        "on the environment or on a file outside of include/mappings. Nothing was written"
    )


def _unheld(pipeline: Pipeline, reached: Sequence[str]) -> str:
    more = f", and {len(reached) - _REACHED_SHOWN} more" if len(reached) > _REACHED_SHOWN else ""
    return (
        f"{pipeline.pipeline}: the bundle cannot be replayed elsewhere: {'; '.join(reached[:_REACHED_SHOWN])}{more}. "
        "A bundle holds include/mappings: put what a reference needs there and open it beside the reference, as "
        "Path(__file__).parent / 'codes.csv'. Nothing was written"
    )


def _protocols(resolved: Pipeline) -> dict[str, str]:
    return {s.name: str(s.endpoint.protocol) for s in resolved.stages if s.endpoint is not None}


def _with_protocols(pipeline: Pipeline, evidence: Evidence) -> Pipeline:
    stages = []
    for stage in pipeline.stages:
        if stage.endpoint is not None:
            protocol = Protocol(_held(evidence.protocols, stage.name, f"the endpoint of {stage.name}"))
            endpoint = stage.endpoint.model_copy(update={"protocol": protocol})
            stage = stage.model_copy(update={"endpoint": endpoint})  # noqa: PLW2901
        stages.append(stage)
    return pipeline.model_copy(update={"stages": tuple(stages)})


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
        try:
            self._evidence.tables[name] = {"relation": relation, "frame": encode(frame)}
        except DataContractError as error:
            msg = f"{relation}: {error}; cast the column in a query, or leave it out there"
            raise DataContractError(msg) from error
        return frame

    def close(self) -> None:
        self._inner.close()


class _RecordingReader(StageReader):
    def __init__(self, pipeline: Pipeline, connections: Connections, project: Project, evidence: Evidence) -> None:
        super().__init__(pipeline, connections, project)
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
    def __init__(self, pipeline: Pipeline, connections: Connections, project: Project, evidence: Evidence) -> None:
        super().__init__(pipeline, connections, project)
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
            # Without how long it took, which no verdict rests on: the same answers give the same bytes.
            {"key": call.key, "body": call.body, "attempt": call.attempt, "answer": to_json(_timeless(answer))}
            for call, answer in zip(calls, answers, strict=True)
        )
        self._evidence.spent.update(calls=self.calls, cost_usd=self.cost_usd, notes=list(self.notes))
        return answers

    def calls_left(self, *, is_asked: bool) -> int:
        left = super().calls_left(is_asked=is_asked)
        self._evidence.spent.setdefault("left", []).append(left)
        return left

    def calls_for_benchmark(self) -> int:
        self._evidence.spent["for_benchmark"] = super().calls_for_benchmark()
        return int(self._evidence.spent["for_benchmark"])

    def calls_for_sample(self) -> int:
        self._evidence.spent["for_sample"] = super().calls_for_sample()
        return int(self._evidence.spent["for_sample"])


def _timeless(answer: ModelAnswer) -> ModelAnswer:
    return replace(answer, latency_ms=None)


class _BundleModels(Models):
    def __init__(self, deps: Deps, pipeline: Pipeline, window: Window, evidence: Evidence) -> None:
        super().__init__(deps, pipeline, window)
        self._spent = evidence.spent
        self.notes = list(evidence.spent.get("notes", []))
        self._left = iter(evidence.spent.get("left", []))
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

    def calls_left(self, *, is_asked: bool) -> int:
        del is_asked
        return int(next(self._left, 0))

    def calls_for_benchmark(self) -> int:
        return int(self._spent.get("for_benchmark", sys.maxsize))

    def calls_for_sample(self) -> int:
        return int(self._spent.get("for_sample", sys.maxsize))  # not bounded by whoever wrote none

    @property
    def calls(self) -> int:
        return int(self._spent.get("calls", 0))

    @property
    def cost_usd(self) -> float | None:
        return cast("float | None", self._spent.get("cost_usd", 0.0))


# Checks and the store.


def _checked(deps: Deps, pipeline: Pipeline, stage: Stage, window: Window, evidence: Evidence) -> StageResult:
    # With a window of its own: what its expectations read is no evidence of the attribution, their result is.
    result = check_stage(deps, pipeline, stage, window)
    evidence.checks[stage.name] = to_json(result)
    return result


def _known_check(stage: Stage, evidence: Evidence) -> StageResult:
    return from_json(StageResult, _held(evidence.checks, stage.name, f"the checks of {stage.name}"))


def _read_knowledge(*given: Any, evidence: Evidence) -> Knowledge:
    found = read_knowledge(*given)
    evidence.knowledge["contexts"] = {
        name: encode({part.name: _listed(getattr(one, part.name)) for part in _context_parts()})
        for name, one in found.contexts.items()
    }
    evidence.knowledge["notes"] = list(found.notes)
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return {name: list(part) if isinstance(part, tuple) else part for name, part in value.items()}


def _known_knowledge(pipeline: Pipeline, evidence: Evidence) -> Knowledge:
    contexts = {}
    for name, data in evidence.knowledge.get("contexts", {}).items():
        stage, known = pipeline.stage(name), decode(data)
        suspects = {
            key: {document: FreshnessReason(reason) for document, reason in documents.items()}
            for key, documents in known.pop("suspects").items()
        }
        documents = tuple(known.pop("documents"))
        known["instead"] = {key: tuple(served) for key, served in known["instead"].items()}
        rules = pipeline.knowledge_bases[str(stage.knowledge_base)].ids
        contexts[name] = Context(stage=stage, rules=rules, suspects=suspects, documents=documents, **known)
    return Knowledge(contexts=contexts, notes=tuple(evidence.knowledge.get("notes", ())))


def _context_parts() -> list[Field[Any]]:
    """Return the parts of a context that the pipeline file does not tell."""
    return [one for one in fields(Context) if one.name not in ("stage", "rules")]


def _question(name: str, args: tuple[Any, ...], more: Mapping[str, Any]) -> str:
    # A moment that went through JSON has another zone object, so its text is what counts.
    return canonical_json([name, [_plain(one) for one in args], {key: _plain(one) for key, one in more.items()}])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return to_json(value) if is_dataclass(value) else value


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
            return lambda *args, **more: self._said(name, args, more)
        msg = f"the bundle does not hold what the store said of {name}: it was written by another version or changed"
        raise DataContractError(msg)

    def _said(self, name: str, args: tuple[Any, ...], more: Mapping[str, Any]) -> Any:
        question, known = _question(name, args, more), self._evidence.store
        if name in _STORE_ABSENT and question not in known:
            return _STORE_ABSENT[name]
        return decode(_held(known, question, "the store"))


class _NoConnections:
    def get(self, conn_id: str) -> Any:
        msg = f"{conn_id}: a bundle is replayed without connections"
        raise ConnectionNotFound(msg)


def _no_notifier(_: str) -> Any:
    msg = "a bundle is replayed without a channel"
    raise AdapterError(msg)
