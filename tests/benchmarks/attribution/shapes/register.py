"""Alerts go to teams: a model assigns them, and for some customers a contract does; both write into one register."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attribution.damage import edit, half, mojibake, of_model, of_prompt, of_seam, order, recode, swap, swap_day_month
from attribution.model import Context, Facts, FaultKind, Payload, Shape, Stage, Task
from attribution.references import register as reference
from attribution.shapes.triage import number

SYSTEMS = {"oracle": "db", "shop": "web", "router": "net", "postfix": "mail"}
TEAMS = ("db", "web", "net", "mail", "desk")
CONTRACTS = ("T7", "T8", "T9")


def draw(rng: Any) -> dict[str, Payload]:
    return {
        "alerts": {
            "system": rng.choice(("Oracle", "Shop", "Router", "Postfix")),
            "permille": rng.randrange(1, 1000),
            "since": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
            "zone": rng.choice(("a", "b", "c")),
            "message": rng.choice(("no answer since the night", "slow answers", "überlastet", "Störung gemeldet")),
        },
        "contracts": {"plan": rng.choice(("vip", "basic", "basic", "basic")), "desk": rng.choice(CONTRACTS)},
    }


def right(facts: Facts) -> Payload:
    team = SYSTEMS.get(facts.get("system", "").lower(), "desk")
    if "störung" in facts.get("message", "").lower():
        team = "desk"
    load, day = number(facts.get("load")), facts.get("since", "9999-99-99")[8:10]
    return {"team": team, "risk": 0.8 if load > 0.7 or day <= "10" else 0.2}


def used(facts: Facts) -> tuple[Any, ...]:
    texts = (" ".join(facts.get(name, "").lower().split()) for name in ("system", "since", "message"))
    return (*texts, number(facts.get("load")))


def spoil(answer: Payload, which: int) -> Payload:
    if which % 4 == 3:
        return {**answer, "risk": round(1.0 - answer["risk"], 2)}
    others = [team for team in TEAMS if team != answer["team"]]
    return {**answer, "team": others[which % len(others)]}


def truth(sources: Mapping[str, Payload]) -> Payload:
    facts = {name: str(value) for name, value in reference.to_features(sources["alerts"]).items()}
    assignment = reference.to_assignment({"answer": json.dumps(right(facts))})
    return reference.to_register(assignment, reference.to_override(sources["contracts"]))


def second_path_wins(payload: Payload, context: Context) -> Payload:
    """Write the contract's desk for everybody, as if each had one."""
    return {**payload, "team": context.sources["contracts"]["desk"]}


_BEFORE: dict[str, Any] = {"stage": "features", "responsibility": "integration"}
_BEHIND: dict[str, Any] = {"stage": "assignment", "responsibility": "integration", "where": "behind"}
_SECOND: dict[str, Any] = {"stage": "override", "responsibility": "integration", "where": "behind"}
_SINK: dict[str, Any] = {"stage": "register", "responsibility": "integration", "where": "sink"}
_SOURCE: dict[str, Any] = {"stage": "alerts", "where": "source", "responsibility": "source_data"}

SHAPE = Shape(
    name="register",
    stages=(
        Stage(name="alerts", kind="source"),
        Stage(name="contracts", kind="source"),
        Stage(
            name="features",
            kind="mapping",
            inputs=("alerts",),
            make=reference.to_features,
            reference="register:to_features",
        ),
        Stage(
            name="prompt",
            kind="prompt",
            inputs=("features",),
            make=lambda features: {"body": reference.to_prompt(features)},
            reference="register:to_prompt",
        ),
        Stage(
            name="alert_model",
            kind="model",
            inputs=("prompt",),
            protocol="json",
            task=Task(
                right=right,
                spoil=spoil,
                used=used,
                segment=lambda facts: facts.get("system", "").lower() in ("oracle", "shop"),
            ),
        ),
        Stage(
            name="assignment",
            kind="mapping",
            inputs=("alert_model",),
            make=reference.to_assignment,
            reference="register:to_assignment",
        ),
        Stage(
            name="override",
            kind="mapping",
            inputs=("contracts",),
            make=reference.to_override,
            reference="register:to_override",
        ),
        Stage(
            name="register",
            kind="sink",
            inputs=("assignment", "override"),
            make=reference.to_register,
            reference="register:to_register",
        ),
    ),
    draw=draw,
    truth=truth,
    compare={"team": {"column": "team"}, "urgency": {"column": "urgency"}},
    mapping_file="register.py",
    suites={
        "alerts": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "permille", "min_value": 0, "max_value": 1000},
            }
        ]
    },
    faults=(
        FaultKind(
            name="code_table",
            fields=("system",),
            damage=recode("system", {"oracle": "shop", "router": "rt"}),
            **_BEFORE,
        ),
        FaultKind(name="unit", fields=("load",), damage=edit("load", lambda x: round(x / 1000, 6)), **_BEFORE),
        FaultKind(name="date_swap", fields=("since",), damage=edit("since", swap_day_month), **_BEFORE),
        FaultKind(name="fields_swapped", fields=("system", "zone"), damage=swap("system", "zone"), **_BEFORE),
        FaultKind(name="default_value", fields=("load",), damage=edit("load", lambda _: 0.0), **_BEFORE),
        FaultKind(name="text_truncated", fields=("message",), damage=edit("message", half), **_BEFORE),
        FaultKind(name="encoding", fields=("message",), damage=edit("message", mojibake), **_BEFORE),
        *of_seam("features"),
        *of_prompt("prompt", "system", ("since", "message")),
        *of_model("alert_model"),
        FaultKind(
            name="codes_mapped_wrongly", fields=("team",), damage=recode("team", {"T1": "T2", "T2": "T1"}), **_BEHIND
        ),
        FaultKind(name="threshold", fields=("urgency",), damage=edit("urgency", lambda _: "P3"), **_BEHIND),
        FaultKind(name="field_dropped", fields=("team",), damage=edit("team", lambda _: None), **_BEHIND),
        FaultKind(name="result_swapped", fields=("team", "urgency"), damage=swap("team", "urgency"), **_BEHIND),
        FaultKind(
            name="second_path_codes",
            fields=("fixed",),
            damage=recode("fixed", {"T7": "T8", "T8": "T9", "T9": "T7"}),
            **_SECOND,
        ),
        FaultKind(name="second_path_silent", fields=("fixed",), damage=edit("fixed", lambda _: "none"), **_SECOND),
        FaultKind(name="second_path_wins", fields=("team",), damage=second_path_wins, **_SINK),
        FaultKind(name="sink_overwrites", fields=("urgency",), damage=edit("urgency", lambda _: "P2"), **_SINK),
        FaultKind(name="sink_lost", damage=lambda *_: None, is_preempting=True, **_SINK),
        FaultKind(name="source_bad_value", fields=("permille",), damage=edit("permille", lambda _: -1), **_SOURCE),
        FaultKind(
            name="source_corrected",
            fields=("system",),
            damage=recode("system", {"Oracle": "Shop", "Shop": "Router", "Router": "Oracle"}),
            is_corrected=True,
            **_SOURCE,
        ),
        FaultKind(
            name="adversarial",
            stage="alerts",
            where="adversarial",
            responsibility="adversarial_input",
            fields=("message",),
            damage=order("message"),
        ),
        FaultKind(
            name="harmless_format", damage=edit("system", lambda x: f" {x.title()} "), is_harmless=True, **_BEFORE
        ),
        FaultKind(name="harmless_unused", damage=edit("zone", lambda _: "?"), is_harmless=True, **_BEFORE),
    ),
)
