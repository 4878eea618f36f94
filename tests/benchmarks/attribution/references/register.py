"""The references of the benchmark's pipeline whose sink is written by two paths."""

import json

TEAMS = {"db": "T1", "web": "T2", "net": "T3", "mail": "T4", "desk": "T5"}


def to_features(alerts: dict) -> dict:
    return {
        "system": alerts["system"].lower(),
        "load": round(alerts["permille"] / 1000, 3),
        "since": alerts["since"],
        "zone": alerts["zone"],
        "message": alerts["message"].strip(),
    }


def to_prompt(features: dict) -> dict:
    return {"input": "\n".join(f"{name}: {features[name]}" for name in ("system", "load", "since", "zone", "message"))}


def to_assignment(alert_model: dict) -> dict:
    try:
        answer = json.loads(alert_model["answer"])
        return {"team": TEAMS[answer["team"]], "urgency": "P1" if answer["risk"] >= 0.5 else "P3"}
    except (TypeError, ValueError, KeyError):
        return {"team": "T0", "urgency": "P3"}


def to_override(contracts: dict) -> dict:
    return {"fixed": contracts["desk"] if contracts["plan"] == "vip" else "none", "plan": contracts["plan"]}


def to_register(assignment: dict, override: dict) -> dict:
    team = assignment["team"] if override["fixed"] == "none" else override["fixed"]
    return {"team": team, "urgency": assignment["urgency"]}
