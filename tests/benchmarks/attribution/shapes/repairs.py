"""Two models in one graph: the first names the kind of damage, the second says what is paid; the kind has a truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attribution.damage import edit, half, mojibake, of_model, of_prompt, of_seam, order, recode, swap, swap_day_month
from attribution.model import Facts, FaultKind, Payload, Shape, Stage, Task
from attribution.references import repairs as reference
from attribution.shapes.triage import number

NOTES = {
    "water": ("a leak below the sink", "das Bad ist überschwemmt"),
    "fire": ("flames in the kitchen", "Rauch im Flur, Gardinen verkohlt"),
    "storm": ("the roof came off", "ein Baum ist umgestürzt"),
}
_MARKS = {
    "leak": "water",
    "überschwemmt": "water",
    "flames": "fire",
    "verkohlt": "fire",
    "roof": "storm",
    "umgestürzt": "storm",
}
KINDS = ("water", "fire", "storm")
_RATES = {"water": 0.5, "fire": 0.8, "storm": 0.65}


def draw(rng: Any) -> dict[str, Payload]:
    kind = rng.choice(KINDS)
    return {
        "intake": {
            "note": f"House {rng.randrange(1, 400)}: {rng.choice(NOTES[kind])}",
            "cents": rng.randrange(10_000, 900_000),
            "tier": rng.choice("GB"),
            "built_on": f"{rng.randrange(1990, 2025)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
            "color": rng.choice(("red", "white", "grey")),
        }
    }


def right_kind(facts: Facts) -> Payload:
    note = facts.get("note", "").lower()
    return {"kind": next((kind for mark, kind in _MARKS.items() if mark in note), "none")}


def used_kind(facts: Facts) -> tuple[Any, ...]:
    return (" ".join(facts.get("note", "").lower().split()),)


def spoil_kind(answer: Payload, which: int) -> Payload:
    others = [kind for kind in KINDS if kind != answer["kind"]]
    return {"kind": others[which % len(others)]}


def right_pay(facts: Facts) -> Payload:
    rate = _RATES.get(facts.get("kind", "").lower(), 0.0) + (0.1 if facts.get("tier", "").lower() == "gold" else 0.0)
    is_new = facts.get("built_on", "0000-00")[5:7] <= "06"
    return {"pay": round(number(facts.get("euros")) * rate, 2), "rule": "a" if is_new else "b"}


def used_pay(facts: Facts) -> tuple[Any, ...]:
    return (*(facts.get(name, "").lower() for name in ("kind", "tier", "built_on")), number(facts.get("euros")))


def spoil_pay(answer: Payload, which: int) -> Payload:
    if which % 3 == 2:
        return {**answer, "rule": "b" if answer["rule"] == "a" else "a"}
    return {**answer, "pay": round(answer["pay"] + 100 * (1 + which % 3), 2)}


def truth(sources: Mapping[str, Payload]) -> Payload:
    form = reference.to_form(sources["intake"])
    kind = right_kind({"note": form["note"]})["kind"]
    facts = {"kind": kind, **{name: str(form[name]) for name in ("euros", "tier", "built_on")}}
    return {**reference.to_payment({"answer": json.dumps(right_pay(facts))}), "label": kind}


_BEFORE: dict[str, Any] = {"stage": "form", "responsibility": "integration"}
_BETWEEN: dict[str, Any] = {"stage": "kind", "responsibility": "integration", "where": "between"}
_BEHIND: dict[str, Any] = {"stage": "payment", "responsibility": "integration", "where": "behind"}
_SINK: dict[str, Any] = {"stage": "ledger", "responsibility": "integration", "where": "sink"}
_SOURCE: dict[str, Any] = {"stage": "intake", "where": "source", "responsibility": "source_data"}

SHAPE = Shape(
    name="repairs",
    stages=(
        Stage(name="intake", kind="source"),
        Stage(name="form", kind="mapping", inputs=("intake",), make=reference.to_form, reference="repairs:to_form"),
        Stage(
            name="ask_kind",
            kind="prompt",
            inputs=("form",),
            make=lambda form: {"body": reference.to_kind_prompt(form)},
            reference="repairs:to_kind_prompt",
        ),
        Stage(
            name="kind_model",
            kind="model",
            inputs=("ask_kind",),
            task=Task(
                right=right_kind,
                spoil=spoil_kind,
                used=used_kind,
                segment=lambda facts: "house 1" in facts.get("note", "").lower(),
            ),
        ),
        Stage(name="kind", kind="mapping", inputs=("kind_model",), make=reference.to_kind, reference="repairs:to_kind"),
        Stage(
            name="ask_pay",
            kind="prompt",
            inputs=("kind", "form"),
            make=lambda kind, form: {"body": reference.to_pay_prompt(kind, form)},
            reference="repairs:to_pay_prompt",
        ),
        Stage(
            name="pay_model",
            kind="model",
            inputs=("ask_pay",),
            protocol="json",
            task=Task(
                right=right_pay,
                spoil=spoil_pay,
                used=used_pay,
                segment=lambda facts: facts.get("tier", "").lower() == "gold",
            ),
        ),
        Stage(
            name="payment",
            kind="mapping",
            inputs=("pay_model",),
            make=reference.to_payment,
            reference="repairs:to_payment",
        ),
        Stage(name="ledger", kind="sink", inputs=("payment",), make=dict),
    ),
    draw=draw,
    truth=truth,
    compare={"amount": {"column": "amount", "how": "number", "tolerance": 0.005}, "rule": {"column": "rule"}},
    mapping_file="repairs.py",
    suites={
        "intake": [{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "tier", "value_set": ["G", "B"]}}]
    },
    stage_truths={"kind": {"label": "label"}},
    faults=(
        FaultKind(name="code_table", fields=("tier",), damage=recode("tier", {"gold": "blue"}), **_BEFORE),
        FaultKind(name="unit", fields=("euros",), damage=edit("euros", lambda x: round(x * 100, 2)), **_BEFORE),
        FaultKind(name="date_swap", fields=("built_on",), damage=edit("built_on", swap_day_month), **_BEFORE),
        FaultKind(name="fields_swapped", fields=("tier", "color"), damage=swap("tier", "color"), **_BEFORE),
        FaultKind(name="text_truncated", fields=("note",), damage=edit("note", half), **_BEFORE),
        FaultKind(name="encoding", fields=("note",), damage=edit("note", mojibake), **_BEFORE),
        *of_seam("form"),
        *of_prompt("ask_kind", "note", ("note", "color")),
        *of_prompt("ask_pay", "tier", ("built_on", "tier")),
        *of_model("kind_model", prefix="kind_"),
        *of_model("pay_model", prefix="pay_"),
        FaultKind(
            name="labels_mapped_wrongly", fields=("label",), damage=recode("label", {"storm": "water"}), **_BETWEEN
        ),
        FaultKind(name="label_dropped", fields=("label",), damage=edit("label", lambda _: None), **_BETWEEN),
        FaultKind(
            name="result_unit", fields=("amount",), damage=edit("amount", lambda x: round(x / 100, 4)), **_BEHIND
        ),
        FaultKind(
            name="codes_mapped_wrongly", fields=("rule",), damage=recode("rule", {"A": "B", "B": "A"}), **_BEHIND
        ),
        FaultKind(name="field_dropped", fields=("amount",), damage=edit("amount", lambda _: None), **_BEHIND),
        FaultKind(name="sink_overwrites", fields=("rule",), damage=edit("rule", lambda _: "A"), **_SINK),
        FaultKind(name="sink_lost", damage=lambda *_: None, is_preempting=True, **_SINK),
        FaultKind(name="source_bad_value", fields=("tier",), damage=edit("tier", lambda _: "?"), **_SOURCE),
        FaultKind(
            name="source_corrected",
            fields=("cents",),
            damage=edit("cents", lambda x: x + 50_000),
            is_corrected=True,
            **_SOURCE,
        ),
        FaultKind(
            name="adversarial",
            stage="intake",
            where="adversarial",
            responsibility="adversarial_input",
            fields=("note",),
            damage=order("note"),
        ),
        FaultKind(name="harmless_format", damage=edit("tier", lambda x: f" {x.title()} "), is_harmless=True, **_BEFORE),
        FaultKind(name="harmless_unused", damage=edit("color", lambda _: "?"), is_harmless=True, **_BEFORE),
    ),
)
