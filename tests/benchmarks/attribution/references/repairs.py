"""The references of the benchmark's pipeline with two models."""

import json


def to_form(intake: dict) -> dict:
    return {
        "note": intake["note"].strip(),
        "euros": round(intake["cents"] / 100, 2),
        "tier": {"G": "gold", "B": "blue"}.get(intake["tier"], "none"),
        "built_on": intake["built_on"],
        "color": intake["color"],
    }


def to_kind_prompt(form: dict) -> dict:
    return {
        "model": "kind-1",
        "messages": [{"role": "user", "content": f"note: {form['note']}\ncolor: {form['color']}"}],
    }


def to_kind(kind_model: dict) -> dict:
    try:
        return {"label": json.loads(kind_model["answer"])["kind"]}
    except (TypeError, ValueError, KeyError):
        return {"label": "none"}


def to_pay_prompt(kind: dict, form: dict) -> dict:
    lines = [f"kind: {kind['label']}", *(f"{name}: {form[name]}" for name in ("euros", "tier", "built_on"))]
    return {"input": "\n".join(lines)}


def to_payment(pay_model: dict) -> dict:
    try:
        answer = json.loads(pay_model["answer"])
        return {"amount": float(answer["pay"]), "rule": answer["rule"].upper()}
    except (TypeError, ValueError, KeyError):
        return {"amount": 0.0, "rule": "NONE"}
