"""The references of the benchmark's pipeline with two sources and a retrieval."""

import json


def to_form(intake: dict, customers: dict) -> dict:
    return {
        "event": intake["event"].strip(),
        "lost_on": intake["lost_on"],
        "euros": round(intake["cents"] / 100, 2),
        "tier": customers["tier"].lower(),
        "country": customers["country"],
    }


def to_lookup(form: dict) -> dict:
    peril = "water" if "leak" in form["event"] else "fire" if "flames" in form["event"] else "other"
    return {"docs": json.dumps([f"{peril}-{form['tier']}"])}


def to_prompt(form: dict, lookup: dict) -> dict:
    lines = [f"{name}: {form[name]}" for name in ("tier", "euros", "lost_on", "country", "event")]
    lines.append(f"policy: {json.loads(lookup['docs'])[0]}")
    return {"model": "claims-1", "max_tokens": 100, "messages": [{"role": "user", "content": "\n".join(lines)}]}


def to_decision(claims_model: dict, form: dict) -> dict:
    try:
        answer = json.loads(claims_model["answer"])
        return {"decision": answer["decision"], "amount": round(form["euros"] * answer["rate"], 2)}
    except (TypeError, ValueError, KeyError):
        return {"decision": "manual", "amount": 0.0}
