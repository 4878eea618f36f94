"""The references of the benchmark's classification chain."""

import json

CODES = {"net": "Q1", "mob": "Q2", "fin": "Q3", "fraud": "Q4", "retention": "Q5", "misc": "Q6"}


def to_prompt(request: dict) -> dict:
    lines = [f"{name}: {request[name]}" for name in ("product", "amount", "opened", "region", "text")]
    return {"model": "triage-1", "messages": [{"role": "user", "content": "\n".join(lines)}], "temperature": 0}


def to_result(call: dict) -> dict:
    try:
        answer = json.loads(call["answer"])
        return {"queue": CODES[answer["queue"]], "priority": "high" if answer["score"] >= 0.6 else "low"}
    except (TypeError, ValueError, KeyError):
        return {"queue": "Q0", "priority": "low"}
