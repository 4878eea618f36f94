"""Scan untrusted text for orders to the model: read what is new, keep hourly sums, tell waves and what got through."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.hours import HOUR, floor_hour
from seamwatch.core.injection.places import SHORTEST_TEXT, field_kind, named_places, source_places
from seamwatch.core.injection.scan import Scan, scan_texts, without_spans
from seamwatch.core.injection.version import scanner_version
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.frames import ANSWER, StageData
from seamwatch.core.records.json_documents import texts_in
from seamwatch.core.watch import injection as rates
from seamwatch.core.watch.injection_evaluation import FieldState, Reached, evaluate_injection
from seamwatch.core.watch.injection_output import Obedience, judge_answer, loose, marker_forms, says_marker
from seamwatch.core.watch.injection_sums import Flagged, attacking_part, hour_sums
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.untrusted import field_name
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.guard import ask_guard
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.report.watch.injection import injection_report
from seamwatch.spec.monitoring import InjectionWatch
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import FieldKind, StageKind, Watch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Where what belongs to no hour is kept: scores of texts that are read again, and spans of waves."""
_STATE, _OUTPUT = "#state", "#output"
MOST_REMEMBERED = 200_000
"""Texts whose score is kept for the next look, 16 bytes each; of more, the rest is scanned again."""
MOST_JUDGED = 200
"""Flagged records of one look whose answers are judged, the surest first."""
MOST_OTHERS = 300
"""Answers of other records that one is held against."""


_Text = tuple[FieldKind, str]
"""A text in a kind of field: one text may score more where nobody asks for anything."""


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """What the texts of a look score."""

    by_text: Mapping[_Text, float]
    remembered: str
    """For the next look."""
    notes: tuple[str, ...]


def look(deps: Deps, pipeline: Pipeline, read: WatchRead, *, now: datetime) -> WatchReport:
    """Return what the untrusted texts of a pipeline tell, after their hourly sums are kept.

    Only texts that were not scored at the last look are scanned. Every hour from `read.start` on is summed anew.
    """
    settings = pipeline.monitoring.injection or InjectionWatch()
    state = _kept_state(deps, pipeline)
    texts, notes = _untrusted_texts(pipeline, read, settings)
    scores = _score(deps, pipeline, settings, texts, state)
    texts["score"] = [scores.by_text[text] for text in zip(texts["kind"], texts["text"], strict=True)]
    flagged = _flagged(texts, settings.threshold)
    answers = _answers(pipeline, read)
    flagged, reached = _judge_answers(flagged, texts, answers, settings)
    reached += _said_markers(answers, flagged, read.records, settings)
    segments = _segments(pipeline, read, notes)
    sums = hour_sums(texts, flagged, segments=segments, threshold=settings.threshold)
    rows = [
        Aggregate(series=field, start_at=at, data=data) for field, hours in sums.items() for at, data in hours.items()
    ]
    deps.store.put_aggregates(
        pipeline.pipeline, Watch.INJECTION, [*rows, *_output_rows(reached)], start=read.start, end=max(now, read.end)
    )
    return _judge(deps, pipeline, state | {"scores": scores.remembered}, now, tuple([*notes, *scores.notes]))


# What is read.


def _untrusted_texts(pipeline: Pipeline, read: WatchRead, settings: InjectionWatch) -> tuple[pd.DataFrame, list[str]]:
    """Return `key`, `at`, `field`, `kind` and `text` of every untrusted text, and what a reader must know."""
    notes: list[str] = []
    at = pd.to_datetime(read.records["at"], utc=True) if len(read.records) else pd.Series(dtype="datetime64[ns, UTC]")
    columns = {name: [str(one) for one in data.payload.columns] for name, data in read.stages.items()}
    named = list(named_places(settings.fields, columns, notes))
    every = [(stage, place) for stage, places in source_places(pipeline, columns).items() for place in places]
    kinds = cache(partial(field_kind, pipeline))
    for fields in (settings.data_fields, settings.request_fields):
        list(named_places(fields, columns, notes))
    parts: list[tuple[Any, str, FieldKind, str]] = []
    for stage, place in named if settings.fields else every:
        payload = read.stages[stage].payload
        payload = payload.loc[payload.index.isin(at.index)]
        for key, value in zip(payload.index, payload[place.column], strict=True):
            parts += [
                (key, f"{stage}.{field_name(place.column, path)}", kinds(stage, place.column, path), text)
                for path, text in texts_in(value, shortest=SHORTEST_TEXT)
                if place.holds(path)
            ]
    frame = pd.DataFrame(parts, columns=["key", "field", "kind", "text"])
    frame["at"] = pd.DatetimeIndex(at.reindex(frame["key"]) if len(frame) else [], tz="UTC")
    return frame[frame["at"].notna()].reset_index(drop=True), notes


def _segments(pipeline: Pipeline, read: WatchRead, notes: list[str]) -> dict[str, dict[Any, str]]:
    found = {}
    for name in pipeline.segments:
        stage, _, field = name.partition(".")
        data = read.stages.get(stage)
        if data is None or field not in data.payload.columns:
            notes.append(f"attacks are not split by {name}: there is no such column")
            continue
        values = data.payload[field].map(lambda value: (strict_text(value) or "")[:60])
        found[name] = dict(zip(data.payload.index, values, strict=True))
    return found


def _answers(pipeline: Pipeline, read: WatchRead) -> pd.Series[Any]:
    """Return by record the text that the last model answered, else the texts of the last stage."""
    models = [stage.name for stage in pipeline.stages if stage.kind is StageKind.MODEL and stage.name in read.stages]
    if models:
        payload = read.stages[models[-1]].payload
        if ANSWER in payload.columns:
            is_text = payload[ANSWER].map(lambda answer: isinstance(answer, str)).astype(bool)
            return payload.loc[is_text, ANSWER]
    data: StageData | None = read.stages.get(pipeline.final_stage.name)
    if data is None or not len(data.payload):
        return pd.Series(dtype=object)
    texts = data.payload.map(lambda value: strict_text(value) or "")
    return texts.agg("\n".join, axis=1)


# What is scored.


def _hash(one: _Text) -> int:
    kind, text = one
    raw = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8, salt=kind.encode()).digest(), "little")


def _scan(texts: Sequence[_Text], *, threshold: float = 0.5) -> dict[_Text, Scan]:
    found: dict[_Text, Scan] = {}
    for kind in FieldKind:
        mine = [one for one in texts if one[0] is kind]
        scans = scan_texts([text for _, text in mine], kind=kind, threshold=threshold)
        found |= zip(mine, scans, strict=True)
    return found


def _score(
    deps: Deps, pipeline: Pipeline, settings: InjectionWatch, texts: pd.DataFrame, state: Mapping[str, Any]
) -> _Scores:
    """Return the scores of all texts; those of the last look are not made again."""
    made_by = f"{scanner_version()} {settings.guard or ''}"
    known = _remembered(state, made_by)
    wanted: list[_Text] = list(dict.fromkeys(zip(texts["kind"], texts["text"], strict=True)))
    hashes = {text: _hash(text) for text in wanted}
    new = [text for text in wanted if hashes[text] not in known]
    # As they are remembered, so that a look that is repeated tells the same.
    own = {text: float(np.float32(found.score)) for text, found in _scan(new).items()}
    found = {text: known[hashes[text]] for text in wanted if hashes[text] in known} | own
    notes: tuple[str, ...] = ()
    unasked: set[_Text] = set()
    if settings.guard is not None and new:
        asked = sorted(new, key=lambda text: -own[text])
        guard = ask_guard(deps.connections, settings.guard, [text for _, text in asked], pipeline=pipeline.pipeline)
        for text, score in zip(asked, guard.scores, strict=True):
            if score is None:
                unasked.add(text)
            else:
                found[text] = max(found[text], float(np.float32(score)))
        notes = guard.notes
    kept = [text for text in wanted if text not in unasked][-MOST_REMEMBERED:]
    return _Scores(
        by_text=found, remembered=_packed(made_by, [hashes[t] for t in kept], [found[t] for t in kept]), notes=notes
    )


def _packed(kind: str, hashes: Sequence[int], scores: Sequence[float]) -> str:
    raw = np.array(hashes, dtype="<u8").tobytes() + np.array(scores, dtype="<f4").tobytes()
    return f"{kind}\n{base64.b64encode(raw).decode()}"


def _remembered(state: Mapping[str, Any], kind: str) -> dict[int, float]:
    made_by, _, packed = str(state.get("scores", "")).partition("\n")
    raw = base64.b64decode(packed) if made_by == kind else b""
    n = len(raw) // 12
    hashes, scores = np.frombuffer(raw[: 8 * n], dtype="<u8"), np.frombuffer(raw[8 * n :], dtype="<f4")
    return dict(zip(hashes.tolist(), scores.astype(float).tolist(), strict=True))


def _flagged(texts: pd.DataFrame, threshold: float) -> list[Flagged]:
    rows = texts[(texts["score"] >= threshold).to_numpy()]
    columns = ["key", "at", "field", "kind", "score", "text"]
    scans = _scan(list(dict.fromkeys(zip(rows["kind"], rows["text"], strict=True))), threshold=threshold)
    return [
        Flagged(
            key=str(key),
            at=at.to_pydatetime(),
            field=field,
            score=float(score),
            spans=scans[kind, text].spans,
            text=text,
        )
        for key, at, field, kind, score, text in rows[columns].itertuples(index=False, name=None)
    ]


# What got through.


def _judge_answers(
    flagged: list[Flagged], texts: pd.DataFrame, answers: pd.Series[Any], settings: InjectionWatch
) -> tuple[list[Flagged], list[Reached]]:
    """Return the flagged texts with what their answers say, and those that surely reached the output."""
    by_key = {str(key): str(answer) for key, answer in answers.items()}
    attacked = {one.key for one in flagged}
    others = [loose(answer) for key, answer in by_key.items() if key not in attacked][-MOST_OTHERS:]
    inputs: dict[str, list[str]] = {}
    if flagged:
        mine = texts[texts["key"].map(str).isin(attacked).to_numpy()]
        for key, text in zip(mine["key"], mine["text"], strict=True):
            inputs.setdefault(str(key), []).append(text)
    found: list[Flagged] = []
    reached: list[Reached] = []
    for number, one in enumerate(sorted(flagged, key=lambda one: -one.score)):
        verdict = Obedience()
        if number < MOST_JUDGED and one.key in by_key:
            verdict = judge_answer(
                by_key[one.key],
                attacking_part(one.text, one.spans),
                elsewhere=_elsewhere(one, inputs[one.key]),
                others=others,
            )
        if verdict.is_sure:
            reached.append(Reached(key=one.key, field=one.field, how="echo", at=one.at))
        found.append(replace(one, obeyed=verdict.obeyed, log_evidence=verdict.log_evidence))
    return found, reached


def _elsewhere(one: Flagged, inputs: Sequence[str]) -> str:
    rest = without_spans(one.text, one.spans) if one.spans else ""
    return "\n".join([rest, *(text for text in inputs if text != one.text)])


def _said_markers(
    answers: pd.Series[Any], flagged: Sequence[Flagged], records: pd.DataFrame, settings: InjectionWatch
) -> list[Reached]:
    fields = {one.key: one.field for one in reversed(flagged)}
    times = dict(zip(records.index, pd.to_datetime(records["at"], utc=True), strict=True)) if settings.markers else {}
    found = []
    for number, marker in enumerate(settings.markers, start=1):
        forms = marker_forms(marker)
        for key, answer in answers.items():
            if key in times and says_marker(str(answer), forms):
                at = times[key].to_pydatetime()
                found.append(Reached(key=str(key), field=fields.get(str(key)), how=f"marker {number}", at=at))
    return found


def _output_rows(reached: Sequence[Reached]) -> list[Aggregate]:
    hours: dict[datetime, list[Reached]] = {}
    for one in reached:
        hours.setdefault(floor_hour(one.at), []).append(one)
    return [
        Aggregate(series=_OUTPUT, start_at=at, data={"n": len(some), "reached": [one.to_data() for one in some[:100]]})
        for at, some in hours.items()
    ]


# What is kept and judged.


def _kept_state(deps: Deps, pipeline: Pipeline) -> dict[str, Any]:
    rows = deps.store.aggregates(pipeline.pipeline, Watch.INJECTION, since=_EPOCH, until=_EPOCH + HOUR, series=_STATE)
    return dict(rows[0].data) if rows else {}


def _judge(deps: Deps, pipeline: Pipeline, state: dict[str, Any], now: datetime, notes: tuple[str, ...]) -> WatchReport:
    name, since = pipeline.pipeline, now - rates.LOOK_BACK
    sums: dict[str, dict[datetime, dict[str, Any]]] = {}
    reached: list[Reached] = []
    for row in deps.store.aggregates(name, Watch.INJECTION, since=since):
        if row.series == _OUTPUT:
            reached += [Reached.from_data(one) for one in row.data["reached"]]
        elif row.series != _STATE:
            sums.setdefault(row.series, {})[row.start_at] = row.data
    reported = {
        field: [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in spans]
        for field, spans in state.get("told", {}).items()
    }
    fields = []
    for field, mine in sorted(sums.items()):
        spans = reported.get(field, [])
        # A wave that goes on was reported until the last run, less than an hour ago or the last there was.
        was_reported = bool(spans) and field in state.get("open", [])
        rate = rates.judge_rate(rates.field_hours(mine, now=now, told=spans), n_fields=len(sums), was_told=was_reported)
        fields.append(FieldState(field=field, sums=mine, rate=rate, was_reported=was_reported))
    evaluation = evaluate_injection(
        name,
        max(since, min((min(mine) for mine in sums.values()), default=now - timedelta(days=1))),
        fields=fields,
        reached=[one for one in reached if now - one.at <= rates.REACHED_FOR],
        now=now,
    )
    _keep_state(deps, name, state, reported, fields, now)
    return injection_report(evaluation, notes=notes)


def _keep_state(
    deps: Deps,
    name: str,
    state: Mapping[str, Any],
    reported: dict[str, list[tuple[datetime, datetime]]],
    fields: Sequence[FieldState],
    now: datetime,
) -> None:
    for one in fields:
        if one.rate.fires:
            start = one.onset(now)
            spans = reported.setdefault(one.field, [])
            if spans and spans[-1][1] >= start:
                start = min(start, spans.pop()[0])
            spans.append((start, now))
    data = {
        "scores": state["scores"],
        "told": {
            field: [[a.isoformat(), b.isoformat()] for a, b in spans if b >= now - rates.LOOK_BACK]
            for field, spans in reported.items()
        },
        "open": [one.field for one in fields if one.rate.fires or (one.was_reported and not one.rate.can_end)],
    }
    deps.store.forget_aggregates(name, Watch.INJECTION, before=now - rates.LOOK_BACK - timedelta(days=1))
    deps.store.put_aggregates(
        name,
        Watch.INJECTION,
        [Aggregate(series=_STATE, start_at=_EPOCH, data=data)],
        start=_EPOCH,
        end=_EPOCH + HOUR,
    )
