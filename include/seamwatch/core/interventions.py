"""Hand the pipeline perfect parts and see whether the outcome turns right: `do(stage := reference)`, set-based.

A trial runs the stage graph forward for many records at once. A stage that nothing touched keeps what was recorded;
a repaired stage, and every stage behind it, is made anew by its reference; a model whose request changed is asked
again. The unrepaired fields of a faulty stage keep their recorded values: the fault stays while another is repaired.

Source: causal reading (interventions on a structural model) of "error analysis by parts", A. Ng, Machine Learning
Yearning, chapters 53 to 57.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import canonical_json, is_null, loose_text, parse_json
from seamwatch.core.records.frames import ANSWER, assign_answers, positions
from seamwatch.core.records.outcomes import Judge
from seamwatch.core.records.reconciliation import Reconciliation, set_field
from seamwatch.core.records.references import FunctionReference, Reference, to_records
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.retrieved_documents import Context
from seamwatch.spec.graph import ancestors, topological_order
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Gap, OutcomeState, StageKind

Ask = Callable[[Stage, Sequence[ModelCall]], list[ModelAnswer]]
"""Calls a model in isolation; the only way out of the core, handed in by the caller."""

EVERYTHING = frozenset({"*"})
"""As a repair: every field of the stage."""

TRUTH = frozenset({"=truth"})
"""As a repair of a stage within the pipeline: its labels, whatever its reference would make."""

NEUTRAL = frozenset({"=neutral"})
"""As a repair of a source or a retrieval: its payload without the spans that look like instructions."""

SUREST_NEUTRAL = frozenset({"=surest"})
"""As `NEUTRAL`, but only the spans that look most like instructions are left out: the others may be needed."""

CURRENT = frozenset({"=current"})
"""As a repair of a retrieval: the documents it served, and those it missed, as they are at the source."""

_DOCUMENT = "=document:"
_NO_FIELD = ("=", "*")

_REQUEST_REFUSED = frozenset({400, 413, 414, 422})
"""HTTP statuses by which an endpoint says that the request itself is wrong: an outcome, not a lack of one."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Repairs = Mapping[str, frozenset[str]]
"""Stage to the fields that are set to what the reference makes of them."""


def is_field(name: str) -> bool:
    """Return whether what stands in a repair is a field, and not a way to repair the stage as a whole."""
    return not name.startswith(_NO_FIELD)


def documents_repair(documents: Iterable[str]) -> frozenset[str]:
    """Return the repair of a retrieval that sets some documents to what they are at the source."""
    return frozenset(f"{_DOCUMENT}{document}" for document in documents)


@dataclass(frozen=True, kw_only=True)
class World:
    """What was recorded in a window, and what the references make of it."""

    pipeline: Pipeline
    recorded: Mapping[str, pd.DataFrame]
    """Payloads by stage, index key."""
    references: Mapping[str, Reference]
    """By stage; a stage that is missing here has none."""
    reconciled: Mapping[str, Reconciliation]
    """By stage with inputs."""
    judge: Judge
    corrections: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """By source stage: payloads as they were corrected at the source after the pipeline had read them."""
    truths: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """By stage within the pipeline: labels of its own fields."""
    neutral: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """By source or retrieval: payloads of the records that hold instruction-like spans, without them."""
    surest_neutral: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """As `neutral`, with all but the spans that look most like instructions left in."""
    knowledge: Mapping[str, Context] = field(default_factory=dict)
    """By retrieval: what it served failing records from documents that were not as they should be."""
    text_responses: frozenset[str] = frozenset()
    """Model stages whose response column holds the answer's text; the others hold the response body."""

    @property
    def order(self) -> list[Stage]:
        """Return the judged stage and all that it is made from, inputs first."""
        inputs = {stage.name: stage.input for stage in self.pipeline.stages}
        final = self.pipeline.final_stage.name
        wanted = ancestors(inputs, final) | {final}
        return [self.pipeline.stage(name) for name in topological_order(inputs) if name in wanted]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What became of some records under some repairs."""

    outcomes: pd.DataFrame
    """Index key; `state`, `reason`, and `gap` with what kept the record from being judged (state pending then)."""
    answers: Mapping[str, Mapping[Any, ModelAnswer]]
    """By model stage, what it said to the records that it was asked for."""
    payloads: Mapping[str, pd.DataFrame]

    def keys_with(self, state: OutcomeState) -> pd.Index[Any]:
        """Return the records whose outcome under the trial is `state`."""
        return self.outcomes.index[(self.outcomes["state"] == state).to_numpy()]

    def keys_with_gap(self, gap: Gap) -> pd.Index[Any]:
        """Return the records whose outcome is not known for that reason."""
        return self.outcomes.index[(self.outcomes["gap"] == gap).to_numpy()]


@dataclass
class _Flow:
    """Values on their way through the graph."""

    values: dict[str, pd.DataFrame]
    changed: dict[str, pd.Series[bool]]
    """By stage: whether the record's payload is no longer the recorded one."""
    gap: pd.Series[Any]
    answers: dict[str, dict[Any, ModelAnswer]]
    refused: set[Any]
    """Records whose request the endpoint calls wrong."""


def run_trial(
    world: World,
    keys: pd.Index[Any],
    repairs: Repairs,
    ask: Ask | None,
    *,
    fresh: Collection[str] = (),
    attempt: int = 0,
    purpose: str = "replay",
    from_scratch: bool = False,
) -> Trial:
    """Return the outcomes of the records with the repairs made.

    A record that a reference raised on, or of which it made nothing, is neither right nor wrong: it has a gap.

    Args:
        world: The window.
        keys: Records of it.
        repairs: What is repaired; a source by its correction, any other stage by its reference, or by its truth
            (`TRUTH`); a source or retrieval also by leaving out what looks like instructions (`NEUTRAL`), a retrieval
            by the documents as they are at the source (`CURRENT`, `documents_repair`).
        ask: None forbids model calls; a record that would need one gets a gap instead.
        fresh: Model stages that are asked again even where their request is as recorded.
        attempt: Number of the sample of a chance answer; the same number is answered from the cache.
        purpose: Tag of the calls.
        from_scratch: Make every stage anew from the sources, as where nothing but the sources was recorded.
    """
    flow = _Flow({}, {}, pd.Series([None] * len(keys), index=keys, dtype=object), {}, set())
    for stage in world.order:
        if stage.kind is StageKind.SOURCE:
            _flow_source(world, stage, keys, repairs, flow, is_changed=from_scratch)
        elif stage.kind is StageKind.MODEL:
            _flow_model(world, stage, keys, repairs, flow, ask, fresh, attempt, purpose)
        else:
            _flow_made(world, stage, keys, repairs, flow)
    final = flow.values[world.pipeline.final_stage.name].reindex(keys)
    outcomes = pd.DataFrame({"state": OutcomeState.PENDING, "reason": ""}, index=keys, dtype=object)
    free = keys[flow.gap.isna().to_numpy()]
    if len(free):
        judged = world.judge(final.loc[free])
        outcomes.loc[free, ["state", "reason"]] = judged[["state", "reason"]]
        unjudged = _unjudged(world, final.loc[free], judged["state"], is_recorded=not from_scratch)
        outcomes.loc[unjudged, ["state", "reason"]] = OutcomeState.PENDING, ""
        _note_gap(flow, unjudged, Gap.REFERENCE_FAILED)
    outcomes.loc[list(flow.refused), ["state", "reason"]] = OutcomeState.WRONG, "request refused"
    return Trial(outcomes=outcomes.assign(gap=flow.gap), answers=flow.answers, payloads=flow.values)


def records_not_made(world: World, stage: str, keys: pd.Index[Any]) -> pd.Index[Any]:
    """Return the records that reached a stage and of whose recorded inputs its reference made no payload."""
    reconciled = world.reconciled.get(stage)
    if reconciled is None or stage not in world.references:
        return keys[:0]
    reached = keys[positions(reconciled.expected.index, keys) < 0]
    for name in (stage, *reconciled.stage.input):
        reached = reached[positions(world.recorded[name].index, reached) >= 0]
    return reached


def _feeds_code(world: World, stage: Stage) -> bool:
    """Return whether what a stage makes goes into a request or into a person's function."""
    return any(
        stage.name in child.input
        and (
            child.kind in (StageKind.PROMPT, StageKind.MODEL)
            or isinstance(world.references.get(child.name), FunctionReference)
        )
        for child in world.order
    )


def _unjudged(world: World, final: pd.DataFrame, states: pd.Series[Any], *, is_recorded: bool) -> pd.Index[Any]:
    """Return the records that the judge does not call right because the references made nothing to be judged.

    That is those with a value that could not be read, and those called wrong with no value left in any judged field,
    though one was recorded: an answer that a reference does not understand leaves nulls where the pipeline found more.
    """
    outcome = world.pipeline.outcome
    named = [name for name in (outcome.compare if outcome is not None else ()) if name in final.columns]
    fields = named or list(final.columns)
    unread = final.index[(states == OutcomeState.PENDING).to_numpy()]
    unread = unread[_holds_unknown(final.loc[unread, fields])]
    wrong = final.index[(states == OutcomeState.WRONG).to_numpy()]
    if not len(wrong) or not fields:
        return unread
    nothing = _is_nothing(final.loc[wrong, fields])
    if is_recorded:
        recorded = world.recorded[world.pipeline.final_stage.name].reindex(index=wrong, columns=fields)
        nothing &= ~_is_nothing(recorded)
    return unread.append(wrong[nothing])


def _holds_unknown(rows: pd.DataFrame) -> Mask:
    """Return which rows hold a value that could not be read."""
    found = np.zeros(len(rows), dtype=bool)
    for name in rows.columns:
        if rows[name].dtype == object:
            found |= np.array([isinstance(value, Unknown) for value in rows[name].to_numpy()], dtype=bool)
    return found


def _is_nothing(rows: pd.DataFrame) -> Mask:
    """Return which rows hold no value at all, or none that could be read."""
    cells = [rows[name].to_numpy(dtype=object) for name in rows.columns]
    empty = [all(is_null(value) or isinstance(value, Unknown) for value in row) for row in zip(*cells, strict=True)]
    return np.array(empty, dtype=bool)


def _recorded(world: World, stage: Stage, keys: pd.Index[Any]) -> pd.DataFrame:
    return world.recorded[stage.name].reindex(keys)


def _flow_source(
    world: World, stage: Stage, keys: pd.Index[Any], repairs: Repairs, flow: _Flow, *, is_changed: bool
) -> None:
    values = _recorded(world, stage, keys)
    changed = pd.Series(is_changed, index=keys)
    given = {NEUTRAL: world.neutral, SUREST_NEUTRAL: world.surest_neutral}
    instead = given.get(repairs.get(stage.name, frozenset()), world.corrections).get(stage.name)
    if stage.name in repairs and instead is not None:
        known = keys[keys.isin(instead.index)]
        values = _replace_rows(values, instead.loc[known])
        changed.loc[known] = True
    flow.values[stage.name], flow.changed[stage.name] = values, changed


def _flow_made(world: World, stage: Stage, keys: pd.Index[Any], repairs: Repairs, flow: _Flow) -> None:
    """Make a mapping, prompt, retrieval or sink, where a repair or a change further up asks for it."""
    values = _recorded(world, stage, keys)
    moved = _any_changed(stage, flow)
    reconciled = world.reconciled.get(stage.name)
    found = reconciled.discrepancies if reconciled is not None else None
    faulty = pd.Series(False, index=keys)
    if found is not None and stage.name in repairs:
        faulty = pd.Series(keys.isin(found["key"]) | keys.isin(records_not_made(world, stage.name, keys)), index=keys)
    touched = keys[(moved | faulty).to_numpy()]
    reference = world.references.get(stage.name)
    if not len(touched):
        flow.values[stage.name], flow.changed[stage.name] = values, pd.Series(False, index=keys)
        _apply_given(world, stage, keys, repairs, flow)
        return
    if reference is None:
        # Nothing is known of how this stage follows its input. What was retrieved is kept (the verdict says so);
        # for a mapping or a prompt the record cannot be carried further.
        flow.values[stage.name], flow.changed[stage.name] = values, pd.Series(False, index=keys)
        if stage.kind is not StageKind.RETRIEVAL:
            _note_gap(flow, touched, Gap.MISSING_REFERENCE)
        _apply_given(world, stage, keys, repairs, flow)
        return
    made = reference.expected({name: flow.values[name].loc[touched] for name in stage.input})
    _note_gap(flow, touched[~touched.isin(made.frame.index)], Gap.REFERENCE_FAILED)
    if _feeds_code(world, stage):
        # What cannot be read must not go into a request, nor pass for a value further on.
        _note_gap(flow, made.frame.index[_holds_unknown(made.frame)], Gap.REFERENCE_FAILED)
    rows = _keep_faults(stage, made.frame, found, repairs.get(stage.name, frozenset()))
    flow.values[stage.name] = _replace_rows(values, rows)
    flow.changed[stage.name] = pd.Series(keys.isin(rows.index), index=keys)
    _apply_given(world, stage, keys, repairs, flow)


def _apply_given(world: World, stage: Stage, keys: pd.Index[Any], repairs: Repairs, flow: _Flow) -> None:
    """Put labels, payloads without instruction-like spans or current documents in the place of what the stage holds."""
    repair = repairs.get(stage.name, frozenset())
    by_repair = {TRUTH: world.truths, NEUTRAL: world.neutral, SUREST_NEUTRAL: world.surest_neutral}
    given = by_repair.get(repair, {}).get(stage.name)
    if _is_of_documents(repair) and stage.name in world.knowledge:
        chosen = None if repair == CURRENT else {name.removeprefix(_DOCUMENT) for name in repair}
        given = world.knowledge[stage.name].repaired(flow.values[stage.name], chosen)
    if given is None:
        return
    known = keys[keys.isin(given.index)]
    flow.values[stage.name] = _replace_rows(flow.values[stage.name], given.loc[known])
    flow.changed[stage.name] = flow.changed[stage.name] | pd.Series(keys.isin(known), index=keys)


def _is_of_documents(repair: frozenset[str]) -> bool:
    return repair == CURRENT or any(name.startswith(_DOCUMENT) for name in repair)


def _keep_faults(
    stage: Stage, made: pd.DataFrame, found: pd.DataFrame | None, repaired: frozenset[str]
) -> pd.DataFrame:
    """Return the rows as made, with the recorded values of discrepant fields that are not repaired."""
    is_whole = repaired in (EVERYTHING, TRUTH, NEUTRAL, SUREST_NEUTRAL) or _is_of_documents(repaired)
    if found is None or not len(found) or is_whole:
        return made
    kept = found[found["key"].isin(made.index) & ~found["field"].isin(list(repaired))]
    if not len(kept):
        return made
    rows = dict(zip(made.index, to_records(made), strict=True))
    for key, name, value in zip(kept["key"], kept["field"], kept["recorded"], strict=True):
        rows[key] = set_field(rows[key], name, value)
    return pd.DataFrame(list(rows.values()), index=made.index, columns=made.columns, dtype=object)


def _flow_model(
    world: World,
    stage: Stage,
    keys: pd.Index[Any],
    repairs: Repairs,
    flow: _Flow,
    ask: Ask | None,
    fresh: Collection[str],
    attempt: int,
    purpose: str,
) -> None:
    values = _recorded(world, stage, keys)
    moved = _any_changed(stage, flow)
    wanted = pd.Series(stage.name in fresh, index=keys) | moved
    touched = keys[(wanted & flow.gap.isna()).to_numpy()]
    flow.values[stage.name], flow.changed[stage.name] = values, pd.Series(False, index=keys)
    flow.answers[stage.name] = {}
    if not len(touched):
        return
    bodies = {key: _request_of(world, stage, key, flow, is_moved=bool(moved.loc[key])) for key in touched}
    _note_gap(flow, [key for key, body in bodies.items() if body is None], Gap.REQUEST_NOT_RECORDED)
    if ask is None:
        _note_gap(flow, [key for key, body in bodies.items() if body is not None], Gap.ENDPOINT_UNREACHABLE)
        return
    calls = [
        ModelCall(key=str(key), body=body, attempt=attempt, purpose=purpose)
        for key, body in bodies.items()
        if body is not None
    ]
    asked = [key for key, body in bodies.items() if body is not None]
    answers = dict(zip(asked, ask(stage, calls), strict=True))
    flow.answers[stage.name] = answers
    for key, answer in answers.items():
        if answer.http_status in _REQUEST_REFUSED:
            flow.refused.add(key)
        if not answer.is_ok:
            _note_gap(flow, [key], Gap.BUDGET_SPENT if answer.status == "budget" else Gap.ENDPOINT_UNREACHABLE)
    answered = {key: answer for key, answer in answers.items() if answer.is_ok}
    if answered:
        rows = _answer_rows(stage, values, answered, is_text=stage.name in world.text_responses)
        # The same answer again changes nothing further on, also where a stage there has no reference.
        differs = [key for key in rows.index if not _same_answer(values, rows, key)]
        flow.values[stage.name] = _replace_rows(values, rows)
        flow.changed[stage.name] = pd.Series(keys.isin(differs), index=keys)


def _request_of(world: World, stage: Stage, key: Any, flow: _Flow, *, is_moved: bool) -> str | None:
    """Return the body to send: as it was recorded, or as the changed input makes it; None if there is none."""
    assert stage.request is not None
    if not is_moved:
        own = flow.values[stage.name].at[key, stage.request]
        return None if is_null(own) else own if isinstance(own, str) else canonical_json(own)
    for name in stage.input:
        source = world.pipeline.stage(name)
        column = source.request or stage.request
        values = flow.values[name]
        if column in values.columns and not is_null(values.at[key, column]):
            body = values.at[key, column]
            return body if isinstance(body, str) else canonical_json(body)
    return None


def _answer_rows(
    stage: Stage, values: pd.DataFrame, answers: Mapping[Any, ModelAnswer], *, is_text: bool
) -> pd.DataFrame:
    """Return the model's rows with the new answers in the place of the recorded ones."""
    assert stage.response is not None
    rows = values.loc[list(answers)].astype(object)
    rows[stage.response] = [
        answer.text if is_text or answer.body is None else answer.body for answer in answers.values()
    ]
    for column, name in ((stage.finish_reason, "finish_reason"), (stage.model, "model")):
        if column:
            rows[column] = [getattr(answer, name) for answer in answers.values()]
    # An answer was read when it came: to read it again here would ask what form this column has.
    given = answers.values()
    return assign_answers(
        rows, stage, [one.text for one in given], [one.finish_reason for one in given], [one.model for one in given]
    )


def _same_answer(values: pd.DataFrame, rows: pd.DataFrame, key: Any) -> bool:
    """Return whether the model said the same again; an answer that cannot be read is the same as none."""
    if ANSWER not in values.columns or isinstance(values.at[key, ANSWER], Unknown):
        return False
    return loose_text(parse_json(values.at[key, ANSWER])) == loose_text(parse_json(rows.at[key, ANSWER]))


def _any_changed(stage: Stage, flow: _Flow) -> pd.Series[bool]:
    changed = flow.changed[stage.input[0]]
    for name in stage.input[1:]:
        changed = changed | flow.changed[name]
    return changed


def _note_gap(flow: _Flow, keys: Collection[Any], gap: Gap) -> None:
    for key in keys:
        if is_null(flow.gap.at[key]):
            flow.gap.at[key] = gap


def _replace_rows(values: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the values with the columns of `rows` in their place for its records."""
    if not len(rows):
        return values
    result = values.astype(object)
    for column in rows.columns:
        if column not in result.columns:
            result[column] = pd.Series([None] * len(result), index=result.index, dtype=object)
        result.loc[rows.index, column] = rows[column].astype(object)
    return result
