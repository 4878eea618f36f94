"""Rules between the stages of a pipeline file, on the document as it was written.

They work on plain dicts, so that these mistakes are told beside those of single fields, before any type is made.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from seamwatch.spec.evaluation import evaluator_fields
from seamwatch.spec.graph import find_cycle
from seamwatch.vocabulary import StageKind

MOST = {"stages": 200, "slos": 200, "segments": 200, "evaluators": 200}
"""Entries of a list that every other entry is compared with; a pipeline that people understand has a tenth of them."""
_MOST_FIELDS = 1000
"""`stage.field`s of one file that are looked up."""
_MOST_CHARS = 500
"""Of the known names that a message lists."""


def with_default_columns(stages: list[Any]) -> list[Any]:
    """Let a model without `request` and `response` have columns of these names, shared with a prompt of its table."""
    found = [dict(stage) if isinstance(stage, dict) else stage for stage in stages]
    named = {stage.get("name"): stage for stage in found if isinstance(stage, dict)}
    for stage in named.values():
        if stage.get("kind") != StageKind.MODEL:
            continue
        before = [named[name] for name in _inputs(stage) if name in named]
        prompts = [s for s in before if s.get("kind") == StageKind.PROMPT]
        given = stage.get("request") or next((p["request"] for p in prompts if p.get("request")), "request")
        stage.setdefault("request", given)
        stage.setdefault("response", "response")
        for prompt in prompts:
            if prompt.get("table") is not None and prompt.get("table") == stage.get("table"):
                prompt.setdefault("request", given)
    return found


def with_default_actions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Let a pipeline whose knowledge base defines `reindex` have the action `reindex`."""
    bases, actions = data.get("knowledge_bases"), data.get("actions", {})
    known = bases.values() if isinstance(bases, Mapping) else ()
    has_hook = any(isinstance(one, Mapping) and one.get("reindex") is not None for one in known)
    if not has_hook or not isinstance(actions, Mapping) or "reindex" in actions:
        return dict(data)
    return {**data, "actions": {**actions, "reindex": {"kind": "reindex"}}}


def graph_problems(data: Mapping[str, Any]) -> list[tuple[tuple[Hashable, ...], str]]:
    """Return what is wrong between the stages of a pipeline file, as (path in the file, text).

    Works on the raw document too, so that these mistakes are told beside those of single fields.
    """
    for part, most in MOST.items():
        if len(_list(data.get(part))) > most:
            return [((part,), f"{len(data[part])} are too many for one pipeline; write at most {most}")]
    data = with_default_inputs(data)
    stages = [stage if isinstance(stage, Mapping) else {} for stage in _list(data.get("stages"))]
    names = [str(stage.get("name")) for stage in stages]
    found: list[tuple[tuple[Hashable, ...], str]] = []
    for number, stage in enumerate(stages):
        if names[number] in names[:number]:
            found.append((("stages", number, "name"), f"stage {names[number]!r} is defined twice"))
        found += [(("stages", number, *loc), text) for loc, text in _stage_problems(stage, number, names)]
        found += [(("stages", number, *loc), text) for loc, text in _knowledge_problems(stage, data)]
    if stages and stages[0].get("kind") != StageKind.SOURCE:
        text = f"the first stage must be a source; {names[0]!r} is of kind {stages[0].get('kind')}"
        found.append((("stages", 0, "kind"), text))
    known = _listed(names)
    inputs = {name: [i for i in _inputs(stage) if i in names] for name, stage in zip(names, stages, strict=True)}
    # A name that stands twice would look like a cycle that nobody wrote.
    if len(inputs) == len(names) and (cycle := find_cycle(inputs)):
        found.append((("stages",), f"the stages form a cycle: {' -> '.join(cycle)}; stages must be acyclic"))
    outcome = data.get("outcome")
    judged = outcome.get("stage") if isinstance(outcome, Mapping) else None
    if judged is not None and judged not in names:
        found.append((("outcome", "stage"), f"unknown stage {judged!r}; known: {known}"))
    for loc, field in islice(stage_fields(data), _MOST_FIELDS):
        stage_name, _, name = str(field).partition(".")
        if not name or stage_name not in names:
            found.append((loc, f"{str(field)[:_MOST_CHARS]!r} must be stage.field with a known stage; known: {known}"))
    return found + _objective_problems(data, names) + _evaluator_problems(data)


def stage_fields(data: Mapping[str, Any]) -> Iterator[tuple[tuple[Hashable, ...], Any]]:
    """Yield everything in a pipeline file that names a `stage.field`, with its place."""
    places: list[tuple[Hashable, ...]] = [
        ("segments",),
        ("bundle", "redact"),
        ("review", "show"),
        ("monitoring", "cost", "sources"),
        ("monitoring", "drift", "ignore"),
        ("monitoring", "injection", "fields"),
        ("monitoring", "injection", "data_fields"),
        ("monitoring", "injection", "request_fields"),
        ("monitoring", "latency", "ttft"),
    ]
    for place in places:
        value: Any = data
        for part in place:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            yield place, value
        for number, field in enumerate(_list(value)):
            yield (*place, number), field
    for number, evaluator in enumerate(_list(data.get("evaluators"))):
        if isinstance(evaluator, Mapping):
            for inner, field in evaluator_fields(evaluator):
                yield ("evaluators", number, *inner), field


def _objective_problems(data: Mapping[str, Any], stages: list[str]) -> list[tuple[tuple[Hashable, ...], str]]:
    """Return what is wrong between objectives, and between them and what they name."""
    found: list[tuple[tuple[Hashable, ...], str]] = []
    bases = data.get("knowledge_bases")
    known_bases = list(bases) if isinstance(bases, Mapping) else []
    seen: set[str] = set()
    for number, one in enumerate(_list(data.get("slos"))):
        if not isinstance(one, Mapping):
            continue
        kind, stage, base = one.get("kind"), one.get("stage"), one.get("knowledge_base")
        name = str(one.get("name") or kind)
        if name in seen:
            text = f"two objectives are called {name!r}; give each a name of its own"
            found.append((("slos", number, "name" if one.get("name") else "kind"), text))
        seen.add(name)
        if kind == "freshness" and base is not None and base not in known_bases:
            text = f"unknown knowledge base {base!r}; known: {_listed(known_bases) or 'none'}"
            found.append((("slos", number, "knowledge_base"), text))
        if kind in ("latency", "accuracy") and stage not in (None, "final", *stages):
            found.append((("slos", number, "stage"), f"unknown stage {stage!r}; known: {_listed(stages)}"))
        if kind == "accuracy" and data.get("outcome") is None:
            text = "without an outcome no answer can be called wrong; define one"
            found.append((("slos", number, "kind"), text))
    return found


def _evaluator_problems(data: Mapping[str, Any]) -> list[tuple[tuple[Hashable, ...], str]]:
    """Return the evaluators that have the name of one before them."""
    found: list[tuple[tuple[Hashable, ...], str]] = []
    seen: set[str] = set()
    for number, one in enumerate(_list(data.get("evaluators"))):
        if isinstance(one, Mapping):
            name = str(one.get("name") or one.get("kind"))
            if name in seen:
                text = f"two evaluators are called {name[:_MOST_CHARS]!r}; give each a name of its own"
                found.append((("evaluators", number, "name" if one.get("name") else "kind"), text))
            seen.add(name)
    return found


def _stage_problems(stage: Mapping[str, Any], number: int, names: list[str]) -> list[tuple[tuple[Hashable, ...], str]]:
    name, inputs, is_source = names[number], _inputs(stage), stage.get("kind") == StageKind.SOURCE
    found: list[tuple[tuple[Hashable, ...], str]] = [
        (("input",), f"unknown input {unknown!r}; known: {_listed(n for n in names if n != name)}")
        for unknown in inputs
        if unknown not in names
    ]
    if is_source and inputs:
        found.append((("input",), f"source {name!r} has an input; a source has none"))
    if not is_source and not inputs and ("input" in stage or number == 0):
        found.append((("input",), f"stage {name!r} has no input; name the stages that it is made from"))
    return found


def _knowledge_problems(stage: Mapping[str, Any], data: Mapping[str, Any]) -> list[tuple[tuple[Hashable, ...], str]]:
    """Return what is wrong between a stage and the knowledge base that it names."""
    name, known = stage.get("knowledge_base"), data.get("knowledge_bases") or {}
    if name is None or not isinstance(known, Mapping):
        return []
    if stage.get("kind") != StageKind.RETRIEVAL:
        text = f"stage {stage.get('name')!r} is of kind {stage.get('kind')}; only a retrieval serves a knowledge base"
        return [(("knowledge_base",), text)]
    if name not in known:
        text = f"unknown knowledge base {name!r}; known: {_listed(known) or 'none; define it under knowledge_bases'}"
        return [(("knowledge_base",), text)]
    if stage.get("documents") is None:
        text = f"retrieval {stage.get('name')!r} names no column of served document ids; name it with 'documents'"
        return [(("knowledge_base",), text)]
    return []


def with_default_inputs(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document with each stage that is no source and has no `input` made from the one before it."""
    if not isinstance(data.get("stages"), list):
        return data
    stages: list[Any] = []
    for stage in data["stages"]:
        before = stages[-1].get("name") if stages and isinstance(stages[-1], dict) else None
        is_open = isinstance(stage, dict) and "input" not in stage and stage.get("kind") != StageKind.SOURCE
        stages.append({**stage, "input": before} if is_open and before else stage)
    return {**data, "stages": stages}


def _inputs(stage: Mapping[str, Any]) -> list[str]:
    given = stage.get("input") or ()
    return [given] if isinstance(given, str) else [str(name) for name in _list(given)]


def _listed(names: Iterable[Any]) -> str:
    """Return names as text, cut where they are many."""
    text = ", ".join(map(str, names))
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
