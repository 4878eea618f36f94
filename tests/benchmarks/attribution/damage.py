"""Ways to damage a payload, to be put together into the faults of a pipeline."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from attribution.model import ORDER, Context, Damage, FaultKind, Payload, changed, degraded, flippier


def edit(name: str, change: Callable[[Any], Any]) -> Damage:
    """Return the damage of one field."""
    return lambda payload, _: {**payload, name: change(payload[name])}


def recode(name: str, table: Mapping[Any, Any]) -> Damage:
    """Return a code table that is out of date for some values."""
    return edit(name, lambda value: table.get(value, value))


def swap(first: str, second: str) -> Damage:
    return lambda payload, _: {**payload, first: payload[second], second: payload[first]}


def swap_day_month(text: Any) -> Any:
    """Return an ISO date with day and month exchanged, where that is a date as well."""
    year, month, day = str(text).split("-")
    return f"{year}-{day}-{month}" if int(day) <= 12 else text


def mojibake(text: Any) -> Any:
    """Return UTF-8 text that was read as Latin-1."""
    return str(text).encode("utf-8").decode("latin-1")


def half(text: Any) -> Any:
    return str(text)[: len(str(text)) // 2]


def cross(payload: Payload, context: Context) -> Payload:
    return dict(context.other)


def stale(payload: Payload, context: Context) -> Payload:
    return dict(context.cached)


def lose(payload: Payload, context: Context) -> None:
    return None


def edit_text(change: Callable[[str], str]) -> Damage:
    """Return the damage of a request's text, wherever the protocol keeps it."""

    def damage(payload: Payload, _: Context) -> Payload:
        body = copy.deepcopy(payload["body"])
        if "messages" in body:
            body["messages"][-1]["content"] = change(body["messages"][-1]["content"])
        else:
            body["input"] = change(body["input"])
        return {**payload, "body": body}

    return damage


def drop_lines(*names: str) -> Callable[[str], str]:
    """Return a template that lacks the lines of some fields."""
    starts = tuple(f"{name}:" for name in names)
    return lambda text: "\n".join(line for line in text.splitlines() if not line.startswith(starts))


def failed_call(status: str) -> Damage:
    return lambda payload, _: {**payload, "answer": None, "status": status, "finish": None}


def cut_answer(payload: Payload, _: Context) -> Payload:
    return {**payload, "answer": (payload["answer"] or "")[:9], "finish": "length"}


def refused(payload: Payload, _: Context) -> Payload:
    return {**payload, "answer": "I cannot help with this request.", "finish": "content_filter"}


def empty(payload: Payload, _: Context) -> Payload:
    return {**payload, "answer": "", "finish": "stop"}


def order(name: str) -> Damage:
    """Return adversarial text at the end of an untrusted field."""
    return lambda payload, context: {**payload, name: f"{payload[name]} {ORDER} {1 + int(context.chance * 3)}."}


def of_model(stage: str, *, prefix: str = "") -> tuple[FaultKind, ...]:
    """Return the faults of a model and its provider."""
    common: dict[str, Any] = {"stage": stage, "where": "model", "responsibility": "model"}
    provider: dict[str, Any] = {
        "stage": stage,
        "where": "provider",
        "responsibility": "provider",
        "is_preempting": True,
    }
    return (
        FaultKind(name=f"{prefix}model_degraded", law=degraded, **common),
        FaultKind(name=f"{prefix}model_changed", law=changed, **common),
        FaultKind(name=f"{prefix}model_flips", law=flippier, **common),
        FaultKind(name=f"{prefix}provider_5xx", damage=failed_call("503"), **provider),
        FaultKind(name=f"{prefix}provider_timeout", damage=failed_call("timeout"), **provider),
        FaultKind(name=f"{prefix}provider_length", damage=cut_answer, **provider),
        FaultKind(name=f"{prefix}provider_refusal", damage=refused, **provider),
        FaultKind(name=f"{prefix}provider_empty", damage=empty, **provider),
    )


def of_seam(stage: str) -> tuple[FaultKind, ...]:
    """Return what can happen to whole records at a stage that is no source and no model."""
    common: dict[str, Any] = {"stage": stage, "responsibility": "integration"}
    return (
        FaultKind(name=f"{stage}_crossed", damage=cross, **common),
        FaultKind(name=f"{stage}_stale", damage=stale, **common),
        FaultKind(name=f"{stage}_lost", damage=lose, is_preempting=True, **common),
    )


def of_prompt(stage: str, missing: str, old: tuple[str, ...]) -> tuple[FaultKind, ...]:
    """Return the faults of a prompt: a field is missing, an old template lacks some, the text is cut."""
    common: dict[str, Any] = {"stage": stage, "where": "prompt", "responsibility": "integration", "fields": ("body",)}
    return (
        FaultKind(name=f"{stage}_field_missing", damage=edit_text(drop_lines(missing)), **common),
        FaultKind(name=f"{stage}_old_template", damage=edit_text(drop_lines(*old)), **common),
        FaultKind(name=f"{stage}_truncated", damage=edit_text(half), **common),
    )


def as_text(answer: Payload) -> str:
    return json.dumps(answer)
