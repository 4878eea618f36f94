"""A chain that classifies: tickets are sorted into queues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attribution.damage import (
    edit,
    half,
    mojibake,
    of_model,
    of_prompt,
    of_seam,
    order,
    recode,
    swap,
    swap_day_month,
)
from attribution.model import Facts, FaultKind, Payload, Shape, Stage, Task
from attribution.references import triage as reference

PRODUCTS = {"A": "router", "B": "phone", "C": "bill", "D": "fibre"}
QUEUES = ("net", "mob", "fin", "fraud", "retention", "misc")
SUBJECTS = ("The screen stays dark since", "I was charged twice,", "It drops every evening,", "Please help me,")
WISHES = ("ich möchte kündigen", "thanks for a quick reply", "es ist schön so", "please call me back")

FIELD_MAP = """\
fields:
  product: {from: code, lookup: {A: router, B: phone, C: bill, D: fibre}, default: other}
  amount: {from: cents, cast: number, scale: 0.01, round: 2}
  opened: {from: opened}
  region: {from: region}
  text: {from: text}
"""


def draw(rng: Any) -> dict[str, Payload]:
    ticket = {
        "code": rng.choice("ABCD"),
        "cents": rng.randrange(100, 80_000),
        "opened": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
        "region": rng.choice(("north", "south", "east", "west")),
        "text": f"{rng.choice(SUBJECTS)} {rng.choice(WISHES)}",
    }
    return {"tickets": ticket}


def to_request(ticket: Payload) -> Payload:
    return {
        "product": PRODUCTS.get(ticket["code"], "other"),
        "amount": round(ticket["cents"] * 0.01, 2),
        "opened": ticket["opened"],
        "region": ticket["region"],
        "text": ticket["text"],
    }


def number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def right(facts: Facts) -> Payload:
    queue = {"router": "net", "fibre": "net", "phone": "mob", "bill": "fin"}.get(
        facts.get("product", "").lower(), "misc"
    )
    if "kündigen" in facts.get("text", ""):
        queue = "retention"
    if number(facts.get("amount")) > 500:
        queue = "fraud"
    is_early = facts.get("opened", "9999-99-99")[8:10] <= "12"
    return {"queue": queue, "score": 0.9 if is_early or number(facts.get("amount")) > 400 else 0.3}


def used(facts: Facts) -> tuple[Any, ...]:
    return (
        facts.get("product", "").lower(),
        number(facts.get("amount")),
        facts.get("opened"),
        " ".join(facts.get("text", "").lower().split()),
    )


def spoil(answer: Payload, which: int) -> Payload:
    others = [queue for queue in QUEUES if queue != answer["queue"]]
    return {**answer, "queue": others[which % len(others)]}


def truth(sources: Mapping[str, Payload]) -> Payload:
    facts = {name: str(value) for name, value in to_request(sources["tickets"]).items()}
    return reference.to_result({"answer": json.dumps(right(facts))})


_BEFORE: dict[str, Any] = {"stage": "request", "responsibility": "integration"}
_BEHIND: dict[str, Any] = {"stage": "result", "responsibility": "integration", "where": "behind"}
_SINK: dict[str, Any] = {"stage": "routing", "responsibility": "integration", "where": "sink"}
_SOURCE: dict[str, Any] = {"stage": "tickets", "where": "source", "responsibility": "source_data"}

SHAPE = Shape(
    name="triage",
    stages=(
        Stage(name="tickets", kind="source"),
        Stage(name="request", kind="mapping", inputs=("tickets",), make=to_request, reference="triage_request.yaml"),
        Stage(
            name="prompt",
            kind="prompt",
            inputs=("request",),
            make=lambda request: {"body": reference.to_prompt(request)},
            reference="triage:to_prompt",
        ),
        Stage(
            name="triage_model",
            kind="model",
            inputs=("prompt",),
            task=Task(
                right=right, spoil=spoil, used=used, segment=lambda facts: facts.get("product", "").lower() != "bill"
            ),
        ),
        Stage(
            name="result",
            kind="mapping",
            inputs=("triage_model",),
            make=reference.to_result,
            reference="triage:to_result",
        ),
        Stage(name="routing", kind="sink", inputs=("result",), make=dict),
    ),
    draw=draw,
    truth=truth,
    compare={"queue": {"column": "queue"}, "priority": {"column": "priority"}},
    mapping_file="triage.py",
    field_maps={"triage_request.yaml": FIELD_MAP},
    suites={
        "tickets": [
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "code", "value_set": list("ABCD")}},
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "cents", "min_value": 1, "max_value": 10_000_000},
            },
        ]
    },
    faults=(
        FaultKind(
            name="code_table",
            fields=("product",),
            damage=recode("product", {"phone": "bill", "fibre": "bill"}),
            **_BEFORE,
        ),
        FaultKind(name="unit", fields=("amount",), damage=edit("amount", lambda x: round(x * 100, 2)), **_BEFORE),
        FaultKind(name="date_swap", fields=("opened",), damage=edit("opened", swap_day_month), **_BEFORE),
        FaultKind(name="fields_swapped", fields=("product", "region"), damage=swap("product", "region"), **_BEFORE),
        FaultKind(name="default_value", fields=("product",), damage=edit("product", lambda _: "other"), **_BEFORE),
        FaultKind(name="text_truncated", fields=("text",), damage=edit("text", half), **_BEFORE),
        FaultKind(name="encoding", fields=("text",), damage=edit("text", mojibake), **_BEFORE),
        *of_seam("request"),
        *of_prompt("prompt", "amount", ("opened", "text")),
        *of_model("triage_model"),
        FaultKind(
            name="codes_mapped_wrongly", fields=("queue",), damage=recode("queue", {"Q1": "Q2", "Q5": "Q6"}), **_BEHIND
        ),
        FaultKind(
            name="threshold",
            fields=("priority",),
            damage=edit("priority", lambda value: "low"),
            **_BEHIND,
        ),
        FaultKind(name="field_dropped", fields=("queue",), damage=edit("queue", lambda _: None), **_BEHIND),
        FaultKind(name="result_swapped", fields=("queue", "priority"), damage=swap("queue", "priority"), **_BEHIND),
        FaultKind(name="result_crossed", damage=lambda _, context: dict(context.other), **_BEHIND),
        FaultKind(name="sink_overwrites", fields=("queue",), damage=edit("queue", lambda _: "Q1"), **_SINK),
        FaultKind(name="sink_lost", damage=lambda *_: None, is_preempting=True, **_SINK),
        FaultKind(name="source_bad_value", fields=("code",), damage=edit("code", lambda _: "??"), **_SOURCE),
        FaultKind(
            name="source_corrected",
            fields=("code",),
            damage=recode("code", {"A": "C", "B": "C", "C": "A", "D": "B"}),
            is_corrected=True,
            **_SOURCE,
        ),
        FaultKind(
            name="adversarial",
            stage="tickets",
            where="adversarial",
            responsibility="adversarial_input",
            fields=("text",),
            damage=order("text"),
        ),
        FaultKind(
            name="harmless_format", damage=edit("product", lambda x: f" {x.upper()} "), is_harmless=True, **_BEFORE
        ),
        FaultKind(name="harmless_unused", damage=edit("region", lambda _: "unknown"), is_harmless=True, **_BEFORE),
    ),
)
