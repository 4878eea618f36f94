"""Two sources fan in to a form, a retrieval adds the policy, a model decides, and the decision uses the form again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attribution.damage import edit, half, mojibake, of_model, of_prompt, of_seam, order, recode, swap, swap_day_month
from attribution.model import Facts, FaultKind, Payload, Shape, Stage, Task
from attribution.references import claims as reference
from attribution.shapes.triage import number

EVENTS = ("a leak from above", "flames in the kitchen", "a broken window")
PLACES = ("Köln", "Paris", "Málaga", "Turin")
DECISIONS = ("pay", "reject", "inspect")


def draw(rng: Any) -> dict[str, Payload]:
    return {
        "intake": {
            "event": f"In {rng.choice(PLACES)}: {rng.choice(EVENTS)}, damage to the {rng.choice(('café', 'flat'))}",
            "cents": rng.randrange(1_000, 900_000),
            "lost_on": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
        },
        "customers": {"tier": rng.choice(("Gold", "Blue")), "country": rng.choice(("DE", "FR", "ES", "IT"))},
    }


def right(facts: Facts) -> Payload:
    peril, _, tier = facts.get("policy", "").partition("-")
    rate = {"water": 0.5, "fire": 0.8}.get(peril, 0.1) + (0.1 if tier == "gold" == facts.get("tier") else 0.0)
    euros = number(facts.get("euros"))
    is_old = facts.get("lost_on", "0000-00")[5:7] <= "03"
    decision = "reject" if is_old else "inspect" if euros > 5_000 or "café" in facts.get("event", "") else "pay"
    return {"decision": decision, "rate": round(rate, 2)}


def used(facts: Facts) -> tuple[Any, ...]:
    names = ("policy", "tier", "lost_on", "event")
    return (*(" ".join(facts.get(name, "").lower().split()) for name in names), number(facts.get("euros")))


def spoil(answer: Payload, which: int) -> Payload:
    if which % 3 == 2:
        return {**answer, "rate": round(1.0 - answer["rate"] + 0.03, 2)}
    others = [decision for decision in DECISIONS if decision != answer["decision"]]
    return {**answer, "decision": others[which % 2]}


def truth(sources: Mapping[str, Payload]) -> Payload:
    form = reference.to_form(sources["intake"], sources["customers"])
    facts = {name: str(value) for name, value in form.items()}
    facts["policy"] = json.loads(reference.to_lookup(form)["docs"])[0]
    return reference.to_decision({"answer": json.dumps(right(facts))}, form)


_BEFORE: dict[str, Any] = {"stage": "form", "responsibility": "integration"}
_BEHIND: dict[str, Any] = {"stage": "decision", "responsibility": "integration", "where": "behind"}
_SINK: dict[str, Any] = {"stage": "payouts", "responsibility": "integration", "where": "sink"}

SHAPE = Shape(
    name="claims",
    stages=(
        Stage(name="intake", kind="source"),
        Stage(name="customers", kind="source"),
        Stage(
            name="form",
            kind="mapping",
            inputs=("intake", "customers"),
            make=reference.to_form,
            reference="claims:to_form",
        ),
        Stage(
            name="lookup", kind="retrieval", inputs=("form",), make=reference.to_lookup, reference="claims:to_lookup"
        ),
        Stage(
            name="prompt",
            kind="prompt",
            inputs=("form", "lookup"),
            make=lambda form, lookup: {"body": reference.to_prompt(form, lookup)},
            reference="claims:to_prompt",
        ),
        Stage(
            name="claims_model",
            kind="model",
            inputs=("prompt",),
            protocol="anthropic_messages",
            task=Task(
                right=right, spoil=spoil, used=used, segment=lambda facts: facts.get("tier", "").lower() == "gold"
            ),
        ),
        Stage(
            name="decision",
            kind="mapping",
            inputs=("claims_model", "form"),
            make=reference.to_decision,
            reference="claims:to_decision",
        ),
        Stage(name="payouts", kind="sink", inputs=("decision",), make=dict),
    ),
    draw=draw,
    truth=truth,
    compare={"decision": {"column": "decision"}, "amount": {"column": "amount", "how": "number", "tolerance": 0.005}},
    mapping_file="claims.py",
    suites={
        "customers": [
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "tier", "value_set": ["Gold", "Blue"]}}
        ]
    },
    faults=(
        FaultKind(name="code_table", fields=("tier",), damage=recode("tier", {"gold": "blue"}), **_BEFORE),
        FaultKind(name="unit", fields=("euros",), damage=edit("euros", lambda x: round(x * 100, 2)), **_BEFORE),
        FaultKind(name="date_swap", fields=("lost_on",), damage=edit("lost_on", swap_day_month), **_BEFORE),
        FaultKind(name="fields_swapped", fields=("tier", "country"), damage=swap("tier", "country"), **_BEFORE),
        FaultKind(name="default_value", fields=("tier",), damage=edit("tier", lambda _: "none"), **_BEFORE),
        FaultKind(name="text_truncated", fields=("event",), damage=edit("event", half), **_BEFORE),
        FaultKind(name="encoding", fields=("event",), damage=edit("event", mojibake), **_BEFORE),
        *of_seam("form"),
        *of_prompt("prompt", "euros", ("lost_on", "policy")),
        *of_model("claims_model"),
        FaultKind(
            name="codes_mapped_wrongly",
            fields=("decision",),
            damage=recode("decision", {"pay": "inspect", "inspect": "pay"}),
            **_BEHIND,
        ),
        FaultKind(name="rounding", fields=("amount",), damage=edit("amount", lambda x: float(round(x, -2))), **_BEHIND),
        FaultKind(name="field_dropped", fields=("amount",), damage=edit("amount", lambda _: None), **_BEHIND),
        FaultKind(name="sink_overwrites", fields=("amount",), damage=edit("amount", lambda _: 0.0), **_SINK),
        FaultKind(name="sink_lost", damage=lambda *_: None, is_preempting=True, **_SINK),
        FaultKind(
            name="source_bad_value",
            stage="customers",
            where="source",
            responsibility="source_data",
            fields=("tier",),
            damage=edit("tier", lambda _: "n/a"),
        ),
        FaultKind(
            name="source_corrected",
            stage="intake",
            where="source",
            responsibility="source_data",
            fields=("event",),
            damage=edit("event", lambda text: text.replace("leak", "flames")),
            is_corrected=True,
        ),
        FaultKind(
            name="adversarial",
            stage="intake",
            where="adversarial",
            responsibility="adversarial_input",
            fields=("event",),
            damage=order("event"),
        ),
        FaultKind(name="harmless_format", damage=edit("lost_on", lambda x: f" {x} "), is_harmless=True, **_BEFORE),
        FaultKind(name="harmless_unused", damage=edit("country", lambda _: "??"), is_harmless=True, **_BEFORE),
    ),
)
